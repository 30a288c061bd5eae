r"""Pictures of tables and their LaTeX.

The source is spelled one way: `\begin{tabular}{...}`, then one line for each row, `\\` at its end, cells parted by
` & `, `\hline` and `\cline{a-b}` on lines of their own, `\end{tabular}`. A cell over several columns is
`\multicolumn{n}{...}{...}`, one over several rows `\multirow{n}{*}{...}` with empty cells below it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from got_ocr.processing.mode import Mode
from got_ocr.processing.prompt import instruction
from got_ocr.synthesis.degradation.degradations import degrade_share
from got_ocr.synthesis.drawing.typeset import Typesetter
from got_ocr.synthesis.resources import Resources
from got_ocr.synthesis.sample import Sample, Turn
from got_ocr.synthesis.tables.cells import CellWriter
from got_ocr.synthesis.text.corpus import Corpus

_BORDERS = {"none": 0.1, "rules": 0.35, "head": 0.12, "grid": 0.33, "rows": 0.1}
_MOST_REDRAWS = 8


@dataclass
class _Cell:
    text: str
    columns: int = 1
    rows: int = 1


@dataclass
class _Grid:
    """Cells by (row, column) of their upper left corner; what a cell covers holds None."""

    rows: int
    columns: int
    cells: dict[tuple[int, int], _Cell | None] = field(default_factory=dict)

    def merge(self, row: int, column: int, cell: _Cell) -> bool:
        """Put a merged cell where only plain cells of one row and column are, and say whether it had room."""
        places = [(row + down, column + right) for down in range(cell.rows) for right in range(cell.columns)]
        if row + cell.rows > self.rows or column + cell.columns > self.columns:
            return False
        found = [self.cells[place] for place in places]
        if any(other is None or other.columns > 1 or other.rows > 1 for other in found):
            return False
        if any(not self._stands_without(down, places) for down in range(row, row + cell.rows)):
            return False
        self.cells.update(dict.fromkeys(places))
        self.cells[row, column] = cell
        return True

    def _stands_without(self, row: int, places: list[tuple[int, int]]) -> bool:
        """Say whether a row has a cell of its own beside these places: without one nobody could see the row."""
        if len({place[0] for place in places}) == 1:
            return True
        beside = (self.cells[row, column] for column in range(self.columns) if (row, column) not in places)
        return any(cell and cell.rows == 1 and cell.text for cell in beside)

    def crossed(self, row: int, column: int) -> bool:
        """Say whether a cell of the rows above goes on in this row, at this column."""
        for (top, left), cell in self.cells.items():
            if cell and top < row < top + cell.rows and left <= column < left + cell.columns:
                return True
        return False


def random_table(
    rng: np.random.Generator, corpus: Corpus, *, max_rows: int = 12, max_columns: int = 8, formulas: bool = True
) -> str:
    r"""Write a table.

    Args:
        rng: the only source of chance.
        corpus: where its words come from.
        max_rows: most rows, headings included.
        max_columns: most columns.
        formulas: whether some cells hold inline formulas.

    Returns:
        LaTeX from `\begin{tabular}` to `\end{tabular}`, one line for each row; needs multirow.
    """
    rows = int(np.ceil(max_rows * rng.beta(1.6, 1.8)))
    columns = int(np.ceil(max_columns * rng.beta(1.6, 2.2)))
    if rows * columns == 1:
        columns = min(2, max_columns)
    writer = CellWriter(rng, corpus, formulas)
    grid, aligns, headings = _filled(rng, writer, rows, columns)
    _merge_some(rng, grid, writer, headings)
    borders = str(rng.choice(list(_BORDERS), p=list(_BORDERS.values())))
    return _spelled(grid, aligns, borders, headings)


def _filled(rng: np.random.Generator, writer: CellWriter, rows: int, columns: int) -> tuple[_Grid, str, int]:
    """Fill a grid column by column; tell the columns' alignment and how many rows of headings stand above."""
    grid, aligns = _Grid(rows, columns), ""
    headings = 1 if rows > 1 and rng.random() < 0.85 else 0
    empty, centered = (0.12 if rng.random() < 0.3 else 0.0), rng.random() < 0.35
    for column in range(columns):
        make, is_number = (writer.words, False) if column == 0 and rng.random() < 0.5 else writer.column()
        usual = "r" if is_number else "l"
        aligns += "c" if centered else usual if rng.random() < 0.8 else writer.pick("lcr")
        for row in range(rows):
            text = writer.heading() if row < headings else "" if rng.random() < empty else make()
            grid.cells[row, column] = _Cell(text)
    if headings and columns > 1 and rng.random() < 0.15:
        grid.cells[0, 0] = _Cell("")
    return grid, aligns, headings


