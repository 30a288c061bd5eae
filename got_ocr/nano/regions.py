"""Parts of a page to ask for: a block, or lines of one, in a box or a coloured frame as a person would draw it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from got_ocr.slices.region import FRAME_RGB
from got_ocr.synthesis.pages.drawing import PageDrawing, TextLine

LINES_SHARE = 0.35  # of the regions that are some lines of a block; the others are whole blocks
MOST_MARGIN = 0.6  # of a line's height, between the text and the box

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Region:
    """A part of a page.

    Attributes:
        image: the page, with the frame if there is one.
        text: what stands inside, line by line.
        box: (x1, y1, x2, y2) in px, the frame not included.
        color: of the frame, or empty.
        facts: JSON-ready.
    """

    image: Image.Image
    text: str
    box: tuple[int, int, int, int]
    color: str
    facts: dict[str, Any]


def draw_region(rng: np.random.Generator, page: PageDrawing, color: str = "") -> Region:
    """Choose a part of a page that has white space around it, and frame it if a colour is given.

    Args:
        rng: decides the part, and how wide the box is drawn.
        page: with at least one line.
        color: `red`, `green` or `blue` for a frame, which may touch no text; empty for a box in numbers.

    Returns:
        The region. Its box keeps clear of the text around it.
    """
    blocks = [block for block in page.blocks if block.lines]
    lines = [line for block in blocks for line in block.lines]
    drawn = list(page.decorations)
    for block_number in rng.permutation(len(blocks)).tolist():
        own = list(blocks[block_number].lines)
        kind = "block"
        if len(own) > 2 and rng.random() < LINES_SHARE:
            first = int(rng.integers(0, len(own) - 1))
            own, kind = own[first : first + int(rng.integers(1, len(own) - first + 1))], "lines"
        inner = _around(own)
        others = [line.box for line in lines if all(line is not mine for mine in own)] + drawn
        room = _room(inner, others, page.image.size)
        thickness = int(rng.integers(2, 5)) if color else 0
        if kind == "block" and color and min(room) < thickness + 2:
            continue
        if kind == "lines" and color:
            # Between the lines of a block there is no room for a frame.
            own, kind = list(blocks[block_number].lines), "block"
            inner = _around(own)
            others = [line.box for line in lines if all(line is not mine for mine in own)] + drawn
            room = _room(inner, others, page.image.size)
            if min(room) < thickness + 2:
                continue
        return _make_region(rng, page.image, own, inner, room, color, thickness, kind)
    # A page without a free block: all of it.
    inner = _around(lines)
    return _make_region(rng, page.image, lines, inner, _room(inner, [], page.image.size), color, 2, "page")


def _make_region(
    rng: np.random.Generator,
    image: Image.Image,
    lines: Sequence[TextLine],
    inner: Box,
    room: tuple[float, float, float, float],
    color: str,
    thickness: int,
    kind: str,
) -> Region:
    height = float(np.median([line.box[3] - line.box[1] for line in lines]))
    # Each side stands off by its own margin, as drawn by hand; half of the room at most.
    margins = []
    for side in room:
        most = min(MOST_MARGIN * height, (side - thickness) * 0.5)
        least = min(1.0 if color else 0.0, most)
        margins.append(float(rng.uniform(least, max(least, most))))
    x1, y1 = int(np.floor(inner[0] - margins[0])), int(np.floor(inner[1] - margins[1]))
    x2, y2 = int(np.ceil(inner[2] + margins[2])), int(np.ceil(inner[3] + margins[3]))
    box = (max(x1, 0), max(y1, 0), min(x2, image.width), min(y2, image.height))
    if color:
        image = image.copy()
        around = (box[0] - thickness, box[1] - thickness, box[2] + thickness - 1, box[3] + thickness - 1)
        ImageDraw.Draw(image).rectangle(around, outline=FRAME_RGB[color], width=thickness)
    facts = {"region": kind, "region_lines": len(lines), "box": list(box)}
    return Region(image, "\n".join(line.text for line in lines), box, color, facts)


def _around(lines: Sequence[TextLine]) -> Box:
    boxes = np.array([line.box for line in lines])
    x1, y1 = boxes[:, :2].min(0).tolist()
    x2, y2 = boxes[:, 2:].max(0).tolist()
    return x1, y1, x2, y2


def _room(inner: Box, others: Sequence[Box], size: tuple[int, int]) -> tuple[float, float, float, float]:
    """White space to the left, above, to the right and below a box, up to other text or the picture's edge."""
    left, above, right, below = inner[0], inner[1], size[0] - inner[2], size[1] - inner[3]
    for x1, y1, x2, y2 in others:
        gap_x, gap_y = max(x1 - inner[2], inner[0] - x2), max(y1 - inner[3], inner[1] - y2)
        # A corner neighbour bounds that side on which it is farther off.
        if gap_x >= gap_y:
            left = min(left, gap_x) if x2 <= inner[0] + 1 else left
            right = min(right, gap_x) if x1 >= inner[2] - 1 else right
        else:
            above = min(above, gap_y) if y2 <= inner[1] + (inner[3] - inner[1]) / 2 else above
            below = min(below, gap_y) if y1 >= inner[1] + (inner[3] - inner[1]) / 2 else below
    return left, above, right, below
