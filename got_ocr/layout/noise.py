"""Tell text from paper's grain, dirt, dust, shadows and dashed lines."""

import numpy as np

from .components import Components
from .line import Line, box_array
from .thresholds import Dashes, Noise
from .time_limit import check_time


def remove_noise(lines: list[Line], ink: np.ndarray, mask: np.ndarray, scale: float) -> list[Line]:
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
    lines = remove_dashes(lines)
    paper = ink[~mask]
    grain = (
        float(np.percentile(paper[:: 1 + len(paper) // Noise.SAMPLE_PX], Noise.GRAIN_PERCENT)) if len(paper) else 0.0
    )
    kept = []
    for line in lines:
        check_time()
        x1, y1, x2, y2 = line.box
        own = ink[y1:y2, x1:x2][mask[y1:y2, x1:x2]]
        is_long = len(line.members) > Noise.STREWN_MARKS
        if is_long or not len(own) or np.percentile(own, Noise.INK_PERCENT) > Noise.GRAIN_CONTRAST * grain:
            kept.append(line)
    return kept


def _is_dirt(lines: list[Line], shape: tuple[int, ...], scale: float) -> bool:
    """Whether a page has only dust, marks of all sizes strewn about, or shadows that reach in from its edges."""
    marks = np.array([len(line.members) for line in lines])
    sizes = np.array([line.em_px for line in lines])
    strewn = len(lines) > Noise.STREWN_LINES and marks.max() <= 2 * Noise.STREWN_MARKS
    strewn &= np.mean(marks <= Noise.STREWN_MARKS) > Noise.STREWN_SHARE
    if strewn and sizes.std() > Noise.STREWN_SIZES * sizes.mean():
        return True
    if marks.max() == 1 and sizes.max() < Noise.SPECK_SHARE * max(shape):
        return True
    if sizes.max() < (Noise.DUST_EM_PX if marks.max() <= Noise.STREWN_MARKS else Noise.GRAIN_EM_PX) * scale:
        return True
    boxes, edges = box_array(lines), np.array([1, 1, shape[1] - 1, shape[0] - 1])
    at_edge = (boxes[:, :2] <= edges[:2]).any(1) | (boxes[:, 2:] >= edges[2:]).any(1)
    # The edges of a small cut-out run through letters.
    large = min(shape) >= Noise.SHADOWED_SIDE_PX * scale and sizes.min() >= Noise.SHADOW_EM_PX * scale
    return bool(large and marks.max() <= Noise.STREWN_MARKS and at_edge.all())


def remove_dashes(lines: list[Line]) -> list[Line]:
    """Leave out the dashes of lines that run up or down, each of which looks like a letter I.

    Args:
        lines: of a page.

    Returns:
        The lines but for single upright strokes of one size that stand evenly above each other.
    """
    boxes = box_array(lines)
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    is_stroke = np.array([len(line.members) == 1 for line in lines], dtype=bool) & (height > Dashes.SHAPE * width)
    is_dash = np.zeros(len(lines), bool)
    for number in np.flatnonzero(is_stroke):
        check_time()
        middle = (boxes[number, 0] + boxes[number, 2]) / 2
        off = np.abs(boxes[:, [0, 2]].mean(1) - middle)
        alike = np.abs(height / height[number] - 1) < Dashes.ALIKE
        column = np.flatnonzero(is_stroke & alike & (off < Dashes.LEVEL * width[number]))
        if len(column) < Dashes.LEAST:
            continue
        column = column[np.argsort(boxes[column, 1])]
        pitch = np.diff(boxes[column, 1])
        even = np.abs(pitch / np.median(pitch) - 1) < Dashes.ALIKE
        if even.sum() >= Dashes.LEAST - 1:
            is_dash[column] = True
    return [line for line, dash in zip(lines, is_dash, strict=True) if not dash]


def find_dashes(components: Components) -> np.ndarray:
    """Find the dashes of lines that run from left to right, such as those between the parts of a receipt.

    Args:
        components: the page's.

    Returns:
        (N,) bool, those that stand at one height in a row of many.
    """
    found = np.zeros(len(components.area), bool)
    width, height = components.width, components.height
    # Words whose letters touch are as wide, but hold less ink.
    solid = components.area > np.maximum(Dashes.INK * width * height, 1)
    flat = np.flatnonzero((width > Dashes.SHAPE * height) & solid)
    middle = components.boxes[:, [1, 3]].mean(1)
    flat = flat[np.argsort(middle[flat], kind="stable")]
    reach = np.maximum(Dashes.LEVEL * height, 1.0)
    for row in np.split(flat, np.flatnonzero(np.diff(middle[flat]) > reach[flat][1:]) + 1):
        if len(row) < Dashes.LEAST_FLAT:
            continue
        row = row[np.argsort(components.boxes[row, 0])]
        before, behind = row[:-1], row[1:]
        apart = components.boxes[behind, 0] - components.boxes[before, 2] > Dashes.FLAT_GAP * width[before]
        apart |= np.abs(middle[behind] - middle[before]) > reach[before]
        for size in (width, height):
            ratio = size[behind] / size[before]
            apart |= np.maximum(ratio, 1 / ratio) > Dashes.FLAT_ALIKE
        for run in np.split(row, np.flatnonzero(apart) + 1):
            found[run] = len(run) >= Dashes.LEAST_FLAT
    return found
