"""Find the tables of a page by their rules, and cut its lines at the edges of their cells.

A table has horizontal rules of one length above and below its rows. Its columns are parted by upright rules, or else
by white that goes through all of its rows. White alone, without rules, makes no table.

Shape legend:
    H, W  height and width in px of the picture that is looked at
    N     components: connected pieces of ink
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from .components import Components, find_components, paint_runs
from .line import Box, Line, box_array, join_parts, outer_box
from .reading_order import order_lines
from .table_columns import Head, find_edges, has_one_cell, split_lines, text_rows
from .thresholds import Ink, Tables
from .time_limit import check_time


@dataclass(frozen=True)
class Table:
    """What a table looks like. Its lines name it by its number, and say their row and column.

    Attributes:
        rows: how many.
        columns: how many.
        rules: numbers of the rows that have a rule above them; `rows` is the rule at the end.
        has_uprights: whether there are rules between the columns.
        aligns: `l`, `c` or `r` of each column, `?` where its lines are all of one width.
    """

    rows: int
    columns: int
    rules: frozenset[int]
    has_uprights: bool
    aligns: str


@dataclass
class _Grid:
    """A table in working px: its edges, its horizontal and upright rules' places, and boxes of short rules in it."""

    box: Box
    levels: list[float]
    uprights: list[float]
    short: np.ndarray

    @property
    def head(self) -> Head:
        """The head, which ends at the second rule, be it the last one."""
        return Head(self.levels[1], self.short)


@dataclass(frozen=True)
class FoundTable:
    """A table of a page.

    Attributes:
        table: what it looks like.
        cells: the lines of its cells, row by row.
    """

    table: Table
    cells: list[Line]

    def as_line(self) -> Line:
        """All of the table as if it were one line, to put it in order with the page's lines."""
        return replace(
            join_parts(self.cells, 0),
            baseline_px=float(np.median([cell.baseline_px for cell in self.cells])),
            em_px=float(np.median([cell.em_px for cell in self.cells])),
        )


def cut_tables(
    lines: list[Line], components: Components, ink: np.ndarray, text_px: float
) -> tuple[list[Line], list[FoundTable]]:
    """Find tables and cut their lines into the cells'.

    Args:
        lines: of a page.
        components: the page's, rules left out.
        ink: (H, W) uint8, of `ink_image`.
        text_px: usual height of a letter.

    Returns:
        The lines outside of tables, and the tables.
    """
    found: list[FoundTable] = []
    if lines and text_px:
        for grid in _find_grids(*find_rules(ink, text_px), lines, text_px):
            cut = _cut_grid(grid, lines, components)
            if cut is not None:
                table, lines = cut
                found.append(table)
    return lines, found


def order_with_tables(lines: list[Line], tables: Sequence[FoundTable]) -> tuple[list[Line], list[Table]]:
    """Put lines and tables in order.

    Args:
        lines: outside of tables.
        tables: of `cut_tables`.

    Returns:
        Lines in reading order, those of a table row by row; tables by the number that their lines name.
    """
    wholes = [table.as_line() for table in tables]
    by_members = {id(whole.members): table for whole, table in zip(wholes, tables, strict=True)}
    ordered: list[Line] = []
    in_order: list[Table] = []
    for line in order_lines([*lines, *wholes]):
        found = by_members.get(id(line.members))
        if found is None:
            ordered.append(line)
            continue
        ordered += [replace(cell, block=line.block, table=len(in_order)) for cell in found.cells]
        in_order.append(found.table)
    return ordered, in_order


def find_rules(ink: np.ndarray, text_px: float) -> tuple[np.ndarray, np.ndarray]:
    """Find straight rules.

    Args:
        ink: (H, W) uint8, of `ink_image`.
        text_px: usual height of a letter.

    Returns:
        (n, 4) boxes of horizontal rules and (m, 4) of upright ones, int64, (x1, y1, x2, y2).
    """
    dark = ink > max(Tables.RULE_SHARE * float(np.percentile(ink, Ink.DARKEST_PERCENT)), Tables.RULE_LEVEL)
    boxes = []
    for mask, length in zip((dark, dark.T), Tables.RULE_LENGTH, strict=True):
        runs = find_components(mask)
        long = runs.run_stop - runs.run_start > length * text_px
        rules = find_components(paint_runs(runs, long.astype(np.int32), mask.shape[:2]) > 0)
        thin = rules.height <= max(Tables.RULE_THICKNESS_PX, Tables.RULE_THICKNESS * text_px)
        boxes.append(rules.boxes[thin])
    return boxes[0], boxes[1][:, [1, 0, 3, 2]]


