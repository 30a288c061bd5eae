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

from .ink import Components, find_components, paint_runs
from .reading_order import TextLine, box_array, order_lines
from .rows import join_parts

RULE_SHARE = 0.25  # Of the page's darkest ink: a hair line that was reduced is as pale.
RULE_LENGTH = 3.5, 1.9  # Least length of horizontal and upright rules, in heights of a letter.
RULE_THICKNESS = 0.4  # Largest, in heights of a letter.
COLUMN_GAP_EM = 1.05  # Least white between two columns without a rule; words of typewriter faces are up to 0.95 apart.
WRAPPED_EM = 0.95  # Baselines closer than this are of one row: cells of several lines stand in its middle.
ROW_EM = 0.45  # Baselines further apart are of two rows of text.
PROSE_WIDTH_EM, PROSE_LINES = 14.0, 6  # Columns so wide with more lines, all full, are a page's, not a table's.

_Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class TableLayout:
    """What a table looks like.

    Attributes:
        rows: how many.
        columns: how many.
        rules: numbers of the rows that have a rule above them; `rows` is the rule at the end.
        uprights: whether there are rules between the columns.
        aligns: `l`, `c` or `r` of each column, `?` where its lines are all of one width.
    """

    rows: int
    columns: int
    rules: frozenset[int]
    uprights: bool
    aligns: str


@dataclass(frozen=True)
class CellPlace:
    """Where a line of a cell belongs: number of its table, row and column."""

    table: int
    row: int
    column: int


@dataclass
class _Grid:
    """A table in working px: its horizontal and upright rules' places, and its edges."""

    box: _Box
    levels: list[float]
    uprights: list[float]


@dataclass(frozen=True)
class FoundTable:
    """A table of a page.

    Attributes:
        layout: what it looks like.
        cells: the lines of its cells, row by row.
        places: (row, column) of each.
    """

    layout: TableLayout
    cells: list[TextLine]
    places: list[tuple[int, int]]

    def as_line(self) -> TextLine:
        """All of the table as if it were one line, to put it in order with the page's lines."""
        return replace(
            join_parts(self.cells, 0),
            baseline_px=float(np.median([cell.baseline_px for cell in self.cells])),
            em_px=float(np.median([cell.em_px for cell in self.cells])),
        )


def part_tables(
    lines: list[TextLine], components: Components, ink: np.ndarray, text_px: float
) -> tuple[list[TextLine], list[FoundTable]]:
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


def order_with_tables(
    lines: list[TextLine], tables: Sequence[FoundTable]
) -> tuple[list[TextLine], list[CellPlace | None], list[TableLayout]]:
    """Put lines and tables in order.

    Args:
        lines: outside of tables.
        tables: of `part_tables`.

    Returns:
        Lines in reading order, those of a table row by row; where these belong, None for others; tables by number.
    """
    wholes = [table.as_line() for table in tables]
    by_members = {id(whole.members): table for whole, table in zip(wholes, tables, strict=True)}
    ordered: list[TextLine] = []
    places: list[CellPlace | None] = []
    layouts: list[TableLayout] = []
    for line in order_lines([*lines, *wholes]):
        table = by_members.get(id(line.members))
        if table is None:
            ordered.append(line)
            places.append(None)
            continue
        ordered += [replace(cell, block=line.block) for cell in table.cells]
        places += [CellPlace(len(layouts), row, column) for row, column in table.places]
        layouts.append(table.layout)
    return ordered, places, layouts


def find_rules(ink: np.ndarray, text_px: float) -> tuple[np.ndarray, np.ndarray]:
    """Find straight rules.

    Args:
        ink: (H, W) uint8, of `ink_image`.
        text_px: usual height of a letter.

    Returns:
        (n, 4) boxes of horizontal rules and (m, 4) of upright ones, int64, (x1, y1, x2, y2).
    """
    dark = ink > max(RULE_SHARE * float(np.percentile(ink, 99.5)), 24.0)
    boxes = []
    for mask, length in zip((dark, dark.T), RULE_LENGTH, strict=True):
        runs = find_components(mask)
        long = runs.run_stop - runs.run_start > length * text_px
        rules = find_components(paint_runs(runs, long.astype(np.int32), mask.shape[:2]) > 0)
        thin = rules.height <= max(3.0, RULE_THICKNESS * text_px)
        boxes.append(rules.boxes[thin])
    return boxes[0], boxes[1][:, [1, 0, 3, 2]]


