"""Fine-grained reading: what a box, a point or a coloured frame on a page says."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from got_ocr.processing.mode import COLORS, Mode
from got_ocr.processing.prompt import instruction
from got_ocr.slices.region import FRAME_RGB, FRAME_TOLERANCE
from got_ocr.synthesis.degradation.degradations import degrade_share
from got_ocr.synthesis.formatted.kind import FormattedDrawer
from got_ocr.synthesis.pages.drawing import draw_page
from got_ocr.synthesis.pages.region_boxes import (
    RegionPage,
    Room,
    draw_box,
    draw_point,
    find_room,
    formatted_page,
    plain_page,
)
from got_ocr.synthesis.resources import Resources
from got_ocr.synthesis.sample import Sample, Turn

# Pens that people draw a frame with; each is near its pure colour.
FRAME_SHADES = {
    "red": ((255, 0, 0), (237, 28, 36), (220, 20, 20), (255, 40, 40), (200, 0, 0)),
    "green": ((0, 255, 0), (0, 200, 0), (30, 220, 50), (40, 255, 60), (0, 180, 30)),
    "blue": ((0, 0, 255), (30, 60, 255), (0, 60, 220), (20, 20, 200), (63, 72, 230)),
}
WIDEST_LINE_PX = 6
_STRAY_PIXELS = 16
_FORMATTED_SHARE = 0.25  # of pages, with the typesetter `browser`
_SEVERAL_SHARE = 0.25  # of samples: several regions of one page
_POINT_SHARE = 0.12  # of boxes
_TRIES_A_PAGE = 24
_MOST_PAGES = 20
_FORMATTED_TOKENS = 900


@dataclass(frozen=True)
class Region:
    """A part of a page to read.

    Attributes:
        items: numbers of the page's items that it holds, in the order of reading.
        room: where its box may lie.
    """

    items: tuple[int, ...]
    room: Room


class _RegionPages:
    """Draws the pages that regions are chosen on."""

    def __init__(self, resources: Resources) -> None:
        self.resources = resources
        # LaTeX doesn't tell where the pieces of a page stand.
        self._formatted = FormattedDrawer(resources) if resources.typesetter == "browser" else None

    def draw(self, rng: np.random.Generator) -> RegionPage:
        """Draw a page of text, or a formatted one."""
        if rng.random() < _FORMATTED_SHARE and self._formatted is not None:
            return formatted_page(self._formatted.page(rng, most_tokens=_FORMATTED_TOKENS))
        return plain_page(draw_page(rng, self.resources))


class Boxes:
    """Pages with a box: read the lines that it encloses, whole and no other, or the block around a point.

    A box of four numbers holds, on a page of text, some lines of a block, a block, or blocks that follow each other
    (`OCR: `, each printed line on a line of its own); on a formatted page some of its pieces (`OCR with format: `). It
    lies some pixels off its text, never on ink, in pixels as well as in the thousandths that the prompt rounds to.

    A point, two numbers, lies on a printed line or piece; its truth is the whole block of that line: the paragraph,
    heading, list, caption, footer, formula or table, as far as it stands in one column.

    A share of the samples asks for several regions of one page, turn by turn.

    Args:
        resources: fonts, text and degradations; those that move ink are left out.

    Raises:
        ValueError: something that the pages need is missing.
    """

    def __init__(self, resources: Resources) -> None:
        self._pages = _RegionPages(resources)

    def draw(self, rng: np.random.Generator) -> Sample:
        """Draw a page and the regions of it.

        Args:
            rng: decides.

        Returns:
            One picture; a turn for each region.
        """
        count = int(rng.integers(2, 6)) if rng.random() < _SEVERAL_SHARE else 1
        wants_point = [bool(rng.random() < _POINT_SHARE) for _ in range(count)]

        def choose(page: RegionPage) -> list[tuple[list[int], tuple[int, ...]]]:
            found: list[tuple[list[int], tuple[int, ...]]] = []
            for is_point in wants_point:
                one = _choose_point(rng, page) if is_point else _choose_box(rng, page)
                if one is not None and all(one[0] != other for other, _ in found):
                    found.append(one)
            return found

        page, found, redrawn = _draw_until(rng, self._pages, choose)
        image, applied = degrade_share(page.image, rng, self._pages.resources.degradations, keep_places=True)
        turns, regions = [], []
        for items, place in found:
            asked = instruction(Mode(page.ocr_type, box=place), (image.height, image.width))
            turns.append(Turn(asked, page.text(items)))
            regions.append({"box": list(place), "items": items})
        source = {"regions": regions, **_page_source(page), "degradations": applied, "redrawn": redrawn}
        return Sample("boxes", (image,), tuple(turns), source)


class Colors:
    """Pages with coloured frames drawn over them: read what the frame of one colour encloses.

    Frames lie around the same regions as boxes do, on blank paper, with lines of 1 to 6 px, over the degraded page, as
    people draw them on a scan. A page may have frames of other colours, never two of one colour, nor a frame of a
    colour that its own pictures have; a share of the samples asks for several of them, turn by turn.

    Args:
        resources: fonts, text and degradations; those that move ink are left out.

    Raises:
        ValueError: something that the pages need is missing.
    """

    def __init__(self, resources: Resources) -> None:
        self._pages = _RegionPages(resources)

    def draw(self, rng: np.random.Generator) -> Sample:
        """Draw a page and its frames.

        Args:
            rng: decides.

        Returns:
            One picture; a turn for each colour that is asked for.
        """
        frames = 1 + int(rng.random() < 0.45) + int(rng.random() < 0.2)
        asked = int(rng.integers(1, frames + 1)) if rng.random() < 2 * _SEVERAL_SHARE else 1

        def choose(page: RegionPage) -> list[tuple[Region, _Frame]]:
            found: list[tuple[Region, _Frame]] = []
            for _ in range(min(frames, len(_free_colors(page.image)))):
                one = _choose_frame(rng, page, [frame for _, frame in found])
                found += [one] if one is not None else []
            return found

        page, found, redrawn = _draw_until(rng, self._pages, choose)
        image, applied = degrade_share(page.image, rng, self._pages.resources.degradations, keep_places=True)
        image = image.copy()
        free = _free_colors(page.image)
        colors = [free[number] for number in rng.permutation(len(free))]
        turns, drawn = [], []
        for number, (color, (region, frame)) in enumerate(zip(colors, found, strict=False)):
            shades = FRAME_SHADES[color]
            shade = shades[rng.integers(len(shades))]
            frame.draw(image, shade)
            is_asked = number < asked
            if is_asked:
                turns.append(Turn(instruction(Mode(page.ocr_type, color=color)), page.text(region.items)))
            drawn.append(
                {
                    "color": color,
                    "rgb": list(shade),
                    "box": list(frame.inside),
                    "width_px": frame.width_px,
                    "items": list(region.items),
                    "asked": is_asked,
                }
            )
        source = {"frames": drawn, **_page_source(page), "degradations": applied, "redrawn": redrawn}
        return Sample("colors", (image,), tuple(turns), source)


@dataclass(frozen=True)
class _Frame:
    """A frame: the box inside its line, ends exclusive, and the line's width."""

    inside: tuple[int, int, int, int]
    width_px: int

    @property
    def outside(self) -> tuple[int, int, int, int]:
        x1, y1, x2, y2 = self.inside
        return x1 - self.width_px, y1 - self.width_px, x2 + self.width_px, y2 + self.width_px

    def draw(self, image: Image.Image, rgb: tuple[int, int, int]) -> None:
        x1, y1, x2, y2 = self.outside
        ImageDraw.Draw(image).rectangle((x1, y1, x2 - 1, y2 - 1), outline=rgb, width=self.width_px)


