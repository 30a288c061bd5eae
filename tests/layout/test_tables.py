"""Tables: rules found, grids of them cut into cells; rules in prose and columns of a page are no table."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from got_ocr.layout.page import PageLayout, analyse_page
from got_ocr.layout.tables import find_rules

FONT = ImageFont.load_default(20)
ROWS = [["item", "price", "stock"], ["lamp", "12.50", "3"], ["chair", "80.00", "14"], ["desk", "240.00", "2"]]


def table(uprights: bool, inner_rules: bool) -> Image.Image:
    image = Image.new("L", (700, 400), 255)
    pen = ImageDraw.Draw(image)
    for row, texts in enumerate(ROWS):
        for column, text in enumerate(texts):
            pen.text((60 + 200 * column, 85 + 50 * row), text, 0, FONT)
    for row in range(5):
        if inner_rules or row in (0, 1, 4):
            pen.rectangle((40, 72 + 50 * row, 640, 73 + 50 * row), 0)
    for column in range(4):
        if uprights:
            pen.rectangle((40 + 200 * column, 72, 41 + 200 * column, 273), 0)
    return image


def cells(layout: PageLayout) -> list[tuple[int, int]]:
    return [(line.row, line.column) for line in layout.lines if line.table == 0]


@pytest.mark.parametrize("uprights", [False, True])
@pytest.mark.parametrize("inner_rules", [False, True])
def test_a_ruled_table_is_cut_into_its_cells(uprights: bool, inner_rules: bool) -> None:
    layout = analyse_page(table(uprights, inner_rules))
    assert [(one.rows, one.columns, one.has_uprights) for one in layout.tables] == [(4, 3, uprights)]
    assert cells(layout) == [(row, column) for row in range(4) for column in range(3)]


def test_rules_are_found_with_their_places() -> None:
    ink = 255 - np.asarray(table(True, False))
    horizontal, upright = find_rules(ink, 15.0)
    assert sorted(horizontal[:, 1].tolist()) == [72, 122, 272]
    assert sorted(upright[:, 0].tolist()) == [40, 240, 440, 640]


def test_prose_between_two_rules_is_no_table() -> None:
    image = Image.new("L", (700, 300), 255)
    pen = ImageDraw.Draw(image)
    pen.rectangle((40, 50, 640, 51), 0)
    pen.rectangle((40, 250, 640, 251), 0)
    for row in range(5):
        pen.text((40, 70 + 32 * row), "a line of words that goes on over the whole of the width", 0, FONT)
    assert not analyse_page(image).tables


def test_rows_below_a_head_of_two_ruled_rows_stay_rows() -> None:
    image = Image.new("L", (700, 460), 255)
    pen = ImageDraw.Draw(image)
    for row in range(9):
        for column in range(3):
            if row or column:
                pen.text((60 + 200 * column, 50 + 40 * row), f"{'abc'[column]} {row}{column}", 0, FONT)
    for y in (40, 80, 120, 412):
        pen.rectangle((40, y, 640, y + 1), 0)
    (found,) = analyse_page(image).tables
    assert (found.rows, found.columns) == (9, 3)
