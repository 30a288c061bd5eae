"""The small change of TikZ: numbers, lengths, colours, lists, brackets; expressions are worked out without `eval`."""

import math
import re
from collections.abc import Callable
from functools import lru_cache

from got_ocr.rendering.formula_latex import formula_to_text
from got_ocr.rendering.formula_nodes import plain_text
from got_ocr.rendering.formulas import parse_formula

UNIT_PX = 38.0  # One centimetre.
MAX_LOOP_VALUES = 400
MAX_EXPRESSION_CHARACTERS = 300
MAX_EXPRESSION_DEPTH = 20
MAX_EXPONENT = 50

_COLORS = {
    "black": "#000", "white": "#fff", "red": "#d00", "green": "#0a0", "blue": "#00d", "cyan": "#0bb", 
    "magenta": "#d0d",
    "yellow": "#dd0", "gray": "#888", "grey": "#888", "lightgray": "#ccc", "darkgray": "#555", "orange": "#f80",
    "purple": "#808", "brown": "#852", "teal": "#088", "violet": "#80a", "pink": "#fac", 
    "lime": "#8d0", "olive": "#880",
}  # fmt: skip
WIDTHS_PT = {
    "ultra thin": 0.1, "very thin": 0.2, "thin": 0.4, "semithick": 0.6, "thick": 0.8, "very thick": 1.2,
    "ultra thick": 1.6,
}  # fmt: skip
DASHES = {
    "dashed": "5 4", "densely dashed": "4 2.5", "loosely dashed": "6 7", "dotted": "1 3", "densely dotted": "1 2",
    "loosely dotted": "1 5", "dash dot": "5 3 1 3", "dashdotted": "5 3 1 3",
}  # fmt: skip
ANCHORS: dict[str, tuple[float, float]] = {
    "above": (0, 1), "below": (0, -1), "left": (-1, 0), "right": (1, 0), "above left": (-1, 1), "above right": (1, 1),
    "below left": (-1, -1), "below right": (1, -1), "left above": (-1, 1), "right above": (1, 1),
    "left below": (-1, -1), "right below": (1, -1),
}  # fmt: skip
COMPASS: dict[str, tuple[float, float]] = {
    "north": (0, -1), "south": (0, 1), "east": (-1, 0), "west": (1, 0), "north east": (-1, -1), "north west": (1, -1),
    "south east": (-1, 1), "south west": (1, 1), "center": (0, 0), "base": (0, 0),
}  # fmt: skip
LENGTH_CM = {"cm": 1.0, "mm": 0.1, "pt": 0.03515, "ex": 0.15, "em": 0.35, "in": 2.54, "": 1.0}


def take_brackets(text: str, position: int) -> tuple[str, int]:
    """Take ``[...]`` at `position`, if it stands there."""
    match = re.compile(r"\s*\[").match(text, position)
    if not match:
        return "", position
    end = closing_bracket(text, match.end() - 1, "[", "]")
    return text[match.end() : end], end + 1


def closing_bracket(text: str, position: int, opening: str, closing: str) -> int:
    """Find the bracket that closes the one at `position`."""
    depth = 0
    for index in range(position, len(text)):
        if text[index] == opening:
            depth += 1
        elif text[index] == closing:
            depth -= 1
            if depth == 0:
                return index
    raise ValueError(f"{closing} is missing")


def statement_end(text: str, position: int) -> int:
    """Find the semicolon that ends a command, outside braces."""
    depth = 0
    for index in range(position, len(text)):
        if text[index] == "{":
            depth += 1
        elif text[index] == "}":
            depth -= 1
        elif text[index] == ";" and depth <= 0:
            return index
    return len(text)


def scope_end(text: str, position: int) -> int:
    r"""Find the ``\end{scope}`` that closes a scope whose inside begins at `position`."""
    depth = 1
    for match in re.compile(r"\\(begin|end)\s*\{scope\}").finditer(text, position):
        depth += 1 if match[1] == "begin" else -1
        if depth == 0:
            return match.start()
    return len(text)


