r"""Read the column specification of LaTeX's tables: letters, rules, repetitions."""

import re

MAX_COLUMNS = 200
MAX_SPEC_CHARACTERS = 2000
_MAX_MARKS = 2 * MAX_COLUMNS  # A rule beside each column.
_MAX_DEPTH = 4
_REPEAT = re.compile(r"\*\s*\{\s*(\d{1,2})\s*\}\s*(?=\{)")
_SKIPPED = re.compile(r"[@!<>]\s*(?=\{)")
_COLUMN = re.compile(r"([lcrXLCRSpmb])(\s*(?=\{))?")
_LETTERS = {"L": "l", "C": "c", "R": "r", "S": "r"}


def parse_columns(spec: str) -> tuple[list[str], set[int]]:
    """Read an array's column specification.

    Args:
        spec: Such as ``|l|cc@{}r|`` or ``*{3}{c}``.

    Returns:
        The columns' letters (at most `MAX_COLUMNS`), and where vertical rules stand (0: before the first column).
    """
    columns: list[str] = []
    lines: set[int] = set()
    for mark in _read_marks(spec[:MAX_SPEC_CHARACTERS], 0):
        if mark in "|:":
            lines.add(len(columns))
        elif len(columns) < MAX_COLUMNS:
            columns.append(_LETTERS.get(mark, mark))
    return columns, lines


def _read_marks(spec: str, depth: int) -> list[str]:
    """Spread a specification to letters and rules, at most `_MAX_MARKS`."""
    marks: list[str] = []
    position = 0
    while position < len(spec) and len(marks) < _MAX_MARKS:
        repeat = _REPEAT.match(spec, position)
        if repeat:
            end = _group_end(spec, repeat.end())
            inner = _read_marks(spec[repeat.end() + 1 : end], depth + 1) if depth < _MAX_DEPTH else []
            times = min(int(repeat[1]), _MAX_MARKS // max(1, len(inner)) + 1)
            marks += inner * times
            position = end + 1
            continue
        skipped = _SKIPPED.match(spec, position)
        column = _COLUMN.match(spec, position)
        if skipped:
            position = _group_end(spec, skipped.end()) + 1
        elif column:
            marks.append(column[1])
            position = column.end() if column[2] is None else _group_end(spec, column.end()) + 1
        else:
            if spec[position] in "|:":
                marks.append(spec[position])
            position += 1
    return marks[:_MAX_MARKS]


def _group_end(spec: str, start: int) -> int:
    """Find the brace that closes the one at `start`; the end where none does."""
    depth = 0
    for match in re.compile(r"[{}]").finditer(spec, start):
        depth += 1 if match[0] == "{" else -1
        if depth == 0:
            return match.start()
    return len(spec)
