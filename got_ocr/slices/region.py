"""Cut a box, or what a coloured frame encloses, out of a picture.

The published model is told of a box or colour in its prompt and sees the whole picture. A checkpoint that reads slices
sees the cut-out region instead.
"""

from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from ..layout.page import analyse_page
from ..processing.mode import parse_box, parse_color
from .thresholds import Region

FRAME_TOLERANCE = Region.FRAME_TOLERANCE  # for who draws frames
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
        inside = len(numbers) == 2 and 0 <= numbers[0] < image.width and 0 <= numbers[1] < image.height
        return (_find_block(image, *numbers) if inside else None) or _box(*image.size, numbers)
    if name:
        return _find_frame(image, name)
    return 0, 0, *image.size


def _find_block(image: Image.Image, x: float, y: float) -> tuple[int, int, int, int] | None:
    """The block of lines that a point lies on, None where there is none."""
    lines = analyse_page(image, structured=False)
    if not lines.upright_lines:
        return None
    corners = np.array([lines.corners(line.box) for line in lines.upright_lines])  # (lines, corners, x and y)
    boxes = np.concatenate([corners.min(1), corners.max(1)], axis=1)
    margin = Region.BLOCK_MARGIN * np.array([line.height_px for line in lines.upright_lines])
    hit = (boxes[:, 0] - margin <= x) & (x <= boxes[:, 2] + margin)
    hit &= (boxes[:, 1] - margin <= y) & (y <= boxes[:, 3] + margin)
    if not hit.any():
        return None
    line = int(np.where(hit, np.abs(boxes[:, [1, 3]].mean(1) - y), np.inf).argmin())
    blocks = np.array([line.block for line in lines.upright_lines])
    chosen = blocks == blocks[line]
    left, top = np.floor((boxes[chosen, :2] - margin[chosen, None]).min(0)).astype(int).tolist()
    right, bottom = np.ceil((boxes[chosen, 2:] + margin[chosen, None]).max(0)).astype(int).tolist()
    return max(0, left), max(0, top), min(image.width, right), min(image.height, bottom)


def _box(width: int, height: int, numbers: list[float]) -> tuple[int, int, int, int]:
    if len(numbers) == 2:
        x, y = numbers
        numbers = [x - Region.POINT_MARGIN * width, y - Region.POINT_MARGIN * height]
        numbers += [x + Region.POINT_MARGIN * width, y + Region.POINT_MARGIN * height]
    left, top = max(0, int(numbers[0])), max(0, int(numbers[1]))
    right, bottom = min(width, round(numbers[2])), min(height, round(numbers[3]))
    if right <= left or bottom <= top:
        raise ValueError(f"The box {numbers} lies outside the picture of {width} x {height} pixels (or is empty).")
    return left, top, right, bottom


def _find_frame(image: Image.Image, color: str) -> tuple[int, int, int, int]:
    pixels = np.asarray(image.convert("RGB"), dtype=np.int16)
    colored = np.all(np.abs(pixels - np.array(FRAME_RGB[color], dtype=np.int16)) <= FRAME_TOLERANCE, axis=-1)
    thin = colored & ~_solid(colored)
    sides = [found for mask in (thin, colored) for across in (False, True) if (found := _find_sides(mask, across))]
    if not sides:
        raise ValueError(f"The picture has no {color} frame: draw one around the text, or name another colour.")
    regions = [
        (left, top, right + 1, bottom + 1) for left, top, right, bottom in sides if right > left and bottom > top
    ]
    if not regions:
        raise ValueError(f"The {color} frame of the picture encloses nothing.")
    return max(regions, key=lambda region: _closed(colored, region))


def _solid(colored: np.ndarray) -> np.ndarray:
    """The parts of a mask, (H, W) bool, that are too thick for a frame's side: the discs and bars of a figure."""
    reach = max(Region.THICKEST_FRAME_PX, round(Region.THICKEST_FRAME / 2 * min(colored.shape)))
    core = np.asarray(Image.fromarray(np.uint8(255) * colored).filter(ImageFilter.BoxBlur(reach))) == 255
    spread = Image.fromarray(np.uint8(255) * core).filter(ImageFilter.BoxBlur(reach + 1))
    return np.asarray(spread) > 0


def _find_sides(colored: np.ndarray, across: bool) -> tuple[int, int, int, int] | None:
    """Find the inner edges of a frame: first its upper and lower side, then what stands between them.

    Args:
        colored: (H, W) bool, where the frame's colour is.
        across: whether to begin with the left and right side.

    Returns:
        First and last column and row inside as (left, top, right, bottom), or None where there is no frame.
    """
    mask = colored.T if across else colored
    rows = _long(mask)
    if len(rows) < 2:
        return None
    columns = _long(mask[rows[0] : rows[-1] + 1].T)
    if len(columns) < 2:
        return None
    top, bottom, left, right = _inside(rows), _inside(rows[::-1]), _inside(columns), _inside(columns[::-1])
    return (top, left, bottom, right) if across else (left, top, right, bottom)


def _long(mask: np.ndarray) -> np.ndarray:
    """Rows of a mask that are a frame's side: a long run of its colour; single coloured words have none."""
    counts = mask.sum(axis=1)
    return np.flatnonzero(counts >= max(Region.LEAST_SIDE_PX, Region.SIDE_SHARE * counts.max(initial=0)))


def _closed(colored: np.ndarray, region: tuple[int, int, int, int]) -> float:
    """How frame-like a region is: the share of its outline that has the colour, less the share inside; at most 1."""
    left, top, right, bottom = region
    inner = colored[top:bottom, left:right].mean()
    outer = colored[max(0, top - 1) : bottom + 1, max(0, left - 1) : right + 1]
    sides = (outer[0], outer[-1], outer[:, 0], outer[:, -1])
    return float(np.mean([side.mean() for side in sides]) - inner)


def _inside(edge: np.ndarray) -> int:
    """The first row (column) behind a frame's side, which is the run of neighbours that `edge` begins with."""
    step = 1 if edge[-1] > edge[0] else -1
    end = edge[0]
    for position in edge[1:]:
        if position != end + step:
            break
        end = position
    return int(end + step)
