"""Find the frames that stand around text, whose inside is read by itself, and boxes to tick, which hold none."""

import numpy as np

from .components import Components
from .thresholds import Checkboxes, Frames, Letters
from .time_limit import check_time


def find_frames(components: Components, mask: np.ndarray, text_px: float) -> np.ndarray:
    """Find frames that hold no other frame.

    Args:
        components: of the mask, rules and frames included.
        mask: (H, W) bool, what is ink.
        text_px: usual height of a letter.

    Returns:
        (n, 4) int64, (x1, y1, x2, y2) of each in px of the mask.
    """
    width, height = components.width, components.height
    large = (height > Letters.FRAME_HEIGHT * text_px) & (width > Letters.FRAME_WIDTH * text_px)
    large &= components.area < Letters.FRAME_INK * width * height
    large &= width * height < Frames.LARGEST_SHARE * mask.size
    found = []
    for x1, y1, x2, y2 in components.boxes[large].tolist():
        check_time()
        thick = max(1, round(Frames.SIDE * text_px))
        part = mask[y1:y2, x1:x2]
        sides = (part[:thick].any(0), part[-thick:].any(0), part[:, :thick].any(1), part[:, -thick:].any(1))
        if min(side.mean() for side in sides) > Frames.CLOSED:
            found.append((x1, y1, x2, y2))
    boxes = np.array(found, dtype=np.int64).reshape(-1, 4)
    x1, y1, x2, y2 = boxes.T
    # Each holds itself.
    held = [((x1 >= left) & (y1 >= top) & (x2 <= right) & (y2 <= bottom)).sum() for left, top, right, bottom in found]
    innermost: np.ndarray = boxes[np.array(held, dtype=np.int64) == 1]
    return innermost


def find_checkboxes(components: Components, mask: np.ndarray, text_px: float) -> np.ndarray:
    """Find empty boxes to tick, which look like letters.

    Args:
        components: of the mask, rules and frames included.
        mask: (H, W) bool, what is ink.
        text_px: usual height of a letter.

    Returns:
        (N,) bool, the components that are squares drawn with a thin line all round and nothing in them.
    """
    width, height = components.width, components.height
    low, high = (size * text_px for size in Checkboxes.SIZES)
    maybe = (np.minimum(width, height) > max(low, Checkboxes.LEAST_PX)) & (np.maximum(width, height) < high)
    maybe &= np.abs(width / np.maximum(height, 1) - 1) < Checkboxes.SQUARE
    maybe &= components.area < Checkboxes.INK * width * height
    x1, y1, x2, y2 = components.boxes.T
    for row, column in ((y1, x1), (y1, x2 - 1), (y2 - 1, x1), (y2 - 1, x2 - 1)):
        maybe &= mask[row, column]
    for number in np.flatnonzero(maybe):
        check_time()
        left, top, right, bottom = components.boxes[number]
        part = mask[top:bottom, left:right]
        thick = max(1, round(Checkboxes.LINE * min(part.shape)))
        sides = (part[:thick].any(0), part[-thick:].any(0), part[:, :thick].any(1), part[:, -thick:].any(1))
        inside = part[2 * thick : -2 * thick, 2 * thick : -2 * thick]
        maybe[number] = min(side.mean() for side in sides) > Checkboxes.CLOSED and not inside.any()
    return np.asarray(maybe)


def assign_frames(boxes: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Tell which frame components lie in.

    Args:
        boxes: (N, 4) of components.
        frames: (n, 4) of frames.

    Returns:
        (N,) int64, number of the frame, -1 outside of all.
    """
    owner = np.full(len(boxes), -1)
    middle = boxes.reshape(-1, 2, 2).mean(1)
    order = np.argsort(middle[:, 1])
    x, y = middle[order].T
    for number, (x1, y1, x2, y2) in enumerate(frames.tolist()):
        level = slice(int(np.searchsorted(y, y1, "right")), int(np.searchsorted(y, y2, "left")))
        owner[order[level][(x[level] > x1) & (x[level] < x2)]] = number
    return owner
