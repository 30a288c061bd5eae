"""Sheet music: `**kern` composed by `kern.py`, engraved by Verovio as GOT's renderer does, in varied style."""

from functools import cached_property
from typing import Any

import numpy as np
from PIL import Image

from got_ocr.processing.mode import Mode
from got_ocr.processing.prompt import instruction
from got_ocr.rendering.music import OPTIONS
from got_ocr.synthesis.drawing.svg_picture import crop_to_ink, degrade_picture, draw_svg, scalable_families, use_family
from got_ocr.synthesis.music.engraver import Engraver
from got_ocr.synthesis.music.kern import compose
from got_ocr.synthesis.resources import Resources
from got_ocr.synthesis.sample import Sample, Turn
from got_ocr.synthesis.text.fonts import FontFace

MAX_DRAWS = 20
# Engraving fonts that come with Verovio; the first is its default.
_FONTS = ("Leipzig", "Leipzig", "Bravura", "Leland", "Gootville", "Petaluma")


class SheetMusic:
    """Draws samples of sheet music."""

    def __init__(self, resources: Resources) -> None:
        """Get ready.

        Args:
            resources: fonts for measure numbers, and degradations.
        """
        self.resources = resources
        self.engraver = Engraver()

    @cached_property
    def _faces(self) -> list[FontFace]:
        return [faces[0] for faces in scalable_families(self.resources).values()]

    def draw(self, rng: np.random.Generator) -> Sample:
        """Draw one sample.

        Args:
            rng: the only source of chance.

        Returns:
            The picture and its `**kern`.

        Raises:
            ValueError: Verovio is missing.
        """
        redrawn = 0
        while True:
            piece = compose(rng)
            options, picture_style = _draw_options(rng), _draw_picture_style(rng, self._faces)
            try:
                image = self.engrave(piece.kern, options, picture_style)
                break
            except ValueError:
                redrawn += 1
                if redrawn >= MAX_DRAWS:
                    raise
        image, applied = degrade_picture(image, rng, self.resources)
        source = {
            "kern": piece.kern,
            "clefs": list(piece.clefs),
            "key": piece.key,
            "meter": piece.meter,
            "measures": piece.measures,
            "engraving": options,
            "picture": picture_style,
            "size_px": list(image.size),
            "degradations": applied,
            "redrawn": redrawn,
        }
        return Sample("music", (image,), (Turn(instruction(Mode("format")), piece.kern),), source)

    def engrave(self, kern: str, options: dict[str, Any], picture: dict[str, Any]) -> Image.Image:
        """Draw music.

        Args:
            kern: `**kern`.
            options: of Verovio, over GOT's own; `{}` engraves as the published renderer does.
            picture: `zoom`, `face` ([family, file]), `background`, `margins_px`, as a sample's source has them.

        Returns:
            RGB picture.

        Raises:
            ValueError: Verovio can't read it, or is missing.
        """
        svg = self.engraver.engrave(kern, options)
        face = FontFace(picture["face"][0], "Regular", picture["face"][1])
        image = draw_svg(
            use_family(svg, face.family), zoom=picture["zoom"], background=picture["background"], faces=[face]
        )
        return crop_to_ink(image, picture["margins_px"])


def _draw_options(rng: np.random.Generator) -> dict[str, Any]:
    width = OPTIONS["pageWidth"] if rng.random() < 0.5 else int(rng.integers(1300, 2900))
    options: dict[str, Any] = {"pageWidth": width, "pageHeight": 20000, "font": _FONTS[rng.integers(len(_FONTS))]}
    if rng.random() < 0.6:
        options |= {
            "staffLineWidth": round(float(rng.uniform(0.12, 0.25)), 3),
            "barLineWidth": round(float(rng.uniform(0.25, 0.6)), 3),
            "spacingStaff": int(rng.integers(4, 11)),
            "spacingSystem": int(rng.integers(3, 10)),
            "spacingLinear": round(float(rng.uniform(0.2, 0.35)), 3),
            "beamMaxSlope": int(rng.integers(5, 21)),
        }
    return options


def _draw_picture_style(rng: np.random.Generator, faces: list[FontFace]) -> dict[str, Any]:
    face = faces[rng.integers(len(faces))]
    paper = (255, 255, 255) if rng.random() < 0.7 else tuple(int(value) for value in rng.integers(232, 256, 3))
    return {
        "zoom": round(float(rng.uniform(0.4, 0.8)), 3),
        "face": [face.family, face.path],
        "background": "#{:02x}{:02x}{:02x}".format(*paper),
        "margins_px": [int(value) for value in rng.integers(10, 80, 4)],
    }
