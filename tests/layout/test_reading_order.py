"""Reading order and blocks, of lines whose boxes are known."""

import itertools

from got_ocr.layout.line import Line
from got_ocr.layout.reading_order import order_lines


def line(x1: int, y: int, x2: int, name: str, em_px: float = 20.0) -> Line:
    return Line((x1, y - 15, x2, y + 5), float(y), em_px, text=name)


def order(lines: list[Line]) -> str:
    return "".join(one.text for one in order_lines(lines))


def test_columns_are_read_one_after_the_other_from_any_start() -> None:
    lines = [line(0, 100 + 30 * row, 300, "abc"[row]) for row in range(3)]
    lines += [line(340, 100 + 30 * row, 640, "def"[row]) for row in range(3)]
    for shuffled in itertools.islice(itertools.permutations(lines), 0, 720, 97):
        assert order(list(shuffled)) == "abcdef"


def test_what_spans_both_columns_parts_them() -> None:
    upper = [line(0, 100, 300, "b"), line(340, 100, 640, "c")]
    lower = [line(0, 180, 300, "e"), line(340, 180, 640, "f")]
    assert order([line(0, 60, 640, "a"), *upper, line(0, 140, 640, "d"), *lower]) == "abcdef"


def test_a_block_ends_where_size_pitch_or_column_change() -> None:
    lines = [line(0, 30 * row, 300, "t") for row in range(1, 4)]
    lines += [line(0, 200 + 30 * row, 300, "u") for row in range(3)]
    lines += [line(0, 330, 300, "H", em_px=40.0)]
    assert [one.block for one in order_lines(lines)] == [0, 0, 0, 1, 1, 1, 2]
