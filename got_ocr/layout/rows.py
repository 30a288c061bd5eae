"""Join the segments of a page's lines into rows, and tell which gutters to join over.

A gutter parts columns, which are read one after the other. The white between a table's columns, beside the marks of a
list, or between the words of stretched lines that lie under each other looks like one, and is read across.

Shape legend:
    H, W  height and width in px of the picture that is looked at
"""

from collections.abc import Iterable

import numpy as np

from .bands import Bands
from .components import weighted_median
from .line import Line, box_array, join_parts
from .thresholds import Face, Rows
from .time_limit import check_time


def join_rows(segments: list[Line], gutters: np.ndarray) -> list[Line]:
    """Join segments of one row, over a gutter only where it is a table's.

    Args:
        segments: letters in a row without a wide gap, their small marks included.
        gutters: (H, W) int32, the page's tall white strips by number, 0 outside.

    Returns:
        The rows; what stands on either side of a column's gutter is a row of its own.
    """
    pairs, crossed = _neighbours(segments, gutters)
    lines = _chain(segments, pairs + _word_gaps(segments, pairs, crossed, gutters))
    lines = _join_markers(lines, _neighbours(lines, gutters)[1])
    pairs, crossed = _neighbours(lines, gutters)
    sides = _beside(lines, gutters)
    level, em, boxes = _levels(lines), np.array([line.em_px for line in lines]), box_array(lines)
    facts = level, em, (boxes[:, 2] - boxes[:, 0]) / em > Rows.COLUMN_WIDTH_EM
    found = {number: _table_rows(facts, rows, *sides.get(number, ([], []))) for number, rows in crossed.items()}
    # Over several gutters, such as a column's and the one before a list's items, all of them must be a table's.
    refused = {row for number, rows in crossed.items() for row in set(rows) - set(found[number])}
    pairs += [row for rows in found.values() for row in rows if row not in refused]
    return _chain(lines, pairs)


def _levels(lines: list[Line]) -> np.ndarray:
    """Baselines of lines. Returns: (n,) float64, in px."""
    return np.array([line.baseline_px for line in lines])


def _beside(lines: list[Line], gutters: np.ndarray) -> dict[int, tuple[list[int], list[int]]]:
    """Numbers of the lines that end on the left of each gutter, and of those that begin on its right."""
    sides: dict[int, tuple[list[int], list[int]]] = {}
    for number, line in enumerate(lines):
        row = gutters[int(np.clip(line.baseline_px - Face.LETTER_MIDDLE_EM * line.em_px, 0, gutters.shape[0] - 1))]
        before, behind = row[: line.box[0]], row[line.box[2] :]
        for strip, side in ((behind, 0), (before[::-1], 1)):
            white = np.flatnonzero(strip)
            if len(white):
                sides.setdefault(int(strip[white[0]]), ([], []))[side].append(number)
    return sides


def _table_rows(
    facts: tuple[np.ndarray, np.ndarray, np.ndarray], rows: list[tuple[int, int]], lefts: list[int], rights: list[int]
) -> list[tuple[int, int]]:
    """Find the pairs over a gutter that are rows of a table: level, and narrow on one side.

    Args:
        facts: of each line of the page its baseline, its font size, and whether it is as wide as a column.
        rows: (left, right) pairs over the gutter.
        lefts: lines that end at the gutter, with and without a partner.
        rights: lines that begin at it.

    Returns:
        Those of `rows` to join.
    """
    level, em, wide = facts
    left, right = np.array(rows).T
    columns = [np.union1d(beside, own).astype(np.int64) for beside, own in ((lefts, left), (rights, right))]
    steps = np.abs(level[left] - level[right]) / em[left]
    # Short lines that end paragraphs beside each other make no table of columns of prose.
    prose = min(wide[column].mean() for column in columns) > Rows.PROSE_SHARE
    found = []
    for row in rows:
        check_time()
        # A gutter may run from columns of prose into a table: the rows nearby decide.
        nearby = np.abs(level - level[row[0]]) < Rows.TABLE_REACH_EM * em[row[0]]
        near = nearby[left]
        cells = [column[nearby[column]] for column in columns]
        alone = not prose and max(len(column) for column in cells) == 1
        if near.sum() < (Rows.PROSE_TABLE_ROWS if prose else Rows.TABLE_ROWS) and not alone:
            continue
        share = min(wide[column].mean() for column in cells if len(column))
        most = Rows.PROSE_WIDE_SHARE if prose else Rows.WIDE_SHARE
        if share <= most and np.median(steps[near]) < Rows.LEVEL_EM:
            found.append(row)
    return found


