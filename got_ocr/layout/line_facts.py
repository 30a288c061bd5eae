"""What format mode needs to know of a page's lines beside their text: their sizes, how bold they are, their bullets.

Shape legend:
    H, W  height and width in px of a line's box
"""

from dataclasses import replace

import numpy as np

from .line import Line
from .thresholds import Bullets, Face, Facts


def measure_line(line: Line, ink: np.ndarray, own: np.ndarray) -> Line:
    """Measure a line.

    Args:
        line: in working px.
        ink: (H, W) uint8, how dark each pixel of its box is.
        own: (H, W) bool, which of them are its ink.

    Returns:
        The line with its strokes, its gap, its bullet and its size, which many letters tell better; a cell as it is.
    """
    if line.table >= 0:
        return line
    bullet, is_dot = _find_bullet(line, own)
    em_px = line.em_px
    if len(line.members) >= Facts.MANY_LETTERS:
        em_px = min(em_px, line.height_px / Facts.LETTERS_EM)
    if line.is_even:
        em_px = min(em_px, _largest_em(line, own))
    half = own.shape[1] // 2
    return replace(
        line,
        em_px=em_px,
        stroke_em=_measure_stroke(ink, own) / em_px,
        end_stroke_em=_measure_stroke(ink[:, half:], own[:, half:]) / em_px,
        gap_em=_widest_gap(own[:, bullet:]) / em_px,
        bullet_px=float(line.box[0] + bullet) if bullet else 0.0,
        is_dot=is_dot,
    )


def _largest_em(line: Line, own: np.ndarray) -> float:
    """The largest size that a line taken for small letters alone can have, told by letters of two heights in it."""
    columns = own.any(0)
    rise = line.baseline_px - line.box[1] - own.argmax(0)[columns]
    if not len(rise):
        return line.em_px
    upper = float(np.percentile(rise, Facts.UPPER_PERCENT))
    lower = np.mean((rise > Facts.LOWER[0] * upper) & (rise < Facts.LOWER[1] * upper))
    return upper / Face.CAPITAL_EM if lower > Facts.TWO_HEIGHTS else line.em_px


def _measure_stroke(ink: np.ndarray, own: np.ndarray) -> float:
    """Mean length in px of the runs of ink in the rows: darkness counts, so it is finer than a px."""
    if not own.any():
        return 0.0
    padded = np.pad(own, ((0, 0), (1, 1)))
    runs = int((padded[:, 1:] & ~padded[:, :-1]).sum())
    level = float(np.percentile(ink[own], Facts.STROKE_PERCENT))
    near = padded[:, 1:-1] | padded[:, :-2] | padded[:, 2:]
    return float(ink[near].sum()) / max(level, 1.0) / max(runs, 1)


def _widest_gap(own: np.ndarray) -> float:
    """Most columns in px without ink between two with ink."""
    steps = np.diff(np.flatnonzero(own.any(0)))
    return float(steps.max() - 1) if len(steps) else 0.0


def _find_bullet(line: Line, own: np.ndarray) -> tuple[int, bool]:
    """Find a bullet in front of a line. Returns where its item begins, or 0, and if it's a filled dot."""
    inked = np.flatnonzero(own.any(0))
    gaps = np.flatnonzero(np.diff(inked) > Bullets.GAP_EM * line.em_px)
    if not len(gaps):
        return 0, False
    end = int(inked[gaps[0]]) + 1
    rows = np.flatnonzero(own[:, int(inked[0]) : end].any(1))
    width, height = (end - int(inked[0])) / line.em_px, (int(rows[-1]) + 1 - int(rows[0])) / line.em_px
    middle = (line.baseline_px - line.box[1] - (rows[0] + rows[-1] + 1) / 2) / line.em_px
    if not Bullets.MIDDLE_EM[0] < middle < Bullets.MIDDLE_EM[1]:
        return 0, False
    is_dash = height < Bullets.DASH_HEIGHT_EM and Bullets.DASH_SHAPE * height < width < Bullets.DASH_WIDTH_EM
    is_dot = Bullets.WIDTH_EM[0] < width < Bullets.WIDTH_EM[1] and height < Bullets.HEIGHT_EM
    is_dot &= Bullets.DOT_SHAPE[0] < width / height < Bullets.DOT_SHAPE[1]
    mark = own[rows[0] : rows[-1] + 1, int(inked[0]) : end]
    gap_em = (inked[gaps[0] + 1] - inked[gaps[0]]) / line.em_px
    is_dot &= gap_em > Bullets.DOT_GAP_EM
    is_solid = bool(is_dot and mark.mean() >= Bullets.SOLID)
    if is_dot and not is_solid:
        # A ring, or a letter that is a word: `a`, `e`, `o`.
        alike = np.mean(mark == mark[::-1]) > Bullets.EVEN_RING and np.mean(mark == mark[:, ::-1]) > Bullets.EVEN_RING
        is_dot = bool(alike and gap_em > Bullets.RING_GAP_EM)
    return (int(inked[gaps[0] + 1]), is_solid) if is_dash or is_dot else (0, False)
