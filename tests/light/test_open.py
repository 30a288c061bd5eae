"""Which checkpoints numpy reads, that it needs no torch, and that pages come out as torch reads them."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file

from got_ocr import BUILTIN_CHECKPOINT, GotOcrForConditionalGeneration, GotOcrProcessor
from got_ocr.hub.errors import ModelError
from got_ocr.hub.model_choice import ModelChoice, load_model_for
from got_ocr.light import LightModel, open_light
from got_ocr.processing.mode import Mode
from tests.support.processes import ENVIRONMENT, ROOT

SAMPLE = ROOT / "examples" / "images" / "sample_page.png"
WITHOUT_TORCH = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "transformers"):
            raise ImportError(name + " is not to be imported")

sys.meta_path.insert(0, Blocker())
"""


def change(folder: Path, name: str, **fields: Any) -> None:
    path = folder / name
    found = json.loads(path.read_text())
    found |= fields
    path.write_text(json.dumps({key: value for key, value in found.items() if value is not ...}))


def change_tower(folder: Path, **fields: Any) -> None:
    vision = json.loads((folder / "config.json").read_text())["vision_config"]
    change(folder, "config.json", vision_config={**vision, **fields})


def change_weights(folder: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    weights = load_file(folder / "model.safetensors")
    edit(weights)
    save_file(weights, folder / "model.safetensors")


UNFIT: dict[str, Callable[[Path], Any]] = {
    "no slices": lambda folder: change(folder, "config.json", slicing=None),
    "another type": lambda folder: change(folder, "config.json", model_type="got_ocr2"),
    "another activation": lambda folder: change(folder, "config.json", hidden_act="gelu"),
    "an output layer of its own": lambda folder: change(folder, "config.json", tie_word_embeddings=False),
    "fewer heads of keys": lambda folder: change(folder, "config.json", num_key_value_heads=2),
    "stretched positions": lambda folder: change(
        folder, "config.json", rope_parameters={"rope_type": "linear", "factor": 2.0, "rope_theta": 1e4}
    ),
    "an instruction of its own": lambda folder: change(folder, "config.json", default_instruction="Chart to table"),
    "quantised": lambda folder: change(folder, "config.json", quantization_config={"bits": 4}),
    "a width left out": lambda folder: change(folder, "config.json", hidden_size=...),
    "a width that is text": lambda folder: change(folder, "config.json", hidden_size="40"),
    "several ends": lambda folder: change(folder, "config.json", eos_token_id=[410, 411]),
    "relative positions": lambda folder: change_tower(folder, use_rel_pos=True),
    "no windows": lambda folder: change_tower(folder, window_size=0),
    "windows that don't divide it": lambda folder: change_tower(folder, window_size=3),
    "broken JSON": lambda folder: (folder / "config.json").write_text("{"),
    "no weights": lambda folder: (folder / "model.safetensors").unlink(),
    "no vocabulary": lambda folder: (folder / "qwen.tiktoken").unlink(),
    "a damaged vocabulary": lambda folder: (folder / "qwen.tiktoken").write_text("no ranks"),
    "damaged weights": lambda folder: (folder / "model.safetensors").write_bytes(b"no weights"),
    "a weight left out": lambda folder: change_weights(folder, lambda weights: weights.pop("model.norm.weight")),
    "half precision": lambda folder: change_weights(
        folder, lambda weights: weights.update({name: one.astype(np.float16) for name, one in weights.items()})
    ),
    "not a number": lambda folder: change_weights(
        folder, lambda weights: weights["model.norm.weight"].__setitem__(0, np.nan)
    ),
    "another size": lambda folder: change(
        folder, "processor_config.json", image_processor={"size": 64, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    ),
}


def test_a_fitting_checkpoint_opens(light_checkpoint: Path) -> None:
    assert isinstance(open_light(light_checkpoint), LightModel)
    assert isinstance(open_light(BUILTIN_CHECKPOINT), LightModel)


@pytest.mark.parametrize("reason", UNFIT)
def test_what_numpy_does_not_compute_is_left_to_torch(reason: str, light_checkpoint: Path, tmp_path: Path) -> None:
    shutil.copytree(light_checkpoint, tmp_path / "copy")
    UNFIT[reason](tmp_path / "copy")

    assert open_light(tmp_path / "copy") is None
    with pytest.raises(ModelError, match=r"numpy can't read .*: leave --engine out"):
        load_model_for(ModelChoice(str(tmp_path / "copy"), ""), Mode(), engine="numpy")


def test_a_folder_that_is_none() -> None:
    assert open_light("stepfun-ai/GOT-OCR2_0") is None


@pytest.mark.parametrize(
    ("options", "mode"),
    [
        ({"engine": "torch"}, Mode()),
        ({"dtype": "bfloat16"}, Mode()),
        ({}, Mode(slice_pages=False)),
    ],
)
def test_torch_reads_what_numpy_is_not_for(options: dict[str, Any], mode: Mode, light_checkpoint: Path) -> None:
    model, processor = load_model_for(ModelChoice(str(light_checkpoint), ""), mode, **options)

    assert isinstance(model, GotOcrForConditionalGeneration)
    assert processor is not None
    light, _ = load_model_for(ModelChoice(str(light_checkpoint), ""), Mode())
    assert isinstance(light, LightModel)


def test_whole_pictures_are_refused_with_what_reads_them(light_checkpoint: Path) -> None:
    model = open_light(light_checkpoint)
    assert model is not None
    with pytest.raises(ValueError, match="GotOcrForConditionalGeneration"):
        model.read(None, Image.new("RGB", (60, 60), "white"), slice_pages=False)


@pytest.mark.parametrize("mode", [Mode(), Mode("format"), Mode(box=(0, 0, 700, 400)), Mode(multi_page=True)])
def test_the_built_in_model_reads_a_page_as_with_torch(mode: Mode) -> None:
    page = Image.open(SAMPLE).convert("RGB")
    network = GotOcrForConditionalGeneration.from_pretrained(BUILTIN_CHECKPOINT).eval()
    light = open_light(BUILTIN_CHECKPOINT)
    assert light is not None
    images = [[page, page]] if mode.multi_page else [page]
    (expected,) = network.read(GotOcrProcessor.from_pretrained(BUILTIN_CHECKPOINT), images, mode=mode)
    pieces: list[str] = []
    (found,) = light.read(None, images, mode=mode, on_text=pieces.append)

    assert found.text == expected.text == "".join(pieces)
    assert len(found.text) > 200
    assert [(line.text, line.box, line.block) for line in found.lines] == [
        (line.text, line.box, line.block) for line in expected.lines
    ]
    assert [line.min_probability for line in found.lines] == pytest.approx(
        [line.min_probability for line in expected.lines], abs=1e-3
    )
    assert (found.num_tokens, found.rotations, found.unread) == (
        expected.num_tokens,
        expected.rotations,
        expected.unread,
    )


def test_the_command_line_reads_without_torch(tmp_path: Path) -> None:
    program = WITHOUT_TORCH + "from got_ocr.cli import main; sys.exit(main())"
    arguments = [sys.executable, "-c", program, "--model", "nano", "--quiet", str(SAMPLE)]
    done = subprocess.run(arguments, env=ENVIRONMENT, capture_output=True, text=True, timeout=300, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("The Lamp Room")
