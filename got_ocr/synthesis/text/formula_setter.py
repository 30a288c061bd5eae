r"""Set simple formulas in font files, with the box of every character of their LaTeX.

The browser and LaTeX (typesetting.py) draw any formula and don't say where its characters are; dense supervision
(training/dense.py) needs to know that. This sets what stands within lines of text: letters, numbers, Greek, signs,
scripts, fractions, roots, accents and functions' names, in OpenType math fonts or a text family's own italics.
What it can't set it refuses.

Lengths are in px; y grows downwards from the baseline.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from PIL import ImageFont

from got_ocr.synthesis.text.fonts import FontFace, can_draw, load_font
from got_ocr.synthesis.text.ink import PlacedWord

# Sizes over the size of the text, as TeX's 10, 7 and 5 points.
SCRIPT_SCALE, SMALLEST_SCALE = 0.7, 0.5
SUPERSCRIPT_RISE_EM, SUBSCRIPT_FALL_EM = 0.38, 0.18
AXIS_EM = 0.25  # Height of fraction bars over the baseline.
RULE_EM = 0.045
BOX_ABOVE_EM, BOX_BELOW_EM = 0.78, 0.24  # As layout.py's characters.
RELATION_GAP_EM, OPERATOR_GAP_EM, THIN_GAP_EM = 0.278, 0.222, 0.167  # TeX's thick, medium and thin spaces

_TOKEN = re.compile(r"\\[A-Za-z]+ ?|\\.|.", re.DOTALL)
_GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "zeta": "ζ", "eta": "η", "theta": "θ", "iota": "ι",
    "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ",
    "upsilon": "υ", "chi": "χ", "psi": "ψ", "omega": "ω", "varepsilon": "ε", "epsilon": "ϵ", "varphi": "φ",
    "phi": "ϕ", "vartheta": "ϑ",
}  # fmt: skip
_CAPITALS = {
    "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π", "Sigma": "Σ", "Phi": "Φ",
    "Psi": "Ψ", "Omega": "Ω",
}  # fmt: skip
_SIGNS = {
    "infty": "∞", "partial": "∂", "nabla": "∇", "hbar": "ℏ", "ell": "ℓ", "forall": "∀", "exists": "∃",
    "emptyset": "∅", "ldots": "…", "cdots": "⋯", "neg": "¬", "langle": "⟨", "rangle": "⟩", "triangle": "△",
    "angle": "∠",
}  # fmt: skip
_OPERATORS = {
    "+": "+", "-": "−", "*": "∗", "pm": "±", "mp": "∓", "times": "×", "cdot": "⋅", "div": "÷", "cup": "∪",
    "cap": "∩", "wedge": "∧", "vee": "∨", "oplus": "⊕", "otimes": "⊗", "setminus": "∖",
}  # fmt: skip
_RELATIONS = {
    "=": "=", "<": "<", ">": ">", "leq": "≤", "geq": "≥", "neq": "≠", "approx": "≈", "equiv": "≡", "propto": "∝",
    "sim": "∼", "simeq": "≃", "cong": "≅", "in": "∈", "notin": "∉", "subset": "⊂", "subseteq": "⊆",
    "rightarrow": "→", "Rightarrow": "⇒", "leftarrow": "←", "Leftrightarrow": "⇔", "mapsto": "↦", "mid": "∣",
    "ll": "≪", "gg": "≫", "perp": "⊥", "parallel": "∥",
}  # fmt: skip
_LARGE = {"sum": "∑", "prod": "∏", "int": "∫", "oint": "∮", "bigcap": "⋂", "bigcup": "⋃"}
_FUNCTIONS = {
    "sin", "cos", "tan", "ln", "log", "exp", "arctan", "sinh", "cosh", "arcsin", "arccos", "sec", "cot", "tanh", "max",
    "min", "lim", "det", "gcd", "ker", "dim",
}  # fmt: skip
_ACCENTS = {"hat": "ˆ", "bar": "¯", "tilde": "˜", "dot": "˙", "vec": "→"}
_BLACKBOARD = dict(zip("RNZQCFPE", "ℝℕℤℚℂ𝔽ℙ𝔼", strict=True))
_PUNCTUATION = {",", ";", ":", "!", "."}


@dataclass(frozen=True)
class MathFonts:
    """What formulas are drawn with.

    Attributes:
        upright: digits, signs, functions' names.
        italic: variables; of a math font, whose italics have code points of their own, the same as `upright`.
        is_math: whether it is a math font.
    """

    upright: FontFace
    italic: FontFace
    is_math: bool

    def glyph(self, character: str, style: str) -> tuple[FontFace, str]:
        """Find the glyph of a character.

        Args:
            character: as Unicode has it upright.
            style: `italic`, `upright` or `bold`.

        Returns:
            The face and what to draw with it.

        Raises:
            ValueError: the fonts lack it.
        """
        face = self.italic if style == "italic" else self.upright
        drawn = _math_letter(character, style) if self.is_math else character
        if (style == "bold" and not self.is_math) or not can_draw(face, drawn):
            raise ValueError(f"{face.family} has no {style} {character!r}")
        return face, drawn


def _math_letter(character: str, style: str) -> str:
    """Move a letter to the mathematical alphabets. Returns: the code point of the style, where it has one."""
    if style not in ("italic", "bold"):
        return character
    if character == "h" and style == "italic":
        return "ℎ"
    special = "∂ϵϑϰϕϱϖ"
    for first, last, bold, italic in (("A", "Z", 0x1D400, 0x1D434), ("a", "z", 0x1D41A, 0x1D44E)):
        if first <= character <= last:
            return chr((bold if style == "bold" else italic) + ord(character) - ord(first))
    if "α" <= character <= "ω":
        return chr((0x1D6C2 if style == "bold" else 0x1D6FC) + ord(character) - ord("α"))
    if character in special and style == "italic":
        return chr(0x1D715 + special.index(character))
    return character


Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class SourceCharacter:
    """A character of the LaTeX source.

    Attributes:
        text: the character.
        box: what it stands for.
        shown: the character that is drawn there, a space for braces and the like.
    """

    text: str
    box: Box
    shown: str


@dataclass
class Setting:
    """Something set, its left end on the baseline at the origin.

    Attributes:
        width_px: to the right.
        rise_px: above the baseline.
        fall_px: below it.
        glyphs: what is drawn.
        rules: filled boxes that are drawn too.
        source: LaTeX that it was set from, character by character.
        gap_px: white space to keep on both sides, in px, of relations and operators.
    """

    width_px: float = 0.0
    rise_px: float = 0.0
    fall_px: float = 0.0
    glyphs: list[PlacedWord] = field(default_factory=list)
    rules: list[Box] = field(default_factory=list)
    source: list[SourceCharacter] = field(default_factory=list)
    gap_px: float = 0.0

    def put(self, other: "Setting", x_px: float, y_px: float = 0.0) -> None:
        """Draw something set into this.

        Args:
            other: what.
            x_px: where its left end comes.
            y_px: where its baseline comes.
        """
        self.glyphs += [replace(run, x_px=run.x_px + x_px, baseline_px=run.baseline_px + y_px) for run in other.glyphs]
        self.rules += [_moved(rule, x_px, y_px) for rule in other.rules]
        self.source += [replace(one, box=_moved(one.box, x_px, y_px)) for one in other.source]
        self.width_px = max(self.width_px, x_px + other.width_px)
        self.rise_px = max(self.rise_px, other.rise_px - y_px)
        self.fall_px = max(self.fall_px, other.fall_px + y_px)

    def write(self, text: str, box: Box | None = None) -> None:
        """Add LaTeX that draws nothing of its own, at a box or at the end."""
        place = box or (self.width_px, -0.5 * self.rise_px, self.width_px, 0.0)
        self.source += [SourceCharacter(character, place, " ") for character in text]

    @property
    def text(self) -> str:
        """The LaTeX."""
        return "".join(one.text for one in self.source)


def _moved(box: Box, x_px: float, y_px: float) -> Box:
    return box[0] + x_px, box[1] + y_px, box[2] + x_px, box[3] + y_px


def set_formula(tex: str, fonts: MathFonts, size_px: float, display: bool = False) -> list[Setting]:
    r"""Set a formula in parts that a line may be broken between.

    Args:
        tex: LaTeX without delimiters, in the spelling of formulas/spelling.py.
        fonts: what to draw it with.
        size_px: em size of the text around it.
        display: whether fractions are set as large as where a formula stands by itself.

    Returns:
        Atoms, relations and operators in turn; the latter two have a `gap_px`. Put side by side with these gaps they
        are the formula, and their texts joined are `tex`.

    Raises:
        ValueError: it has something that can't be set, or that the fonts lack.
    """
    reader = _Reader(tex, fonts, display)
    parts = reader.row(size_px)
    if reader.tokens:
        raise ValueError(f"a brace too many closes in {tex!r}")
    joined: list[Setting] = []
    for number, part in enumerate(parts):
        if number == 0:
            part.gap_px = 0.0  # a sign before its number
        if joined and not part.gap_px and not joined[-1].gap_px:
            joined[-1].put(part, joined[-1].width_px)
        else:
            joined.append(part)
    if not joined:
        raise ValueError("an empty formula can't be set")
    return joined


def join_settings(parts: Sequence[Setting]) -> Setting:
    """Put parts of a formula side by side, with their gaps.

    Args:
        parts: of `set_formula`.

    Returns:
        All of them.
    """
    whole = Setting()
    for number, part in enumerate(parts):
        gap_px = max(part.gap_px, parts[number - 1].gap_px) if number else 0.0
        whole.put(part, whole.width_px + gap_px)
    return whole


def _ink_box(font: ImageFont.FreeTypeFont, text: str) -> Box:
    """Measure ink from the baseline's left end. Pillow's own boxes reach from it at least."""
    mask, offset = font.getmask2(text, anchor="ls")
    found = mask.getbbox() or (0, 0, 0, 0)
    return _moved(found, *offset)


class _Reader:
    """Reads LaTeX and sets it on the way."""

    def __init__(self, tex: str, fonts: MathFonts, display: bool) -> None:
        self.tokens = _TOKEN.findall(tex)[::-1]
        self.fonts = fonts
        self.display = display

    def row(self, size_px: float, level: int = 0) -> list[Setting]:
        """Set up to the end or a closing brace."""
        parts: list[Setting] = []
        while self.tokens and self.tokens[-1] != "}":
            if parts and not parts[-1].gap_px and self.tokens[-1][1:].rstrip(" ") in _FUNCTIONS:
                parts[-1].width_px += THIN_GAP_EM * size_px
            parts.append(self._with_scripts(self._atom(size_px, level), size_px, level))
        return parts

    def _group(self, size_px: float, level: int) -> Setting:
        """Set what stands in braces, braces included."""
        if not self.tokens or self.tokens.pop() != "{":
            raise ValueError("a command's argument is not in braces")
        inside = join_settings(self.row(size_px, level)) if self.tokens else Setting()
        if not self.tokens:
            raise ValueError("a brace is not closed")
        self.tokens.pop()
        whole = Setting()
        whole.put(inside, 0.0)
        first = inside.source[0].box if inside.source else (0.0, -0.5 * size_px, 0.0, 0.0)
        last = inside.source[-1].box if inside.source else first
        braces = [SourceCharacter("{", first, " "), SourceCharacter("}", last, " ")]
        whole.source = [braces[0], *whole.source, braces[1]]
        return whole

    def _atom(self, size_px: float, level: int) -> Setting:
        token = self.tokens.pop()
        name = token[1:].rstrip(" ") if token[0] == "\\" else token
        if token[0] == "\\" and name in ("frac", "sqrt", *_ACCENTS, "overline"):
            return self._built(token, name, size_px, level)
        if name in ("mathbf", "mathbb", "mathrm", "operatorname"):
            return self._styled(token, name, size_px)
        if token == "\\," or token == " ":
            thin = Setting(width_px=THIN_GAP_EM * size_px)
            thin.write(token)
            return thin
        gap_em = RELATION_GAP_EM if name in _RELATIONS else OPERATOR_GAP_EM if name in _OPERATORS else 0.0
        if (token[0] == "\\" and name.isalpha()) or name in _OPERATORS or name in _RELATIONS:
            setting = self._sign(token, name, size_px)
            setting.gap_px = gap_em * size_px if level == 0 else 0.0
            return setting
        if token.startswith("\\"):
            if name not in ("{", "}", "%", "$", "#", "&"):
                raise ValueError(f"{token} can't be set")
            return self._drawn(token, name, "upright", size_px)
        if token == "'":
            return self._drawn(token, "′", "upright", size_px)
        if token.isascii() and token.isalpha():
            return self._drawn(token, token, "italic", size_px)
        if token.isdigit() or token in "()[]|/" or token in _PUNCTUATION:
            setting = self._drawn(token, token, "upright", size_px)
            if token in (",", ";"):
                setting.width_px += THIN_GAP_EM * size_px
            return setting
        raise ValueError(f"{token!r} can't be set")

    def _sign(self, token: str, name: str, size_px: float) -> Setting:
        """Set a command that stands for one glyph, or for a function's name."""
        if name in _FUNCTIONS:
            setting = self._drawn(token, name, "upright", size_px)
            if self.tokens and self.tokens[-1] not in "(^_" and self.tokens[-1][0] not in "}":
                setting.width_px += THIN_GAP_EM * size_px
            return setting
        if name in _GREEK:
            return self._drawn(token, _GREEK[name], "italic", size_px)
        for table in (_CAPITALS, _SIGNS, _OPERATORS, _RELATIONS):
            if name in table:
                return self._drawn(token, table[name], "upright", size_px)
        if name in _LARGE:
            grown = size_px * (1.4 if self.display else 1.0)
            setting = Setting()
            setting.put(self._drawn(token, _LARGE[name], "upright", grown), 0.0, 0.12 * (grown - size_px))
            setting.width_px += 0.08 * size_px
            return setting
        raise ValueError(f"{token} can't be set")

    def _drawn(self, token: str, shown: str, style: str, size_px: float) -> Setting:
        """Set a run of glyphs, as the token's own characters or as one sign that the token names."""
        glyphs = [self.fonts.glyph(character, style) for character in shown]
        face = glyphs[0][0]
        text = "".join(glyph for _, glyph in glyphs)
        size_px = round(4.0 * size_px) / 4.0
        font = load_font(face, size_px)
        setting = Setting(font.getlength(text))
        setting.glyphs.append(PlacedWord(text, 0.0, 0.0, face, size_px))
        left, right = 0.0, setting.width_px
        _, top, _, bottom = _ink_box(font, text)
        setting.rise_px, setting.fall_px = max(-float(top), 0.0), max(float(bottom), 0.0)
        above, below = -BOX_ABOVE_EM * size_px, BOX_BELOW_EM * size_px
        if len(shown) > 1:  # a name that is spelled out: \sin
            step = right / len(shown)
            spelled = [(left + n * step, above, left + (n + 1) * step, below) for n in range(len(shown))]
            lead = "" if token == shown else "\\"
            setting.write(lead, spelled[0])
            setting.source += [SourceCharacter(*one, one[0]) for one in zip(shown, spelled, strict=True)]
            setting.write(token[len(lead) + len(shown) :], spelled[-1])
        else:
            box = (left, above, right, below)
            setting.source += [
                SourceCharacter(character, box, mark)
                for character, mark in zip(token, shown + " " * (len(token) - 1), strict=True)
            ]
        return setting

    def _styled(self, token: str, name: str, size_px: float) -> Setting:
        """Set upright, bold or blackboard letters."""
        setting = Setting()
        setting.write(token)
        if not self.tokens or self.tokens.pop() != "{":
            raise ValueError(f"{token} needs an argument in braces")
        letters = ""
        while self.tokens and self.tokens[-1] != "}":
            letters += self.tokens.pop()
        if (
            not self.tokens
            or not letters.isascii()
            or not letters.isalpha()
            or (name == "mathbb" and len(letters) > 1)
        ):
            raise ValueError(f"{token}{{{letters}}} can't be set")
        self.tokens.pop()
        setting.write("{")
        for letter in letters:
            shown = _BLACKBOARD.get(letter, "") if name == "mathbb" else letter
            if not shown:
                raise ValueError(f"{token}{{{letter}}} can't be set")
            style = "bold" if name == "mathbf" else "upright"
            setting.put(self._drawn(letter, shown, style, size_px), setting.width_px)
        first, last = setting.source[-len(letters)].box, setting.source[-1].box
        setting.source[: len(token) + 1] = [
            SourceCharacter(one.text, first, " ") for one in setting.source[: len(token) + 1]
        ]
        setting.write("}", last)
        if name == "operatorname":
            setting.width_px += THIN_GAP_EM * size_px
        return setting

    def _with_scripts(self, base: Setting, size_px: float, level: int) -> Setting:
        """Set the scripts behind a base."""
        if not self.tokens or self.tokens[-1] not in "^_":
            return base
        small_px = size_px * (SCRIPT_SCALE if level == 0 else SMALLEST_SCALE / SCRIPT_SCALE)
        whole = Setting(gap_px=base.gap_px)
        whole.put(base, 0.0)
        ends = []
        while self.tokens and self.tokens[-1] in "^_":
            mark = self.tokens.pop()
            script = self._group(small_px, level + 1)
            if mark == "^":
                y_px = -max(SUPERSCRIPT_RISE_EM * size_px, base.rise_px - 0.35 * size_px) - max(
                    script.fall_px - 0.25 * small_px, 0.0
                )
            else:
                y_px = max(SUBSCRIPT_FALL_EM * size_px, base.fall_px - 0.05 * size_px) + max(
                    script.rise_px - 0.8 * small_px, 0.0
                )
            x_px = base.width_px + (0.04 * size_px if mark == "^" else 0.0)
            whole.write(mark, _moved(script.source[0].box, x_px, y_px))
            whole.put(script, x_px, y_px)
            ends.append(x_px + script.width_px)
        whole.width_px = max(ends) + 0.03 * size_px
        return whole

    def _built(self, token: str, name: str, size_px: float, level: int) -> Setting:
        """Set a fraction, a root or an accent."""
        if name == "frac":
            return self._fraction(token, size_px, level)
        body = self._group(size_px, level + 1 if name == "sqrt" else level)
        whole = Setting()
        thickness = max(1.0, RULE_EM * size_px)
        top = body.rise_px + 0.1 * size_px
        if name == "sqrt":
            face, sign = self.fonts.glyph("√", "upright")
            height = top + max(body.fall_px, 0.05 * size_px) + thickness
            _, above, _, below = _ink_box(load_font(face, size_px), sign)
            sign_px = round(4.0 * size_px * height / max(below - above, 1)) / 4.0
            font = load_font(face, sign_px)
            _, above, right, _ = _ink_box(font, sign)
            y_px = -top - thickness - above
            box = (0.0, -top - thickness, float(right), -top - thickness + height)
            whole.glyphs.append(PlacedWord(sign, 0.0, y_px, face, sign_px))
            whole.source += [
                SourceCharacter(one, box, "√" if number == 0 else " ") for number, one in enumerate(token)
            ]
            whole.put(body, float(right))
            whole.rules.append((float(right) - thickness, -top - thickness, whole.width_px, -top))
        elif name in ("overline", "bar"):
            box = (0.0, -top - thickness, body.width_px, -top)
            whole.write(token, box)
            whole.put(body, 0.0)
            whole.rules.append(box)
        else:
            if len(body.text) - 2 > 8:
                raise ValueError(f"{token} over {body.text} can't be set")
            face, accent = self.fonts.glyph(_ACCENTS[name], "upright")
            accent_px = round(4.0 * size_px * (0.6 if name == "vec" else 1.0)) / 4.0
            left, above, right, below = _ink_box(load_font(face, accent_px), accent)
            x_px = body.width_px / 2 - (left + right) / 2 + 0.06 * size_px
            y_px = -body.rise_px - 0.08 * size_px - below
            whole.write(token, (0.0, y_px + above, body.width_px, y_px + below))
            whole.put(body, 0.0)
            whole.glyphs.append(PlacedWord(accent, x_px, y_px, face, accent_px))
        whole.rise_px = max(whole.rise_px, top + thickness)
        return whole

    def _fraction(self, token: str, size_px: float, level: int) -> Setting:
        small_px = size_px * (1.0 if self.display and level == 0 else SCRIPT_SCALE if level < 2 else 0.9)
        if small_px < 7.0:
            raise ValueError("a fraction would be too small to read")
        inner = level if self.display and level == 0 else level + 1
        upper, lower = self._group(small_px, inner), self._group(small_px, inner)
        thickness = max(1.0, RULE_EM * size_px)
        width = max(upper.width_px, lower.width_px) + 0.16 * size_px
        axis = -AXIS_EM * size_px
        gap = 0.12 * size_px
        bar = (0.06 * size_px, axis - thickness / 2, 0.06 * size_px + width, axis + thickness / 2)
        whole = Setting()
        whole.write(token, bar)
        whole.put(upper, bar[0] + (width - upper.width_px) / 2, bar[1] - gap - upper.fall_px)
        whole.put(lower, bar[0] + (width - lower.width_px) / 2, bar[3] + gap + lower.rise_px)
        whole.rules.append(bar)
        whole.width_px = width + 0.12 * size_px
        return whole
