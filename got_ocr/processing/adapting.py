"""A processor for a model, whatever the caller has: our own, the port's, or a bare tokenizer of any GOT layout."""

from typing import Any

from ..configuration.config import GotOcrConfig
from .image_processor import GotOcrImageProcessor
from .processor import GotOcrProcessor

ADVICE = "give what AutoProcessor.from_pretrained(FOLDER) or AutoTokenizer.from_pretrained(FOLDER) returns"


def adapt_processor(given: Any, config: GotOcrConfig) -> GotOcrProcessor:
    """Make the processor that fits a model of what a caller gave.

    Args:
        given: :class:`GotOcrProcessor`, also another copy of this code's; any processor that holds a GOT tokenizer,
            such as `GotOcr2Processor` of transformers' port; or a tokenizer.
        config: The model's.

    Returns:
        A processor with our modes. Of a foreign one only the tokenizer is used: the model says the pictures' size and
        how many tokens they become.

    Raises:
        TypeError: If it is neither processor nor tokenizer.
        ValueError: If it belongs to another checkpoint.
    """
    is_own = isinstance(given, GotOcrProcessor) or type(given).__name__ == GotOcrProcessor.__name__
    if is_own:
        _check(given, config)
        processor: GotOcrProcessor = given
        return processor
    tokenizer = getattr(given, "tokenizer", given)
    if isinstance(given, str) or not hasattr(tokenizer, "convert_tokens_to_ids") or not hasattr(tokenizer, "encode"):
        what = f"the name {given!r}" if isinstance(given, str) else f"{type(given).__name__}, which has no tokenizer"
        raise TypeError(f"a processor or tokenizer is needed, got {what}: {ADVICE}.")
    image_processor = GotOcrImageProcessor(size=config.vision_config.image_size)
    made = GotOcrProcessor(
        image_processor,
        tokenizer,
        image_token_len=config.image_token_len,
        default_instruction=config.default_instruction,
    )
    _check(made, config)
    return made


def _check(processor: GotOcrProcessor, config: GotOcrConfig) -> None:
    """Refuse a processor that would make inputs for another model."""
    pairs = {
        "the id of <imgpad>": (processor.image_token_id, config.im_patch_token),
        "image_token_len": (processor.image_token_len, config.image_token_len),
        "the size of pictures": (processor.image_processor.size, config.vision_config.image_size),
    }
    for name, (theirs, ours) in pairs.items():
        if theirs != ours:
            raise ValueError(
                f"the processor belongs to another checkpoint: {name} is {theirs}, the model's is {ours}: {ADVICE} "
                "for the folder that the model is from."
            )