def _find_grids(horizontal: np.ndarray, upright: np.ndarray, lines: list[Line], text_px: float) -> list[_Grid]:
    """Group rules of one length that have text between them and nothing beside it."""
    boxes = box_array(lines)
    near, even = Tables.NEAR * text_px, max(Tables.EVEN_PX, Tables.EVEN * text_px)
    order = horizontal[np.argsort(horizontal[:, 1])]
    is_left = np.ones(len(order), bool)
    grids = []
    for first in range(len(order)):
        if not is_left[first]:
            continue
        check_time()
        group = [first]
        alike = np.abs(order[:, [0, 2]] - order[first, [0, 2]]).max(1) <= even
        for other in (first + 1 + np.flatnonzero((alike & is_left)[first + 1 :])).tolist():
            if not _is_table_between(order[group[-1]], order[other], boxes, near):
                break
            group.append(other)
            is_left[other] = False
        x1, x2 = int(order[group][:, 0].min()), int(order[group][:, 2].max())
        levels = order[group][:, [1, 3]].mean(1)
        kept = [float(levels[0])]
        kept += [float(b) for a, b in pairwise(levels) if b - a > near]
        if len(kept) < 2:
            continue
        y1, y2 = round(kept[0]), round(kept[-1])
        box = x1, y1, x2, y2
        is_short = (order[:, 0] > x1 - near) & (order[:, 2] < x2 + near) & (order[:, 1] > y1) & (order[:, 3] < y2)
        short = order[is_short & (order[:, 2] - order[:, 0] < x2 - x1 - 2 * near)]
        grids.append(_Grid(box, kept, _find_uprights(upright, box, near), short))
    return grids


def _is_table_between(above: np.ndarray, below: np.ndarray, boxes: np.ndarray, near: float) -> bool:
    """Whether there is text between two rules, and none that reaches over their ends."""
    x1, x2 = min(above[0], below[0]) - near, max(above[2], below[2]) + near
    middle = (boxes[:, 1] + boxes[:, 3]) / 2
    between = (middle > above[1]) & (middle < below[3]) & (boxes[:, 0] < x2) & (boxes[:, 2] > x1)
    inside = boxes[between]
    if below[1] - above[3] < Tables.DOUBLE * near:
        return True  # a double rule
    return len(inside) > 0 and bool(((inside[:, 0] > x1) & (inside[:, 2] < x2)).all())


def _find_uprights(upright: np.ndarray, box: Box, near: float) -> list[float]:
    """Places of the upright rules that part a table's columns, its edges included; none where there are no such."""
    x1, y1, x2, y2 = box
    reach = np.minimum(upright[:, 3], y2) - np.maximum(upright[:, 1], y1)
    x = upright[:, [0, 2]].mean(1)
    inside = (reach > 0) & (x > x1 - near) & (x < x2 + near)
    places: list[list[float]] = []
    for number in np.flatnonzero(inside)[np.argsort(x[inside])]:
        if places and x[number] - places[-1][0] < near:
            places[-1][1] += float(reach[number])
        else:
            places.append([float(x[number]), float(reach[number])])
    long = [place for place, length in places if length > Tables.UPRIGHT_SHARE * (y2 - y1)]
    inner = [place for place in long if x1 + near < place < x2 - near]
    return [float(x1), *inner, float(x2)] if inner else []