def split_commas(text: str) -> list[str]:
    """Cut at commas that stand in no bracket."""
    parts, depth, start = [], 0, 0
    for index, character in enumerate(text):
        depth += (character in "{[(") - (character in "}])")
        if character == "," and depth == 0:
            parts.append(text[start:index].strip())
            start = index + 1
    parts.append(text[start:].strip())
    return [part for part in parts if part]


def loop_values(text: str) -> list[str]:
    r"""Spread the values of ``\foreach``, dots included; at most `MAX_LOOP_VALUES`."""
    given = split_commas(text)
    values: list[str] = []
    for index, value in enumerate(given):
        if len(values) >= MAX_LOOP_VALUES:
            break
        if value not in ("...", "\\ldots", "\\dots") or not 0 < index < len(given) - 1:
            values.append(value)
            continue
        before = given[index - 2] if index >= 2 else None
        values += _between(given[index - 1], given[index + 1], before)
    return values[:MAX_LOOP_VALUES]


def _between(first: str, last: str, before: str | None) -> list[str]:
    """List what the dots between two values stand for; `before` is the value before them, which tells the step."""
    if len(first) == len(last) == 1 and first.isalpha() and last.isalpha():
        return [chr(code) for code in range(ord(first) + 1, min(ord(last), ord(first) + MAX_LOOP_VALUES))]
    start, stop = read_number(first), read_number(last)
    step = start - read_number(before) if before is not None else math.copysign(1, stop - start)
    count = (stop - start) / step + 1e-6 if step else 0.0
    if not math.isfinite(count):
        raise ValueError("a loop has no end")
    return [f"{start + step * number:g}" for number in range(1, min(int(count), MAX_LOOP_VALUES))]


def read_number(text: str) -> float:
    """Read a number or an expression."""
    return evaluate(text, {})


def read_length(text: str, unit: str) -> float:
    """Read a length in centimetres; a bare number has `unit`."""
    text = text.strip()
    unit = text[-2:] if text[-2:] in LENGTH_CM else unit
    number = text.removesuffix(unit).strip() if unit else text
    if not number:
        raise ValueError(f"no length: {text[:20]}")
    return evaluate(number, {}) * LENGTH_CM[unit]


_FUNCTIONS: dict[str, Callable[[float], float]] = {
    "sin": lambda value: math.sin(math.radians(value)),
    "cos": lambda value: math.cos(math.radians(value)),
    "tan": lambda value: math.tan(math.radians(value)),
    "asin": lambda value: math.degrees(math.asin(value)),
    "acos": lambda value: math.degrees(math.acos(value)),
    "atan": lambda value: math.degrees(math.atan(value)),
    "sqrt": math.sqrt,
    "abs": abs,
    "exp": math.exp,
    "ln": math.log,
    "log10": math.log10,
    "rad": math.radians,
    "deg": math.degrees,
    "floor": math.floor,
    "ceil": math.ceil,
    "round": round,
}
_EXPRESSION_TOKEN = re.compile(r"\s*(?:(\d+\.?\d*(?:[eE][-+]?\d{1,2})?|\.\d+)|\\?([A-Za-z_]\w*)|(.))")


def evaluate(text: str, names: dict[str, float]) -> float:
    """Work out an arithmetic expression as TikZ writes it (angles in degrees); no `eval`.

    Args:
        text: The expression.
        names: The variables in it.

    Returns:
        Its value.

    Raises:
        ValueError: If it is none, too long, or has no real value.
    """
    if len(text) > MAX_EXPRESSION_CHARACTERS:
        raise ValueError("an expression is too long")
    return _Expression(text, names).read()


@lru_cache(maxsize=256)
def _expression_tokens(text: str) -> tuple[tuple[str, str, str], ...]:
    """Cut an expression into (number, name, mark): one of the three is not empty."""
    tokens = _EXPRESSION_TOKEN.finditer(text.strip().strip("{}"))
    return tuple((match[1] or "", match[2] or "", match[3] or "") for match in tokens)


