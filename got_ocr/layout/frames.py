"""Find the frames that stand around text: what is inside of one is read by itself, not across its sides."""

import numpy as np

from .components import Components
from .thresholds import Frames, Letters
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
