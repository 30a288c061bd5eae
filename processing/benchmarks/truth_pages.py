"""Pages of text with the truth about every character, for measuring how well slicing finds lines."""

import io
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

FONT_ROOTS = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"))
FONT_FILES = (
    *("DejaVuSans.ttf", "DejaVuSerif.ttf", "DejaVuSansMono.ttf", "LiberationSerif-Regular.ttf"),
    *("LiberationSans-Bold.ttf", "LiberationSerif-Italic.ttf", "Lato-Regular.ttf", "C059-Roman.otf"),
)
WORDS = (  # noqa: SIM905
    "the of and a to in is was he for it with as his on be at by had not are but from or have an they which one you "
    "were her all she there would their we him been has when who will more no if out so said what up its about into "
    "than them can only other new some could time these two may then do first any my now such like our over man me "
    "even most made after also did many before must through years where much your way well down should because each "
    "just those people state good very make world still own see men work long get here between both life being under "
    "never day same another know while last might us great old year off come since against go came right used take "
    "three House Number Question Government Figure Quality, system; program: problem. (during) number-one judged jumpy"
).split()


@dataclass(frozen=True)
class TruthLine:
    """A line that was drawn.

    Attributes:
        text: its words, parted by single spaces.
        boxes: (n, 4) float, (x1, y1, x2, y2) of the ink of each character that isn't a space, in px.
        block: number of its block, in reading order.
    """

    text: str
    boxes: np.ndarray
    block: int


@dataclass
class TruthPage:
    """A picture and the lines on it, in reading order."""

    image: Image.Image
    lines: list[TruthLine] = field(default_factory=list)
    skew_degrees: float = 0.0

    @property
    def text(self) -> str:
        """The lines, blocks parted by a blank line."""
        parts = [self.lines[0].text] if self.lines else []
        for before, line in zip(self.lines, self.lines[1:], strict=False):
            parts.append(("\n" if line.block == before.block else "\n\n") + line.text)
        return "".join(parts)


def find_fonts(names: Sequence[str] = FONT_FILES) -> list[Path]:
    """Look the font files up.

    Args:
        names: file names.

    Returns:
        Those that are installed.
    """
    found = {path.name: path for root in FONT_ROOTS if root.exists() for path in sorted(root.rglob("*.[ot]tf"))}
    return [found[name] for name in names if name in found]


