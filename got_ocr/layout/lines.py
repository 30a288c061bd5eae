"""Find the text lines of a page among its connected pieces of ink.

A letter's middle band, drawn longer to both sides in proportion to the letter's own height, meets its neighbours on
the same line and nobody else, whatever sizes a page mixes.

Shape legend:
    H, W  height and width in px of the picture that is looked at
    N     components: connected pieces of ink
    S     segments: letters in a row without a wide gap
"""

from dataclasses import replace

import numpy as np

from .bands import Bands
from .columns import find_gutters
from .components import Components, find_components, find_letters, measure_letter_height, paint_runs, weighted_median
from .frames import assign_frames
from .line import Line, box_array, join_parts, outer_box
from .reading_order import order_lines
from .rows import join_rows
from .thresholds import Baseline, Face, Ownership, Plausible, Rows, Segments, SmallMarks
from .time_limit import check_time


def find_lines(components: Components, shape: tuple[int, int], frames: np.ndarray | None = None) -> list[Line]:
    """Group components into lines.

    Args:
        components: the page's, upright, rules left out.
        shape: (H, W) of the page.
        frames: (n, 4) of `find_frames`; lines don't go on across their sides.

    Returns:
        Lines in reading order, numbered by block.
    """
    letters = find_letters(components)
    if not len(letters):
        return []
    em_px = measure_letter_height(components) / Face.ASCENDER_EM
    width, height, area = components.width[letters], components.height[letters], components.area[letters]
    block = (height > Segments.BLOCK_HEIGHT_EM * em_px) & (width > Segments.BLOCK_WIDTH * height)
    block &= area > Segments.BLOCK_INK * width * height
    letters = letters[~(block | _find_rings(components.boxes[letters], area, em_px))]
    # Dashes are no letters, but they are no white space either.
    is_mark = components.area > Segments.MARK_AREA_EM * em_px**2
    is_mark &= components.height < Segments.MARK_HEIGHT_EM * em_px
    is_mark[letters] = True
    marks = np.flatnonzero(is_mark)
    frames = np.zeros((0, 4), np.int64) if frames is None else frames
    letters_frame = assign_frames(components.boxes[letters], frames)
    marks_frame = assign_frames(components.boxes[marks], frames)
    lines: list[Line] = []
    if (letters_frame < 0).any():
        # No gutter runs through a frame.
        filled = np.concatenate([components.boxes[marks[marks_frame < 0]], frames])
        lines = _find_in_one_frame(components, letters[letters_frame < 0], shape, find_gutters(filled, shape, em_px))
    for frame in np.unique(letters_frame[letters_frame >= 0]).tolist():
        check_time()
        own = letters_frame == frame, marks_frame == frame
        lines += [
            replace(line, frame=frame) for line in _find_in_window(components, letters[own[0]], marks[own[1]], em_px)
        ]
    if lines:
        # Drawings and photographs: a few shapes much larger than the page's text.
        usual = _usual_size(lines)
        largest = {True: Segments.LARGEST_FEW * usual, False: Segments.LARGEST_MANY * usual}
        lines = [line for line in lines if line.em_px < largest[len(line.members) <= Segments.SHAPE_LETTERS]]
    return order_lines(lines)


def _find_rings(boxes: np.ndarray, area: np.ndarray, em_px: float) -> np.ndarray:
    """Find what is drawn around letters, such as a ring around a sum.

    Args:
        boxes: (n, 4) of components that may be letters.
        area: (n,) of their ink.
        em_px: the page's usual size.

    Returns:
        (n,) bool.
    """
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    found = (height > Segments.RING_HEIGHT_EM * em_px) & (area < Segments.RING_INK * width * height)
    middle = boxes.reshape(-1, 2, 2).mean(1)
    for number in np.flatnonzero(found):
        check_time()
        inside = ((middle > boxes[number, :2]) & (middle < boxes[number, 2:])).all(1)
        found[number] = np.count_nonzero(inside) > Segments.RING_LETTERS
    return np.asarray(found)


def _find_in_window(components: Components, letters: np.ndarray, marks: np.ndarray, em_px: float) -> list[Line]:
    """Group the letters of a frame by looking at no more of the page than they take. Args as in `find_lines`."""
    around = outer_box(components.boxes[marks])
    left, top = (int(edge - Segments.WINDOW_EM * em_px) for edge in around[:2])
    width, height = (int(edge + Segments.WINDOW_EM * em_px) for edge in (around[2] - left, around[3] - top))
    part = replace(
        components, boxes=components.boxes[marks] - np.array([left, top, left, top]), area=components.area[marks]
    )
    gutters = find_gutters(part.boxes, (height, width), em_px)
    found = _find_in_one_frame(part, np.searchsorted(marks, letters), (height, width), gutters)
    return [
        replace(
            line,
            box=(line.box[0] + left, line.box[1] + top, line.box[2] + left, line.box[3] + top),
            baseline_px=line.baseline_px + top,
            members=marks[line.members],
        )
        for line in found
    ]


