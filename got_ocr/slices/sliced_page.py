"""A page cut into slices: how to cut it, where its pieces come from, and how their texts become the page's again."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from PIL import Image

from ..layout.line_facts import PageLayout
from ..layout.orientation import turned_back
from .pieces import is_broken, spread_text


@dataclass(frozen=True)
class SlicingOptions:
    """How to cut pictures for a checkpoint: the `slicing` of its config.json.

    Attributes:
        text_height_px: font size (em) to scale lines to on the canvas.
        min_text_height_px: a line may be made this small where it then fits without a cut.
        rows: most pieces of text stacked on one slice; 0 stacks as many as fit.
        margin_px: white space around the text of a slice.
        row_gap_px: least white space between two pieces on a slice.
        canvas_heights_px: heights below the canvas's own that a slice may have, from low to high; it gets the lowest
            that holds its pieces. None of them: every slice is a whole canvas.
        keep_natural: show a picture whose text fits one canvas as it is instead of line by line.
        max_slices: most slices made of one picture; what is beyond is left out.
        join_hyphens: whether `exam-` + `ple` at a line's end become one word.
        line_separator: written between the lines of a block.
        block_separator: written between blocks.
    """

    text_height_px: float = 21.0
    min_text_height_px: float = 18.0
    rows: int = 3
    margin_px: int = 8
    row_gap_px: int = 4
    canvas_heights_px: tuple[int, ...] = ()
    keep_natural: bool = True
    max_slices: int = 4096
    join_hyphens: bool = False
    line_separator: str = "\n"
    block_separator: str = "\n\n"

    def __post_init__(self) -> None:
        for name, low, high in (
            ("text_height_px", 4, 512),
            ("min_text_height_px", 4, 512),
            ("rows", 0, 1000),
            ("margin_px", 0, 256),
            ("row_gap_px", 0, 256),
            ("max_slices", 1, 1_000_000),
        ):
            value = getattr(self, name)
            number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
            if not number or not low <= value <= high:
                raise ValueError(f"slicing option {name} must be a number from {low} to {high}, got {value!r}.")
            if not name.startswith(("text", "min")) and value != int(value):
                raise ValueError(f"slicing option {name} must be a whole number, got {value!r}.")
        heights = self.canvas_heights_px
        if (
            not isinstance(heights, tuple)
            or not all(type(height) is int and height > 0 for height in heights)
            or list(heights) != sorted(set(heights))
        ):
            raise ValueError(
                f"slicing option canvas_heights_px must be a list of whole numbers from low to high, got {heights!r}."
            )
        for name in ("keep_natural", "join_hyphens"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"slicing option {name} must be true or false, got {getattr(self, name)!r}.")
        for name in ("line_separator", "block_separator"):
            if not isinstance(getattr(self, name), str):
                raise ValueError(f"slicing option {name} must be a string, got {getattr(self, name)!r}.")
        if self.min_text_height_px > self.text_height_px:
            raise ValueError(
                f"slicing option min_text_height_px ({self.min_text_height_px}) must not be larger than "
                f"text_height_px ({self.text_height_px})."
            )

    @classmethod
    def from_dict(cls, values: "Mapping[str, Any] | SlicingOptions | None") -> "SlicingOptions":
        """Build options from `config.slicing`.

        Args:
            values: fields by name; None and missing fields take the defaults.

        Returns:
            The options.

        Raises:
            ValueError: A field is unknown or its value is not allowed.
        """
        if isinstance(values, cls):
            return values
        if values is None:
            return cls()
        if not isinstance(values, Mapping):
            raise ValueError(f"slicing must be a dictionary of options, got {type(values).__name__}.")
        known = [field.name for field in fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise ValueError(f"unknown slicing options: {', '.join(unknown)}; there are {', '.join(known)}.")
        heights = values.get("canvas_heights_px")
        return cls(**(values if not isinstance(heights, list) else {**values, "canvas_heights_px": tuple(heights)}))


@dataclass(frozen=True)
class Piece:
    """A part of a line, on one row of a slice.

    Attributes:
        slice_index: the slice that shows it.
        line: number of its line.
        joined: whether it continues a word that the piece before it begins.
        box: (x1, y1, x2, y2), where it stands in the upright picture, in px.
        slice_box: where it stands on the slice, in px.
    """

    slice_index: int
    line: int
    joined: bool
    box: tuple[int, int, int, int]
    slice_box: tuple[int, int, int, int]


@dataclass(frozen=True)
class SlicedPage:
    """A picture cut into slices.

    Attributes:
        slices: RGB pictures as wide as the canvas and as high, or lower where the options say so.
        pieces: in reading order; a slice's pieces stand on it from top to bottom.
        line_boxes: (x1, y1, x2, y2) of each line in the upright picture, in px.
        line_blocks: number of each line's block.
        size: (width, height) of the upright picture in px.
        skew_degrees: by how much its lines fell to the right; it was turned about its centre to level them.
        natural: whether the one slice is the picture in its own layout, whose answer is taken as it is.
        options: what it was cut with.
        rotation: degrees clockwise by which the picture was turned before it was levelled.
        sideways: whether the lines of the picture, so turned, seem to run up or down all the same.
        layout: what format mode needs to know of the lines; None of a page that was cut for plain text.
    """

    slices: list[Image.Image]
    pieces: list[Piece]
    line_boxes: list[tuple[int, int, int, int]]
    line_blocks: list[int]
    size: tuple[int, int]
    skew_degrees: float
    natural: bool
    options: SlicingOptions
    rotation: int = 0
    sideways: bool = False
    layout: PageLayout | None = None

    def corners(self, box: tuple[int, int, int, int]) -> list[tuple[float, float]]:
        """Find a box of the upright picture in the picture as it came.

        Args:
            box: of a piece or a line.

        Returns:
            (x, y) of its corners, clockwise from the upper left of its text, in px.
        """
        middle_x, middle_y = self.size[0] / 2, self.size[1] / 2
        sine, cosine = math.sin(math.radians(self.skew_degrees)), math.cos(math.radians(self.skew_degrees))
        x1, y1, x2, y2 = box
        skewed = [
            (
                (x - middle_x) * cosine - (y - middle_y) * sine + middle_x,
                (x - middle_x) * sine + (y - middle_y) * cosine + middle_y,
            )
            for x, y in ((x1, y1), (x2, y1), (x2, y2), (x1, y2))
        ]
        return [turned_back(x, y, self.size, self.rotation) for x, y in skewed]


def spread_slices(page: SlicedPage, texts: Sequence[str]) -> list[str]:
    """Give the slices' texts back to their pieces.

    Args:
        page: of `slice_page`.
        texts: what each slice reads, in the order of `page.slices`.

    Returns:
        A text for each of `page.pieces`.

    Raises:
        ValueError: There is not one text for each slice.
    """
    if len(texts) != len(page.slices):
        raise ValueError(f"there are {len(page.slices)} slices but {len(texts)} texts: give one text for each slice.")
    parts: list[str] = []
    for number, text in enumerate(texts):
        widths = [piece.slice_box[2] - piece.slice_box[0] for piece in page.pieces if piece.slice_index == number]
        parts += spread_text(text, widths)
    return parts


def join_pieces(page: SlicedPage, parts: Sequence[str]) -> list[str]:
    """Join the pieces of each line.

    Args:
        page: of `slice_page`.
        parts: of `spread_slices`.

    Returns:
        A text for each of `page.line_boxes`, empty where nothing was read; words parted by a space.
    """
    lines = [""] * len(page.line_boxes)
    for piece, part in zip(page.pieces, parts, strict=True):
        glue = "" if piece.joined or not lines[piece.line] or not part else " "
        lines[piece.line] += glue + part
    return lines


def join_slices(page: SlicedPage, texts: Sequence[str]) -> str:
    """Put the slices' texts together.

    Args:
        page: of `slice_page`.
        texts: what each slice reads, in the order of `page.slices`.

    Returns:
        The page's text: words parted by a space, lines and blocks by the options' separators.

    Raises:
        ValueError: There is not one text for each slice.
    """
    if page.natural and len(texts) == 1:
        return texts[0].strip()
    options = page.options
    result, block = "", -1
    for line, number in zip(join_pieces(page, spread_slices(page, texts)), page.line_blocks, strict=True):
        if not line:
            continue
        if not result:
            result = line
        elif options.join_hyphens and is_broken(result, line):
            result = result[:-1] + line
        else:
            result += (options.line_separator if number == block else options.block_separator) + line
        block = number
    return result
