"""From a picture to its ink: paper taken away, light on dark turned round.

Shape legend:
    H, W  height and width in px of the picture that is looked at (a large one is looked at reduced)
"""

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from .components import Components, find_components, find_letters, measure_letter_height, paint_runs
from .thresholds import Dots, Ink, Looking, ReversedBoxes, TintedBoxes
from .time_limit import check_time


def ink_image(image: Image.Image, is_light: bool | None = None, paper_percent: float = 50.0) -> Image.Image:
    """Take the paper away: how much darker each pixel is than the paper around it.

    Args:
        image: any mode; light text on a dark page is turned round.
        is_light: whether the text is lighter than its ground; None: told by how much of the page is dark.
        paper_percent: share of the picture that is paper at least, in per cent.

    Returns:
        Mode L: 0 for paper, up to 255 for ink.
    """
    grey = image.convert("L")
    side = Ink.SAMPLE_SIDE_PX
    sample = np.asarray(grey.resize((min(grey.width, side), min(grey.height, side)), Image.Resampling.NEAREST))
    low, middle, high = np.percentile(sample, Ink.EXTREMES_PERCENT)
    if is_light is None:
        dark = sample < (low + high) / 2
        is_light = middle < (low + high) / 2 and dark.mean() > Ink.DARK_SHARE
        if grey.width * grey.height > Looking.CROP_AREA_PX:
            # A dark picture may fill most of a light page, but not its edges; those of a crop run through letters.
            is_light &= np.concatenate([dark[0], dark[-1], dark[:, 0], dark[:, -1]]).mean() > Ink.DARK_SHARE
    if is_light:
        grey = ImageChops.invert(grey)
    paper = _estimate_paper(grey)
    excess = np.asarray(ImageChops.subtract(paper, grey).resize(sample.shape[::-1], Image.Resampling.NEAREST))
    usual = np.percentile(excess, paper_percent)
    return ImageChops.subtract(paper, grey, 1.0, -int(usual))


