"""Find the angle by which a page's lines fall to the right, from the bottoms of its letters."""

import numpy as np

from .components import Components, find_letters, weighted_median
from .thresholds import Skew, Slope


def estimate_skew(components: Components) -> float:
    """Find the angle by which text lines fall to the right.

    Args:
        components: the page's.

    Returns:
        Degrees, positive where lines sink from left to right; 0.0 where no angle stands out.
    """
    letters = find_letters(components)
    if len(letters) < Skew.LEAST_LETTERS:
        return 0.0
    if len(letters) > Skew.MOST_LETTERS:
        letters = letters[:: len(letters) // Skew.MOST_LETTERS + 1]
    boxes = components.boxes[letters]
    x, bottom = boxes[:, [0, 2]].mean(1), boxes[:, 3].astype(float)
    height = float(np.median(components.height[letters]))
    if np.ptp(x) < Skew.LEAST_SPREAD * height:
        return 0.0

    def sharpness(degrees: float) -> float:
        level = (bottom - x * np.tan(np.deg2rad(degrees))) / max(1.0, Skew.CELL * height)
        cells = np.bincount((level - level.min()).astype(np.int64)).astype(float)
        return float(np.square(cells + np.append(cells[1:], 0.0)).sum())

    best = 0.0
    for step, reach in ((Skew.COARSE_DEGREES, Skew.LIMIT_DEGREES), (Skew.FINE_DEGREES, Skew.COARSE_DEGREES)):
        angles = best + np.arange(-round(reach / step), round(reach / step) + 1) * step
        # The middle of a plateau, not its first angle.
        scores = np.array([sharpness(angle) for angle in angles])
        best = float(angles[scores >= scores.max() * Skew.PLATEAU].mean())
    rise = np.tan(np.deg2rad(abs(best))) * np.ptp(x)
    is_clear = rise > Skew.LEAST_RISE * height and sharpness(best) > Skew.LEAST_GAIN * sharpness(0.0)
    return best if is_clear else 0.0


def estimate_slope(components: Components) -> float:
    """Find by how much a single word or line of a sign rises or falls, its strokes standing upright.

    Args:
        components: of a small crop.

    Returns:
        Height by which it falls to the right, by its width; 0.0 where the letters don't stand in one such line.
    """
    letters = find_letters(components)
    if not len(letters):
        return 0.0
    height = components.height[letters]
    usual = weighted_median(height, components.area[letters])
    letters = letters[(height > Slope.HEIGHTS[0] * usual) & (height < Slope.HEIGHTS[1] * usual)]
    if len(letters) < Slope.LEAST_LETTERS:
        return 0.0
    x = components.boxes[letters][:, [0, 2]].mean(1)
    y = components.boxes[letters][:, [1, 3]].mean(1)
    first, second = np.triu_indices(len(letters), 1)
    apart = np.abs(x[second] - x[first]) > Slope.LEAST_APART * usual
    if not apart.any():
        return 0.0
    slopes = (y[second] - y[first])[apart] / (x[second] - x[first])[apart]
    slope = float(np.median(slopes))
    off = np.abs(y - x * slope - np.median(y - x * slope))
    is_line = float(np.percentile(off, Slope.OFF_PERCENT)) < Slope.OFF * usual
    return slope if is_line and Slope.RANGE[0] < abs(slope) < Slope.RANGE[1] else 0.0