def _word_gaps(
    segments: list[Line],
    pairs: list[tuple[int, int]],
    crossed: dict[int, list[tuple[int, int]]],
    gutters: np.ndarray,
) -> list[tuple[int, int]]:
    """Find the pairs over a gutter that is none: word gaps of stretched lines that happen to lie under each other.

    Args:
        segments: of `_neighbours`.
        pairs: without a gutter, as it gives them.
        crossed: over a gutter, as it gives them.
        gutters: (H, W), numbered.

    Returns:
        Pairs whose gap is no wider than the gaps between the words of the same row usually are.
    """
    boxes, level = box_array(segments), _levels(segments)
    over = {pair for rows in crossed.values() for pair in rows}
    gaps, gaps_over = _Gaps(pairs, boxes, level), _Gaps(over, boxes, level)
    found = []
    for left, right in over:
        check_time()
        em, baseline = segments[left].em_px, segments[left].baseline_px
        row = gaps.near(baseline, Rows.ROW_EM * em)
        width = float(boxes[right, 0] - boxes[left, 2])
        if width > Rows.WORD_GAP_EM * max(em, segments[right].em_px):
            continue
        flanks = _flanks(segments, boxes, gutters, left, right)
        if flanks >= Rows.LONG_COLUMN_LINES:
            continue  # no white between words is so long
        if flanks <= Rows.SHORT_COLUMN_LINES:
            found.append((left, right))  # no column is so short
            continue
        crossing = gaps_over.near(baseline, Rows.ROW_EM * em)
        # The gaps of a stretched line with few words may all lie over gutters, and over the same as the real one.
        alike = sum(width / Rows.ALIKE_GAPS < gap < Rows.ALIKE_GAPS * width for gap in crossing)
        beside_gutter = alike >= Rows.STRETCHED_FEW and max(crossing) > Rows.GUTTER_FACTOR * width
        if alike >= Rows.STRETCHED_GAPS or beside_gutter:
            found.append((left, right))
            continue
        if len(row) < Rows.LEAST_GAPS:
            continue
        # Beside a gutter that is much wider it need not be as narrow as the row's usual gap.
        wider = max(crossing) > Rows.WIDER * width
        if width <= (Rows.WIDEST_GAP * max(row) if wider else float(np.median(row))):
            found.append((left, right))
    return sorted(found)


class _Gaps:
    """The white between pairs of segments, found by the height of their baseline."""

    def __init__(self, pairs: Iterable[tuple[int, int]], boxes: np.ndarray, level: np.ndarray) -> None:
        left, right = np.array(list(pairs), dtype=np.int64).reshape(-1, 2).T
        order = np.argsort(level[left])
        self._level = level[left][order]
        self._width_px = (boxes[right, 0] - boxes[left, 2])[order]

    def near(self, baseline: float, reach: float) -> list[float]:
        """Widths in px of those whose left side stands less than `reach` px from a baseline."""
        first = np.searchsorted(self._level, baseline - 2 * reach)
        last = np.searchsorted(self._level, baseline + 2 * reach)
        widths: list[float] = self._width_px[first:last][np.abs(self._level[first:last] - baseline) < reach].tolist()
        return widths


def _flanks(segments: list[Line], boxes: np.ndarray, gutters: np.ndarray, left: int, right: int) -> int:
    """Count the lines along the white that parts two segments of a row, on the side where there are fewer.

    Where it is a column's gutter, there are others above or below them. A gap between words may also be white from its
    row on, such as under a short heading or beside a picture.
    """
    line = segments[left]
    row = int(np.clip(line.baseline_px - Face.LETTER_MIDDLE_EM * line.em_px, 0, gutters.shape[0] - 1))
    begin, end = line.box[2], max(segments[right].box[0], line.box[2] + 1)
    columns = begin + np.flatnonzero(gutters[row, begin:end])
    if not len(columns):
        return 0
    white = gutters[:, columns] > 0
    ends = [np.flatnonzero(~column) for column in white.T]
    reach = [(int(end[end < row].max(initial=-1)), int(end[end > row].min(initial=len(white)))) for end in ends]
    tallest = int(np.argmax([below - above for above, below in reach]))
    (above, below), x = reach[tallest], columns[tallest]
    middle = (boxes[:, 1] + boxes[:, 3]) / 2
    near = (middle > above) & (middle < below)
    # The nearest on each row alone: words of other columns are no flank.
    rows = [
        {round(float(level) / line.em_px) for level in middle[near & side]}
        for side in (boxes[:, 2] <= x + 1, boxes[:, 0] >= x - 1)
    ]
    return min(len(levels) for levels in rows)