def _estimate_paper(grey: Image.Image) -> Image.Image:
    """Estimate the paper: a grey closing, which fills whatever is dark and narrow."""
    cell, parts = Ink.PAPER_CELL_PX * max(1, round(max(grey.size) / Looking.WORKING_SIDE_PX)), Ink.PAPER_PARTS
    width_px, height_px = (min(cell // parts, side) for side in grey.size)
    fine = np.asarray(grey.reduce((width_px, height_px)))
    rows, columns = -(-fine.shape[0] // parts), -(-fine.shape[1] // parts)
    fine = np.pad(fine, ((0, rows * parts - fine.shape[0]), (0, columns * parts - fine.shape[1])), mode="edge")
    cells = fine.reshape(rows, parts, columns, parts).max((1, 3))
    closed = 255 - _dilate(255 - _dilate(cells, Ink.PAPER_REACH_CELLS), Ink.PAPER_REACH_CELLS)
    smooth = np.asarray(Image.fromarray(closed).filter(ImageFilter.BoxBlur(Ink.PAPER_BLUR_CELLS)))
    # Beside a dark picture the paper is as light as elsewhere.
    is_edge = closed.astype(np.int16) - smooth > Ink.PAPER_STEP
    paper = Image.fromarray(np.where(is_edge, closed, smooth))
    covered = (0, 0, grey.width / cell, grey.height / cell)
    return paper.resize(grey.size, Image.Resampling.BILINEAR, box=covered)


def _dilate(cells: np.ndarray, reach: int) -> np.ndarray:
    """Largest value within `reach` cells in both directions. (H, W) to (H, W)."""
    for axis in (0, 1):
        padded = np.pad(cells, [(reach, reach) if axis == this else (0, 0) for this in (0, 1)], mode="edge")
        size = cells.shape[axis]
        windows = [padded.take(range(shift, shift + size), axis) for shift in range(2 * reach + 1)]
        cells = np.maximum.reduce(windows)
    return cells


def ink_mask(ink: Image.Image, is_crop: bool = False) -> np.ndarray:
    """Decide what is ink: darker than the noise, and than a share of the darkest ink nearby.

    Args:
        ink: of `ink_image`, perhaps reduced or enlarged.
        is_crop: whether it is cut out so tightly that nothing tells its noise: then it has none.

    Returns:
        (H, W) bool.
    """
    pixels = np.asarray(ink)
    noise = 0.0 if is_crop else _estimate_noise(pixels)
    # On a grainy page what is faint is the other side's print; a table's picture is no page.
    has_faint = noise <= Ink.GRAINY_LEVEL or pixels.size <= Ink.TABLE_AREA_PX
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
    mask, faint = (
        pixels > np.asarray(_spread_cells(np.maximum(darkest * share, floor), (width, height), cell))
        for share in (Ink.SHARE, Ink.FAINT_SHARE)
    )
    is_fine = pixels.size <= Ink.SMALL_AREA_PX and not is_crop
    return _add_faint_letters(mask, faint, pixels, is_fine) if has_faint else mask


def _spread_cells(levels: np.ndarray, size: tuple[int, int], cell: int) -> Image.Image:
    """Draw cells' levels out to px of a picture of (width, height)."""
    small = Image.fromarray(levels.clip(0, 255).astype(np.uint8))
    return small.resize(size, Image.Resampling.BILINEAR, box=(0, 0, size[0] / cell, size[1] / cell))


def _add_faint_letters(mask: np.ndarray, faint: np.ndarray, pixels: np.ndarray, is_fine: bool) -> np.ndarray:
    """Add what is pale beside a rule or a bold word: letters, and the thinner strokes of small ones.

    Args:
        mask: (H, W) bool, what is ink by the darkest ink nearby.
        faint: (H, W) bool, the same with a lower threshold.
        pixels: (H, W) uint8, of `ink_image`.
        is_fine: whether its strokes may be so thin that their edges matter.

    Returns:
        (H, W) bool: each connected piece of what is faint is told by its own darkest ink.
    """
    near = mask.copy()
    for axis in (0, 1):
        before = near.copy()
        for shift in range(1, Ink.HALO_PX + 1):
            inner, outer = [slice(None)] * 2, [slice(None)] * 2
            inner[axis], outer[axis] = slice(shift, None), slice(None, -shift)
            near[tuple(inner)] |= before[tuple(outer)]
            near[tuple(outer)] |= before[tuple(inner)]
    if not is_fine and np.count_nonzero(faint & ~near) < Ink.FAINT_AREA_PX:
        return mask  # Nothing is faint but the edges of large print.
    found = find_components(faint)
    length = found.run_stop - found.run_start
    levels, is_ink = pixels[faint], mask[faint]  # Row by row, as the runs are.
    first = np.cumsum(length) - length
    darkest = np.zeros(len(found.area), np.uint8)
    np.maximum.at(darkest, found.run_label, np.maximum.reduceat(levels, first))
    inked = np.zeros(len(found.area), bool)
    np.logical_or.at(inked, found.run_label, np.logical_or.reduceat(is_ink, first))
    # Of a pale letter only the thickest strokes may be ink; what has none at all and is low is a speck of the paper's.
    pale = inked | (found.height >= Ink.FAINT_HEIGHT_PX)
    threshold = np.where(pale, Ink.SHARE * darkest, 255)
    added = mask.copy()
    added[faint] = is_ink | (levels > np.repeat(threshold[found.run_label], length))
    return np.asarray(added)


def _estimate_noise(ink: np.ndarray) -> float:
    """Estimate the paper's noise, as a standard deviation in grey levels.

    Args:
        ink: (H, W) uint8, of an ink image: the darker half of the paper's noise, and ink.

    Returns:
        The deviation; half of the noise was cut off at zero, so it is told by the upper quartile.
    """
    side = Ink.NOISE_SAMPLE_PX
    pixels = ink[:: 1 + ink.shape[0] // side, :: 1 + ink.shape[1] // side]
    noise = float(np.percentile(pixels, 75)) / Ink.QUARTILE_DEVIATIONS
    # In a tight crop more than a quarter is ink, and the quartile is ink's. Ink and paper are two heaps then, far
    # apart in the paper's own noise; noise by itself is one.
    split = Ink.SHARE * float(np.percentile(pixels, Ink.DARKEST_PERCENT))
    paper = pixels[pixels < split]
    if Ink.NOISE_DEVIATIONS * noise > split and paper.size:
        quiet = float(np.percentile(paper, 75)) / Ink.QUARTILE_DEVIATIONS
        if Ink.NOISE_DEVIATIONS * quiet < split:
            return quiet
        # Small print and tinted grounds have no two heaps, but unlike noise they are smooth from px to px.
        rough = _measure_roughness(ink)
        if Ink.NOISE_DEVIATIONS * rough < split:
            return rough
    return noise


def _measure_roughness(ink: np.ndarray) -> float:
    """Deviation, in grey levels, of a px from the one beside it, as noise alone would give it."""
    if ink.shape[1] < 2:
        return 0.0
    rows = ink[:: 1 + ink.shape[0] // Ink.NOISE_SAMPLE_PX].astype(np.int16)
    steps = np.abs(np.diff(rows, axis=1))
    # Half of the noise was cut off at zero, and steps from zero to zero tell nothing of it.
    steps = steps[(rows[:, 1:] > 0) | (rows[:, :-1] > 0)]
    return float(np.median(steps)) / (Ink.QUARTILE_DEVIATIONS * np.sqrt(2.0)) if steps.size else 0.0


def join_dots(ink: Image.Image, scale: float) -> Image.Image:
    """Join the dots that a needle printer sets letters of.

    Args:
        ink: of `ink_image`.
        scale: working px to one px of it.

    Returns:
        The ink, its strokes wider and smoother.
    """
    reach = max(1, round(Dots.REACH_PX / scale))
    return ink.filter(ImageFilter.MaxFilter(2 * reach + 1)).filter(ImageFilter.GaussianBlur(Dots.BLUR * reach))


def is_dotted(mask: np.ndarray, components: Components) -> bool:
    """Tell whether a page's letters are set of dots: pieces that are much lower than what they join to.

    Args:
        mask: (H, W) bool, what is ink.
        components: of it.

    Returns:
        Whether most are low, and become fewer and higher by far if they grow by a px.
    """
    count, usual = len(components.area), measure_letter_height(components)
    low = components.height < max(Dots.LOW * usual, Dots.LOW_PX)
    if count < Dots.LEAST or low.mean() < Dots.LOW_SHARE:
        return False
    grown = Image.fromarray(mask.astype(np.uint8)).filter(ImageFilter.MaxFilter(2 * Dots.REACH_PX + 1))
    joined = find_components(np.asarray(grown) > 0)
    letters = len(find_letters(components))
    pieces = letters if letters > Dots.LETTERS_SHARE * count else count  # Dots may all be too small for letters.
    is_higher = measure_letter_height(joined) > max(Dots.HIGHER * usual, Dots.LEAST_TEXT_PX)
    return is_higher and len(find_letters(joined)) < Dots.FEWER * pieces


def level_tinted_boxes(ink: Image.Image, text_px: float) -> Image.Image:
    """Take away the ground of tinted boxes that hold darker text, such as highlights, buttons and shaded cells.

    Args:
        ink: of `ink_image`.
        text_px: usual height of a letter of the page; a box is higher than that.

    Returns:
        The same image where there is no such box, else a copy in which their ground is paper.
    """
    pixels = np.asarray(ink)
    least = max(TintedBoxes.LEAST_LEVEL, Ink.NOISE_DEVIATIONS * _estimate_noise(pixels))
    side = TintedBoxes.CELL_PX
    rows, columns = pixels.shape[0] // side, pixels.shape[1] // side
    cells = pixels[: rows * side, : columns * side].reshape(rows, side, columns, side).min((1, 3), initial=255)
    if np.count_nonzero(cells > least) < TintedBoxes.LEAST_CELLS:
        return ink  # No ground but paper.
    found = find_components(pixels > least)
    high = (found.height > TintedBoxes.LEAST_HEIGHT * text_px) & (found.width > TintedBoxes.LEAST_WIDTH * text_px)
    high &= found.area > TintedBoxes.LEAST_INK * found.width * found.height
    levelled = ink
    for number in np.flatnonzero(high):
        check_time()
        x1, y1, x2, y2 = (int(edge) for edge in found.boxes[number])
        inside = pixels[y1:y2, x1:x2]
        own = inside[inside > least]
        ground = int(np.bincount(own, minlength=256).argmax())
        flat = np.abs(own.astype(np.int16) - ground) <= TintedBoxes.EVEN_LEVELS
        darkest = float(np.percentile(own, Ink.DARKEST_PERCENT))
        if flat.mean() < TintedBoxes.LEAST_FLAT or darkest - ground < TintedBoxes.LEAST_CONTRAST:
            continue
        darker = np.clip(inside.astype(np.int16) - ground - TintedBoxes.EVEN_LEVELS, 0, 255).astype(np.uint8)
        text = find_components(darker > Ink.SHARE * (darkest - ground))
        letters = (text.height > TintedBoxes.LETTER_SHARE * text_px) & (text.height < (y2 - y1))
        if letters.sum() < TintedBoxes.LEAST_LETTERS:
            continue
        # White spots within the box are paper, and stay it.
        levelled = levelled.copy() if levelled is ink else levelled
        levelled.paste(Image.fromarray(darker), (x1, y1))
    return levelled


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
        check_time()
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
