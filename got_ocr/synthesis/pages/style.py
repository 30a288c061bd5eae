"""How a page looks before a word is set: paper, margins, faces, sizes, colours, spacing."""

from dataclasses import dataclass

import numpy as np

from got_ocr.synthesis.resources import Resources
from got_ocr.synthesis.text.fonts import load_font
from got_ocr.synthesis.text.ink import quarter
from got_ocr.synthesis.text.typesetting import Typeface, choose_typeface

LAYOUTS = ("one-column", "two-columns", "three-columns", "letter")
_LAYOUT_SHARES = (0.54, 0.32, 0.05, 0.09)
MOST_SIDE_PX, LEAST_SIDE_PX = 6000, 96
# Width and height in inches, and how often each is drawn: A4, Letter, A5, B5, Legal, square, wide, receipt.
_PAPERS = (
    ((8.27, 11.69), 0.4),
    ((8.5, 11.0), 0.25),
    ((5.83, 8.27), 0.09),
    ((6.93, 9.84), 0.08),
    ((8.5, 14.0), 0.03),
    ((8.0, 8.0), 0.04),
    ((11.0, 8.27), 0.07),
    ((3.2, 7.5), 0.04),
)
# An em square below this many px leaves x-heights of 5 px: people no longer read it with ease.
_LEAST_BODY_PX = 11.5
_NARROWEST_COLUMN_EM = 17.0
_LEAST_CONTRAST = 105.0  # of luminance, 0 to 255
_EXTENT_SAMPLE = {"en": "dfhlpqgyj()|", "zh": "国乙g(|"}

Color = tuple[int, int, int]


@dataclass(frozen=True)
class PageStyle:
    """All that is fixed for a page; px are of the canvas, which is `supersampling` times the final picture.

    Attributes:
        layout: one of `LAYOUTS`.
        columns: 1 to 3.
        width_px: of the canvas.
        height_px: of the canvas.
        supersampling: 1 (text as a screen shows it, on whole pixels) or 2 (as a PDF reader draws it).
        dpi: of the final picture.
        margins_px: left, top, right, bottom.
        gutter_px: between columns.
        body: faces of running text.
        display: faces of headings.
        body_px: em size of running text.
        pitch_em: distance of baselines over the em size.
        ascent_em: from a line's top to its baseline over the em size.
        align: `justify` or `left`.
        hyphenate: whether words are cut at line ends.
        indent_px: of a paragraph's first line.
        gap_px: between paragraphs.
        paper: RGB.
        ink: RGB of running text.
        accent: RGB of headings.
        centred: whether titles and headings stand in the middle.
        language: `en` or `zh`.
    """

    layout: str
    columns: int
    width_px: int
    height_px: int
    supersampling: int
    dpi: float
    margins_px: tuple[int, int, int, int]
    gutter_px: int
    body: Typeface
    display: Typeface
    body_px: float
    pitch_em: float
    ascent_em: float
    align: str
    hyphenate: bool
    indent_px: float
    gap_px: float
    paper: Color
    ink: Color
    accent: Color
    centred: bool
    language: str


