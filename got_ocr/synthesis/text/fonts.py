"""Font faces to draw training text with: found through fontconfig, picked by family name."""

import logging
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PIL import ImageFont

logger = logging.getLogger(__name__)

# Weights that nobody sets running text in; hairlines vanish at 18 px.
_UNUSED_STYLES = ("thin", "hairline", "extralight", "extra light", "ultralight", "black", "heavy")
_SMALL_CAPITALS = ("Romande ADF Style Std",)
# How often each style is drawn, by (bold, italic): books are mostly upright and regular.
_STYLE_WEIGHTS = {(False, False): 0.55, (True, False): 0.18, (False, True): 0.18, (True, True): 0.09}


@dataclass(frozen=True)
class FontFace:
    """One face of an installed font family.

    Attributes:
        family: name of the family, such as `DejaVu Sans`.
        style: fontconfig's first style name, such as `Bold Italic`.
        path: the font file.
        index: the face's number inside a collection file.
    """

    family: str
    style: str
    path: str
    index: int = 0

    @property
    def weight(self) -> float:
        """The share of its family's text that this face sets."""
        style = self.style.lower()
        bold = any(word in style for word in ("bold", "medium"))
        italic = any(word in style for word in ("italic", "oblique"))
        return _STYLE_WEIGHTS[bold, italic]


def installed_faces(language: str = "en") -> list[FontFace]:
    """List the machine's static font faces that can set a language.

    Args:
        language: as fontconfig names it, e.g. `en` or `zh-cn`.

    Returns:
        Faces sorted by family, style and path; variable fonts are left out (their weight is not in their name).

    Raises:
        ValueError: there is neither fontconfig nor matplotlib, which brings DejaVu.
    """
    command = ["fc-list", "--format", "%{family}\t%{style}\t%{file}\t%{index}\t%{variable}\n", f":lang={language}"]
    try:
        listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        return _faces_without_fontconfig()
    faces = set()
    for line in listing.splitlines():
        families, styles, path, index, variable = line.split("\t")
        suffix = path.rsplit(".", 1)[-1].lower()
        if variable != "True" and suffix in ("ttf", "otf", "ttc", "t1", "pfb"):
            style = " ".join(sorted(set(families.split(",")[1:]))) + " " + styles.split(",")[0]
            faces.add(FontFace(families.split(",")[0], style.strip(), path, int(index) & 0xFFFF))
    return sorted(faces, key=lambda face: (face.family, face.style, face.path))


def _faces_without_fontconfig() -> list[FontFace]:
    """List the font files of the usual folders and those that matplotlib brings along."""
    try:
        import matplotlib
        from matplotlib.font_manager import findSystemFonts
    except ImportError as error:
        raise ValueError(
            "fc-list was not found: install fontconfig (Debian: apt-get install fontconfig), or pip install "
            "matplotlib, which brings fonts"
        ) from error
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    brought = {path.name: str(path) for path in folder.glob("DejaVu*.ttf") if "Display" not in path.name}
    files = brought | {Path(path).name: path for path in findSystemFonts()}
    faces = []
    for path in files.values():
        try:
            family, style = ImageFont.truetype(path, 20).getname()
        except OSError:
            continue
        faces.append(FontFace(family or Path(path).stem, style or "Regular", path))
    return sorted(faces, key=lambda face: (face.family, face.style, face.path))


def select_families(faces: Sequence[FontFace], families: Sequence[str]) -> dict[str, list[FontFace]]:
    """Pick the faces of the named families, one file for each style.

    Args:
        faces: what is installed.
        families: family names; those that aren't installed are logged and left out.

    Returns:
        Family to its faces of ordinary weight, in the order of `families`.

    Raises:
        ValueError: none of the families is installed.
    """
    chosen: dict[str, list[FontFace]] = {}
    for family in families:
        by_style: dict[str, FontFace] = {}
        for face in faces:
            if face.family == family and not any(word in face.style.lower() for word in _UNUSED_STYLES):
                by_style.setdefault(face.style, face)
        if by_style:
            chosen[family] = list(by_style.values())
        else:
            logger.warning("font family %r is not installed: left out", family)
    if not chosen:
        raise ValueError(
            f"none of the {len(families)} font families is installed ({', '.join(families[:3])}, ...): install "
            "some, or name others under `families` in the training configuration (`fc-list : family` lists yours)"
        )
    return chosen


def is_small_capitals(family: str) -> bool:
    """Tell whether a family has small capitals for small letters: their case can't be read off a picture.

    Args:
        family: its name.

    Returns:
        True for those whose name says so, and for those of Debian's families that are so and don't say it.
    """
    return "caps" in family.lower().split() or family.endswith(("Caps", "SC")) or family in _SMALL_CAPITALS


@lru_cache(maxsize=512)
def load_font(face: FontFace, size_px: float) -> ImageFont.FreeTypeFont:
    """Open a face at a size.

    Args:
        face: the face.
        size_px: the em size.

    Returns:
        The Pillow font, with basic layout (kerning, but no ligature that would merge two characters' boxes).
    """
    return ImageFont.truetype(face.path, size_px, index=face.index, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=4096)
def _glyph(face: FontFace, character: str) -> bytes:
    mask = load_font(face, 24.0).getmask(character)
    return bytes(str(mask.size), "ascii") + bytes(mask)


@lru_cache(maxsize=65536)
def can_draw(face: FontFace, character: str) -> bool:
    """Tell whether a face has a glyph of its own for a character.

    Args:
        face: the face.
        character: one character.

    Returns:
        False where the face would draw its `missing` box, or nothing at all.
    """
    if character == " ":
        return True
    glyph = _glyph(face, character)
    return glyph != _glyph(face, "\U0010fffe") and any(bytes(load_font(face, 24.0).getmask(character)))
