"""Columns: the white strips that part them, the edges of a table's, and the lines that belong to each."""

import numpy as np

from got_ocr.layout.columns import find_columns, find_gutters
from got_ocr.layout.line import Line


def words(columns: tuple[int, ...], rows: int, width: int = 200) -> np.ndarray:
    """(n, 4) boxes of words that fill columns."""
    boxes = [
        (x, 20 + 30 * row, x + 40, 40 + 30 * row)
        for left in columns
        for row in range(rows)
        for x in range(left, left + width, 50)
    ]
    return np.array(boxes)


def test_the_white_between_two_columns_is_one_gutter() -> None:
    gutters = find_gutters(words((20, 300), 20), (640, 540), 20.0)
    assert len(np.unique(gutters[100, 225:295])) == 2 and gutters[300, 260] > 0
    assert gutters[300, 40] == 0 and gutters[300, 262] == gutters[100, 262]


def test_word_gaps_are_no_gutters_nor_is_white_of_a_few_rows() -> None:
    boxes = words((20,), 12, width=480)
    assert not find_gutters(boxes, (400, 540), 20.0)[60, 60:480].any()
    short = np.array([box for box in boxes if not (220 <= box[0] < 270 and box[1] < 80)])
    assert not find_gutters(short, (400, 540), 20.0)[60, 230:250].any()


def line(x1: int, y: int, x2: int) -> Line:
    return Line((x1, y, x2, y + 20), y + 15.0, 20.0)


def test_a_title_and_two_columns_are_three() -> None:
    lines = [line(0, 0, 640)]
    lines += [line(0, 60 + 30 * row, 300) for row in range(4)] + [line(340, 60 + 30 * row, 640) for row in range(4)]
    assert [column.lines for column in find_columns(lines)] == [(0,), (1, 2, 3, 4), (5, 6, 7, 8)]
    assert find_columns(lines)[2].box == (340, 60, 640, 170)
    assert find_columns([]) == ()