def _merge_some(rng: np.random.Generator, grid: _Grid, writer: CellWriter, headings: int) -> None:
    """Merge cells in some tables: headings over columns, groups of rows, cells anywhere."""
    if rng.random() < 0.5 or grid.rows < 2:
        return
    for _ in range(int(rng.integers(1, 4))):
        kind = rng.random()
        if kind < 0.4 and grid.columns > 1:  # across columns, in a heading as a rule
            row = 0 if headings and rng.random() < 0.7 else int(rng.integers(grid.rows))
            span = int(rng.integers(2, min(grid.columns, 4) + 1))
            grid.merge(row, int(rng.integers(grid.columns - span + 1)), _Cell(writer.heading(), columns=span))
        elif kind < 0.9 and grid.rows - headings > 1:  # across rows, on the left as a rule
            span = int(rng.integers(2, min(grid.rows - headings, 4) + 1))
            row = int(rng.integers(headings, grid.rows - span + 1))
            column = 0 if rng.random() < 0.65 else int(rng.integers(grid.columns))
            grid.merge(row, column, _Cell(writer.words(), rows=span))
        elif grid.columns > 2 and grid.rows - headings > 2:
            row, column = int(rng.integers(headings, grid.rows - 1)), int(rng.integers(grid.columns - 1))
            grid.merge(row, column, _Cell(writer.words(), columns=2, rows=2))


def _spelled(grid: _Grid, aligns: str, borders: str, headings: int) -> str:
    upright = borders == "grid"
    spec = "|" + "|".join(aligns) + "|" if upright else aligns
    lines = [rf"\begin{{tabular}}{{{spec}}}"]
    if borders != "none":
        lines.append(r"\hline")
    for row in range(grid.rows):
        if row and (borders in ("grid", "rows") or row == headings):
            lines += [] if borders == "none" else _rule(grid, row)
        lines.append(_row(grid, row, upright, aligns) + r" \\")
    if borders in ("grid", "rows", "rules"):
        lines.append(r"\hline")
    return "\n".join([*lines, r"\end{tabular}"])


def _rule(grid: _Grid, row: int) -> list[str]:
    r"""Rule above a row, parted where a cell of the rows above goes on."""
    free = [column for column in range(grid.columns) if not grid.crossed(row, column)]
    if len(free) == grid.columns:
        return [r"\hline"]
    stretches: list[list[int]] = []
    for column in free:
        if stretches and stretches[-1][1] == column - 1:
            stretches[-1][1] = column
        else:
            stretches.append([column, column])
    return ["".join(rf"\cline{{{first + 1}-{last + 1}}}" for first, last in stretches)] if stretches else []


def _row(grid: _Grid, row: int, upright: bool, aligns: str) -> str:
    written, column = [], 0
    while column < grid.columns:
        cell, span, text = grid.cells[row, column], 1, ""
        if cell:
            span, text = cell.columns, cell.text
            text = rf"\multirow{{{cell.rows}}}{{*}}{{{text}}}" if cell.rows > 1 else text
        else:  # Under a cell that goes down; as wide as that is.
            span = _width_above(grid, row, column)
        if span > 1:
            edges = ("|" if upright and column == 0 else "", "|" if upright else "")
            text = rf"\multicolumn{{{span}}}{{{edges[0]}c{edges[1]}}}{{{text}}}"
        written.append(text)
        column += span
    return " & ".join(written).strip().replace("  ", " ")


def _width_above(grid: _Grid, row: int, column: int) -> int:
    for top in range(row - 1, -1, -1):
        cell = grid.cells[top, column]
        if cell:
            return cell.columns
    return 1


class Tables:
    r"""Draws tables; the answer is their `tabular`.

    Args:
        resources: Fonts, text, the typesetter and the degradations.

    Raises:
        ValueError: The typesetter is not there.
    """

    name = "tables"

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._typesetter = Typesetter(resources)

    def draw(self, rng: np.random.Generator) -> Sample:
        """Draw one sample.

        Args:
            rng: the only source of chance.

        Returns:
            The sample; its source has the look.

        Raises:
            OSError: The browser is missing or fails again and again.
            ValueError: The typesetter refuses many tables in a row.
        """
        for redrawn in range(_MOST_REDRAWS):
            answer = random_table(rng, self._resources.corpus)
            style, spacing = self._typesetter.style(rng), _spacing(rng)
            try:
                image = self._typesetter.picture(answer, style, css=_css(spacing), latex_body=_latex(answer, spacing))
            except ValueError:
                if redrawn == _MOST_REDRAWS - 1:
                    raise
                continue
            break
        facts = {"latex": answer, **style.facts(self._typesetter.name), **spacing, "redrawn": redrawn}
        image, facts["degradations"] = degrade_share(image, rng, self._resources.degradations)
        return Sample(self.name, (image,), (Turn(instruction(Mode("format")), answer),), facts)


def _spacing(rng: np.random.Generator) -> dict[str, float]:
    return {
        "row_em": round(float(rng.uniform(0.05, 0.45)), 2),
        "column_em": round(float(rng.uniform(0.3, 1.2)), 2),
        "rule_px": float(rng.choice([1.0, 1.0, 1.5, 2.0])),
    }


def _css(spacing: Mapping[str, float]) -> str:
    rule = f"{spacing['rule_px']:g}px solid"
    sides = "".join(f".b{side[0]} {{ border-{side}: {rule}; }}" for side in ("top", "bottom", "left", "right"))
    return f"article {{ max-width: none; }} td {{ padding: {spacing['row_em']}em {spacing['column_em']}em; }} {sides}"


def _latex(answer: str, spacing: Mapping[str, float]) -> str:
    return (
        rf"\renewcommand\arraystretch{{{1 + spacing['row_em']:.2f}}}"
        rf"\setlength\tabcolsep{{{10 * spacing['column_em']:g}pt}}"
        rf"\setlength\arrayrulewidth{{{0.4 * spacing['rule_px']:g}pt}}{answer}"
    )
