"""Dust, grain and shadows are no lines; faint text that is darker than the grain is."""

import numpy as np

from got_ocr.layout.line import Line
from got_ocr.layout.noise import remove_dashes, remove_noise


def marks(number: int, count: int, em_px: float, level: int, ink: np.ndarray) -> Line:
    x, y = 20 + 40 * number % 300, 20 + 40 * (number // 8)
    ink[y : y + 12, x : x + 20] = level
    return Line((x, y, x + 20, y + 12), y + 12.0, em_px, members=np.arange(count))


def test_few_marks_hardly_darker_than_the_grain_are_left_out() -> None:
    ink = np.random.default_rng(0).integers(0, 30, (300, 400)).astype(np.uint8)
    faint, dark = marks(0, 2, 16.0, 40, ink), marks(9, 2, 16.0, 200, ink)
    word = marks(18, 12, 16.0, 40, ink)
    mask = np.zeros(ink.shape, bool)
    for line in (faint, dark, word):
        mask[line.box[1] : line.box[3], line.box[0] : line.box[2]] = True
    kept = remove_noise([faint, dark, word], ink, mask, 1.0)
    assert [line.box for line in kept] == [dark.box, word.box]


def test_a_page_of_strewn_specks_is_empty() -> None:
    ink = np.zeros((600, 400), np.uint8)
    lines = [marks(number, 1, 8.0 + 5 * (number % 4), 200, ink) for number in range(20)]
    assert remove_noise(lines, ink, ink > 0, 1.0) == []


def test_an_upright_dashed_line_is_left_out_and_a_column_of_digits_is_not() -> None:
    dashes = [Line((100, 20 + 30 * row, 104, 38 + 30 * row), 38.0, 24.0, members=np.arange(1)) for row in range(7)]
    digits = [Line((200, 20 + 30 * row, 212, 38 + 30 * row), 38.0, 24.0, members=np.arange(1)) for row in range(7)]
    words = [Line((300, 20 + 30 * row, 400, 38 + 30 * row), 38.0, 24.0, members=np.arange(9)) for row in range(7)]
    assert remove_dashes([*dashes, *digits, *words]) == [*digits, *words]
    assert remove_dashes(dashes[:4]) == dashes[:4], "a few may be letters"
    assert remove_dashes([]) == []
