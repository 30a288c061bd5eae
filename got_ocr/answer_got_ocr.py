"""What the model read: the text, how it ended and how sure it was."""

import math
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class GotOcrAnswer:
    """What the model read.

    Attributes:
        text: The answer, stripped; a loop at its end is cut to its first turn.
        finish_reason: `stop` (the model ended its answer), `length` (the token limit cut it), `repetition` (it fell
            into a loop) or `error` (the picture could not be read; see `error`).
        num_tokens: Tokens generated, the closing one included.
        mean_probability: Geometric mean of the tokens' probabilities, 0 to 1; None without tokens.
        min_probability: Probability of the least certain token; None without tokens.
        error: One line saying what is wrong with the picture, or None.
        slices: The answers of a page's slices, for a page that was cut.
    """

    text: str
    finish_reason: str
    num_tokens: int = 0
    mean_probability: float | None = None
    min_probability: float | None = None
    error: str | None = None
    slices: tuple["GotOcrAnswer", ...] = ()


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


def join_answers(text: str, parts: list[GotOcrAnswer]) -> GotOcrAnswer:
    """Make one answer of the answers for a page's slices.

    Args:
        text: The joined text.
        parts: The slices' answers.

    Returns:
        An answer with the worst finish reason, and probabilities over all tokens.
    """
    num_tokens = sum(part.num_tokens for part in parts)
    reasons = {part.finish_reason for part in parts}
    finish_reason = next((reason for reason in ("length", "repetition") if reason in reasons), "stop")
    if num_tokens == 0:
        return GotOcrAnswer(text, finish_reason)
    # The least positive float stands for a probability that underflowed.
    logs = [
        math.log(max(part.mean_probability, sys.float_info.min)) * part.num_tokens
        for part in parts
        if part.mean_probability is not None
    ]
    return GotOcrAnswer(
        text=text,
        finish_reason=finish_reason,
        num_tokens=num_tokens,
        mean_probability=math.exp(sum(logs) / num_tokens),
        min_probability=min(part.min_probability for part in parts if part.min_probability is not None),
        slices=tuple(parts),
    )
