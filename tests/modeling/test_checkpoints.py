import json
import logging
import shutil
import time

import pytest
import torch
from safetensors.torch import load_file, save_file

from got_ocr import GotOcrForConditionalGeneration, GotOcrModel
from got_ocr.modeling.checkpoint import detect_layout, to_got_name, to_transformers_name
from tests.support.layouts import LAYOUTS, assert_same_weights, published_tensors, write_checkpoint

Model = GotOcrForConditionalGeneration


@pytest.fixture(scope="module")
def folders(tiny_model, tmp_path_factory):
    root = tmp_path_factory.mktemp("layouts")
    return {layout: write_checkpoint(tiny_model, root / layout, layout) for layout in LAYOUTS}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_loads_to_the_bit(layout, folders, tiny_model):
    loaded, info = Model.from_pretrained(folders[layout], output_loading_info=True)

    assert not info["missing_keys"] and not info["unexpected_keys"] and not info["mismatched_keys"]
    assert_same_weights(loaded, tiny_model)
    assert not loaded.training
    assert loaded.lm_head.weight is loaded.model.embed_tokens.weight
    assert loaded.config.model_type == "GOT"
    assert loaded.name_or_path == str(folders[layout])
    assert loaded.config.im_patch_token == tiny_model.config.im_patch_token
    assert loaded.config.stop_token_ids == tiny_model.config.stop_token_ids


@pytest.mark.parametrize("layout", LAYOUTS)
def test_shards_load(layout, tiny_model, tmp_path):
    folder = write_checkpoint(tiny_model, tmp_path, layout, shards=3)

    assert_same_weights(Model.from_pretrained(folder), tiny_model)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_names_and_layout(layout, tiny_model):
    stored = published_tensors(tiny_model, layout)

    assert detect_layout(stored) == layout
    assert {to_got_name(name) for name in stored} | {"lm_head.weight"} == tiny_model.state_dict().keys()


def test_names_of_the_port_are_those_of_its_classes(tiny_model):
    port = published_tensors(tiny_model, "transformers")

    assert {to_transformers_name(name) for name in tiny_model.state_dict()} - {"lm_head.weight"} == port.keys()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_published_call_shape(layout, folders, tiny_model):
    loaded = Model.from_pretrained(
        str(folders[layout]),
        trust_remote_code=True,
        low_cpu_mem_usage=True,
        use_safetensors=True,
        pad_token_id=7,
        attn_implementation="eager",
        dtype=torch.bfloat16,
    )

    assert loaded.config.pad_token_id == 7
    assert loaded.config._attn_implementation == loaded.config.vision_config._attn_implementation == "eager"
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.bfloat16}
    expected = {name: tensor.bfloat16() for name, tensor in tiny_model.state_dict().items()}
    assert_same_weights(loaded, expected)


@pytest.mark.parametrize("layout", ["got", "transformers-4.49"])
def test_device_map(layout, folders, tiny_model):
    pytest.importorskip("accelerate")

    assert_same_weights(Model.from_pretrained(folders[layout], device_map="cpu"), tiny_model)
    assert_same_weights(Model.from_pretrained(folders[layout], device_map="auto"), tiny_model)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_base_model_loads_too(layout, folders, tiny_model):
    assert_same_weights(GotOcrModel.from_pretrained(folders[layout]), tiny_model.model)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_saving_writes_the_original_layout(layout, folders, tiny_model, tmp_path):
    Model.from_pretrained(folders[layout]).save_pretrained(tmp_path)

    saved = load_file(tmp_path / "model.safetensors")
    assert detect_layout(saved) == "got"
    assert saved.keys() == tiny_model.state_dict().keys() - {"lm_head.weight"}
    assert_same_weights(Model.from_pretrained(tmp_path), tiny_model)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["model_type"] == "GOT" and "text_config" not in config


def test_generation_config_of_a_port_is_read(folders, tmp_path):
    folder = shutil.copytree(folders["transformers-4.49"], tmp_path / "port")
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": 412, "max_new_tokens": 11}))

    assert Model.from_pretrained(folder).generation_config.max_new_tokens == 11


def test_a_subfolder_and_a_variant(tiny_model, tmp_path):
    folder = write_checkpoint(tiny_model, tmp_path / "repository" / "inside", "transformers-4.49")
    (folder / "model.safetensors").rename(folder / "model.fp32.safetensors")

    assert_same_weights(Model.from_pretrained(tmp_path / "repository", subfolder="inside", variant="fp32"), tiny_model)


