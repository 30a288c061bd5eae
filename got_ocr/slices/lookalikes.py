"""Tell `I` from `l` and digits from letters by what is around them, where print has both alike.

No English word of five letters begins with an `l` before another consonant, and a word of capitals has no small
letter. What may be a name in a program, a path or an address is left alone.
"""

import re

import numpy as np
from PIL import Image

from ..layout.line import Box
from .thresholds import Numbers

_APART = r"(?<![\w'’/.\\@:_-])"
_BEGINNING = re.compile(_APART + r"l(?=[bcdfgkmnpqrstvwxz][a-z]*[aeiouy])(?=[a-z]{4,}(?![\w/@(_.]*[/@(_\d]))")
_ALONE = re.compile(_APART + r"l(?= (?:am|was|have|had|will|would|think|know|don)\b|['’](?:m|ve|ll|d)\b)")
_NUMBER = re.compile(r"(?<![\w/@:])(?=(?:[.,SOolI]*\d){3})\d[\d.,]*(?:[SOolI]{1,2}[\d.,]*\d)+(?![\w/@:])")
_SPACED = re.compile(r"(?<![\d.,])\d{1,3}(?:, \d{3})+(?![\d,])")
_DIGITS = str.maketrans("SOolI", "50011")
_CAPITALS = re.compile(r"\b(?=[A-Zl]*[A-Z][A-Zl]*[A-Z])[A-Z]*l[A-Zl]*\b")


def settle_lookalikes(text: str) -> str:
    r"""Write `I` for an `l` that can't be one, and digits for letters within a number.

    Args:
        text: English, as a small model read it.

    Returns:
        It, with as many characters: `lssue` is `Issue`, `CBl` is `CBI`, `l have` is `I have`, `8S48` is 8548; `llama`,
        `ls -l`, `lxml.etree`, `Al` and `mAl` stay.
    """
    text = _NUMBER.sub(lambda number: number[0].translate(_DIGITS), text)
    if "l" not in text:
        return text
    text = _CAPITALS.sub(lambda word: word[0].replace("l", "I"), text)
    return _ALONE.sub("I", _BEGINNING.sub("I", text))


def close_numbers(text: str, picture: Image.Image, box: Box) -> str:
    """Take the space out of `9, 130` where the picture has none.

    Args:
        text: what was read in the box.
        picture: a slice.
        box: of a piece of a line on it.

    Returns:
        The text, with `9,130` where the slice has as many wide gaps fewer as there are such spaces.
    """
    doubtful = sum(number.count(" ") for number in _SPACED.findall(text))
    spaces = text.count(" ")
    if not doubtful or spaces - doubtful < Numbers.LEAST_GAPS:
        return text
    grey = np.asarray(picture.convert("L").crop(box))
    inked = np.flatnonzero((grey < Numbers.DARK).any(0))
    gaps = np.sort(np.diff(inked) - 1)[::-1]
    sure = gaps[: spaces - doubtful]
    if len(sure) < spaces - doubtful or (gaps[:spaces][-doubtful:] > Numbers.CLOSE * np.median(sure)).any():
        return text
    return _SPACED.sub(lambda number: number[0].replace(" ", ""), text)
