r"""Random formulas of real mathematics, in the one spelling of `spelling`.

Most fill a template of `formula_templates` with symbols and expressions; the others are equations made of expressions
alone. A place `<x1>` stands for the same symbol wherever the template has it, and two places never share a symbol:

    x variable   c constant   n, i integer, index   f, F function   g Greek   v vector   M matrix   A set   X random
    variable   P polynomial   p proposition   N set of numbers   num, dig, dec, deg number   unit, chem   d, dd
    differential   expr   lin, al equation on a line, with `&` where lines are aligned   matrix, vmatrix, column
    cases   lines   derivation   arith sum of two numbers   fence brackets of a matrix
"""

# ruff: noqa: SIM905 - lists of words are read more easily as text

import re
from collections.abc import Callable, Sequence

import numpy as np

from got_ocr.synthesis.formulas.spelling import canonical
from got_ocr.synthesis.formulas.templates import LARGE, SHORT

_PLACE = re.compile(r"<([A-Za-z]+)(\d*)>")
_CHOICE = re.compile(r"⟦([^⟦⟧]*)⟧")
_MOST_CHARACTERS = {True: 420, False: 70}  # of a display, and of a formula in a line
_POOLS = {
    "x": r"x x x x y y y z t u v w s r p q \theta \phi \xi \eta \tau \rho \varphi \omega".split(),
    "c": r"a a b b c c k h m p q r A B C K \alpha \beta \gamma \lambda \mu \kappa \omega \sigma \nu".split(),
    "n": "n n n m m k N M p r".split(),
    "i": "i i j j k k l m n s".split(),
    "f": r"f f f g g h u v F G \phi \psi \varphi \Phi \Psi \rho w".split(),
    "F": r"F G H \Phi \Psi U".split(),
    "g": (
        r"\alpha \beta \gamma \delta \epsilon \varepsilon \zeta \eta \theta \vartheta \iota \kappa \lambda \mu \nu "
        r"\xi \pi \rho \sigma \tau \upsilon \phi \varphi \chi \psi \omega \Gamma \Delta \Theta \Lambda \Xi \Pi \Sigma "
        r"\Phi \Psi \Omega"
    ).split(),
    "M": r"A A B B C P Q M S X \mathbf{A} \mathbf{B} \mathbf{M} \Sigma".split(),
    "A": r"A A B B C D E S U X Y \Omega G H \mathcal{A} \mathcal{F} M".split(),
    "X": r"X X Y Y Z W S T".split(),
    "fence": ["p", "b"],
    "P": r"P Q p f T_{n}".split(),
    "p": r"p q r P Q R A B \phi \psi".split(),
    "N": (
        r"\mathbb{R} \mathbb{R} \mathbb{N} \mathbb{Z} \mathbb{Q} \mathbb{C} \mathbb{F}_{p} [0,1] \mathbb{R}_{+}"
    ).split(),
    "unit": (
        r"m cm mm km s ms min h kg g mg m/s m/s^{2} km/h N J kJ W kW V mV A mA \Omega Pa kPa Hz kHz MHz K mol mol/L "
        r"g/mol cm^{2} m^{3} g/cm^{3} eV T C F L mL rad kg\,m^{2} W/m^{2} N\,m J\,s J/(kg\,K) lm cd dB"
    ).split(),
    "chem": (
        "H_{2}O CO_{2} O_{2} N_{2} H_{2} NH_{3} CH_{4} NaCl NaOH HCl H_{2}SO_{4} CaCO_{3} CaO Fe_{2}O_{3} Al_{2}O_{3} "
        "Na^{+} Cl^{-} Ca^{2+} SO_{4}^{2-} NO_{3}^{-} OH^{-} H_{3}O^{+} C_{6}H_{12}O_{6} C_{2}H_{5}OH CH_{3}COOH "
        "KMnO_{4} CuSO_{4} AgNO_{3} AgCl Mg MgO Zn Zn^{2+} Fe^{3+} NH_{4}^{+} PO_{4}^{3-} SiO_{2} H_{2}O_{2} Cu^{2+} "
        "Pb(NO_{3})_{2} Ca(OH)_{2}"
    ).split(),
}
_NEXT_LINE = r"\\"
_VECTOR_STYLES = (r"\mathbf{{{}}}", r"\vec{{{}}}", r"\boldsymbol{{{}}}", "{}")
_RELATIONS = r"=,=,=,=,=,=,<,>,\leq ,\geq ,\neq ,\approx ,\equiv ,\propto ,\sim ".split(",")
_STEPS = ["=", "=", "=", "=", "<", r"\leq ", r"\approx "]
_POWERS = ["2", "2", "3", "-1", "n", r"\frac{1}{2}"]
_FUNCTIONS = r"\sin \cos \tan \ln \log \exp \arctan \sinh \cosh \arcsin \sec \cot \tanh".split()


