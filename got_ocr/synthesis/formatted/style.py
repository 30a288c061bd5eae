"""What a formatted page looks like in a browser: its paper, faces, sizes and columns, as a style sheet."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from got_ocr.rendering.html_writer import STYLE as WRITER_STYLE
from got_ocr.synthesis.resources import Resources
from got_ocr.synthesis.text.fonts import FontFace, is_small_capitals

_MATH_FAMILIES = (
    "Latin Modern Math",
    "STIX Two Math",
    "TeX Gyre Termes Math",
    "TeX Gyre Pagella Math",
    "TeX Gyre Schola Math",
    "TeX Gyre Bonum Math",
    "DejaVu Math TeX Gyre",
)
_WEB_SUFFIXES = (".ttf", ".otf", ".ttc")  # Browsers draw no Type 1 faces.
_PAPERS = ("#ffffff", "#ffffff", "#ffffff", "#fdfcf7", "#f7f3e8", "#f4f4f2", "#f3efe2", "#eef2f5")
_INKS = ("#000000", "#000000", "#111111", "#1c1c1c", "#26221c", "#101830")
_HEAD_INKS = ("#1a3a6b", "#7a1f1f", "#20502a", "#444444")
# Height over width: A4, Letter, legal, a screen, a book.
_SHAPES = (1.414, 1.294, 1.647, 0.75, 1.5)
_SHAPE_SHARES = (0.5, 0.24, 0.06, 0.06, 0.14)
# What a token of the answer takes of a page, in square em of its text, on the average of prose and formulas.
_TOKEN_SQUARE_EM = 2.1
_LEAST_MEASURES_EM = (24.0, 17.0)  # Of a line in one column, and in several.
_FEW_TOKENS = 800  # Pages of so few seldom have two columns.


@dataclass(frozen=True)
class BrowserStyle:
    """The look of a page; all lengths are CSS px, of which the picture has `scale` each.

    Attributes:
        width_px: page width.
        height_px: page height; None for a page as long as its text.
        scale: picture px for one CSS px.
        margins_px: top, right, bottom, left.
        family: family of the text.
        head_family: family of title and headings.
        math_family: family of the formulas.
        size_px: em size of the text.
        leading: line height in em.
        columns: 1 or more.
        column_gap_px: between them.
        justify: whether lines are stretched to one length.
        indent: whether paragraphs begin with an indent, rather than after a gap.
        head_scale: size of the headings, in em of the text.
        head_align: `left` or `center`.
        head_bold: whether headings are bold.
        head_ink: colour of title and headings.
        paper: colour of the paper.
        ink: colour of the text.
        bullet: what marks the items of a list, as CSS `list-style-type`.
        table_scale: size of the text in tables, in em.
        abstract_label: whether `Abstract` is printed over it.
    """

    width_px: int
    height_px: int | None
    scale: float
    margins_px: tuple[int, int, int, int]
    family: str
    head_family: str
    math_family: str
    size_px: float
    leading: float
    columns: int
    column_gap_px: int
    justify: bool
    indent: bool
    head_scale: float
    head_align: str
    head_bold: bool
    head_ink: str
    paper: str
    ink: str
    bullet: str
    table_scale: float
    abstract_label: bool

    @property
    def column_px(self) -> float:
        """Width of a column."""
        room_px = self.width_px - self.margins_px[1] - self.margins_px[3]
        return (room_px - (self.columns - 1) * self.column_gap_px) / self.columns


def web_families(resources: Resources) -> dict[str, list[FontFace]]:
    """Choose the families that a browser can draw.

    Args:
        resources: fonts.

    Returns:
        Family to its faces, those of small capitals left out.

    Raises:
        ValueError: there is none.
    """
    families = {
        name: [face for face in faces if Path(face.path).suffix.lower() in _WEB_SUFFIXES]
        for name, faces in resources.text_families.items()
        if not is_small_capitals(name)
    }
    families = {name: faces for name, faces in families.items() if faces}
    if not families:
        raise ValueError("none of the fonts is a .ttf, .otf or .ttc file: a browser draws formatted pages with those")
    return families


def draw_style(
    rng: np.random.Generator,
    families: Mapping[str, Sequence[FontFace]],
    shape: float | None = None,
    columns: int | None = None,
    pixels: int | None = None,
    tokens: int | None = None,
) -> BrowserStyle:
    """Choose the look of a page.

    Args:
        rng: decides.
        families: see `web_families`.
        shape: height over width; None for a paper of a usual one, or none.
        columns: of the text; None for one or two.
        pixels: about how many the picture of a page of that shape has; None for a usual resolution.
        tokens: about how many the answer has: the paper is no larger than they fill. None for paper of any size.

    Returns:
        The look.
    """
    names = list(families)
    family = names[rng.integers(len(names))]
    chance = rng.random()
    single = 0.72 if tokens is None or tokens > _FEW_TOKENS else 0.88
    columns = columns or (1 if chance < single else 2)
    size_px = float(np.round(rng.uniform(13.0, 17.5) if columns == 1 else rng.uniform(12.5, 15.0), 2))
    # A page of one column holds lines of 45 to 90 letters.
    measure_px = size_px * float(rng.uniform(26.0, 46.0) if columns == 1 else rng.uniform(20.0, 27.0))
    gap_px = round(size_px * rng.uniform(1.3, 2.4))
    sides = [round(size_px * rng.uniform(1.5, 6.0)) for _ in range(2)]
    sides[1] = sides[0] if rng.random() < 0.7 else sides[1]
    top_px, bottom_px = (round(size_px * rng.uniform(1.5, 6.0)) for _ in range(2))
    if shape is None and rng.random() < 0.8:
        shape = float(rng.choice(_SHAPES, p=_SHAPE_SHARES))
    if tokens is not None and shape is not None:
        around_px = gap_px * (columns - 1) + sum(sides)
        height_px = (measure_px * columns + around_px) * shape - top_px - bottom_px
        share = _TOKEN_SQUARE_EM * tokens * size_px**2 / (measure_px * columns * height_px)
        least_px = _LEAST_MEASURES_EM[columns > 1] * size_px
        measure_px = max(measure_px * min(share, 1.0) ** 0.5, min(least_px, measure_px))
    width_px = round(measure_px * columns + gap_px * (columns - 1)) + sum(sides)
    head_family = family if rng.random() < 0.75 else names[rng.integers(len(names))]
    scale = float(rng.choice([1.0, 1.25, 1.5, 2.0], p=[0.25, 0.3, 0.3, 0.15]))
    if pixels is not None and shape is not None:
        scale = round(min(max((pixels / (width_px * width_px * shape)) ** 0.5, 1.0), 4.0), 2)
    return BrowserStyle(
        width_px=width_px,
        height_px=None if shape is None else round(width_px * shape),
        scale=scale,
        margins_px=(top_px, sides[0], bottom_px, sides[1]),
        family=family,
        head_family=head_family,
        math_family=_MATH_FAMILIES[rng.integers(len(_MATH_FAMILIES))],
        size_px=size_px,
        leading=round(float(rng.uniform(1.2, 1.65)), 3),
        columns=columns,
        column_gap_px=gap_px,
        justify=bool(rng.random() < 0.6),
        indent=bool(rng.random() < 0.4),
        head_scale=round(float(rng.uniform(1.0, 1.45)), 2),
        head_align="center" if rng.random() < 0.25 else "left",
        head_bold=bool(rng.random() < 0.8),
        head_ink=_HEAD_INKS[rng.integers(len(_HEAD_INKS))] if rng.random() < 0.15 else "inherit",
        paper=_PAPERS[rng.integers(len(_PAPERS))],
        ink=_INKS[rng.integers(len(_INKS))],
        bullet=str(rng.choice(["disc", "disc", "square", '"– "', '"- "', "circle"])),
        table_scale=round(float(rng.uniform(0.82, 1.0)), 2),
        abstract_label=bool(rng.random() < 0.85),
    )


def style_sheet(style: BrowserStyle, own_faces: Sequence[FontFace] = ()) -> str:
    """Write the style sheet of a page.

    Args:
        style: the look.
        own_faces: faces to carry inside the page, for fonts that aren't installed.

    Returns:
        CSS.
    """
    top, right, bottom, left = style.margins_px
    height = "auto" if style.height_px is None else f"{style.height_px}px"
    gap = "margin: 0; text-indent: 1.4em" if style.indent else "margin: 0 0 0.65em; text-indent: 0"
    label = 'section.abstract::before { content: "Abstract"; display: block; text-align: center; font-weight: bold; }'
    return f"""{WRITER_STYLE}
{"".join(map(_font_face, own_faces))}
body {{ background: {style.paper}; color: {style.ink};
  font: {style.size_px}px/{style.leading} "{style.family}", serif; }}
