"""Find text that stands on its side or on its head.

Letters stand closer to the letters of their own line than to those of other lines: where the nearest one is mostly
over or under a letter instead of beside it, lines run up or down. Which of both, and whether a page stands on its
head, only a reading of it tells (see `reading.turning`).

Shape legend:
    N  letters
    S  letters that are looked at
"""

import numpy as np
from PIL import Image

from .components import Components, find_letters, weighted_median
from .thresholds import Letters, Orientation


def lies_sideways(components: Components) -> bool:
    """Tell whether a picture's lines of text run up or down.

    Args:
        components: of the picture, skewed by a few degrees at most.

    Returns:
        Whether they seem to; False where there is too little text to tell.
    """
    letters = find_letters(components)
    if len(letters) < Orientation.LEAST_VOTES:
        return False
    width, height, area = components.width[letters], components.height[letters], components.area[letters]
    side = np.maximum(width, height)
    usual = weighted_median(side, np.minimum(area, Letters.LARGEST_SHARE * np.median(area)))
    usual_sized = side > Orientation.LEAST_SIDE * usual
    usual_sized &= np.minimum(width, height) < Orientation.MOST_SIDE * usual
    boxes = components.boxes[letters[usual_sized]]
    looked_at = boxes[:: 1 + len(boxes) ** 2 // Orientation.COMPARED_PAIRS]
    across, beside = _gaps(looked_at[:, [0, 2]], boxes[:, [0, 2]])
    down, over = _gaps(looked_at[:, [1, 3]], boxes[:, [1, 3]])
    # (S,): to the nearest letter in the same row, and in the same column.
    right = np.where(over & (across >= 0), across, np.inf).min(1, initial=np.inf)
    under = np.where(beside & (down >= 0), down, np.inf).min(1, initial=np.inf)
    rows = int(((right < under) & (right < Orientation.NEAR * usual)).sum())
    columns = int(((under < right) & (under < Orientation.NEAR * usual)).sum())
    return columns >= Orientation.LEAST_VOTES and columns > Orientation.VOTES_RATIO * rows


def _gaps(some: np.ndarray, every: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compare (S, 2) and (N, 2) spans. Returns (S, N): gaps, negative where they overlap; whether much is shared."""
    gap = np.maximum(every[None, :, 0] - some[:, None, 1], some[:, None, 0] - every[None, :, 1])
    shorter = np.minimum(np.diff(some, axis=1), np.diff(every, axis=1).T)
    return gap, -gap > Orientation.SHARED * shorter


def turn_clockwise(image: Image.Image, rotation: int) -> Image.Image:
    """Turn a picture without loss.

    Args:
        image: the picture.
        rotation: degrees: 0, 90, 180 or 270.

    Returns:
        The turned picture; the same one for 0.
    """
    # Pillow turns counter-clockwise.
    method = {
        90: Image.Transpose.ROTATE_270,
        180: Image.Transpose.ROTATE_180,
        270: Image.Transpose.ROTATE_90,
    }.get(rotation)
    return image if method is None else image.transpose(method)


def turned_back(x: float, y: float, size: tuple[int, int], rotation: int) -> tuple[float, float]:
    """Find a point of a turned picture in the picture as it came.

    Args:
        x: in the turned picture, in px.
        y: likewise.
        size: (width, height) of the turned picture.
        rotation: degrees clockwise by which it was turned: 0, 90, 180 or 270.

    Returns:
        (x, y) in the picture as it came.
    """
    width, height = size
    return {0: (x, y), 90: (y, width - x), 180: (width - x, height - y), 270: (height - y, x)}[rotation]