class FormulaWriter:
    """Writes the parts of one formula: what it has named once keeps its symbol."""

    def __init__(self, rng: np.random.Generator, depth: int) -> None:
        self.rng = rng
        self.depth = depth
        self.symbols: dict[str, str] = {}
        self.vector_style = self.pick(_VECTOR_STYLES)
        self.differential = "d" if rng.random() < 0.8 else r"\mathrm{d}"

    def pick(self, items: Sequence[str]) -> str:
        """Choose one."""
        return items[int(self.rng.integers(len(items)))]

    def chance(self, share: float) -> bool:
        """Say yes in this share of the cases."""
        return bool(self.rng.random() < share)

    def fill(self, template: str) -> str:
        """Choose among a template's choices and fill its places."""
        while match := _CHOICE.search(template):
            template = template[: match.start()] + self.pick(match[1].split("|")) + template[match.end() :]
        return _PLACE.sub(lambda place: f" {self._place(place[1], place[2])} ", template)

    def _place(self, name: str, number: str) -> str:
        if name in _MAKERS:
            made = self.symbols.get(name + number) or _MAKERS[name](self)
            if number:
                self.symbols[name + number] = made
            return made
        if not number and name in ("unit", "chem", "N"):
            return self._dressed(name, self.pick(_POOLS[name]))
        return self.symbol(name, number)

    def symbol(self, name: str, number: str) -> str:
        """Give the symbol of a place, a new one the first time."""
        key = name + number
        if key not in self.symbols:
            taken = set(self.symbols.values())
            pool = _POOLS["x" if name == "v" else name]
            free = [symbol for symbol in pool if self._dressed(name, symbol) not in taken] or pool
            self.symbols[key] = self._dressed(name, self.pick(free))
        return self.symbols[key]

    def _dressed(self, name: str, symbol: str) -> str:
        if name == "v":
            style = r"\boldsymbol{{{}}}" if symbol[0] == "\\" and "bf" in self.vector_style else self.vector_style
            return style.format(symbol)
        if name == "unit":
            return rf"\,\mathrm{{{symbol}}}"
        if name == "chem":
            return rf"\mathrm{{{symbol}}}"
        return f"{symbol} " if symbol[0] == "\\" else symbol  # So that no letter runs into the command.

    # ---- numbers

    def number(self) -> str:
        """Write a number: small, larger, or decimal."""
        kind = self.rng.random()
        if kind < 0.4:
            return str(self.rng.integers(2, 20))
        if kind < 0.75:
            return str(self.rng.integers(10, 1000))
        return self.decimal()

    def decimal(self) -> str:
        """Write a decimal number."""
        digits = int(self.rng.integers(1, 4))
        return f"{self.rng.uniform(0, 10 ** self.rng.integers(0, 3)):.{digits}f}"

    def arithmetic(self) -> str:
        """Write a sum that is right."""
        first, second = int(self.rng.integers(2, 1000)), int(self.rng.integers(2, 100))
        kind = self.rng.integers(4)
        if kind == 0:
            return f"{first}+{second}={first + second}"
        if kind == 1:
            return f"{first}-{second}={first - second}"
        if kind == 2:
            return rf"{first}\times{second}={first * second}"
        return rf"{first * second}\div{second}={first}"

    def digit(self) -> str:
        """Write a digit above 1."""
        return str(self.rng.integers(2, 10))

    # ---- expressions

    def variable(self) -> str:
        """Name one of the formula's variables."""
        named = [symbol for key, symbol in self.symbols.items() if key[0] == "x"]
        if not named or (len(named) < 2 and self.chance(0.25)):
            return self.symbol("x", str(len(named) + 7))
        return self.pick(named)

    def expression(self, depth: int | None = None) -> str:
        """Write one to three terms, joined by plus or minus."""
        depth = self.depth if depth is None else depth
        kind = self.rng.random()
        if kind < 0.12:
            return self.polynomial()
        terms = 1 + int(self.rng.choice(3, p=[0.5, 0.37, 0.13]))
        written = "-" if self.chance(0.07) else ""
        for position in range(terms):
            term = self.term(depth)
            if term not in written:
                written += (self.pick(["+", "+", "-"]) if position else "") + term
        return written

    def polynomial(self) -> str:
        """Write a polynomial in one variable."""
        variable, degree = self.variable(), int(self.rng.integers(1, 5))
        written = ""
        for power in range(degree, -1, -1):
            if power < degree and self.chance(0.25):
                continue
            coefficient = int(self.rng.integers(1, 10))
            sign = self.pick(["+", "-"]) if written else ""
            factor = str(coefficient) if coefficient > 1 or not power else ""
            written += sign + factor + ("" if not power else variable if power == 1 else f"{variable}^{power}")
        return written

    def term(self, depth: int) -> str:
        """Write a product: perhaps a coefficient, and one or two factors."""
        lead = self.rng.random()
        coefficient = (
            self.digit() if lead < 0.2 else self.symbol("c", str(self.rng.integers(7, 9))) if lead < 0.4 else ""
        )
        factor = self.factor(depth)
        if factor[0].isdigit():
            return factor
        if self.chance(0.12):
            second = self.factor(depth - 1)
            return coefficient + factor + (r"\cdot " if second[0].isdigit() else "") + second
        return coefficient + factor

    def factor(self, depth: int) -> str:
        """Write a factor; a simple one where `depth` is spent."""
        simple = depth <= 0 or self.chance(0.35)
        makers = _SIMPLE_FACTORS if simple else _FACTORS
        return makers[int(self.rng.integers(len(makers)))](self, depth - 1)

    # ---- equations and structures

    def equation(self) -> str:
        """Write an equation or a relation of another kind, seldom a chain of them."""
        left = (
            self.expression() if self.chance(0.6) else self.fill(self.pick(["<f1>(<x1>)", "<x1>", "<f1>(<x1>,<x2>)"]))
        )
        written = left + self.pick(_RELATIONS) + self.expression()
        return written + self.pick(_RELATIONS) + self.expression(1) if self.chance(0.12) else written

    def linear(self, relation: str = "=") -> str:
        """Write a linear equation in two or three variables."""
        written = ""
        for number in "789"[: int(self.rng.integers(2, 4))]:
            coefficient = int(self.rng.integers(1, 10))
            sign = self.pick(["+", "-"]) if written else self.pick(["", "", "-"])
            written += sign + (str(coefficient) if coefficient > 1 else "") + self.symbol("x", number)
        return f"{written}{relation}{self.rng.integers(0, 30)}"

    def entry(self, style: int, row: int, column: int) -> str:
        """Write an entry of a matrix: digits, indexed symbols, symbols, expressions."""
        if style == 0:
            return self.pick(["", "", "-"]) + str(self.rng.integers(1, 12)) if self.chance(0.8) else "0"
        if style == 1:
            return f"{self.symbol('c', '5')}_{{{row + 1}{column + 1}}}"
        if style == 2:
            return self.symbol("c", str(self.rng.integers(1, 5))) if self.chance(0.8) else "0"
        return self.expression(1)

    def matrix(self, fences: Sequence[str] = ("p", "p", "b", "b"), square: bool = False, columns: int = 0) -> str:
        """Write a matrix."""
        rows = int(self.rng.integers(2, 5))
        columns = rows if square else columns or int(self.rng.integers(2, 5))
        style = int(self.rng.choice(4, p=[0.5, 0.2, 0.2, 0.1])) if rows < 4 else int(self.rng.integers(2))
        name = f"{self.pick(fences)}matrix"
        body = _NEXT_LINE.join(
            "&".join(self.entry(style, row, column) for column in range(columns)) for row in range(rows)
        )
        return rf"\begin{{{name}}}{body}\end{{{name}}}"

    def cases(self) -> str:
        """Write the branches of a function."""
        variable, rows = self.symbol("x", "1"), int(self.rng.integers(2, 5))
        conditions = [self._condition(variable) for _ in range(rows)]
        if self.chance(0.3):
            conditions[-1] = r"\text{otherwise}"
        body = _NEXT_LINE.join(f"{self.expression(1)}&{condition}" for condition in conditions)
        return rf"\begin{{cases}}{body}\end{{cases}}"

    def _condition(self, variable: str) -> str:
        relation = self.pick(["<", ">", r"\leq ", r"\geq ", "="])
        lead = self.pick([r"\text{if }", r"\text{if }", "", r"\text{for }"])
        if self.chance(0.25):
            return f"{lead}{self.digit()}\\leq {variable}<{self.rng.integers(10, 30)}"
        return f"{lead}{variable}{relation}{self.pick(['-', '', ''])}{self.rng.integers(0, 10)}"

    def derivation(self) -> str:
        """Write a chain of equations, one a line, aligned at their relation."""
        left = self.fill(self.pick(["<f1>(<x1>)", "<x1>", "<c1>", "<expr>"]))
        lines = [f"&{self.pick(_STEPS)}{self.expression(2)}" for _ in range(self.rng.integers(2, 6))]
        return rf"\begin{{aligned}}{left}{_NEXT_LINE.join(lines)}\end{{aligned}}"

    def lines(self) -> str:
        """Write independent equations, one a line."""
        rows = int(self.rng.integers(2, 5))
        lines = [f"{self.expression(1)}&{self.pick(_RELATIONS)}{self.expression(2)}" for _ in range(rows)]
        if self.chance(0.3):
            return rf"\begin{{gathered}}{_NEXT_LINE.join(lines).replace('&', '')}\end{{gathered}}"
        return rf"\begin{{aligned}}{_NEXT_LINE.join(lines)}\end{{aligned}}"