class _Expression:
    """Recursive descent over an expression."""

    def __init__(self, text: str, names: dict[str, float]) -> None:
        self.text, self.names = text, names
        self.tokens = _expression_tokens(text)
        self.position = 0

    def read(self) -> float:
        value = self._sum(0)
        if self.position < len(self.tokens):
            raise self._refusal()
        return value

    def _refusal(self) -> ValueError:
        return ValueError(f"not a number: {self.text[:20]}")

    def _peek(self) -> str:
        return self.tokens[self.position][2] if self.position < len(self.tokens) else ""

    def _sum(self, depth: int) -> float:
        value = self._product(depth)
        while (sign := self._peek()) in ("+", "-"):
            self.position += 1
            term = self._product(depth)
            value += term if sign == "+" else -term
        return value

    def _product(self, depth: int) -> float:
        value = self._power(depth)
        while (sign := self._peek()) in ("*", "/"):
            self.position += 1
            other = self._power(depth)
            value = value * other if sign == "*" else value / other
        return value

    def _power(self, depth: int) -> float:
        sign = 1
        while self._peek() in ("-", "+"):
            sign = -sign if self._peek() == "-" else sign
            self.position += 1
        value = self._atom(depth)
        if self._peek() == "^":
            if depth > MAX_EXPRESSION_DEPTH:
                raise self._refusal()
            self.position += 1
            exponent = self._power(depth + 1)
            if abs(exponent) > MAX_EXPONENT:
                raise ValueError("an exponent is too large")
            value = value**exponent
        if self.position < len(self.tokens) and self.tokens[self.position][1] == "r":  # "\\x r": in radians.
            self.position += 1
            value = math.degrees(value)
        if isinstance(value, complex):
            raise ValueError("a root of a negative number")
        return sign * value

    def _atom(self, depth: int) -> float:
        if depth > MAX_EXPRESSION_DEPTH or self.position >= len(self.tokens):
            raise self._refusal()
        number, name, mark = self.tokens[self.position]
        self.position += 1
        if number:
            return float(number)
        if name in self.names:
            return self.names[name]
        if name in ("pi", "e"):
            return math.pi if name == "pi" else math.e
        if name in _FUNCTIONS and self._peek() == "(":
            return float(_FUNCTIONS[name](self._atom(depth + 1)))
        if mark in ("(", "{") and mark:
            value = self._sum(depth + 1)
            if self._peek() in (")", "}"):
                self.position += 1
            return value
        raise self._refusal()


def read_color(name: str, missing: str = "#000") -> str:
    """Turn xcolor's name, such as ``red!30`` or ``blue!20!black``, into a web colour."""
    match = re.fullmatch(r"([a-z]+)(?:!(\d{1,3}))?(?:!([a-z]+))?", name.strip())
    if not match or match[1] not in _COLORS:
        return missing
    if not match[2]:
        return _COLORS[match[1]]
    share = min(int(match[2]), 100) / 100
    first, second = (_COLORS.get(color, "#fff")[1:] for color in (match[1], match[3] or "white"))
    mixed = (round((int(a, 16) * share + int(b, 16) * (1 - share)) * 17) for a, b in zip(first, second, strict=True))
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def label_text(text: str) -> str:
    """Turn a label with formulas into a line of text."""
    parts = re.split(r"\$([^$]*)\$", text)
    for index, part in enumerate(parts):
        if index % 2 or re.search(r"\\[a-z]+|[_^]", part):
            parts[index] = formula_to_text(parse_formula(part))
        else:
            parts[index] = plain_text(part)
    line = "".join(parts).replace("^∘", "°").replace("\\\\", " ")
    line = re.sub(r"(?<![\w)])-(?=\d)", "−", line)
    return re.sub(r"_(\d)", lambda match: match[1].translate(_SUBSCRIPTS), line).strip()


def text_width_px(text: str, size: int) -> float:
    """Guess how wide a label is."""
    return sum(size * (1.0 if ord(character) > 0x2E7F else 0.55) for character in text)
