"""Where words go: a block of text lines set in one face, with the box of every character.

H, W: height and width in px; N: characters of the text.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

import numpy as np

from got_ocr.configuration.slicing import FIRST_BASELINE_EM, MARGIN_PX, ROW_PITCH_EM
from got_ocr.synthesis.text.fonts import FontFace, can_draw, load_font
from got_ocr.synthesis.text.ink import PlacedWord, quarter

# A character's box reaches from the ascenders to just below the descenders, in em above and below the baseline.
BOX_ABOVE_EM = 0.78
BOX_BELOW_EM = 0.24
SMALL_CAPS_SCALE = 0.78
SMALL_CAPS_SHARE = 0.025  # of lines
SMALL_CAPS_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzàáâãäåæçèéêëìíîïðñòóôõöøùúûüýþ")


@dataclass(frozen=True)
class Block:
    """Lines of text ready to draw.

    Attributes:
        words: what to draw, in reading order.
        text: what they read, lines joined by newlines.
        boxes: (N, 4) float32, (x1, y1, x2, y2) of each character of `text`, in px; a newline has an empty box.
        rules: filled boxes to draw, such as fraction bars, in px.
        shown: for each character of `text` the one that is drawn in its box, a space where there is none, as for the
            braces of a formula's source; empty where that is `text` itself.
    """

    words: tuple[PlacedWord, ...]
    text: str
    boxes: np.ndarray
    rules: tuple[tuple[float, float, float, float], ...] = ()
    shown: str = ""


def sample_size_px(rng: np.random.Generator, smallest: float, largest: float) -> float:
    """Draw an em size: mostly 18 to 24 px, where the reading path puts text, else anything in the range.

    Args:
        rng: random generator.
        smallest: lower end of the range.
        largest: upper end of the range.

    Returns:
        The size in px, a multiple of a quarter (so that opened fonts can be kept).
    """
    low, high = (max(smallest, 18.0), min(largest, 24.0)) if rng.random() < 0.7 else (smallest, largest)
    return quarter(rng.uniform(low, max(low, high)))


@lru_cache(maxsize=65536)
def _advance(face: FontFace, size_px: float, character: str) -> float:
    return load_font(face, size_px).getlength(character)


def character_stops(face: FontFace, size_px: float, word: str) -> np.ndarray:
    """Where each character of a word begins and ends, from 0; kerning is shared out evenly over the word.

    Args:
        face: the face.
        size_px: the em size.
        word: at least one character.

    Returns:
        (len(word) + 1,) float64.
    """
    stops = np.cumsum([0.0] + [_advance(face, size_px, character) for character in word])
    length = load_font(face, size_px).getlength(word)
    return stops * (length / stops[-1] if stops[-1] else 1.0)


def _runs(word: str, size_px: float, small_caps: bool) -> list[tuple[str, float]]:
    """Part a word into runs of one size. Returns: each run as it is drawn and reads, and its em size."""
    if not small_caps:
        return [(word, size_px)]
    small_px = quarter(SMALL_CAPS_SCALE * size_px)
    runs = []
    for lower, group in groupby(word, SMALL_CAPS_LETTERS.__contains__):
        run = "".join(group)
        runs.append((run.upper(), small_px) if lower else (run, size_px))
    return runs


def _word_stops(face: FontFace, size_px: float, word: str, small_caps: bool) -> np.ndarray:
    """`character_stops` of a word that may be set in small capitals."""
    stops = np.zeros(1)
    for run, run_size_px in _runs(word, size_px, small_caps):
        stops = np.concatenate([stops, stops[-1] + character_stops(face, run_size_px, run)[1:]])
    return stops


class _Setter:
    """Sets words in lines and keeps account of every character's place."""

    def __init__(self, words: Iterator[str]) -> None:
        self._words = words
        self._carried: str | None = None
        self._placed: list[PlacedWord] = []
        self._text: list[str] = []
        self._boxes: list[tuple[float, float, float, float]] = []

    def add_line(
        self,
        face: FontFace,
        size_px: float,
        start_px: float,
        baseline_px: float,
        end_px: float,
        space_factor: float,
        small_caps: bool = False,
    ) -> None:
        """Fill a line with the next words; what a face can't draw is passed over.

        Args:
            face: what to set it in.
            size_px: the em size.
            start_px: left edge.
            baseline_px: height of the baseline.
            end_px: where the line must end; a first word that is too long is broken, its rest opens the next line.
            space_factor: width of a space over the face's own.
            small_caps: whether small letters are set as small capitals; they read as capitals.
        """
        font = load_font(face, size_px)
        space_px = font.getlength(" ") * space_factor
        y1, y2 = baseline_px - BOX_ABOVE_EM * size_px, baseline_px + BOX_BELOW_EM * size_px
        if self._text:
            last = self._boxes[-1]
            self._boxes.append((last[2], last[1], last[2], last[3]))
            self._text.append("\n")
        x_px, first = start_px, True
        while True:
            word = self._next_word(face)
            gap_px = 0.0 if first else space_px
            stops = x_px + gap_px + _word_stops(face, size_px, word, small_caps)
            if stops[-1] > end_px:
                if not first:
                    self._carried = word
                    break
                count = int((stops[1:] <= end_px).sum())
                word, self._carried = word[: max(count, 1)], word[max(count, 1) :] or None
            if not first:
                self._boxes.append((x_px, y1, x_px + space_px, y2))
                self._text.append(" ")
                x_px += space_px
            stops = x_px + _word_stops(face, size_px, word, small_caps)
            self._boxes += [(stops[i], y1, stops[i + 1], y2) for i in range(len(word))]
            begin = 0
            for run, run_size_px in _runs(word, size_px, small_caps):
                self._placed.append(PlacedWord(run, float(stops[begin]), baseline_px, face, run_size_px))
                self._text.append(run)
                begin += len(run)
            x_px, first = float(stops[-1]), False

    def _next_word(self, face: FontFace) -> str:
        word, self._carried = self._carried or next(self._words), None
        while not all(can_draw(face, character) for character in word):
            word = next(self._words)
        return word

    def block(self) -> Block:
        """What has been set."""
        boxes = np.asarray(self._boxes, dtype=np.float32).reshape(-1, 4)
        return Block(tuple(self._placed), "".join(self._text), boxes)


