"""The layout room's door: from a picture to its lines, blocks, columns and tables in reading order.

Shape legend:
    H, W  height and width in px of the picture that is looked at (a large one is looked at reduced)
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from PIL import Image, ImageFilter

from .columns import Column, find_columns
from .components import Components, find_components, measure_letter_height, paint_runs, remove_rules
from .formula_rows import join_stacks
from .frames import find_checkboxes, find_frames
from .ink import ink_image, ink_mask, is_dotted, join_dots, level_tinted_boxes, turn_reversed_boxes
from .line import Box, Line, box_array, outer_box
from .line_facts import measure_line
from .lines import assign_runs, find_lines
from .noise import find_dashes, remove_noise
from .orientation import lies_sideways, turn_clockwise, turned_back
from .skew import estimate_skew, estimate_slope
from .tables import Table, cut_tables, order_with_tables
from .thresholds import Looking
from .time_limit import check_time


@dataclass(frozen=True)
class Block:
    """A paragraph, or a piece of a column, that is set in one size with one pitch.

    Attributes:
        number: that its lines name.
        box: (x1, y1, x2, y2) around its lines, in px of the picture given.
        lines: their numbers.
    """

    number: int
    box: Box
    lines: tuple[int, ...]


@dataclass(frozen=True)
class PagePixels:
    """What the lines were found on.

    Attributes:
        ink: mode L, the upright picture: 0 for paper, up to 255 for ink.
        scale: working px to one px of `ink`; the page was looked at in working px.
        mask: (H, W) bool, what is ink, in working px.
        line_map: (H, W) int32, the number of the line from 1 that owns each px of ink, 0 for none.
        lines: in working px, in reading order.
        is_crop: whether the picture is as small as a word or a line that was cut out.
    """

    ink: Image.Image
    scale: float
    mask: np.ndarray
    line_map: np.ndarray
    lines: tuple[Line, ...]
    is_crop: bool = False

    def upright_box(self, box: Box) -> Box:
        """Working px to px of the upright picture."""
        x1, y1, x2, y2 = (round(edge / self.scale) for edge in box)
        return x1, y1, min(x2, self.ink.width), min(y2, self.ink.height)


@dataclass(frozen=True)
class PageLayout:
    """Where text stands on a page.

    Attributes:
        upright_lines: in reading order, in px of the upright picture.
        size: (width, height) of the upright picture in px.
        tables: by the number that their lines name.
        skew_degrees: by how much lines fell to the right; the picture was turned about its centre to level them.
        slope: by how much a crop's line fell to the right, by its width; it was sheared about its centre to level it.
        rotation: degrees clockwise by which the picture given was turned before that.
        is_sideways: whether the lines of the picture, so turned, seem to run up or down all the same.
        is_structured: whether tables, formulas of several rows and the lines' strokes and bullets were looked for.
        is_crop: whether the picture is as small as a word or a line that was cut out.
        pixels: what the lines were found on, where it was to be kept.
    """

    upright_lines: tuple[Line, ...] = ()
    size: tuple[int, int] = (0, 0)
    tables: tuple[Table, ...] = ()
    skew_degrees: float = 0.0
    slope: float = 0.0
    rotation: int = 0
    is_sideways: bool = False
    is_structured: bool = False
    is_crop: bool = False
    pixels: PagePixels | None = None

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """The lines in reading order, boxes in px of the picture given; heights stay those of the upright one."""
        return tuple(replace(line, box=self.place(line.box)) for line in self.upright_lines)

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks in reading order."""
        numbers = np.array([line.block for line in self.lines], dtype=np.int64)
        boxes = box_array(self.lines)
        return tuple(
            Block(number, outer_box(boxes[numbers == number]), tuple(np.flatnonzero(numbers == number).tolist()))
            for number in dict.fromkeys(numbers.tolist())
        )

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The columns in reading order, boxes in px of the picture given."""
        found = find_columns(self.upright_lines)
        return tuple(replace(column, box=self.place(column.box)) for column in found)

    def table_box(self, number: int) -> Box:
        """The box around a table's cells, in px of the picture given."""
        return outer_box(box_array([line for line in self.lines if line.table == number]))

    def corners(self, box: Box) -> list[tuple[float, float]]:
        """Find a box of the upright picture in the picture given.

        Args:
            box: in px.

        Returns:
            (x, y) of its corners, clockwise from the upper left of its text, in px.
        """
        middle_x, middle_y = self.size[0] / 2, self.size[1] / 2
        sine, cosine = math.sin(math.radians(self.skew_degrees)), math.cos(math.radians(self.skew_degrees))
        x1, y1, x2, y2 = box
        fall = self.slope
        skewed = [
            (
                (x - middle_x) * cosine - (y - middle_y) * sine + middle_x,
                (x - middle_x) * sine + (y - middle_y) * cosine + middle_y,
            )
            for x, level in ((x1, y1), (x2, y1), (x2, y2), (x1, y2))
            for y in [level + (x - middle_x) * fall]
        ]
        return [turned_back(x, y, self.size, self.rotation) for x, y in skewed]

    def place(self, box: Box, origin: tuple[int, int] = (0, 0)) -> Box:
        """Find the box around a box of the upright picture in the picture given.

        Args:
            box: in px.
            origin: where the upper left corner of the picture given lies in a larger one.

        Returns:
            (x1, y1, x2, y2) in px of the larger picture.
        """
        x, y = zip(*self.corners(box), strict=True)
        left, top = origin
        return round(min(x) + left), round(min(y) + top), round(max(x) + left), round(max(y) + top)