def _find_grids(horizontal: np.ndarray, upright: np.ndarray, lines: list[TextLine], text_px: float) -> list[_Grid]:
    """Group rules of one length that have text between them and nothing beside it."""
    boxes = box_array(lines)
    near, even = 0.8 * text_px, max(3.0, 0.25 * text_px)
    order = horizontal[np.argsort(horizontal[:, 1])]
    left = list(range(len(order)))
    grids = []
    while left:
        first = left.pop(0)
        group = [first]
        for other in list(left):
            if np.abs(order[other][[0, 2]] - order[first][[0, 2]]).max() > even:
                continue
            if not _is_table_between(order[group[-1]], order[other], boxes, near):
                break
            group.append(other)
            left.remove(other)
        x1, x2 = int(order[group][:, 0].min()), int(order[group][:, 2].max())
        levels = order[group][:, [1, 3]].mean(1)
        kept = [float(levels[0])]
        kept += [float(b) for a, b in pairwise(levels) if b - a > near]
        if len(kept) < 2:
            continue
        y1, y2 = round(kept[0]), round(kept[-1])
        grids.append(_Grid((x1, y1, x2, y2), kept, _uprights(upright, (x1, y1, x2, y2), near)))
    return grids


def _is_table_between(above: np.ndarray, below: np.ndarray, boxes: np.ndarray, near: float) -> bool:
    """Whether there is text between two rules, and none that reaches over their ends."""
    x1, x2 = min(above[0], below[0]) - near, max(above[2], below[2]) + near
    middle = (boxes[:, 1] + boxes[:, 3]) / 2
    between = (middle > above[1]) & (middle < below[3]) & (boxes[:, 0] < x2) & (boxes[:, 2] > x1)
    inside = boxes[between]
    if below[1] - above[3] < 0.4 * near:
        return True  # a double rule
    return len(inside) > 0 and bool(((inside[:, 0] > x1) & (inside[:, 2] < x2)).all())


def _uprights(upright: np.ndarray, box: _Box, near: float) -> list[float]:
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
    long = [place for place, length in places if length > 0.6 * (y2 - y1)]
    inner = [place for place in long if x1 + near < place < x2 - near]
    return [float(x1), *inner, float(x2)] if inner else []


def _cut_grid(grid: _Grid, lines: list[TextLine], components: Components) -> tuple[FoundTable, list[TextLine]] | None:
    """Cut lines into the cells of a table. Returns it, and the lines that are left; None where it is no table."""
    inner, rest = _part_lines(grid.box, lines, components)
    if not inner:
        return None
    em = float(np.median([line.em_px for line in inner]))
    if len(grid.levels) == 2 and not grid.uprights:
        inner, rest = _with_rows_below(grid.box, inner, rest, components, em)
    edges = grid.uprights or _white_edges(grid.box, inner, components, em)
    if len(edges) < 3:
        return None
    cells = _split(inner, edges, components)
    bands, rows = _find_rows(grid, cells, len(edges) - 1, em)
    places = [(row, column) for (_, column), row in zip(cells, rows, strict=True)]
    count = max(rows) + 1
    filled = len(set(places)) / (count * (len(edges) - 1))
    if count * (len(edges) - 1) < 3 or filled < 0.45 or _is_prose(cells, edges, count, em):
        return None
    order = sorted(range(len(cells)), key=lambda at: (*places[at], cells[at][0].baseline_px))
    kept, kept_places = [cells[at][0] for at in order], [places[at] for at in order]
    aligns = _aligns(kept, kept_places, len(edges) - 1, em)
    layout = TableLayout(count, len(edges) - 1, frozenset(bands), bool(grid.uprights), aligns)
    return FoundTable(layout, kept, kept_places), rest


def _sub_line(line: TextLine, members: np.ndarray, components: Components) -> TextLine:
    boxes = components.boxes[members]
    box = (*boxes[:, :2].min(0).tolist(), *boxes[:, 2:].max(0).tolist())
    return replace(line, members=members, box=box)


def _part_lines(box: _Box, lines: list[TextLine], components: Components) -> tuple[list[TextLine], list[TextLine]]:
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
            inner.append(_sub_line(line, line.members[inside], components))
            rest.append(_sub_line(line, line.members[~inside], components))
    return inner, rest


def _white_edges(box: _Box, lines: list[TextLine], components: Components, em: float) -> list[float]:
    """Edges of columns: the middles of white that goes through all rows, and the table's own edges."""
    covered = np.zeros(box[2] - box[0] + 2, bool)
    for x1, _, x2, _ in components.boxes[np.concatenate([line.members for line in lines])].tolist():
        covered[max(x1 - box[0], 0) : max(x2 - box[0], 0)] = True
    inked = np.flatnonzero(covered)
    gaps = np.flatnonzero(np.diff(inked) > COLUMN_GAP_EM * em)
    middles = [float(box[0] + (inked[gap] + inked[gap + 1] + 1) / 2) for gap in gaps]
    return [float(box[0]), *middles, float(box[2])]


