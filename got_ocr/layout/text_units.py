"""A text as the units that line ends can part: words, and each character of scripts that are set without spaces.

Shape legend:
    M  units
"""

import re
import unicodedata
from dataclasses import dataclass

import numpy as np

# Advance widths of Times and of Helvetica, in thousandths of an em, from U+0020 to U+007E (Adobe's font metrics).
_TIMES = (
    *(250, 333, 408, 500, 500, 833, 778, 180, 333, 333, 500, 564, 250, 333, 250, 278, *[500] * 10, 278, 278, 564, 564),
    *(564, 444, 921, 722, 667, 667, 722, 611, 556, 722, 722, 333, 389, 722, 611, 889, 722, 722, 556, 722, 667, 556),
    *(611, 722, 722, 944, 722, 722, 611, 333, 278, 333, 469, 500, 333, 444, 500, 444, 500, 444, 333, 500, 500, 278),
    *(278, 500, 278, 778, 500, 500, 500, 500, 333, 389, 278, 500, 500, 722, 500, 500, 444, 480, 200, 480, 541),
)
_HELVETICA = (
    *(278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, *[556] * 10, 278, 278, 584, 584),
    *(584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667),
    *(611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222),
    *(222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584),
)
_WIDTHS_EM = tuple((one + other) / 2000 for one, other in zip(_TIMES, _HELVETICA, strict=True))
SPACE_EM = _WIDTHS_EM[0]
FIXED_EM = 0.6  # of every letter of Courier and its like
_OTHER_EM = 0.55  # of letters that neither face has: Greek, Cyrillic
_CHARACTER = (
    "[\u1100-\u11ff\u2e80-\u2fff\u3001-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\ufe30-\ufe4f\uff01-\uff9f"
    "\U00020000-\U0003ffff]"
)
_UNIT = re.compile(rf"{_CHARACTER}|(?:(?!{_CHARACTER})\S)+")


@dataclass(frozen=True)
class TextUnits:
    """A text in units.

    Attributes:
        starts: (M,) int64, where each begins in the text.
        ends: (M,) int64, where each ends.
        begins_em: (M + 1,) float64, where each begins if the text were set as one line, the end of the last behind.
        has_space: (M,) bool, whether white space stands before it.
        ends_line: (M,) bool, whether a line of the text ends behind it.
        space_em: width of such white space.
    """

    starts: np.ndarray
    ends: np.ndarray
    begins_em: np.ndarray
    has_space: np.ndarray
    ends_line: np.ndarray
    space_em: float = SPACE_EM

    def __len__(self) -> int:
        return len(self.starts)

    def take(self, begin: int, end: int) -> "TextUnits":
        """Take the units from one to another."""
        return TextUnits(
            self.starts[begin:end],
            self.ends[begin:end],
            self.begins_em[begin : end + 1],
            self.has_space[begin:end],
            self.ends_line[begin:end],
            self.space_em,
        )


def measure_text(text: str, is_fixed: bool = False) -> float:
    """Estimate how wide a text without white space is set.

    Args:
        text: the text.
        is_fixed: whether it is set in a face of fixed pitch.

    Returns:
        Its width in em.
    """
    return sum(_measure_character(character, is_fixed) for character in text)


def _measure_character(character: str, is_fixed: bool) -> float:
    if " " <= character <= "~":
        return FIXED_EM if is_fixed else _WIDTHS_EM[ord(character) - 32]
    if unicodedata.combining(character):
        return 0.0
    if unicodedata.east_asian_width(character) in "WF":
        return 1.0
    if is_fixed:
        return FIXED_EM
    plain = unicodedata.normalize("NFKD", character)[0]
    return _WIDTHS_EM[ord(plain) - 32] if " " <= plain <= "~" else _OTHER_EM


def split_units(text: str, is_fixed: bool = False) -> TextUnits:
    """Split a text into units.

    Args:
        text: any.
        is_fixed: as in `measure_text`.

    Returns:
        Its units, in order.
    """
    found = list(_UNIT.finditer(text))
    starts = np.array([one.start() for one in found], dtype=np.int64)
    ends = np.array([one.end() for one in found], dtype=np.int64)
    has_space = np.ones(len(found), dtype=bool)
    has_space[1:] = starts[1:] > ends[:-1]
    ends_line = np.ones(len(found), dtype=bool)
    ends_line[:-1] = ["\n" in text[end:start] for end, start in zip(ends[:-1], starts[1:], strict=True)]
    space_em = FIXED_EM if is_fixed else SPACE_EM
    widths = np.array([measure_text(one[0], is_fixed) for one in found]) + space_em * has_space
    return TextUnits(starts, ends, np.concatenate([[0.0], np.cumsum(widths)]), has_space, ends_line, space_em)
