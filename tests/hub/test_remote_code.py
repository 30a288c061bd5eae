"""A process that can't import got_ocr loads what we save, with `trust_remote_code=True`, and reads the same."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from got_ocr import export_for_hub

_READER = """
import json, sys
sys.modules["got_ocr"] = None  # not installed
import torch
from PIL import Image
from safetensors.torch import save_file
from transformers import (
    AutoConfig, AutoImageProcessor, AutoModel, AutoModelForCausalLM, AutoModelForImageTextToText, AutoProcessor,
    AutoTokenizer, pipeline,
)
folder, page, again = sys.argv[1:4]
trust = {"trust_remote_code": True}
result = {}
for auto in (AutoConfig, AutoTokenizer, AutoImageProcessor, AutoProcessor, AutoModelForCausalLM,
             AutoModelForImageTextToText, AutoModel):
    if hasattr(auto, "_backends"):  # a placeholder: some versions of transformers need torchvision
        continue
    loaded = auto.from_pretrained(folder, **trust)
    result[auto.__name__] = f"{type(loaded).__module__.partition('.')[0]}.{type(loaded).__name__}"
model, processor = loaded, AutoProcessor.from_pretrained(folder, **trust)
inputs = processor(Image.open(page), ocr_type="format")
with torch.no_grad():
    save_file({"logits": model(**inputs).logits.contiguous()}, f"{again}.safetensors")
result["chat"] = model.chat(AutoTokenizer.from_pretrained(folder, **trust), page, max_new_tokens=20)
result["crop"] = model.chat_crop(processor, page, max_new_tokens=20)
for task in ("image-to-text", "image-text-to-text"):
    read = pipeline(task, model=folder, **trust)
    result[task] = read(page, max_new_tokens=20)
    result[f"{task} batch"] = read([page, page], ocr_type="format", batch_size=2, max_new_tokens=20)
model.save_pretrained(again)
processor.save_pretrained(again)
second = AutoModel.from_pretrained(again, **trust)
result["second"] = second.chat(AutoProcessor.from_pretrained(again, **trust), page, max_new_tokens=20)
print(json.dumps(result))
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "page.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (120, 300, 3), dtype=np.uint8)).save(path)
    return path


def test_equal_without_got_ocr(tiny_model, tiny_processor, page, tmp_path):
    folder = export_for_hub(tiny_model, tiny_processor, tmp_path / "my-got")
    environment = {**os.environ, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1"}
    environment.pop("PYTHONPATH", None)
    command = [sys.executable, "-c", _READER, str(folder), str(page), str(tmp_path / "again")]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(done.stdout.splitlines()[-1])

    names = {name.partition(".")[2]: name.partition(".")[0] for key, name in result.items() if key.startswith("Auto")}
    assert set(names.values()) == {"transformers_modules"}
    assert names.keys() | {"GotOcrImageProcessor"} == {
        "GotOcrConfig", "GotOcrTokenizer", "GotOcrImageProcessor", "GotOcrProcessor", "GotOcrForConditionalGeneration",
    }  # fmt: skip
    inputs = tiny_processor(Image.open(page), ocr_type="format")
    with torch.no_grad():
        logits = tiny_model(**inputs).logits
    assert torch.equal(load_file(tmp_path / "again.safetensors")["logits"], logits)
    plain = tiny_model.chat(tiny_processor, page, max_new_tokens=20)
    formatted = tiny_model.chat(tiny_processor, page, ocr_type="format", max_new_tokens=20)
    assert result["chat"] == result["second"] == plain
    assert result["crop"] == tiny_model.chat_crop(tiny_processor, page, max_new_tokens=20)
    for task in ("image-to-text", "image-text-to-text"):
        assert result[task] == [{"generated_text": plain}]
        assert result[f"{task} batch"] == [[{"generated_text": formatted}]] * 2
    card = (folder / "README.md").read_text()
    assert card.startswith("---\nlicense: apache-2.0\n") and "widget:" in card
    options = json.loads((folder / "generation_config.json").read_text())
    assert options["max_new_tokens"] == 4096 and options["eos_token_id"] == tiny_model.config.stop_token_ids
    config = json.loads((folder / "config.json").read_text())
    assert config["auto_map"].keys() == {
        "AutoConfig", "AutoModel", "AutoModelForCausalLM", "AutoModelForImageTextToText", "AutoModelForMultimodalLM",
    }  # fmt: skip
    assert config["custom_pipelines"].keys() == {"image-to-text", "image-text-to-text"}
    # What is in memory is as it was.
    assert tiny_model.generation_config.max_new_tokens != 4096
