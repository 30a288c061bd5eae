"""Find the text lines of a page among its connected pieces of ink.

A letter's middle band, drawn longer to both sides in proportion to the letter's own height, meets its neighbours on
the same line and nobody else, whatever sizes a page mixes. Tall white strips between lines are the gutters of columns.

Shape legend:
    H, W  height and width in px of the picture that is looked at
    N     components: connected pieces of ink
    S     segments: letters in a row without a wide gap
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from .ink import (
    Components,
    find_components,
    find_letters,
    letter_height,
    paint_runs,
    weighted_median,
)
from .reading_order import CAPITAL_EM, FEW_LETTERS, TextLine, box_array, order_lines
from .rows import MARKER_GAP_EM, join_parts, join_rows

BRIDGE = 0.8  # Letters reach for their neighbours by this share of their height, to both sides.
TALL = 2.4  # A component this many times higher than its line's letters belongs to no line, or to two.
ASCENDER_EM = 0.73  # Height of ascenders and capitals over the baseline; most faces lie within 0.66 to 0.78.
GUTTERS_EM = ((0.95, 12.0), (1.5, 6.0))  # Least width and height; narrow low ones are rivers in justified text.
EMPTY_BAND_EM = 6.0  # White over the whole width of a page is no gutter where it is higher than this.
STANDING_SHARE = 0.3  # Of a word's width at least: the letters that do not hang below the baseline.
DESCENDER_SHARE = (0.18, 0.45)  # Of a letter's height: what hangs below the baseline.
SHAPE_EM = 2.5  # Of a page's usual size: few letters are so much larger, and
FULL_SHARE = 0.9  # a row of them that fill so much of their boxes is of bars.
DUST_EM_PX, GRAIN_EM_PX = 8.0, 6.5  # In px of the picture: nobody reads few letters or whole lines that are smaller.
SHADOWED_SIDE_PX, SHADOW_EM_PX = 200, 30.0  # In px of the picture: least side and mark where shadows reach in.
STREWN_MARKS = 4  # Grain seldom makes more marks than this in a row.
SPECK_SHARE = 0.012  # Of a page's longer side: single marks lower than this on an empty page are dust.
GRAIN_CONTRAST = 1.8  # Ink is darker than the darkest hundredth of the paper by this factor.
SKEW_LIMIT_DEGREES = 3.5


def estimate_skew(components: Components) -> float:
    """Find the angle by which text lines fall to the right.

    Args:
        components: the page's.

    Returns:
        Degrees, positive where lines sink from left to right; 0.0 where no angle stands out.
    """
    letters = find_letters(components)
    if len(letters) < 12:
        return 0.0
    if len(letters) > 4000:
        letters = letters[:: len(letters) // 4000 + 1]
    boxes = components.boxes[letters]
    x, bottom = boxes[:, [0, 2]].mean(1), boxes[:, 3].astype(float)
    height = float(np.median(components.height[letters]))
    if np.ptp(x) < 12 * height:
        return 0.0

    def sharpness(degrees: float) -> float:
        level = (bottom - x * np.tan(np.deg2rad(degrees))) / max(1.0, 0.12 * height)
        cells = np.bincount((level - level.min()).astype(np.int64)).astype(float)
        return float(np.square(cells + np.append(cells[1:], 0.0)).sum())

    best, step = 0.0, 0.25
    for step in (0.25, 0.05):
        reach = SKEW_LIMIT_DEGREES if step == 0.25 else 0.25
        angles = best + np.arange(-round(reach / step), round(reach / step) + 1) * step
        # The middle of a plateau, not its first angle.
        scores = np.array([sharpness(angle) for angle in angles])
        best = float(angles[scores >= scores.max() * 0.995].mean())
    rise = np.tan(np.deg2rad(abs(best))) * np.ptp(x)
    return best if rise > 0.3 * height and sharpness(best) > 1.1 * sharpness(0.0) else 0.0


def find_lines(components: Components, shape: tuple[int, int]) -> list[TextLine]:
    """Group components into lines.

    Args:
        components: the page's, upright.
        shape: (H, W) of the page.

    Returns:
        Lines in reading order, numbered by block.
    """
    letters = find_letters(components)
    if not len(letters):
        return []
    em_px = letter_height(components) / ASCENDER_EM
    width, height, area = components.width[letters], components.height[letters], components.area[letters]
    block = (height > 2 * em_px) & (width > 0.3 * height) & (area > 0.75 * width * height)
    letters = letters[~block]
    # Dashes are no letters, but they are no white space either.
    marks = (components.area > 0.01 * em_px**2) & (components.height < 2 * em_px)
    marks[letters] = True
    gutters = _gutters(components.boxes[marks], shape, em_px)
    label, letters = _segment(components, letters, shape, gutters)
    if not len(letters):
        return []
    segments = _without_bars(components, _describe(components, letters, label))
    segments = _attach_small(segments)
    segments = join_rows(segments, gutters)
    lines = [line for line in segments if _plausible(components, line)]
    if lines:
        # Drawings and photographs: a few shapes much larger than the page's text.
        usual = weighted_median(
            np.array([line.em_px for line in lines]), np.array([len(line.members) for line in lines])
        )
        lines = [line for line in lines if line.em_px < (6 if len(line.members) <= 8 else 9) * usual]
    return order_lines(lines)


def _gutters(boxes: np.ndarray, shape: tuple[int, int], em_px: float) -> np.ndarray:
    """Number the tall white strips of a page.

    Args:
        boxes: (N, 4) of letters and marks.
        shape: (H, W).
        em_px: usual font size.

    Returns:
        (H, W) int32, 0 outside.
    """
    cell = max(2, round(em_px / 6))
    rows, columns = shape[0] // cell + 1, shape[1] // cell + 1
    white = np.ones((rows, columns), bool)
    for x1, y1, x2, y2 in (boxes // cell).tolist():
        white[y1 : y2 + 1, x1 : x2 + 1] = False
    # Margins over and under the text, and an empty middle, would reach into the gaps of the lines beside them.
    inked = [-1, *np.flatnonzero(~white.all(1)).tolist(), rows]
    for above, below in pairwise(inked):
        if above < 0 or below == rows or below - above > EMPTY_BAND_EM * em_px / cell:
            white[above + 1 : below] = False
    strips = np.zeros((columns, rows), bool)
    for width_em, height_em in GUTTERS_EM:
        window = min(max(2, round(width_em * em_px / cell) - 1), columns)
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


def _segment(
    components: Components, letters: np.ndarray, shape: tuple[int, int], gutters: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Label letters by the segment that they belong to.

    Returns:
        (n,) labels and the (n,) components that they label: those too tall for their line are gone.
    """
    for _ in range(6):
        boxes = components.boxes[letters]
        height = boxes[:, 3] - boxes[:, 1]
        reach = np.ceil(BRIDGE * height).astype(np.int64)
        left, right = np.maximum(boxes[:, 0] - reach, 0), boxes[:, 2] + reach
        top, bottom = boxes[:, 1] + height // 4, boxes[:, 3] - height // 4
        # What reaches over a gutter, such as the bars of a chart, would tie the lines behind it.
        for high in np.flatnonzero(height > 2 * np.median(height)):
            row = gutters[(boxes[high, 1] + boxes[high, 3]) // 2]
            white = np.flatnonzero(row[left[high] : boxes[high, 0]])
            left[high] += white[-1] + 1 if len(white) else 0
            white = np.flatnonzero(row[boxes[high, 2] : right[high]])
            right[high] = boxes[high, 2] + white[0] if len(white) else right[high]
        cores = np.zeros(shape, bool)
        for x1, y1, x2, y2 in zip(left.tolist(), top.tolist(), right.tolist(), bottom.tolist(), strict=True):
            cores[y1 : max(y2, y1 + 1), x1:x2] = True
        cores &= gutters == 0
        found = find_components(cores)
        numbered = paint_runs(found, (found.run_label + 1).astype(np.int32), shape)
        label = numbered[(boxes[:, 1] + boxes[:, 3]) // 2, (boxes[:, 0] + boxes[:, 2]) // 2]
        tall = np.zeros(len(letters), bool)
        for members in _groups(label):
            if len(members) > 2:
                weights = (boxes[members, 2] - boxes[members, 0]).clip(1, 4 * np.median(height[members]))
                usual = weighted_median(height[members], weights)
                # Where lines hang together, whatever is a little too high may be what ties them.
                tied = np.ptp(boxes[members][:, [1, 3]]) > 3 * usual
                tall[members] = height[members] > (1.6 if tied else TALL) * usual
        if not tall.any():
            break
        letters = letters[~tall]
        label = label[~tall]
    return label, letters


def _groups(label: np.ndarray) -> list[np.ndarray]:
    """Indices of equal labels."""
    order = np.argsort(label, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(label[order])) + 1) if len(order) else []


def _describe(components: Components, letters: np.ndarray, label: np.ndarray) -> list[TextLine]:
    """Measure each group of letters."""
    return [_measure(components, letters[members]) for members in _groups(label)]


def _without_bars(components: Components, segments: list[TextLine]) -> list[TextLine]:
    """Leave out rows of full shapes that are much higher than the page's letters, such as the bars of a chart."""
    usual = weighted_median(
        np.array([segment.em_px for segment in segments]), np.array([len(segment.members) for segment in segments])
    )

    def full(segment: TextLine) -> bool:
        members = segment.members
        box_area = components.width[members] * components.height[members]
        return bool(components.area[members].sum() > FULL_SHARE * box_area.sum())

    return [segment for segment in segments if segment.em_px < SHAPE_EM * usual or not full(segment)]


def _measure(components: Components, members: np.ndarray) -> TextLine:
    """Estimate baseline and font size of a row of letters from its components' boxes."""
    boxes = components.boxes[members]
    x1, y1 = boxes[:, :2].min(0).tolist()
    x2, y2 = boxes[:, 2:].max(0).tolist()
    height = boxes[:, 3] - boxes[:, 1]
    weight = (boxes[:, 2] - boxes[:, 0]).astype(float)
    big = height >= 0.6 * weighted_median(height, weight)
    baseline = weighted_median(boxes[big, 3], weight[big])
    # Half of the letters of `type` hang below the baseline, which is where the others end.
    others = weighted_median(boxes[big, 3], weight[big], STANDING_SHARE)
    if DESCENDER_SHARE[0] < (baseline - others) / weighted_median(height[big], weight[big]) < DESCENDER_SHARE[1]:
        baseline = others
    rise = baseline - boxes[big, 1]
    rise, weight = rise[rise > 0], weight[big][rise > 0]
    if not len(rise):
        return TextLine(members, (x1, y1, x2, y2), baseline, float(y2 - y1) / ASCENDER_EM)
    body = weighted_median(rise, weight)
    upper = float(np.percentile(rise, 93))
    even = upper <= 1.2 * body
    em_px = upper / (CAPITAL_EM if even else ASCENDER_EM)
    return TextLine(members, (x1, y1, x2, y2), baseline, float(em_px), even)


def _attach_small(segments: list[TextLine]) -> list[TextLine]:
    """Give dots, marks, quotes, hyphens and superscripts to the line that they stand in."""
    em = np.array([segment.em_px for segment in segments])
    boxes = box_array(segments)
    baseline = np.array([segment.baseline_px for segment in segments])
    height = boxes[:, 3] - boxes[:, 1]
    count = np.array([len(segment.members) for segment in segments])
    usual = weighted_median(em, count)
    # Text is no mark of a shape that is larger, such as the bars of a chart above it or a part of a picture.
    text, shape = em > 0.6 * usual, (em > SHAPE_EM * usual) & (count <= 2)
    order = np.argsort(-em)
    owner = np.full(len(segments), -1)
    reach = boxes.copy()
    for _ in range(12):
        changed = False
        for small in order[::-1]:
            if owner[small] >= 0 or (text[small] and count[small] > FEW_LETTERS):
                continue
            x1, y1, x2, y2 = boxes[small]
            middle = (y1 + y2) / 2
            gap = np.maximum(np.maximum(reach[:, 0] - x2, x1 - reach[:, 2]), 0.0)
            share = height[small] / em
            # A bullet may stand further away from its item.
            word = text[small] and count[small] > 1
            far = np.where(reach[:, 0] > x2, 1.2 if word else MARKER_GAP_EM, 1.2) * em
            near = ((share < 0.45) & (gap < far)) | ((share < 0.8) & (gap < 0.5 * em) & (em[small] < 0.8 * em))
            inside = (middle > baseline - 1.05 * em) & (middle < baseline + 0.35 * em)
            fits = near & inside & (owner < 0) & (em > 1.2 * em[small])
            fits &= (boxes[:, 2] - boxes[:, 0] > x2 - x1) & ~(text[small] & shape)
            if fits.any():
                candidates = np.flatnonzero(fits)
                off = np.abs(middle - (baseline - 0.35 * em))[candidates] + gap[candidates]
                best = int(candidates[np.argmin(off / em[candidates])])
                owner[small] = best
                reach[best, 0], reach[best, 2] = min(reach[best, 0], x1), max(reach[best, 2], x2)
                changed = True
        if not changed:
            break
    place = {number: [segment] for number, segment in enumerate(segments) if owner[number] < 0}
    for number in np.flatnonzero(owner >= 0):
        top = int(owner[number])
        while owner[top] >= 0:
            top = int(owner[top])
        place[top].append(segments[number])
    return [join_parts(parts, 0) for parts in place.values()]


def _plausible(components: Components, line: TextLine) -> bool:
    """Whether a group of components looks like text rather than dirt or a drawing."""
    boxes = components.boxes[line.members]
    area = components.area[line.members].sum()
    box_height, box_width = line.box[3] - line.box[1], line.box[2] - line.box[0]
    if box_height > 3 * line.em_px:
        return False
    if line.em_px < 6 or box_height < 4 or area < 0.03 * line.em_px**2:
        return False
    if len(line.members) == 1 and (box_height > 6 * box_width or box_width > 12 * box_height):
        return False
    if len(line.members) == 1 and box_width > 0.5 * box_height and area > 0.7 * box_width * box_height:
        return False
    if len(line.members) < 5:
        return True
    big = boxes[(boxes[:, 3] - boxes[:, 1]) > 0.3 * line.em_px]
    off = np.minimum(np.abs(big[:, 3] - line.baseline_px), np.abs(big[:, 3] - line.baseline_px - 0.22 * line.em_px))
    return bool(len(big) < 4 or np.mean(off < 0.12 * line.em_px + 1) > 0.5)


def without_noise(lines: list[TextLine], ink: np.ndarray, mask: np.ndarray, scale: float) -> list[TextLine]:
    """Leave out what paper's grain and dirt look like: lines of a few marks, hardly darker than the paper's darkest.

    Args:
        lines: of a page.
        ink: (H, W) uint8, of `ink_image`.
        mask: (H, W) bool, of `ink_mask`.
        scale: px of the ink to one of the picture.

    Returns:
        The lines that may be text. None, where a page has nothing but dirt.
    """
    if lines and _is_dirt(lines, ink.shape, scale):
        return []
    paper = ink[~mask]
    grain = float(np.percentile(paper[:: 1 + len(paper) // 100_000], 99)) if len(paper) else 0.0
    kept = []
    for line in lines:
        x1, y1, x2, y2 = line.box
        own = ink[y1:y2, x1:x2][mask[y1:y2, x1:x2]]
        if len(line.members) > STREWN_MARKS or not len(own) or np.percentile(own, 80) > GRAIN_CONTRAST * grain:
            kept.append(line)
    return kept


def _is_dirt(lines: list[TextLine], shape: tuple[int, ...], scale: float) -> bool:
    """Whether a page has only dust, marks of all sizes strewn about, or shadows that reach in from its edges."""
    marks = np.array([len(line.members) for line in lines])
    sizes = np.array([line.em_px for line in lines])
    strewn = len(lines) > 3 and marks.max() <= 2 * STREWN_MARKS and np.mean(marks <= STREWN_MARKS) > 0.8
    if strewn and sizes.std() > 0.2 * sizes.mean():
        return True
    if marks.max() == 1 and sizes.max() < SPECK_SHARE * max(shape):
        return True
    if sizes.max() < (DUST_EM_PX if marks.max() <= STREWN_MARKS else GRAIN_EM_PX) * scale:
        return True
    boxes, edges = box_array(lines), np.array([1, 1, shape[1] - 1, shape[0] - 1])
    at_edge = (boxes[:, :2] <= edges[:2]).any(1) | (boxes[:, 2:] >= edges[2:]).any(1)
    # The edges of a small cut-out run through letters.
    large = min(shape) >= SHADOWED_SIDE_PX * scale and sizes.min() >= SHADOW_EM_PX * scale
    return bool(large and marks.max() <= STREWN_MARKS and at_edge.all())


def assign_runs(components: Components, lines: list[TextLine]) -> tuple[np.ndarray, list[TextLine]]:
    """Give every run of ink to a line: its letters', marks beside them, and letters that touch two lines row by row.

    Args:
        components: the page's.
        lines: its lines.

    Returns:
        (R,) int32, number of the line from 1, 0 for no line; and the lines with boxes around all of their ink.
    """
    owner = np.zeros(len(components.area), np.int32)
    for number, line in enumerate(lines):
        owner[line.members] = number + 1
    if not lines:
        return np.zeros(len(components.run_row), np.int32), []
    em = np.array([line.em_px for line in lines])
    baseline = np.array([line.baseline_px for line in lines])
    x1, _, x2, _ = box_array(lines).T
    split = []
    rest = np.flatnonzero((owner == 0) & (components.area >= 2))
    for chunk in np.array_split(rest, len(rest) * len(lines) // 2_000_000 + 1):
        boxes = components.boxes[chunk].astype(float)
        middle_x, middle_y = boxes[:, [0, 2]].mean(1)[:, None], boxes[:, [1, 3]].mean(1)[:, None]
        width, height = components.width[chunk][:, None], components.height[chunk][:, None]
        beside = (middle_x > x1 - 0.6 * em) & (middle_x < x2 + 0.6 * em)
        within = (middle_y > baseline - 1.05 * em) & (middle_y < baseline + 0.35 * em)
        small = (height < 1.5 * em) & (width < 1.5 * em) & (components.area[chunk][:, None] > 0.003 * em**2)
        shared = np.minimum(boxes[:, 3:], baseline) - np.maximum(boxes[:, 1:2], baseline - 0.5 * em)
        rule = (width < 0.2 * em) & (height > 2.5 * em)
        tall = beside & (shared > 0.25 * em) & ~rule & (height < 6 * em) & (width < 6 * em)
        several = tall.sum(1) > 1
        # A dash that opens or ends a line may stand further away from its letters.
        outside = np.maximum(np.maximum(x1 - middle_x, middle_x - x2), 0.0) / em
        flat = (width > 1.2 * height) & (height < 0.25 * em) & (width > 0.15 * em)
        apart = flat & (outside < np.where(middle_x < x1, MARKER_GAP_EM, 1.8))
        near = (beside | apart) & within & small
        off = np.where(near, np.abs(middle_y - baseline + 0.35 * em) / em + 0.5 * outside, np.inf)
        best = off.argmin(1)
        fits = np.isfinite(off[np.arange(len(chunk)), best]) & ~several
        owner[chunk[fits]] = best[fits] + 1
        tall &= ~fits[:, None]
        split += [(chunk[row], np.flatnonzero(tall[row])) for row in np.flatnonzero(tall.any(1))]
    run_line = owner[components.run_label] if len(owner) else np.zeros(0, np.int32)
    for number, near in split:
        runs = np.flatnonzero(components.run_label == number)
        centre = baseline[near] - 0.3 * em[near]
        run_line[runs] = near[np.abs(components.run_row[runs][:, None] - centre).argmin(1)] + 1
    return run_line, [_around(components, run_line, number, line) for number, line in enumerate(lines)]


def _around(components: Components, run_line: np.ndarray, number: int, line: TextLine) -> TextLine:
    runs = run_line == number + 1
    start, stop, row = components.run_start[runs], components.run_stop[runs], components.run_row[runs]
    return replace(line, box=(int(start.min()), int(row.min()), int(stop.max()), int(row.max()) + 1))
