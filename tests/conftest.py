"""What most tests need: a tiny model with random weights, the built-in vocabulary, no network."""

import os
from importlib.util import find_spec
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
if "PYTEST_XDIST_WORKER" in os.environ:  # a process a core: threads would only wait for one another
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch

if find_spec("hypothesis"):  # a run is judged by the change alone; HYPOTHESIS_PROFILE=random seeks new cases
    from hypothesis import settings

    settings.register_profile("same", derandomize=True)
    settings.register_profile("random", print_blob=True)
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

from got_ocr.configuration.config import GotOcrConfig
from got_ocr.processing.image_processor import GotOcrImageProcessor
from got_ocr.processing.processor import GotOcrProcessor
from got_ocr.processing.tokenizer import SPECIAL_TOKENS, GotOcrTokenizer
from got_ocr.reading.model import GotOcrForConditionalGeneration


@pytest.fixture(scope="session")
def nano_vocabulary() -> Path:
    """The built-in rank file."""
    return Path(__file__).resolve().parent.parent / "got_ocr" / "assets" / "nano" / "qwen.tiktoken"


@pytest.fixture(scope="session")
def tiny_tokenizer(nano_vocabulary: Path) -> GotOcrTokenizer:
    return GotOcrTokenizer(nano_vocabulary)


@pytest.fixture(scope="session")
def tiny_config(tiny_tokenizer: GotOcrTokenizer) -> GotOcrConfig:
    """128 pixels, 4 image tokens, one windowed and one global block, two decoder layers."""
    ids = tiny_tokenizer.special_ids
    return GotOcrConfig(
        vision_config={
            "image_size": 128,
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "mlp_dim": 64,
            "window_size": 3,
            "global_attn_indexes": [1],
            "output_channels": 24,
            "compressor_channels": [48, 40],
        },
        vocab_size=tiny_tokenizer.num_ranks + len(SPECIAL_TOKENS),
        hidden_size=40,
        intermediate_size=80,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=512,
        im_start_token=ids["<img>"],
        im_end_token=ids["</img>"],
        im_patch_token=ids["<imgpad>"],
        turn_end_token_id=ids["<|im_end|>"],
        pad_token_id=ids["<|endoftext|>"],
        bos_token_id=ids["<|endoftext|>"],
        eos_token_id=ids["<|endoftext|>"],
    )


@pytest.fixture(scope="session")
def tiny_model(tiny_config: GotOcrConfig) -> GotOcrForConditionalGeneration:
    """Random weights, every one of them: none at its initial zero or one. Do not change it; copy it."""
    torch.manual_seed(0)
    model = GotOcrForConditionalGeneration(tiny_config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return model


@pytest.fixture(scope="session")
def tiny_processor(tiny_config: GotOcrConfig, tiny_tokenizer: GotOcrTokenizer) -> GotOcrProcessor:
    image_processor = GotOcrImageProcessor(size=tiny_config.vision_config.image_size)
    return GotOcrProcessor(image_processor, tiny_tokenizer, image_token_len=tiny_config.image_token_len)


@pytest.fixture(scope="session")
def tiny_checkpoint(tiny_model, tiny_processor, tmp_path_factory) -> Path:
    """A saved folder, original layout, processor included. Do not change it; copy it."""
    folder = tmp_path_factory.mktemp("tiny") / "checkpoint"
    tiny_model.save_pretrained(folder)
    tiny_processor.save_pretrained(folder)
    return folder