_Factor = Callable[[FormulaWriter, int], str]
_SIMPLE_FACTORS: list[_Factor] = [
    lambda w, depth: w.variable(),
    lambda w, depth: w.variable(),
    lambda w, depth: w.variable() + "^" + w.digit(),
    lambda w, depth: w.variable() + "^" + w.symbol("n", "7"),
    lambda w, depth: w.variable() + "_{" + w.pick(["0", "1", "2", "i", "j", "n", "k", "n+1", "ij", r"\max"]) + "}",
    lambda w, depth: w.variable() + "_" + w.pick(["1", "i", "n"]) + "^" + w.digit(),
    lambda w, depth: w.digit(),
    lambda w, depth: w.symbol("g", "7"),
    lambda w, depth: w.pick(_FUNCTIONS) + " " + w.variable(),
    lambda w, depth: w.pick([r"\hat", r"\bar", r"\tilde", r"\dot"]) + "{" + w.variable() + "}",
    lambda w, depth: w.pick(["e", "e", "2", "10"]) + "^{" + w.pick(["", "-"]) + w.variable() + "}",
    lambda w, depth: rf"\frac{{{w.digit()}}}{{{w.variable()}}}",
    lambda w, depth: rf"\sqrt{{{w.pick(['2', '3', '5', w.variable()])}}}",
    lambda w, depth: w.pick([r"\pi ", r"\hbar ", r"\ell "]),
]
_FACTORS: list[_Factor] = [
    lambda w, depth: rf"\frac{{{w.expression(depth)}}}{{{w.expression(depth)}}}",
    lambda w, depth: rf"\frac{{{w.expression(depth)}}}{{{w.expression(depth)}}}",
    lambda w, depth: rf"\sqrt{{{w.expression(depth)}}}",
    lambda w, depth: rf"\sqrt[{w.pick(['3', '4', 'n'])}]{{{w.expression(depth)}}}",
    lambda w, depth: rf"\left({w.expression(depth)}\right)",
    lambda w, depth: rf"\left({w.expression(depth)}\right)^{{{w.pick(_POWERS)}}}",
    lambda w, depth: rf"\left[{w.expression(depth)}\right]",
    lambda w, depth: rf"\left|{w.expression(depth)}\right|",
    lambda w, depth: rf"{w.pick(_FUNCTIONS)}\left({w.expression(depth)}\right)",
    lambda w, depth: rf"{w.pick(_FUNCTIONS)}^{{{w.pick(['2', '3'])}}}\left({w.expression(0)}\right)",
    lambda w, depth: rf"e^{{{w.expression(min(depth, 1))}}}",
    lambda w, depth: rf"{w.symbol('f', '7')}\left({w.expression(min(depth, 1))}\right)",
    lambda w, depth: rf"{w.variable()}^{{{w.expression(0)}}}",
    lambda w, depth: rf"\log_{{{w.digit()}}}\left({w.expression(0)}\right)",
    lambda w, depth: rf"\sum_{{{w.symbol('i', '7')}={w.pick(['0', '1'])}}}^{{{w.symbol('n', '7')}}}{w.term(depth)}",
    lambda w, depth: rf"\binom{{{w.symbol('n', '7')}}}{{{w.symbol('i', '7')}}}",
    lambda w, depth: rf"\overline{{{w.expression(0)}}}",
]
_MAKERS: dict[str, Callable[[FormulaWriter], str]] = {
    "num": FormulaWriter.number,
    "dig": FormulaWriter.digit,
    "arith": FormulaWriter.arithmetic,
    "dec": FormulaWriter.decimal,
    "deg": lambda w: str(w.rng.integers(1, 180)),
    "d": lambda w: w.differential,
    "dd": lambda w: r"\," + w.differential,
    "expr": lambda w: w.expression(min(w.depth, 2) if w.chance(0.8) else w.depth),
    "lin": FormulaWriter.linear,
    "al": lambda w: w.linear("&="),
    "matrix": FormulaWriter.matrix,
    "vmatrix": lambda w: r"\begin{vmatrix}" + w.fill("<c1>&<c3>\\\\<c4>&<c2>") + r"\end{vmatrix}",
    "column": lambda w: w.matrix(columns=1),
    "cases": FormulaWriter.cases,
    "lines": FormulaWriter.lines,
    "derivation": FormulaWriter.derivation,
}


def random_formula(rng: np.random.Generator, *, display: bool = True, depth: int = 3) -> str:
    r"""Write a formula.

    Args:
        rng: the only source of chance.
        display: whether it stands on its own line: several lines, matrices and cases come only there.
        depth: how deep expressions may be nested, 1 for short ones.

    Returns:
        LaTeX without delimiters, in the spelling of `spelling`, that LaTeX sets with amsmath and amssymb.
    """
    shortest = ""
    for _ in range(12):
        writer = FormulaWriter(rng, int(rng.integers(1, depth + 1)))
        kind = rng.random()
        if display and kind < 0.3:
            written = writer.fill(writer.pick(LARGE))
        elif kind < 0.75:
            written = writer.fill(writer.pick(SHORT))
        elif display or kind < 0.92:
            written = writer.equation()
        else:
            written = writer.term(1)
        spelled = canonical(written)
        if len(spelled) <= _MOST_CHARACTERS[display]:
            return spelled
        if not shortest or len(spelled) < len(shortest):
            shortest = spelled
    return shortest
