"""From a picture to its ink: paper taken away, light on dark turned round.

Shape legend:
    H, W  height and width in px of the picture that is looked at (a large one is looked at reduced)
"""

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from .components import find_components, paint_runs
from .thresholds import Ink, Looking, ReversedBoxes


def ink_image(image: Image.Image) -> Image.Image:
    """Take the paper away: how much darker each pixel is than the paper around it.

    Args:
        image: any mode; light text on a dark page is turned round.

    Returns:
        Mode L: 0 for paper, up to 255 for ink.
    """
    grey = image.convert("L")
    side = Ink.SAMPLE_SIDE_PX
    sample = np.asarray(grey.resize((min(grey.width, side), min(grey.height, side)), Image.Resampling.NEAREST))
    low, middle, high = np.percentile(sample, Ink.EXTREMES_PERCENT)
    if middle < (low + high) / 2 and (sample < (low + high) / 2).mean() > Ink.DARK_SHARE:
        grey = ImageChops.invert(grey)
    paper = _estimate_paper(grey)
    excess = np.asarray(ImageChops.subtract(paper, grey).resize(sample.shape[::-1], Image.Resampling.NEAREST))
    return ImageChops.subtract(paper, grey, 1.0, -int(np.median(excess)))


def _estimate_paper(grey: Image.Image) -> Image.Image:
    """Estimate the paper: a grey closing, which fills whatever is dark and narrow."""
    cell, parts = Ink.PAPER_CELL_PX * max(1, round(max(grey.size) / Looking.WORKING_SIDE_PX)), Ink.PAPER_PARTS
    fine = np.asarray(grey.reduce(min(cell // parts, *grey.size)))
    rows, columns = -(-fine.shape[0] // parts), -(-fine.shape[1] // parts)
    fine = np.pad(fine, ((0, rows * parts - fine.shape[0]), (0, columns * parts - fine.shape[1])), mode="edge")
    cells = fine.reshape(rows, parts, columns, parts).max((1, 3))
    closed = 255 - _dilate(255 - _dilate(cells, Ink.PAPER_REACH_CELLS), Ink.PAPER_REACH_CELLS)
    smooth = Image.fromarray(closed).filter(ImageFilter.BoxBlur(Ink.PAPER_BLUR_CELLS))
    covered = (0, 0, grey.width / cell, grey.height / cell)
    return smooth.resize(grey.size, Image.Resampling.BILINEAR, box=covered)


def _dilate(cells: np.ndarray, reach: int) -> np.ndarray:
    """Largest value within `reach` cells in both directions. (H, W) to (H, W)."""
    for axis in (0, 1):
        padded = np.pad(cells, [(reach, reach) if axis == this else (0, 0) for this in (0, 1)], mode="edge")
        size = cells.shape[axis]
        windows = [padded.take(range(shift, shift + size), axis) for shift in range(2 * reach + 1)]
        cells = np.maximum.reduce(windows)
    return cells


def ink_mask(ink: Image.Image) -> np.ndarray:
    """Decide what is ink: darker than the noise, and than a share of the darkest ink nearby.

    Args:
        ink: of `ink_image`, perhaps reduced.

    Returns:
        (H, W) bool.
    """
    pixels = np.asarray(ink)
    side = Ink.NOISE_SAMPLE_PX
    noise = _estimate_noise(pixels[:: 1 + pixels.shape[0] // side, :: 1 + pixels.shape[1] // side])
    if noise > Ink.GRAINY_LEVEL:
        ink = ink.filter(ImageFilter.BoxBlur(Ink.GRAIN_BLUR_PX))
        pixels = np.asarray(ink)
        noise *= Ink.BLURRED_NOISE
    height, width = pixels.shape
    cell = Ink.PAPER_CELL_PX
    rows, columns = -(-height // cell), -(-width // cell)
    padded = np.zeros((rows * cell, columns * cell), np.uint8)
    padded[:height, :width] = pixels
    darkest = _dilate(padded.reshape(rows, cell, columns, cell).max((1, 3)), Ink.CONTRAST_REACH_CELLS)
    floor = max(Ink.LEAST_CONTRAST, Ink.NOISE_DEVIATIONS * noise)
    threshold = np.maximum(darkest * Ink.SHARE, floor).clip(0, 255).astype(np.uint8)
    scaled = Image.fromarray(threshold).resize(
        (width, height), Image.Resampling.BILINEAR, box=(0, 0, width / cell, height / cell)
    )
    return pixels > np.asarray(scaled)


def _estimate_noise(pixels: np.ndarray) -> float:
    """Estimate the paper's noise, as a standard deviation in grey levels.

    Args:
        pixels: (H, W) uint8, a sample of an ink image: the darker half of the paper's noise, and ink.

    Returns:
        The deviation; half of the noise was cut off at zero, so it is told by the upper quartile.
    """
    noise = float(np.percentile(pixels, 75)) / Ink.QUARTILE_DEVIATIONS
    # In a tight crop more than a quarter is ink, and the quartile is ink's. Ink and paper are two heaps then, far
    # apart in the paper's own noise; noise by itself is one.
    split = Ink.SHARE * float(np.percentile(pixels, Ink.DARKEST_PERCENT))
    paper = pixels[pixels < split]
    if Ink.NOISE_DEVIATIONS * noise > split and paper.size:
        quiet = float(np.percentile(paper, 75)) / Ink.QUARTILE_DEVIATIONS
        if Ink.NOISE_DEVIATIONS * quiet < split:
            return quiet
    return noise


def turn_reversed_boxes(ink: Image.Image, text_px: float) -> Image.Image:
    """Turn light text in dark boxes round, such as a table's head or a banner.

    Args:
        ink: of `ink_image`.
        text_px: usual height of a letter of the page; a box is higher than that.

    Returns:
        The same image where there is no such box, else a copy in which the boxes' text is ink.
    """
    mask = ink_mask(ink)
    found = find_components(mask)
    box_area = found.width * found.height
    wide = (found.height > ReversedBoxes.LEAST_HEIGHT * text_px) & (found.width > ReversedBoxes.LEAST_WIDTH * text_px)
    wide &= found.area > ReversedBoxes.LEAST_INK * box_area
    for number in np.flatnonzero(wide):
        x1, y1, x2, y2 = (int(edge) for edge in found.boxes[number])
        inside = find_components(~mask[y1:y2, x1:x2])
        boxes = inside.boxes
        outside = (boxes[:, :2] == 0).any(1) | (boxes[:, 2] == x2 - x1) | (boxes[:, 3] == y2 - y1)
        least_px = max(ReversedBoxes.LETTER_SHARE * (y2 - y1), ReversedBoxes.LETTER_PX)
        if (~outside & (inside.height > least_px)).sum() < ReversedBoxes.LEAST_LETTERS:
            continue
        pixels = np.asarray(ink)[y1:y2, x1:x2]
        ground = int(np.median(pixels[mask[y1:y2, x1:x2]]))
        turned = np.clip(ground - pixels.astype(np.int16) - ReversedBoxes.SHADE_LEVELS, 0, 255).astype(np.uint8)
        turned[paint_runs(inside, outside[inside.run_label].astype(np.int32), turned.shape) > 0] = 0
        ink = ink.copy()
        ink.paste(Image.fromarray(turned), (x1, y1))
    return ink