def _with_rows_below(
    box: _Box, inner: list[TextLine], rest: list[TextLine], components: Components, em: float
) -> tuple[list[TextLine], list[TextLine]]:
    """Take the rows below a table's head, where no rule ends it: lines that stand close and keep to its columns."""
    x1, _, x2, bottom = box
    level, pitch = float(bottom), 2.2 * em
    count, is_first = len(_white_edges(box, inner, components, em)), True
    while True:
        below = sorted(
            (line for line in rest if line.baseline_px > level + 0.1 * em and line.box[0] < x2 and line.box[2] > x1),
            key=lambda line: line.baseline_px,
        )
        row = [line for line in below if line.baseline_px - below[0].baseline_px < ROW_EM * em]
        if not row or row[0].baseline_px - level > pitch:
            return inner, rest
        wide = any(line.box[0] < x1 - 0.5 * em or line.box[2] > x2 + 0.5 * em for line in row)
        if wide or len(_white_edges(box, [*inner, *row], components, em)) < max(count, 3):
            return inner, rest
        taken = {id(line) for line in row}
        rest = [line for line in rest if id(line) not in taken]
        # From the rule to the first row it is less than from row to row.
        pitch = 2.4 * em if is_first else 1.2 * (row[0].baseline_px - level)
        inner, level, is_first = [*inner, *row], row[0].baseline_px, False


def _split(lines: list[TextLine], edges: Sequence[float], components: Components) -> list[tuple[TextLine, int]]:
    """Cut lines at the edges of columns. Returns each part and its column."""
    cells = []
    for line in lines:
        middle = components.boxes[line.members][:, [0, 2]].mean(1)
        column = np.clip(np.searchsorted(edges, middle) - 1, 0, len(edges) - 2)
        cells += [
            (_sub_line(line, line.members[column == number], components), int(number)) for number in np.unique(column)
        ]
    return cells


def _find_rows(grid: _Grid, cells: list[tuple[TextLine, int]], columns: int, em: float) -> tuple[list[int], list[int]]:
    """Tell rows of a table. Returns the rows that have a rule above them, and the row of each cell's line."""
    level = np.array([cell.baseline_px for cell, _ in cells]) - 0.3 * em
    band = np.searchsorted(grid.levels, level)
    texts: list[list[list[int]]] = []  # Of each band its rows of text, of each of these its lines.
    numbers = sorted(set(band.tolist()))
    for number in numbers:
        rows: list[list[int]] = []
        for at in sorted(np.flatnonzero(band == number).tolist(), key=lambda at: level[at]):
            if rows and level[at] - level[rows[-1][-1]] < WRAPPED_EM * em:
                rows[-1].append(at)
            else:
                rows.append([at])
        texts.append(rows)
    single = sum(len(rows) == 1 for rows in texts)
    is_ruled = len(texts) >= 3 and single >= 0.5 * len(texts) and len(grid.levels) > 3
    row_of = np.zeros(len(cells), np.int64)
    rules, row = [], 0
    for number, rows in zip(numbers, texts, strict=True):
        rules.append(row) if number > 0 else None
        full = [len({cells[at][1] for at in text}) for text in rows]
        if len(rows) > 1 and (is_ruled or (grid.uprights and min(full) < 0.6 * columns and len(rows) < 4)):
            rows = [[at for text in rows for at in text]]
        for text in rows:
            row_of[text] = row
            row += 1
    if len(grid.levels) > max(numbers):
        rules.append(row)
    return rules, row_of.tolist()


def _is_prose(cells: list[tuple[TextLine, int]], edges: Sequence[float], rows: int, em: float) -> bool:
    """Whether columns between rules are those of a page: wide, with many lines, most of them full."""
    widths = np.diff(edges) / em
    own = np.array([(cell.box[2] - cell.box[0]) / em for cell, _ in cells])
    share = own / widths[[column for _, column in cells]]
    wide = widths[[column for _, column in cells]] > PROSE_WIDTH_EM
    return bool(rows > PROSE_LINES and wide.mean() > 0.7 and np.median(share[wide]) > 0.7)


def _aligns(cells: list[TextLine], places: list[tuple[int, int]], columns: int, em: float) -> str:
    """Tell how each column is set, by which of the cells' edges or middles stand below each other."""
    boxes = box_array(cells)
    spreads = []
    for column in range(columns):
        own = boxes[[place[1] == column for place in places]]
        left, right = own[:, 0], own[:, 2]
        spreads.append([float(np.std(side)) / em if len(own) else 0.0 for side in (left, (left + right) / 2, right)])
    return "".join("lcr"[int(np.argmin(spread))] if max(spread) > 0.12 else "?" for spread in spreads)
