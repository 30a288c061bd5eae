"""Cut pictures and pages into slices that a small checkpoint can read.

A checkpoint that reads a few lines of one text size gets every line of the page at that size: lines are found, scaled,
cut between words into pieces as wide as the model's canvas, and a few pieces are stacked on each slice.
"""

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from ..layout.formula_rows import join_stacks
from ..layout.ink import (
    Components,
    find_components,
    ink_image,
    ink_mask,
    letter_height,
    paint_runs,
    turn_reversed_boxes,
    without_rules,
)
from ..layout.line_facts import PageLayout, measure_line
from ..layout.lines import assign_runs, estimate_skew, find_lines, without_noise
from ..layout.orientation import lies_sideways, turn_clockwise
from ..layout.reading_order import TextLine
from ..layout.tables import CellPlace, TableLayout, order_with_tables, part_tables
from .pieces import cut_line, spare_columns
from .sliced_page import Piece, SlicedPage, SlicingOptions

WORKING_SIDE_PX = 1650  # Pages are looked at no larger than this, 150 dpi for A4, but for
SMALL_PRINT_PX = 11.0  # letters lower than this, which are looked at twice as large as long as that makes no more than
MAX_WORKING_PX = 9_000_000  # pixels.
INK_LEVEL = 225  # Grey levels between paper and ink on a slice.
ROW_PITCH_EM = 1.3  # From baseline to baseline on a slice.
VISIBLE_INK = 96  # Ink that a low slice must not cut off,
LOW_MARGIN_PX = 2  # and the paper below it.

_Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class _Page:
    """A picture made ready: its ink upright, what is on it, and its lines, in px of the working size."""

    ink: Image.Image
    scale: float
    mask: np.ndarray
    line_map: np.ndarray
    shape: tuple[int, int]
    lines: list[TextLine]
    skew_degrees: float
    sideways: bool
    places: list[CellPlace | None]
    tables: list[TableLayout]

    def picture_box(self, box: _Box) -> _Box:
        """Working px to px of the upright picture."""
        x1, y1, x2, y2 = (round(edge / self.scale) for edge in box)
        return x1, y1, min(x2, self.ink.width), min(y2, self.ink.height)


def slice_page(
    image: Image.Image, options: SlicingOptions, canvas_size: int, rotation: int = 0, formatted: bool = False
) -> SlicedPage:
    """Cut a picture into slices.

    Args:
        image: the picture or page, upright but for a few degrees once it is turned.
        options: how to cut it.
        canvas_size: side of the model's input in px.
        rotation: degrees clockwise to turn it by first: 0, 90, 180 or 270.
        formatted: cut it for `join_formatted` (slices/structure.py).

    Returns:
        The slices and where their text comes from; no slices where no text was found.

    Raises:
        ValueError: The canvas is too small for the options' text and margins, or for their canvas heights.
    """
    room_px = canvas_size - 2 * options.margin_px
    if room_px < 2 * options.text_height_px:
        raise ValueError(
            f"a canvas of {canvas_size} px has no room for text of {options.text_height_px} px within margins of "
            f"{options.margin_px} px: use a larger canvas or smaller slicing options."
        )
    if options.canvas_heights_px and options.canvas_heights_px[-1] > canvas_size:
        raise ValueError(
            f"slicing option canvas_heights_px must be heights of at most the canvas's {canvas_size} px, got "
            f"{list(options.canvas_heights_px)}."
        )
    image = turn_clockwise(image, rotation)
    page = _read_layout(image, formatted)
    if _fits_as_it_is(image, page, options, canvas_size):
        return _natural_page(image, page, options, canvas_size, rotation)
    layout = _measure_lines(page) if formatted else None
    packer = _Packer(page, options, canvas_size)
    for number, (line, scale) in enumerate(zip(page.lines, _scales(page, options, room_px), strict=True)):
        shown = line
        if layout is not None and layout.lines[number].is_dot:
            begin = round(layout.lines[number].bullet_px * page.scale)
            shown = replace(line, box=(begin, *line.box[1:]))
        packer.add_line(number, shown, scale)
    packer.close()
    boxes = [page.picture_box(line.box) for line in page.lines]
    blocks = [line.block for line in page.lines]
    return SlicedPage(
        packer.slices,
        packer.pieces,
        boxes,
        blocks,
        image.size,
        page.skew_degrees,
        False,
        options,
        rotation,
        page.sideways,
        layout,
    )


