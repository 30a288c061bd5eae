"""Whole pages of text as books, reports, papers and letters have them, with the box of every printed line.

Used by the kinds `pages`, `slices`, `boxes`, `colors`, `multi-crop` and `multi-page`.
"""

import numpy as np

from got_ocr.synthesis.pages.blocks import Box, PageDrawing, TextBlock, TextLine
from got_ocr.synthesis.pages.composer import LEAST_CHARACTERS, PageComposer
from got_ocr.synthesis.pages.style import LAYOUTS, choose_style
from got_ocr.synthesis.resources import Resources

__all__ = ["LAYOUTS", "Box", "PageDrawing", "TextBlock", "TextLine", "draw_page"]


def draw_page(
    rng: np.random.Generator,
    resources: Resources,
    *,
    layout: str | None = None,
    size_px: tuple[int, int] | None = None,
    dpi: float | None = None,
    text_scale: float = 1.0,
    max_characters: int | None = None,
) -> PageDrawing:
    """Draw a page.

    Args:
        rng: decides everything that is not given; equal generators draw equal pages.
        resources: fonts, text and language.
        layout: one of `LAYOUTS`; None to draw one.
        size_px: (height, width); None for a paper size at the dots an inch.
        dpi: dots an inch; None for 100 to 200.
        text_scale: factor on the size of all text, which is 8 to 14 points for running text.
        max_characters: the page ends early after so many; None to fill it as pages are filled.

    Returns:
        The page, with at least one line of text.

    Raises:
        ValueError: an argument is out of range, or there is no text or font for the language.
    """
    if max_characters is not None and max_characters < LEAST_CHARACTERS:
        raise ValueError(f"max_characters must be at least {LEAST_CHARACTERS}, got {max_characters}")
    style = choose_style(rng, resources, layout, size_px, dpi, text_scale)
    composer = PageComposer(rng, resources, style, max_characters)
    composer.compose()
    return composer.drawing()
