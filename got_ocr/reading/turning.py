"""Which way up a picture is to be read: told by how sure the model is of its first slices.

Of turned text it reads hardly a letter with certainty.
"""

from collections.abc import Sequence

from .answer import GotOcrAnswer, join_answers

SIDEWAYS_TURNS, HEAD_TURNS = (90, 270), (180,)  # Degrees clockwise that may bring such text upright.
SURE_PROBABILITY = 0.85  # Text on its head was read with less certainty than this, upright text with more but for
# hard-worn pages. Turned text must be read with no less than
TURNED_PROBABILITY = 0.75  # and
TURNED_DOUBT = 0.6  # no more than this share of the doubt that is left in its upright reading.


def certainty(answers: Sequence[GotOcrAnswer]) -> float | None:
    """Tell how surely slices were read.

    Args:
        answers: one a slice.

    Returns:
        Mean probability of the tokens of those with text, times the share of those; None without slices.
    """
    if not answers:
        return None
    texts = [answer for answer in answers if answer.text]
    return (join_answers("", texts).mean_probability or 0.0) * len(texts) / len(answers)


def turns_to_try(sideways: bool, upright: float | None) -> tuple[int, ...]:
    """Tell how a picture may have to be turned.

    Args:
        sideways: whether its lines seem to run up or down.
        upright: `certainty` of its first slices as it is.

    Returns:
        Degrees clockwise; none where it was read well.
    """
    if sideways and (upright is None or upright < SURE_PROBABILITY):
        return SIDEWAYS_TURNS
    return HEAD_TURNS if upright is not None and upright < SURE_PROBABILITY else ()


def is_better_turned(upright: float | None, turned: float | None) -> bool:
    """Compare two readings of a picture.

    Args:
        upright: `certainty` of its first slices as it is, or turned in a way that was better than that.
        turned: the same of the picture turned in another way.

    Returns:
        Whether the text stands upright in the latter.
    """
    if turned is None or turned < TURNED_PROBABILITY:
        return False
    return upright is None or 1 - turned < TURNED_DOUBT * (1 - upright)
