r"""Tables to LaTeX: cells that span columns, cells of several lines, marks that LaTeX gives a meaning."""

from collections.abc import Set

import pytest

from got_ocr.evaluation.tables import parse_table
from got_ocr.layout.line import Line
from got_ocr.layout.tables import Table
from got_ocr.slices.table_text import escape, write_table


def cell(row: int, column: int, text: str, columns: int = 1) -> Line:
    return Line((0, 0, 9, 9), table=0, row=row, column=column, columns=columns, text=text)


def written(cells: list[Line], rows: int, columns: int, rules: Set[int] = frozenset()) -> list[list[str]]:
    source = write_table(Table(rows, columns, frozenset(rules), False, "l" * columns), cells)
    return [[one.text for one in row] for row in parse_table(source)]


def test_a_cell_spans_columns_up_to_the_next_text() -> None:
    cells = [cell(0, 1, "both", 2), cell(1, 0, "a"), cell(1, 1, "b"), cell(1, 2, "c")]
    source = write_table(Table(2, 3, frozenset({0, 2}), False, "lcc"), cells)
    assert source.split("\n")[2] == "& \\multicolumn{2}{c}{both} \\\\"
    assert [[(one.text, one.columns) for one in row] for row in parse_table(source)] == [
        [("", 1), ("both", 2)],
        [("a", 1), ("b", 1), ("c", 1)],
    ]
    overlapping = [cell(0, 0, "two", 3), cell(0, 2, "own"), *cells[1:]]
    assert "\\multicolumn{2}{c}{two} & own" in write_table(Table(2, 3, frozenset(), False, "lcc"), overlapping)


def test_further_lines_of_cells_are_no_rows() -> None:
    head = [cell(0, 0, "name"), cell(0, 1, "rather"), cell(0, 2, "sum"), cell(0, 3, "of"), cell(1, 1, "agree")]
    first = [cell(2, 0, "A long"), *(cell(2, column, str(column)) for column in (1, 2, 3)), cell(3, 0, "name of it")]
    assert written([*head, *first], 4, 4, {0, 2, 4}) == [
        ["name", "rather agree", "sum", "of"],
        ["A long name of it", "1", "2", "3"],
    ]


@pytest.mark.parametrize(
    "second",
    [
        [cell(1, 0, "lamp"), cell(1, 1, "none")],  # a row of its own: a first cell and others
        [cell(1, 0, "Lamps")],  # a heading within the table
        [cell(1, 1, "all"), cell(1, 2, "two"), cell(1, 3, "of it")],  # most columns
    ],
)
def test_rows_stay_rows(second: list[Line]) -> None:
    first = [cell(0, column, text) for column, text in enumerate(["desk", "some", "more", "most"])]
    assert len(written([*first, *second], 2, 4)) == 2
    ruled = [*first, cell(1, 0, "and chairs")]
    assert len(written(ruled, 2, 4)) == 1
    assert len(written(ruled, 2, 4, {1})) == 2, "a rule parts them"
    ended = [cell(0, 0, "The desk."), *first[1:], cell(1, 0, "and chairs")]
    assert len(written(ended, 2, 4)) == 2


@pytest.mark.parametrize("text", ["{122)", "}", "a{b}c", "5 % of $3 & #4_x", "C:\\new", "end\\\\", "\\", "{{{"])
def test_no_text_of_a_cell_moves_another(text: str) -> None:
    cells = [cell(row, column, text if (row, column) == (0, 0) else "x") for row in range(3) for column in range(3)]
    rows = written(cells, 3, 3)
    assert [len(row) for row in rows] == [3, 3, 3]
    assert rows[0][0].replace("\\textbackslash{}", "\\") == text
    assert escape("costs $5 {or} 5 %") == "costs \\$5 {or} 5 %", "text outside of tables keeps its braces"
    assert escape("\\(a_{1}\\) is $5") == "\\(a_{1}\\) is \\$5", "formulas stay as they are"
