"""Words to lines: faces of one family, widths, line breaking with hyphens, and drawing to the pixel.

All positions are whole pixels of the canvas that is drawn, so that a word's box is exactly where its ink is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from got_ocr.synthesis.text.fonts import FontFace, can_draw, is_small_capitals, load_font
from got_ocr.synthesis.text.ink import PlacedWord

# Shortest parts that a hyphenated word is cut into, as in most style books.
_BEFORE_HYPHEN, _AFTER_HYPHEN = 2, 3
# A line whose spaces would have to grow beyond this many times their width stays ragged.
_LOOSEST_SPACE = 3.0
# How a line goes on in running text: with a space, with nothing (its hyphen was put in), with nothing, or not at all.
SPACE, HYPHEN, NOTHING, END = "space", "hyphen", "nothing", "end"


@dataclass(frozen=True)
class Typeface:
    """One family's faces for running text. A family without a bold or italic uses its regular face."""

    regular: FontFace
    bold: FontFace
    italic: FontFace
    bold_italic: FontFace

    def face(self, bold: bool = False, italic: bool = False) -> FontFace:
        """Pick a face.

        Args:
            bold: whether it is to be bold.
            italic: whether it is to be italic.

        Returns:
            The face.
        """
        return ((self.regular, self.italic), (self.bold, self.bold_italic))[bold][italic]

    def can_draw(self, text: Iterable[str]) -> bool:
        """Tell whether every face has every character.

        Args:
            text: characters.

        Returns:
            Whether they have.
        """
        faces = {self.regular, self.bold, self.italic, self.bold_italic}
        return all(can_draw(face, character) for character in set(text) for face in faces)


@dataclass(frozen=True)
class Word:
    """What is never parted, but by a hyphen.

    Attributes:
        text: its characters, no space.
        bold: whether it is set bold.
        italic: whether it is set italic.
        after_space: whether a space stands before it in running text (not so between Chinese characters).
    """

    text: str
    bold: bool = False
    italic: bool = False
    after_space: bool = True


@dataclass(frozen=True)
class SetLine:
    """A line's words, before it has a place.

    Attributes:
        words: at least one.
        end: `space`, `hyphen`, `nothing` or `end` (see the module's constants).
        width_px: of the words with ordinary spaces.
    """

    words: tuple[Word, ...]
    end: str
    width_px: float

    @property
    def text(self) -> str:
        """What the line reads."""
        return join_words(self.words)


@lru_cache(maxsize=32768)
def _reach(face: FontFace, size_px: float, text: str) -> tuple[float, float]:
    """How high and low a text's ink reaches from the baseline."""
    box = load_font(face, size_px).getbbox(text, anchor="ls")
    return box[1], box[3]


@lru_cache(maxsize=32768)
def _sides(face: FontFace, size_px: float, text: str) -> tuple[float, float]:
    """Where a text's ink begins and ends from its origin (Pillow's getbbox counts the empty sides of letters in)."""
    mask, (left, _) = load_font(face, size_px).getmask2(text, mode="L", anchor="ls")
    box = mask.getbbox()
    return (left + box[0], left + box[2]) if box else (0, 0)


def line_box(inks: Sequence[PlacedWord]) -> tuple[float, float, float, float]:
    """Enclose the ink of a line.

    Args:
        inks: of the line, from left to right, at least one.

    Returns:
        (x1, y1, x2, y2) in px of the canvas.
    """
    reaches = [_reach(ink.face, ink.size_px, ink.text) for ink in inks]
    first, last = inks[0], inks[-1]
    return (
        first.x_px + _sides(first.face, first.size_px, first.text)[0],
        min(ink.baseline_px + above for ink, (above, _) in zip(inks, reaches, strict=True)),
        last.x_px + _sides(last.face, last.size_px, last.text)[1],
        max(ink.baseline_px + below for ink, (_, below) in zip(inks, reaches, strict=True)),
    )


@lru_cache(maxsize=32768)
def text_width_px(face: FontFace, size_px: float, text: str) -> float:
    """Measure.

    Args:
        face: the face.
        size_px: the em size.
        text: what is set.

    Returns:
        The advance in px.
    """
    return load_font(face, size_px).getlength(text)


