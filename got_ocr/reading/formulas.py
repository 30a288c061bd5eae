r"""Which formulas of a slice's answer are kept: as Unicode in plain mode, in their places in format mode.

A small model that is asked for format turns whatever it can't read into fluent formulas, and reads plain words worse.
So the words of a page come from its plain reading, and of the formatted reading the formulas alone, where these and
their surroundings were read surely.
"""

import re
from dataclasses import replace
from difflib import SequenceMatcher

from ..slices.formula_text import FORMULA
from ..slices.plain_text import to_plain_text
from .answer import GotOcrAnswer, GotOcrLine

# Settled on the slices of 40 drawn pages with formulas and of 60 real documents, most of them without: so 19 of 36
# formulas were read right and 11 wrong, and of 332 on real pages, nearly all of them nonsense, 10 are left.
CERTAIN_FORMULA = 0.85  # Least geometric mean of a formula's tokens' probabilities.
CERTAIN_SLICE = 0.95  # The same of all tokens of the answer that it stands in.
# A plain answer all of whose tokens are more probable shows no formula: some seven in ten slices of clean pages.
PLAIN_SLICE = 0.97
# In plain mode: a slice with formulas that was read with less certainty than this is no better than letters (real
# pages of papers).
CERTAIN_IN_PLAIN = 0.9
BACKSLASH = "\\"  # What every sign of LaTeX begins with.
_WORD = re.compile(rf"(?:{FORMULA.pattern}|\S)+", re.DOTALL)


def may_have_formulas(plain: GotOcrAnswer) -> bool:
    """Tell whether a slice is worth a second reading, for its formulas.

    Args:
        plain: Its answer to the prompt for plain text.

    Returns:
        Whether some of it was read with doubt.
    """
    return (plain.min_probability or 0.0) < PLAIN_SLICE


def insert_formulas(plain: GotOcrAnswer, formatted: GotOcrAnswer) -> GotOcrAnswer:
    r"""Put the formulas that were surely read into a slice's plain text.

    Args:
        plain: The slice's answer to the prompt for plain text.
        formatted: Its answer to the prompt for formatted text.

    Returns:
        The plain answer with a formula, `\(...\)` or `\[...\]`, for each word or words that the formatted reading has
        one for. An answer that has other lines, as a fraction makes, is taken whole if all of its formulas are sure.
    """
    formulas = [probability for line in formatted.lines for probability in line.formulas]
    is_sure = (formatted.mean_probability or 0.0) >= CERTAIN_SLICE
    if not is_sure or max(formulas, default=0.0) < CERTAIN_FORMULA:
        return plain
    if len(plain.lines) != len(formatted.lines):
        return formatted if min(formulas) >= CERTAIN_FORMULA else plain
    texts = [_insert(line.text, other) for line, other in zip(plain.lines, formatted.lines, strict=True)]
    lines = tuple(replace(line, text=text) for line, text in zip(plain.lines, texts, strict=True))
    return replace(plain, text="\n".join(texts), lines=lines)


def choose_plain(formula: GotOcrAnswer, plain: GotOcrAnswer) -> GotOcrAnswer:
    """Choose what a slice reads in plain mode, whose answer has LaTeX.

    Args:
        formula: That answer.
        plain: The slice's answer where LaTeX was not allowed.

    Returns:
        The first one with its formulas as Unicode, if it was read surely, else the second one.
    """
    is_certain = (formula.mean_probability or 0.0) >= CERTAIN_IN_PLAIN
    return without_latex(formula) if is_certain else without_latex(plain)


def without_latex(answer: GotOcrAnswer) -> GotOcrAnswer:
    """Write the formulas of a plain answer as Unicode. Args: answer: the answer. Returns: one without LaTeX."""
    lines = tuple(replace(line, text=to_plain_text(line.text)) for line in answer.lines)
    text = "\n".join(to_plain_text(line) for line in answer.text.split("\n"))
    return replace(answer, text=text.strip(), lines=tuple(line for line in lines if line.text))


def _insert(plain: str, formatted: GotOcrLine) -> str:
    """Put a line's sure formulas into its plain text."""
    probabilities = iter(formatted.formulas)
    words: list[str] = []
    sure: list[bool | None] = []  # None: a word without formula.
    for match in _WORD.finditer(formatted.text):
        own = [next(probabilities, 0.0) for _ in FORMULA.finditer(match.group())]
        words.append(match.group())
        sure.append(min(own) >= CERTAIN_FORMULA if own else None)
    old = plain.split()
    merged: list[str] = []
    for tag, begin, end, first, last in SequenceMatcher(None, old, words, autojunk=False).get_opcodes():
        verdicts = sure[first:last]
        if tag == "insert":
            merged += [word for word, verdict in zip(words[first:last], verdicts, strict=True) if verdict]
        elif tag == "replace" and True in verdicts and False not in verdicts:
            # Words before the first formula and behind the last one are the plain reading's.
            before, behind = verdicts.index(True), verdicts[::-1].index(True)
            merged += old[begin : min(begin + before, end)]
            merged += words[first + before : last - behind]
            merged += old[max(end - behind, begin + before) : end]
        else:
            merged += old[begin:end]
    return " ".join(merged)
