"""Cut a box, or what a coloured frame encloses, out of a picture.

The published model is told of a box or colour in its prompt and sees the whole picture. A checkpoint that reads slices
sees the cut-out region instead.
"""

from typing import Any

import numpy as np
from PIL import Image

from .prompt_got_ocr import parse_box, parse_color

# A point box reads the text around it: this share of the picture's height and width on each side.
POINT_MARGIN = 0.02
# How far a frame's pixel may be from its pure colour in each channel, 0 to 255 (JPEG blurs thin frames).
FRAME_TOLERANCE = 96
FRAME_RGB = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}


def cut_region(image: Image.Image, box: Any = None, color: str = "") -> Image.Image:
    """Cut out the part of a picture that a box or a coloured frame chooses.

    Args:
        image: RGB picture.
        box: 4 numbers (x1, y1, x2, y2) in pixels, 2 for a point, in any form that `parse_box` takes; None or empty
            for no box.
        color: `red`, `green` or `blue`, or empty for no frame.

    Returns:
        The region; `image` itself where neither is given.

    Raises:
        ValueError: As `find_region` does.
    """
    region = find_region(image, box, color)
    return image if region == (0, 0, *image.size) else image.crop(region)


def find_region(image: Image.Image, box: Any = None, color: str = "") -> tuple[int, int, int, int]:
    """Find the part of a picture that a box or a coloured frame chooses.

    Args:
        image: RGB picture.
        box: As `cut_region` takes it.
        color: Likewise.

    Returns:
        (x1, y1, x2, y2) in px, ends exclusive; the whole picture where neither is given.

    Raises:
        ValueError: If box and colour are both given or wrong, the box lies outside the picture, or the picture has no
            frame of that colour.
    """
    numbers, name = parse_box(box), parse_color(color)
    if numbers is not None and name:
        raise ValueError(f"Give a box or a colour, not both: got box {box!r} and colour {color!r}.")
    if numbers is not None:
        return _box(*image.size, numbers)
    if name:
        return _frame(image, name)
    return 0, 0, *image.size


def _box(width: int, height: int, numbers: list[float]) -> tuple[int, int, int, int]:
    if len(numbers) == 2:
        x, y = numbers
        numbers = [x - POINT_MARGIN * width, y - POINT_MARGIN * height]
        numbers += [x + POINT_MARGIN * width, y + POINT_MARGIN * height]
    left, top = max(0, int(numbers[0])), max(0, int(numbers[1]))
    right, bottom = min(width, round(numbers[2])), min(height, round(numbers[3]))
    if right <= left or bottom <= top:
        raise ValueError(f"The box {numbers} lies outside the picture of {width} x {height} pixels (or is empty).")
    return left, top, right, bottom


def _frame(image: Image.Image, color: str) -> tuple[int, int, int, int]:
    pixels = np.asarray(image.convert("RGB"), dtype=np.int16)
    is_frame = (np.abs(pixels - np.array(FRAME_RGB[color], dtype=np.int16)) <= FRAME_TOLERANCE).all(axis=-1)
    # A frame's side is a row or column with a long run of its colour; single coloured words have none.
    rows = np.flatnonzero(is_frame.sum(axis=1) >= max(8, 0.5 * is_frame.sum(axis=1).max(initial=0)))
    columns = np.flatnonzero(is_frame.sum(axis=0) >= max(8, 0.5 * is_frame.sum(axis=0).max(initial=0)))
    if len(rows) < 2 or len(columns) < 2:
        raise ValueError(f"The picture has no {color} frame: draw one around the text, or name another colour.")
    top, bottom, left, right = _inside(rows), _inside(rows[::-1]), _inside(columns), _inside(columns[::-1])
    if right <= left or bottom <= top:
        raise ValueError(f"The {color} frame of the picture encloses nothing.")
    return left, top, right + 1, bottom + 1


def _inside(edge: np.ndarray) -> int:
    """The first row (column) behind a frame's side, which is the run of neighbours that `edge` begins with."""
    step = 1 if edge[-1] > edge[0] else -1
    end = edge[0]
    for position in edge[1:]:
        if position != end + step:
            break
        end = position
    return int(end + step)