def _draw_until(
    rng: np.random.Generator, pages: _RegionPages, choose: Callable[[RegionPage], list[Any]]
) -> tuple[RegionPage, list[Any], int]:
    """Draw pages until one has a region. Returns: the page, its regions, how many pages were given up."""
    for redrawn in range(_MOST_PAGES):
        page = pages.draw(rng)
        found = choose(page)
        if found:
            return page, found, redrawn
    raise ValueError(f"{_MOST_PAGES} pages in a row had no line that a box can hold: give other fonts or text")


def _page_source(page: RegionPage) -> dict[str, Any]:
    items = [
        {"text": item.text, "block": item.block, "boxes": [list(box) for box in item.boxes]} for item in page.items
    ]
    return {"ocr_type": page.ocr_type, "items": items}


def _choose_items(rng: np.random.Generator, page: RegionPage) -> tuple[int, ...]:
    """Choose items that follow each other: some of a block, a block, or several blocks."""
    first = int(rng.integers(len(page.items)))
    block = page.block(page.items[first].block)
    kind = rng.random()
    if kind < 0.4 and page.ocr_type == "ocr":
        most = block[-1] - first + 1
        return tuple(range(first, first + int(rng.integers(1, min(most, 12) + 1))))
    if kind < 0.75:
        return tuple(block)
    last = page.items[first].block + int(rng.integers(1, 5))
    return tuple(number for number in range(block[0], len(page.items)) if page.items[number].block <= last)


