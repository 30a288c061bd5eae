"""Turn SVG into pixels by resvg, which draws every path and letter itself: the same bits on every machine."""

import io
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from got_ocr.synthesis.degradation.degradations import degrade_share
from got_ocr.synthesis.resources import Resources
from got_ocr.synthesis.text.fonts import FontFace, is_small_capitals

# What resvg and Matplotlib read; Type 1 fonts (.pfb, .t1) they don't.
SCALABLE = (".ttf", ".otf")
_DPI = 96.0  # What CSS takes an inch to be: points and centimetres of a drawing's size are turned to pixels so.
_PLAIN_STYLES = ("regular", "book", "roman", "normal", "medium")


def draw_svg(
    svg: str, *, zoom: float = 1.0, background: str = "#ffffff", faces: Sequence[FontFace] = ()
) -> Image.Image:
    """Draw an SVG.

    Fonts of the machine are never looked at: what the drawing's letters are set in is handed over.

    Args:
        svg: the drawing.
        zoom: pixels for each unit of its size.
        background: colour of the paper, as CSS writes it.
        faces: fonts for its text; the first one's family stands in for the generic families `serif` and `sans-serif`.

    Returns:
        RGB picture.

    Raises:
        ValueError: resvg is missing, or this is no SVG.
    """
    try:
        import resvg_py
    except ImportError as error:
        raise ValueError("drawing SVG needs resvg: pip install resvg_py") from error
    family = faces[0].family if faces else None
    png = resvg_py.svg_to_bytes(
        svg_string=svg,
        background=background,
        zoom=zoom,
        dpi=_DPI,
        skip_system_fonts=True,
        font_files=[face.path for face in faces],
        font_family=family,
        serif_family=family,
        sans_serif_family=family,
    )
    return Image.open(io.BytesIO(bytes(png))).convert("RGB")


def use_family(svg: str, family: str) -> str:
    """Set all text of a drawing in one family.

    Args:
        svg: the drawing.
        family: the family's name.

    Returns:
        The drawing with every `font-family` replaced.
    """
    return re.sub(r'font-family="[^"]*"', f'font-family="{family}"', svg)


def crop_to_ink(image: Image.Image, margins_px: Sequence[int]) -> Image.Image:
    """Cut a picture to what is drawn on it, and put margins of its paper about that.

    Args:
        image: RGB, its paper the colour of its upper left pixel.
        margins_px: left, top, right, bottom.

    Returns:
        RGB picture; the whole one with margins where nothing is drawn.
    """
    pixels = np.asarray(image)
    drawn = np.abs(pixels.astype(np.int16) - pixels[0, 0].astype(np.int16)).max(axis=2) > 8
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    if not rows.size:
        rows, columns = np.array([0, image.height - 1]), np.array([0, image.width - 1])
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    left, top, right, bottom = margins_px
    paper = tuple(int(value) for value in pixels[0, 0])
    result = Image.new("RGB", (box[2] - box[0] + left + right, box[3] - box[1] + top + bottom), paper)
    result.paste(image.crop(box), (left, top))
    return result


def scalable_families(resources: Resources) -> dict[str, list[FontFace]]:
    """List the families that can set a drawing's text.

    Args:
        resources: fonts to draw with.

    Returns:
        Family to its faces, the upright one of ordinary weight first.

    Raises:
        ValueError: none is a TrueType or OpenType font with an upright face.
    """
    families: dict[str, list[FontFace]] = {}
    for family, faces in resources.text_families.items():
        if is_small_capitals(family):
            continue
        usable = [face for face in faces if face.path.lower().endswith(SCALABLE)]
        plain = [face for face in usable if is_upright(face)]
        if plain:
            families[family] = [plain[0], *(face for face in usable if face is not plain[0])]
    if not families:
        raise ValueError("none of the fonts is a .ttf or .otf file with an upright face: name others in `font_files`")
    return families


def is_upright(face: FontFace) -> bool:
    """Tell whether a face is neither bold nor slanted."""
    style = face.style.lower()
    return not any(word in style for word in ("bold", "italic", "oblique", "slanted", "light", "demi")) and (
        any(word in style for word in _PLAIN_STYLES) or not style
    )


def degrade_picture(
    image: Image.Image, rng: np.random.Generator, resources: Resources
) -> tuple[Image.Image, list[dict[str, Any]]]:
    """Degrade a share of the pictures as `resources.degradations` asks for.

    Args:
        image: RGB.
        rng: the source of chance.
        resources: what to draw with.

    Returns:
        The picture and what was done to it; the same picture and nothing where none is asked for.
    """
    degraded, applied = degrade_share(image, rng, resources.degradations)
    return degraded, [dict(one) for one in applied]