def _cut_grid(grid: _Grid, lines: list[Line], components: Components) -> tuple[FoundTable, list[Line]] | None:
    """Cut lines into the cells of a table. Returns it, and the lines that are left; None where it is no table."""
    inner, rest = _part_lines(grid.box, lines, components)
    if not inner:
        return None
    em = float(np.median([line.em_px for line in inner]))
    if len(grid.levels) == 2 and not grid.uprights:
        inner, rest = _take_rows_below(grid.box, inner, rest, components, em)
    edges = grid.uprights or find_edges(grid.box, inner, components, em, grid.head.y2)
    if len(edges) < 3:
        return None
    cells = _split(inner, edges, components) if grid.uprights else split_lines(inner, edges, components, em, grid.head)
    bands, rows = _find_rows(grid, cells, len(edges) - 1, em)
    cells = [replace(cell, row=row) for cell, row in zip(cells, rows, strict=True)]
    count, columns = max(rows) + 1, len(edges) - 1
    is_small = count * columns < Tables.LEAST_CELLS
    if is_small or _filled_share(cells, count, columns) < Tables.LEAST_FILLED or _is_prose(cells, edges, count, em):
        return None
    cells.sort(key=lambda cell: (cell.row, cell.column, cell.baseline_px, cell.box[0]))
    table = Table(count, columns, frozenset(bands), bool(grid.uprights), _tell_aligns(cells, columns, em))
    return FoundTable(table, cells), rest


def _columns_of(cell: Line) -> range:
    return range(cell.column, cell.column + cell.columns)


def _take_part(line: Line, members: np.ndarray, components: Components) -> Line:
    """Leave only some members in a line."""
    return replace(line, members=members, box=outer_box(components.boxes[members]))


def _part_lines(box: Box, lines: list[Line], components: Components) -> tuple[list[Line], list[Line]]:
    """Part lines into what lies within a box and what lies outside."""
    inner, rest = [], []
    for line in lines:
        middle = components.boxes[line.members].reshape(-1, 2, 2).mean(1)
        inside = (middle > box[:2]).all(1) & (middle < box[2:]).all(1)
        if inside.all():
            inner.append(line)
        elif not inside.any():
            rest.append(line)
        else:
            inner.append(_take_part(line, line.members[inside], components))
            rest.append(_take_part(line, line.members[~inside], components))
    return inner, rest


def _take_rows_below(
    box: Box, inner: list[Line], rest: list[Line], components: Components, em: float
) -> tuple[list[Line], list[Line]]:
    """Take the rows below a table's head, where no rule ends it: lines that stand close and keep to its columns."""
    x1, _, x2, bottom = box
    level, pitch, widest = float(bottom), Tables.OPEN_PITCH_EM * em, 0.0
    edges = find_edges(box, inner, components, em, bottom)
    count, is_first = len(edges), True
    while True:
        below = sorted(
            (
                line
                for line in rest
                if line.baseline_px > level + Tables.OPEN_ABOVE_EM * em and line.box[0] < x2 and line.box[2] > x1
            ),
            key=lambda line: line.baseline_px,
        )
        row = text_rows(below, em)[0] if below else []
        if not row or row[0].baseline_px - level > pitch:
            return inner, rest
        aside = Tables.OPEN_ASIDE_EM * em
        wide = any(line.box[0] < x1 - aside or line.box[2] > x2 + aside for line in row)
        others = find_edges(box, [*inner, *row], components, em, bottom)
        if wide or len(others) < max(count, 3):
            return inner, rest
        # One cell alone is a further line of a first cell, or else the text below the table.
        if not is_first and has_one_cell(row, components, em) and max(line.box[2] for line in row) > edges[1]:
            return inner, rest
        edges = others
        taken = {id(line) for line in row}
        rest = [line for line in rest if id(line) not in taken]
        # From the rule to the first row it is less than from row to row.
        widest = 0.0 if is_first else max(widest, row[0].baseline_px - level)
        pitch = Tables.OPEN_FIRST_EM * em if is_first else Tables.OPEN_PITCH * widest
        inner, level, is_first = [*inner, *row], row[0].baseline_px, False


def _split(lines: list[Line], edges: Sequence[float], components: Components) -> list[Line]:
    """Cut lines at the edges of columns. Returns the parts, which say their column."""
    cells: list[Line] = []
    for line in lines:
        middle = components.boxes[line.members][:, [0, 2]].mean(1)
        column = np.clip(np.searchsorted(edges, middle) - 1, 0, len(edges) - 2)
        cells += [
            replace(_take_part(line, line.members[column == number], components), column=int(number))
            for number in np.unique(column)
        ]
    return cells


