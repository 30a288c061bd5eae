"""The prompts that GOT-OCR 2.0 was trained on, as pure functions.

A prompt is a run of parts, each either a special token or plain text (:func:`prompt_parts`). The processor turns the
parts into ids one by one, so that text, whatever it spells, never becomes a special token; :func:`chat_prompt` joins
them for people to look at.

Origin of every string: arXiv 2409.01704 and the code published with it. There is no newline after ``<|im_end|>``.
"""

from typing import NamedTuple

from .mode import COLORS, Mode, box_per_mille

SYSTEM_MESSAGE = "You should follow the instructions carefully and explain your answers in detail."
TURN_START = "<|im_start|>"
TURN_END = "<|im_end|>"
IMAGE_START = "<img>"
IMAGE_END = "</img>"
IMAGE_PAD = "<imgpad>"

PLAIN = Mode()


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


def instruction(mode: Mode = PLAIN, size_px: tuple[int, int] | None = None) -> str:
    """Write what the user asks of the model.

    Several pages have one prompt only, whatever the type: the model was trained on formatted text there.

    Args:
        mode: What to read, and how. Its own instruction stands in the place of the published words, behind the region.
        size_px: (height, width) of the upright picture, which a box needs.

    Returns:
        The instruction, e.g. `OCR with format: `.

    Raises:
        ValueError: If the box lies outside the picture, or there is one and no size.
    """
    region = f"[{mode.color}] " if mode.color else ""
    if mode.box is not None:
        if size_px is None:
            raise ValueError("a box needs the picture's size: the prompt has it in thousandths of that.")
        height_px, width_px = size_px
        region = f"{box_per_mille(mode.box, width_px, height_px)} "
    if mode.instruction is not None:
        return region + mode.instruction
    with_format = " with format" if mode.is_formatted else ""
    if mode.multi_page:
        return "OCR with format across multi pages: "
    if mode.crop:
        return f"OCR{with_format} upon the patch reference: "
    return f"{region}OCR{with_format}: "


PUBLISHED_MODES = (
    *(Mode(ocr_type, crop=crop) for ocr_type in ("ocr", "format") for crop in (False, True)),
    *(Mode(ocr_type, color=color) for ocr_type in ("ocr", "format") for color in COLORS),
    Mode(multi_page=True),
)


def mode_of(text: str) -> Mode | None:
    """Recognise a published instruction, which checkpoints for slices follow in ways of their own.

    Args:
        text: What a user asks; white space around it means nothing.

    Returns:
        Its mode; None for words of one's own, and for boxes, whose prompt does not tell them in pixels.
    """
    return next((mode for mode in PUBLISHED_MODES if instruction(mode).strip() == text.strip()), None)


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
