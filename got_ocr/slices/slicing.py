"""Cut pictures and pages into slices that a small checkpoint can read.

A checkpoint that reads a few lines of one text size gets every line of the page at that size: lines are found, scaled,
cut between words into pieces as wide as the model's canvas, and a few pieces are stacked on each slice.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from PIL import Image

from ..configuration.slicing import TEXT_HEIGHTS_PX, SlicingOptions
from ..layout.orientation import turn_clockwise
from ..layout.page import PageLayout, PagePixels, analyse_page
from ..layout.time_limit import check_time
from .packing import Packer, choose_scales, measure_gaps
from .sliced_page import Piece, SlicedPage
from .thresholds import Canvas, Natural


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
    if room_px < Canvas.LEAST_ROOM_EM * options.text_height_px:
        raise ValueError(
            f"a canvas of {canvas_size} px has no room for text of {options.text_height_px} px within margins of "
            f"{options.margin_px} px: use a larger canvas or smaller slicing options."
        )
    if options.canvas_heights_px and options.canvas_heights_px[-1] > canvas_size:
        raise ValueError(
            f"slicing option canvas_heights_px must be heights of at most the canvas's {canvas_size} px, got "
            f"{list(options.canvas_heights_px)}."
        )
    found = analyse_page(image, rotation, structured=formatted, keep_pixels=True)
    pixels, layout = found.pixels, replace(found, pixels=None)
    if pixels is None:
        raise ValueError("the layout was made without its pixels.")
    if _fits_as_it_is(layout, pixels, options, canvas_size):
        return _show_as_it_is(turn_clockwise(image, rotation), layout, options, canvas_size)
    packer = _pack(layout, pixels, options, canvas_size, range(len(pixels.lines)))
    return SlicedPage(packer.slices, packer.pieces, layout, False, options, pixels)


def slice_lines(page: SlicedPage, numbers: Sequence[int], size: float) -> SlicedPage:
    """Cut some of a page's lines once more, larger or smaller.

    Args:
        page: of `slice_page`, not shown as it is.
        numbers: of the lines, in order.
        size: their text height on the slices, to the page's, within what options allow.

    Returns:
        The same page with slices and pieces of these lines only.

    Raises:
        ValueError: The page is shown as it is.
    """
    if page.pixels is None:
        raise ValueError("a page that is shown as it is has no lines to cut once more.")
    least, most = TEXT_HEIGHTS_PX
    usual_px, low_px = (
        min(max(size * height, least), most)
        for height in (page.options.text_height_px, page.options.min_text_height_px)
    )
    options = replace(page.options, text_height_px=usual_px, min_text_height_px=low_px)
    packer = _pack(page.layout, page.pixels, options, page.slices[0].width, numbers)
    return replace(page, slices=packer.slices, pieces=packer.pieces, options=options)


def _pack(
    layout: PageLayout, pixels: PagePixels, options: SlicingOptions, canvas_size: int, numbers: Sequence[int]
) -> Packer:
    """Put lines on slices. Returns: what did so."""
    packer = Packer(pixels, options, canvas_size)
    scales = choose_scales(pixels.lines, options, canvas_size - 2 * options.margin_px)
    for number in numbers:
        check_time()
        line, upright = pixels.lines[number], layout.upright_lines[number]
        if upright.is_dot:
            line = replace(line, box=(round(upright.bullet_px * pixels.scale), *line.box[1:]))
        packer.add_line(number, line, scales[number])
    packer.close()
    return packer


def _fits_as_it_is(layout: PageLayout, pixels: PagePixels, options: SlicingOptions, canvas_size: int) -> bool:
    """Whether a picture is already what a slice looks like: small, with few lines of the right size in one column."""
    lines = pixels.lines
    if not (
        options.keep_natural
        and lines
        and max(layout.size) <= canvas_size
        and not (layout.skew_degrees or layout.slope)
    ):
        return False
    sizes = np.array([line.em_px for line in lines]) / pixels.scale
    stacked = all(below.box[1] > above.baseline_px - above.em_px for above, below in pairwise(lines))
    low, high = (size * options.text_height_px for size in Natural.SIZES)
    few = options.rows == 0 or len(lines) <= options.rows
    gaps = any(measure_gaps(pixels, number, line)[1].any() for number, line in enumerate(lines))
    return bool(few and stacked and not gaps and sizes.min() >= low and sizes.max() <= high)


def _show_as_it_is(image: Image.Image, layout: PageLayout, options: SlicingOptions, canvas_size: int) -> SlicedPage:
    """Show a small picture as it is, on a canvas of its own paper."""
    picture = image.convert("RGB")
    edge = np.asarray(picture).reshape(-1, 3)
    canvas = Image.new("RGB", (canvas_size, canvas_size), tuple(np.median(edge, 0).astype(int).tolist()))
    canvas.paste(picture, (0, 0))
    pieces = [Piece(0, number, False, line.box, line.box) for number, line in enumerate(layout.upright_lines)]
    return SlicedPage([canvas], pieces, layout, True, options)
