"""What format mode needs to know of a page's lines beside their text: their sizes, how bold they are, their bullets.

Shape legend:
    H, W  height and width in px of a line's box
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .ink import weighted_median
from .reading_order import CAPITAL_EM, TextLine
from .tables import CellPlace, TableLayout

BULLET_EM = (0.08, 0.62)  # Least and greatest width of a bullet; dashes are wider than
BULLET_HEIGHT_EM = 0.5  # any bullet is high.
BULLET_GAP_EM, DOT_GAP_EM = 0.22, 0.35  # Least white between a dash or a dot and its item.
SOLID = 0.66  # Least share of ink in the box of a solid bullet.
EVEN_RING, RING_GAP_EM = 0.72, 0.4  # How much a ring is like its mirror images, and the least white behind it.
BULLET_MIDDLE_EM = (0.1, 0.5)  # Of a bullet over the baseline.
MANY_LETTERS, LETTERS_EM = 15, 0.78  # Least height of a line with so many letters.
TWO_HEIGHTS = 0.3  # Share of a line's columns whose ink ends below its capitals, but not far.
DASH_EM = 1.15  # Widest dash that marks an item.


@dataclass(frozen=True)
class LineFacts:
    """What a line looks like. Lengths are px of the upright picture.

    Attributes:
        em_px: font size.
        baseline_px: height of the baseline.
        stroke_em: mean width of its strokes along rows, in em.
        bullet_px: where the item begins behind a bullet or dash, from the left edge of the page; 0.0 without one.
        is_dot: whether that bullet is a filled dot or square, which is nothing else and is not shown to the model.
        table: number of its table, -1 outside of tables.
        row: of its cell.
        column: of its cell.
    """

    em_px: float
    baseline_px: float
    stroke_em: float
    bullet_px: float = 0.0
    is_dot: bool = False
    table: int = -1
    row: int = 0
    column: int = 0


def measure_line(
    line: TextLine, ink: np.ndarray, own: np.ndarray, scale: float, place: CellPlace | None = None
) -> LineFacts:
    """Measure a line.

    Args:
        line: in working px.
        ink: (H, W) uint8, how dark each pixel of its box is.
        own: (H, W) bool, which of them are its ink.
        scale: px of the ink to one of the picture.
        place: of its cell, None outside of tables.

    Returns:
        The facts.
    """
    if place is not None:
        facts = LineFacts(line.em_px / scale, line.baseline_px / scale, 0.0)
        return replace(facts, table=place.table, row=place.row, column=place.column)
    bullet, is_dot = _find_bullet(line, own)
    em_px = line.em_px
    if len(line.members) >= MANY_LETTERS:  # Some of so many reach up or down.
        em_px = min(em_px, (line.box[3] - line.box[1]) / LETTERS_EM)
    if line.even:
        em_px = min(em_px, _largest_em(line, own))
    return LineFacts(
        em_px=em_px / scale,
        baseline_px=line.baseline_px / scale,
        stroke_em=_stroke(ink, own) / em_px,
        bullet_px=(line.box[0] + bullet) / scale if bullet else 0.0,
        is_dot=is_dot,
    )


def _largest_em(line: TextLine, own: np.ndarray) -> float:
    """The largest size that a line taken for small letters alone can have, told by letters of two heights in it."""
    columns = own.any(0)
    rise = line.baseline_px - line.box[1] - own.argmax(0)[columns]
    upper = float(np.percentile(rise, 95)) if len(rise) else 0.0
    lower = np.mean((rise > 0.5 * upper) & (rise < 0.82 * upper)) if len(rise) else 0.0
    return upper / CAPITAL_EM if lower > TWO_HEIGHTS else line.em_px


def _stroke(ink: np.ndarray, own: np.ndarray) -> float:
    """Mean length in px of the runs of ink in the rows: darkness counts, so it is finer than a px."""
    if not own.any():
        return 0.0
    padded = np.pad(own, ((0, 0), (1, 1)))
    runs = int((padded[:, 1:] & ~padded[:, :-1]).sum())
    level = float(np.percentile(ink[own], 90))
    near = padded[:, 1:-1] | padded[:, :-2] | padded[:, 2:]
    return float(ink[near].sum()) / max(level, 1.0) / max(runs, 1)


def _find_bullet(line: TextLine, own: np.ndarray) -> tuple[int, bool]:
    """Find a bullet in front of a line. Returns where its item begins, or 0, and if it's a filled dot."""
    inked = np.flatnonzero(own.any(0))
    gaps = np.flatnonzero(np.diff(inked) > BULLET_GAP_EM * line.em_px)
    if not len(gaps):
        return 0, False
    end = int(inked[gaps[0]]) + 1
    rows = np.flatnonzero(own[:, int(inked[0]) : end].any(1))
    width, height = (end - int(inked[0])) / line.em_px, (int(rows[-1]) + 1 - int(rows[0])) / line.em_px
    middle = (line.baseline_px - line.box[1] - (rows[0] + rows[-1] + 1) / 2) / line.em_px
    if not BULLET_MIDDLE_EM[0] < middle < BULLET_MIDDLE_EM[1]:
        return 0, False
    is_dash = height < 0.2 and 1.6 * height < width < DASH_EM
    is_dot = BULLET_EM[0] < width < BULLET_EM[1] and height < BULLET_HEIGHT_EM and 0.6 < width / height < 1.6
    mark = own[rows[0] : rows[-1] + 1, int(inked[0]) : end]
    gap_em = (inked[gaps[0] + 1] - inked[gaps[0]]) / line.em_px
    is_dot &= gap_em > DOT_GAP_EM
    is_solid = bool(is_dot and mark.mean() >= SOLID)
    if is_dot and not is_solid:
        # A ring, or a letter that is a word: `a`, `e`, `o`.
        alike = np.mean(mark == mark[::-1]) > EVEN_RING and np.mean(mark == mark[:, ::-1]) > EVEN_RING
        is_dot = bool(alike and gap_em > RING_GAP_EM)
    return (int(inked[gaps[0] + 1]), is_solid) if is_dash or is_dot else (0, False)


def weigh(values: Sequence[float], weights: Sequence[float]) -> float:
    """Weighted median; 0.0 of nothing."""
    if not len(values) or sum(weights) <= 0:
        return 0.0
    return weighted_median(np.asarray(values, dtype=float), np.asarray(weights, dtype=float))


@dataclass(frozen=True)
class PageLayout:
    """What format mode needs to know of a page.

    Attributes:
        lines: facts of each line, in reading order.
        tables: by the number that their lines name.
    """

    lines: tuple[LineFacts, ...]
    tables: tuple[TableLayout, ...] = ()
