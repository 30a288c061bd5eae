"""Where words go: a block of text lines set in one face, with the box of every character.

H, W: height and width in px; N: characters of the text.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from got_ocr.synthesis.fonts import FontFace, can_draw, load_font

# A character's box reaches from the ascenders to just below the descenders, in em above and below the baseline.
BOX_ABOVE_EM = 0.78
BOX_BELOW_EM = 0.24


@dataclass(frozen=True)
class PlacedWord:
    """A word on the canvas.

    Attributes:
        text: its characters.
        x_px: left edge.
        baseline_px: height of its baseline.
    """

    text: str
    x_px: float
    baseline_px: float


@dataclass(frozen=True)
class Block:
    """A block of lines ready to draw.

    Attributes:
        face: the face of all words.
        size_px: the em size.
        words: what to draw, in reading order.
        text: what the block reads, lines joined by newlines.
        boxes: (N, 4) float32, (x1, y1, x2, y2) of each character of `text`; a newline has an empty box.
    """

    face: FontFace
    size_px: float
    words: tuple[PlacedWord, ...]
    text: str
    boxes: np.ndarray


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
    return round(4.0 * rng.uniform(low, max(low, high))) / 4.0


@lru_cache(maxsize=65536)
def _advance(face: FontFace, size_px: float, character: str) -> float:
    return load_font(face, size_px).getlength(character)


def _character_stops(face: FontFace, size_px: float, word: str) -> np.ndarray:
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


def set_block(
    rng: np.random.Generator, words: Iterator[str], face: FontFace, size_px: float, height: int, width: int, rows: int
) -> Block:
    """Fill a canvas with lines of text.

    Args:
        rng: decides margins, line pitch and word spacing.
        words: endless words.
        face: the face to set them in; words that it can't draw are passed over.
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
    line_share = 1.0 if rows > 1 or rng.random() < 0.65 else rng.uniform(0.1, 1.0)

    font = load_font(face, size_px)
    space_px = font.getlength(" ") * (1.0 if rng.random() < 0.7 else rng.uniform(0.95, 1.9))
    pending = (word for word in words if all(can_draw(face, character) for character in word))
    carried = next(pending)
    placed: list[PlacedWord] = []
    text: list[str] = []
    boxes: list[tuple[float, float, float, float]] = []
    for row in range(rows):
        baseline_px = top_px + above_px + row * pitch_px
        y1, y2 = (baseline_px - BOX_ABOVE_EM * size_px, baseline_px + BOX_BELOW_EM * size_px)
        x_px = left_px + (rng.uniform(0.0, 30.0) if ragged else 0.0)
        end_px = x_px + (right_px - x_px) * (
            line_share if row < rows - 1 or rng.random() < 0.7 else rng.uniform(0.3, 1.0)
        )
        if row:
            boxes.append((boxes[-1][2], boxes[-1][1], boxes[-1][2], boxes[-1][3]))
            text.append("\n")
        first = True
        while True:
            room_px = end_px - x_px - (0.0 if first else space_px)
            if font.getlength(carried) > room_px:
                if not first:
                    break
                # Not even one word fits: set as much of it as does, the rest opens the next line.
                count = max(
                    1, sum(font.getlength(carried[: stop + 1]) <= right_px - x_px for stop in range(len(carried)))
                )
                word, carried = carried[:count], carried[count:] or next(pending)
            else:
                word, carried = carried, next(pending)
            if not first:
                boxes.append((x_px, y1, x_px + space_px, y2))
                text.append(" ")
                x_px += space_px
            stops = x_px + _character_stops(face, size_px, word)
            boxes += [(stops[i], y1, stops[i + 1], y2) for i in range(len(word))]
            text.append(word)
            placed.append(PlacedWord(word, x_px, baseline_px))
            x_px, first = float(stops[-1]), False
    return Block(face, size_px, tuple(placed), "".join(text), np.asarray(boxes, dtype=np.float32).reshape(-1, 4))