def _fits_as_it_is(image: Image.Image, page: _Page, options: SlicingOptions, canvas_size: int) -> bool:
    """Whether a picture is already what a slice looks like: small, with few lines of the right size in one column."""
    if not (options.keep_natural and page.lines and max(image.size) <= canvas_size and not page.skew_degrees):
        return False
    sizes = np.array([line.em_px for line in page.lines]) / page.scale
    stacked = all(below.box[1] > above.baseline_px - above.em_px for above, below in pairwise(page.lines))
    # Measured sizes are off by a fifth where a line has few letters.
    low, high = 0.75 * options.text_height_px, 1.35 * options.text_height_px
    few = options.rows == 0 or len(page.lines) <= options.rows
    gaps = any(_wide_gaps(page, number, line)[1].any() for number, line in enumerate(page.lines))
    return bool(few and stacked and not gaps and sizes.min() >= low and sizes.max() <= high)


def _natural_page(
    image: Image.Image, page: _Page, options: SlicingOptions, canvas_size: int, rotation: int
) -> SlicedPage:
    """Show a small picture as it is, on a canvas of its own paper."""
    picture = image.convert("RGB")
    edge = np.asarray(picture).reshape(-1, 3)
    canvas = Image.new("RGB", (canvas_size, canvas_size), tuple(np.median(edge, 0).astype(int).tolist()))
    canvas.paste(picture, (0, 0))
    boxes = [page.picture_box(line.box) for line in page.lines]
    pieces = [Piece(0, number, False, box, box) for number, box in enumerate(boxes)]
    blocks = [line.block for line in page.lines]
    return SlicedPage([canvas], pieces, boxes, blocks, image.size, 0.0, True, options, rotation, page.sideways)