main {{ box-sizing: border-box; width: {style.width_px}px; height: {height}; overflow: hidden; display: flex;
  flex-direction: column; padding: {top}px {right}px {bottom}px {left}px; }}
.flow {{ columns: {style.columns}; column-gap: {style.column_gap_px}px;
  column-fill: {"balance" if style.height_px is None else "auto"};
  flex: {"none" if style.height_px is None else "1 1 0"}; min-height: 0; }}
.foot {{ border-top: 1px solid; width: 40%; min-width: 12em; font-size: 0.85em; margin-top: 1em; }}
.flow > div, .front > div {{ orphans: 2; widows: 2; }}
p, div.paragraph {{ {gap}; text-align: {"justify" if style.justify else "left"}; }}
h1.title {{ font: bold {style.head_scale * 1.35:.2f}em/1.25 "{style.head_family}", serif; color: {style.head_ink};
  margin: 0 0 0.6em; }}
p.author {{ text-align: center; text-indent: 0; margin: 0 0 1em; }}
section.abstract {{ margin: 0 2em 1.2em; font-size: 0.93em; }} section.abstract p {{ text-indent: 0; }}
{label if style.abstract_label else ""}
h2, h3 {{ font: {"bold" if style.head_bold else "normal"} {style.head_scale}em/1.25 "{style.head_family}", serif;
  color: {style.head_ink}; text-align: {style.head_align}; margin: 0.9em 0 0.45em; break-after: avoid; }}
