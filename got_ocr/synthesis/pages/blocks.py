"""What a drawn page is: its picture, and its text in blocks and lines with their boxes."""

from dataclasses import dataclass

from PIL import Image

from got_ocr.synthesis.text.typesetting import END, HYPHEN, SPACE, union

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class TextLine:
    """A printed line.

    Attributes:
        text: what it reads.
        box: (x1, y1, x2, y2) in px of the picture, just around its ink.
        end: how running text goes on after it: `space`, `hyphen` (the hyphen was put in), `nothing`, `end`.
    """

    text: str
    box: Box
    end: str = END


@dataclass(frozen=True)
class TextBlock:
    """Lines that belong together.

    Attributes:
        kind: `title`, `byline`, `heading`, `paragraph`, `list`, `quote`, `caption`, `footnote`, `header`, `footer`.
        lines: at least one, from the top down.
        is_continued: whether the next block of its kind goes on with its last paragraph.
    """

    kind: str
    lines: tuple[TextLine, ...]
    is_continued: bool = False

    @property
    def box(self) -> Box:
        """The box around all lines."""
        return union(line.box for line in self.lines)

    @property
    def text(self) -> str:
        """Its lines as printed, joined by newlines."""
        return "\n".join(line.text for line in self.lines)

    @property
    def flowing_text(self) -> str:
        """Its text without the line breaks and hyphens of the page; a newline parts paragraphs or list items."""
        text = ""
        for line in self.lines:
            text += line.text[:-1] if line.end == HYPHEN else line.text
            text += {SPACE: " ", END: "\n"}.get(line.end, "")
        return text.strip()


@dataclass(frozen=True)
class PageDrawing:
    """A clean page and what it says.

    Attributes:
        image: RGB, not degraded.
        blocks: in reading order.
        faces: `family style` of the fonts used.
        layout: one of `got_ocr.synthesis.pages.drawing.LAYOUTS`.
        dpi: dots an inch.
        body_px: em size of running text in px of the picture.
        decorations: boxes of rules and pictures, which are not text.
    """

    image: Image.Image
    blocks: tuple[TextBlock, ...]
    faces: tuple[str, ...]
    layout: str
    dpi: float
    body_px: float
    decorations: tuple[Box, ...] = ()

    @property
    def text(self) -> str:
        """The truth of the plain mode: a line for every printed line, blocks in reading order."""
        return "\n".join(block.text for block in self.blocks)

    def all_lines(self) -> list[TextLine]:
        """List the printed lines.

        Returns:
            The lines of all blocks, in reading order.
        """
        return [line for block in self.blocks for line in block.lines]
