"""What a line looks like: the width of its strokes, and the mark in front of an item."""

import numpy as np
import pytest

from got_ocr.layout.line import Line
from got_ocr.layout.line_facts import measure_line


def measure(own: np.ndarray, **fields: float) -> Line:
    line = Line((100, 50, 100 + own.shape[1], 50 + own.shape[0]), 65.0, 20.0, members=np.arange(4))
    return measure_line(line, own.astype(np.uint8) * 200, own)


def strokes(width_px: int) -> np.ndarray:
    own = np.zeros((16, 200), bool)
    for x in range(40, 190, 12):
        own[1:15, x : x + width_px] = True
    return own


def test_bolder_strokes_are_measured_as_wider() -> None:
    assert measure(strokes(4)).stroke_em == pytest.approx(4 / 20, abs=0.01)
    assert measure(strokes(2)).stroke_em == pytest.approx(2 / 20, abs=0.01)


@pytest.mark.parametrize(
    ("mark", "bullet_px", "is_dot"),
    [
        ((slice(6, 12), slice(0, 6)), 140.0, True),  # a dot
        ((slice(8, 10), slice(0, 12)), 140.0, False),  # a dash
        ((slice(1, 15), slice(0, 6)), 0.0, False),  # a letter
        ((slice(13, 16), slice(0, 3)), 0.0, False),  # a full stop on the baseline
    ],
)
def test_a_bullet_is_told_from_a_letter(mark: tuple[slice, slice], bullet_px: float, is_dot: bool) -> None:
    own = strokes(3)
    own[mark] = True
    found = measure(own)
    assert (found.bullet_px, found.is_dot) == (bullet_px, is_dot)


def test_a_cell_is_left_as_it_is() -> None:
    cell = Line((0, 0, 50, 20), 15.0, 20.0, table=0)
    assert measure_line(cell, np.zeros((20, 50), np.uint8), np.zeros((20, 50), bool)) is cell


def test_a_line_that_is_bold_at_its_beginning_alone_is_told_by_its_right_half() -> None:
    own = np.hstack([strokes(5), strokes(2)])
    found = measure(own)
    assert found.end_stroke_em == pytest.approx(2 / 20, abs=0.01)
    assert found.stroke_em > 1.4 * found.end_stroke_em


@pytest.mark.parametrize("gap_px", [8, 50])
def test_the_widest_white_in_a_line_is_measured(gap_px: int) -> None:
    own = np.hstack([strokes(4)[:, 40:188], np.zeros((16, gap_px), bool), strokes(4)[:, 40:188]])
    assert measure(own).gap_em == pytest.approx(gap_px / 20, abs=0.25)
    assert measure(np.zeros((16, 60), bool)).gap_em == 0.0
