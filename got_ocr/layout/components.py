"""Connected components of a page's ink: found through its runs, told apart into letters, rules and specks.

Shape legend:
    H, W  height and width in px of the picture that is looked at
    R     horizontal runs of ink
    N     components: connected pieces of ink
"""

from dataclasses import dataclass

import numpy as np

from .thresholds import Letters


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
        return np.asarray(self.boxes[:, 2] - self.boxes[:, 0])

    @property
    def height(self) -> np.ndarray:
        """(N,) int64."""
        return np.asarray(self.boxes[:, 3] - self.boxes[:, 1])


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


def remove_rules(
    components: Components, text_px: float, width: int, no_letters: np.ndarray | None = None
) -> Components:
    """Leave out frames, tables' lines and rules, so that the letters that touch them stand alone.

    Args:
        components: the page's.
        text_px: usual height of a letter.
        width: of the page in px.
        no_letters: (N,) bool, further components to leave out.

    Returns:
        The components of what is left.
    """
    box_area = components.width * components.height
    large = components.height > Letters.FRAME_HEIGHT * text_px
    large &= components.width > Letters.FRAME_WIDTH * text_px
    frame = large & (components.area < Letters.FRAME_INK * box_area)
    if no_letters is not None:
        frame |= no_letters
    rule_px = max(Letters.RULE_RUN_PX, Letters.RULE_RUN * text_px)
    long = components.run_stop - components.run_start > rule_px
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
    solid = area > Letters.LEAST_INK * width * height
    large = (height >= Letters.LEAST_HEIGHT_PX) & (area >= Letters.LEAST_AREA_PX)
    return np.flatnonzero(large & (width < Letters.WIDEST * height) & (height < Letters.HIGHEST * width) & solid)


def measure_letter_height(components: Components) -> float:
    """Height in px of most capitals and ascending letters; 0.0 without any."""
    letters = find_letters(components)
    if not len(letters):
        return 0.0
    # Specks count for little by their area, and the shapes of a drawing for no more than some letters.
    area = components.area[letters]
    weight = np.minimum(area, Letters.LARGEST_SHARE * np.median(area))
    return weighted_median(components.height[letters], weight, Letters.HEIGHT_SHARE)


def weighted_median(values: np.ndarray, weights: np.ndarray, share: float = 0.5) -> float:
    """The value below which `share` of the weight lies. (n,) and (n,) numbers, at least one."""
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, total[-1] * share)])
