"""Text that stands on no page: answers that loop, and words that the picture doesn't show.

Definitions, for an answer and the truth of its picture:

- White space counts as single blanks.
- A **loop** is a piece of 1 to 40 characters that follows itself at least 4 times in all and makes at least 24
  characters so, where the truth has no such run. (Dots that lead to a page number are no loop where they are printed.)
- A **word** is a run of letters, digits and apostrophes with at least 4 characters, in lower case.
- A word is **invented** if nowhere in the truth's letters and digits, put together without blanks, does a piece stand
  that becomes the word by a quarter of its length in edits (1 edit for 4 to 7 characters, 2 for 8 to 11, and so on).
  Parted, joined and misread words are errors of another kind and don't count.
"""

import re
from dataclasses import dataclass

import numpy as np

LONGEST_PIECE = 40
LEAST_TURNS = 4
LEAST_LOOP_CHARACTERS = 24
LEAST_WORD_CHARACTERS = 4
CHARACTERS_AN_EDIT = 4

_RUN = re.compile(rf"(.{{1,{LONGEST_PIECE}}}?)\1{{{LEAST_TURNS - 1},}}")
_WORD = re.compile(rf"[^\W_](?:[^\W_]|['’]){{{LEAST_WORD_CHARACTERS - 1},}}")
_NOT_LETTERS = re.compile(r"[^\w]|_")


@dataclass(frozen=True)
class InventedText:
    """What an answer has that its picture doesn't show.

    Attributes:
        words: words of the answer that were looked up.
        invented: those of them that have no counterpart.
        loops: the runs of repeated pieces.
    """

    words: int
    invented: tuple[str, ...]
    loops: tuple[str, ...]


def find_invented(truth: str, answer: str) -> InventedText:
    """Look for loops and invented words.

    Args:
        truth: what the picture shows; empty for pictures without text.
        answer: what was read.

    Returns:
        What was found, by the definitions above.
    """
    truth, answer = " ".join(truth.split()), " ".join(answer.split())
    letters = _NOT_LETTERS.sub("", truth.lower())
    codes = np.array([ord(character) for character in letters], dtype=np.int32)
    known: dict[str, bool] = {}
    invented = []
    words = _WORD.findall(answer.lower())
    for word in words:
        spelled = _NOT_LETTERS.sub("", word)
        if spelled not in known:
            known[spelled] = spelled in letters or (least_edits(codes, spelled) <= len(spelled) // CHARACTERS_AN_EDIT)
        if not known[spelled]:
            invented.append(word)
    return InventedText(len(words), tuple(invented), tuple(find_loops(truth, answer)))


def find_loops(truth: str, answer: str) -> list[str]:
    """Find the runs of repeated pieces that the truth doesn't have.

    Args:
        truth: what the picture shows, white space as single blanks.
        answer: what was read, likewise.

    Returns:
        The runs, in order.
    """
    runs = [match.group() for match in _RUN.finditer(answer)]
    return [run for run in runs if len(run) >= LEAST_LOOP_CHARACTERS and run not in truth]


def least_edits(codes: np.ndarray, word: str) -> int:
    """Count the edits that turn the piece of a text that is most like a word into the word (Sellers' algorithm).

    Args:
        codes: (N,) int32, the text's characters.
        word: the word.

    Returns:
        The least edit distance of any piece of the text, the empty one included: at most the word's length.
    """
    steps = np.arange(len(codes) + 1)
    # row[j]: least edits from any piece of the text that ends before j to the word's characters so far.
    row = np.zeros(len(codes) + 1, dtype=np.int64)
    for character in word:
        above = row + 1
        above[1:] = np.minimum(above[1:], row[:-1] + (codes != ord(character)))
        # A character more of the text costs one: a running minimum of what came before, less the way to there.
        row = np.minimum.accumulate(above - steps) + steps
    return int(row.min())
