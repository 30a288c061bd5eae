"""Lines as business documents have them: receipts, forms, tables, letterheads, references; most are no sentences.

A line is a string in which `COLUMN_GAP` stands between columns, and `RAISED`, `LOWERED` and `LEVEL` say that what
follows is set as a superscript, as a subscript or on the line again; `plain_text` gives what it reads.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from got_ocr.synthesis.text.corpus import Corpus

GRAMMAR_FILE = Path(__file__).with_name("grammar.txt")
# How often a line is of each kind.
LINE_KINDS = {
    "prose": 0.27,
    "receipt-item": 0.08,
    "receipt-total": 0.06,
    "receipt-label": 0.06,
    "receipt-ending": 0.03,
    "form-field": 0.07,
    "address": 0.06,
    "contact": 0.035,
    "capitals": 0.06,
    "heading": 0.04,
    "numbers": 0.09,
    "cell": 0.06,
    "table-row": 0.06,
    "program": 0.025,
    "reference": 0.03,
    "notes": 0.05,
    "similar": 0.03,
}
COLUMN_GAP = "\t"
RAISED, LOWERED, LEVEL = "\x01", "\x02", "\x03"
_SCRIPT_MARKS = str.maketrans("", "", RAISED + LOWERED + LEVEL)
_MARKS = {"tab": COLUMN_GAP, "sup": RAISED, "sub": LOWERED, "end": LEVEL, "bar": "|"}
_FIELD = re.compile(r"\{([^{}|]+)(?:\|(\w+))?\}")
_RANGE = re.compile(r"([#$]?)(\d+)-(\d+)")
_WEIGHT = re.compile(r"(\d+)\* ")
_CAPITALS, _DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
_CURRENCIES = ("$", "$", "$", "£", "€", "RM", "RM ", "USD ", "US$", "EUR ", "CHF ", "A$", "¥", "Rs. ", "kr ")
_MOST_TRIES = 20


def plain_text(line: str) -> str:
    """Tell what a line reads.

    Args:
        line: with the module's marks.

    Returns:
        The text without them, a space for a gap between columns.
    """
    return " ".join(line.translate(_SCRIPT_MARKS).split())


@dataclass(frozen=True)
class Rule:
    """A rule of the grammar.

    Attributes:
        alternatives: with fields in braces.
        weights: (len(alternatives),) float64, adding up to 1.
    """

    alternatives: tuple[str, ...]
    weights: np.ndarray


@lru_cache(maxsize=1)
def read_grammar() -> str:
    """Read grammar.txt.

    Returns:
        Its text.
    """
    return GRAMMAR_FILE.read_text(encoding="utf-8")


def parse_grammar(text: str) -> dict[str, Rule]:
    """Read a grammar.

    Args:
        text: see grammar.txt.

    Returns:
        Rules by name.

    Raises:
        ValueError: a rule has no alternative, or is there twice.
    """
    rules: dict[str, Rule] = {}
    for paragraph in text.strip().split("\n\n"):
        name, *lines = paragraph.splitlines()
        if name.startswith("#"):
            continue
        alternatives: list[str] = []
        weights: list[float] = []
        for line in lines:
            weight = _WEIGHT.match(line)
            line = line[weight.end() :] if weight else line
            parts = line.split(" | ")
            alternatives += parts
            weights += [float(weight.group(1)) if weight else 1.0] * len(parts)
        if not alternatives or name in rules:
            raise ValueError(f"rule {name!r} of the grammar {'is there twice' if alternatives else 'is empty'}")
        values = np.array(weights)
        rules[name] = Rule(tuple(alternatives), values / values.sum())
    return rules


class DocumentText:
    """Writes lines of documents."""

    def __init__(self, corpus: Corpus, alphabet: frozenset[str], grammar: str | None = None) -> None:
        """Set the words that lines are made of.

        Args:
            corpus: prose and words.
            alphabet: a line has no other characters.
            grammar: in the form of grammar.txt; None: that file.

        Raises:
            ValueError: the corpus has no words or no prose, or the grammar names a rule that isn't there.
        """
        if not corpus.words or not corpus.paragraphs:
            raise ValueError(
                "lines of documents need words and prose: install a word list (Debian: apt-get install wamerican) "
                "and name text files of your own (`corpus`)"
            )
        self.corpus = corpus
        self.alphabet = alphabet
        plain = [word for word in corpus.words if word.isalpha()]
        self.names = [word for word in plain if word[0].isupper() and 2 < len(word) < 11] or plain
        self.words = [word for word in plain if word.islower() and len(word) < 13] or plain
        self.rules = parse_grammar(read_grammar() if grammar is None else grammar)
        self.makers: Mapping[str, Callable[[np.random.Generator], str]] = {
            "word": self._word,
            "name": self._name,
            "prose": self._prose,
            "amount": self._amount,
            "mixed": self._mixed,
        } | {f"words{count}": self._phrase_of(count) for count in range(1, 7)}
        self._kinds = list(LINE_KINDS)
        weights = np.array(list(LINE_KINDS.values()))
        self._weights = weights / weights.sum()
        for name, rule in self.rules.items():
            for field in _FIELD.finditer(" ".join(rule.alternatives)):
                if not self._is_known(field.group(1)):
                    raise ValueError(f"rule {name!r} of the grammar names {field.group(1)!r}, which isn't there")

    def _is_known(self, field: str) -> bool:
        return bool(
            field in self.rules
            or field in self.makers
            or field in _MARKS
            or field == "decimal"
            or _RANGE.fullmatch(field)
        )

    def kind(self, rng: np.random.Generator) -> str:
        """Draw a kind of line.

        Args:
            rng: decides.

        Returns:
            Its name.
        """
        return self._kinds[int(rng.choice(len(self._kinds), p=self._weights))]

    def line(self, rng: np.random.Generator, kind: str | None = None) -> str:
        """Write a line.

        Args:
            rng: decides everything.
            kind: `prose` or a rule of the grammar; drawn if None.

        Returns:
            At least one character that is neither a space nor a mark.
        """
        for _ in range(_MOST_TRIES):
            text = self._expand(rng, kind or self.kind(rng), int(rng.integers(0, 5)))
            read = plain_text(text)
            if read and self.alphabet.issuperset(read):
                return text
        return "No. 1"

    def _expand(self, rng: np.random.Generator, name: str, places: int) -> str:
        """Write what a field stands for; `places` are the decimals of all numbers of a line."""
        if name in _MARKS:
            return _MARKS[name]
        if name in self.makers:
            return self.makers[name](rng)
        if name == "decimal":
            return f"{10 ** rng.uniform(-2.5, rng.choice([1.0, 2.0, 3.0])):.{places}f}"
        bounds = _RANGE.fullmatch(name)
        if bounds:
            return _draw_range(rng, *bounds.groups())
        rule = self.rules[name]
        chosen = rule.alternatives[int(rng.choice(len(rule.alternatives), p=rule.weights))]

        def write(field: re.Match[str]) -> str:
            return _cased(rng, self._expand(rng, field.group(1), places), field.group(2))

        return _FIELD.sub(write, chosen)

    def _word(self, rng: np.random.Generator) -> str:
        return self.words[int(rng.integers(len(self.words)))]

    def _name(self, rng: np.random.Generator) -> str:
        return self.names[int(rng.integers(len(self.names)))] if rng.random() < 0.7 else self._word(rng).capitalize()

    def _mixed(self, rng: np.random.Generator) -> str:
        return "".join(rng.choice(list(_CAPITALS + _DIGITS), int(rng.integers(4, 11))))

    def _paragraph(self, rng: np.random.Generator) -> list[str]:
        return self.corpus.paragraphs[int(rng.integers(len(self.corpus.paragraphs)))].split()

    def _phrase_of(self, count: int) -> Callable[[np.random.Generator], str]:
        def write(rng: np.random.Generator) -> str:
            if rng.random() < 0.5:
                return " ".join(self._word(rng) for _ in range(count))
            words = self._paragraph(rng)
            start = int(rng.integers(max(1, len(words) - count)))
            return " ".join(words[start : start + count])

        return write

    def _prose(self, rng: np.random.Generator) -> str:
        """Running text from any word on, now and then with a note's mark or a number."""
        words = self._paragraph(rng)
        start = int(rng.integers(max(1, len(words) - 4)))
        text = " ".join(words[start : start + 14])
        if rng.random() < 0.3:
            text = text.replace("'", "’")
        parts = text.split(" ")
        if rng.random() < 0.12:
            at = int(rng.integers(len(parts)))
            parts[at] += f"{RAISED}{rng.integers(1, 40)}{LEVEL}" if rng.random() < 0.6 else f" [{rng.integers(1, 90)}]"
        if rng.random() < 0.1:
            parts.insert(int(rng.integers(len(parts) + 1)), self._expand(rng, "number", int(rng.integers(0, 4))))
        return " ".join(parts)

    def _amount(self, rng: np.random.Generator) -> str:
        """A price or sum, in the ways of several countries."""
        value = int(10 ** rng.uniform(0.0, rng.choice([2.0, 3.0, 5.0, 6.5])))
        cents = int(rng.choice([0, 50, 90, 95, 99])) if rng.random() < 0.4 else int(rng.integers(100))
        style = rng.random()
        if style < 0.62:
            text = f"{value}.{cents:02d}"
        elif style < 0.77:
            text = f"{value:,}.{cents:02d}"
        elif style < 0.87:
            text = f"{value:,}".replace(",", "." if rng.random() < 0.7 else " ") + f",{cents:02d}"
        elif style < 0.95:
            text = f"{value:,}"
        else:
            text = f"{value}.{rng.integers(10)}" if rng.random() < 0.5 else f"{value}.-"
        if rng.random() < 0.25:
            mark = _pick(rng, _CURRENCIES)
            text = mark + text if rng.random() < 0.85 else f"{text} {mark.strip()}"
        sign = rng.random()
        if sign < 0.07:
            return "-" + text if sign < 0.05 else f"({text})"
        return text + _pick(rng, ("-", "CR", "*", " T", " SR", " S", "A", " Z")) if sign < 0.1 else text


def _draw_range(rng: np.random.Generator, kind: str, least: str, most: str) -> str:
    """`3-40`: a number; `#4-13`: so many digits; `$2-4`: so many capitals."""
    count = int(rng.integers(int(least), int(most) + 1))
    if not kind:
        return str(count)
    return "".join(rng.choice(list(_DIGITS if kind == "#" else _CAPITALS), count))


def _cased(rng: np.random.Generator, text: str, way: str | None) -> str:
    """Change letters: `upper`, `title`, `cased` for any of the three."""
    if way == "cased":
        way = _pick(rng, ("upper", "title", "plain"))
    if way == "upper":
        return text.upper()
    return " ".join(word[:1].upper() + word[1:] for word in text.split(" ")) if way == "title" else text


def _pick(rng: np.random.Generator, choices: Sequence[str]) -> str:
    return choices[int(rng.integers(len(choices)))]
