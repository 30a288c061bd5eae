"""Stack pieces of a page's lines on canvases."""

import numpy as np
from PIL import Image, ImageChops

from ..configuration.slicing import (
    FIRST_BASELINE_EM,
    PIECE_PADDING_EM,
    PIECE_PADDING_PX,
    ROW_PITCH_EM,
    SlicingOptions,
)
from ..layout.line import Box, Line
from ..layout.page import PagePixels
from .pieces import cut_line, find_spare_columns
from .sliced_page import Piece
from .thresholds import Canvas, Scaling


def choose_scales(lines: tuple[Line, ...], options: SlicingOptions, room_px: float) -> list[float]:
    """Choose the scale of each line; lines of a block that agree on their size share it.

    Args:
        lines: in working px.
        options: how to cut.
        room_px: width of the canvas between its margins.

    Returns:
        Canvas px to a working px.
    """
    scales = []
    em = np.array([line.em_px for line in lines])
    block = np.array([line.block for line in lines])
    for line in lines:
        alike = (block == line.block) & (np.abs(em / line.em_px - 1) < Scaling.ALIKE)
        usual = scale = options.text_height_px / float(np.median(em[alike]))
        width = line.width_px + 2
        if width * scale > room_px:
            scale = max(min(scale, room_px / width), scale * options.min_text_height_px / options.text_height_px)
            if width * scale > room_px * Scaling.TOLERANCE:
                scale = usual
        scales.append(scale)
    return scales


