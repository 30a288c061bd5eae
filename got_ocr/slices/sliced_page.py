"""A page cut into slices, and where each piece of them comes from."""

from dataclasses import dataclass

from PIL import Image

from ..configuration.slicing import SlicingOptions
from ..layout.line import Box
from ..layout.page import PageLayout, PagePixels


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
    box: Box
    slice_box: Box


@dataclass(frozen=True)
class SlicedPage:
    """A picture cut into slices.

    Attributes:
        slices: RGB pictures as wide as the canvas and as high, or lower where the options say so.
        pieces: in reading order; a slice's pieces stand on it from top to bottom.
        layout: of the picture.
        natural: whether the one slice is the picture in its own layout, whose answer is taken as it is.
        options: what it was cut with.
        pixels: what it was cut from; None for a page that is shown as it is.
    """

    slices: list[Image.Image]
    pieces: list[Piece]
    layout: PageLayout
    natural: bool
    options: SlicingOptions
    pixels: PagePixels | None = None

    def pieces_of(self, number: int) -> list[Piece]:
        """The pieces on a slice, from top to bottom."""
        return [piece for piece in self.pieces if piece.slice_index == number]

    def is_cell(self, piece: Piece) -> bool:
        """Whether a piece belongs to a table. Args: piece: of the page. Returns: whether it does."""
        return self.layout.upright_lines[piece.line].table >= 0

    def show_alone(self, piece: Piece) -> Image.Image:
        """Show one piece of a slice without the others.

        Args:
            piece: of this page.

        Returns:
            (H, W) RGB: a slice of the lowest height that holds it.
        """
        picture = self.slices[piece.slice_index]
        _, y1, _, y2 = piece.slice_box
        top_px = min(y1, self.options.margin_px)
        needed = top_px + y2 - y1
        height = next((height for height in self.options.canvas_heights_px if height >= needed), picture.width)
        alone = Image.new("RGB", (picture.width, height), "white")
        alone.paste(picture.crop((0, y1, picture.width, y2)), (0, top_px))
        return alone

    @property
    def line_boxes(self) -> list[Box]:
        """(x1, y1, x2, y2) of each line in the upright picture, in px."""
        return [line.box for line in self.layout.upright_lines]

    @property
    def line_blocks(self) -> list[int]:
        """Number of each line's block."""
        return [line.block for line in self.layout.upright_lines]

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the upright picture in px."""
        return self.layout.size

    @property
    def skew_degrees(self) -> float:
        """By how much its lines fell to the right."""
        return self.layout.skew_degrees

    @property
    def rotation(self) -> int:
        """Degrees clockwise by which the picture was turned before it was levelled."""
        return self.layout.rotation

    @property
    def is_sideways(self) -> bool:
        """Whether the lines of the picture, so turned, seem to run up or down all the same."""
        return self.layout.is_sideways

    def corners(self, box: Box) -> list[tuple[float, float]]:
        """Corners of a box of the upright picture in the picture given, as `PageLayout.corners` finds them."""
        return self.layout.corners(box)
