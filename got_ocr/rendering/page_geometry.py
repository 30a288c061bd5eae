"""Where on a PDF page's own plane a place of its picture lies: CropBox, Rotate, inherited attributes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from got_ocr.rendering.invisible_text import PlacedLine

LETTER_PT = (0.0, 0.0, 612.0, 792.0)  # What readers take where a page has no MediaBox.
_MAX_PARENTS = 100
_DIRECTIONS = {0: (1.0, 0.0), 90: (0.0, 1.0), 180: (-1.0, 0.0), 270: (0.0, -1.0)}
_SPREAD_MARGIN = 0.06  # Of the page's width and height, where lines are spread that have no boxes.
_MAX_SPREAD_HEIGHT = 0.015  # Of the page's height: 12 points on A4.
_SPREAD_FILL = 0.8  # Of a line's share of the page.
UPRIGHT_RATIO = 2.0
MIN_UPRIGHT_CHARACTERS = 4

Box = tuple[float, float, float, float]
BoxedLine = tuple[str, Box]
MaybeBoxedLine = tuple[str, Box | None]


@dataclass(frozen=True)
class PageGeometry:
    """What of a page is seen, and how it is turned.

    UserUnit does not matter here: it scales the page and its picture alike.

    Attributes:
        visible: The box that is seen (x1, y1, x2, y2), y upwards, in the page's units.
        turned_deg: By how much the page is shown turned, clockwise: 0, 90, 180 or 270.
    """

    visible: Box
    turned_deg: int

    @property
    def shown_size(self) -> tuple[float, float]:
        """(width, height) of the page as it is shown, in its units."""
        width, height = self.visible[2] - self.visible[0], self.visible[3] - self.visible[1]
        return (height, width) if self.turned_deg in (90, 270) else (width, height)

    def place(self, right: float, down: float) -> tuple[float, float]:
        """Find a place of the page as it is shown.

        Args:
            right: From its left edge, as a share of its width.
            down: From its upper edge, as a share of its height.

        Returns:
            (x, y) on the page's own plane.
        """
        x1, y1, x2, y2 = self.visible
        width, height = x2 - x1, y2 - y1
        if self.turned_deg == 90:
            return x1 + down * width, y1 + right * height
        if self.turned_deg == 180:
            return x2 - right * width, y1 + down * height
        if self.turned_deg == 270:
            return x2 - down * width, y2 - right * height
        return x1 + right * width, y2 - down * height

    def place_line(self, text: str, box: Box, size: tuple[float, float]) -> PlacedLine:
        """Put a line where it was seen.

        Args:
            text: The line.
            box: Where it stands in the page's picture (x1, y1, x2, y2), y downwards.
            size: (width, height) of the picture.

        Returns:
            The line on the page's own plane. In a box far higher than long it runs upwards, as most turned text does.
        """
        left, right = sorted((box[0] / size[0], box[2] / size[0]))
        upper, lower = sorted((box[1] / size[1], box[3] / size[1]))
        width, height = (right - left) * self.shown_size[0], (lower - upper) * self.shown_size[1]
        if height > UPRIGHT_RATIO * width and len(text) >= MIN_UPRIGHT_CHARACTERS:
            upwards = _DIRECTIONS[(self.turned_deg + 90) % 360]
            return PlacedLine(text, self.place(right, lower), upwards, height, width)
        return PlacedLine(text, self.place(left, lower), _DIRECTIONS[self.turned_deg], width, height)


def geometry_of(page: Any) -> PageGeometry:
    """Read a page's geometry, as readers do where it is damaged.

    Args:
        page: The `pikepdf.Page`, or its dictionary.

    Returns:
        Its geometry.
    """
    media = _box(inherited(page, "/MediaBox")) or LETTER_PT
    crop = _box(inherited(page, "/CropBox")) or media
    seen = (max(media[0], crop[0]), max(media[1], crop[1]), min(media[2], crop[2]), min(media[3], crop[3]))
    if seen[0] >= seen[2] or seen[1] >= seen[3]:
        seen = media
    try:
        quarters = int(float(inherited(page, "/Rotate") or 0) / 90) % 4
    except (TypeError, ValueError, OverflowError):
        quarters = 0
    return PageGeometry(seen, quarters * 90)


def inherited(page: Any, key: str) -> Any:
    """Find a page's attribute, its own or that of the node above it; None where there is none."""
    node = getattr(page, "obj", page)
    for _ in range(_MAX_PARENTS):
        if node is None:
            return None
        if key in node:
            return node[key]
        node = node.get("/Parent")
    return None


def _box(array: Any) -> Box | None:
    """Read a rectangle, its corners in any order; None where it is none, or has no area."""
    try:
        x1, y1, x2, y2 = (float(value) for value in array)
    except (TypeError, ValueError):
        return None
    box = (min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))
    return box if box[0] < box[2] and box[1] < box[3] else None


def spread_lines(lines: list[str]) -> Iterator[BoxedLine]:
    """Spread lines without boxes over a page, in order, one below the other.

    Args:
        lines: The lines.

    Yields:
        Each line and its box as shares of a page of size (1, 1).
    """
    step = (1 - 2 * _SPREAD_MARGIN) / max(1, len(lines))
    height = min(step * _SPREAD_FILL, _MAX_SPREAD_HEIGHT)
    for index, line in enumerate(lines):
        upper = _SPREAD_MARGIN + step * index
        width = min(1 - 2 * _SPREAD_MARGIN, len(line) * height * 0.5)
        yield line, (_SPREAD_MARGIN, upper, _SPREAD_MARGIN + width, upper + height)


def complete_boxes(lines: Sequence[MaybeBoxedLine], size: tuple[float, float]) -> list[BoxedLine]:
    """Give lines whose place isn't known one between those above and below in the text, so that they can be found.

    Args:
        lines: In the text's order, one with a box at least.
        size: (width, height) of what the boxes belong to.

    Returns:
        All lines with boxes.
    """
    placed: list[BoxedLine] = []
    last: Box | None = None
    for is_known, group in groupby(lines, key=lambda line: line[1] is not None):
        run = list(group)
        if is_known:
            placed += [(text, box) for text, box in run if box is not None]
            last = placed[-1][1]
            continue
        behind = len(placed) + len(run)
        following = lines[behind][1] if behind < len(lines) else None
        near = last or following
        if near is None:
            raise ValueError("complete_boxes takes lines of which one at least has a box.")
        upper = last[3] if last is not None else 0.0
        lower = following[1] if following is not None else size[1]
        if lower <= upper:  # The next line stands in another column: what is unknown goes on the one before it.
            upper, lower = near[1], near[3]
        step = min((lower - upper) / len(run), near[3] - near[1])
        if last is None:
            upper = lower - step * len(run)
        for number, (text, _) in enumerate(run):
            placed.append((text, (near[0], upper + step * number, near[2], upper + step * (number + 1))))
    return placed
