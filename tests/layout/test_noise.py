"""Dust, grain and shadows are no lines; faint text that is darker than the grain is."""

import numpy as np

from got_ocr.layout.line import Line
from got_ocr.layout.noise import remove_noise


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
