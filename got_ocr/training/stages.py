"""The model that a stage trains, and which of its parts.

| stage | vision tower | projector | decoder |
|---|---|---|---|
| 1 | trained | trained | trained: a small one |
| 2 | trained | trained | trained |
| 3 | frozen | frozen | trained |
| lora | adapters where named | adapter where named | adapters where named |

Stage 3 is the paper's "decoder only" (arXiv 2409.01704). Reading boxes and colours was trained in it; a tower that has
never seen coloured frames wants `train_vision_tower: true` there, and `train_projector: true` with it.
"""

import importlib.util
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from got_ocr.configuration.config import GotOcrConfig
from got_ocr.processing.checkpoint_files import load_tokenizer
from got_ocr.processing.image_processor import GotOcrImageProcessor
from got_ocr.processing.processor import GotOcrProcessor
from got_ocr.reading.model import GotOcrForConditionalGeneration
from got_ocr.training.config import ModelSettings, TrainingConfig
from got_ocr.training.joining import decoder_fields, load_decoder, put_decoder, put_tower, read_tower_config, token_ids

logger = logging.getLogger(__name__)

PARTS = ("vision_tower", "projector", "decoder")
_TRAINED = {1: PARTS, 2: PARTS, 3: ("decoder",)}


@dataclass(frozen=True)
class ParameterCount:
    """Parameters of a part.

    Attributes:
        part: Its name.
        trained: How many are trained.
        frozen: How many are not.
    """

    part: str
    trained: int
    frozen: int


def build_model(config: TrainingConfig) -> tuple[GotOcrForConditionalGeneration, GotOcrProcessor]:
    """Make or load what a run begins with, in float32.

    Args:
        config: The run's.

    Returns:
        The model, every parameter with gradient, and its processor.

    Raises:
        ValueError: If checkpoints and vocabulary do not fit each other; the message says how.
        OSError: If a checkpoint is not there.
    """
    settings = config.model
    check_attention(settings.attention)
    if settings.checkpoint is not None:
        return load_model(settings.checkpoint, settings.attention)
    torch.manual_seed(config.seed)
    model, processor = (_new_model if config.stage == 1 else _joined_model)(settings, config.seed)
    return model.float().train(), processor


def check_attention(attention: str) -> None:
    """Refuse an attention whose package is missing.

    Args:
        attention: The decoder's.

    Raises:
        ValueError: With the way to install it.
    """
    # transformers takes the second where the first is missing: kernels that were compiled, from the Hub.
    if attention == "flash_attention_2" and not any(map(importlib.util.find_spec, ("flash_attn", "kernels"))):
        raise ValueError(
            "model.attention: flash_attention_2 needs flash-attn, which is compiled for the torch that is installed: "
            "pip install flash-attn --no-build-isolation; or pip install kernels, which fetches it compiled. Both are "
            "for GPUs: else give model.attention: sdpa."
        )


def load_model(checkpoint: str, attention: str) -> tuple[GotOcrForConditionalGeneration, GotOcrProcessor]:
    """Load a whole model in float32, the precision in which optimisers move weights.

    Args:
        checkpoint: Folder or Hub id, of any published layout.
        attention: The decoder's attention.

    Returns:
        The model and its processor.
    """
    model = GotOcrForConditionalGeneration.from_pretrained(
        checkpoint, dtype=torch.float32, attn_implementation=attention
    )
    return model.train(), GotOcrProcessor.from_pretrained(checkpoint)


def _new_model(settings: ModelSettings, seed: int) -> tuple[GotOcrForConditionalGeneration, GotOcrProcessor]:
    """Stage 1: everything new, or with a given tower."""
    fields: dict[str, Any] = {}
    if settings.config is not None:
        fields, _ = GotOcrConfig.get_config_dict(settings.config)
    fields = {**fields, **settings.overrides}
    if settings.tower is not None:
        fields["vision_config"] = read_tower_config(settings.tower).to_dict()
    tokenizer = load_tokenizer(_tokenizer_source(settings, settings.tower, settings.config))
    model = GotOcrForConditionalGeneration(_make_config(fields, tokenizer, settings.attention))
    if settings.tower is not None:
        put_tower(model, settings.tower)
    return model, _make_processor(model, tokenizer)


