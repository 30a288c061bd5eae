"""Tell `I` from `l` by the letters around it, where a font draws both alike and a small model takes the wrong one.

No English word of five letters begins with an `l` before another consonant, and a word of capitals has no small
letter. What may be a name in a program, a path or an address is left alone.
"""

import re

_APART = r"(?<![\w'’/.\\@:_-])"
_BEGINNING = re.compile(_APART + r"l(?=[bcdfgkmnpqrstvwxz][a-z]*[aeiouy])(?=[a-z]{4,}(?![\w/@(_.]*[/@(_\d]))")
_ALONE = re.compile(_APART + r"l(?= (?:am|was|have|had|will|would|think|know|don)\b|['’](?:m|ve|ll|d)\b)")
_CAPITALS = re.compile(r"\b(?=[A-Zl]*[A-Z][A-Zl]*[A-Z])[A-Z]*l[A-Zl]*\b")


def settle_lookalikes(text: str) -> str:
    r"""Write `I` for an `l` that can't be one.

    Args:
        text: English, as a small model read it.

    Returns:
        It, with as many characters: `lssue` is `Issue`, `CBl` is `CBI`, `l have` is `I have`; `llama`, `ls -l`,
        `lxml.etree`, `Al` and `mAl` stay.
    """
    if "l" not in text:
        return text
    text = _CAPITALS.sub(lambda word: word[0].replace("l", "I"), text)
    return _ALONE.sub("I", _BEGINNING.sub("I", text))