def _read_layout(image: Image.Image, formatted: bool) -> _Page:
    """Find ink, skew and lines; what stands over something else in a formula is one line's, if `formatted`."""
    ink = ink_image(image)
    factor = max(1, math.ceil(max(image.size) / WORKING_SIDE_PX - 0.35))
    scale = 1.0 / factor
    working, mask, components = _look(ink, scale)
    if 0 < letter_height(components) < SMALL_PRINT_PX and 4 * mask.size < MAX_WORKING_PX:  # Look closer.
        scale = 2.0 if factor == 1 else 1.0 / (factor // 2)
        working, mask, components = _look(ink, scale)
    sideways = lies_sideways(components)
    skew = estimate_skew(components)
    if skew:
        ink = ink.rotate(skew, Image.Resampling.BICUBIC)
        working, mask, components = _look(ink, scale)
    turned = turn_reversed_boxes(working, letter_height(components))
    if turned is not working:
        ink = _merge_turned(ink, working, turned)
        working, mask, components = _look(ink, scale)
    shape = (working.height, working.width)
    lines = without_noise(find_lines(components, shape), np.asarray(working), mask, scale)
    places: list[CellPlace | None] = []
    layouts: list[TableLayout] = []
    if formatted:
        # Tables first: a rule between two of their rows is no fraction's bar.
        lines, tables = part_tables(lines, components, np.asarray(working), letter_height(components))
        lines = join_stacks(components, find_components(mask), lines)
        lines, places, layouts = order_with_tables(lines, tables)
    run_line, lines = assign_runs(components, lines)
    line_map = paint_runs(components, run_line, shape)
    lines = [_with_stacks(line_map, mask, number, line) for number, line in enumerate(lines)]
    return _Page(ink, scale, mask, line_map, shape, lines, skew, sideways, places, layouts)


def _with_stacks(line_map: np.ndarray, mask: np.ndarray, number: int, line: TextLine) -> TextLine:
    """Give a line all ink of its stacks that is no other line's, bars included. Changes `line_map`."""
    x1, y1, x2, y2 = line.box
    for left, top, right, bottom in line.stacks:
        part = line_map[top:bottom, left:right]
        part[mask[top:bottom, left:right] & (part == 0)] = number + 1
        x1, y1, x2, y2 = min(x1, left), min(y1, top), max(x2, right), max(y2, bottom)
    return replace(line, box=(x1, y1, x2, y2))


def _measure_lines(page: _Page) -> PageLayout:
    """Measure what format mode needs to know."""
    ink = np.asarray(page.ink.resize(page.shape[::-1], Image.Resampling.BOX))
    facts = []
    for number, (line, place) in enumerate(zip(page.lines, page.places, strict=True)):
        x1, y1, x2, y2 = line.box
        own = page.line_map[y1:y2, x1:x2] == number + 1
        facts.append(measure_line(line, ink[y1:y2, x1:x2], own, page.scale, place))
    return PageLayout(tuple(facts), tuple(page.tables))


def _look(ink: Image.Image, scale: float) -> tuple[Image.Image, np.ndarray, Components]:
    """Reduce ink to the working size and find its mask and components, rules left out of the latter."""
    working = ink
    if scale < 1.0:
        working = ink.reduce(round(1 / scale))
    elif scale > 1.0:
        working = ink.resize((round(ink.width * scale), round(ink.height * scale)), Image.Resampling.BICUBIC)
    mask = ink_mask(working)
    components = find_components(mask)
    components = without_rules(components, letter_height(components), mask.shape[1])
    return working, mask, components


def _merge_turned(ink: Image.Image, working: Image.Image, turned: Image.Image) -> Image.Image:
    """Carry the boxes that were turned round over to the full-size ink."""
    changed = Image.fromarray((np.asarray(working) != np.asarray(turned)).astype(np.uint8) * 255)
    mask = changed.filter(ImageFilter.MaxFilter(3)).resize(ink.size, Image.Resampling.NEAREST)
    ink = ink.copy()
    ink.paste(turned.resize(ink.size, Image.Resampling.BICUBIC), (0, 0), mask)
    return ink


def _scales(page: _Page, options: SlicingOptions, room_px: float) -> list[float]:
    """Scale of each line, from working px to canvas px; lines of a block that agree on their size share it."""
    scales = []
    em = np.array([line.em_px for line in page.lines])
    block = np.array([line.block for line in page.lines])
    for line in page.lines:
        alike = (block == line.block) & (np.abs(em / line.em_px - 1) < 0.25)
        scale = options.text_height_px / float(np.median(em[alike]))
        width = line.box[2] - line.box[0] + 2
        if width * scale > room_px:
            scale = max(min(scale, room_px / width), scale * options.min_text_height_px / options.text_height_px)
            if width * scale > room_px * 1.001:
                scale = options.text_height_px / float(np.median(em[alike]))
        scales.append(scale)
    return scales


class _Packer:
    """Stacks pieces of lines on canvases."""

    def __init__(self, page: _Page, options: SlicingOptions, canvas_size: int) -> None:
        self.page = page
        self.options = options
        self.canvas_size = canvas_size
        self.slices: list[Image.Image] = []
        self.pieces: list[Piece] = []
        self.canvas: Image.Image | None = None
        self.rows = 0
        self.bottom_px = 0
        self.baseline_px = 0.0

    def add_line(self, number: int, line: TextLine, scale: float) -> None:
        """Cut a line and put its pieces on canvases."""
        if self.full:
            return
        ink, box = self._line_ink(number, line)
        step = max(1, round(self.page.scale))
        profile, spare = _wide_gaps(self.page, number, line, step)
        # Columns of the line that are drawn, and where they stand in the page.
        columns = line.box[0] + np.flatnonzero(~spare)
        ink, box = _without_columns(ink, box, line.box[0] + np.flatnonzero(spare), self.page.scale)
        # The padding of both ends is part of a piece's width.
        room = (self.canvas_size - 2 * self.options.margin_px) / scale - 4
        widest = room * self.options.text_height_px / self.options.min_text_height_px
        for start, stop, joined in cut_line(profile[~spare], 0, line.em_px, room, widest):
            place = int(columns[start]), int(columns[stop - 1]) + 1
            self._place(number, line, scale, ink, box, (line.box[0] + start, line.box[0] + stop, joined), place)

    def close(self) -> None:
        """Finish the last slice."""
        if self.canvas is not None:
            height = _needed_height(self.canvas, self.options)
            self.slices.append(ImageChops.invert(self.canvas.crop((0, 0, self.canvas_size, height))).convert("RGB"))
        self.canvas = None

    @property
    def full(self) -> bool:
        return len(self.slices) >= self.options.max_slices

    def _line_ink(self, number: int, line: TextLine) -> tuple[Image.Image, _Box]:
        """Cut the line's ink out of the page, without its neighbours' and without dirt.

        Returns:
            The ink of the line's box and a margin around it, and that place in working px.
        """
        page = self.page
        pad = 2 + round(0.1 * line.em_px)
        x1, y1 = max(line.box[0] - pad, 0), max(line.box[1] - pad, 0)
        x2, y2 = min(line.box[2] + pad, page.shape[1]), min(line.box[3] + pad, page.shape[0])
        crop = page.ink.crop(page.picture_box((x1, y1, x2, y2)))
        own = page.line_map[y1:y2, x1:x2] == number + 1
        foreign = _grow(page.mask[y1:y2, x1:x2] & ~own, 5) & ~_grow(own, 3)
        if foreign.any():
            crop.paste(0, mask=Image.fromarray(foreign).resize(crop.size, Image.Resampling.NEAREST))
        level = float(np.percentile(np.asarray(crop.resize(own.shape[::-1], Image.Resampling.NEAREST))[own], 80))
        gain = min(INK_LEVEL / max(level, 1.0), 12.0)
        return crop.point([min(255, round(value * gain)) for value in range(256)]), (x1, y1, x2, y2)

    def _place(
        self,
        number: int,
        line: TextLine,
        scale: float,
        ink: Image.Image,
        box: _Box,
        span: tuple[int, int, bool],
        place: tuple[int, int],
    ) -> None:
        """Put one piece on the canvas, or on a new one where it is full.

        Args:
            number: of the line.
            line: the line.
            scale: from working px to canvas px.
            ink: the line's.
            box: where the ink stands, in working px; its wide gaps are narrowed.
            span: (x1, x2, joined) of the piece in that.
            place: (x1, x2) of the piece on the page, in working px.
        """
        options, page = self.options, self.page
        start, stop, joined = span
        x1, y1, x2, y2 = box
        pad = 0 if joined else 2
        left, right = max(start - pad, x1), min(stop + pad, x2)
        scale = min(scale, (self.canvas_size - 2 * options.margin_px) / max(y2 - y1, right - left))
        size = max(1, round((right - left) * scale)), max(1, round((y2 - y1) * scale))
        part = (left - x1) / page.scale, 0.0, min((right - x1) / page.scale, ink.width), float(ink.height)
        piece = ink.resize(size, Image.Resampling.LANCZOS, box=part)
        rise_px = (line.baseline_px - y1) * scale
        top_px = self._row_top(rise_px, size[1])
        if self.canvas is None or self.rows == options.rows > 0 or top_px + size[1] > self.canvas_size - 2:
            self.close()
            if self.full:
                return
            self.canvas = Image.new("L", (self.canvas_size, self.canvas_size), 0)
            self.rows, self.bottom_px, self.baseline_px = 0, 0, 0.0
            top_px = self._row_top(rise_px, size[1])
        self.canvas.paste(
            ImageChops.lighter(piece, self.canvas.crop(_at(options.margin_px, top_px, size))),
            (options.margin_px, top_px),
        )
        self.rows += 1
        self.bottom_px = top_px + size[1]
        self.baseline_px = top_px + rise_px
        self.pieces.append(
            Piece(
                len(self.slices),
                number,
                joined,
                page.picture_box((place[0], line.box[1], place[1], line.box[3])),
                _at(options.margin_px, top_px, size),
            )
        )

    def _row_top(self, rise_px: float, height_px: int) -> int:
        """Where the next piece begins, so that baselines stand evenly unless a piece is higher than usual."""
        options = self.options
        em_px = options.text_height_px
        if not self.rows:
            return max(round(options.margin_px + 0.8 * em_px - rise_px), 1)
        even = self.baseline_px + ROW_PITCH_EM * em_px - rise_px
        return max(round(even), self.bottom_px + options.row_gap_px - 4)


def _needed_height(canvas: Image.Image, options: SlicingOptions) -> int:
    """The height to show of a canvas of ink, so that nothing of its pieces is lost."""
    visible = canvas.point([255 * (level >= VISIBLE_INK) for level in range(256)]).getbbox()
    needed = 0 if visible is None else visible[3] + LOW_MARGIN_PX
    return next((height for height in options.canvas_heights_px if height >= needed), canvas.height)


def _wide_gaps(page: _Page, number: int, line: TextLine, step: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Measure a line's ink, column by column. Returns that, and which columns of wide gaps can be left out."""
    x1, y1, x2, y2 = line.box
    profile = (page.line_map[y1:y2, x1:x2] == number + 1).sum(0)
    return profile, spare_columns(profile, line.em_px, step)


def _without_columns(ink: Image.Image, box: _Box, columns: np.ndarray, scale: float) -> tuple[Image.Image, _Box]:
    """Leave columns of white out of a line.

    Args:
        ink: the line's.
        box: its place, in working px.
        columns: what to leave out, in working px.
        scale: from px of the ink to working px.

    Returns:
        The ink that is left, and its place as if it had been moved to the left.
    """
    if not len(columns):
        return ink, box
    own = box[0] + np.floor(np.arange(ink.width) * scale).astype(np.int64)
    left = np.asarray(ink)[:, ~np.isin(own, columns)]
    return Image.fromarray(left), (box[0], box[1], box[2] - len(columns), box[3])


def _at(x: int, y: int, size: tuple[int, int]) -> _Box:
    return x, y, x + size[0], y + size[1]


def _grow(mask: np.ndarray, size: int) -> np.ndarray:
    """Dilate a mask by a square of odd size."""
    return np.asarray(Image.fromarray(mask.astype(np.uint8) * 255).filter(ImageFilter.MaxFilter(size))) > 0
