"""Geometry: scenes written as TikZ (`scenes.py`), drawn from that very source.

With the typesetter `browser` the source goes through this package's own drawing of TikZ (`got_ocr.rendering`), and
resvg turns the SVG into pixels, its labels in any of the fonts; with `latex` the machine's LaTeX sets it.
"""

import re
from functools import cached_property
from typing import Any

import numpy as np
from PIL import Image

from got_ocr.processing.mode import Mode
from got_ocr.processing.prompt import instruction
from got_ocr.rendering.svg import DrawingError
from got_ocr.rendering.tex import compile_tikz, find_latex
from got_ocr.rendering.tikz import draw_tikz, fix_tikz
from got_ocr.synthesis.drawing.svg_picture import crop_to_ink, degrade_picture, draw_svg, scalable_families, use_family
from got_ocr.synthesis.geometry.scenes import draw_scene
from got_ocr.synthesis.resources import Resources
from got_ocr.synthesis.sample import Sample, Turn
from got_ocr.synthesis.text.fonts import FontFace, can_draw

MAX_DRAWS = 40
MOST_PX = 1800
_ROOM = 16.0
_SUPERSCRIPTS = str.maketrans("0123456789x", "⁰¹²³⁴⁵⁶⁷⁸⁹ˣ")


class Geometry:
    """Draws samples of geometry."""

    def __init__(self, resources: Resources) -> None:
        """Get ready.

        Args:
            resources: fonts for labels, the typesetter, and degradations.

        Raises:
            ValueError: there is no such typesetter, or a program that it needs is missing.
        """
        self.resources = resources
        if resources.typesetter not in ("browser", "latex"):
            raise ValueError(f"typesetter must be 'browser' or 'latex', got {resources.typesetter!r}")
        if resources.typesetter == "latex" and find_latex() is None:
            raise ValueError(
                "geometry by LaTeX needs pdflatex and pdftocairo (Debian: apt-get install texlive-pictures "
                "poppler-utils), or take `--typesetter browser`"
            )

    @cached_property
    def _families(self) -> list[list[FontFace]]:
        """Families as (upright, italic)."""
        families = []
        for faces in scalable_families(self.resources).values():
            styles = [face.style.lower() for face in faces]
            italic = next(
                (
                    face
                    for face, style in zip(faces, styles, strict=True)
                    if "bold" not in style and ("italic" in style or "oblique" in style)
                ),
                faces[0],
            )
            families.append([faces[0], italic])
        return families

    def draw(self, rng: np.random.Generator) -> Sample:
        """Draw one sample.

        Args:
            rng: the only source of chance.

        Returns:
            The picture and its TikZ.

        Raises:
            ValueError: no font has the letters of a label, or the typesetter fails again and again.
        """
        redrawn = 0
        while True:
            scene, tikz = draw_scene(rng)
            style = self._draw_style(rng)
            try:
                image = self.typeset(tikz, style)
                break
            except ValueError:
                redrawn += 1
                if redrawn >= MAX_DRAWS:
                    raise
        image, applied = degrade_picture(image, rng, self.resources)
        source = {
            "tikz": tikz,
            "scene": scene,
            "typesetter": self.resources.typesetter,
            "style": style,
            "size_px": list(image.size),
            "degradations": applied,
            "redrawn": redrawn,
        }
        return Sample("geometry", (image,), (Turn(instruction(Mode("format")), tikz),), source)

    def _draw_style(self, rng: np.random.Generator) -> dict[str, Any]:
        families = self._families
        paper = (255, 255, 255) if rng.random() < 0.75 else tuple(int(value) for value in rng.integers(232, 256, 3))
        return {
            "faces": [[face.family, face.style, face.path] for face in families[rng.integers(len(families))]],
            "zoom": round(float(rng.uniform(1.2, 3.0)), 2),
            "background": "#{:02x}{:02x}{:02x}".format(*paper),
            "margins_px": [int(value) for value in rng.integers(10, 90, 4)],
        }

    def typeset(self, tikz: str, style: dict[str, Any]) -> Image.Image:
        """Draw TikZ.

        Args:
            tikz: its source.
            style: `faces`, `zoom`, `background`, `margins_px`, as a sample's source has them.

        Returns:
            RGB picture.

        Raises:
            ValueError: something in it can't be drawn, or the font lacks a letter.
        """
        image = _by_latex(tikz, style) if self.resources.typesetter == "latex" else _by_resvg(tikz, style)
        if max(image.size) > MOST_PX:
            image.thumbnail((MOST_PX, MOST_PX), Image.Resampling.LANCZOS)
        return crop_to_ink(image, style["margins_px"])


def _by_resvg(tikz: str, style: dict[str, Any]) -> Image.Image:
    try:
        svg, missing = draw_tikz(tikz)
    except DrawingError as error:
        raise ValueError(str(error)) from error
    if missing:
        raise ValueError(f"not drawn: {missing[0]}")
    svg = re.sub(r"\^([\dx])", lambda match: match[1].translate(_SUPERSCRIPTS), svg)
    svg = _with_room(svg)
    faces = [FontFace(*face) for face in style["faces"]]
    letters = set(re.sub(r"<[^>]*>|&\w+;", "", svg)) - {"\n"}
    lacking = sorted(letter for letter in letters if not all(can_draw(face, letter) for face in faces))
    if lacking:
        raise ValueError(f"the font {faces[0].family} has no {lacking[0]!r}")
    return draw_svg(use_family(svg, faces[0].family), zoom=style["zoom"], background=style["background"], faces=faces)


def _with_room(svg: str) -> str:
    """Give a drawing its full size (for screens it has 640 px at most), and room for letters that reach over."""

    def widen(match: re.Match[str]) -> str:
        left, top, width, height = (float(value) for value in match[1].split())
        size = f"{width + 2 * _ROOM:.1f}", f"{height + 2 * _ROOM:.1f}"
        return (
            f'viewBox="{left - _ROOM:.1f} {top - _ROOM:.1f} {size[0]} {size[1]}" width="{size[0]}" height="{size[1]}"'
        )

    return re.sub(r'viewBox="([^"]*)" width="[^"]*" height="[^"]*"', widen, svg, count=1)


def _by_latex(tikz: str, style: dict[str, Any]) -> Image.Image:
    try:
        svg = compile_tikz(fix_tikz(tikz))
    except DrawingError as error:
        raise ValueError(str(error)) from error
    return draw_svg(svg, zoom=style["zoom"], background=style["background"])