h3 {{ font-size: {max(1.0, style.head_scale * 0.86):.2f}em; }}
.flow > div:first-child :is(h2, h3) {{ margin-top: 0; }}
.heading + .paragraph > p {{ text-indent: 0; }}
.formula, .table {{ break-inside: avoid; }}
div.formula {{ overflow: visible; }} math[display="block"] {{ margin: 0.55em 0; }}
math {{ font-family: "{style.math_family}", "Latin Modern Math", "TeX Gyre Termes Math", math; }}
.table p {{ text-align: center; text-indent: 0; font-size: 0.93em; margin: 0.4em 1em; }}
table {{ font-size: {style.table_scale}em; margin: 0.5em auto; line-height: 1.35; }}
ul, ol {{ margin: 0.35em 0 0.6em; padding-left: 1.8em; }} ul {{ list-style-type: {style.bullet}; }}
li p {{ margin: 0.1em 0; text-indent: 0; }}
"""


def _font_face(face: FontFace) -> str:
    data = base64.b64encode(Path(face.path).read_bytes()).decode("ascii")
    style = face.style.lower()
    weight = "bold" if "bold" in style else "normal"
    slant = "italic" if "italic" in style or "oblique" in style else "normal"
    return (
        f'@font-face {{ font-family: "{face.family}"; font-weight: {weight}; font-style: {slant}; '
        f"src: url(data:font/ttf;base64,{data}); }}\n"
    )
