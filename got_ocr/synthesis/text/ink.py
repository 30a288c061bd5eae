"""Text that has its place, and the one way to draw it: on a page in colour, or on a mask at another size.

Layouts differ (`block` sets lines of words of one face for training, `typesetting` breaks paragraphs for pages,
`formula_setter` sets formulas); what they place is drawn here.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from PIL import Image, ImageDraw

from got_ocr.synthesis.text.fonts import FontFace, load_font

FULL_INK = 255  # of a mask


@dataclass(frozen=True)
class PlacedWord:
    """A piece of text on the canvas.

    Attributes:
        text: what is drawn at once.
        x_px: its origin.
        baseline_px: height of its baseline.
        face: what it is set in.
        size_px: the em size.
        color: RGB, on a page.
    """

    text: str
    x_px: float
    baseline_px: float
    face: FontFace
    size_px: float
    color: tuple[int, int, int] = (0, 0, 0)


def quarter(size_px: float) -> float:
    """Round an em size to a quarter of a pixel, so that opened fonts can be kept.

    Args:
        size_px: em size.

    Returns:
        The size.
    """
    return max(1.0, round(4.0 * size_px) / 4.0)


def draw_words(image: Image.Image, words: Iterable[PlacedWord], scale: float = 1.0) -> None:
    """Draw text, in place.

    Args:
        image: RGB, drawn on in the words' colours; or L, a mask, drawn on with full ink.
        words: what to draw, in px of the picture at its final size.
        scale: of the picture given over the final one.
    """
    draw = ImageDraw.Draw(image)
    for word in words:
        font = load_font(word.face, word.size_px if scale == 1.0 else quarter(word.size_px * scale))
        ink = FULL_INK if image.mode == "L" else word.color
        draw.text((word.x_px * scale, word.baseline_px * scale), word.text, ink, font=font, anchor="ls")