def _find_in_one_frame(
    components: Components, letters: np.ndarray, shape: tuple[int, int], gutters: np.ndarray
) -> list[Line]:
    """Group the letters of one frame, or those outside of all, into lines in any order."""
    label, letters = _segment(components, letters, shape, gutters)
    if not len(letters):
        return []
    segments = _remove_bars(components, _describe(components, letters, label))
    segments = join_rows(_attach_small(segments), gutters)
    return [line for line in segments if _is_plausible(components, line)]


def _segment(
    components: Components, letters: np.ndarray, shape: tuple[int, int], gutters: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Label letters by the segment that they belong to.

    Returns:
        (n,) labels and the (n,) components that they label: those too tall for their line are gone.
    """
    for _ in range(Segments.ROUNDS):
        check_time()
        boxes = components.boxes[letters]
        height = boxes[:, 3] - boxes[:, 1]
        reach = np.ceil(Segments.BRIDGE * height).astype(np.int64)
        left, right = np.maximum(boxes[:, 0] - reach, 0), boxes[:, 2] + reach
        parts = Segments.CORE_PARTS
        top, bottom = boxes[:, 1] + height // parts, boxes[:, 3] - height // parts
        # What reaches over a gutter, such as the bars of a chart, would tie the lines behind it.
        for high in np.flatnonzero(height > Segments.CROSSING * np.median(height)):
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
                widest = Segments.WIDEST_WEIGHT * np.median(height[members])
                weights = (boxes[members, 2] - boxes[members, 0]).clip(1, widest)
                usual = weighted_median(height[members], weights)
                # Where lines hang together, whatever is a little too high may be what ties them.
                tied = np.ptp(boxes[members][:, [1, 3]]) > Segments.TIED * usual
                tall[members] = height[members] > (Segments.TALL_TIED if tied else Segments.TALL) * usual
        if not tall.any():
            break
        letters = letters[~tall]
        label = label[~tall]
    return label, letters


def _groups(label: np.ndarray) -> list[np.ndarray]:
    """Indices of equal labels."""
    order = np.argsort(label, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(label[order])) + 1) if len(order) else []


def _describe(components: Components, letters: np.ndarray, label: np.ndarray) -> list[Line]:
    """Measure each group of letters."""
    return [_measure(components, letters[members]) for members in _groups(label)]


def _remove_bars(components: Components, segments: list[Line]) -> list[Line]:
    """Leave out rows of full shapes that are much higher than the page's letters, such as the bars of a chart."""
    usual = _usual_size(segments)

    def full(segment: Line) -> bool:
        members = segment.members
        box_area = components.width[members] * components.height[members]
        return bool(components.area[members].sum() > Segments.FULL_SHARE * box_area.sum())

    return [segment for segment in segments if segment.em_px < Segments.SHAPE_EM * usual or not full(segment)]


def _usual_size(lines: list[Line]) -> float:
    """The size of most letters of some lines, at least one."""
    return weighted_median(np.array([line.em_px for line in lines]), np.array([len(line.members) for line in lines]))


def _measure(components: Components, members: np.ndarray) -> Line:
    """Estimate baseline and font size of a row of letters from its components' boxes."""
    check_time()
    boxes = components.boxes[members]
    box = outer_box(boxes)
    height = boxes[:, 3] - boxes[:, 1]
    weight = (boxes[:, 2] - boxes[:, 0]).astype(float)
    big = height >= Baseline.BIG * weighted_median(height, weight)
    baseline = weighted_median(boxes[big, 3], weight[big])
    # Half of the letters of `type` hang below the baseline, which is where the others end.
    others = weighted_median(boxes[big, 3], weight[big], Baseline.STANDING_SHARE)
    least, most = Baseline.DESCENDER
    if least < (baseline - others) / weighted_median(height[big], weight[big]) < most:
        baseline = others
    rise = baseline - boxes[big, 1]
    rise, weight = rise[rise > 0], weight[big][rise > 0]
    if not len(rise):
        return Line(box, baseline, float(box[3] - box[1]) / Face.ASCENDER_EM, members)
    body = weighted_median(rise, weight)
    upper = float(np.percentile(rise, Baseline.UPPER_PERCENT))
    is_even = upper <= Baseline.EVEN * body
    em_px = upper / (Face.CAPITAL_EM if is_even else Face.ASCENDER_EM)
    return Line(box, baseline, float(em_px), members, is_even)


def _attach_small(segments: list[Line]) -> list[Line]:
    """Give dots, marks, quotes, hyphens and superscripts to the line that they stand in."""
    em = np.array([segment.em_px for segment in segments])
    boxes = box_array(segments)
    baseline = np.array([segment.baseline_px for segment in segments])
    height = boxes[:, 3] - boxes[:, 1]
    count = np.array([len(segment.members) for segment in segments])
    usual = weighted_median(em, count)
    # Text is no mark of a shape that is larger, such as the bars of a chart above it or a part of a picture.
    text, shape = em > SmallMarks.TEXT * usual, (em > Segments.SHAPE_EM * usual) & (count <= SmallMarks.SHAPE_LETTERS)
    owner = np.full(len(segments), -1)
    reach, width = boxes.copy(), boxes[:, 2] - boxes[:, 0]
    bands = Bands(baseline - Face.TOP_EM * em, baseline + Face.BOTTOM_EM * em, Face.TOP_EM * usual)
    small_first = np.argsort(-em)[::-1]
    small_first = small_first[~(text & (count > Face.FEW_LETTERS))[small_first]]
    # When the reach of each last grew, and when each was last looked at: what is as it was need not be looked at anew.
    grown, looked, clock = np.zeros(len(segments), np.int64), np.full(len(segments), -1), 0
    for _ in range(SmallMarks.ROUNDS):
        changed = False
        for small in small_first:
            if owner[small] >= 0:
                continue
            check_time()
            x1, y1, x2, y2 = boxes[small]
            middle = (y1 + y2) / 2
            some = bands.near(middle, middle)
            if not len(some) or grown[some].max() <= looked[small]:
                continue
            looked[small] = clock
            size = em[some]
            some = some[(size > SmallMarks.LARGER * em[small]) & (owner[some] < 0) & (width[some] > x2 - x1)]
            if not len(some):
                continue
            size, level, left = em[some], baseline[some], reach[some, 0]
            gap = np.maximum(np.maximum(left - x2, x1 - reach[some, 2]), 0.0)
            share = height[small] / size
            # A bullet may stand further away from its item.
            word = text[small] and count[small] > 1
            before_em = SmallMarks.REACH_EM if word else Rows.MARKER_GAP_EM
            far = np.where(left > x2, before_em, SmallMarks.REACH_EM) * size
            near = (share < SmallMarks.HIGH_EM) & (gap < SmallMarks.HIGH_REACH_EM * size)
            near &= em[small] < SmallMarks.HIGH_SIZE * size
            near |= (share < SmallMarks.LOW_EM) & (gap < far)
            fits = near & (middle > level - Face.TOP_EM * size) & (middle < level + Face.BOTTOM_EM * size)
            fits &= ~(text[small] & shape[some])
            if fits.any():
                off = np.abs(middle - (level - Face.SMALL_MIDDLE_EM * size))[fits] + gap[fits]
                best = int(some[fits][np.argmin(off / size[fits])])
                owner[small] = best
                reach[best, 0], reach[best, 2] = min(reach[best, 0], x1), max(reach[best, 2], x2)
                clock += 1
                grown[best] = clock
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


def _is_plausible(components: Components, line: Line) -> bool:
    """Whether a group of components looks like text rather than dirt or a drawing."""
    boxes = components.boxes[line.members]
    area = components.area[line.members].sum()
    box_height, box_width = line.height_px, line.width_px
    if box_height > Plausible.HEIGHT_EM * line.em_px or line.em_px < Plausible.LEAST_EM_PX:
        return False
    if box_height < Plausible.LEAST_HEIGHT_PX or area < Plausible.LEAST_AREA_EM * line.em_px**2:
        return False
    if len(line.members) == 1:
        if box_height > Plausible.HIGHEST * box_width or box_width > Plausible.WIDEST * box_height:
            return False
        if box_width > Plausible.BLOCK_WIDTH * box_height and area > Plausible.BLOCK_INK * box_width * box_height:
            return False
    if len(line.members) < Plausible.TOLD_LETTERS:
        return True
    big = boxes[(boxes[:, 3] - boxes[:, 1]) > Plausible.BIG_EM * line.em_px]
    below = big[:, 3] - line.baseline_px
    off = np.minimum(np.abs(below), np.abs(below - Plausible.DESCENDER_EM * line.em_px))
    level = off < Plausible.OFF_EM * line.em_px + Plausible.OFF_PX
    return bool(len(big) < Plausible.LEAST_BIG or np.mean(level) > Plausible.LEVEL_SHARE)


def assign_runs(components: Components, lines: list[Line]) -> tuple[np.ndarray, list[Line]]:
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
    split = []
    rest = np.flatnonzero((owner == 0) & (components.area >= Ownership.LEAST_AREA_PX))
    rest = rest[np.argsort(components.boxes[rest, 1], kind="stable")]  # From the top: few lines are near to a chunk.
    bands = Bands(baseline - Face.TOP_EM * em, baseline + Face.BOTTOM_EM * em, float(np.median(em)))
    for chunk in np.array_split(rest, len(rest) // Ownership.CHUNK + 1):
        check_time()
        boxes = components.boxes[chunk]
        some = bands.near(boxes[:, 1].min(initial=0), boxes[:, 3].max(initial=0)) if len(chunk) else chunk
        if not len(some):
            continue
        near, tall = _fit_marks(components, chunk, [lines[number] for number in some])
        best = near.argmin(1)
        fits = np.isfinite(near[np.arange(len(chunk)), best]) & ~(tall.sum(1) > 1)
        owner[chunk[fits]] = some[best[fits]] + 1
        tall &= ~fits[:, None]
        split += [(chunk[row], some[tall[row]]) for row in np.flatnonzero(tall.any(1))]
    run_line = owner[components.run_label] if len(owner) else np.zeros(0, np.int32)
    runs_of = _group_runs(components.run_label, len(components.area)) if split else []
    for number, touched in split:
        runs = runs_of[number]
        centre = baseline[touched] - Face.LETTER_MIDDLE_EM * em[touched]
        run_line[runs] = touched[np.abs(components.run_row[runs][:, None] - centre).argmin(1)] + 1
    own = _group_runs(run_line, len(lines) + 1)
    return run_line, [_around(components, own[number + 1], line) for number, line in enumerate(lines)]


def _group_runs(label: np.ndarray, count: int) -> list[np.ndarray]:
    """Indices of the runs that have each of the labels from 0 to `count`, rising."""
    order = np.argsort(label, kind="stable")
    return np.split(order, np.searchsorted(label[order], np.arange(1, count)))


def _fit_marks(components: Components, chunk: np.ndarray, lines: list[Line]) -> tuple[np.ndarray, np.ndarray]:
    """Compare components with lines.

    Args:
        components: the page's.
        chunk: (n,) numbers of those that belong to no line yet.
        lines: (m) lines.

    Returns:
        (n, m) float64, how far each is off a line that it may be a mark of, else infinite; and (n, m) bool, whether
        it is as high as to touch that line's letters.
    """
    em = np.array([line.em_px for line in lines])
    baseline = np.array([line.baseline_px for line in lines])
    x1, _, x2, _ = box_array(lines).T
    boxes = components.boxes[chunk].astype(float)
    middle_x, middle_y = boxes[:, [0, 2]].mean(1)[:, None], boxes[:, [1, 3]].mean(1)[:, None]
    width, height = components.width[chunk][:, None], components.height[chunk][:, None]
    beside = (middle_x > x1 - Ownership.BESIDE_EM * em) & (middle_x < x2 + Ownership.BESIDE_EM * em)
    within = (middle_y > baseline - Face.TOP_EM * em) & (middle_y < baseline + Face.BOTTOM_EM * em)
    small = (height < Ownership.SMALL_EM * em) & (width < Ownership.SMALL_EM * em)
    small &= components.area[chunk][:, None] > Ownership.LEAST_AREA_EM * em**2
    shared = np.minimum(boxes[:, 3:], baseline) - np.maximum(boxes[:, 1:2], baseline - Ownership.BAND_EM * em)
    rule = (width < Ownership.RULE_WIDTH_EM * em) & (height > Ownership.RULE_HEIGHT_EM * em)
    tall = beside & (shared > Ownership.SHARED_EM * em) & ~rule
    tall &= (height < Ownership.TIED_EM * em) & (width < Ownership.TIED_EM * em)
    # What stands beside lines, or at a single one, and is too large for a letter is a picture.
    large = (height > Ownership.ICON_HEIGHT_EM * em) & (width > Ownership.ICON_WIDTH_EM * em)
    aside = (middle_x < x1) | (middle_x > x2) | (tall.sum(1, keepdims=True) == 1)
    hollow = components.area[chunk][:, None] < Ownership.HOLLOW_INK * width * height
    tall &= ~(large & (aside | hollow))
    # A dash that opens or ends a line may stand further away from its letters.
    outside = np.maximum(np.maximum(x1 - middle_x, middle_x - x2), 0.0) / em
    flat = (width > Ownership.DASH_SHAPE * height) & (height < Ownership.DASH_HEIGHT_EM * em)
    flat &= width > Ownership.DASH_EM * em
    apart = flat & (outside < np.where(middle_x < x1, Rows.MARKER_GAP_EM, Ownership.DASH_REACH_EM))
    near = (beside | apart) & within & small
    off = np.abs(middle_y - baseline + Face.SMALL_MIDDLE_EM * em) / em + Ownership.ASIDE_COST * outside
    return np.where(near, off, np.inf), tall


def _around(components: Components, runs: np.ndarray, line: Line) -> Line:
    start, stop, row = components.run_start[runs], components.run_stop[runs], components.run_row[runs]
    return replace(line, box=(int(start.min()), int(row.min()), int(stop.max()), int(row.max()) + 1))