def _find_rows(grid: _Grid, cells: list[Line], columns: int, em: float) -> tuple[list[int], list[int]]:
    """Tell rows of a table. Returns the rows that have a rule above them, and the row of each cell's line."""
    level = np.array([cell.baseline_px for cell in cells]) - Tables.LEVEL_EM * em
    band = np.searchsorted(grid.levels, level)
    texts: list[list[list[int]]] = []  # Of each band its rows of text, of each of these its lines.
    numbers = sorted(set(band.tolist()))
    for number in numbers:
        rows: list[list[int]] = []
        for at in sorted(np.flatnonzero(band == number).tolist(), key=lambda at: level[at]):
            if rows and level[at] - level[rows[-1][-1]] < Tables.WRAPPED_EM * em:
                rows[-1].append(at)
            else:
                rows.append([at])
        texts.append(rows)
    single = sum(len(rows) == 1 for rows in texts)
    is_ruled = len(texts) >= Tables.RULED_BANDS and single >= Tables.SINGLE_SHARE * len(texts)
    is_ruled &= len(grid.levels) > Tables.RULED_LEVELS
    row_of = np.zeros(len(cells), np.int64)
    rules, row = [], 0
    for number, rows in zip(numbers, texts, strict=True):
        rules.append(row) if number > 0 else None
        full = [len({column for at in text for column in _columns_of(cells[at])}) for text in rows]
        # Lines of a row's cells, not rows: few of them, or most fill hardly any column.
        is_few = len(rows) < Tables.WRAPPED_ROWS
        is_thin = float(np.median(full)) < Tables.WRAPPED_SHARE * columns
        is_wrapped = is_few and bool(grid.uprights) and min(full) < Tables.WRAPPED_SHARE * columns
        if len(rows) > 1 and (is_wrapped or (is_ruled and (is_few or is_thin))):
            rows = [[at for text in rows for at in text]]
        for text in rows:
            row_of[text] = row
            row += 1
    if len(grid.levels) > max(numbers):
        rules.append(row)
    return rules, row_of.tolist()


def _filled_share(cells: Sequence[Line], rows: int, columns: int) -> float:
    """Share of the cells that have text, rows of one cell left out where others are enough."""
    filled: list[set[int]] = [set() for _ in range(rows)]
    for cell in cells:
        filled[cell.row] |= set(_columns_of(cell))
    counts = [len(one) for one in filled if len(one) > 1]
    counts = counts if len(counts) >= Tables.BODY_ROWS else [len(one) for one in filled]
    return sum(counts) / (len(counts) * columns)


def _is_prose(cells: Sequence[Line], edges: Sequence[float], rows: int, em: float) -> bool:
    """Whether columns between rules are those of a page: wide, with many lines, most of them full."""
    cells = [cell for cell in cells if cell.columns == 1]
    if not cells:
        return False
    widths = (np.diff(edges) / em)[[cell.column for cell in cells]]
    share = np.array([cell.width_px / em for cell in cells]) / widths
    wide = widths > Tables.PROSE_WIDTH_EM
    most = Tables.PROSE_SHARE
    return bool(rows > Tables.PROSE_LINES and wide.mean() > most and np.median(share[wide]) > most)


def _tell_aligns(cells: Sequence[Line], columns: int, em: float) -> str:
    """Tell how each column is set, by which of the cells' edges or middles stand below each other."""
    cells = [cell for cell in cells if cell.columns == 1]
    boxes = box_array(cells)
    spreads = []
    for column in range(columns):
        own = boxes[[cell.column == column for cell in cells]]
        left, right = own[:, 0], own[:, 2]
        spreads.append([float(np.std(side)) / em if len(own) else 0.0 for side in (left, (left + right) / 2, right)])
    return "".join("lcr"[int(np.argmin(spread))] if max(spread) > Tables.ALIGN_EM else "?" for spread in spreads)
