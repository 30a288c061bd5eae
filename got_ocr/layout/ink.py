"""From a picture to its ink: paper taken away, light on dark turned round, connected pieces of ink found.

Shape legend:
    H, W  height and width in px of the picture that is looked at (a large one is looked at reduced)
    R     horizontal runs of ink
    N     components: connected pieces of ink
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops, ImageFilter

PAPER_CELL_PX = 8  # The paper's brightness is kept for cells of this size.
PAPER_REACH_CELLS = 8  # Ink at most twice as wide and as high as this many cells doesn't darken the paper.
CONTRAST_REACH_CELLS = 5  # How far a dark stroke raises the threshold for its fainter neighbours.
INK_SHARE = 0.42  # Of the darkest ink nearby: what is darker is ink.
MIN_CONTRAST = 16  # Grey levels between paper and the faintest ink that is looked at.


@dataclass(frozen=True)
class Components:
    """Connected pieces of ink, 8 neighbours each.

    Attributes:
        boxes: (N, 4) int64, (x1, y1, x2, y2), ends exclusive.
        area: (N,) int64, ink pixels.
        run_row: (R,) int64, row of each run.
        run_start: (R,) int64, its first column.
        run_stop: (R,) int64, the column behind its last.
        run_label: (R,) int64, the component that it belongs to.
    """

    boxes: np.ndarray
    area: np.ndarray
    run_row: np.ndarray
    run_start: np.ndarray
    run_stop: np.ndarray
    run_label: np.ndarray

    @property
    def width(self) -> np.ndarray:
        """(N,) int64."""
        return self.boxes[:, 2] - self.boxes[:, 0]

    @property
    def height(self) -> np.ndarray:
        """(N,) int64."""
        return self.boxes[:, 3] - self.boxes[:, 1]


def ink_image(image: Image.Image) -> Image.Image:
    """Take the paper away: how much darker each pixel is than the paper around it.

    Args:
        image: any mode; light text on a dark page is turned round.

    Returns:
        Mode L: 0 for paper, up to 255 for ink.
    """
    grey = image.convert("L")
    sample = np.asarray(grey.resize((min(grey.width, 512), min(grey.height, 512)), Image.Resampling.NEAREST))
    low, middle, high = np.percentile(sample, (0.5, 50, 99.5))
    if middle < (low + high) / 2 and (sample < (low + high) / 2).mean() > 0.5:
        grey = ImageChops.invert(grey)
    paper = _paper(grey)
    excess = np.asarray(ImageChops.subtract(paper, grey).resize(sample.shape[::-1], Image.Resampling.NEAREST))
    return ImageChops.subtract(paper, grey, 1.0, -int(np.median(excess)))


def _paper(grey: Image.Image) -> Image.Image:
    """Estimate the paper: a grey closing, which fills whatever is dark and narrow."""
    cell = PAPER_CELL_PX * max(1, round(max(grey.size) / 1650))
    # Averages of a quarter cell first, so that the brightest of them isn't the noise's.
    fine = np.asarray(grey.reduce(min(cell // 4, *grey.size)))
    rows, columns = -(-fine.shape[0] // 4), -(-fine.shape[1] // 4)
    fine = np.pad(fine, ((0, rows * 4 - fine.shape[0]), (0, columns * 4 - fine.shape[1])), mode="edge")
    cells = fine.reshape(rows, 4, columns, 4).max((1, 3))
    closed = 255 - _dilate(255 - _dilate(cells, PAPER_REACH_CELLS), PAPER_REACH_CELLS)
    smooth = Image.fromarray(closed).filter(ImageFilter.BoxBlur(2))
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
    """Decide what is ink: darker than the noise, and than two fifths of the darkest ink nearby.

    Args:
        ink: of `ink_image`, perhaps reduced.

    Returns:
        (H, W) bool.
    """
    pixels = np.asarray(ink)
    noise = _noise(pixels[:: 1 + pixels.shape[0] // 500, :: 1 + pixels.shape[1] // 500])
    if noise > 5.0:
        ink = ink.filter(ImageFilter.BoxBlur(0.8))
        pixels = np.asarray(ink)
        noise *= 0.5
    height, width = pixels.shape
    cell = PAPER_CELL_PX
    rows, columns = -(-height // cell), -(-width // cell)
    padded = np.zeros((rows * cell, columns * cell), np.uint8)
    padded[:height, :width] = pixels
    darkest = _dilate(padded.reshape(rows, cell, columns, cell).max((1, 3)), CONTRAST_REACH_CELLS)
    floor = max(MIN_CONTRAST, 5.0 * noise)
    threshold = np.maximum(darkest * INK_SHARE, floor).clip(0, 255).astype(np.uint8)
    scaled = Image.fromarray(threshold).resize(
        (width, height), Image.Resampling.BILINEAR, box=(0, 0, width / cell, height / cell)
    )
    return pixels > np.asarray(scaled)


def _noise(pixels: np.ndarray) -> float:
    """Estimate the paper's noise, as a standard deviation in grey levels.

    Args:
        pixels: (H, W) uint8, a sample of an ink image: the darker half of the paper's noise, and ink.

    Returns:
        The deviation; half of the noise was cut off at zero, so it is the upper quartile over 0.6745.
    """
    noise = float(np.percentile(pixels, 75)) / 0.6745
    # In a tight crop more than a quarter is ink, and the quartile is ink's. Ink and paper are two heaps then, far
    # apart in the paper's own noise; noise by itself is one.
    split = INK_SHARE * float(np.percentile(pixels, 99.5))
    paper = pixels[pixels < split]
    if 5.0 * noise > split and paper.size:
        quiet = float(np.percentile(paper, 75)) / 0.6745
        if 5.0 * quiet < split:
            return quiet
    return noise


def find_components(mask: np.ndarray) -> Components:
    """Label the connected pieces of a mask through its horizontal runs.

    Args:
        mask: (H, W) bool.

    Returns:
        The components, in the order of their first pixel.
    """
    height, width = mask.shape
    padded = np.zeros((height, width + 2), bool)
    padded[:, 1:-1] = mask
    edges = np.flatnonzero(padded[:, 1:] != padded[:, :-1])
    row, start = np.divmod(edges[0::2], width + 1)
    stop = edges[1::2] - row * (width + 1)
    return _join_runs(row, start, stop, width)


def without_rules(components: Components, text_px: float, width: int) -> Components:
    """Leave out frames, tables' lines and rules, so that the letters that touch them stand alone.

    Args:
        components: the page's.
        text_px: usual height of a letter.
        width: of the page in px.

    Returns:
        The components of what is left.
    """
    box_area = components.width * components.height
    large = (components.height > 2.5 * text_px) & (components.width > 8 * text_px)
    frame = large & (components.area < 0.2 * box_area)
    long = components.run_stop - components.run_start > max(60, 5 * text_px)
    keep = ~(long | frame[components.run_label])
    if keep.all():
        return components
    return _join_runs(components.run_row[keep], components.run_start[keep], components.run_stop[keep], width)


def _join_runs(row: np.ndarray, start: np.ndarray, stop: np.ndarray, width: int) -> Components:
    """Make components of (R,) runs sorted by row and column."""
    label = _union(row, start, stop, width)
    count = int(label.max()) + 1 if len(label) else 0
    boxes = np.empty((count, 4), np.int64)
    order = np.argsort(label, kind="stable")
    first = np.searchsorted(label[order], np.arange(count))
    if count:
        boxes[:, 0] = np.minimum.reduceat(start[order], first)
        boxes[:, 1] = row[order][first]
        boxes[:, 2] = np.maximum.reduceat(stop[order], first)
        boxes[:, 3] = np.maximum.reduceat(row[order], first) + 1
    area = np.bincount(label, weights=stop - start, minlength=count).astype(np.int64)
    return Components(boxes, area, row, start, stop, label)


def _union(row: np.ndarray, start: np.ndarray, stop: np.ndarray, width: int) -> np.ndarray:
    """Join runs that touch a run of the row above, corners included. Returns (R,) labels from 0."""
    stride = width + 2
    above = (row - 1) * stride
    # Stops are exclusive, so a run above that ends where this one starts touches its corner.
    first = np.searchsorted(row * stride + stop, above + start, "left")
    last = np.searchsorted(row * stride + start, above + stop, "right")
    counts = np.maximum(last - first, 0)
    lower = np.repeat(np.arange(len(row)), counts)
    offset = np.arange(len(lower)) - np.repeat(np.cumsum(counts) - counts, counts)
    upper = np.repeat(first, counts) + offset
    parent = np.arange(len(row))
    while len(lower):
        root_a, root_b = parent[lower], parent[upper]
        differ = root_a != root_b
        lower, upper, root_a, root_b = lower[differ], upper[differ], root_a[differ], root_b[differ]
        # Of several writes to one root one wins; the pairs of the others come round again.
        parent[np.maximum(root_a, root_b)] = np.minimum(root_a, root_b)
        while True:
            grand = parent[parent]
            if np.array_equal(grand, parent):
                break
            parent = grand
    return np.unique(parent, return_inverse=True)[1].reshape(-1)


def paint_runs(components: Components, value: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Draw each run with a value of its own.

    Args:
        components: whose runs.
        value: (R,) int32; 0 leaves the background.
        shape: (H, W).

    Returns:
        (H, W) int32.
    """
    canvas = np.zeros(shape[0] * shape[1] + 1, np.int32)
    begin = components.run_row * shape[1] + components.run_start
    end = components.run_row * shape[1] + components.run_stop
    # Runs don't overlap, so a running sum of steps up and down draws them.
    np.add.at(canvas, begin, value)
    np.subtract.at(canvas, end, value)
    return np.cumsum(canvas[:-1], dtype=np.int32).reshape(shape)