def _join_markers(lines: list[Line], crossed: dict[int, list[tuple[int, int]]]) -> list[Line]:
    """Join the marks of a list's items, which stand in a column of their own, with the items.

    Args:
        lines: segments of rows.
        crossed: of `_neighbours`.

    Returns:
        The lines; a mark stands near the left edge of what is above and below it, unlike a formula's number.
    """
    boxes = box_array(lines)
    baseline = np.array([line.baseline_px for line in lines])
    pairs = []
    for left, right in {pair for rows in crossed.values() for pair in rows}:
        check_time()
        em = lines[right].em_px
        width, gap = boxes[left, 2] - boxes[left, 0], boxes[right, 0] - boxes[left, 2]
        level = abs(baseline[left] - baseline[right]) < Rows.MARKER_LEVEL_EM * em
        if not (level and width < Rows.MARKER_WIDTH_EM * em and gap < Rows.MARKER_GAP_EM * em):
            continue
        middle = (boxes[left, 0] + boxes[left, 2]) / 2
        wide = boxes[:, 2] - boxes[:, 0] > 2 * Rows.MARKER_WIDTH_EM * em
        wide &= np.abs(baseline - baseline[left]) < Rows.MARKER_REACH_EM * em
        over = wide & (boxes[:, 0] < middle) & (boxes[:, 2] > middle)
        share = (middle - boxes[over, 0]) / (boxes[over, 2] - boxes[over, 0])
        if not over.any() or share.max() < Rows.MARKER_INSIDE:
            pairs.append((left, right))
    return _chain(lines, sorted(pairs))


def _neighbours(
    segments: list[Line], gutters: np.ndarray
) -> tuple[list[tuple[int, int]], dict[int, list[tuple[int, int]]]]:
    """Find each segment's right neighbour on its row.

    Returns:
        (left, right) pairs without a gutter between them, and those over each gutter by its number.
    """
    boxes = box_array(segments)
    em = np.array([segment.em_px for segment in segments])
    baseline = np.array([segment.baseline_px for segment in segments])
    count = np.array([len(segment.members) for segment in segments])
    height = boxes[:, 3] - boxes[:, 1]
    usual = weighted_median(em, count)
    pairs: list[tuple[int, int]] = []
    crossed: dict[int, list[tuple[int, int]]] = {}
    tops = np.minimum(baseline - Rows.BAND_EM * em, boxes[:, 1])
    bottoms = np.maximum(baseline, boxes[:, 3])
    bands = Bands(tops, bottoms, usual)
    for left in range(len(segments)):
        check_time()
        near = bands.near(tops[left], bottoms[left])
        near = near[(boxes[near, 0] > boxes[left, 2] - Rows.OVERLAP_EM * em[left]) & (near != left)]
        size, level = em[near], baseline[near]
        top = np.maximum(level - Rows.BAND_EM * size, baseline[left] - Rows.BAND_EM * em[left])
        same_row = np.minimum(level, baseline[left]) - top > Rows.SHARED * np.minimum(size, em[left])
        ratio = np.maximum(size, em[left]) / np.minimum(size, em[left])
        # Brackets and dots tell neither size nor baseline well.
        few = np.minimum(count[near], count[left]) <= Face.FEW_LETTERS
        shared = np.minimum(boxes[near, 3], boxes[left, 3]) - np.maximum(boxes[near, 1], boxes[left, 1])
        same_row |= few & (shared > Rows.FEW_SHARED * np.minimum(height[near], height[left]))
        same_row &= ratio < np.where(few, Rows.FEW_SIZE_RATIO, Rows.SIZE_RATIO)
        right = near[same_row]
        if not len(right):
            continue
        nearest = int(right[np.argmin(boxes[right, 0])])
        row = int(np.clip(baseline[left] - Face.LETTER_MIDDLE_EM * em[left], 0, gutters.shape[0] - 1))
        begin = int(boxes[left, 2])
        strip = gutters[row, begin : max(int(boxes[nearest, 0]), begin + 1)]
        numbers = np.unique(strip[strip > 0]).tolist()
        # A heading's word gap may lie over the gutter of the columns below.
        size = min(em[left], em[nearest])
        crossed_em = Rows.HEADING_CROSSED_EM if size > Rows.HEADING * usual else Rows.CROSSED_EM
        if not numbers or boxes[nearest, 0] - begin < crossed_em * size:
            pairs.append((left, nearest))
            continue
        for number in numbers:
            crossed.setdefault(number, []).append((left, nearest))
    return pairs, crossed


def _chain(segments: list[Line], pairs: list[tuple[int, int]]) -> list[Line]:
    """Join segments along (left, right) pairs, each used as a left and as a right at most once."""
    following: dict[int, int] = {}
    taken: set[int] = set()
    for left, right in pairs:
        if left not in following and right not in taken:
            following[left] = right
            taken.add(right)
    lines = []
    for number in range(len(segments)):
        if number in taken:
            continue
        parts, here = [segments[number]], number
        while here in following:
            here = following[here]
            parts.append(segments[here])
        lines.append(join_parts(parts, _typical(parts)))
    return lines


def _typical(parts: list[Line]) -> int:
    """Tell which part of a row to measure it by: the widest of those that stand on the baseline of most."""
    width = np.array([part.box[2] - part.box[0] for part in parts], dtype=float)
    baseline = np.array([part.baseline_px for part in parts])
    usual = weighted_median(baseline, width)
    level = np.abs(baseline - usual) < Rows.TYPICAL_EM * np.array([part.em_px for part in parts])
    return int(np.argmax(np.where(level, width, 0.0)))
