"""What the model read: the text, how it ended and how sure it was."""

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise

from ..layout.line import Line
from ..slices.formula_text import FORMULA

# A line with a less certain token than this is worth a look: of the built-in checkpoint's lines so marked on clean and
# degraded pages three in four have an error, and more than half of those with one are marked
# (got_ocr/nano/benchmarks/confidence.py).
LOW_CONFIDENCE = 0.7
# Mean probability of a line, and the share of its characters that stand in words without an error: 4173 lines of real
# documents that the built-in checkpoint read (got_ocr/nano/benchmarks/confidence.py --real).
RELIABILITY = (
    *((0.0, 0.0), (0.7, 0.06), (0.75, 0.07), (0.825, 0.23), (0.875, 0.42), (0.915, 0.6), (0.945, 0.71)),
    *((0.97, 0.82), (0.985, 0.91), (0.9925, 0.951), (1.0, 0.99)),
)
# Stands for a probability that underflowed.
_LEAST = sys.float_info.min


@dataclass(frozen=True)
class GotOcrLine:
    """A line of an answer.

    Attributes:
        text: The line, stripped, never empty.
        mean_probability: Geometric mean of its tokens' probabilities, 0 to 1.
        min_probability: Probability of its least certain token.
        is_low_confidence: Whether that is below `LOW_CONFIDENCE`.
        box: (x1, y1, x2, y2) in px of the picture, where the line was found there: as it was cut out of a page that
            was read in slices, or as it was matched with a page that was read whole (`ReadingOptions.line_boxes`).
            None where that is doubtful, in format mode, and for pages read together.
        block: Number of its paragraph, from 0, of such a line; else None.
        formulas: Geometric mean of the tokens' probabilities of each formula in the line, in their order.
    """

    text: str
    mean_probability: float
    min_probability: float
    is_low_confidence: bool
    box: tuple[int, int, int, int] | None = None
    block: int | None = None
    formulas: tuple[float, ...] = ()

    @property
    def confidence(self) -> float:
        """Share of such a line's characters that stand in words without an error, measured on real documents."""
        return calibrate(self.mean_probability)


@dataclass(frozen=True)
class GotOcrAnswer:
    """What the model read.

    Attributes:
        text: The answer, stripped; a loop at its end is cut to its first turn.
        finish_reason: `stop` (the model ended its answer), `length` (the token limit cut it), `repetition` (it fell
            into a loop) or `error` (the picture could not be read, or not to its end; see `error`).
        num_tokens: Tokens generated, the closing one included.
        mean_probability: Geometric mean of the tokens' probabilities, 0 to 1; None without tokens.
        min_probability: Probability of the least certain token; None without tokens.
        error: One line saying what is wrong with the picture, or None.
        limit: `time`, `memory` or `crash` where the picture was given up because it broke a limit, else None. After
            `time` the answer holds what had been read.
        lines: Each line of the text with its certainty. Where lines have boxes they are those of the page: one that
            the text joins to a paragraph is several.
        slices: The answers of a page's slices, for a page that was cut.
        rotations: Of each page that was cut, the degrees clockwise by which it was turned to bring its text upright.
        unread: Boxes (x1, y1, x2, y2), in px of the picture, of what looked like a line of text on a page that was
            cut and was left out of the answer, since the model could not read it.
        tokens: Where each token ends in the text, and the log of its probability: for the reader, which asks engines
            for them to tell how sure each line is (`Generation.keep_tokens`), and takes them away again.
    """

    text: str
    finish_reason: str
    num_tokens: int = 0
    mean_probability: float | None = None
    min_probability: float | None = None
    error: str | None = None
    lines: tuple[GotOcrLine, ...] = ()
    slices: tuple["GotOcrAnswer", ...] = ()
    rotations: tuple[int, ...] = ()
    unread: tuple[tuple[int, int, int, int], ...] = ()
    limit: str | None = None
    tokens: tuple[tuple[int, float], ...] = field(default=(), repr=False, compare=False)


def calibrate(mean_probability: float) -> float:
    """Tell how much of a line is right where the built-in checkpoint read it with a mean probability.

    Args:
        mean_probability: 0 to 1.

    Returns:
        The share of its characters in words without an error, between the measured points of `RELIABILITY`.
    """
    for (low, low_share), (high, high_share) in pairwise(RELIABILITY):
        if mean_probability <= high:
            return low_share + (high_share - low_share) * max(0.0, mean_probability - low) / (high - low)
    return RELIABILITY[-1][1]


def cut_loop(tokens: list[int], period: int) -> list[int]:
    """Keep the first turn of the loop that an answer ends in.

    Args:
        tokens: The answer's tokens.
        period: Length of the loop's piece, in tokens.

    Returns:
        The tokens up to the end of the first turn.
    """
    end = len(tokens)
    while end > period and tokens[end - 1] == tokens[end - 1 - period]:
        end -= 1
    return tokens[:end]


