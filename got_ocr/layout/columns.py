"""Find the columns of a page and of a table: by the white that parts them.

Shape legend:
    H, W  height and width in px of the picture that is looked at
    N     components: connected pieces of ink
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .components import find_components, paint_runs
from .line import Box, Line, box_array, outer_box
from .thresholds import Columns, Gutters


def find_gutters(boxes: np.ndarray, shape: tuple[int, int], em_px: float) -> np.ndarray:
    """Number the tall white strips of a page.

    Args:
        boxes: (N, 4) of letters and marks.
        shape: (H, W).
        em_px: usual font size.

    Returns:
        (H, W) int32, 0 outside.
    """
    cell = max(Gutters.LEAST_CELL_PX, round(em_px / Gutters.CELLS_PER_EM))
    rows, columns = shape[0] // cell + 1, shape[1] // cell + 1
    white = np.ones((rows, columns), bool)
    for x1, y1, x2, y2 in (boxes // cell).tolist():
        white[y1 : y2 + 1, x1 : x2 + 1] = False
    # Margins over and under the text, and an empty middle, would reach into the gaps of the lines beside them.
    inked = [-1, *np.flatnonzero(~white.all(1)).tolist(), rows]
    for above, below in pairwise(inked):
        if above < 0 or below == rows or below - above > Gutters.EMPTY_BAND_EM * em_px / cell:
            white[above + 1 : below] = False
    strips = np.zeros((columns, rows), bool)
    for width_em, height_em in Gutters.SIZES_EM:
        window = min(max(Gutters.LEAST_CELLS, round(width_em * em_px / cell) - 1), columns)
        wide = np.logical_and.reduce([white[:, shift : columns - window + 1 + shift] for shift in range(window)])
        # Vertical runs are horizontal ones of the transposed grid.
        padded = np.zeros((columns, rows + 2), bool)
        padded[window // 2 : window // 2 + wide.shape[1], 1:-1] = wide.T
        edges = np.flatnonzero(padded[:, 1:] != padded[:, :-1])
        start, stop = edges[0::2], edges[1::2]
        tall = stop - start >= height_em * em_px / cell
        for first, last in zip(start[tall].tolist(), stop[tall].tolist(), strict=True):
            column, top = divmod(first, rows + 1)
            strips[column, top : top + last - first] = True
    found = find_components(strips.T)
    numbered = paint_runs(found, (found.run_label + 1).astype(np.int32), (rows, columns))
    return numbered.repeat(cell, 0).repeat(cell, 1)[: shape[0], : shape[1]]


@dataclass(frozen=True)
class Column:
    """Lines that stand below each other and are read one after the other before what stands beside them.

    Attributes:
        box: (x1, y1, x2, y2) around its lines, in px of the picture whose lines they are.
        lines: their numbers, in reading order.
    """

    box: Box
    lines: tuple[int, ...]


def find_columns(lines: Sequence[Line]) -> tuple[Column, ...]:
    """Group the lines of a page into columns.

    Args:
        lines: in reading order.

    Returns:
        The columns in reading order. What stands over several columns, such as a title, is a column of its own.
    """
    if not lines:
        return ()
    boxes = box_array(lines)
    x1, y1, x2, y2 = boxes.T
    shared = np.minimum(y2[:, None], y2) - np.maximum(y1[:, None], y1)
    level = shared > Columns.LEVEL_SHARE * np.minimum(y2 - y1, (y2 - y1)[:, None])
    beside = level & ((x2[:, None] <= x1) | (x2 <= x1[:, None]))
    # What is read right after one another in a row is a row's, such as a table's cells.
    order, table = np.arange(len(lines)), np.array([line.table for line in lines])
    beside &= (np.abs(order[:, None] - order) > 1) & ~((table[:, None] == table) & (table >= 0))
    has_neighbour = beside.any(1)
    groups = [[0]]
    for number in range(1, len(lines)):
        group = groups[-1]
        left, _, right, _ = outer_box(boxes[group])
        is_same_table = table[number] >= 0 and table[number] == table[number - 1]
        is_below = y2[number] > y1[number - 1] and min(right, x2[number]) > max(left, x1[number])
        goes_on = is_below and has_neighbour[number] == has_neighbour[number - 1] and not beside[number][group].any()
        if goes_on or is_same_table or level[number, number - 1]:
            group.append(number)
        else:
            groups.append([number])
    return tuple(Column(outer_box(boxes[group]), tuple(group)) for group in groups)
