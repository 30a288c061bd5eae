"""The configurations that ship, and reading every form that config.json has in the wild."""

import json
from pathlib import Path

import pytest

from got_ocr.configuration.config import GotOcrConfig, flatten_port_config
from got_ocr.processing.image_processor import GotOcrImageProcessor

CONFIGURATION = Path(__file__).resolve().parents[2] / "configuration"
PUBLISHED = CONFIGURATION / "got-ocr2"
# The original's config.json as got.md describes it: flat, without a word on the tower.
ORIGINAL = {
    "architectures": ["GOTQwenForCausalLM"],
    "auto_map": {"AutoConfig": "modeling_GOT.GOTConfig", "AutoModel": "modeling_GOT.GOTQwenForCausalLM"},
    "model_type": "GOT",
    "eos_token_id": 151643,
    "hidden_size": 1024,
    "image_token_len": 256,
    "im_start_token": 151857,
    "im_end_token": 151858,
    "im_patch_token": 151859,
    "rope_theta": 1000000.0,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.37.2",
    "vocab_size": 151860,
}


def fields_of(config: GotOcrConfig) -> dict:
    """What decides the model, of a configuration."""
    keys = json.loads((PUBLISHED / "config.json").read_text(encoding="utf-8"))
    values = config.to_dict()
    chosen = {key: values[key] for key in keys if key not in ("architectures", "vision_config")}
    return chosen | {"vision_config": {key: values["vision_config"][key] for key in keys["vision_config"]}}


def test_the_published_configuration_is_the_default() -> None:
    assert fields_of(GotOcrConfig.from_pretrained(PUBLISHED)) == fields_of(GotOcrConfig())
    written = json.loads((PUBLISHED / "config.json").read_text(encoding="utf-8"))
    assert {key: value for key, value in written.items() if key != "architectures"} == fields_of(GotOcrConfig())


def test_the_published_preprocessor_is_the_default() -> None:
    written = json.loads((PUBLISHED / "preprocessor_config.json").read_text(encoding="utf-8"))
    defaults = GotOcrImageProcessor().to_dict()
    assert {key: defaults[key] for key in written} == written


def test_the_originals_configuration_is_valid_as_it_is() -> None:
    config = GotOcrConfig.from_dict(dict(ORIGINAL))
    assert fields_of(config) == fields_of(GotOcrConfig())
    assert config.stop_token_ids == [151643, 151645], "the turn's end is not declared there"
    assert config.vision_config.num_image_tokens == 256


def test_the_ports_configuration_is_flattened() -> None:
    port = {
        "model_type": "got_ocr2",
        "image_token_index": 151859,
        "text_config": {"model_type": "qwen2", "hidden_size": 1024, "vocab_size": 151860, "rope_theta": 1000000.0},
        "vision_config": {"model_type": "", "output_channels": 256, "initializer_range": 1e-10},
    }
    before = json.dumps(port)
    assert fields_of(GotOcrConfig.from_dict(port)) == fields_of(GotOcrConfig())
    assert json.dumps(port) == before, "the caller's dictionary stays"
    small = flatten_port_config({**port, "vision_config": {"output_channels": 24}, "text_config": {"hidden_size": 40}})
    assert small["vision_config"]["compressor_channels"] == [48, 40]


@pytest.mark.parametrize("rope_parameters", [None, {"rope_theta": 5e5, "rope_type": "default"}])
def test_saved_and_loaded_it_is_the_same(rope_parameters: dict | None, tmp_path: Path) -> None:
    options = {} if rope_parameters is None else {"rope_parameters": rope_parameters}
    config = GotOcrConfig(num_hidden_layers=2, slicing={"rows": 2}, **options)
    config.save_pretrained(tmp_path)
    again = GotOcrConfig.from_pretrained(tmp_path)
    assert again.to_dict() == config.to_dict()
    theta = 1e6 if rope_parameters is None else 5e5
    assert json.loads((tmp_path / "config.json").read_text())["rope_theta"] == theta, "where transformers 4 looks"
