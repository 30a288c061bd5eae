"""The tokens of one formula, and what is taken from them as they are: groups, lengths, delimiters."""

import re
from bisect import bisect_left

from got_ocr.rendering import math_symbols as symbols
from got_ocr.rendering.formula_nodes import LENGTH, TOKEN

MAX_OPTION_CHARACTERS = 40  # Of what stands in \\[2pt], \cfrac[l]: a length or a word.
MAX_OPTION_TOKENS = 24
_OPTION = re.compile(r"-?[\d.]+\s*[a-z]{2}|[a-zA-Z]?")
_NO_DELIMITERS = frozenset({"{", "}", "&", "\\\\", "^", "_", "\\end", "\\left", "\\right"})
_FORMULA_MARK = re.compile(r"\$|\\\(|\\\)")


class TokenReader:
    """The tokens of a formula, each taken once.

    Args:
        tex: The formula.

    Attributes:
        tokens: The formula's tokens without spaces.
        starts: Where in `tex` each begins.
        index: The next token.
        brace_ends: Index of each opening brace's token -> index of the token that closes it.
        notes: What was damaged.
    """

    def __init__(self, tex: str) -> None:
        self.tex = tex
        self.notes: list[str] = []
        self.tokens: list[str] = []
        self.starts: list[int] = []
        for match in TOKEN.finditer(tex):
            if not match[0].isspace():
                self.tokens.append(match[0])
                self.starts.append(match.start())
        self.index = 0
        self.brace_ends = self._match_braces()

    def _match_braces(self) -> dict[int, int]:
        ends: dict[int, int] = {}
        stack: list[int] = []
        for index, token in enumerate(self.tokens):
            if token == "{":
                stack.append(index)
            elif token == "}" and stack:
                ends[stack.pop()] = index
        if stack or self.tokens.count("}") != len(ends):
            self.notes.append("unbalanced braces")
        return ends

    def peek(self) -> str:
        """The next token, or "" at the end."""
        return self.tokens[self.index] if self.index < len(self.tokens) else ""

    def take(self) -> str:
        """Take the next token; "" at the end."""
        token = self.peek()
        self.index += 1
        return token

    def skip(self, token: str) -> bool:
        """Take the next token if it is this one; returns whether it was."""
        found = self.peek() == token
        self.index += found
        return found

    def take_source(self) -> str:
        """Take a group as the source it is; nothing where no group follows."""
        if self.peek() != "{":
            return ""
        start = self.index
        end = self.brace_ends.get(start)
        if end is None:  # Truncated: the group goes on to the end.
            self.index = len(self.tokens)
            return self.tex[self.starts[start] + 1 :]
        self.index = end + 1
        return self.tex[self.starts[start] + 1 : self.starts[end]]

    def skip_option(self) -> None:
        """Take ``[...]`` if one follows at once, and no more than a length or a word."""
        if self.peek() != "[":
            return
        for end in range(self.index + 1, min(self.index + MAX_OPTION_TOKENS, len(self.tokens))):
            if self.tokens[end] == "]":
                content = self.tex[self.starts[self.index] + 1 : self.starts[end]].strip()
                if len(content) <= MAX_OPTION_CHARACTERS and _OPTION.fullmatch(content):
                    self.index = end + 1
                return

    def take_length(self) -> str:
        r"""Take a length without braces, as after \kern; "" where none follows."""
        match = LENGTH.match(self.tex, self.starts[self.index]) if self.index < len(self.tokens) else None
        if not match:
            return ""
        while self.index < len(self.tokens) and self.starts[self.index] < match.end():
            self.index += 1
        return match[0]

    def take_delimiter(self) -> str:
        r"""Take what follows \left, \right or \big; "" where it is a dot or no delimiter follows."""
        token = self.peek()
        if not token or token in _NO_DELIMITERS or token.isalnum():
            return ""
        if token[0] == "\\" and len(token) > 1:
            if token[1:] not in symbols.DELIMITERS:
                return ""
            return symbols.DELIMITERS[self.take()[1:]]
        self.take()
        return {".": "", "<": "⟨", ">": "⟩"}.get(token, token)


def split_text(text: str) -> list[tuple[str, bool]]:
    r"""Cut the inside of ``\text{}`` at the formulas in it.

    Args:
        text: What stands between the braces.

    Returns:
        Its pieces, and of each whether it is a formula (between dollars, or ``\(`` and ``\)``).
    """
    marks = [(match[0], match.start()) for match in _FORMULA_MARK.finditer(text)]
    starts = {mark: [start for found, start in marks if found == mark] for mark in ("$", "\\)")}
    pieces: list[tuple[str, bool]] = []
    position = 0
    for mark, start in marks:
        if start < position or mark == "\\)":
            continue
        closing = "$" if mark == "$" else "\\)"
        inside = start + len(mark)
        closings = starts[closing]
        found = bisect_left(closings, inside)
        if found == len(closings):
            continue
        pieces += [(text[position:start], False), (text[inside : closings[found]], True)]
        position = closings[found] + len(closing)
    pieces.append((text[position:], False))
    return [piece for piece in pieces if piece[0]]
