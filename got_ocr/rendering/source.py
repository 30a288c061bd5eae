"""The text of a page with its brackets matched once, so that reading it never goes over it again and again."""

import re
from bisect import bisect_left

MAX_INDEXED_MARK = 9  # "</smiles>"; longer marks are runs of one sign, too few to be worth a list.
MAX_TITLE_CHARACTERS = 300
# A terminal's escape sequences, so that nothing of them is left when their first character goes.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]{0,40}[ -/]{0,8}[@-~]?|\][^\x07\x1b\n]{0,400}(?:\x07|\x1b\\)?|[@-Z\\^_])")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_ENVIRONMENT = re.compile(r"\\(begin|end)\s*\{\s*([A-Za-z]+\*?)\s*\}")
# What neither HTML nor XML may contain, and what would let text steer its own layout.
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_PLANE_ENDS = re.compile(
    "[" + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0x10000, 0x110000, 0x10000)) + "]"
)


def clean(text: str) -> str:
    """Make line ends uniform and replace the characters that no page may contain by U+FFFD."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n\n")
    return _PLANE_ENDS.sub("\ufffd", _CONTROLS.sub("\ufffd", text))


def one_line(text: str, max_characters: int = MAX_TITLE_CHARACTERS) -> str:
    """Make a title of any text: one line, no control character or escape sequence, not too long."""
    line = " ".join(_ESCAPES.sub("", text).split())
    line = " ".join(clean(line).replace("\ufffd", " ").split())
    return line if len(line) <= max_characters else f"{line[: max_characters - 2]} …"


class Source:
    r"""A text and its matched braces and environments.

    Args:
        text: The text, cleaned.

    Attributes:
        brace_ends: Position of each opening brace -> position of the brace that closes it.
        environments: Position of each ``\begin`` -> (name, start of the inside, its end, after ``\end{}``); the last
            two are -1 where it isn't closed.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.brace_ends: dict[int, int] = {}
        self.environments: dict[int, tuple[str, int, int, int]] = {}
        self._positions: dict[str, list[int]] = {}
        stack: list[int] = []
        for match in _BRACE.finditer(text):
            if match[0] == "{":
                stack.append(match.start())
            elif match[0] == "}" and stack:
                self.brace_ends[stack.pop()] = match.start()
        self._match_environments()

    def _match_environments(self) -> None:
        stack: list[tuple[str, int]] = []
        open_counts: dict[str, int] = {}
        for match in _ENVIRONMENT.finditer(self.text):
            name = match[2]
            if match[1] == "begin":
                self.environments[match.start()] = (name, match.end(), -1, -1)
                stack.append((name, match.start()))
                open_counts[name] = open_counts.get(name, 0) + 1
                continue
            if not open_counts.get(name):
                continue
            while stack:
                opened, start = stack.pop()
                open_counts[opened] -= 1
                if opened == name:
                    self.environments[start] = (name, self.environments[start][1], match.start(), match.end())
                    break

    def find(self, mark: str, start: int, end: int) -> int:
        """Find a mark as `str.find` does, by a list of all its places that is made once.

        Args:
            mark: What to find.
            start: From where.
            end: Where the reader's piece of the text ends; the mark has to end before it.

        Returns:
            Its position, or -1.
        """
        if len(mark) > MAX_INDEXED_MARK:
            return self.text.find(mark, start, end)
        positions = self._positions.get(mark)
        if positions is None:
            positions = [match.start() for match in re.finditer(f"(?={re.escape(mark)})", self.text)]
            self._positions[mark] = positions
        return self._first(positions, start, end - len(mark))

    def find_emphasis_end(self, start: int, end: int) -> int:
        """Find an asterisk that may close emphasis: no space before it, no letter after it; -1 where none does."""
        positions = self._positions.get("emphasis")
        if positions is None:
            positions = [match.start() for match in re.finditer(r"(?<!\s)\*(?![^\W_])", self.text)]
            self._positions["emphasis"] = positions
        return self._first(positions, start, end - 1)

    @staticmethod
    def _first(positions: list[int], start: int, last: int) -> int:
        found = bisect_left(positions, start)
        return positions[found] if found < len(positions) and positions[found] <= last else -1

    def group(self, start: int, end: int) -> tuple[int, int, int] | None:
        """Find the braced group that begins at `start` (spaces before it are skipped).

        Args:
            start: Where to look.
            end: Where the reader's piece of the text ends.

        Returns:
            Start and end of the inside and the position after it, or None where no group begins. A group that isn't
            closed ends with its line.
        """
        while start < end and self.text[start] in " \t":
            start += 1
        if start >= end or self.text[start] != "{":
            return None
        close = self.brace_ends.get(start, -1)
        if 0 <= close < end:
            return start + 1, close, close + 1
        line_end = self.find("\n", start, end)
        line_end = end if line_end < 0 else line_end
        return start + 1, line_end, line_end

    def environment(self, start: int, end: int) -> tuple[str, int, int, int, bool]:
        r"""Find the environment whose ``\begin`` stands at `start`.

        Returns:
            Its name, the start and end of its inside, the position after it, and whether it was closed. One that isn't
            closed ends at the next empty line.
        """
        name, inside, close, after = self.environments[start]
        if close >= 0 and after <= end:
            return name, min(inside, end), close, after, True
        blank = self.find("\n\n", inside, end)
        close = end if blank < 0 else blank
        return name, min(inside, end), close, close, False
