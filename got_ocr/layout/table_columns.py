"""The columns of a table without upright rules: where white parts its rows, and which cells span several of them.

A cell of the head may stand over several columns, with a short rule below it, and a row may have one cell alone that
is longer than its column. So columns are told by the rows below the head that have several cells.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from .components import Components
from .line import Box, Line, outer_box
from .thresholds import Tables


@dataclass(frozen=True)
class _Cell:
    """A run of ink in a line, by the line's number, with no white in it as wide as between columns."""

    number: int
    members: np.ndarray
    box: Box


def text_rows(lines: Sequence[Line], em: float) -> list[list[Line]]:
    """Group lines that stand beside each other.

    Args:
        lines: of a table.
        em: their font size in px.

    Returns:
        Rows of text from top to bottom.
    """
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: line.baseline_px):
        if rows and line.baseline_px - rows[-1][0].baseline_px < Tables.ROW_EM * em:
            rows[-1].append(line)
        else:
            rows.append([line])
    return rows


def has_one_cell(row: Sequence[Line], components: Components, em: float) -> bool:
    """Tell whether a row of text has no white in it as wide as between columns.

    Args:
        row: its lines.
        components: the page's.
        em: font size in px.

    Returns:
        Whether it is one cell, or text outside of a table.
    """
    return len(_runs(_boxes_of(row, components), em)) == 1


def find_edges(box: Box, lines: Sequence[Line], components: Components, em: float, head_px: float) -> list[float]:
    """Find the edges of columns.

    Args:
        box: the table's.
        lines: in it.
        components: the page's.
        em: font size in px.
        head_px: where its head ends. Cells above may stand over several columns.

    Returns:
        The middles of white that goes through those rows below the head that have several cells, where there are
        enough of them, else through all rows; and the table's own edges.
    """
    rows = [(row, _boxes_of(row, components)) for row in text_rows(lines, em)]
    head = [boxes for row, boxes in rows if row[0].baseline_px <= head_px]
    body = [boxes for row, boxes in rows if row[0].baseline_px > head_px and len(_runs(boxes, em)) > 1]
    if len(body) < Tables.BODY_ROWS:
        return _edges(box, np.concatenate([boxes for _, boxes in rows]), em)
    # The last row of the head names columns, one that is empty below perhaps.
    named = [*body, head[-1]] if head and len(_runs(head[-1], em)) > 1 else body
    return max((_edges(box, np.concatenate(some), em) for some in (named, body)), key=len)


def split_lines(
    lines: Sequence[Line], edges: Sequence[float], components: Components, em: float, head: "Head"
) -> list[Line]:
    """Cut lines at the edges of columns, but for cells that reach over these.

    Args:
        lines: of the table.
        edges: of `find_edges`.
        components: the page's.
        em: font size in px.
        head: the table's.

    Returns:
        The parts, which say their column and how many they span.
    """
    cells = [cell for number, line in enumerate(lines) for cell in _cells(number, line, components, em)]
    within = [cell for cell in cells if not any(cell.box[0] < edge < cell.box[2] for edge in edges[1:-1])]
    extents = []
    for left, right in pairwise(edges):
        boxes = [
            cell.box for cell in within if left <= cell.box[0] < right and lines[cell.number].baseline_px > head.y2
        ]
        extents.append((min([box[0] for box in boxes], default=left), max([box[2] for box in boxes], default=right)))
    members: dict[tuple[int, int, int], list[np.ndarray]] = {}  # By line, first and last column.
    for cell in cells:
        is_in_head = lines[cell.number].baseline_px <= head.y2
        first, last = _columns_under(head.span(cell.box, em), extents, is_in_head)
        members.setdefault((cell.number, first, last), []).append(cell.members)
    parts = []
    for (number, first, last), own in members.items():
        joined = np.concatenate(own)
        part = replace(lines[number], members=joined, box=outer_box(components.boxes[joined]))
        parts.append(replace(part, column=first, columns=last - first + 1))
    return parts


@dataclass(frozen=True)
class Head:
    """The head of a table.

    Attributes:
        y2: where it ends.
        rules: (n, 4) boxes of short rules, each below a cell and over the columns that it spans.
    """

    y2: float
    rules: np.ndarray

    def span(self, box: Box, em: float) -> tuple[float, float]:
        """Tell how far a cell reaches.

        Args:
            box: around its ink.
            em: font size in px.

        Returns:
            Left and right end of the short rule below it, or else of the box.
        """
        for x1, y1, x2, _ in self.rules.tolist():
            is_below = -Tables.SPAN_ABOVE_EM * em < y1 - box[3] < Tables.SPAN_BELOW_EM * em
            if is_below and x1 - em < box[0] and box[2] < x2 + em:
                return float(x1), float(x2)
        return float(box[0]), float(box[2])


def _columns_under(
    span: tuple[float, float], extents: Sequence[tuple[float, float]], is_in_head: bool
) -> tuple[int, int]:
    """First and last column of a cell: those most of which it covers, else the one that it is over."""
    shared = [min(span[1], right) - max(span[0], left) for left, right in extents]
    covered = [
        column
        for column, (left, right) in enumerate(extents)
        if shared[column] > Tables.SPAN_SHARE * max(1.0, right - left)
    ]
    if covered:
        return covered[0], covered[-1]
    best = int(np.argmax(shared))
    if is_in_head and shared[best] <= 0:  # over the white between two columns, in the middle of both
        middle = (span[0] + span[1]) / 2
        first = sum(right < middle for _, right in extents) - 1
        if 0 <= first < len(extents) - 1:
            left, right = extents[first][0], extents[first + 1][1]
            if abs(middle - (left + right) / 2) < Tables.SPAN_MIDDLE * (right - left):
                return first, first + 1
    return best, best


def _cells(number: int, line: Line, components: Components, em: float) -> list[_Cell]:
    """Part a line at white as wide as between columns."""
    boxes = components.boxes[line.members]
    cells = []
    for x1, x2 in _runs(boxes, em):
        own = (boxes[:, 0] >= x1) & (boxes[:, 2] <= x2)
        cells.append(_Cell(number, line.members[own], outer_box(boxes[own])))
    return cells


def _runs(boxes: np.ndarray, em: float) -> list[tuple[int, int]]:
    """Join boxes without wide white between them. Returns: left and right end of each run."""
    order = boxes[np.argsort(boxes[:, 0], kind="stable")]
    reach = np.maximum.accumulate(order[:, 2])
    last = np.flatnonzero(order[1:, 0] - reach[:-1] + 1 > Tables.COLUMN_GAP_EM * em)
    starts, ends = order[[0, *(last + 1)], 0], reach[[*last, -1]]
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


def _boxes_of(row: Sequence[Line], components: Components) -> np.ndarray:
    boxes: np.ndarray = components.boxes[np.concatenate([line.members for line in row])]
    return boxes


def _edges(box: Box, boxes: np.ndarray, em: float) -> list[float]:
    runs = _runs(boxes, em)
    return [float(box[0]), *((left[1] + right[0]) / 2 for left, right in pairwise(runs)), float(box[2])]