def _choose_region(rng: np.random.Generator, page: RegionPage) -> Region | None:
    items = _choose_items(rng, page)
    room = find_room(page, items, [int(edge) for edge in rng.permutation(4)])
    return None if room is None else Region(items, room)


def _choose_box(rng: np.random.Generator, page: RegionPage) -> tuple[list[int], tuple[int, ...]] | None:
    for _ in range(_TRIES_A_PAGE):
        region = _choose_region(rng, page)
        box = draw_box(rng, region.room, page.image.size) if region is not None else None
        if region is not None and box is not None:
            return list(region.items), box
    return None


def _choose_point(rng: np.random.Generator, page: RegionPage) -> tuple[list[int], tuple[int, ...]] | None:
    for _ in range(_TRIES_A_PAGE):
        block = page.items[rng.integers(len(page.items))].block
        point = draw_point(rng, page, block)
        if point is not None:
            return page.block(block), point
    return None


def _choose_frame(
    rng: np.random.Generator, page: RegionPage, others: Sequence[_Frame]
) -> tuple[Region, _Frame] | None:
    """Choose a region, and a frame around it that lies on blank paper and clear of the other frames."""
    wanted_px = int(rng.integers(1, WIDEST_LINE_PX + 1))
    for _ in range(_TRIES_A_PAGE):
        region = _choose_region(rng, page)
        if region is None:
            continue
        inner, outer = region.room.inner, region.room.outer
        free = [abs(far - near) for near, far in zip(inner, outer, strict=True)]
        width_px = min(wanted_px, min(free))
        if width_px < 1:
            continue
        gaps = [int(rng.beta(1.2, 2.0) * (room - width_px + 1)) for room in free]
        inside = (inner[0] - gaps[0], inner[1] - gaps[1], inner[2] + gaps[2], inner[3] + gaps[3])
        frame = _Frame(inside, width_px)
        if not any(_meet(frame.outside, other.outside) for other in others):
            return region, frame
    return None


def _free_colors(image: Image.Image) -> list[str]:
    """Find the frame colours that a page has not by itself, in its pictures or headings."""
    pixels = np.asarray(image).astype(np.int16)
    return [
        color
        for color in COLORS
        if (np.abs(pixels - np.array(FRAME_RGB[color], np.int16)) <= FRAME_TOLERANCE).all(2).sum() <= _STRAY_PIXELS
    ]


def _meet(first: Sequence[int], second: Sequence[int]) -> bool:
    return first[0] <= second[2] and second[0] <= first[2] and first[1] <= second[3] and second[1] <= first[3]
