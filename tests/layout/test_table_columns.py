"""Columns of tables without upright rules: cells of the head that span several, rows of one long cell."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from got_ocr.layout.components import find_components
from got_ocr.layout.line import Line
from got_ocr.layout.page import PageLayout, analyse_page
from got_ocr.layout.table_columns import find_edges

FONT = ImageFont.load_default(20)
LEFTS = (60, 260, 400, 540, 680)


def test_edges_are_the_middle_of_white_through_all_rows() -> None:
    mask = np.zeros((200, 400), bool)
    for y in (20, 60, 100):
        mask[y : y + 20, 20:80] = mask[y : y + 20, 160:230] = True
        mask[y : y + 20, 300:380] = True
    components = find_components(mask)
    row = Line((20, 20, 380, 40), 40.0, 20.0, members=np.arange(len(components.area)))
    assert find_edges((0, 0, 400, 200), [row], components, 20.0, 0.0) == [0.0, 120.0, 265.0, 400.0]


def drawn_table(*, short_rule: bool, section: bool, is_closed: bool) -> Image.Image:
    """A head of two rows, in which one cell spans the last four columns; five rows of cells."""
    image = Image.new("L", (860, 520), 255)
    pen = ImageDraw.Draw(image)
    levels = [40, 120, *([480] if is_closed else [])]
    for y in levels:
        pen.rectangle((40, y, 800, y + 1), 0)
    pen.text((400, 52), "all of the four together", 0, FONT)
    if short_rule:
        pen.rectangle((255, 80, 800, 81), 0)
    for x, text in zip(LEFTS, ["name", "one", "two", "three", "four"], strict=True):
        pen.text((x, 88), text, 0, FONT)
    for row in range(6):
        y = 135 + 44 * row
        if section and row == 2:
            pen.text((60, y), "what follows was counted in another year", 0, FONT)
            continue
        for x, text in zip(LEFTS, [f"thing {row}", "12.5", "8.25", "0.75", "99.0"], strict=True):
            pen.text((x, y), text, 0, FONT)
    return image


def cells(layout: PageLayout) -> list[tuple[int, int, int]]:
    return sorted((line.row, line.column, line.columns) for line in layout.lines if line.table == 0)


@pytest.mark.parametrize("is_closed", [True, False])
@pytest.mark.parametrize("section", [True, False])
def test_a_cell_over_a_short_rule_spans_its_columns(section: bool, is_closed: bool) -> None:
    if section and not is_closed:
        pytest.skip("below an open table, a line over several columns may be the text that follows it")
    layout = analyse_page(drawn_table(short_rule=True, section=section, is_closed=is_closed))
    assert [(one.rows, one.columns) for one in layout.tables] == [(8, 5)]
    found = cells(layout)
    assert found[0] == (0, 1, 4)
    assert found[1:6] == [(1, column, 1) for column in range(5)]
    rows = [[cell for cell in found if cell[0] == row] for row in range(2, 8)]
    for number, row in enumerate(rows):
        if section and number == 2:
            assert len(row) == 1 and row[0][1] == 0 and row[0][2] > 1, "one cell, not cut between its words"
        else:
            assert row == [(number + 2, column, 1) for column in range(5)]


def test_without_a_rule_a_cell_spans_what_it_covers() -> None:
    layout = analyse_page(drawn_table(short_rule=False, section=False, is_closed=True))
    assert [(one.rows, one.columns) for one in layout.tables] == [(8, 5)]
    (top,) = [cell for cell in cells(layout) if cell[0] == 0]
    assert top[1] in (1, 2) and top[2] >= 2


def test_text_below_an_open_table_is_no_row_of_it() -> None:
    image = drawn_table(short_rule=True, section=False, is_closed=False)
    pen = ImageDraw.Draw(image)
    pen.text((60, 405), "A sentence that stands below the table and says what it shows.", 0, FONT)
    layout = analyse_page(image)
    assert [(one.rows, one.columns) for one in layout.tables] == [(8, 5)]
    assert [line.table for line in layout.lines][-1] == -1


def test_lines_of_a_first_cell_below_each_other_stay_in_an_open_table() -> None:
    image = Image.new("L", (760, 560), 255)
    pen = ImageDraw.Draw(image)
    for y in (40, 80):
        pen.rectangle((40, y, 700, y + 1), 0)
    for x, text in zip((60, 400, 540), ["name", "one", "two"], strict=True):
        pen.text((x, 50), text, 0, FONT)
    y = 92
    for lines in (1, 2, 3, 1, 2):
        for number in range(lines):
            pen.text((60, y), "a longer name of it"[: 19 - 3 * number], 0, FONT)
            if not number:
                pen.text((400, y), "12.5", 0, FONT)
                pen.text((540, y), "7.75", 0, FONT)
            y += 26
        y += 6
    (found,) = analyse_page(image).tables
    assert found.columns == 3 and found.rows >= 6


def test_a_cell_over_the_white_between_two_columns_spans_them() -> None:
    image = Image.new("L", (860, 420), 255)
    pen = ImageDraw.Draw(image)
    for y in (40, 110, 390):
        pen.rectangle((40, y, 800, y + 1), 0)
    for x, text in [(60, "name"), (345, "men"), (625, "women")]:
        pen.text((x, 50), text, 0, FONT)
    for x in (270, 420, 560, 700):
        pen.text((x, 80), "sum" if x in (270, 560) else "rate", 0, FONT)
    for row in range(6):
        for x, text in [(60, f"thing {row}"), (270, "12.5"), (420, "8.25"), (560, "0.75"), (700, "99.0")]:
            pen.text((x, 125 + 42 * row), text, 0, FONT)
    layout = analyse_page(image)
    assert [(one.rows, one.columns) for one in layout.tables] == [(8, 5)]
    assert cells(layout)[:3] == [(0, 0, 1), (0, 1, 2), (0, 3, 2)]
