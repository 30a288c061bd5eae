"""The boxes of an answer's lines, where a page was read whole: the page's layout, matched with the text."""

import math
import sys
from collections.abc import Sequence
from dataclasses import replace

from PIL import Image

from ..layout.line import Box
from ..layout.page import PageLayout, analyse_page
from ..layout.text_places import PlacedText, place_text
from ..layout.time_limit import OutOfTimeError
from ..processing.mode import Mode
from ..slices.region import find_region
from .answer import GotOcrAnswer, GotOcrLine, make_line


def box_documents(
    answers: Sequence[GotOcrAnswer], documents: Sequence[Sequence[Image.Image]], modes: Sequence[Mode]
) -> list[GotOcrAnswer]:
    """Give the lines of plain answers their boxes.

    Args:
        answers: One a document.
        documents: The pictures that each was read of.
        modes: What was read.

    Returns:
        The answers without tokens, those of one page's plain text with lines as `box_lines` finds them.
    """
    return [_box_document(*each) for each in zip(answers, documents, modes, strict=True)]


def _box_document(answer: GotOcrAnswer, document: Sequence[Image.Image], mode: Mode) -> GotOcrAnswer:
    if mode.is_formatted or mode.instruction or len(document) > 1:
        return replace(answer, tokens=())
    try:
        region = find_region(document[0], mode.box, mode.color) if mode.has_region else None
    except ValueError:  # The model may see a frame that we don't.
        return replace(answer, tokens=())
    return box_lines(answer, document[0], region)


def box_lines(answer: GotOcrAnswer, image: Image.Image, region: Box | None = None) -> GotOcrAnswer:
    """Give the lines of a plain answer the boxes of the lines that are found on the page.

    Args:
        answer: What was read.
        image: Of this picture.
        region: Of this part of it, in px; None for all.

    Returns:
        The answer with lines as they stand on the page, each with its box where that is not doubtful; without
        tokens. As it was but for these where nothing was read, the page has no layout, or its time is over.
    """
    bare = replace(answer, tokens=())
    if not answer.text:
        return bare
    origin = (0, 0) if region is None else region[:2]
    try:
        layout = analyse_page(image if region is None else image.crop(region), keep_pixels=True)
        # What stands on its side is found letter by letter, or not at all.
        placed = [] if layout.is_sideways else place_text(layout, answer.text)
    except (OutOfTimeError, ValueError):  # a picture of a shape that has no layout was read all the same
        return bare
    if all(part.line is None for part in placed):
        return bare
    return replace(bare, lines=lines_of_places(answer, layout, placed, origin))


def lines_of_places(
    answer: GotOcrAnswer, layout: PageLayout, placed: Sequence[PlacedText], origin: tuple[int, int] = (0, 0)
) -> tuple[GotOcrLine, ...]:
    """Make an answer's lines of the parts of its text.

    Args:
        answer: What was read.
        layout: Of the page.
        placed: The parts, in the text's order.
        origin: Where the page's upper left corner lies in the picture, in px.

    Returns:
        A line for each part, with the probabilities of its own tokens; of the line that has it in the answer where
        the engine does not tell tokens.
    """
    lines = []
    for part in placed:
        line = _line_of(answer, part)
        if part.line is not None:
            found = layout.upright_lines[part.line]
            line = replace(line, box=layout.place(found.box, origin), block=found.block)
        lines.append(line)
    return tuple(lines)


def _line_of(answer: GotOcrAnswer, part: PlacedText) -> GotOcrLine:
    """Make a line of a part of the text, as sure as its tokens, or as what is known instead."""
    text = " ".join(answer.text[part.start : part.end].split())
    begins = (0, *(end for end, _ in answer.tokens))
    logs = [
        log for begin, (end, log) in zip(begins, answer.tokens, strict=False) if begin < part.end and end > part.start
    ]
    if logs:
        return make_line(text, logs)
    place = 0
    for line in answer.lines:
        begin = max(answer.text.find(line.text, place), place)
        place = begin + len(line.text)
        if begin <= part.start < place:
            return replace(line, text=text)
    return make_line(text, [math.log(max(answer.mean_probability or 0.0, sys.float_info.min))])