def measure_gaps(pixels: PagePixels, number: int, line: Line, step: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Measure a line's ink, column by column.

    Args:
        pixels: of the page.
        number: of the line.
        line: in working px.
        step: of `find_spare_columns`.

    Returns:
        (n,) px of ink in each column; (n,) bool, which columns of wide gaps can be left out.
    """
    x1, y1, x2, y2 = line.box
    profile = (pixels.line_map[y1:y2, x1:x2] == number + 1).sum(0)
    return profile, find_spare_columns(profile, line.em_px, step)


class Packer:
    """Stacks pieces of lines on canvases.

    Args:
        pixels: of the page.
        options: how to cut it.
        canvas_size: side of the model's input in px.
    """

    def __init__(self, pixels: PagePixels, options: SlicingOptions, canvas_size: int) -> None:
        self.pixels = pixels
        self.options = options
        self.canvas_size = canvas_size
        self.slices: list[Image.Image] = []
        self.pieces: list[Piece] = []
        self.canvas: Image.Image | None = None
        self.rows = 0
        self.bottom_px = 0
        self.baseline_px = 0.0

    def add_line(self, number: int, line: Line, scale: float) -> None:
        """Cut a line and put its pieces on canvases."""
        if self.full:
            return
        ink, box = self._line_ink(number, line)
        step = max(1, round(self.pixels.scale))
        profile, spare = measure_gaps(self.pixels, number, line, step)
        # Columns of the line that are drawn, and where they stand in the page.
        columns = line.box[0] + np.flatnonzero(~spare)
        ink, box = _remove_columns(ink, box, line.box[0] + np.flatnonzero(spare), self.pixels.scale)
        # The padding of both ends is part of a piece's width.
        room = (self.canvas_size - 2 * self.options.margin_px) / scale - 2 * Canvas.END_PADDING_PX
        widest = room * self.options.text_height_px / self.options.min_text_height_px
        pieces = cut_line(profile[~spare], 0, line.em_px, room, widest)
        # No ink of the next part of a broken word is shown behind a piece.
        goes_on = [joined for _, _, joined in pieces[1:]] + [False]
        for (start, stop, joined), is_broken in zip(pieces, goes_on, strict=True):
            place = int(columns[start]), int(columns[stop - 1]) + 1
            left = 0 if joined else Canvas.END_PADDING_PX
            right = 0 if is_broken else Canvas.END_PADDING_PX
            span = line.box[0] + start - left, line.box[0] + stop + right, joined
            self._place(number, line, scale, ink, box, span, place)

    def close(self) -> None:
        """Finish the last slice."""
        if self.canvas is not None:
            height = _needed_height(self.canvas, self.options)
            self.slices.append(ImageChops.invert(self.canvas.crop((0, 0, self.canvas_size, height))).convert("RGB"))
        self.canvas = None

    @property
    def full(self) -> bool:
        """Whether there is room for no more slices."""
        return len(self.slices) >= self.options.max_slices

    def _line_ink(self, number: int, line: Line) -> tuple[Image.Image, Box]:
        """Cut the line's ink out of the page, without its neighbours' and without dirt.

        Returns:
            The ink of the line's box and a margin around it, and that place in working px.
        """
        pixels = self.pixels
        pad = PIECE_PADDING_PX + round(PIECE_PADDING_EM * line.em_px)
        x1, y1 = max(line.box[0] - pad, 0), max(line.box[1] - pad, 0)
        x2, y2 = min(line.box[2] + pad, pixels.mask.shape[1]), min(line.box[3] + pad, pixels.mask.shape[0])
        crop = pixels.ink.crop(pixels.upright_box((x1, y1, x2, y2)))
        own = pixels.line_map[y1:y2, x1:x2] == number + 1
        foreign = pixels.mask[y1:y2, x1:x2] & ~own
        if foreign.any():
            foreign = _grow(foreign, Canvas.FOREIGN_REACH_PX) & ~_grow(own, Canvas.OWN_REACH_PX)
        if pixels.is_crop:  # What stands around the letters of a sign is no paper.
            foreign = ~_grow(own, Canvas.FOREIGN_REACH_PX)
        if foreign.any():
            crop.paste(0, mask=Image.fromarray(foreign).resize(crop.size, Image.Resampling.NEAREST))
        seen = np.asarray(crop.resize(own.shape[::-1], Image.Resampling.NEAREST))[own]
        level = float(np.percentile(seen, Canvas.INK_PERCENT))
        gain = min(Canvas.INK_LEVEL / max(level, 1.0), Canvas.MOST_GAIN)
        is_small = line.em_px < Canvas.SMALL_EM_PX * pixels.scale
        levels = np.minimum(np.arange(256) * gain / 255.0, 1.0) ** (Canvas.SMALL_GAMMA if is_small else 1.0)
        brightened = np.rint(255.0 * levels).astype(np.uint8)
        return Image.fromarray(brightened[np.asarray(crop)]), (x1, y1, x2, y2)

    def _place(
        self,
        number: int,
        line: Line,
        scale: float,
        ink: Image.Image,
        box: Box,
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
            span: (x1, x2, joined) of the piece in that, white beside it included.
            place: (x1, x2) of the piece on the page, in working px.
        """
        options, pixels = self.options, self.pixels
        start, stop, joined = span
        x1, y1, x2, y2 = box
        left, right = max(start, x1), min(stop, x2)
        scale = min(scale, (self.canvas_size - 2 * options.margin_px) / max(y2 - y1, right - left))
        size = max(1, round((right - left) * scale)), max(1, round((y2 - y1) * scale))
        part = (left - x1) / pixels.scale, 0.0, min((right - x1) / pixels.scale, ink.width), float(ink.height)
        piece = ink.resize(size, Image.Resampling.LANCZOS, box=part)
        rise_px = (line.baseline_px - y1) * scale
        top_px = self._row_top(rise_px)
        is_full = top_px + size[1] > self.canvas_size - Canvas.BOTTOM_PX
        if self.canvas is None or self.rows == options.rows > 0 or is_full:
            self.close()
            if self.full:
                return
            self.canvas = Image.new("L", (self.canvas_size, self.canvas_size), 0)
            self.rows, self.bottom_px, self.baseline_px = 0, 0, 0.0
            top_px = self._row_top(rise_px)
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
                pixels.upright_box((place[0], line.box[1], place[1], line.box[3])),
                _at(options.margin_px, top_px, size),
            )
        )

    def _row_top(self, rise_px: float) -> int:
        """Where the next piece begins, so that baselines stand evenly unless a piece is higher than usual."""
        options = self.options
        em_px = options.text_height_px
        if not self.rows:
            return max(round(options.margin_px + FIRST_BASELINE_EM * em_px - rise_px), Canvas.TOP_PX)
        even = self.baseline_px + ROW_PITCH_EM * em_px - rise_px
        return max(round(even), self.bottom_px + options.row_gap_px - Canvas.OVERLAP_PX)


def _needed_height(canvas: Image.Image, options: SlicingOptions) -> int:
    """The height to show of a canvas of ink, so that nothing of its pieces is lost."""
    visible = np.flatnonzero((np.asarray(canvas) >= Canvas.VISIBLE_INK).any(axis=1))
    needed = 0 if not len(visible) else int(visible[-1]) + 1 + Canvas.LOW_MARGIN_PX
    return next((height for height in options.canvas_heights_px if height >= needed), canvas.height)


def _remove_columns(ink: Image.Image, box: Box, columns: np.ndarray, scale: float) -> tuple[Image.Image, Box]:
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


def _at(x: int, y: int, size: tuple[int, int]) -> Box:
    return x, y, x + size[0], y + size[1]


def _grow(mask: np.ndarray, size: int) -> np.ndarray:
    """Dilate a mask by a square of odd size: along its rows, then along its columns."""
    for _ in range(2):
        mask, narrow = mask.T.copy(), mask.T
        for reach in range(1, size // 2 + 1):
            mask[reach:] |= narrow[:-reach]
            mask[:-reach] |= narrow[reach:]
    return mask
