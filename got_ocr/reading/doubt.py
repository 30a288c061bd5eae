"""What of a page that was read in slices is text: told piece by piece, by how surely it was read.

Photographs' textures, grain, drawings and scripts that a model doesn't know are read with little certainty. A page
that holds much of such is doubtful, and only what was read surely is kept of it; of other pages only what is as good
as noise is left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ..slices.joining import spread_text
from ..slices.sliced_page import Piece, SlicedPage
from .answer import GotOcrAnswer, GotOcrLine, join_answers

# Below this mean probability of its tokens a page is doubtful: pictures of other things came out at 0.2 to 0.65 and a
# few above, hard-degraded pages at 0.8 and more.
DOUBTFUL_PAGE = 0.65
DOUBTFUL_REGION = 0.5  # The same of a box, a frame or a word cut out, which people draw around text.
# What of a doubtful page is kept was read with this mean probability and has so many letters or digits: textures make
# single letters that look sure.
SURE_PIECE, SURE_CHARACTERS = 0.85, 3
SURE_WORD = 2  # The longest of its words has so many.
# Rings, the dots of a coarse screen, are read as zeros: so many words of one letter, none longer, most of them these.
SCREEN_WORDS, SCREEN_SHARE, RINGS = 4, 0.6, frozenset("0Oo°")
MANY_SLICES, LEAST_READ = 4, 0.5  # Of so many slices of a page of text at least this share has some.
MOST_LOOKS = 8  # So many pieces of a page are looked at alone, where what was read of their slice can't be theirs.
# Below this nine in ten characters of what has few letters, or more signs than letters, were wrong on real pages.
SLIGHT_PIECE = 0.8
SLIGHT_CROP = 0.6  # The same of a word or a number that was cut out: people don't cut out icons.
NOISE_PIECE = 0.4  # Below this mean probability more characters of a piece are wrong than right.


@dataclass(frozen=True)
class PieceReading:
    """What was read of a piece of a line.

    Attributes:
        text: Empty where nothing was read, or nothing that is text.
        lines: The slice's lines that it comes from.
    """

    text: str
    lines: tuple[GotOcrLine, ...]


def is_doubtful(answers: Sequence[GotOcrAnswer], least: float) -> bool:
    """Tell whether much of a page is no text.

    Args:
        answers: Of its slices so far.
        least: `DOUBTFUL_PAGE` or `DOUBTFUL_REGION`.

    Returns:
        Whether those with text were read with less certainty, or hardly any of many has text.
    """
    read = [answer for answer in answers if answer.text]
    if len(answers) >= MANY_SLICES and len(read) < LEAST_READ * len(answers):
        return True
    certainty = join_answers("", read).mean_probability
    return certainty is not None and certainty < least


def is_screen(answers: Sequence[GotOcrAnswer]) -> bool:
    """Tell whether a whole page shows dots in place of text.

    Args:
        answers: Of its slices so far.

    Returns:
        Whether all that was read are single letters, zeros as a rule.
    """
    words = [word for answer in answers for word in answer.text.split()]
    if len(words) < SCREEN_WORDS or max(map(len, words)) > 1:
        return False
    return sum(word in RINGS for word in words) >= SCREEN_SHARE * len(words)


def check_slice(page: SlicedPage, number: int, answer: GotOcrAnswer, doubtful: bool) -> list[PieceReading]:
    """Give a slice's answer to its pieces and leave out what is no text.

    Args:
        page: The cut page.
        number: Of the slice.
        answer: What was read of it.
        doubtful: Whether its page is, as `is_doubtful` tells.

    Returns:
        A reading for each of the slice's pieces; for each of the answer's lines, where the page is shown as it is.
    """
    widths = [piece.slice_box[2] - piece.slice_box[0] for piece in page.pieces_of(number)]
    found: list[tuple[str, tuple[GotOcrLine, ...]]]
    if page.natural or len(widths) == len(answer.lines):
        found = [(line.text, (line,)) for line in answer.lines]
    else:
        found = [(text, answer.lines if text else ()) for text in spread_text(answer.text, widths)]
    certainty = answer.mean_probability or 0.0
    pieces = [None] * len(found) if page.natural else page.pieces_of(number)
    return [
        PieceReading(text, lines)
        if text and _is_text(text, lines, certainty, doubtful, least_of_slight(page, piece))
        else PieceReading("", ())
        for (text, lines), piece in zip(found, pieces, strict=True)
    ]


def least_of_slight(page: SlicedPage, piece: Piece | None) -> float:
    """Tell how surely a few letters must be read to be text.

    Args:
        page: The cut page.
        piece: Of it; None for a line of a page that is shown as it is.

    Returns:
        The least mean probability: in a cell of a table a digit or a sign alone is usual.
    """
    if piece is not None and page.is_cell(piece):
        return NOISE_PIECE
    return SLIGHT_CROP if page.layout.is_crop else SLIGHT_PIECE


def is_mixed_up(page: SlicedPage, number: int, answer: GotOcrAnswer) -> bool:
    """Tell whether what was read of a slice can't be given to its pieces: a picture beside text may cost both.

    Args:
        page: The cut page.
        number: Of the slice.
        answer: What was read of it.

    Returns:
        Whether it shows several pieces and has more or fewer lines than these.
    """
    count = len(page.pieces_of(number))
    return not page.natural and count > 1 and len(answer.lines) != count


def check_piece(answer: GotOcrAnswer, doubtful: bool, slight: float = SLIGHT_PIECE) -> PieceReading:
    """Leave out what is no text of a piece that was looked at alone.

    Args:
        answer: What was read of it.
        doubtful: Whether its page is, as `is_doubtful` tells.
        slight: As `least_of_slight` tells.

    Returns:
        Its reading.
    """
    text = " ".join(line.text for line in answer.lines)
    is_text = bool(text) and _is_text(text, answer.lines, answer.mean_probability or 0.0, doubtful, slight)
    return PieceReading(text, answer.lines) if is_text else PieceReading("", ())


def _is_text(text: str, lines: tuple[GotOcrLine, ...], certainty: float, doubtful: bool, slight: float) -> bool:
    """Whether a piece was read as surely as text is; `slight` is the least for few letters, or more signs."""
    probability = min((line.mean_probability for line in lines), default=certainty)
    letters, signs = sum(map(str.isalnum, text)), sum(not (one.isalnum() or one.isspace()) for one in text)
    if doubtful:
        longest = max(map(len, text.split()), default=0)
        return probability >= SURE_PIECE and letters >= SURE_CHARACTERS and longest >= SURE_WORD
    return probability >= (slight if letters < SURE_CHARACTERS or signs > letters else NOISE_PIECE)
