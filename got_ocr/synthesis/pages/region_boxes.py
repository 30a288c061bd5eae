"""Regions of a page with known text: which boxes hold some of its lines whole and no ink of any other.

H, W: height and width of the picture in px.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from got_ocr.synthesis.formatted.source import PIECE_BREAK, FormattedPage
from got_ocr.synthesis.pages.drawing import PageDrawing

Box = tuple[float, float, float, float]

_INK_DIFFERENCE = 8  # grey levels from the paper; below it lies the faint edge of an antialiased glyph
# A box drawn by hand leaves this share of the picture's longer side free around its text, at most.
_MOST_JITTER = 0.02


@dataclass(frozen=True)
class Item:
    """The least part of a page that a box may hold: a printed line, or a piece of a formatted page.

    Attributes:
        text: its truth.
        block: number of the block that it belongs to.
        boxes: (x1, y1, x2, y2) just around its ink, in px; more than one where it goes on in the next column.
    """

    text: str
    block: int
    boxes: tuple[Box, ...]


@dataclass(frozen=True)
class RegionPage:
    """A page to read regions of.

    Attributes:
        image: RGB, clean.
        items: in the order of reading.
        ocr_type: `ocr` for printed lines, `format` for Mathpix Markdown.
        ink: (H, W) bool, where the picture differs from its paper.
    """

    image: Image.Image
    items: tuple[Item, ...]
    ocr_type: str
    ink: np.ndarray

    def text(self, chosen: Sequence[int]) -> str:
        """Write what some items say.

        Args:
            chosen: their numbers, in the order of reading.

        Returns:
            Their text: lines joined by newlines, formatted pieces by an empty line.
        """
        joint = PIECE_BREAK if self.ocr_type == "format" else "\n"
        return joint.join(self.items[number].text for number in chosen)

    def block(self, number: int) -> list[int]:
        """Find the items of a block.

        Args:
            number: of the block.

        Returns:
            Their numbers.
        """
        return [place for place, item in enumerate(self.items) if item.block == number]


@dataclass(frozen=True)
class Room:
    """Where the edges of a box may lie so that it holds its items and nothing else.

    Attributes:
        inner: (x1, y1, x2, y2) px, the least box, ends exclusive.
        outer: the largest box.
    """

    inner: tuple[int, int, int, int]
    outer: tuple[int, int, int, int]


def plain_page(drawing: PageDrawing) -> RegionPage:
    """Take a page of text apart into its printed lines.

    Args:
        drawing: the page.

    Returns:
        The same page.
    """
    items = tuple(
        Item(line.text, number, (line.box,)) for number, block in enumerate(drawing.blocks) for line in block.lines
    )
    return RegionPage(drawing.image, items, "ocr", find_ink(drawing.image))


def formatted_page(page: FormattedPage) -> RegionPage:
    """Take a formatted page apart into its pieces.

    Args:
        page: drawn by the browser, which tells where each piece stands.

    Returns:
        The same page.
    """
    ink = find_ink(page.image)
    items = []
    for number, placed in enumerate(page.placed):
        boxes = (_ink_box(ink, box) for box in placed.boxes)
        items.append(Item(placed.piece.source, number, tuple(box for box in boxes if box is not None)))
    return RegionPage(page.image, tuple(items), "format", ink)


def find_ink(image: Image.Image) -> np.ndarray:
    """Find what is drawn on a page.

    Args:
        image: RGB, clean, its first pixel paper.

    Returns:
        (H, W) bool.
    """
    pixels = np.asarray(image).astype(np.int16)
    return np.asarray(np.abs(pixels - pixels[0, 0]).max(2) > _INK_DIFFERENCE)


def _ink_box(ink: np.ndarray, box: Box) -> Box | None:
    x1, y1, x2, y2 = math.floor(box[0]), math.floor(box[1]), math.ceil(box[2]), math.ceil(box[3])
    x1, y1 = max(x1, 0), max(y1, 0)
    inside = ink[y1:y2, x1:x2]
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    if not len(rows):
        return None
    return float(x1 + columns[0]), float(y1 + rows[0]), float(x1 + columns[-1] + 1), float(y1 + rows[-1] + 1)


def find_room(page: RegionPage, chosen: Sequence[int], order: Sequence[int]) -> Room | None:
    """Find how large a box around some items may be.

    Args:
        page: the page.
        chosen: numbers of the items.
        order: 0 to 3 (x1, y1, x2, y2) in any order: the edges as they are moved outwards, one after the other.

    Returns:
        The room; None where no box holds these items and no ink of others.
    """
    height, width = page.ink.shape
    own = [box for number in chosen for box in page.items[number].boxes]
    if not own or any(not page.items[number].boxes for number in chosen):
        return None
    inner = (
        math.floor(min(box[0] for box in own)),
        math.floor(min(box[1] for box in own)),
        math.ceil(max(box[2] for box in own)),
        math.ceil(max(box[3] for box in own)),
    )
    x1, y1, x2, y2 = inner
    if x1 < 1 or y1 < 1 or x2 > width - 1 or y2 > height - 1:
        return None
    for number, item in enumerate(page.items):
        if number not in chosen and any(_overlap(box, inner) for box in item.boxes):
            return None
    around = page.ink[y1 - 1 : y2 + 1, x1 - 1 : x2 + 1].copy()
    if around[[0, -1]].any() or around[:, [0, -1]].any():  # Ink hangs over, or the next line's touches.
        return None
    for box in own:
        left, top, right, bottom = math.floor(box[0]), math.floor(box[1]), math.ceil(box[2]), math.ceil(box[3])
        around[top - y1 + 1 : bottom - y1 + 1, left - x1 + 1 : right - x1 + 1] = False
    if around.any():  # A rule or a picture.
        return None
    most = max(4, round(_MOST_JITTER * max(width, height)))
    outer = list(inner)
    for edge in order:
        outer[edge] = _move_out(page.ink, outer, edge, most)
    return Room(inner, (outer[0], outer[1], outer[2], outer[3]))


def _move_out(ink: np.ndarray, box: Sequence[int], edge: int, most: int) -> int:
    """Move one edge of a box out over blank paper, and stay a pixel away from the next ink."""
    x1, y1, x2, y2 = box
    height, width = ink.shape
    if edge == 0:
        strip = np.any(ink[y1:y2, max(x1 - most, 0) : x1], axis=0)
    elif edge == 1:
        strip = np.any(ink[max(y1 - most, 0) : y1, x1:x2], axis=1)
    elif edge == 2:
        strip = np.any(ink[y1:y2, x2 : min(x2 + most, width)], axis=0)
    else:
        strip = np.any(ink[y2 : min(y2 + most, height), x1:x2], axis=1)
    if edge < 2:
        strip = np.flip(strip)
    blank = np.flatnonzero(strip)
    free = int(blank[0]) - 1 if len(blank) else len(strip) - 1
    free = max(free, 0)
    return box[edge] - free if edge < 2 else box[edge] + free


def _overlap(first: Box, second: Sequence[float]) -> bool:
    return first[0] < second[2] and second[0] < first[2] and first[1] < second[3] and second[1] < first[3]


def draw_box(rng: np.random.Generator, room: Room, size: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """Choose a box within its room, such that its thousandths, as the prompt has them, hold just the same ink.

    Args:
        rng: decides.
        room: see `find_room`.
        size: width and height of the picture in px.

    Returns:
        (x1, y1, x2, y2) px; None where the room is too narrow for the rounding to thousandths.
    """
    edges = []
    for edge in range(4):
        side = size[edge % 2]
        low, high = sorted((room.inner[edge], room.outer[edge]))
        # Rounding moves every edge up or to the left: the first two into the room's border, the others into the text.
        usable = [pixel for pixel in range(low, high + 1) if _rounded(pixel, side) >= low]
        if not usable:
            return None
        # People draw a box rather close to its text.
        place = rng.beta(1.2, 2.0) * (len(usable) - 1)
        edges.append(usable[round(place if edge >= 2 else len(usable) - 1 - place)])
    return edges[0], edges[1], edges[2], edges[3]


def draw_point(rng: np.random.Generator, page: RegionPage, number: int) -> tuple[int, int] | None:
    """Choose a point on the ink box of one of a block's items.

    Args:
        rng: decides.
        page: the page.
        number: of the block.

    Returns:
        (x, y) px; its thousandths lie inside the same box. None for a block in several columns, or too small a one.
    """
    places = page.block(number)
    if any(len(page.items[place].boxes) != 1 for place in places):
        return None
    x1, y1, x2, y2 = page.items[places[rng.integers(len(places))]].boxes[0]
    width, height = page.image.size
    if x2 - x1 < 3 + width / 1000 or y2 - y1 < 3 + height / 1000:
        return None
    x, y = math.ceil(rng.uniform(x1, x2 - 1)), math.ceil(rng.uniform(y1, y2 - 1))
    inside = _rounded(x, width) >= x1 and _rounded(y, height) >= y1
    return (x, y) if inside else None


def _rounded(pixel: int, side: int) -> float:
    """Where a coordinate is after it was rounded down to thousandths, as the prompt says it, in px."""
    return int(pixel / side * 1000) * side / 1000