class PageWriter:
    """Draws lines on a page and notes where each character is."""

    def __init__(self, width: int, height: int) -> None:
        self.page = TruthPage(Image.new("L", (width, height), 255))
        self.draw = ImageDraw.Draw(self.page.image)
        self.block = -1

    def line(self, x: float, y: float, text: str, font: ImageFont.FreeTypeFont, space_px: float = 0.0) -> float:
        """Draw a line with its baseline at y; `space_px` is added to each space. Returns its end."""
        boxes = []
        for character in text:
            if character == " ":
                x += font.getlength(" ") + space_px
                continue
            self.draw.text((x, y), character, 0, font=font, anchor="ls")
            boxes.append(self.draw.textbbox((x, y), character, font=font, anchor="ls"))
            x += font.getlength(character)
        self.page.lines.append(TruthLine(text, np.array(boxes, dtype=float), self.block))
        return x

    def paragraph(
        self,
        rng: random.Random,
        x: float,
        y: float,
        width: float,
        count: int,
        font: ImageFont.FreeTypeFont,
        pitch: float = 1.25,
        justified: bool = False,
    ) -> float:
        """Draw a paragraph of `count` lines from the top y. Returns where the next begins."""
        self.block += 1
        baseline = y + font.size * 0.95
        for number in range(count):
            words: list[str] = []
            while True:
                word = rng.choice(WORDS)
                if words and font.getlength(" ".join([*words, word])) > width:
                    break
                words.append(word)
            if number == count - 1 and count > 1:
                words = words[: max(1, len(words) * 2 // 3)]
            spare = width - font.getlength(" ".join(words)) if justified and number < count - 1 else 0.0
            self.line(x, baseline, " ".join(words), font, max(spare, 0.0) / max(len(words) - 1, 1))
            baseline += pitch * font.size
        return baseline - 0.95 * font.size


def running_page(seed: int, font: Path, size_px: int, width: int, height: int, columns: int = 1) -> TruthPage:
    """Draw a heading and paragraphs in columns.

    Args:
        seed: of the words.
        font: the font file.
        size_px: em size of the text; the heading is larger.
        width: of the page in px.
        height: of the page in px.
        columns: of text.

    Returns:
        The page.
    """
    rng = random.Random(seed)
    writer = PageWriter(width, height)
    body, heading = ImageFont.truetype(str(font), size_px), ImageFont.truetype(str(font), round(size_px * 1.7))
    margin = max(10, width // 14)
    y = writer.paragraph(rng, margin, margin, width - 2 * margin, 1, heading) + 0.8 * size_px
    gutter = 2.0 * size_px
    column_width = (width - 2 * margin - (columns - 1) * gutter) / columns
    pitch = rng.choice((1.15, 1.25, 1.4))
    for column in range(columns):
        top = y
        x = margin + column * (column_width + gutter)
        while True:
            room = int((height - margin - top) / (pitch * size_px))
            if room < 1:
                break
            count = min(room, rng.randint(2, 7))
            top = writer.paragraph(rng, x, top, column_width, count, body, pitch, columns > 1) + 0.9 * size_px
    return writer.page


def skewed(page: TruthPage, degrees: float) -> TruthPage:
    """Turn a page so that its lines fall to the right by `degrees`."""
    image = page.image.rotate(-degrees, Image.Resampling.BICUBIC, fillcolor=255)
    return TruthPage(image, page.lines, degrees)


def noisy(page: TruthPage, sigma: float, seed: int = 0) -> TruthPage:
    """Add Gaussian noise and grey ink and paper."""
    pixels = np.asarray(page.image, dtype=np.float32) * (190 / 255) + 40
    pixels += np.random.default_rng(seed).normal(0.0, sigma, pixels.shape).astype(np.float32)
    return TruthPage(Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)), page.lines, page.skew_degrees)


def specked(page: TruthPage, share: float = 0.0005, seed: int = 0) -> TruthPage:
    """Add black specks of one to four pixels."""
    rng = np.random.default_rng(seed)
    pixels = np.array(page.image)
    for _ in range(int(share * pixels.size)):
        y, x = rng.integers(pixels.shape[0]), rng.integers(pixels.shape[1])
        pixels[y : y + rng.integers(1, 3), x : x + rng.integers(1, 3)] = 0
    return TruthPage(Image.fromarray(pixels), page.lines, page.skew_degrees)


def shaded(page: TruthPage) -> TruthPage:
    """Let the light fall off from one corner to the other, to a third."""
    pixels = np.asarray(page.image, dtype=np.float32)
    down, across = np.linspace(0, 1, pixels.shape[0])[:, None], np.linspace(0, 1, pixels.shape[1])[None]
    light = 1.0 - 0.66 * (0.6 * down + 0.4 * across)
    return TruthPage(Image.fromarray((pixels * light).astype(np.uint8)), page.lines, page.skew_degrees)


def blurred(page: TruthPage, radius: float) -> TruthPage:
    """Blur."""
    return TruthPage(page.image.filter(ImageFilter.GaussianBlur(radius)), page.lines, page.skew_degrees)


def inverted(page: TruthPage) -> TruthPage:
    """Light on dark."""
    return TruthPage(page.image.point(lambda value: 255 - value), page.lines, page.skew_degrees)


def compressed(page: TruthPage, quality: int = 30) -> TruthPage:
    """Save as JPEG and open again."""
    buffer = io.BytesIO()
    page.image.save(buffer, "JPEG", quality=quality)
    return TruthPage(Image.open(buffer).convert("L"), page.lines, page.skew_degrees)


DEGRADATIONS: dict[str, Callable[[TruthPage], TruthPage]] = {
    "clean": lambda page: page,
    "skew +2.3": lambda page: skewed(page, 2.3),
    "skew -1.1": lambda page: skewed(page, -1.1),
    "noise 12": lambda page: noisy(page, 12.0),
    "noise 25": lambda page: noisy(page, 25.0),
    "specks": specked,
    "uneven light": shaded,
    "blur 1": lambda page: blurred(page, 1.0),
    "light on dark": inverted,
    "jpeg 30": compressed,
}


def perfect_reading(page: TruthPage, sliced: object) -> list[str]:
    """Read slices as a model without a fault would: the characters whose middle each piece holds.

    Args:
        page: the truth.
        sliced: `slice_page`'s answer for its image.

    Returns:
        A text for each slice.
    """
    width, height = page.image.size
    angle = np.deg2rad(page.skew_degrees - sliced.skew_degrees)
    characters, boxes, spaced = [], [], []
    for line in page.lines:
        for word in line.text.split(" "):
            characters += list(word)
            spaced += [True] + [False] * (len(word) - 1)
        boxes.append(line.boxes)
    x1, y1, x2, y2 = np.concatenate(boxes).T
    x, y = (x1 + x2) / 2 - width / 2, (y1 + y2) / 2 - height / 2
    x, y = x * np.cos(angle) - y * np.sin(angle) + width / 2, x * np.sin(angle) + y * np.cos(angle) + height / 2
    texts: list[list[str]] = [[] for _ in sliced.slices]
    for piece in sliced.pieces:
        left, top, right, bottom = piece.box
        # Descenders make some boxes overlap: a character belongs to a piece that also holds most of its height.
        held = (x >= left - 1) & (x < right + 1) & (y > top - 1) & (y < bottom + 1)
        shown = np.minimum(y - y2 / 2 + y1 / 2 + (y2 - y1), bottom + 2) - np.maximum(y - (y2 - y1) / 2, top - 2)
        held &= shown > 0.85 * (y2 - y1)
        text = ""
        for number in sorted(np.flatnonzero(held).tolist(), key=lambda number: x[number]):
            text += (" " if spaced[number] and text else "") + characters[number]
        texts[piece.slice_index].append(text)
    return ["\n".join(rows) for rows in texts]
