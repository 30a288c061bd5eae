"""Tell `I` from `l` and digits from letters by what is around them, where print has both alike.

No English word of five letters begins with an `l` before another consonant, and a word of capitals has no small
letter. What may be a name in a program, a path or an address is left alone.
"""

import re

_APART = r"(?<![\w'’/.\\@:_-])"
_BEGINNING = re.compile(_APART + r"l(?=[bcdfgkmnpqrstvwxz][a-z]*[aeiouy])(?=[a-z]{4,}(?![\w/@(_.]*[/@(_\d]))")
_ALONE = re.compile(_APART + r"l(?= (?:am|was|have|had|will|would|think|know|don)\b|['’](?:m|ve|ll|d)\b)")
_NUMBER = re.compile(r"(?<![\w/@:])(?=(?:[.,SOolI]*\d){3})\d[\d.,]*(?:[SOolI]{1,2}[\d.,]*\d)+(?![\w/@:])")
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
