"""Slices of documents: lines of receipts, forms and tables as the reading path shows pieces of them to the model.

Each row is printed at its size in the picture (printing.py), then its paper is taken away, its ink is evened and
it is scaled to the slice's text size, in the order and by the filters of the reading path. What that leaves behind is
drawn too: grey patches, remains of rules, underlines and neighbours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops, ImageDraw

from got_ocr.synthesis.documents.lines import COLUMN_GAP, DocumentText, plain_text
from got_ocr.synthesis.documents.printing import (
    ABOVE_EM,
    BELOW_EM,
    MONOSPACED,
    PrintStyle,
    SetRow,
    draw_style,
    pad_em,
    print_row,
    set_words,
    word_width_em,
)
from got_ocr.synthesis.text.block import BOX_ABOVE_EM, BOX_BELOW_EM
from got_ocr.synthesis.text.fonts import FontFace, can_draw, is_small_capitals

SLICE_SIZE_PX = 21.0
MARGIN_PX = 8
ROW_PITCH_EM = 1.3
INK_LEVEL = 225.0
MARKS_SHARE = 0.08  # Of the slices, those that show dashes, rules or a chart's curve where others have a row of text.
# Faces of receipts, forms and machines; what isn't installed is passed over.
MONOSPACED_FAMILIES = (
    "Liberation Mono", "DejaVu Sans Mono", "Nimbus Mono PS", "TeX Gyre Cursor", "FreeMono", "Cousine",
    "Latin Modern Mono", "Anonymous Pro", "JetBrains Mono", "Hack", "Courier Prime", "Courier Prime Code",
    "Courier Prime Sans", "GNUTypewriter", "Tlwg Typewriter", "OCR B", "OCRA", "Terminus (TTF)", "Px IBM VGA8",
    "Px IBM VGA9", "Px IBM EGA8", "Px IBM MDA", "Px VGA SquarePx", "Glass TTY VT220", "Go Mono", "Compagnon",
    "osifont",
)  # fmt: skip
NARROW_FAMILIES = (
    "Liberation Sans Narrow", "Nimbus Sans Narrow", "Roboto Condensed", "TeX Gyre Heros Cn",
    "Roadgeek 2014 Series B", "Roadgeek 2014 Series C", "Roadgeek 2014 Series D", "Play", "Go", "Dosis",
)  # fmt: skip


@dataclass(frozen=True)
class DocumentSlice:
    """A slice.

    Attributes:
        ink: (H, W) float32, 0 to 255.
        text: rows joined by newlines.
        boxes: (N, 4) float32 of each character of `text`.
    """

    ink: np.ndarray
    text: str
    boxes: np.ndarray


class DocumentSliceSource:
    """Draws slices of documents. The same generator gives the same slice."""

    def __init__(
        self,
        families: Mapping[str, Sequence[FontFace]],
        machine_families: Mapping[str, Sequence[FontFace]],
        text: DocumentText,
    ) -> None:
        """Set what lines are made of.

        Args:
            families: of running text, family to faces.
            machine_families: of receipts and machines, likewise; may be empty.
            text: writes the lines.
        """
        self.families = [list(faces) for name, faces in families.items() if not is_small_capitals(name)]
        self.machine_families = [list(faces) for faces in machine_families.values()] or self.families
        self.text = text

    def sample(self, rng: np.random.Generator, height: int, width: int, rows: int) -> DocumentSlice:
        """Draw a slice.

        Args:
            rng: decides everything.
            height: of the canvas in px.
            width: of it.
            rows: pieces of lines; what doesn't fit is left out.

        Returns:
            The slice.
        """
        canvas = Image.new("L", (width, height), 0)
        style, kind = draw_style(rng), self.text.kind(rng)
        face = self._face(rng, style)
        texts: list[str] = []
        boxes: list[np.ndarray] = []
        bottom_px, baseline_px = 0.0, 0.0
        wordless: tuple[int, ...] = ()
        if rng.random() < MARKS_SHARE:
            wordless = tuple(range(rows)) if rng.random() < 0.6 else (int(rng.integers(rows)),)
        for number in range(rows):
            if number and rng.random() < 0.2:
                style, kind = draw_style(rng), self.text.kind(rng)
                face = self._face(rng, style)
            elif rng.random() < 0.3:
                kind = self.text.kind(rng)
            target_px = _target_size(rng)
            room_em = (width - 2 * MARGIN_PX) / target_px
            row = self._row(rng, kind, face, style, room_em) if number not in wordless else None
            printed = print_row(rng, row, face, style) if row else draw_marks(rng, style.em_px, room_em)
            ink = _evened(rng, _with_remains(rng, printed, style))
            scale = target_px / style.em_px
            scale = min(scale, (width - 2 * MARGIN_PX) / ink.width, (height - 4) / ink.height)
            size = max(1, round(ink.width * scale)), max(1, round(ink.height * scale))
            rise = ABOVE_EM * style.em_px * scale
            if number == 0:
                top = max(MARGIN_PX + 0.8 * SLICE_SIZE_PX - rise, 1.0 - 0.2 * rise)
            else:
                top = max(baseline_px + ROW_PITCH_EM * SLICE_SIZE_PX - rise, bottom_px)
            top = round(top + rng.normal(0.0, 0.8))
            left = MARGIN_PX + round(rng.normal(0.0, 0.8))
            baseline_px = top + rise
            if number and baseline_px + 0.3 * target_px > height:
                break
            piece = ink.resize(size, Image.Resampling.LANCZOS)
            canvas.paste(
                ImageChops.lighter(piece, canvas.crop((left, top, left + size[0], top + size[1]))), (left, top)
            )
            bottom_px = baseline_px + 0.2 * target_px
            if row:
                texts.append(row.text)
                boxes.append(_boxes(row, style, style.em_px * scale, left, baseline_px, bool(boxes), boxes))
        joined = np.concatenate(boxes) if boxes else np.zeros((0, 4))
        return DocumentSlice(np.asarray(canvas, dtype=np.float32), "\n".join(texts), joined.astype(np.float32))

    def _face(self, rng: np.random.Generator, style: PrintStyle) -> FontFace:
        machine = rng.random() < (0.75 if style.process in MONOSPACED else 0.15)
        families = self.machine_families if machine else self.families
        faces = families[int(rng.integers(len(families)))]
        weights = np.array([face.weight for face in faces])
        return faces[int(rng.choice(len(faces), p=weights / weights.sum()))]

    def _row(self, rng: np.random.Generator, kind: str, face: FontFace, style: PrintStyle, room_em: float) -> SetRow:
        """Write a line and cut a piece out of it that fits."""
        for _ in range(12):
            line = self.text.line(rng, kind)
            if all(can_draw(face, character) for character in plain_text(line)):
                break
        else:
            line = str(rng.integers(1000))
        words = _words(rng, line, face, style)
        # Longest runs of words that fit, one after the other; one of them is shown.
        pieces: list[list[tuple[float, str]]] = [[]]
        used = 0.0
        for gap, word in words:
            width = word_width_em(face, word, style)
            if pieces[-1] and used + gap + width > room_em:
                pieces.append([])
                used = 0.0
            used += (gap if pieces[-1] else 0.0) + width
            pieces[-1].append((gap, word))
        chosen = pieces[int(rng.integers(len(pieces)))]
        if rng.random() < 0.12:  # lines are cut evenly, too
            chosen = chosen[: int(rng.integers(1, len(chosen) + 1))]
        row = set_words(face, chosen, style)
        return _cut(row, face, style, room_em) if row.width_em > room_em * 1.17 else row


def draw_marks(rng: np.random.Generator, em_px: float, room_em: float) -> np.ndarray:
    """Draw what looks like a line of text to whoever seeks lines, and is none: dashes, dots, rules, a chart's curve.

    Args:
        rng: decides.
        em_px: em size of the text that they might be.
        room_em: the widest that they may be in em.

    Returns:
        (H, W) float32 ink, 0 to 1.
    """
    height = max(4, round((ABOVE_EM + BELOW_EM) * em_px))
    width = max(8, round(room_em * em_px * float(rng.uniform(0.2, 1.0) if rng.random() < 0.5 else 1.0)))
    image = Image.new("L", (2 * width, 2 * height), 0)  # twice as large, for soft edges
    draw = ImageDraw.Draw(image)
    em, kind = 2 * em_px, rng.random()
    thick = max(1, round(em * float(np.exp(rng.uniform(np.log(0.03), np.log(0.4))))))
    y = 2 * height * float(rng.uniform(0.25, 0.75))
    if kind < 0.5:  # dashes or dots, even or not
        length = thick if rng.random() < 0.3 else em * float(np.exp(rng.uniform(np.log(0.1), np.log(1.5))))
        gap = em * float(np.exp(rng.uniform(np.log(0.06), np.log(0.9))))
        uneven = float(rng.uniform(0.0, 0.4)) if rng.random() < 0.3 else 0.0
        x = 0.0
        while x < 2 * width:
            own = length * (1.0 + uneven * float(rng.normal()))
            draw.rectangle((x, y - thick / 2, x + max(1.0, own), y + thick / 2), fill=255)
            x += max(2.0, own + gap)
    elif kind < 0.85:  # a curve, perhaps over a grid
        steps = int(rng.integers(4, 40))
        walk = np.cumsum(rng.normal(0.0, 1.0, steps))
        walk = (walk - walk.min()) / max(float(np.ptp(walk)), 1e-6)
        points = list(
            zip(np.linspace(0, 2 * width, steps).tolist(), (2 * height * (0.1 + 0.8 * walk)).tolist(), strict=True)
        )
        draw.line(points, fill=255, width=min(thick, round(0.15 * em) + 1))
        if rng.random() < 0.3:
            draw.line((0, y, 2 * width, y), fill=160, width=max(1, round(0.03 * em)))
    else:  # rules
        for _ in range(int(rng.integers(1, 4))):
            y = 2 * height * float(rng.uniform(0.1, 0.9))
            draw.rectangle((0, y, 2 * width, y + thick / 2), fill=255)
    return np.asarray(image.resize((width, height), Image.Resampling.BOX), dtype=np.float32) / 255.0


def _target_size(rng: np.random.Generator) -> float:
    """The em size on the slice: the reading path's estimate errs, more so where there are few letters."""
    if rng.random() < 0.05:
        return SLICE_SIZE_PX * float(rng.uniform(1.15, 1.5))
    return SLICE_SIZE_PX * float(np.clip(rng.normal(1.0, 0.075), 0.8, 1.25))


