"""The order to read a page's lines in, and the blocks that they make.

Shape legend:
    N  lines
"""

import itertools
from dataclasses import replace

import numpy as np

from .line import Line, box_array, join_parts
from .thresholds import Blocks, Face, Order, Sizes
from .time_limit import check_time


def order_lines(lines: list[Line]) -> list[Line]:
    """Sort lines for reading and number their blocks.

    A line comes before another that it overlaps in x if it is higher, and before one wholly to its right unless a line
    that overlaps both stands between them in height (Breuel, High performance document layout analysis, 2003). What a
    frame holds is read at one go.
    """
    if not lines:
        return []
    framed: dict[int, list[Line]] = {}
    for line in lines:
        framed.setdefault(line.frame, []).append(line)
    wholes = [line for line in lines if line.frame < 0]
    for frame, inside in framed.items():
        if frame >= 0:
            framed[frame] = _sort_lines(inside)
            # All of it as one line, at the height of its first.
            first = min(inside, key=lambda line: line.baseline_px)
            wholes.append(replace(join_parts(inside, 0), baseline_px=first.baseline_px, em_px=first.em_px))
    ordered = [
        line
        for whole in _sort_lines(wholes, has_frames=len(framed) > 1)
        for line in (framed[whole.frame] if whole.frame >= 0 else [whole])
    ]
    return _number_blocks(_settle_sizes(_move_titles(_move_folios(ordered))))


def _sort_lines(lines: list[Line], has_frames: bool = False) -> list[Line]:
    """Sort lines for reading; some may be frames' wholes, which are side by side only with what is as high."""
    boxes = box_array(lines)
    x1, x2 = boxes[:, 0], boxes[:, 2]
    y = np.array([line.baseline_px for line in lines])
    if len(lines) > Order.MOST_LINES:
        return [lines[number] for number in np.lexsort((x1, y))]
    overlap = (x1[:, None] < x2[None]) & (x1[None] < x2[:, None])
    above = y[:, None] < y[None]
    left = x2[:, None] <= x1[None]
    blocked = _spanned(x1, x2, y)
    if has_frames:
        is_whole = np.array([line.frame >= 0 for line in lines])
        level = (boxes[:, 1][:, None] < boxes[:, 3]) & (boxes[:, 1] < boxes[:, 3][:, None])
        left &= level | ~(is_whole[:, None] | is_whole)
    before = (overlap & above) | _side_by_side(left & ~blocked, overlap, y, np.array([line.em_px for line in lines]))
    np.fill_diagonal(before, False)
    order: list[int] = []
    state = np.zeros(len(lines), np.int8)
    queue = np.lexsort((x1, y)).tolist()
    for root in queue:
        check_time()
        stack = [root]
        while stack:
            here = stack[-1]
            if state[here] == 0:
                state[here] = 1
                earlier = np.flatnonzero(before[:, here] & (state == 0))
                stack += earlier[np.lexsort((-x1[earlier], -y[earlier]))].tolist()
            else:
                stack.pop()
                if state[here] == 1:
                    state[here] = 2
                    order.append(here)
    return [lines[number] for number in order]