def analyse_page(
    image: Image.Image, rotation: int = 0, structured: bool = True, keep_pixels: bool = False
) -> PageLayout:
    """Find where text stands on a picture.

    Args:
        image: the picture or page in any mode, upright but for a few degrees once it is turned.
        rotation: degrees clockwise to turn it by first: 0, 90, 180 or 270.
        structured: whether to look for tables, for formulas that stand over several rows, and for the lines' strokes
            and bullets, which format mode needs to know.
        keep_pixels: whether to keep the ink.

    Returns:
        The layout; no lines where no text was found.

    Raises:
        ValueError: The rotation is none of these.
    """
    image = turn_clockwise(image, rotation)
    ink, view = _take_ink(image)
    is_sideways = lies_sideways(view.components)
    slope = estimate_slope(view.components) if view.is_crop else 0.0
    skew = 0.0 if slope else estimate_skew(view.components)
    if slope or skew:
        ink = _shear(ink, slope) if slope else ink.rotate(skew, Image.Resampling.BICUBIC)
        view = _look(ink, view.scale, view.is_crop)
    text_px = measure_letter_height(view.components)
    turned = turn_reversed_boxes(level_tinted_boxes(view.working, text_px), text_px)
    if turned is not view.working:
        ink = _merge_turned(ink, view.working, turned)
        view = _look(ink, view.scale, view.is_crop)
    components, mask, grey, scale = view.components, view.mask, np.asarray(view.working), view.scale
    lines = remove_noise(find_lines(components, mask.shape[:2], view.frames), grey, mask, scale)
    tables: list[Table] = []
    if structured:
        # Tables first: a rule between two of their rows is no fraction's bar.
        lines, found = cut_tables(lines, components, grey, measure_letter_height(components))
        lines = join_stacks(components, find_components(mask), lines)
        lines, tables = order_with_tables(lines, found)
    run_line, lines = assign_runs(components, lines)
    line_map = paint_runs(components, run_line, mask.shape[:2])
    lines = [_own_stacks(line_map, mask, number, line) for number, line in enumerate(lines)]
    pixels = PagePixels(ink, scale, mask, line_map, tuple(lines), view.is_crop)
    measured = _measure_lines(pixels) if structured else lines
    return PageLayout(
        upright_lines=tuple(_to_upright(pixels, line) for line in measured),
        size=image.size,
        tables=tuple(tables),
        skew_degrees=skew,
        slope=slope,
        rotation=rotation,
        is_sideways=is_sideways,
        is_structured=structured,
        is_crop=pixels.is_crop,
        pixels=pixels if keep_pixels else None,
    )


@dataclass(frozen=True)
class _View:
    """What a page looks like at one size.

    Attributes:
        scale: working px to one px of the ink.
        working: the ink at that size, mode L.
        mask: (H, W) bool, what is ink.
        components: of the mask, rules left out.
        frames: (n, 4) of `find_frames`.
        is_crop: whether it is a word or a line that was cut out.
    """

    scale: float
    working: Image.Image
    mask: np.ndarray
    components: Components
    frames: np.ndarray
    is_crop: bool


def _take_ink(image: Image.Image) -> tuple[Image.Image, _View]:
    """Take a picture's ink, light or dark, and look at it."""
    ink = ink_image(image)
    view = _look_closely(ink)
    if _is_small(ink) and _on_edge(view.mask) > Looking.CROP_EDGE:
        # Most of a crop may be letters, but seldom most of its outline.
        for is_light in (True, False):
            for percent in Looking.CROP_PAPER_PERCENT:
                other = ink_image(image, is_light, percent)
                seen = _look_closely(other)
                if seen.mask.any() and _on_edge(seen.mask) < Looking.CROP_EDGE_GAIN * _on_edge(view.mask):
                    ink, view = other, seen
    if is_dotted(view.mask, view.components):
        ink = join_dots(ink, view.scale)
        view = _look_closely(ink)
    return ink, view


