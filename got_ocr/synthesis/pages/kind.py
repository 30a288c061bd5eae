"""Plain pages and slices of pages: a picture, and the lines on it as they are printed."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from got_ocr.processing.mode import Mode
from got_ocr.processing.prompt import instruction
from got_ocr.synthesis.degradation.degradations import degrade_share
from got_ocr.synthesis.pages.drawing import Box, PageDrawing, TextLine, draw_page
from got_ocr.synthesis.resources import Resources
from got_ocr.synthesis.sample import Sample, Turn
from got_ocr.synthesis.text.typesetting import union

# Cutting a page where lines touch is given up after so many places, and another page is drawn.
_PLACES_A_PAGE = 12
_PAGES_A_SLICE = 40
# A slice goes over a picture between lines, not over an empty half page.
_WIDEST_GAP_EM = 17.0


class PlainPages:
    """Whole pages, clean or degraded; the answer has a line for every printed line, in reading order."""

    def __init__(self, resources: Resources) -> None:
        """Keep what to draw with.

        Args:
            resources: fonts, text, language and degradations.
        """
        self.resources = resources

    def draw(self, rng: np.random.Generator) -> Sample:
        """Draw a page.

        Args:
            rng: the only source of chance.

        Returns:
            A sample with the instruction `OCR: `; `source` has each line's box in the page before it was degraded
            (only `skew` moves it, by the angle given there).
        """
        page = draw_page(rng, self.resources)
        image, applied = degrade_share(page.image, rng, self.resources.degradations)
        source = {**_facts(page), "lines": _lines(page.all_lines()), "degradations": applied, "redrawn": 0}
        return Sample("pages", (image,), (Turn(instruction(Mode("ocr")), page.text),), source)


class PageSlices:
    """Bands of some lines and columns, cut out of pages where no ink is cut."""

    def __init__(self, resources: Resources) -> None:
        """Keep what to draw with.

        Args:
            resources: fonts, text, language and degradations.
        """
        self.resources = resources

    def draw(self, rng: np.random.Generator) -> Sample:
        """Draw a page and cut a slice.

        Args:
            rng: the only source of chance.

        Returns:
            A sample with the instruction `OCR: `; `source` has each line's box in the slice before it was degraded,
            and counts in `redrawn` the pages that had no place to cut.
        """
        for redrawn in range(_PAGES_A_SLICE):
            page = draw_page(rng, self.resources, max_characters=int(rng.integers(120, 1600)))
            found = find_slice(rng, page)
            if found is None:
                continue
            lines, box = found
            image, applied = degrade_share(page.image.crop(box), rng, self.resources.degradations)
            source = {
                **_facts(page),
                "slice": list(box),
                "lines": _lines([_move(line, -box[0], -box[1]) for line in lines]),
                "degradations": applied,
                "redrawn": redrawn,
            }
            answer = "\n".join(line.text for line in lines)
            return Sample("slices", (image,), (Turn(instruction(Mode("ocr")), answer),), source)
        raise ValueError(
            f"none of {_PAGES_A_SLICE} pages has two lines that don't touch: name other fonts (`font_families`)"
        )


def find_slice(
    rng: np.random.Generator, page: PageDrawing
) -> tuple[tuple[TextLine, ...], tuple[int, int, int, int]] | None:
    """Choose lines that stand below each other, and a box that holds them whole and nothing of any other.

    Args:
        rng: decides.
        page: what to cut from.

    Returns:
        The lines in reading order and the box (x1, y1, x2, y2) in px; None where none of the places tried will do.
    """
    lines = page.all_lines()
    for _ in range(_PLACES_A_PAGE):
        start = int(rng.integers(len(lines)))
        wanted = len(lines) if rng.random() < 0.12 else 1 + int(rng.geometric(0.22))
        end = start + 1
        widest = _WIDEST_GAP_EM * page.body_px
        while end < min(len(lines), start + wanted) and _is_below(lines[end - 1].box, lines[end].box, widest):
            end += 1
        chosen = lines[start:end]
        inner = union(line.box for line in chosen)
        others = [line.box for line in (*lines[:start], *lines[end:])]
        others += [box for box in page.decorations if not _contains(inner, box)]
        if any(_overlap(inner, other) for other in others):
            continue
        margins = rng.uniform(0.15, 1.2, 4) * page.body_px
        return tuple(chosen), _grow(inner, margins.tolist(), others, page.image.size)
    return None


def _grow(
    inner: Box, margins: Sequence[float], others: Sequence[Box], size: tuple[int, int]
) -> tuple[int, int, int, int]:
    """Put white space around a box, as far as nothing else begins: first above and below, then at the sides."""
    x1, y1, x2, y2 = inner
    beside = [box for box in others if box[0] < x2 and box[2] > x1]
    top = max([y1 - margins[1], 0.0, *(box[3] for box in beside if box[3] <= y1)])
    bottom = min([y2 + margins[3], float(size[1]), *(box[1] for box in beside if box[1] >= y2)])
    level = [box for box in others if box[1] < bottom and box[3] > top]
    left = max([x1 - margins[0], 0.0, *(box[2] for box in level if box[2] <= x1)])
    right = min([x2 + margins[2], float(size[0]), *(box[0] for box in level if box[0] >= x2)])
    return (
        min(int(np.ceil(left)), int(x1)),
        min(int(np.ceil(top)), int(y1)),
        max(int(right), int(np.ceil(x2))),
        max(int(bottom), int(np.ceil(y2))),
    )


def _is_below(upper: Box, lower: Box, widest_gap_px: float) -> bool:
    return lower[1] > upper[1] and lower[3] > upper[3] and lower[1] - upper[3] <= widest_gap_px


def _overlap(one: Box, other: Box) -> bool:
    """Whether they share a pixel; boxes in half pixels (of a supersampled page) are rounded outwards."""
    return bool(
        np.floor(one[0]) < np.ceil(other[2])
        and np.floor(other[0]) < np.ceil(one[2])
        and np.floor(one[1]) < np.ceil(other[3])
        and np.floor(other[1]) < np.ceil(one[3])
    )


def _contains(outer: Box, inner: Box) -> bool:
    return outer[0] <= inner[0] and outer[1] <= inner[1] and outer[2] >= inner[2] and outer[3] >= inner[3]


def _move(line: TextLine, x_px: float, y_px: float) -> TextLine:
    x1, y1, x2, y2 = line.box
    return TextLine(line.text, (x1 + x_px, y1 + y_px, x2 + x_px, y2 + y_px), line.end)


def _facts(page: PageDrawing) -> dict[str, Any]:
    return {
        "layout": page.layout,
        "dpi": round(page.dpi, 1),
        "body_px": page.body_px,
        "faces": list(page.faces),
        "text": page.text,
    }


def _lines(lines: Sequence[TextLine]) -> list[dict[str, Any]]:
    return [{"text": line.text, "box": [round(value, 1) for value in line.box]} for line in lines]
