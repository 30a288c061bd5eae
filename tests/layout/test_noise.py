"""Dust, grain and shadows are no lines; faint text that is darker than the grain is."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from got_ocr.layout.components import find_components
from got_ocr.layout.line import Line
from got_ocr.layout.noise import find_dashes, remove_dashes, remove_noise
from got_ocr.layout.page import analyse_page


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


@pytest.mark.parametrize(("width", "thickness", "gap"), [(16, 5, 6), (9, 4, 9), (24, 6, 4)])
def test_a_row_of_dashes_is_no_line(width: int, thickness: int, gap: int) -> None:
    image = Image.new("L", (700, 160), 255)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(22)
    draw.text((20, 10), "TOTAL - 12.50", fill=0, font=font)
    for number, x in enumerate(range(20, 680 - width, width + gap)):
        draw.rectangle((x, 70 + number % 2, x + width, 70 + thickness), fill=0)
    draw.text((20, 110), "----- CASH -----", fill=0, font=font)
    lines = analyse_page(image).lines
    assert [line.box[1] // 50 for line in lines] == [0, 2], "text between dashes stays"


def test_words_whose_letters_touch_are_no_dashes() -> None:
    image, font = Image.new("L", (1300, 120), 255), ImageFont.load_default(15)
    draw = ImageDraw.Draw(image)
    for row in range(4):
        x = 20.0
        for word in (
            "without",
            "warranty",
            "reserves",
            "products",
            "accordance",
            "electronic",
            "internet",
            "current",
        ) * 2:
            for letter in word:
                draw.text((x, 10 + 22 * row), letter, fill=0, font=font)
                x += font.getlength(letter) - 1.5
            x += 4
    assert not find_dashes(find_components(np.asarray(image) < 160)).any()
