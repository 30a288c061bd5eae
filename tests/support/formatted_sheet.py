"""Pages of headings, paragraphs, lists and tables, and the Mathpix Markdown of what stands on them."""

import random
import sys
from pathlib import Path

from PIL import ImageFont

from got_ocr.configuration.slicing import SlicingOptions
from got_ocr.slices.slicing import slice_page
from got_ocr.slices.structure import join_formatted

sys.path.insert(0, str(Path(__file__).parents[2] / "processing" / "benchmarks"))
from truth_pages import WORDS, PageWriter, find_fonts, perfect_reading

CANVAS = 192
OPTIONS = SlicingOptions(keep_natural=False)
FONTS = dict(
    zip(
        ("regular", "bold"),
        [*find_fonts(("DejaVuSerif.ttf",)), *find_fonts(("DejaVuSerif-Bold.ttf",))],
        strict=False,
    )
)
SIZE = 20


def font(size: int = SIZE, face: str = "regular") -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FONTS[face]), size)


def prose(seed: int, words: int) -> list[str]:
    """Words of a sentence."""
    rng = random.Random(seed)
    drawn = [rng.choice(WORDS[:100]) for _ in range(words)]
    return [drawn[0].capitalize(), *drawn[1:-1], drawn[-1].strip(".,") + "."]


class Sheet:
    """A page that is written from top to bottom, and the Mathpix Markdown of what stands on it."""

    def __init__(self, width: int = 820, height: int = 1000) -> None:
        self.writer = PageWriter(width, height)
        self.y = 60.0
        self.pieces: list[str] = []

    def lines(
        self, words: list[str], x: float, width: float, face: ImageFont.FreeTypeFont, indent: float = 0.0
    ) -> str:
        """Write words on as many lines as they need."""
        row: list[str] = []
        left = x + indent
        for word in [*words, ""]:
            if row and (not word or face.getlength(" ".join([*row, word])) > width - left + x):
                self.writer.line(left, self.y, " ".join(row), face)
                self.y += 1.35 * face.size
                row, left = [], x
            row.append(word)
        return " ".join(words)

    def heading(self, text: str, size: int = 26, command: str = "section*") -> None:
        """Write a heading in bold."""
        self.y += 0.9 * size
        self.lines(text.split(), 60, 700, font(size, "bold"))
        self.y += 0.35 * size
        self.pieces.append(f"\\{command}{{{text}}}")

    def paragraph(self, seed: int, words: int = 60, indent: float = 0.0, gap: float = 14.0) -> None:
        """Write a paragraph."""
        self.pieces.append(self.lines(prose(seed, words), 60, 700, font(), indent))
        self.y += gap

    def items(self, marks: list[str], seed: int) -> None:
        """Write a list, its items of two or three lines hanging."""
        written = []
        for number, mark in enumerate(marks):
            if mark == "•":
                radius = 0.16 * SIZE
                middle = self.y - 0.3 * SIZE
                box = (84 - radius, middle - radius, 84 + radius, middle + radius)
                self.writer.draw.ellipse(box, fill=0)
                text = self.lines(prose(seed + number, 18 + 7 * number), 104, 640, font())
                written.append(f"- {text}")
            else:
                text = self.lines([mark, *prose(seed + number, 24)], 70, 640, font())
                written.append(text)
        self.pieces.append("\n".join(written))
        self.y += 14

    def table(self, rows: list[list[str]], widths: list[int], ruled: bool, head: bool = True) -> None:
        """Draw a table: numbers to the right, words to the left; all rules, or those of booktabs."""
        left, pitch = 120.0, 36
        edges = [left + sum(widths[:number]) for number in range(len(widths) + 1)]
        top = self.y - 10
        levels = range(len(rows) + 1) if ruled else [0, *([1] if head else []), len(rows)]
        for level in levels:
            self.writer.draw.line((left, top + pitch * level, edges[-1], top + pitch * level), fill=0, width=2)
        for x in edges if ruled else []:
            self.writer.draw.line((x, top, x, top + pitch * len(rows)), fill=0, width=2)
        for number, row in enumerate(rows):
            for column, text in enumerate(row):
                x = edges[column] + 12.0
                if column:
                    x = edges[column + 1] - 12 - font().getlength(text)
                if text:
                    self.writer.line(x, top + pitch * number + 25, text, font())
        spec = "l" + "r" * (len(widths) - 1)
        source = [f"\\begin{{tabular}}{{{'|' + '|'.join(spec) + '|' if ruled else spec}}}"]
        for number, row in enumerate(rows):
            source += ["\\hline"] * (number in levels)
            cells = [text.replace("%", "\\%").replace("$", "\\$") for text in row]
            source.append(" & ".join(cells).strip().replace("  ", " ") + " \\\\")
        self.pieces.append("\n".join([*source, "\\hline", "\\end{tabular}"]))
        self.y = top + pitch * len(rows) + 44

    def read(self) -> str:
        sliced = slice_page(self.writer.page.image.convert("RGB"), OPTIONS, CANVAS, formatted=True)
        return join_formatted(sliced, perfect_reading(self.writer.page, sliced))

    @property
    def truth(self) -> str:
        return "\n\n".join(self.pieces)