def _is_small(ink: Image.Image) -> bool:
    """Whether a picture is as small as a word or a line that was cut out."""
    return ink.width * ink.height <= Looking.CROP_AREA_PX


def _on_edge(mask: np.ndarray) -> float:
    """Share of a mask's outline that is ink."""
    return float(np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]]).mean())


def _shear(ink: Image.Image, slope: float) -> Image.Image:
    """Level a line that falls to the right by `slope`, its strokes left upright."""
    fall = (1.0, 0.0, 0.0, slope, 1.0, -slope * ink.width / 2)
    return ink.transform(ink.size, Image.Transform.AFFINE, fall, Image.Resampling.BICUBIC)


def _look_closely(ink: Image.Image) -> _View:
    """Look at a page at the size that its letters need."""
    if _is_small(ink):
        lowest = min(ink.size)
        scale = next((scale for height, scale in Looking.CROP_HEIGHTS_PX if lowest < height), 1.0)
        view = _look(ink, scale, is_crop=True)
        if view.mask.shape[0] < Looking.CROP_LETTERS * measure_letter_height(view.components):
            return view
    factor = max(1, math.ceil(max(ink.size) / Looking.WORKING_SIDE_PX - Looking.ROUNDING))
    view = _look(ink, 1.0 / factor)
    is_small = 0 < measure_letter_height(view.components) < Looking.SMALL_PRINT_PX
    if is_small and 4 * view.mask.size < Looking.MAX_WORKING_PX:
        view = _look(ink, 2.0 if factor == 1 else 1.0 / (factor // 2))
    return view


def _look(ink: Image.Image, scale: float, is_crop: bool = False) -> _View:
    """Bring ink to a working size and find its mask and components."""
    working = ink
    if scale < 1.0:
        working = ink.reduce(round(1 / scale))
    elif scale > 1.0:
        working = ink.resize((round(ink.width * scale), round(ink.height * scale)), Image.Resampling.BICUBIC)
    check_time()
    mask = ink_mask(working, is_crop)
    components = find_components(mask)
    text_px = measure_letter_height(components)
    frames = find_frames(components, mask, text_px)
    no_letters = find_checkboxes(components, mask, text_px) | find_dashes(components)
    components = remove_rules(components, text_px, mask.shape[1], no_letters)
    return _View(scale, working, mask, components, frames, is_crop)


def _merge_turned(ink: Image.Image, working: Image.Image, turned: Image.Image) -> Image.Image:
    """Carry the boxes that were turned round over to the full-size ink."""
    changed = Image.fromarray((np.asarray(working) != np.asarray(turned)).astype(np.uint8) * 255)
    mask = changed.filter(ImageFilter.MaxFilter(Looking.TURNED_REACH_PX)).resize(ink.size, Image.Resampling.NEAREST)
    ink = ink.copy()
    ink.paste(turned.resize(ink.size, Image.Resampling.BICUBIC), (0, 0), mask)
    return ink


def _own_stacks(line_map: np.ndarray, mask: np.ndarray, number: int, line: Line) -> Line:
    """Give a line all ink of its stacks that is no other line's, bars included. Changes `line_map`."""
    for left, top, right, bottom in line.stacks:
        part = line_map[top:bottom, left:right]
        part[mask[top:bottom, left:right] & (part == 0)] = number + 1
    return replace(line, box=outer_box(np.array([line.box, *line.stacks])))


def _measure_lines(pixels: PagePixels) -> list[Line]:
    """Measure what format mode needs to know."""
    ink = np.asarray(pixels.ink.resize(pixels.line_map.shape[::-1], Image.Resampling.BOX))
    measured = []
    for number, line in enumerate(pixels.lines):
        check_time()
        x1, y1, x2, y2 = line.box
        own = pixels.line_map[y1:y2, x1:x2] == number + 1
        measured.append(measure_line(line, ink[y1:y2, x1:x2], own))
    return measured


def _to_upright(pixels: PagePixels, line: Line) -> Line:
    """Working px to px of the upright picture."""
    return replace(
        line,
        box=pixels.upright_box(line.box),
        baseline_px=line.baseline_px / pixels.scale,
        em_px=line.em_px / pixels.scale,
        bullet_px=line.bullet_px / pixels.scale,
        stacks=tuple(pixels.upright_box(stack) for stack in line.stacks),
    )