def _spanned(x1: np.ndarray, x2: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Find pairs with a line between them in height that overlaps both in x.

    Args:
        x1: (N,) left edges.
        x2: (N,) right edges.
        y: (N,) baselines.

    Returns:
        (N, N) bool, for pairs of which the first stands wholly to the left; of others it says nothing.
    """
    order = np.argsort(y, kind="stable")
    x1, x2, level = x1[order], x2[order], y[order]
    begin, end = np.searchsorted(level, level, "left"), np.searchsorted(level, level, "right")
    spanned = np.zeros((len(y), len(y)), bool)
    for a in range(len(y)):
        check_time()
        # How far to the right those reach that begin left of a's end: the furthest of them on the way to b's height.
        reach = np.where(x1 < x2[a], x2, -np.inf)
        below, above = reach[end[a] :], reach[: begin[a]][::-1]
        furthest = np.full(len(y) + 1, -np.inf)
        furthest[end[a] + 1 :] = np.maximum.accumulate(below)
        down = furthest[begin]  # Of the lines from a's height to b's, both left out.
        furthest[:] = -np.inf
        furthest[: begin[a]] = np.maximum.accumulate(above)[::-1]
        spanned[a] = np.where(level > level[a], down, furthest[end]) > x1
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    found: np.ndarray = spanned[np.ix_(back, back)]
    return found


def _side_by_side(left: np.ndarray, overlap: np.ndarray, y: np.ndarray, em: np.ndarray) -> np.ndarray:
    """Leave out pairs that are no columns beside each other: a sender's address to the right, the addressee below it.

    Args:
        left: (N, N) whether a line stands to the left of another, with nothing between that spans both.
        overlap: (N, N) whether lines share a stretch in x.
        y: (N,) baselines.
        em: (N,) font sizes.

    Returns:
        (N, N): `left` but for pairs whose right side ends above where the left side begins.
    """
    order = np.argsort(y)
    level = y[order]

    def level_with(number: int) -> np.ndarray:
        reach = Order.BESIDE_EM * em[number]
        near = order[np.searchsorted(level, y[number] - 2 * reach) : np.searchsorted(level, y[number] + 2 * reach)]
        found: np.ndarray = near[np.abs(y[near] - y[number]) < reach]
        return found

    # Is there text of a's side about as high as b, or text of b's side about as low as a?
    beside = np.zeros_like(left)
    for number in range(len(y)):
        check_time()
        near = level_with(number)
        beside[:, number] |= overlap[near[left[near, number]]].any(0)
        beside[number] |= overlap[near[left[number, near]]].any(0)
    kept: np.ndarray = left & (beside | ~(y < (y - em)[:, None]))
    return kept


def _move_folios(lines: list[Line]) -> list[Line]:
    """Read a page's number or running head that stands over or under one column before or after all columns."""
    if len(lines) < Order.FOLIO_LINES:
        return lines
    level = np.array([line.baseline_px for line in lines])
    usual = float(np.median([line.em_px for line in lines]))
    head = int(np.argmin(level))
    foot = int(np.argmax(level))
    top, bottom = np.partition(level, 1)[1], np.partition(level, -2)[-2]
    moved = list(range(len(lines)))
    for number, gap, place in ((head, top - level[head], 0), (foot, level[foot] - bottom, len(lines) - 1)):
        width = lines[number].box[2] - lines[number].box[0]
        # What stands alone above all columns is no column's, however wide; below, it may be the longest column's.
        if gap > Order.FOLIO_GAP_EM * usual and (place == 0 or width < Order.FOLIO_WIDTH_EM * usual):
            moved.remove(number)
            moved.insert(place, number)
    return [lines[number] for number in moved]


def _move_titles(lines: list[Line]) -> list[Line]:
    """Read a short title that stands in the middle above three columns before all of them."""
    boxes = box_array(lines)
    usual = float(np.median([line.em_px for line in lines]))
    middle, width = (boxes[:, 0].min() + boxes[:, 2].max()) / 2, np.ptp(boxes[:, [0, 2]])
    moved = list(range(len(lines)))
    for place, number in enumerate(np.argsort(boxes[:, 3])[: Order.MOST_TITLE_LINES].tolist()):
        rest = moved[place:]
        others = [other for other in rest if other != number]
        if (
            number not in rest
            or not others
            or boxes[others, 1].min() < boxes[number, 3] - Order.TITLE_OVERLAP_EM * usual
        ):
            break
        off = abs(boxes[number, [0, 2]].mean() - middle)
        if rest[0] != number:
            if lines[number].em_px < Order.TITLE * usual or off > Order.CENTRED_SHARE * width:
                break
            moved.remove(number)
            moved.insert(place, number)
    return [lines[number] for number in moved]


def _goes_on(long: Line, short: Line) -> bool:
    """Whether a line of a few letters, brackets or dots seems to be set in the size of the line before or after it."""
    apart = abs(long.baseline_px - short.baseline_px) / long.em_px
    beside = min(long.box[2], short.box[2]) > max(long.box[0], short.box[0])
    ratio = max(long.em_px, short.em_px) / min(long.em_px, short.em_px)
    is_next = Sizes.PITCH_EM[0] < apart < Sizes.PITCH_EM[1] and Sizes.RATIO[0] < ratio < Sizes.RATIO[1]
    return len(long.members) > Face.FEW_LETTERS and beside and is_next


def _settle_sizes(lines: list[Line]) -> list[Line]:
    """Settle sizes by the lines before and after.

    A line of few letters takes their size; one of even height is taken for small letters where that makes it as large.
    """
    settled = list(lines)
    for number, line in enumerate(lines):
        if len(line.members) <= Face.FEW_LETTERS:
            sizes = [other.em_px for other in lines[max(number - 1, 0) : number + 2] if _goes_on(other, line)]
            if sizes:
                settled[number] = replace(line, em_px=min(sizes, key=lambda size: abs(size - line.em_px)))
                continue
        if line.is_even:
            small = line.em_px * Face.CAPITAL_EM / Face.X_HEIGHT_EM
            sizes = [other.em_px for other in lines[max(number - 1, 0) : number + 2] if not other.is_even]
            if any(abs(size / small - 1) < Sizes.ALIKE for size in sizes):
                settled[number] = replace(line, em_px=small)
    return settled


def _number_blocks(lines: list[Line]) -> list[Line]:
    """Begin a block where the column, the size or the line pitch changes."""
    pitches = [
        (b.baseline_px - a.baseline_px) / a.em_px
        for a, b in itertools.pairwise(lines)
        if Blocks.PITCH_EM[0] < (b.baseline_px - a.baseline_px) / a.em_px < Blocks.PITCH_EM[1]
    ]
    usual = Blocks.USUAL_PITCH_EM
    if pitches:
        usual = min(float(np.percentile(pitches, Blocks.PITCH_PERCENT)), Blocks.MOST_PITCH_EM)
    numbered = [replace(lines[0], block=0)]
    for line in lines[1:]:
        last = numbered[-1]
        pitch = (line.baseline_px - last.baseline_px) / max(line.em_px, last.em_px)
        ratio = max(line.em_px, last.em_px) / min(line.em_px, last.em_px)
        apart = line.box[0] >= last.box[2] or line.box[2] <= last.box[0]
        new = apart or ratio > Blocks.SIZE_RATIO
        new |= line.frame != last.frame
        new |= pitch < Blocks.LEAST_PITCH_EM or pitch > Blocks.PITCH_FACTOR * usual
        numbered.append(replace(line, block=last.block + int(new)))
    return numbered
