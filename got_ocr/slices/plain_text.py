r"""Plain answers hold no LaTeX: what a small model writes between `\(` and `\)` becomes Unicode or plain letters."""

import re
import unicodedata

from .formula_text import balance

_FORMULA = re.compile(r"\\\((.*?)\\\)|\\\[(.*?)\\\]", re.DOTALL)
_SIGNS = {
    "leq": "≤",
    "le": "≤",
    "geq": "≥",
    "ge": "≥",
    "neq": "≠",
    "ne": "≠",
    "approx": "≈",
    "equiv": "≡",
    "sim": "~",
    "simeq": "≃",
    "cong": "≅",
    "propto": "∝",
    "in": "∈",
    "notin": "∉",
    "ni": "∋",
    "subset": "⊂",
    "supset": "⊃",
    "subseteq": "⊆",
    "supseteq": "⊇",
    "perp": "⊥",
    "parallel": "∥",
    "mid": "|",
    "ll": "≪",
    "gg": "≫",
    "prec": "≺",
    "succ": "≻",
    "to": "→",
    "rightarrow": "→",
    "leftarrow": "←",
    "Rightarrow": "⇒",
    "Leftarrow": "⇐",
    "leftrightarrow": "↔",
    "Leftrightarrow": "⇔",
    "iff": "⇔",
    "implies": "⇒",
    "mapsto": "↦",
    "longrightarrow": "→",
    "rightleftharpoons": "⇌",
    "pm": "±",
    "mp": "∓",
    "times": "×",
    "div": "÷",
    "cdot": "·",
    "ast": "*",
    "star": "*",
    "circ": "°",
    "bullet": "•",
    "otimes": "⊗",
    "oplus": "⊕",
    "cap": "∩",
    "cup": "∪",
    "wedge": "∧",
    "land": "∧",
    "vee": "∨",
    "lor": "∨",
    "setminus": "\\",
    "neg": "¬",
    "dagger": "†",
    "sum": "∑",
    "prod": "∏",
    "int": "∫",
    "iint": "∬",
    "iiint": "∭",
    "oint": "∮",
    "bigcap": "⋂",
    "bigcup": "⋃",
    "infty": "∞",
    "partial": "∂",
    "nabla": "∇",
    "hbar": "ℏ",
    "ell": "ℓ",
    "forall": "∀",
    "exists": "∃",
    "emptyset": "∅",
    "varnothing": "∅",
    "aleph": "ℵ",
    "angle": "∠",
    "triangle": "△",
    "prime": "′",
    "top": "⊤",
    "bot": "⊥",
    "ldots": "...",
    "cdots": "⋯",
    "vdots": "⋮",
    "ddots": "⋱",
    "dots": "...",
    "langle": "⟨",
    "rangle": "⟩",
    "lfloor": "⌊",
    "rfloor": "⌋",
    "lceil": "⌈",
    "rceil": "⌉",
    "lvert": "|",
    "rvert": "|",
    "vert": "|",
    "Vert": "‖",
    "quad": " ",
    "qquad": " ",
    "vdash": "⊢",
    "varepsilon": "ε",
    "vartheta": "ϑ",
    "varpi": "ϖ",
    "varrho": "ϱ",
    "varsigma": "ς",
    "varphi": "φ",
}
_GREEK = (
    *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu"),
    *("xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega"),
)
_MARKS = {"hat": "\u0302", "widehat": "\u0302", "bar": "\u0304", "overline": "\u0304", "vec": "\u20d7"}
_MARKS |= {"tilde": "\u0303", "widetilde": "\u0303", "dot": "\u0307", "ddot": "\u0308", "underline": "\u0332"}
_SUPERSCRIPTS = dict(zip("0123456789+-=()ni", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱ", strict=True))
_SUBSCRIPTS = dict(zip("0123456789+-=()aeoxhklmnpst", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₒₓₕₖₗₘₙₚₛₜ", strict=True))
_TOKEN = re.compile(r"\\([A-Za-z]+)\s*|\\(.)|(.)", re.DOTALL)
_SIMPLE = re.compile(r"\w+|√?\w|\(.*\)")


def _greek_letter(name: str) -> str | None:
    """The letter that a command names, such as `Omega`."""
    if name.lower() not in _GREEK:
        return None
    size = "SMALL" if name[0].islower() else "CAPITAL"
    spelling = {"lambda": "LAMDA"}.get(name.lower(), name.upper())
    return unicodedata.lookup(f"GREEK {size} LETTER {spelling}")


def to_plain_text(text: str) -> str:
    r"""Write a text without LaTeX.

    Args:
        text: of a piece, a line or a page, with formulas between `\(` and `\)`, such as `\(x^{2}\leq\alpha\)`.

    Returns:
        The text with formulas as Unicode where there is such, else as plain letters: `x²≤α`. Text without formulas is
        returned as it is.
    """
    if "\\(" not in text and "\\)" not in text and "\\[" not in text and "\\]" not in text:
        return text
    text = text.replace("\\[", "\\(").replace("\\]", "\\)")
    return _FORMULA.sub(lambda found: _Formula(found[1] or found[2] or "").write(), balance(text))


class _Formula:
    """Writes LaTeX as plain text.

    Args:
        source: between the delimiters.
    """

    def __init__(self, source: str) -> None:
        self.tokens = [found.groups() for found in _TOKEN.finditer(source)]
        self.at = 0

    def write(self) -> str:
        """Write all of it."""
        parts = []
        while self.at < len(self.tokens):
            parts.append(self._item())
        return "".join(parts).strip()

    def _group(self) -> str:
        """Write the argument of a command or a script: a group, or one token."""
        while self.at < len(self.tokens) and self.tokens[self.at][2] == " ":
            self.at += 1
        if self.at >= len(self.tokens):
            return ""
        if self.tokens[self.at][2] != "{":
            return self._item()
        self.at += 1
        parts = []
        while self.at < len(self.tokens) and self.tokens[self.at][2] != "}":
            parts.append(self._item())
        self.at += 1
        return "".join(parts)

    def _item(self) -> str:
        """Write the next token with its arguments."""
        name, escaped, character = self.tokens[self.at]
        if character == "{":
            return self._group()
        self.at += 1
        if name is not None:
            return self._command(name)
        if escaped is not None:
            return " " if escaped in ",;:! " else "" if escaped in "()[]\\" else escaped
        if character == "^":
            return _write_script(self._group(), _SUPERSCRIPTS, "^")
        if character == "_":
            return _write_script(self._group(), _SUBSCRIPTS, "")
        return "" if character in "}&" else " " if character == "~" else character

    def _command(self, name: str) -> str:
        if name in _SIGNS:
            return _SIGNS[name]
        letter = _greek_letter(name)
        if letter is not None:
            return letter
        if name in _MARKS:
            return unicodedata.normalize("NFC", "".join(one + _MARKS[name] for one in self._group()))
        if name in ("frac", "dfrac", "tfrac", "cfrac"):
            return f"{_enclose(self._group())}/{_enclose(self._group())}"
        if name == "binom":
            return f"({self._group()} over {self._group()})"
        if name == "sqrt":
            return "√" + _enclose(self._group())
        if name in ("overset", "stackrel", "underset"):
            above = self._group()
            return self._group() + above
        if name in ("begin", "end"):
            self._group()
            return " "
        if name in ("left", "right", "big", "Big", "bigg", "Bigg", "not", "limits", "displaystyle"):
            return ""
        if self.at < len(self.tokens) and self.tokens[self.at][2] == "{":
            return self._group()  # a face: \mathrm{}, \mathbf{}, \text{} ...
        return name + (" " if self.at < len(self.tokens) and (self.tokens[self.at][2] or "").isalnum() else "")


def _write_script(text: str, marks: dict[str, str], sign: str) -> str:
    """Write a power or an index with Unicode's own, or behind a sign where it has no such."""
    if not text:
        return ""
    if text in ("′", "°", "*", "†"):
        return text
    if all(character in marks for character in text):
        return "".join(marks[character] for character in text)
    return sign + _enclose(text)


def _enclose(text: str) -> str:
    """Put brackets around what is more than a word or a number."""
    return text if _SIMPLE.fullmatch(text) or not text else f"({text})"