def _words(rng: np.random.Generator, line: str, face: FontFace, style: PrintStyle) -> list[tuple[float, str]]:
    """A line's words and the white before each in em."""
    space = word_width_em(face, " ", style) * (1.0 if rng.random() < 0.65 else float(rng.uniform(0.85, 1.9)))
    space = max(space, 0.2 * style.stretch) + 2.0 * max(0.0, style.tracking_em) * style.stretch
    words: list[tuple[float, str]] = []
    for column, part in enumerate(line.split(COLUMN_GAP)):
        for number, word in enumerate(part.split()):
            gap = float(rng.uniform(0.55, 1.0)) if column and not number else space
            words.append((gap if words else 0.0, word))
    return words


def _cut(row: SetRow, face: FontFace, style: PrintStyle, room_em: float) -> SetRow:
    """Break a word that is wider than the slice."""
    count = max(1, int((row.stops[:, 1] <= room_em).sum()))
    return set_words(face, [(0.0, row.text[:count])], style)


def _with_remains(rng: np.random.Generator, ink: np.ndarray, style: PrintStyle) -> np.ndarray:
    """What touches a line or is left of its surroundings: underlines, ends of rules, a neighbour's feet, specks."""
    if rng.random() > 0.22:
        return ink
    image = Image.fromarray((np.clip(ink, 0, 1) * 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    width, height = image.size
    em, kind, shade = style.em_px, rng.random(), int(rng.integers(90, 256))
    thickness = max(1, round(em * float(rng.uniform(0.02, 0.07))))

    def fill(x1: float, y1: float, box_width: float, box_height: float) -> None:
        draw.rectangle(
            (round(x1), round(y1), round(x1 + max(box_width, 1)) - 1, round(y1 + box_height) - 1), fill=shade
        )

    if kind < 0.45:  # an underline, whole or in part
        y = min(round((ABOVE_EM + float(rng.uniform(0.06, 0.24))) * em), height - thickness)
        begin, end = sorted(rng.uniform(0, width, 2).tolist()) if rng.random() < 0.4 else (0, width)
        fill(begin, y, end - begin, thickness)
    elif kind < 0.6:  # an upright rule of a table, higher than letters
        fill(0 if rng.random() < 0.5 else width - thickness, 0, thickness, height)
    elif kind < 0.85:  # feet or heads of the line above or below
        above = rng.random() < 0.6
        for _ in range(int(rng.integers(1, 6))):
            x, length = float(rng.uniform(0, width)), em * float(rng.uniform(0.05, 0.35))
            reach = max(1, round(em * float(rng.uniform(0.0, 0.07))))
            fill(x, 0 if above else height - reach, length, reach)
    else:
        for _ in range(int(rng.integers(1, 8))):
            left, top = float(rng.uniform(0, width)), float(rng.uniform(0, height))
            side = em * float(rng.uniform(0.01, 0.06))
            draw.ellipse((left, top, left + side, top + side), fill=shade)
    return np.asarray(image, dtype=np.float32) / 255.0


def _evened(rng: np.random.Generator, ink: np.ndarray) -> Image.Image:
    """Scale ink to its usual level, as the reading path does, on a patch of leftover paper now and then."""
    contrast = float(rng.uniform(0.35, 1.0)) if rng.random() < 0.4 else 1.0
    values = ink * 255.0 * contrast
    if rng.random() < 0.22:
        patch = float(rng.uniform(4.0, 60.0)) * contrast
        columns = ink.shape[1]
        slope = np.linspace(0.0, 1.0, columns, dtype=np.float32)[None, :] * float(rng.uniform(-0.7, 0.7))
        grain = rng.standard_normal(ink.shape, dtype=np.float32) * np.float32(rng.uniform(0.0, 8.0))
        values = np.maximum(values, np.clip(patch * (1.0 + slope) + grain, 0, 255) + values * 0.6)
    inked = values > 0.42 * max(float(values.max()), 1.0)
    level = float(np.percentile(values[inked], 80)) if inked.any() else 255.0
    gain = min(INK_LEVEL / max(level, 1.0), 12.0)
    return Image.fromarray(np.clip(np.rint(values * gain), 0, 255).astype(np.uint8))


def _boxes(
    row: SetRow,
    style: PrintStyle,
    em_px: float,
    left: int,
    baseline_px: float,
    follows: bool,
    former: list[np.ndarray],
) -> np.ndarray:
    """Boxes of a row's characters on the slice, the newline before it first where it follows another one."""
    x = left + (row.stops + pad_em(style)) * em_px
    above = np.full(len(x), baseline_px - BOX_ABOVE_EM * em_px)
    below = np.full(len(x), baseline_px + BOX_BELOW_EM * em_px)
    boxes = np.stack([x[:, 0], above, x[:, 1], below], axis=1)
    if follows:
        last = former[-1][-1]
        boxes = np.concatenate([[[last[2], last[1], last[2], last[3]]], boxes])
    return boxes