def set_block(
    rng: np.random.Generator, words: Iterator[str], face: FontFace, size_px: float, height: int, width: int, rows: int
) -> Block:
    """Fill a canvas with lines of text of one face.

    Args:
        rng: decides margins, line pitch and word spacing.
        words: endless words.
        face: what to set them in.
        size_px: the em size.
        height: canvas height.
        width: canvas width.
        rows: lines wanted; fewer are set where they don't fit.

    Returns:
        The block. All of its characters lie inside the canvas.
    """
    pitch_px = size_px * rng.uniform(1.08, 1.55)
    above_px, below_px = size_px * 0.95, size_px * 0.3
    rows = max(1, min(rows, 1 + int((height - above_px - below_px - 2) / pitch_px)))
    spare_px = height - above_px - below_px - (rows - 1) * pitch_px
    top_px = spare_px * (rng.random() if rng.random() < 0.6 else rng.random() * min(1.0, 16.0 / max(spare_px, 1.0)))
    left_px = float(np.clip(rng.normal(8.0, 2.5), 1.0, 20.0) if rng.random() < 0.8 else rng.uniform(1.0, width * 0.25))
    right_px = width - rng.uniform(2.0, 10.0)
    ragged = rng.random() < 0.15
    share = 1.0 if rows > 1 or rng.random() < 0.65 else rng.uniform(0.1, 1.0)
    space_factor = 1.0 if rng.random() < 0.7 else rng.uniform(0.95, 1.9)
    setter = _Setter(words)
    for row in range(rows):
        start_px = left_px + (rng.uniform(0.0, 30.0) if ragged else 0.0)
        last_share = 1.0 if row < rows - 1 or rng.random() < 0.7 else rng.uniform(0.3, 1.0)
        end_px = start_px + (right_px - start_px) * share * last_share
        baseline_px = top_px + above_px + row * pitch_px
        small_caps = rng.random() < SMALL_CAPS_SHARE
        setter.add_line(face, size_px, start_px, baseline_px, end_px, space_factor, small_caps)
    return setter.block()


def set_slice(
    rng: np.random.Generator, words: Iterator[str], faces: Sequence[FontFace], size_px: float, width: int, rows: int
) -> Block:
    """Stack pieces of lines as the reading path does when it cuts a page (slices/slicing.py).

    Args:
        rng: decides sizes and lengths.
        words: endless words.
        faces: what to set the lines in, one for each row.
        size_px: the em size that the reading path scales lines to; its estimate errs by some per cent.
        width: canvas width.
        rows: pieces of lines.

    Returns:
        The block, from the upper left corner down.
    """
    setter = _Setter(words)
    for row in range(rows):
        own_size_px = (
            round(4.0 * float(np.clip(rng.normal(size_px, 0.06 * size_px), 0.84 * size_px, 1.2 * size_px))) / 4.0
        )
        baseline_px = MARGIN_PX + (FIRST_BASELINE_EM + ROW_PITCH_EM * row) * size_px + rng.normal(0.0, 0.8)
        share = 1.0 if rng.random() < 0.7 else rng.uniform(0.08, 1.0)
        end_px = MARGIN_PX + (width - 2 * MARGIN_PX + 1.0) * share
        space_factor = 1.0 if rng.random() < 0.6 else rng.uniform(0.9, 1.9)
        start_px, small_caps = MARGIN_PX + rng.normal(1.0, 0.8), rng.random() < SMALL_CAPS_SHARE
        setter.add_line(faces[row], own_size_px, start_px, baseline_px, end_px, space_factor, small_caps)
    return setter.block()
