r"""Mend the formulas in the text of lines that were cut into pieces to be read.

A formula between `\(` and `\)` that was cut at a gap is read in two parts, and from a part alone, such as a 1 behind
`n+`, one can't tell that it belongs to a formula, nor from a number alone whether it is one.
"""

import re

_CUT = re.compile(r"\\\)\s*\\\(")
_DELIMITER = re.compile(r"(\\\(|\\\))")
_UNCLOSED = re.compile(r"(?:\\[A-Za-z]+ (?=\S)|\S)*")  # Up to the first space that doesn't end a command.
_COMMAND_END = re.compile(r"\\[A-Za-z]+$")
_LONE_FORMULA = re.compile(r"\\\((.+)\\\)([.,;]?)(?:\s*\((\d[\d.]*)\))?", re.DOTALL)
_LONE_NUMBER = re.compile(r"\\\(\s*(\d+(?:[.,]\d+)*)\s*\\\)")
_COMMANDS = ["leq", "geq", "neq", "approx", "equiv", "sim", "in", "subset", "cup", "cap", "pm", "cdot", "times", "to"]
_TERM = r"(\d+(?:[.,]\d+)?[A-Za-z]?|[A-Za-z])(?![\w'’]|[.,]\w)"  # A number, a variable, or a number of them.
_CUT_BEHIND_SIGN = re.compile(rf"([-+=<>]|\\(?:{'|'.join(_COMMANDS)}))\s*\\\) {_TERM}")
_CUT_BEFORE_SIGN = re.compile(rf"\s*\\\) ([+=<>]) ?{_TERM}")


def balance(text: str) -> str:
    r"""Close what `\(` opens and nothing closes, and drop a `\)` that closes nothing.

    Args:
        text: of a piece, in which no formula stands in another.

    Returns:
        The text with as many of both; an unclosed formula ends before the first space.
    """
    written, is_open = "", False
    for part in _DELIMITER.split(text):
        if part == r"\(":
            written += (r"\)" if is_open else "") + part
            is_open = True
        elif part == r"\)":
            written += part if is_open else ""
            is_open = False
        else:
            written += part
    if is_open:
        begin = written.rindex(r"\(")
        found = _UNCLOSED.match(written, begin)
        end = found.end() if found else len(written)
        written = written[:end] + r"\)" + written[end:]
    return written.replace(r"\(\)", "")


def join_formulas(text: str) -> str:
    r"""Join the parts of formulas that were cut, and write numbers alone as text.

    Args:
        text: of a line or of joined lines, such as `\(x+\) \(y\)`, `\(n+\) 1`, `\(x\) = 2`.

    Returns:
        The text with one formula in their place: `\(x+y\)`, `\(n+1\)`, `\(x=2\)`.
    """
    joined = ""
    for part in _CUT.split(text):
        joined = _run_in(joined, part)
    joined = _CUT_BEHIND_SIGN.sub(lambda found: _run_in(found[1], found[2]) + r"\)", joined)
    joined = _CUT_BEFORE_SIGN.sub(r"\1\2\\)", joined)
    return _LONE_NUMBER.sub(r"\1", joined)


def _run_in(first: str, second: str) -> str:
    """Join two parts of a formula, a letter behind a command by a space."""
    return first + (" " if _COMMAND_END.search(first) and second[:1].isalpha() else "") + second


def as_display(text: str) -> str:
    r"""Write a paragraph that is a formula and perhaps its number as a displayed formula.

    Args:
        text: of a paragraph.

    Returns:
        Such as `\[`, the formula and its `\tag{}`, `\]`; any other text as it is.
    """
    found = _LONE_FORMULA.fullmatch(text)
    if not found or r"\(" in found[1]:
        return text
    tag = f" \\tag{{{found[3]}}}" if found[3] else ""
    return f"\\[\n{found[1].strip()}{found[2]}{tag}\n\\]"
