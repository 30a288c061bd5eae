"""The prompts that GOT-OCR 2.0 was trained on, as pure functions.

A prompt is a run of parts, each either a special token or plain text (:func:`prompt_parts`). The processor turns the
parts into ids one by one, so that text, whatever it spells, never becomes a special token; :func:`chat_prompt` joins
them for people to look at.

Origin of every string: arXiv 2409.01704 and the code published with it. There is no newline after ``<|im_end|>``.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

SYSTEM_MESSAGE = "You should follow the instructions carefully and explain your answers in detail."
TURN_START = "<|im_start|>"
TURN_END = "<|im_end|>"
IMAGE_START = "<img>"
IMAGE_END = "</img>"
IMAGE_PAD = "<imgpad>"

OCR_TYPES = ("ocr", "format")
COLORS = ("red", "green", "blue")
PER_MILLE = 1000
BOX_FORMS = "4 numbers [x1, y1, x2, y2], or 2 for a point [x, y], in pixels"

_BRACKETS = ("[]", "()")


class PromptPart(NamedTuple):
    """A piece of a prompt.

    Attributes:
        text: Plain text, or the spelling of a special token.
        is_special: Which of the two.
        times: How often it stands in a row.
    """

    text: str
    is_special: bool = False
    times: int = 1


def parse_ocr_type(ocr_type: Any) -> str:
    """Check the mode.

    Args:
        ocr_type: `ocr` or `format`.

    Returns:
        The same.

    Raises:
        ValueError: If it is neither.
    """
    if ocr_type not in OCR_TYPES:
        raise ValueError(f"ocr_type must be 'ocr' (plain text) or 'format' (Mathpix Markdown), got {ocr_type!r}.")
    return ocr_type


def parse_color(color: Any) -> str:
    """Check a frame colour.

    Args:
        color: `red`, `green` or `blue` in upper or lower case; None or empty for none.

    Returns:
        The colour in lower case, empty for none.

    Raises:
        ValueError: If it is another colour.
    """
    if color is None:
        return ""
    name = color.strip().lower() if isinstance(color, str) else color
    if name != "" and name not in COLORS:
        raise ValueError(f"color must be one of {', '.join(COLORS)}, or empty for none, got {color!r}.")
    return name


def parse_box(box: Any) -> list[float] | None:
    """Read a box in any form people have it in. It is parsed, never evaluated.

    Args:
        box: A string such as `"[x1,y1,x2,y2]"`, or a sequence (list, tuple, array) of numbers; None or an empty string
            for none. Not changed.

    Returns:
        4 finite numbers (x1, y1, x2, y2) with x1 < x2 and y1 < y2, 2 for a point, None for no box.

    Raises:
        ValueError: If it is something else.
    """
    if box is None or (isinstance(box, str) and not box.strip()):
        return None
    numbers = _numbers_of(box)
    if numbers is None or len(numbers) not in (2, 4):
        raise ValueError(f"box must be {BOX_FORMS}, got {_shorten(box)}.")
    if not all(math.isfinite(number) for number in numbers):
        raise ValueError(f"box must hold finite numbers, got {_shorten(box)}.")
    if len(numbers) == 4:
        x1, y1, x2, y2 = numbers
        if x1 >= x2 or y1 >= y2:
            raise ValueError(
                f"box must be [x1, y1, x2, y2] with x1 < x2 and y1 < y2 (top left, then bottom right), "
                f"got {_shorten(box)}."
            )
    return numbers


def box_per_mille(box: Any, width_px: int, height_px: int) -> list[int]:
    """Bring a box into the units of the prompt, thousandths of the picture's width and height.

    A box that reaches over the picture's edge is cut there.

    Args:
        box: As :func:`parse_box` takes it, but not none. Not changed.
        width_px: Width of the upright picture.
        height_px: Its height.

    Returns:
        4 integers, or 2 for a point, each int(pixel / width or height * 1000), from 0 to 1000.

    Raises:
        ValueError: If it is no box or lies outside the picture.
    """
    numbers = parse_box(box)
    if numbers is None:
        raise ValueError(f"box must be {BOX_FORMS}, got none.")
    limits = [width_px, height_px] * (len(numbers) // 2)
    clamped = [min(max(number, 0.0), float(limit)) for number, limit in zip(numbers, limits, strict=True)]
    is_inside = clamped == numbers if len(numbers) == 2 else clamped[0] < clamped[2] and clamped[1] < clamped[3]
    if not is_inside:
        raise ValueError(
            f"box lies outside the picture of {width_px} x {height_px} pixels, got {_shorten(box)}: "
            "coordinates are pixels of the upright picture, from its top left corner."
        )
    return [int(number / limit * PER_MILLE) for number, limit in zip(clamped, limits, strict=True)]


def instruction(
    ocr_type: str = "ocr",
    box_per_mille: Sequence[int] | None = None,
    color: str = "",
    crop: bool = False,
    multi_page: bool = False,
) -> str:
    """Write what the user asks of the model.

    Args:
        ocr_type: `ocr` for plain text, `format` for Mathpix Markdown. Several pages have one prompt only, whatever the
            type: the model was trained on formatted text there.
        box_per_mille: Read this box only: 4 or 2 integers of :func:`box_per_mille`.
        color: Read only what a `red`, `green` or `blue` frame encloses.
        crop: The images are tiles of one picture.
        multi_page: The images are pages of one document.

    Returns:
        The instruction, e.g. `OCR with format: `.

    Raises:
        ValueError: If a mode does not exist or modes do not go together.
    """
    with_format = " with format" if parse_ocr_type(ocr_type) == "format" else ""
    color = parse_color(color)
    has_box = box_per_mille is not None
    check_modes(has_box=has_box, color=color, crop=crop, multi_page=multi_page)
    if multi_page:
        return "OCR with format across multi pages: "
    if crop:
        return f"OCR{with_format} upon the patch reference: "
    region = f"{[int(number) for number in box_per_mille]} " if box_per_mille is not None else ""
    region += f"[{color}] " if color else ""
    return f"{region}OCR{with_format}: "


def check_modes(*, has_box: bool, color: str, crop: bool, multi_page: bool) -> None:
    """Refuse modes that the model has no prompt for.

    Args:
        has_box: Whether a box is given.
        color: A colour of :func:`parse_color`.
        crop: Whether a picture is read in tiles.
        multi_page: Whether pages are read together.

    Raises:
        ValueError: If they do not go together.
    """
    if has_box and color:
        raise ValueError("box and color were both given: choose the region by one of them.")
    if crop and multi_page:
        raise ValueError("crop and multi_page were both given: read pages together, or each page in tiles.")
    if (has_box or color) and (crop or multi_page):
        region, other = "box" if has_box else "color", "crop" if crop else "multi_page"
        raise ValueError(f"{region} and {other} were both given: a {region} is for a single picture read as a whole.")


def system_parts() -> list[PromptPart]:
    """Begin a conversation.

    Returns:
        The system's turn.
    """
    return [PromptPart(TURN_START, True), PromptPart(f"system\n{SYSTEM_MESSAGE}"), PromptPart(TURN_END, True)]


def user_parts(text: str, num_images: int = 0, image_token_len: int = 256) -> list[PromptPart]:
    """Write a user's turn.

    Args:
        text: What the user says.
        num_images: Images, tiles or pages that stand before the text, all in one run.
        image_token_len: Place holders of one image.

    Returns:
        The turn.
    """
    if num_images == 0:
        content = [PromptPart(f"user\n{text}")]
    else:
        content = [
            PromptPart("user\n"),
            PromptPart(IMAGE_START, True),
            PromptPart(IMAGE_PAD, True, num_images * image_token_len),
            PromptPart(IMAGE_END, True),
            PromptPart(f"\n{text}"),
        ]
    return [PromptPart(TURN_START, True), *content, PromptPart(TURN_END, True)]


def assistant_parts(text: str | None = None) -> list[PromptPart]:
    """Write the assistant's turn, or its head alone, for the model to go on.

    Args:
        text: The answer; None to leave the turn open.

    Returns:
        The turn.
    """
    head = [PromptPart(TURN_START, True), PromptPart("assistant\n")]
    return head if text is None else [*head, PromptPart(text), PromptPart(TURN_END, True)]


def prompt_parts(instruction: str, num_images: int, image_token_len: int = 256) -> list[PromptPart]:
    """Write a whole prompt, up to where the answer begins.

    Args:
        instruction: What to do, of :func:`instruction` or the user's own.
        num_images: Images, tiles or pages.
        image_token_len: Place holders of one image.

    Returns:
        The parts.
    """
    return [*system_parts(), *user_parts(instruction, num_images, image_token_len), *assistant_parts()]


def chat_prompt(instruction: str, num_images: int, image_token_len: int = 256) -> str:
    """Write a whole prompt as one string, for people to look at; see :func:`prompt_parts`.

    Args:
        instruction: What to do.
        num_images: Images, tiles or pages.
        image_token_len: Place holders of one image.

    Returns:
        The prompt with its special tokens spelled out.
    """
    return "".join(part.text * part.times for part in prompt_parts(instruction, num_images, image_token_len))


def is_one_box(value: Any) -> bool:
    """Tell one box (or none) from a list with one box for each picture.

    Args:
        value: What a caller gave as box.

    Returns:
        Whether it is a single box.
    """
    if isinstance(value, str) or not hasattr(value, "__len__"):
        return True
    return not any(
        item is None or isinstance(item, str) or (hasattr(item, "__len__") and getattr(item, "ndim", 1) > 0)
        for item in value
    )


def _numbers_of(box: Any) -> list[float] | None:
    """The numbers of a string or sequence as they are, None if it is neither."""
    if isinstance(box, (bytes, dict, set, frozenset)):
        return None
    try:
        if isinstance(box, str):
            text = box.strip()
            if text[:1] + text[-1:] in _BRACKETS:
                text = text[1:-1]
            return [float(item) for item in (text.split(",") if "," in text else text.split())]
        items = list(box)
        if any(isinstance(item, (str, bytes, bool)) for item in items):
            return None
        return [float(item) for item in items]
    except (TypeError, ValueError, OverflowError):
        return None


def _shorten(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else f"{text[:77]}..."