def choose_style(
    rng: np.random.Generator,
    resources: Resources,
    layout: str | None,
    size_px: tuple[int, int] | None,
    dpi: float | None,
    text_scale: float,
) -> PageStyle:
    """Draw a style.

    Args:
        rng: decides what is not given.
        resources: fonts and language.
        layout: one of `LAYOUTS`, or None.
        size_px: (height, width) of the final picture, or None.
        dpi: dots an inch of the final picture, or None for 100 to 200.
        text_scale: factor on the size of all text.

    Returns:
        The style.

    Raises:
        ValueError: an argument is out of range.
    """
    if layout is not None and layout not in LAYOUTS:
        raise ValueError(f"layout must be one of {', '.join(LAYOUTS)} or None, got {layout!r}")
    if size_px is not None and not all(LEAST_SIDE_PX <= side <= MOST_SIDE_PX for side in size_px):
        raise ValueError(f"size_px must be (height, width) of {LEAST_SIDE_PX} to {MOST_SIDE_PX} px, got {size_px}")
    dpi = float(rng.uniform(100.0, 200.0)) if dpi is None else dpi
    if size_px is None:
        shares = np.array([share for _, share in _PAPERS])
        width_in, height_in = _PAPERS[rng.choice(len(_PAPERS), p=shares / shares.sum())][0]
        size_px = (round(height_in * dpi), round(width_in * dpi))
    scale = 2 if rng.random() < 0.5 and max(size_px) <= 3000 else 1
    height_px, width_px = size_px[0] * scale, size_px[1] * scale
    left = round(width_px * rng.uniform(0.06, 0.14))
    right = round(width_px * rng.uniform(0.06, 0.14)) if rng.random() < 0.4 else left
    top, bottom = (round(height_px * rng.uniform(0.06, 0.11)) for _ in range(2))
    point_px = dpi / 72.0 * scale
    points = float(rng.choice((8.0, 9.0, 9.5, 10.0, 10.5, 11.0, 11.5, 12.0, 14.0)))
    body_px = max(points * point_px * text_scale, _LEAST_BODY_PX * scale)
    room_px = width_px - left - right
    body_px = quarter(min(body_px, room_px / 12.0, (height_px - top - bottom) / 4.0))
    layout = layout or _choose_layout(rng, room_px / body_px)
    columns = {"two-columns": 2, "three-columns": 3}.get(layout, 1)
    body = choose_typeface(rng, resources.text_families)
    display = body if rng.random() < 0.65 else choose_typeface(rng, resources.text_families)
    ascent_em, extent_em = _extent(body, resources.language)
    leading = float(rng.uniform(1.12, 1.55)) if resources.language == "en" else float(rng.uniform(1.2, 1.8))
    pitch_em = extent_em * leading
    paper, ink, accent = choose_colors(rng)
    indented = rng.random() < 0.5 or resources.language == "zh"
    indent_em = 2.0 if resources.language == "zh" else float(rng.uniform(1.0, 2.5))
    align = "justify" if rng.random() < 0.6 else "left"
    return PageStyle(
        layout=layout,
        columns=columns,
        width_px=width_px,
        height_px=height_px,
        supersampling=scale,
        dpi=dpi,
        margins_px=(left, top, right, bottom),
        gutter_px=round(body_px * rng.uniform(1.8, 3.0)),
        body=body,
        display=display,
        body_px=body_px,
        pitch_em=pitch_em,
        ascent_em=ascent_em + (pitch_em - extent_em) / 2.0,
        align=align,
        hyphenate=resources.language == "en" and (rng.random() < (0.8 if align == "justify" else 0.25)),
        indent_px=indent_em * body_px if indented else 0.0,
        gap_px=body_px * pitch_em * float(rng.uniform(0.0, 0.25) if indented else rng.uniform(0.4, 1.0)),
        paper=paper,
        ink=ink,
        accent=accent,
        centred=bool(rng.random() < 0.3),
        language=resources.language,
    )


def _choose_layout(rng: np.random.Generator, room_em: float) -> str:
    shares = np.array(_LAYOUT_SHARES)
    for number, columns in ((1, 2), (2, 3)):
        if room_em / columns < _NARROWEST_COLUMN_EM:
            shares[number] = 0.0
    return str(rng.choice(LAYOUTS, p=shares / shares.sum()))


def _extent(typeface: Typeface, language: str) -> tuple[float, float]:
    """How far ink reaches above the baseline, and from top to bottom, over the em size."""
    boxes = [
        load_font(face, 100.0).getbbox(_EXTENT_SAMPLE[language], anchor="ls")
        for face in (typeface.regular, typeface.bold, typeface.italic)
    ]
    above = max(-box[1] for box in boxes) / 100.0
    below = max(box[3] for box in boxes) / 100.0
    return above, max(0.8, above + below)


def luminance(color: Color) -> float:
    """Weigh a colour as the eye does.

    Args:
        color: RGB.

    Returns:
        0 to 255.
    """
    return 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]


def choose_colors(rng: np.random.Generator, dark_share: float = 0.05) -> tuple[Color, Color, Color]:
    """Draw paper, ink and an accent that stand out from each other.

    Args:
        rng: decides.
        dark_share: share of light ink on dark paper.

    Returns:
        RGB of paper, ink, accent.
    """
    kind = rng.random()
    if kind < 0.5:
        paper: Color = (255, 255, 255)
    elif kind < 0.75:
        grey = int(rng.integers(228, 255))
        paper = (grey, grey, grey)
    else:
        paper = _color(rng, 205, 255)
    ink: Color = (0, 0, 0)
    if rng.random() < 0.5:
        grey = int(rng.integers(0, 80))
        ink = (grey, grey, grey) if rng.random() < 0.6 else _color(rng, 0, 95)
    accent = ink if rng.random() < 0.6 else _color(rng, 0, 150)
    if rng.random() < dark_share:
        paper, ink, accent = ink, paper, paper
    if abs(luminance(paper) - luminance(ink)) < _LEAST_CONTRAST:
        ink = (0, 0, 0) if luminance(paper) > 127 else (255, 255, 255)
    if abs(luminance(paper) - luminance(accent)) < _LEAST_CONTRAST:
        accent = ink
    return paper, ink, accent


def _color(rng: np.random.Generator, low: int, high: int) -> Color:
    red, green, blue = (int(value) for value in rng.integers(low, high + 1, 3))
    return red, green, blue