def lines_of_tokens(
    tokens: Sequence[int], log_probabilities: Sequence[float], decode: Callable[[list[int]], str]
) -> tuple[GotOcrLine, ...]:
    """Part an answer into its lines.

    Args:
        tokens: The answer's tokens, without the closing one.
        log_probabilities: Of each token.
        decode: Turns tokens into text.

    Returns:
        The lines that have text.
    """
    lines: list[GotOcrLine] = []
    begin = 0
    ending = {token for token in set(tokens) if "\n" in decode([token])}
    for index, token in enumerate(tokens):
        last = index == len(tokens) - 1
        if not last and token not in ending:
            continue
        # A token such as ",\n" belongs to the line that it ends.
        text = decode(list(tokens[begin : index + 1])).strip()
        if text:
            logs = log_probabilities[begin : index + 1]
            line = make_line(text, logs)
            if FORMULA.search(text):
                formulas = _formula_probabilities(tokens[begin : index + 1], logs, decode)
                line = replace(line, formulas=formulas)
            lines.append(line)
        begin = index + 1
    return tuple(lines)


def token_ends(tokens: Sequence[int], decode: Callable[[list[int]], str]) -> list[int]:
    """Find where tokens end in their text.

    Args:
        tokens: The answer's, without the closing one.
        decode: Turns tokens into text.

    Returns:
        The end of each in what they decode to; within a line it may be off by a character where characters are made
        of several tokens.
    """
    pieces = {token: decode([token]) for token in set(tokens)}
    ends: list[int] = []
    begin = start = 0
    for index, token in enumerate(tokens):
        if index < len(tokens) - 1 and "\n" not in pieces[token]:
            continue
        length = len(decode(list(tokens[begin : index + 1])))
        reached = 0
        sums = [reached := reached + len(pieces[one]) for one in tokens[begin : index + 1]]
        ends += [start + round(length * one / max(sums[-1], 1)) for one in sums]
        begin, start = index + 1, start + length
    return ends


def make_line(text: str, log_probabilities: Sequence[float]) -> GotOcrLine:
    """Make a line of its tokens' probabilities.

    Args:
        text: What stands there.
        log_probabilities: Of its tokens, at least one.

    Returns:
        The line.
    """
    mean = math.exp(sum(log_probabilities) / len(log_probabilities))
    return _line(text, mean, math.exp(min(log_probabilities)))


def _formula_probabilities(
    tokens: Sequence[int], log_probabilities: Sequence[float], decode: Callable[[list[int]], str]
) -> tuple[float, ...]:
    """Geometric mean of the probabilities of each formula's tokens, delimiters included."""
    pieces = [decode([token]) for token in tokens]
    edges = [0, *accumulate(map(len, pieces))]
    found: list[float] = []
    for match in FORMULA.finditer("".join(pieces)):
        spans = zip(pairwise(edges), log_probabilities, strict=False)
        logs = [log for (begin, end), log in spans if begin < match.end() and end > match.start()]
        found.append(math.exp(sum(logs) / len(logs)))
    return tuple(found)


def join_line(line: Line, parts: Sequence[GotOcrLine]) -> GotOcrLine:
    """Make a line of the pieces that it was cut into.

    Args:
        line: The whole line with its text, its box in px of the picture.
        parts: What was read of each piece, at least one.

    Returns:
        The line; its mean probability weighs pieces by their length.
    """
    least = min(part.min_probability for part in parts)
    return replace(_line(line.text, join_probabilities(parts), least), box=line.box, block=line.block)


def join_probabilities(parts: Sequence[GotOcrLine]) -> float:
    """Average the certainty of a line's pieces.

    Args:
        parts: What was read of each piece, at least one.

    Returns:
        The geometric mean of their mean probabilities, weighted by their length.
    """
    lengths = [max(len(part.text), 1) for part in parts]
    logs = [math.log(max(part.mean_probability, _LEAST)) for part in parts]
    return math.exp(sum(length * log for length, log in zip(lengths, logs, strict=True)) / sum(lengths))


def _line(text: str, mean: float, least: float) -> GotOcrLine:
    return GotOcrLine(text, mean, least, least < LOW_CONFIDENCE)


def join_answers(
    text: str, parts: Sequence[GotOcrAnswer], lines: Sequence[GotOcrLine] = (), rotations: Sequence[int] = ()
) -> GotOcrAnswer:
    """Make one answer of the answers for a page's slices.

    Args:
        text: The joined text.
        parts: The slices' answers.
        lines: The page's lines.
        rotations: By how much each page was turned.

    Returns:
        An answer with the worst finish reason, and probabilities over all tokens.
    """
    num_tokens = sum(part.num_tokens for part in parts)
    reasons = {part.finish_reason for part in parts}
    finish_reason = next((reason for reason in ("length", "repetition") if reason in reasons), "stop")
    if num_tokens == 0:
        return GotOcrAnswer(text, finish_reason, rotations=tuple(rotations))
    logs = [
        math.log(max(part.mean_probability, _LEAST)) * part.num_tokens
        for part in parts
        if part.mean_probability is not None
    ]
    return GotOcrAnswer(
        text=text,
        finish_reason=finish_reason,
        num_tokens=num_tokens,
        mean_probability=math.exp(sum(logs) / num_tokens),
        min_probability=min(part.min_probability for part in parts if part.min_probability is not None),
        lines=tuple(lines),
        slices=tuple(parts),
        rotations=tuple(rotations),
    )
