"""Tables of a page in the reading of olmOCR-bench, which asks for a cell's neighbours and headings.

The verdicts are those of the official checker (olmocr 0.4, bench/tests.py), its habits included: a cell that spans
columns takes one place in its row but several among the headings; a heading that spans columns heads all columns to
its right; the first column of a Markdown table heads its rows.
"""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

_RULE_CHARACTERS = frozenset("- :")


@dataclass
class BenchTable:
    """A table as a grid of texts, and what heads its rows and columns.

    Attributes:
        rows: Texts, each row padded to the longest with empty ones.
        header_rows: Indices of rows that are headings.
        header_columns: Indices of columns that are headings.
        column_headings: Of a column, the texts that head it.
        row_headings: Of a row, the texts that head it.
    """

    rows: list[list[str]]
    header_rows: set[int] = field(default_factory=set)
    header_columns: set[int] = field(default_factory=set)
    column_headings: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    row_headings: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))


def find_tables(page: str, markdown: bool = True) -> list[BenchTable]:
    """Find the tables of a page.

    Args:
        page: Markdown with HTML.
        markdown: Whether tables of pipes count.

    Returns:
        Those of pipes, then those of HTML, each kind in order.
    """
    return [*(_markdown_tables(page) if markdown else []), *_html_tables(page)]


def _padded(rows: list[list[str]]) -> list[list[str]]:
    width = max(map(len, rows), default=0)
    return [row + [""] * (width - len(row)) for row in rows]


# ---- pipes


def _markdown_tables(page: str) -> list[BenchTable]:
    tables, lines = [], []
    for line in [*page.strip().split("\n"), ""]:
        if "|" in line:
            lines.append(line)
            continue
        rows = _padded(_cells_of_lines(lines)) if len(lines) >= 2 else []
        if rows:
            table = BenchTable(rows, header_rows={0}, header_columns={0} if rows[0] else set())
            for column, text in enumerate(rows[0]):
                table.column_headings[column].append(text)
            for index, row in enumerate(rows[1:], 1):
                if row:
                    table.row_headings[index].append(row[0])
            tables.append(table)
        lines = []
    return tables


def _cells_of_lines(lines: list[str]) -> list[list[str]]:
    bare = [line.replace("|", "").strip() for line in lines]
    rule = next((index for index, text in enumerate(bare) if text and set(text) <= _RULE_CHARACTERS), None)
    rows = []
    for index, line in enumerate(lines):
        if index == rule or (line.strip() and set(line) <= _RULE_CHARACTERS | {"|"}):
            continue
        cells = [cell.strip() for cell in line.split("|")]
        cells = cells[1:] if cells and not cells[0] else cells
        cells = cells[:-1] if cells and not cells[-1] else cells
        if cells:
            rows.append(cells)
    return rows


# ---- HTML


def _html_tables(page: str) -> list[BenchTable]:
    if "<table" not in page.lower():
        return []
    from bs4 import BeautifulSoup

    tables = [_HtmlTable(element).read() for element in BeautifulSoup(page, "html.parser").find_all("table")]
    return [table for table in tables if table.rows]


class _HtmlTable:
    """Reader of one `<table>`."""

    def __init__(self, element: Any) -> None:
        self.rows = element.find_all("tr")
        self.table = BenchTable([])
        self._spread: dict[tuple[int, int], str] = {}  # What a span writes into other places.
        self._wide: dict[str, set[int]] = defaultdict(set)  # Columns under a heading that spans several.
        self._tall: dict[str, set[int]] = defaultdict(set)  # Rows beside a heading that spans several.
        head = element.find("thead")
        if head:
            self.table.header_rows |= {self.rows.index(row) for row in head.find_all("tr")}

    def read(self) -> BenchTable:
        """Read the rows, then hand headings on to what they head."""
        rows = [self._read_row(index, row) for index, row in enumerate(self.rows)]
        self._hand_on(rows)
        self.table.rows = _padded(rows)
        return self.table

    def _read_row(self, index: int, row: Any) -> list[str]:
        if row.find("th"):
            self.table.header_rows.add(index)
        texts: list[str] = []
        column = 0
        for cell in row.find_all(["th", "td"]):
            while (index, column) in self._spread:
                texts.append(self._spread[index, column])
                column += 1
            for line_end in cell.find_all("br"):
                line_end.replace_with("\n")
            text = cell.get_text().strip()
            num_rows, num_columns = _span(cell, "rowspan"), _span(cell, "colspan")
            texts.append(text)
            for below in range(num_rows):
                for beside in range(num_columns):
                    if below or beside:
                        self._spread[index + below, column + beside] = "" if beside else text
            self._note_headings(cell.name, text, (index, column), (num_rows, num_columns))
            column += num_columns
        return texts

    def _note_headings(self, kind: str, text: str, place: tuple[int, int], span: tuple[int, int]) -> None:
        (row, column), (num_rows, num_columns) = place, span
        below = [row + offset for offset in range(1, num_rows) if row + offset < len(self.rows)]
        if kind == "td":
            if column in self.table.header_columns:
                for other in below:
                    self.table.row_headings[other].append(text)
            return
        columns = range(column, column + num_columns)
        self.table.header_columns.update(columns)
        self.table.header_rows.update(below)
        for other in columns:
            self.table.column_headings[other].append(text)
        if text and num_columns > 1:
            self._wide[text].update(columns)
        if text and num_rows > 1:
            self._tall[text].update(range(row, row + num_rows))

    def _hand_on(self, rows: list[list[str]]) -> None:
        table = self.table
        longest = max((len(row) for index, row in enumerate(rows) if index not in table.header_rows), default=0)
        for text, columns in self._wide.items():
            for column in range(min(columns), longest):
                _add(table.column_headings[column], text)
        for text, others in self._tall.items():
            for row in others:
                if row < len(rows):
                    _add(table.row_headings[row], text)
        for column in table.header_columns:
            for index, texts in enumerate(rows):
                if column < len(texts) and texts[column].strip():
                    _add(table.row_headings[index], texts[column])


def _add(texts: list[str], text: str) -> None:
    if text not in texts:
        texts.append(text)


def _span(cell: Any, name: str) -> int:
    found = re.fullmatch(r"\s*\+?(\d{1,4})\s*", str(cell.get(name, 1)))
    return int(found[1]) if found else 1
