"""Which way up a picture is to be read: told by how sure the model is of slices from all over it.

Of turned text it reads hardly a letter with certainty.
"""

from collections.abc import Sequence

from PIL import Image, ImageOps

from .answer import GotOcrAnswer, join_answers

SAMPLE_SLICES = 16  # So many of a page vote on its turn.
SIDEWAYS_TURNS, HEAD_TURNS = (90, 270), (180,)  # Degrees clockwise that may bring such text upright.
LOST_PROBABILITY = 0.62  # Below this nothing was read, and lines that were found may be columns of letters.
SURE_PROBABILITY = 0.85  # Text on its head was read with less certainty than this, upright text with more but for
# hard-degraded pages. Turned text must be read with no less than
TURNED_PROBABILITY = 0.75  # and
TURNED_CROP = 0.97  # (a word that was cut out) and
TURNED_DOUBT = 0.6  # no more than this share of the doubt that is left in its upright reading.
LEAST_INK = 40  # Grey levels between a slice's paper and its ink, where it begins.


def choose_sample(slices: Sequence[Image.Image]) -> list[Image.Image]:
    """Choose slices of a page from all over it, so that no picture or stamp at its head decides.

    Args:
        slices: In reading order.

    Returns:
        At most `SAMPLE_SLICES` of them, evenly spread.
    """
    count = min(len(slices), SAMPLE_SLICES)
    return [slices[int((number + 0.5) * len(slices) / count)] for number in range(count)]


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


def put_on_head(image: Image.Image, margin_px: int) -> Image.Image:
    """Turn what a slice shows by 180 degrees, which tells sooner than cutting the turned page whether it is worth it.

    Args:
        image: A slice, dark on white.
        margin_px: Where slices' text begins.

    Returns:
        Another of its size and mode, its ink in the upper left corner but for the margin.
    """
    turned = image.transpose(Image.Transpose.ROTATE_180)
    ink = ImageOps.invert(turned.convert("L")).point(lambda level: 255 * (level >= LEAST_INK)).getbbox()
    if ink is None:
        return turned
    moved = Image.new(turned.mode, turned.size, "white")
    moved.paste(turned.crop(ink), (margin_px, margin_px))
    return moved


def turns_to_try(sideways: bool, upright: float | None) -> tuple[int, ...]:
    """Tell how a picture may have to be turned.

    Args:
        sideways: whether its lines seem to run up or down.
        upright: `certainty` of its slices as it is.

    Returns:
        Degrees clockwise; none where it was read well.
    """
    if upright is not None and upright >= SURE_PROBABILITY:
        return ()
    if sideways:
        return SIDEWAYS_TURNS
    if upright is None:
        return ()
    return HEAD_TURNS + SIDEWAYS_TURNS if upright < LOST_PROBABILITY else HEAD_TURNS


def is_better_turned(upright: float | None, turned: float | None, is_crop: bool = False) -> bool:
    """Compare two readings of a picture.

    Args:
        upright: `certainty` of its slices as it is, or turned in a way that was better than that.
        turned: the same of the picture turned in another way.
        is_crop: whether it is a word that was cut out, whose few letters may look sure on their heads.

    Returns:
        Whether the text stands upright in the latter.
    """
    if turned is None or turned < (TURNED_CROP if is_crop else TURNED_PROBABILITY):
        return False
    return upright is None or 1 - turned < TURNED_DOUBT * (1 - upright)