def test_a_hub_cache_is_found_without_a_network(tiny_model, tmp_path):
    repository = tmp_path / "models--stepfun-ai--GOT-OCR-2.0-hf"
    write_checkpoint(tiny_model, repository / "snapshots" / "0123abc", "transformers-4.49")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0123abc")

    loaded = Model.from_pretrained("stepfun-ai/GOT-OCR-2.0-hf", cache_dir=tmp_path, local_files_only=True)

    assert_same_weights(loaded, tiny_model)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_missing_tensors_are_named(layout, folders, tmp_path):
    folder = shutil.copytree(folders[layout], tmp_path / "broken")
    tensors = load_file(folder / "model.safetensors")
    name = next(name for name in tensors if name.endswith("layers.1.mlp.up_proj.weight"))
    del tensors[name]
    save_file(tensors, folder / "model.safetensors")

    with pytest.raises(ValueError, match=r"lacks 1 of the model's .*model\.layers\.1\.mlp\.up_proj\.weight"):
        Model.from_pretrained(folder)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_misshapen_tensors_are_named_with_both_shapes(layout, folders, tmp_path):
    folder = shutil.copytree(folders[layout], tmp_path / "broken")
    config = json.loads((folder / "config.json").read_text())
    (config if layout == "got" else config["text_config"])["intermediate_size"] = 96
    (folder / "config.json").write_text(json.dumps(config))

    with pytest.raises(ValueError, match=r"6 tensors have another shape .*down_proj\.weight is \(40, 80\).*40, 96"):
        Model.from_pretrained(folder)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_unexpected_tensors_are_named(layout, folders, tmp_path, caplog):
    folder = shutil.copytree(folders[layout], tmp_path / "more")
    tensors = load_file(folder / "model.safetensors")
    tensors["model.stray.weight"] = torch.zeros(2)
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})

    with caplog.at_level(logging.WARNING, "got_ocr"):
        Model.from_pretrained(folder)

    assert "1 tensors are of no use: model.stray.weight" in caplog.text


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kept", [0, 5, 1000, -1])
def test_a_truncated_file_is_one_clear_line(layout, kept, folders, tmp_path):
    folder = shutil.copytree(folders[layout], tmp_path / "broken")
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[:kept])

    with pytest.raises(ValueError, match=r"model\.safetensors is truncated or damaged") as raised:
        Model.from_pretrained(folder)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("field", "depth", "message"),
    [
        (
            "num_hidden_layers",
            9_000,
            r"config\.json says num_hidden_layers 9000, but the weights have \d+ tensors in all",
        ),
        ("num_hidden_layers", 10**6, r"num_hidden_layers must be a whole number from 0 to 10000, got 1000000"),
        ("num_hidden_layers", 10**12, r"num_hidden_layers must be a whole number from 0 to 10000"),
        ("vision_config", 10**6, r"vision_config\.num_hidden_layers must be a whole number from 0 to 10000"),
        ("vision_config", 5_000, r"config\.json says vision_config\.num_hidden_layers 5000, but the weights have"),
    ],
)
def test_a_configuration_of_a_million_layers_is_refused_at_once(folders, tmp_path, field, depth, message):
    folder = shutil.copytree(folders["got"], tmp_path / "deep")
    fields = json.loads((folder / "config.json").read_text())
    if field == "vision_config":
        fields[field] = {**fields[field], "num_hidden_layers": depth}
    else:
        fields[field] = depth
        fields.pop("layer_types", None)
    (folder / "config.json").write_text(json.dumps(fields))
    begun = time.process_time()
    with pytest.raises(ValueError, match=message):
        GotOcrForConditionalGeneration.from_pretrained(folder)
    assert time.process_time() - begun < 5


def test_a_missing_shard_is_named(tiny_model, tmp_path):
    folder = write_checkpoint(tiny_model, tmp_path, "got", shards=3)
    (folder / "model-00002-of-00003.safetensors").unlink()

    with pytest.raises(OSError, match=r"model-00002-of-00003\.safetensors"):
        Model.from_pretrained(folder)


def test_a_foreign_checkpoint_is_one_clear_line(tmp_path):
    save_file({"bert.embeddings.word_embeddings.weight": torch.zeros(2, 2)}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')

    with pytest.raises(ValueError, match=r"is not a GOT checkpoint: .*bert\.embeddings\.word_embeddings") as raised:
        Model.from_pretrained(tmp_path)
    assert "\n" not in str(raised.value)


def test_a_folder_without_weights(tmp_path, folders):
    shutil.copy(folders["got"] / "config.json", tmp_path)

    with pytest.raises(OSError, match=r"model\.safetensors"):
        Model.from_pretrained(tmp_path)


def test_a_pickled_checkpoint_with_missing_weights_is_refused(tiny_model, folders, tmp_path):
    shutil.copy(folders["got"] / "config.json", tmp_path)
    tensors = tiny_model.state_dict()
    torch.save(tensors, tmp_path / "pytorch_model.bin")
    assert_same_weights(Model.from_pretrained(tmp_path), tiny_model)

    del tensors["model.norm.weight"]
    torch.save(tensors, tmp_path / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"lacks 1 of the model's tensors: model\.norm\.weight"):
        Model.from_pretrained(tmp_path)
