r"""Lines of text with formulas between their words, laid out as the reading path lays out pieces of a page's lines.

Their answer is what the format mode writes: formulas between `\(` and `\)`, in the spelling of formulas/spelling.py.
A formula may begin or end within a row, as one does that the reading path has cut in two. What shows nothing but a
number is written without delimiters: nobody can see whether it was a formula.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from got_ocr.configuration.slicing import (
    FIRST_BASELINE_EM,
    MARGIN_PX,
    PIECE_PADDING_EM,
    PIECE_PADDING_PX,
    ROW_PITCH_EM,
)
from got_ocr.synthesis.formulas.grammar import random_formula
from got_ocr.synthesis.formulas.spelling import canonical
from got_ocr.synthesis.text.block import BOX_ABOVE_EM, BOX_BELOW_EM, Block, character_stops
from got_ocr.synthesis.text.fonts import FontFace, can_draw, load_font
from got_ocr.synthesis.text.formula_setter import MathFonts, Setting, SourceCharacter, set_formula
from got_ocr.synthesis.text.ink import PlacedWord

OPEN, CLOSE = r"\(", r"\)"
MATH_FAMILIES = (
    "Latin Modern Math",
    "TeX Gyre Termes Math",
    "TeX Gyre Pagella Math",
    "TeX Gyre Schola Math",
    "TeX Gyre Bonum Math",
    "DejaVu Math TeX Gyre",
    "Asana Math",
)
# How often a formula stands behind a word, and how often a whole row is one formula.
FORMULA_SHARE, ROW_SHARE = 0.28, 0.3
_SIMPLE_SIGNS = (
    *(r"\alpha ", r"\beta ", r"\gamma ", r"\delta ", r"\epsilon ", r"\lambda ", r"\pi "),
    *(r"\theta ", r"\mu ", r"\sigma ", r"\omega ", r"\rho ", r"\phi ", r"\tau "),
)
_SIMPLE_RELATIONS = ("=", "=", "=", "<", ">", r"\leq ", r"\geq ", r"\neq ", r"\in ")
_LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHKLMNPRSTUVWXYZ"


def math_fonts(faces: Sequence[FontFace]) -> list[MathFonts]:
    """List what formulas can be drawn with: math fonts, and text families whose italics have Greek.

    Args:
        faces: what is installed.

    Returns:
        Each once, math fonts first.
    """
    found = [MathFonts(face, face, True) for face in faces if face.family in MATH_FAMILIES]
    families: dict[str, dict[str, FontFace]] = {}
    for face in faces:
        families.setdefault(face.family, {})[face.style.split()[-1].lower() if face.style else ""] = face
    for styles in families.values():
        upright, italic = styles.get("regular") or styles.get("book"), styles.get("italic") or styles.get("oblique")
        if upright and italic and all(can_draw(italic, letter) for letter in "xαβλμπω") and can_draw(upright, "≤"):
            found.append(MathFonts(upright, italic, False))
    return found


def simple_formula(rng: np.random.Generator) -> str:
    r"""Write one of the shortest formulas: `x_{i}`, `2x`, `n+1`, `n=3`, `f(x)`, `\frac{a}{b}`.

    Args:
        rng: decides.

    Returns:
        LaTeX without delimiters.
    """

    def letter() -> str:
        return str(rng.choice(list(_LETTERS))) if rng.random() < 0.8 else str(rng.choice(_SIMPLE_SIGNS))

    def number() -> str:
        return str(rng.integers(0, 10 if rng.random() < 0.6 else 200))

    def atom() -> str:
        kind = rng.random()
        if kind < 0.3:
            return letter()
        if kind < 0.5:
            return f"{letter()}_{{{rng.choice(['0', '1', '2', 'i', 'j', 'k', 'n', 'n+1', 'ij'])}}}"
        if kind < 0.72:
            return f"{letter()}^{{{rng.choice(['2', '2', '3', 'n', 'k', '-1', 'T'])}}}"
        if kind < 0.8:
            return f"\\frac{{{number() if rng.random() < 0.5 else letter()}}}{{{letter()}}}"
        if kind < 0.86:
            return f"\\sqrt{{{letter()}}}"
        return number()

    def product() -> str:
        return (str(rng.integers(2, 10)) if rng.random() < 0.5 else letter()) + (
            letter() if rng.random() < 0.5 else f"{letter()}^{{{rng.choice(['2', '2', '3', 'n'])}}}"
        )

    def term() -> str:
        return atom() if rng.random() < 0.7 else product()

    relation, sign = rng.choice(_SIMPLE_RELATIONS), rng.choice(["+", "+", "-", r"\cdot ", r"\times "])
    shape = rng.random()
    if shape < 0.3:
        tex = atom()
    elif shape < 0.4:
        tex = product()
    elif shape < 0.62:
        tex = letter() + relation + term()
    elif shape < 0.77:
        tex = term() + sign + term()
    elif shape < 0.87:
        tex = f"{letter()}={term()}{sign}{term()}"
    else:
        tex = f"{letter()}({letter()}{',' + letter() if rng.random() < 0.3 else ''})"
    return canonical(tex)


@dataclass(frozen=True)
class _Item:
    """What goes on a line: a word, or a part of a formula.

    Attributes:
        setting: of a formula's part, else None.
        text: of a word.
        gap_px: white before a formula's part; before whatever begins, a space stands.
        begins: whether it begins a formula, or is a word.
        bare: whether no space parts it from what stands before it.
    """

    setting: Setting | None
    text: str
    gap_px: float
    begins: bool
    bare: bool = False


class FormulaLineSource:
    """Sets lines of prose and formulas."""

    def __init__(self, fonts: Sequence[MathFonts]) -> None:
        """Set what formulas are drawn with.

        Args:
            fonts: of `math_fonts`, at least one.

        Raises:
            ValueError: there is none.
        """
        if not fonts:
            raise ValueError(
                "no font for formulas is installed (Debian: apt-get install lmodern fonts-texgyre-math fonts-dejavu)"
            )
        self.fonts = fonts
        # Math fonts first: half of the formulas are set in them.
        self._weights = np.array([1.0 if one.is_math else 0.0 for one in fonts])
        others = len(fonts) - self._weights.sum()
        if self._weights.any() and others:
            self._weights = np.where(self._weights > 0, 0.65 / self._weights.sum(), 0.35 / others)
        else:
            self._weights = np.full(len(fonts), 1.0 / len(fonts))

    def formula(self, rng: np.random.Generator, fonts: MathFonts, size_px: float, display: bool) -> list[Setting]:
        """Draw and set a formula that these fonts can set.

        Args:
            rng: decides.
            fonts: what to draw it with.
            size_px: em size.
            display: whether it stands by itself.

        Returns:
            Its parts.
        """
        for _ in range(20):
            tex = simple_formula(rng) if rng.random() < 0.65 else random_formula(rng, display=False, depth=1)
            try:
                return set_formula(tex, fonts, size_px, display)
            except ValueError:
                continue
        return set_formula("x=1", fonts, size_px, display)

    def set_rows(
        self,
        rng: np.random.Generator,
        words: Iterator[str],
        faces: Sequence[FontFace],
        size_px: float,
        height: int,
        width: int,
        rows: int,
    ) -> Block:
        """Stack pieces of lines as `set_slice` does, with formulas.

        Args:
            rng: decides everything.
            words: endless words.
            faces: what to set the rows in, one for each.
            size_px: em size that the reading path scales lines to.
            height: canvas height; rows that don't fit are left out.
            width: canvas width.
            rows: pieces of lines.

        Returns:
            The block, from the upper left corner down.
        """
        page = _Page()
        fonts = self.fonts[int(rng.choice(len(self.fonts), p=self._weights))]
        bottom_px, last_baseline = 0.0, 0.0
        for row in range(rows):
            own_px = (
                round(4.0 * float(np.clip(rng.normal(size_px, 0.08 * size_px), 0.8 * size_px, 1.25 * size_px))) / 4
            )
            room_px = (width - 2 * MARGIN_PX + 1.0) * (1.0 if rng.random() < 0.7 else rng.uniform(0.1, 1.0))
            line = self._line(rng, words, faces[row], fonts, own_px, room_px)
            # As Packer of slices/packing.py puts rows.
            pad = PIECE_PADDING_PX + PIECE_PADDING_EM * own_px
            if row == 0:
                top = max(MARGIN_PX + FIRST_BASELINE_EM * size_px - line.rise_px - pad, 1.0)
            else:
                top = max(last_baseline + ROW_PITCH_EM * size_px - line.rise_px - pad, bottom_px)
            baseline = top + pad + line.rise_px + rng.normal(0.0, 0.5)
            if row and baseline + line.fall_px + pad > height:
                break
            page.add(line, MARGIN_PX + rng.normal(1.0, 0.8), baseline)
            bottom_px, last_baseline = baseline + line.fall_px + pad, baseline
        return page.block()

    def _line(
        self,
        rng: np.random.Generator,
        words: Iterator[str],
        face: FontFace,
        fonts: MathFonts,
        size_px: float,
        room_px: float,
    ) -> "_Line":
        """Fill a line with what fits."""
        line = _Line(face, size_px)
        space_px = load_font(face, size_px).getlength(" ") * (1.0 if rng.random() < 0.6 else rng.uniform(0.9, 1.7))
        display = rng.random() < ROW_SHARE
        items = self._formula_row(rng, fonts, size_px) if display else self._mixed(rng, words, face, fonts, size_px)
        for item in items:
            gap_px = 0.0 if item.bare else item.gap_px if not item.begins else space_px
            if not line.add(item, gap_px, room_px):
                break
        return line

    def _formula_row(self, rng: np.random.Generator, fonts: MathFonts, size_px: float) -> Iterator[_Item]:
        """A formula by itself, perhaps from its middle on."""
        parts = self.formula(rng, fonts, size_px, display=True)
        first = int(rng.integers(len(parts))) if rng.random() < 0.3 else 0
        yield from _items(parts[first:])

    def _mixed(
        self, rng: np.random.Generator, words: Iterator[str], face: FontFace, fonts: MathFonts, size_px: float
    ) -> Iterator[_Item]:
        """Words, and formulas behind some of them."""
        if rng.random() < 0.2:
            parts = self.formula(rng, fonts, size_px, display=False)
            yield from _items(parts[int(rng.integers(len(parts))) :])  # the end of one that a line before begins
        while True:
            word = next(words)
            if not all(can_draw(face, character) for character in word) or "\\" in word:
                continue
            yield _Item(None, word, 0.0, True)
            if rng.random() < FORMULA_SHARE:
                yield from _items(self.formula(rng, fonts, size_px, display=False))
                if rng.random() < 0.25:
                    yield _Item(None, str(rng.choice(list(",.;:"))), 0.0, True, bare=True)


def _items(parts: Sequence[Setting]) -> Iterator[_Item]:
    for number, part in enumerate(parts):
        gap_px = max(part.gap_px, parts[number - 1].gap_px) if number else 0.0
        yield _Item(part, "", gap_px, number == 0)


class _Line:
    """A line that is being filled, from its left end on the baseline."""

    def __init__(self, face: FontFace, size_px: float) -> None:
        self.face, self.size_px = face, size_px
        self.whole = Setting(rise_px=0.0, fall_px=0.0)
        self._opened: int | None = None  # where a formula that may go on begins in the source

    @property
    def rise_px(self) -> float:
        return self.whole.rise_px

    @property
    def fall_px(self) -> float:
        return self.whole.fall_px

    def add(self, item: _Item, gap_px: float, room_px: float) -> bool:
        """Put an item at the end. Returns: whether there was room; a line's first item is put in any case."""
        whole, first = self.whole, not self.whole.source
        x_px = whole.width_px + (0.0 if first else gap_px)
        width_px = item.setting.width_px if item.setting else load_font(self.face, self.size_px).getlength(item.text)
        if x_px + width_px > room_px and not first:
            self._close()
            return False
        if item.begins:
            self._close()
            if not first and not item.bare:
                above, below = -BOX_ABOVE_EM * self.size_px, BOX_BELOW_EM * self.size_px
                whole.source.append(SourceCharacter(" ", (whole.width_px, above, x_px, below), " "))
        if item.setting:
            if self._opened is None:
                self._opened = len(whole.source)
                whole.write(OPEN, _moved_first(item.setting, x_px))
            whole.put(item.setting, x_px)
        else:
            self._put_word(item.text, x_px)
        return x_px + width_px <= room_px

    def _close(self) -> None:
        if self._opened is not None:
            source, begin = self.whole.source, self._opened + len(OPEN)
            if "".join(one.text for one in source[begin:]).isdecimal():
                del source[self._opened : begin]
            else:
                self.whole.write(CLOSE, source[-1].box)
        self._opened = None

    def _put_word(self, word: str, x_px: float) -> None:
        size_px = self.size_px
        stops = x_px + character_stops(self.face, size_px, word)
        above, below = -BOX_ABOVE_EM * size_px, BOX_BELOW_EM * size_px
        self.whole.source += [
            SourceCharacter(character, (float(stops[n]), above, float(stops[n + 1]), below), character)
            for n, character in enumerate(word)
        ]
        self.whole.glyphs.append(PlacedWord(word, x_px, 0.0, self.face, size_px))
        self.whole.width_px = float(stops[-1])
        self.whole.rise_px = max(self.whole.rise_px, 0.72 * size_px)
        self.whole.fall_px = max(self.whole.fall_px, 0.2 * size_px)

    def finished(self) -> Setting:
        """The line, its last formula closed."""
        self._close()
        return self.whole


def _moved_first(setting: Setting, x_px: float) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = setting.source[0].box
    return x1 + x_px, y1, x2 + x_px, y2


class _Page:
    """Lines on a canvas."""

    def __init__(self) -> None:
        self._whole = Setting()

    def add(self, line: _Line, x_px: float, baseline_px: float) -> None:
        """Put a line at a place."""
        if self._whole.source:
            _, y1, x2, y2 = self._whole.source[-1].box
            self._whole.source.append(SourceCharacter("\n", (x2, y1, x2, y2), " "))
        self._whole.put(line.finished(), x_px, baseline_px)

    def block(self) -> Block:
        """What has been put."""
        whole = self._whole
        boxes = np.asarray([one.box for one in whole.source], dtype=np.float32).reshape(-1, 4)
        shown = "".join(one.shown for one in whole.source)
        return Block(tuple(whole.glyphs), whole.text, boxes, tuple(whole.rules), shown)
