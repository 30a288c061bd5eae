r"""Tables of a page to LaTeX's `tabular`, and texts of lines to what Mathpix Markdown takes for the same."""

import re
from collections.abc import Sequence

from ..layout.line import Line
from ..layout.tables import Table
from .formula_text import FORMULA, join_formulas
from .joining import is_broken
from .thresholds import Cells

_FORMULA = re.compile(f"({FORMULA.pattern})", re.DOTALL)
_TEXT_MARKS = re.compile(r"(?<!\\)\$")
_CELL_MARKS = re.compile(r"(?<!\\)[&%$#_{}]|\\(?![&%$#_{}])")
SENTENCE_ENDS = ".!?:;"
CLOSING = "\"'”’)]»"


def write_table(table: Table, rows: Sequence[Line]) -> str:
    """Write a table as the data engine spells tables (got_ocr/synthesis/tables/kind.py)."""
    cells = [[""] * table.columns for _ in range(table.rows)]
    spans: dict[tuple[int, int], int] = {}
    for row in rows:
        cells[row.row][row.column] = join_lines([cells[row.row][row.column], row.text])
        spans[row.row, row.column] = max(row.columns, spans.get((row.row, row.column), 1))
    joined = _join_wrapped(table, cells)
    aligns = _settled_aligns(table.aligns, [texts for _, texts in joined])
    spec = "|" + "|".join(aligns) + "|" if table.has_uprights else aligns
    lines = [f"\\begin{{tabular}}{{{spec}}}"]
    for number, texts in joined:
        lines += ["\\hline"] * (number in table.rules)
        written, column = [], 0
        while column < table.columns:
            text, span = escape(texts[column], _CELL_MARKS), 1
            # A cell spans its columns up to the next one that has a text.
            while span < spans.get((number, column), 1) and not texts[column + span]:
                span += 1
            written.append(text if span == 1 else f"\\multicolumn{{{span}}}{{c}}{{{text}}}")
            column += span
        lines.append(" & ".join(written).strip().replace("  ", " ") + " \\\\")
    lines += ["\\hline"] * (table.rows in table.rules)
    return "\n".join([*lines, "\\end{tabular}"])


def _join_wrapped(table: Table, cells: Sequence[list[str]]) -> list[tuple[int, list[str]]]:
    """Join rows of text that are further lines of the cells above. Returns the rows, each with its first's number."""
    rows: list[tuple[int, list[str]]] = []
    for number, texts in enumerate(cells):
        is_below = bool(rows) and number not in table.rules and sum(map(bool, rows[-1][1])) > 1
        if is_below and _is_further(texts, rows[-1][1]):
            rows[-1] = rows[-1][0], [join_lines(pair) for pair in zip(rows[-1][1], texts, strict=True)]
        else:
            rows.append((number, texts))
    return rows


def _is_further(texts: Sequence[str], above: Sequence[str]) -> bool:
    """Whether all that is filled of a row begins small, below what doesn't end a sentence."""
    filled = [column for column, text in enumerate(texts) if text]
    if not filled or len(filled) > Cells.FURTHER_SHARE * len(texts) or (0 in filled and len(filled) > 1):
        return False
    ends = [above[column].rstrip(CLOSING)[-1:] for column in filled]
    return all(texts[column][0].islower() for column in filled) and all(
        end and end not in SENTENCE_ENDS for end in ends
    )


def _settled_aligns(aligns: str, cells: Sequence[Sequence[str]]) -> str:
    """Decide on columns whose cells are all of one width: as most others are set, else numbers to the right."""
    known = aligns.replace("?", "")
    if known.count("c") > Cells.MAJORITY * len(known):
        return aligns.replace("?", "c")
    texts = ["".join(row[column] for row in cells[len(cells) > Cells.HEAD_ROWS :]) for column in range(len(aligns))]
    usual = ["r" if sum(map(str.isdigit, text)) > Cells.MAJORITY * len(text) else "l" for text in texts]
    return "".join(own if letter == "?" else letter for letter, own in zip(aligns, usual, strict=True))


def join_lines(texts: Sequence[str]) -> str:
    """Join lines by spaces, and words that are broken over two lines."""
    joined = ""
    for text in texts:
        if joined and text and is_broken(joined, text):
            joined = joined[:-1] + text
        else:
            joined += (" " if joined and text else "") + text
    return join_formulas(joined)


def escape(text: str, marks: re.Pattern[str] = _TEXT_MARKS) -> str:
    r"""Write marks that Mathpix Markdown gives a meaning with a backslash, formulas left as they are.

    In a cell these are more: a brace that nothing closes would take all cells to come, a backslash end the row.
    """
    parts = _FORMULA.split(text)
    return "".join(part if number % 2 else marks.sub(_escaped, part) for number, part in enumerate(parts))


def _escaped(mark: re.Match[str]) -> str:
    return r"\textbackslash{}" if mark.group() == "\\" else "\\" + mark.group()
