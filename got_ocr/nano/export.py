"""Write a checkpoint that anybody can load from a state of the training.

    python -m got_ocr.nano.export runs/nano/state.pt got_ocr/assets/nano

The grey patch embedding is folded into one for CLIP-normalised colour, exactly. Files are replaced one by one, each at
a stroke, so that a reader never sees half of one.
"""

import argparse
import json
import logging
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig

from got_ocr.configuration.config import GotOcrConfig
from got_ocr.nano.network import fold_grey_into_rgb
from got_ocr.nano.trainer import PATCH_EMBEDDING, weights_of
from got_ocr.processing.image_processor import GotOcrImageProcessor
from got_ocr.processing.processor import GotOcrProcessor
from got_ocr.processing.tokenizer import VOCABULARY_FILE, GotOcrTokenizer
from got_ocr.reading.model import GotOcrForConditionalGeneration
from got_ocr.training.failures import check_finite_weights

logger = logging.getLogger(__name__)

TRAINING_CONFIG = Path("configuration/nano/training.json")
GENERATION_CONFIG = Path("configuration/nano/generation_config.json")


def colour_model(state: dict[str, Any], config_fields: dict[str, Any]) -> GotOcrForConditionalGeneration:
    """Build the model that reads colour pictures from grey training weights.

    Args:
        state: the training model's state dictionary.
        config_fields: of the training model, with a one-channel tower.

    Returns:
        The model in float32.
    """
    vision = {**config_fields["vision_config"], "num_channels": 3}
    model = GotOcrForConditionalGeneration(GotOcrConfig(**{**config_fields, "vision_config": vision}))
    weight, bias = fold_grey_into_rgb(state[f"{PATCH_EMBEDDING}.weight"], state[f"{PATCH_EMBEDDING}.bias"])
    model.load_state_dict({**state, f"{PATCH_EMBEDDING}.weight": weight, f"{PATCH_EMBEDDING}.bias": bias})
    model.eval()
    return model


def export(state_file: Path, destination: Path) -> None:
    """Write everything that `from_pretrained` reads.

    Args:
        state_file: of a training run.
        destination: folder that holds the vocabulary; its other files are left alone.
    """
    state = torch.load(state_file, weights_only=True, mmap=True)
    weights = weights_of(state)
    check_finite_weights(weights, str(state_file), "export an earlier state")
    model = colour_model(weights, json.loads(TRAINING_CONFIG.read_text(encoding="utf-8")))
    model.generation_config = GenerationConfig.from_pretrained(GENERATION_CONFIG.parent, GENERATION_CONFIG.name)
    with tempfile.TemporaryDirectory(dir=destination.parent) as temporary:
        model.save_pretrained(temporary)
        tokenizer = GotOcrTokenizer(destination / VOCABULARY_FILE)
        image_processor = GotOcrImageProcessor(size=model.config.vision_config.image_size)
        GotOcrProcessor(image_processor, tokenizer, model.config.image_token_len).save_pretrained(temporary)
        for file in sorted(Path(temporary).glob("*")):
            if file.suffix in (".json", ".safetensors"):
                file.chmod(0o644)
                file.replace(destination / file.name)
    logger.info("%s: step %d of the training in %s", destination, state["step"], state_file)


def main() -> int:
    """Run the command.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog="python -m got_ocr.nano.export", description="Export the nano checkpoint.")
    parser.add_argument("state", type=Path, help="the run's state.pt")
    parser.add_argument("destination", type=Path, help="folder of the checkpoint")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    export(options.state, options.destination)
    return 0


if __name__ == "__main__":
    sys.exit(main())
