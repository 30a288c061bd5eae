"""A small checkpoint with random weights that torch and numpy can both read."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from got_ocr.configuration.config import GotOcrConfig
from got_ocr.processing.processor import GotOcrProcessor
from got_ocr.reading.model import GotOcrForConditionalGeneration

SLICING = {"rows": 1, "keep_natural": False, "canvas_heights_px": [32, 96], "text_height_px": 20.0}


@pytest.fixture(scope="session")
def light_config(tiny_config: GotOcrConfig) -> GotOcrConfig:
    """128 px wide, windows of 4 patches of 8 px, three heights of canvases, one windowed and one global block."""
    fields = tiny_config.to_dict()
    fields["vision_config"] |= {"use_rel_pos": False, "window_size": 4, "patch_size": 8}
    return GotOcrConfig(**{**fields, "image_token_len": None, "slicing": SLICING})


@pytest.fixture(scope="session")
def light_network(light_config: GotOcrConfig) -> GotOcrForConditionalGeneration:
    """Random weights, every one of them: none at its initial zero or one. Do not change it; copy it."""
    torch.manual_seed(3)
    model = GotOcrForConditionalGeneration(light_config)
    model.eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    return model


@pytest.fixture(scope="session")
def light_processor(tiny_processor: GotOcrProcessor, light_config: GotOcrConfig) -> GotOcrProcessor:
    return GotOcrProcessor(
        tiny_processor.image_processor, tiny_processor.tokenizer, image_token_len=light_config.image_token_len
    )


@pytest.fixture(scope="session")
def light_checkpoint(
    light_network: GotOcrForConditionalGeneration, light_processor: GotOcrProcessor, tmp_path_factory: Any
) -> Path:
    """A saved folder. Do not change it; copy it."""
    folder = tmp_path_factory.mktemp("light") / "checkpoint"
    copy.deepcopy(light_network).save_pretrained(folder)
    light_processor.save_pretrained(folder)
    return Path(folder)
