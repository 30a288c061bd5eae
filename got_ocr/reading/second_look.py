"""Read lines that were read with doubt once more, larger and smaller, and keep what was read most surely.

A small model errs on worn and small print in other places at another size, and knows it: of two readings of a line the
one with the higher mean probability is right more often, and where two others agree against it, these. What was read
surely costs nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from PIL import Image

from ..layout.time_limit import is_out_of_time
from ..slices.joining import join_texts
from ..slices.sliced_page import Piece, SlicedPage
from ..slices.slicing import slice_lines
from .answer import GotOcrAnswer, GotOcrLine, join_probabilities
from .doubt import PieceReading, check_slice, is_mixed_up
from .formulas import BACKSLASH
from .voting import correct_by_two

# Lines below this mean probability, of whose words three in ten have an error, are looked at again, at so many times
# their usual size, one after the other. Chosen on real receipts and small tables.
DOUBTFUL_LINE = 0.96
SIZES = (1.12, 0.9)


@dataclass(frozen=True)
class _LineReading:
    """What was read of a line: a text, and how surely."""

    reading: PieceReading
    probability: float


def count_whole(page: SlicedPage, read: int) -> int:
    """Count the slices that no line goes on behind.

    Args:
        page: The cut page.
        read: Slices that were read.

    Returns:
        How many of these, from the first one on, show whole lines only.
    """
    pieces = page.pieces
    later = {piece.line for piece in pieces if piece.slice_index >= read}
    return min((piece.slice_index for piece in pieces if piece.line in later), default=read)


def look_again(
    page: SlicedPage,
    checked: list[list[PieceReading]],
    first: int,
    doubtful: bool,
    read: Callable[[list[Image.Image]], list[GotOcrAnswer]],
) -> list[list[PieceReading]]:
    """Look again at the doubtful lines of some slices.

    Args:
        page: The cut page.
        checked: What is text of each piece of some slices that follow each other and show whole lines.
        first: Number of the first of them.
        doubtful: Whether the page is, as `is_doubtful` tells.
        read: Reads slices.

    Returns:
        The same, with better readings of lines: the surest one, with what both others agree on where there are three;
        the text in place of the line's first piece, nothing for the others.
    """
    if page.natural:
        return checked
    shown = [piece for piece in page.pieces if first <= piece.slice_index < first + len(checked)]
    before = _by_line(shown, [reading for readings in checked for reading in readings])
    looks = {n: [line] for n, line in before.items() if line.reading.text and line.probability < DOUBTFUL_LINE}
    for size in SIZES:
        chosen = [number for number, lines in looks.items() if _surest(lines).probability < DOUBTFUL_LINE]
        if not chosen or is_out_of_time():
            break
        for number, line in _read_lines(page, chosen, size, doubtful, read):
            if line.reading.text:
                looks[number].append(line)
    chosen_readings = {number: _choose(lines) for number, lines in looks.items()}
    better = {number: one for number, one in chosen_readings.items() if one is not looks[number][0].reading}
    if not better:
        return checked
    readings = iter(reading for some in checked for reading in some)
    given: set[int] = set()
    replaced: list[list[PieceReading]] = [[] for _ in checked]
    for piece, reading in zip(shown, readings, strict=True):
        if piece.line in better:
            reading = PieceReading("", ()) if piece.line in given else better[piece.line]
            given.add(piece.line)
        replaced[piece.slice_index - first].append(reading)
    return replaced


def _surest(lines: Sequence[_LineReading]) -> _LineReading:
    """Find the reading of the highest probability, the earliest of equal ones."""
    return max(lines, key=lambda line: line.probability)


def _choose(lines: Sequence[_LineReading]) -> PieceReading:
    """Choose what stands for a line of several readings, in the order of the looks."""
    surest = _surest(lines)
    texts = [line.reading.text for line in lines if line is not surest]
    # Formulas have signs that belong together.
    if len(texts) != 2 or any(BACKSLASH in text for text in (surest.reading.text, *texts)):
        return surest.reading
    corrected = " ".join(correct_by_two(surest.reading.text, *texts).split())
    return replace(surest.reading, text=corrected) if corrected else surest.reading


def _read_lines(
    page: SlicedPage,
    numbers: Sequence[int],
    size: float,
    doubtful: bool,
    read: Callable[[list[Image.Image]], list[GotOcrAnswer]],
) -> Iterator[tuple[int, _LineReading]]:
    """Read lines at `size` times their usual size. Yields: the number and the reading of each that was read whole."""
    again = slice_lines(page, numbers, size)
    answers = read(again.slices)
    readings: list[PieceReading] = []
    mixed: set[int] = set()
    for number, answer in enumerate(answers):
        readings += check_slice(again, number, answer, doubtful)
        if is_mixed_up(again, number, answer):
            mixed.update(piece.line for piece in again.pieces_of(number))
    for number, line in _by_line(again.pieces, readings).items():
        if number not in mixed:
            yield number, line


def _by_line(shown: Sequence[Piece], readings: Sequence[PieceReading]) -> dict[int, _LineReading]:
    """Put the readings of pieces together to those of their lines. Returns: by the line's number."""
    parts: dict[int, list[GotOcrLine]] = {}
    for piece, reading in zip(shown, readings, strict=True):
        parts.setdefault(piece.line, []).extend(reading.lines)
    texts = join_texts(shown, [reading.text for reading in readings])
    return {
        number: _LineReading(PieceReading(texts[number], tuple(lines)), join_probabilities(lines) if lines else 0.0)
        for number, lines in parts.items()
    }
