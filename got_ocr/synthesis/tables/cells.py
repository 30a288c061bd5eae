"""What stands in the cells of a random table: headings, words, numbers, formulas."""

# ruff: noqa: SIM905 - lists of words are read more easily as text

import re
from collections.abc import Callable, Sequence

import numpy as np

from got_ocr.synthesis.formulas.grammar import random_formula
from got_ocr.synthesis.text.corpus import Corpus

Maker = Callable[[], str]
_HEADINGS = (
    "Name Model Method Year Total Mean Value Price Amount Date Time Size Rate Score Count Type Class Group Sample "
    "Country City Region Age Weight Height Speed Power Error Loss Accuracy Precision Recall Result Source Item Order "
    "Code Level Status Unit Range Change Share Income Cost Profit Tax Quantity Product Parameter Symbol Description "
    "Dataset Run Epoch Temperature Pressure Volume Length Width Area Grade Course Student Team Points "
    "Wins Losses Minimum Maximum Median Baseline Ours Task Language Version Module Port Address Remarks No. ID"
).split()
_UNITS = "m cm mm km kg g mg s ms min h V A W kW Hz MHz K Pa L mL GB MB mol px dB".split()
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_NAMES = (
    "Alice Bruno Chen Dana Elif Farid Grace Hugo Ines Jonas Kofi Lena Marco Nadia Oscar Priya Quentin Rosa Sven Tariq "
    "Uma Viktor Wei Ximena Yusuf Zoe Berlin Paris Lagos Lima Oslo Quito Tokyo Delhi Cairo Dublin Athens Boston Denver"
).split()
_WORD = re.compile(r"[A-Za-z]{3,11}")


class CellWriter:
    """Writes cells, column by column of one kind.

    Args:
        rng: the only source of chance.
        corpus: where words come from.
        formulas: whether columns of formulas may come.
    """

    def __init__(self, rng: np.random.Generator, corpus: Corpus, formulas: bool) -> None:
        self.rng = rng
        self.corpus = corpus
        self.makers: list[Maker] = [self.words, self.words, self.integer, self.integer, self.decimal, self.decimal]
        self.makers += [self.quantity, self.percentage, self.money, self.date, self.name, self.year, self.thousands]
        self.makers += [self.signed, self.code]
        if formulas:
            self.makers += [self.formula, self.deviation]

    def pick(self, items: Sequence[str]) -> str:
        """Choose one."""
        return items[int(self.rng.integers(len(items)))]

    def column(self) -> tuple[Maker, bool]:
        """Choose what a column holds.

        Returns:
            What writes its cells, and whether they are numbers (which are set to the right as a rule).
        """
        position = int(self.rng.integers(len(self.makers)))
        return self.makers[position], position >= 2 and self.makers[position] not in (
            self.name,
            self.formula,
            self.code,
        )

    def heading(self) -> str:
        """Write a heading of one or two words, perhaps with a unit."""
        word = self.pick(_HEADINGS) if self.rng.random() < 0.7 else self.word().capitalize()
        kind = self.rng.random()
        if kind < 0.15:
            return f"{word} ({self.pick([*_UNITS, chr(92) + '%'])})"
        return f"{word} {self.word()}" if kind < 0.25 else word

    def word(self) -> str:
        """Take a word of the corpus's prose."""
        for _ in range(50):
            words = self.corpus.paragraphs[int(self.rng.integers(len(self.corpus.paragraphs)))].split()
            word = words[int(self.rng.integers(len(words)))]
            if _WORD.fullmatch(word):
                return word
        return "word"

    def words(self) -> str:
        """Write one to three words."""
        count = int(self.rng.choice([1, 2, 3], p=[0.5, 0.35, 0.15]))
        text = " ".join(self.word() for _ in range(count))
        return text.capitalize() if self.rng.random() < 0.5 else text

    def name(self) -> str:
        """Write a name."""
        return self.pick(_NAMES)

    def integer(self) -> str:
        """Write a number up to 9999."""
        return str(self.rng.integers(0, 10 ** int(self.rng.integers(1, 5))))

    def decimal(self) -> str:
        """Write a number with one to three decimals."""
        return f"{self.rng.uniform(0, 10 ** int(self.rng.integers(0, 4))):.{self.rng.integers(1, 4)}f}"

    def signed(self) -> str:
        """Write a number with its sign."""
        return f"{self.pick('+-')}{self.rng.uniform(0, 20):.1f}"

    def thousands(self) -> str:
        """Write a number with commas."""
        return f"{self.rng.integers(1000, 10**7):,}"

    def quantity(self) -> str:
        """Write a number and its unit."""
        return f"{self.pick([self.integer(), self.decimal()])} {self.pick(_UNITS)}"

    def percentage(self) -> str:
        """Write a percentage."""
        return rf"{self.rng.uniform(0, 100):.{self.rng.integers(0, 3)}f}\%"

    def money(self) -> str:
        """Write an amount of money."""
        return rf"\${self.rng.integers(1, 5000):,}.{self.rng.integers(0, 100):02d}"

    def date(self) -> str:
        """Write a date."""
        day, month, year = self.rng.integers(1, 29), int(self.rng.integers(12)), self.rng.integers(1950, 2031)
        return self.pick(
            [f"{day} {_MONTHS[month]} {year}", f"{year}-{month + 1:02d}-{day:02d}", f"{day}/{month + 1}/{year}"]
        )

    def year(self) -> str:
        """Write a year."""
        return str(self.rng.integers(1900, 2031))

    def code(self) -> str:
        """Write a code of letters and digits."""
        letters = "".join(self.pick("ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(self.rng.integers(1, 4)))
        return f"{letters}{self.pick(['-', '', ''])}{self.rng.integers(1, 1000)}"

    def formula(self) -> str:
        """Write a short formula."""
        for _ in range(20):
            tex = random_formula(self.rng, display=False, depth=1)
            if len(tex) < 36 and "&" not in tex:
                return rf"\( {tex} \)"
        return r"\( x \)"

    def deviation(self) -> str:
        """Write a number and its error."""
        return rf"\( {self.rng.uniform(0, 100):.1f}\pm{self.rng.uniform(0, 5):.1f} \)"