def choose_typeface(rng: np.random.Generator, families: Mapping[str, Sequence[FontFace]]) -> Typeface:
    """Draw a family, and from it an upright face with its bold and italic siblings.

    Args:
        rng: decides.
        families: family to its faces; faces of small capitals are passed over, their small letters read as capitals.

    Returns:
        The typeface.

    Raises:
        ValueError: no family has a face for running text.
    """
    usable = [
        faces
        for name, faces in families.items()
        if not is_small_capitals(name) and any(not _style(face)[2] for face in faces)
    ]
    if not usable:
        raise ValueError(f"none of the {len(families)} font families has a face for running text: name others")
    faces = [face for face in usable[rng.integers(len(usable))] if not _style(face)[2]]
    upright = [face for face in faces if _style(face)[:2] == (False, False)] or faces
    plain = [face for face in upright if face.style.split()[-1:] and face.style.lower() in _PLAIN_STYLES]
    pool = plain if plain and rng.random() < 0.75 else upright
    regular = pool[rng.integers(len(pool))]

    def sibling(bold: bool, italic: bool) -> FontFace:
        candidates = [face for face in faces if _style(face)[:2] == (bold, italic)]
        words = set(regular.style.lower().split())
        ranked = sorted(candidates, key=lambda face: len(words ^ set(face.style.lower().split())))
        return ranked[0] if ranked else regular

    bold, italic = sibling(True, False), sibling(False, True)
    both = sibling(True, True)
    return Typeface(regular, bold, italic, both if both is not regular else bold)


_PLAIN_STYLES = ("regular", "roman", "book", "medium", "normal")


def _style(face: FontFace) -> tuple[bool, bool, bool]:
    """Bold, italic, and whether its small letters look like capitals."""
    style = f"{face.family} {face.style}".lower()
    bold = any(word in style for word in ("bold", "demi", "heavy"))
    italic = any(word in style for word in ("italic", "oblique", "slanted", "inclined"))
    return bold, italic, any(word in style for word in ("caps", "smcp"))


def join_words(words: Sequence[Word]) -> str:
    """Write words as they are read.

    Args:
        words: the words.

    Returns:
        Their text, a space before each word that stands after one.
    """
    return "".join((" " if number and word.after_space else "") + word.text for number, word in enumerate(words))


def word_width_px(word: Word, typeface: Typeface, size_px: float) -> float:
    """Measure a word.

    Args:
        word: the word.
        typeface: its faces.
        size_px: em size.

    Returns:
        Its advance in px.
    """
    return text_width_px(typeface.face(word.bold, word.italic), size_px, word.text)


def break_lines(
    words: Sequence[Word],
    typeface: Typeface,
    size_px: float,
    width_px: float,
    first_width_px: float | None = None,
    hyphenate: bool = False,
) -> list[SetLine]:
    """Fill lines with words, one after the other.

    Args:
        words: at least one.
        typeface: their faces.
        size_px: em size.
        width_px: how long a line may be.
        first_width_px: the same of the first line, where it is indented.
        hyphenate: whether English words are cut at a line's end.

    Returns:
        The lines; the last one's end is `end`.
    """
    space_px = text_width_px(typeface.regular, size_px, " ")
    lines: list[SetLine] = []
    queue = list(reversed(words))
    room_px = width_px if first_width_px is None else first_width_px
    line: list[Word] = []
    used_px = 0.0
    while queue:
        word = queue.pop()
        gap_px = space_px if line and word.after_space else 0.0
        word_px = word_width_px(word, typeface, size_px)
        if used_px + gap_px + word_px <= room_px or (not line and len(word.text) == 1):
            line.append(word)
            used_px += gap_px + word_px
            continue
        head, tail, end = None, word, SPACE if word.after_space else NOTHING
        if hyphenate or word_px > room_px or "-" in word.text:
            head, tail, cut = _cut(word, typeface, size_px, room_px - used_px - gap_px, hyphenate, forced=not line)
            end = end if head is None else cut
        if head is not None:
            line.append(head)
            used_px += gap_px + word_width_px(head, typeface, size_px)
        lines.append(SetLine(tuple(line), end, used_px))
        queue.append(tail)
        line, used_px, room_px = [], 0.0, width_px
    lines.append(SetLine(tuple(line), END, used_px))
    return lines