def find_letters(components: Components) -> np.ndarray:
    """Components that may be letters or words: neither specks, rules nor frames."""
    width, height, area = components.width, components.height, components.area
    solid = area > 0.06 * width * height
    return np.flatnonzero((height >= 3) & (area >= 6) & (width < 40 * height) & (height < 12 * width) & solid)


def letter_height(components: Components) -> float:
    """Height in px of most capitals and ascending letters; 0.0 without any."""
    letters = find_letters(components)
    if not len(letters):
        return 0.0
    # Specks count for little by their area, and the shapes of a drawing for no more than some letters.
    area = components.area[letters]
    return weighted_median(components.height[letters], np.minimum(area, 4 * np.median(area)), 0.7)


def weighted_median(values: np.ndarray, weights: np.ndarray, share: float = 0.5) -> float:
    """The value below which `share` of the weight lies. (n,) and (n,) numbers, at least one."""
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, total[-1] * share)])


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
    wide = (found.height > 1.6 * text_px) & (found.width > 2.5 * text_px) & (found.area > 0.45 * box_area)
    for number in np.flatnonzero(wide):
        x1, y1, x2, y2 = (int(edge) for edge in found.boxes[number])
        inside = find_components(~mask[y1:y2, x1:x2])
        boxes = inside.boxes
        outside = (boxes[:, :2] == 0).any(1) | (boxes[:, 2] == x2 - x1) | (boxes[:, 3] == y2 - y1)
        letters = ~outside & (inside.height > 0.12 * (y2 - y1)) & (inside.height > 4)
        if letters.sum() < 3:
            continue
        pixels = np.asarray(ink)[y1:y2, x1:x2]
        ground = int(np.median(pixels[mask[y1:y2, x1:x2]]))
        turned = np.clip(ground - pixels.astype(np.int16) - 8, 0, 255).astype(np.uint8)
        turned[paint_runs(inside, outside[inside.run_label].astype(np.int32), turned.shape) > 0] = 0
        ink = ink.copy()
        ink.paste(Image.fromarray(turned), (x1, y1))
    return ink
