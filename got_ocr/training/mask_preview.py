"""A sample as the model sees it, for people: the whole conversation, with what is trained marked."""

from itertools import groupby

from got_ocr.processing.processor import GotOcrProcessor
from got_ocr.training.encoding import IGNORED_LABEL, Encoded

TRAINED_MARKS = ("[[", "]]")
TRAINED_COLORS = ("\x1b[1;32m", "\x1b[0m")  # bold green, and back


def mask_preview(encoded: Encoded, processor: GotOcrProcessor, in_color: bool = False) -> str:
    """Show a sample with its loss mask.

    Args:
        encoded: The sample.
        processor: Has the vocabulary.
        in_color: Whether what is trained is coloured, for terminals; else it stands in double square brackets.

    Returns:
        The text: special tokens spelled out, runs of image tokens as `<imgpad>*256`. Characters that would steer a
        terminal are spelled as in Python.
    """
    opening, closing = TRAINED_COLORS if in_color else TRAINED_MARKS
    pieces = []
    tokens = zip(encoded.input_ids.tolist(), encoded.labels.tolist(), strict=True)
    for is_trained, run in groupby(tokens, key=lambda token: token[1] != IGNORED_LABEL):
        text = _decode([index for index, _ in run], processor)
        pieces.append(f"{opening}{text}{closing}" if is_trained else text)
    return "".join(pieces)


def _decode(ids: list[int], processor: GotOcrProcessor) -> str:
    pieces = []
    for is_image, run in groupby(ids, key=lambda index: index == processor.image_token_id):
        same = list(run)
        if is_image:
            pieces.append(f"{processor.image_token}*{len(same)}")
        else:
            pieces.append(_printable(processor.tokenizer.decode(same, skip_special_tokens=False)))
    return "".join(pieces)


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() or char in "\n\t" else repr(char)[1:-1] for char in text)