def _cut(
    word: Word, typeface: Typeface, size_px: float, room_px: float, hyphenate: bool, forced: bool
) -> tuple[Word | None, Word, str]:
    """Cut a word so that its first part fits. Returns: the first part or None, the rest, and how they join."""

    def fits(text: str) -> bool:
        return word_width_px(replace(word, text=text), typeface, size_px) <= room_px

    text = word.text
    own = [at + 1 for at, character in enumerate(text) if character == "-" and 1 < at < len(text) - 3]
    cuts = [(at, "", NOTHING) for at in own if text[at].isalpha() and text[at - 2].isalpha()]
    if hyphenate:
        cuts += [(at, "-", HYPHEN) for at in _hyphens(text)]
    for at, mark, end in sorted(cuts, reverse=True):
        if fits(text[:at] + mark):
            return replace(word, text=text[:at] + mark), replace(word, text=text[at:], after_space=False), end
    if not forced:
        return None, word, SPACE
    count = max(1, sum(fits(text[:length]) for length in range(1, len(text))))
    return replace(word, text=text[:count]), replace(word, text=text[count:], after_space=False), NOTHING


@lru_cache(maxsize=65536)
def _hyphens(text: str) -> tuple[int, ...]:
    """Where an English word may be cut; its marks stay with their part."""
    letters = text.strip("().,;:!?\"'“”‘’—–[]")
    if not (letters.isascii() and letters.isalpha() and len(letters) >= _BEFORE_HYPHEN + _AFTER_HYPHEN):
        return ()
    start = text.index(letters)
    return tuple(start + at for at in _hyphenator().positions(letters))


@lru_cache(maxsize=1)
def _hyphenator():  # type: ignore[no-untyped-def]  # Pyphen comes without types
    try:
        import pyphen
    except ImportError as error:
        raise ValueError("pages need the package pyphen for hyphens: pip install pyphen") from error
    return pyphen.Pyphen(lang="en_US", left=_BEFORE_HYPHEN, right=_AFTER_HYPHEN)


def place_line(
    line: SetLine,
    typeface: Typeface,
    size_px: float,
    color: tuple[int, int, int],
    x_px: float,
    baseline_px: float,
    room_px: float,
    align: str,
) -> list[PlacedWord]:
    """Put a line's words where they are drawn.

    Args:
        line: the line.
        typeface: its faces.
        size_px: em size.
        color: RGB of the ink.
        x_px: where the line's room begins.
        baseline_px: height of its baseline.
        room_px: length of the room.
        align: `left`, `right`, `centre` or `justify`.

    Returns:
        What to draw.
    """
    space_px = text_width_px(typeface.regular, size_px, " ")
    gaps = sum(word.after_space for word in line.words[1:])
    spare_px = max(0.0, room_px - line.width_px)
    stretch_px, letter_px = 0.0, 0.0
    if align == "justify" and line.end != END and len(line.words) > 1:
        if gaps == len(line.words) - 1:
            stretch_px = spare_px / gaps if spare_px / gaps <= (_LOOSEST_SPACE - 1.0) * space_px else 0.0
        elif spare_px / (len(line.words) - 1) <= 0.5 * size_px:  # no spaces: Chinese characters move apart
            letter_px = spare_px / (len(line.words) - 1)
    shift_px = {"right": spare_px, "centre": spare_px / 2.0}.get(align, 0.0)
    inks: list[PlacedWord] = []
    cursor_px = x_px + shift_px
    for number, word in enumerate(line.words):
        if number:
            cursor_px += letter_px + ((space_px + stretch_px) if word.after_space else 0.0)
        face = typeface.face(word.bold, word.italic)
        inks.append(PlacedWord(word.text, round(cursor_px), round(baseline_px), face, size_px, color))
        cursor_px += text_width_px(face, size_px, word.text)
    return inks


def union(boxes: Iterable[tuple[float, float, float, float]]) -> tuple[float, float, float, float]:
    """Enclose boxes.

    Args:
        boxes: (x1, y1, x2, y2) of each, at least one.

    Returns:
        The smallest box around all of them.
    """
    x1, y1, x2, y2 = zip(*boxes, strict=True)
    return min(x1), min(y1), max(x2), max(y2)