def _joined_model(settings: ModelSettings, seed: int) -> tuple[GotOcrForConditionalGeneration, GotOcrProcessor]:
    """Stage 2: a given tower, a given decoder, and a new projector between them."""
    if settings.tower is None or settings.decoder is None:
        raise ValueError("stage 2 needs model.tower and model.decoder.")
    tokenizer = load_tokenizer(_tokenizer_source(settings, settings.tower))
    decoder = load_decoder(settings.decoder, tokenizer)
    fields = {**decoder_fields(decoder.config), "vision_config": read_tower_config(settings.tower).to_dict()}
    model = GotOcrForConditionalGeneration(_make_config(fields, tokenizer, settings.attention))
    put_tower(model, settings.tower)
    put_decoder(model, decoder, seed)
    return model, _make_processor(model, tokenizer)


def _tokenizer_source(settings: ModelSettings, *others: str | None) -> str:
    if settings.tokenizer is not None:
        return settings.tokenizer
    for other in others:
        if other is not None:
            return str(Path(other).parent) if Path(other).is_file() else other
    raise ValueError("model.tokenizer is missing: name a folder that holds qwen.tiktoken.")


def _make_config(fields: dict[str, Any], tokenizer: Any, attention: str) -> GotOcrConfig:
    """A configuration whose vocabulary is the tokenizer's."""
    ignored = ("architectures", "auto_map", "custom_pipelines", "dtype", "torch_dtype", "transformers_version")
    known = {name: value for name, value in fields.items() if name not in (*ignored, "model_type", "image_token_len")}
    allowed = GotOcrConfig().to_dict()
    unknown = [name for name in known if name not in allowed]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no field of the model's configuration; see configuration/README.md.")
    config = GotOcrConfig(**{**known, **token_ids(tokenizer)})
    config._attn_implementation = attention
    return config


def _make_processor(model: GotOcrForConditionalGeneration, tokenizer: Any) -> GotOcrProcessor:
    image_processor = GotOcrImageProcessor(size=model.config.vision_config.image_size)
    return GotOcrProcessor(image_processor, tokenizer, image_token_len=model.config.image_token_len)


def freeze(model: GotOcrForConditionalGeneration, config: TrainingConfig) -> None:
    """Switch the gradient of each part on or off, as the stage and the switches say.

    Args:
        model: The model, without adapters.
        config: The run's, of stage 1, 2 or 3.

    Raises:
        ValueError: If nothing would be trained.
    """
    switches = {part: getattr(config, f"train_{part}") for part in PARTS}
    of_stage = _TRAINED[config.stage]  # type: ignore[index]
    trained = {part: part in of_stage if switch is None else switch for part, switch in switches.items()}
    if not any(trained.values()):
        raise ValueError(f"nothing is trained: switch on one of {', '.join(f'train_{part}' for part in PARTS)}.")
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(trained[part_of(name)])


def part_of(name: str) -> str:
    """Tell to which part of the model a parameter belongs.

    Args:
        name: The parameter's, with peft's additions or without.

    Returns:
        One of PARTS.
    """
    if "vision_tower_high." in name:
        return "vision_tower"
    return "projector" if "mm_projector_vary." in name else "decoder"


def count_parameters(model: nn.Module) -> list[ParameterCount]:
    """Count the parameters of each part, tied ones once.

    Args:
        model: The model, with adapters or without.

    Returns:
        One count a part, in the order of PARTS.
    """
    trained, frozen = dict.fromkeys(PARTS, 0), dict.fromkeys(PARTS, 0)
    for name, parameter in model.named_parameters():
        counts = trained if parameter.requires_grad else frozen
        counts[part_of(name)] += parameter.numel()
    return [ParameterCount(part, trained[part], frozen[part]) for part in PARTS]
