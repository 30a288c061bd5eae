"""The order to read a page's lines in, and the blocks that they make.

Shape legend:
    N  lines
"""

import itertools
from dataclasses import dataclass, replace

import numpy as np

CAPITAL_EM = 0.7
X_HEIGHT_EM = 0.5
FOLIO_GAP_EM, FOLIO_WIDTH_EM = 2.2, 14.0  # Least distance of a page's number from the text, and its greatest width.
MOST_TITLE_LINES, TITLE_EM = 5, 1.15  # Lines above all columns, a running head counted; a title's size to the text's.
CENTRED_SHARE = 0.02  # Of the text's width: as near to its middle stands what is centred.
BESIDE_EM = 1.1  # Lines of two columns have others about as high beside them.
FEW_LETTERS = 6  # So few tell little of a line's size.


@dataclass(frozen=True)
class TextLine:
    """A line of text.

    Attributes:
        members: (n,) int64, its components.
        box: (x1, y1, x2, y2) in px, ends exclusive.
        baseline_px: height of the baseline.
        em_px: estimated font size.
        even: whether its letters are all of one height: capitals, digits, or small letters without ascenders.
        block: number of the paragraph or column piece that it belongs to, in reading order.
        stacks: boxes of its fractions and signs with limits: all ink in them is the line's.
    """

    members: np.ndarray
    box: tuple[int, int, int, int]
    baseline_px: float
    em_px: float
    even: bool = False
    block: int = 0
    stacks: tuple[tuple[int, int, int, int], ...] = ()


def box_array(lines: list[TextLine]) -> np.ndarray:
    """Boxes of lines. Returns: (N, 4) float64."""
    return np.array([line.box for line in lines], dtype=np.float64).reshape(-1, 4)


def order_lines(lines: list[TextLine]) -> list[TextLine]:
    """Sort lines for reading and number their blocks.

    A line comes before another that it overlaps in x if it is higher, and before one wholly to its right unless a line
    that overlaps both stands between them in height (Breuel, High performance document layout analysis, 2003).
    """
    if not lines:
        return []
    boxes = box_array(lines)
    x1, x2 = boxes[:, 0], boxes[:, 2]
    y = np.array([line.baseline_px for line in lines])
    overlap = (x1[:, None] < x2[None]) & (x1[None] < x2[:, None])
    above = y[:, None] < y[None]
    left = x2[:, None] <= x1[None]
    blocked = np.zeros_like(left)
    for between in np.flatnonzero(overlap.sum(1) > 1):
        # (a, b) with the spanning line between them in height.
        spans = overlap[between][:, None] & overlap[between][None]
        lower, higher = y > y[between], y < y[between]
        blocked |= spans & ((lower[:, None] & higher[None]) | (higher[:, None] & lower[None]))
    before = (overlap & above) | _side_by_side(left & ~blocked, overlap, y, np.array([line.em_px for line in lines]))
    np.fill_diagonal(before, False)
    order: list[int] = []
    state = np.zeros(len(lines), np.int8)
    queue = np.lexsort((x1, y)).tolist()
    for root in queue:
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
    return _number_blocks(_settle_sizes(_move_titles(_move_folios([lines[number] for number in order]))))


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
    kept = left.copy()
    for a in range(len(y)):
        higher = np.flatnonzero(left[a] & (y < y[a] - em[a]))
        if len(higher):
            # Is there text of a's side about as high as b, or text of b's side about as low as a?
            near_b = np.abs(y[:, None] - y[higher]) < BESIDE_EM * em[higher]
            beside_b = overlap[a][:, None] & left[:, higher] & near_b
            beside_a = overlap[:, higher] & (left[a] & (np.abs(y - y[a]) < BESIDE_EM * em[a]))[:, None]
            kept[a, higher] = (beside_b | beside_a).any(0)
    return kept


def _move_folios(lines: list[TextLine]) -> list[TextLine]:
    """Read a page's number or running head that stands over or under one column before or after all columns."""
    if len(lines) < 8:
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
        if gap > FOLIO_GAP_EM * usual and (place == 0 or width < FOLIO_WIDTH_EM * usual):
            moved.remove(number)
            moved.insert(place, number)
    return [lines[number] for number in moved]


def _move_titles(lines: list[TextLine]) -> list[TextLine]:
    """Read a short title that stands in the middle above three columns before all of them."""
    boxes = box_array(lines)
    usual = float(np.median([line.em_px for line in lines]))
    middle, width = (boxes[:, 0].min() + boxes[:, 2].max()) / 2, np.ptp(boxes[:, [0, 2]])
    moved = list(range(len(lines)))
    for place, number in enumerate(np.argsort(boxes[:, 3])[:MOST_TITLE_LINES].tolist()):
        rest = moved[place:]
        others = [other for other in rest if other != number]
        if number not in rest or not others or boxes[others, 1].min() < boxes[number, 3] - 0.1 * usual:
            break
        off = abs(boxes[number, [0, 2]].mean() - middle)
        if rest[0] != number:
            if lines[number].em_px < TITLE_EM * usual or off > CENTRED_SHARE * width:
                break
            moved.remove(number)
            moved.insert(place, number)
    return [lines[number] for number in moved]


def _goes_on(long: TextLine, short: TextLine) -> bool:
    """Whether a line of a few letters, brackets or dots seems to be set in the size of the line before or after it."""
    apart = abs(long.baseline_px - short.baseline_px) / long.em_px
    beside = min(long.box[2], short.box[2]) > max(long.box[0], short.box[0])
    ratio = max(long.em_px, short.em_px) / min(long.em_px, short.em_px)
    return len(long.members) > FEW_LETTERS and beside and 0.8 < apart < 1.7 and 1.12 < ratio < 1.9


def _settle_sizes(lines: list[TextLine]) -> list[TextLine]:
    """Mend sizes by the lines before and after.

    A line of few letters takes their size; one of even height is taken for small letters where that makes it as large.
    """
    settled = list(lines)
    for number, line in enumerate(lines):
        if len(line.members) <= FEW_LETTERS:
            sizes = [other.em_px for other in lines[max(number - 1, 0) : number + 2] if _goes_on(other, line)]
            if sizes:
                settled[number] = replace(line, em_px=min(sizes, key=lambda size: abs(size - line.em_px)))
                continue
        if line.even:
            small = line.em_px * CAPITAL_EM / X_HEIGHT_EM
            sizes = [other.em_px for other in lines[max(number - 1, 0) : number + 2] if not other.even]
            if any(abs(size / small - 1) < 0.12 for size in sizes):
                settled[number] = replace(line, em_px=small)
    return settled


def _number_blocks(lines: list[TextLine]) -> list[TextLine]:
    """Begin a block where the column, the size or the line pitch changes."""
    pitches = [
        (b.baseline_px - a.baseline_px) / a.em_px
        for a, b in itertools.pairwise(lines)
        if 0.7 < (b.baseline_px - a.baseline_px) / a.em_px < 2.5
    ]
    usual = min(float(np.percentile(pitches, 30)), 1.7) if pitches else 1.3
    numbered = [replace(lines[0], block=0)]
    for line in lines[1:]:
        last = numbered[-1]
        pitch = (line.baseline_px - last.baseline_px) / max(line.em_px, last.em_px)
        ratio = max(line.em_px, last.em_px) / min(line.em_px, last.em_px)
        apart = line.box[0] >= last.box[2] or line.box[2] <= last.box[0]
        new = apart or ratio > 1.3 or pitch < 0.3 or pitch > 1.3 * usual
        numbered.append(replace(line, block=last.block + int(new)))
    return numbered
