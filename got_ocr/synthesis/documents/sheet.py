"""A sheet of paper or a screen that rows of a document are printed on, with an account of what stands where."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw

from got_ocr.synthesis.documents.lines import COLUMN_GAP, plain_text
from got_ocr.synthesis.documents.printing import (
    ABOVE_EM,
    PrintStyle,
    SetRow,
    pad_em,
    print_row,
    set_words,
    word_width_em,
)
from got_ocr.synthesis.text.fonts import FontFace

Color = tuple[int, int, int]
Box = tuple[int, int, int, int]
LEFT, RIGHT, CENTRE = "left", "right", "centre"
SPACE_EM = 0.28  # Where a face's own space is narrower, words would grow together.
COLUMN_GAP_EM = 2.0


@dataclass(frozen=True)
class Type:
    """What a row is set in.

    Attributes:
        face: the face.
        style: how it is printed; its `em_px` is the size.
    """

    face: FontFace
    style: PrintStyle


@dataclass(frozen=True)
class Placed:
    """Text on the sheet.

    Attributes:
        text: what it reads.
        box: around its ink, in px.
        row: number of the row that it is a part of.
    """

    text: str
    box: Box
    row: int


@dataclass
class Sheet:
    """A sheet that is filled from the top down.

    Attributes:
        width: px.
        paper: RGB.
        ink: RGB of what is printed without a colour of its own.
        y_px: where the next row begins.
        placed: what has been printed, in the order of printing.
    """

    width: int
    paper: Color
    ink: Color
    y_px: float = 0.0
    placed: list[Placed] = field(default_factory=list)
    _strips: list[tuple[np.ndarray, int, int, Color]] = field(default_factory=list)
    _shapes: list[tuple[Box, Color | None, Color | None, int]] = field(default_factory=list)
    _rows: int = 0

    def begin_row(self) -> None:
        """Let what is printed next be a row of its own."""
        self._rows += 1

    def print(
        self,
        rng: np.random.Generator,
        line: str,
        kind: Type,
        room: tuple[float, float],
        align: str = LEFT,
        color: Color | None = None,
    ) -> Placed | None:
        """Print text into the current row.

        Args:
            rng: decides what happens to the ink.
            line: see lines.py; words that don't fit are left out.
            kind: what it is set in.
            room: left and right end in px.
            align: `left`, `right` or `centre`.
            color: RGB of its ink, if not the sheet's.

        Returns:
            What was printed; None where not one word fits.
        """
        em_px = kind.style.em_px
        row = fit_row(line, kind, (room[1] - room[0]) / em_px)
        if row is None:
            return None
        strip = print_row(rng, row, kind.face, kind.style)
        inked = np.flatnonzero((strip > 0.25).any(0)), np.flatnonzero((strip > 0.25).any(1))
        if not len(inked[0]):
            return None
        spare = room[1] - room[0] - row.width_em * em_px
        shift = {LEFT: 0.0, RIGHT: spare, CENTRE: spare / 2.0}[align]
        x, y = round(room[0] + shift - pad_em(kind.style) * em_px), round(self.y_px)
        self._strips.append((strip, x, y, color or self.ink))
        box = (x + int(inked[0][0]), y + int(inked[1][0]), x + int(inked[0][-1]) + 1, y + int(inked[1][-1]) + 1)
        self.placed.append(Placed(row.text, box, self._rows))
        return self.placed[-1]

    def baseline_px(self, kind: Type) -> float:
        """Where the baseline of text printed now would be. Args: kind: its type. Returns: px from the top."""
        return self.y_px + ABOVE_EM * kind.style.em_px

    def shape(
        self, box: Sequence[float], fill: Color | None = None, outline: Color | None = None, px: int = 1
    ) -> None:
        """Draw a rectangle under the text.

        Args:
            box: (x1, y1, x2, y2) in px.
            fill: RGB, or none.
            outline: RGB, or none.
            px: width of the outline.
        """
        x1, y1, x2, y2 = (round(edge) for edge in box)
        self._shapes.append(((x1, y1, max(x1, x2), max(y1, y2)), fill, outline, px))

    def text(self) -> str:
        """What the sheet reads: rows from the top down, a space between what stands side by side."""
        rows: dict[int, list[Placed]] = {}
        for one in self.placed:
            rows.setdefault(one.row, []).append(one)
        ordered = [sorted(row, key=lambda one: one.box[0]) for row in rows.values()]
        return "\n".join(" ".join(one.text for one in row) for row in ordered)

    def image(self, height: int) -> Image.Image:
        """Draw the sheet.

        Args:
            height: px.

        Returns:
            RGB.
        """
        image = Image.new("RGB", (self.width, height), self.paper)
        draw = ImageDraw.Draw(image)
        for box, fill, outline, px in self._shapes:
            draw.rectangle(box, fill=fill, outline=outline, width=px)
        for strip, x, y, color in self._strips:
            mask = Image.fromarray((np.clip(strip, 0.0, 1.0) * 255).astype(np.uint8))
            image.paste(color, (x, y), mask)
        return image


def fit_row(line: str, kind: Type, room_em: float) -> SetRow | None:
    """Set as many words of a line as there is room for.

    Args:
        line: see lines.py.
        kind: what it is set in.
        room_em: room in em.

    Returns:
        The row; None where not one word fits.
    """
    space = max(SPACE_EM, word_width_em(kind.face, " ", kind.style) + 2.0 * max(0.0, kind.style.tracking_em))
    words: list[tuple[float, str]] = []
    used = 0.0
    for column, part in enumerate(line.split(COLUMN_GAP)):
        for number, word in enumerate(part.split()):
            if not plain_text(word):
                continue
            gap = 0.0 if not words else COLUMN_GAP_EM if column and not number else space
            width = word_width_em(kind.face, word, kind.style)
            if used + gap + width > room_em:
                return set_words(kind.face, words, kind.style) if words else None
            words.append((gap, word))
            used += gap + width
    return set_words(kind.face, words, kind.style) if words else None
