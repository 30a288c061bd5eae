"""Read the text inside a paragraph or a cell: formulas, emphasis, LaTeX's text commands, molecules, nested tables."""

# ruff: noqa: SIM905 - lists of words are read more easily as text

import re
import unicodedata
from collections.abc import Callable

from got_ocr.rendering import math_symbols as symbols
from got_ocr.rendering import tables
from got_ocr.rendering.blocks import Inline
from got_ocr.rendering.formulas import parse_formula
from got_ocr.rendering.source import Source

MAX_DEPTH = 12  # Nesting beyond this stays text.
MAX_MARKED_CHARACTERS = 3000  # How far a mark's pair is checked for an empty line between.

_TOKEN = re.compile(
    r"""
    (?P<newline>\\\\\*?(?:\s*\[\s*-?[\d.]+\s*[a-z]{2}\s*\])?)
    | (?P<formula>\\\(|\\\[|\$\$?)
    | (?P<smiles><smiles>)
    | \\begin\s*\{(?P<environment>[A-Za-z]+\*?)\}
    | \\(?P<command>[A-Za-z]+)\*?
    | \\(?P<accent>['`"^~=.])(?=\{?[A-Za-z])
    | \\(?P<escape>[^A-Za-z\s])
    | (?P<link>!?\[(?=[^\]\[\n]{0,200}\]\([^()\s]{1,500}\)))
    | (?P<strong>\*\*|__)(?=\S)
    | (?P<emphasis>(?<![\w*])\*(?=[^\s*]))
    | (?P<strike>~~(?=\S))
    | (?P<code>`+)
    | (?P<brace>\{)
    """,
    re.VERBOSE,
)
_STYLES = {
    "textbf": "strong",
    "textit": "emphasis",
    "emph": "emphasis",
    "textsl": "emphasis",
    "underline": "underline",
    "uline": "underline",
    "texttt": "code",
    "sout": "strike",
    "textsuperscript": "superscript",
    "textsubscript": "subscript",
    "footnote": "note",
    "footnotetext": "note",
}
_PLAIN_GROUPS = frozenset(
    "textrm textsf textsc textup textmd textnormal text mbox hbox makecell shortstack thead fbox parbox centerline "
    "uppercase lowercase mathrm operatorname mathbf mathit caption".split()
)
_SWITCHES = {"bf": "strong", "bfseries": "strong", "it": "emphasis", "itshape": "emphasis", "em": "emphasis"}
_DROPPED = frozenset(
    "centering raggedright raggedleft small footnotesize scriptsize tiny large Large LARGE huge Huge normalsize "
    "noindent hfill vfill newline linebreak par indent rm sf tt sc normalfont protect maketitle newpage clearpage "
    "pagebreak smallskip medskip bigskip hline toprule midrule bottomrule arraybackslash strut displaystyle textstyle "
    "left right selectfont justifying sloppy".split()
)
_DROPPED_WITH_GROUP = frozenset(
    "label vspace hspace pagestyle thispagestyle captionsetup cellcolor rowcolor color fontsize setlength setcounter "
    "rule includegraphics vskip hskip".split()
)
_KEPT_GROUP = {"url": "", "cite": "[]", "citep": "[]", "citet": "[]", "ref": "", "eqref": "()", "footnotemark": "[]"}
_CHARACTERS = {
    "textbackslash": "\\",
    "textasciitilde": "~",
    "textasciicircum": "^",
    "textless": "<",
    "textgreater": ">",
    "textbar": "|",
    "textunderscore": "_",
    "textdegree": "°",
    "textmu": "µ",
    "texttimes": "×",
    "textpm": "±",
    "textregistered": "®",
    "texttrademark": "™",
    "textcopyright": "©",
    "textbullet": "•",
    "textendash": "–",
    "textemdash": "—",
    "textquoteleft": "‘",
    "textquoteright": "’",
    "textquotedblleft": "“",
    "textquotedblright": "”",
    "euro": "€",
    "texteuro": "€",
    "ss": "ß",
    "o": "ø",
    "O": "Ø",
    "ae": "æ",
    "AE": "Æ",
    "oe": "œ",
    "OE": "Œ",
    "aa": "å",
    "AA": "Å",
    "l": "ł",
    "L": "Ł",
    "i": "ı",
    "j": "ȷ",
    "quad": "\u2003",
    "qquad": "\u2003\u2003",
    "enspace": "\u2002",
    "thinspace": "\u2009",
    "space": " ",
    "textcelsius": "℃",
    "LaTeX": "LaTeX",
    "TeX": "TeX",
}
_COMBINING = {
    "'": "\u0301",
    "`": "\u0300",
    '"': "\u0308",
    "^": "\u0302",
    "~": "\u0303",
    "=": "\u0304",
    ".": "\u0307",
    "c": "\u0327",
    "v": "\u030c",
    "u": "\u0306",
    "H": "\u030b",
    "r": "\u030a",
    "k": "\u0328",
    "d": "\u0323",
    "b": "\u0331",
}
_MATH_ENVIRONMENTS = frozenset(
    "equation align gather multline eqnarray aligned gathered split cases array matrix pmatrix bmatrix vmatrix "
    "Bmatrix Vmatrix smallmatrix math displaymath flalign alignat dcases".split()
)
_TABLE_ENVIRONMENTS = frozenset("tabular tabularx tabulary longtable supertabular xltabular".split())


def is_math_environment(name: str) -> bool:
    """Say whether an environment holds a formula."""
    return name.rstrip("*") in _MATH_ENVIRONMENTS


def is_table_environment(name: str) -> bool:
    """Say whether an environment is a table."""
    return name.rstrip("*") in _TABLE_ENVIRONMENTS


def read_inlines(
    source: Source, start: int, end: int, notes: list[str], depth: int = 0, in_cell: bool = False
) -> list[Inline]:
    """Read a piece of text.

    Args:
        source: The page.
        start: Where the piece begins.
        end: Where it ends.
        notes: Takes what was damaged.
        depth: How deep the piece is nested.
        in_cell: Whether LaTeX's own rules hold: braces group, `~` is a space, line ends are spaces.

    Returns:
        Its pieces.
    """
    return _InlineReader(source, start, end, notes, depth, in_cell).read()


def read_cell_text(source: Source, start: int, end: int, notes: list[str], depth: int) -> list[Inline]:
    """Read the text of a table's cell, by LaTeX's own rules."""
    return read_inlines(source, start, end, notes, depth, in_cell=True)


def inlines_of(text: str, notes: list[str] | None = None, in_cell: bool = False) -> list[Inline]:
    """Read a text that stands on its own."""
    return read_inlines(Source(text), 0, len(text), [] if notes is None else notes, in_cell=in_cell)


class _InlineReader:
    def __init__(self, source: Source, start: int, end: int, notes: list[str], depth: int, in_cell: bool) -> None:
        self.source, self.text = source, source.text
        self.start, self.end = start, end
        self.notes, self.depth, self.in_cell = notes, depth, in_cell
        self.pieces: list[Inline] = []

    def read(self) -> list[Inline]:
        position = self.start
        plain_from = position
        while True:
            match = _TOKEN.search(self.text, position, self.end)
            if match is None:
                break
            after = self._read_token(match, plain_from)
            if after is None:  # Just text.
                position = match.end()
                continue
            position = plain_from = after
        self._plain(plain_from, self.end)
        return self.pieces

    def _plain(self, start: int, end: int) -> None:
        if start >= end:
            return
        text = self.text[start:end]
        if self.in_cell:
            text = re.sub(r"\s+", " ", text.replace("~", "\u00a0")).replace("}", "")
            if text:
                self.pieces.append(Inline("text", text))
            return
        for index, line in enumerate(text.split("\n")):
            if index:
                self.pieces.append(Inline("break"))
            if line:
                self.pieces.append(Inline("text", line))

    def _add(self, match: re.Match[str], plain_from: int, *pieces: Inline) -> None:
        self._plain(plain_from, match.start())
        self.pieces += pieces

    def _find(self, mark: str, start: int) -> int:
        return self.source.find(mark, start, self.end)

    def _is_parted(self, start: int, end: int) -> bool:
        """Say whether an empty line stands between two marks, near the first: they are no pair then."""
        return self.source.find("\n\n", start, min(end, start + MAX_MARKED_CHARACTERS)) >= 0

    def _nested(self, start: int, end: int, in_cell: bool | None = None) -> list[Inline]:
        if self.depth >= MAX_DEPTH:
            return [Inline("text", self.text[start:end])]
        in_cell = self.in_cell if in_cell is None else in_cell
        return read_inlines(self.source, start, end, self.notes, self.depth + 1, in_cell)

    def _read_token(self, match: re.Match[str], plain_from: int) -> int | None:
        kind = match.lastgroup
        if kind == "newline":
            self._add(match, plain_from, Inline("break"))
            after = match.end()
            if after < self.end and self.text[after] == "\n":
                after += 1
            return after
        if kind in ("formula", "smiles", "environment", "command", "accent", "link", "code", "brace"):
            read: Callable[[re.Match[str], int], int | None] = getattr(self, f"_read_{kind}")
            return read(match, plain_from)
        if kind == "escape":
            self._add(match, plain_from, Inline("text", _escaped(match["escape"])))
            return match.end()
        mark = match[0]
        start = match.end()
        close = self.source.find_emphasis_end(start, self.end) if mark == "*" else self._find(mark, start)
        if close <= start or self._is_parted(start, close):
            return None
        if mark == "__" and (
            self.text[match.start() - 1 : match.start()].isalnum() or self.source.find("_", start, close) >= 0
        ):
            return None
        self._add(match, plain_from, Inline(str(kind), children=self._nested(match.end(), close)))
        return close + len(mark)

    def _read_formula(self, match: re.Match[str], plain_from: int) -> int | None:
        opening = match["formula"]
        closing = {"\\(": "\\)", "\\[": "\\]"}.get(opening, opening)
        start = match.end()
        if opening == "$":
            close = self._dollar(start)
            if close < 0:
                return None
        else:
            close = self._find(closing, start)
        after = close + len(closing)
        if close < 0:
            if opening == "$$":
                return None
            line_end = self._find("\n\n", start)
            close = after = self.end if line_end < 0 else line_end
            self.notes.append(f"a formula's {closing} was missing")
        tex = self.text[start:close].strip()
        formula = parse_formula(tex)
        self.notes += formula.notes
        self._add(match, plain_from, Inline("formula", tex, content=formula))
        return after

    def _dollar(self, start: int) -> int:
        """Find the dollar that closes a formula; none where the first one is money."""
        if start >= self.end or self.text[start].isspace():
            return -1
        close = start
        while True:
            close = self._find("$", close)
            if close < 0 or close - start > 2000:
                return -1
            if self.text[close - 1] == "\\":
                close += 1
                continue
            following = self.text[close + 1 : min(close + 2, self.end)]
            if close == start or self.text[close - 1].isspace() or following.isdigit():
                return -1
            return -1 if self._is_parted(start, close) else close

    def _read_smiles(self, match: re.Match[str], plain_from: int) -> int:
        close = self._find("</smiles>", match.end())
        after = close + len("</smiles>")
        if close < 0:
            line_end = self._find("\n", match.end())
            close = after = self.end if line_end < 0 else line_end
            self.notes.append("</smiles> was missing")
        self._add(match, plain_from, Inline("molecule", self.text[match.end() : close].strip()))
        return after

    def _read_environment(self, match: re.Match[str], plain_from: int) -> int | None:
        name = match["environment"]
        start = match.start()
        if start not in self.source.environments or self.depth >= MAX_DEPTH:
            return None
        _, inside, close, after, closed = self.source.environment(start, self.end)
        if is_table_environment(name):
            table = tables.read_tabular(self.source, name, inside, close, self.notes, read_cell_text, self.depth + 1)
            self._add(match, plain_from, Inline("table", self.text[start:after], content=table))
        elif is_math_environment(name):
            tex = self.text[start:after]
            formula = parse_formula(tex)
            self.notes += formula.notes
            self._add(match, plain_from, Inline("formula", tex, content=formula))
        else:
            self._add(match, plain_from, *self._nested(inside, close))
        if not closed:
            self.notes.append(f"\\begin{{{name}}} was not closed")
        return max(after, match.end())

    def _read_command(self, match: re.Match[str], plain_from: int) -> int | None:
        name, after = match["command"], match.end()
        group = self.source.group(after, self.end)
        if name in _CHARACTERS:
            self._add(match, plain_from, Inline("text", _CHARACTERS[name]))
            if group and group[0] == group[1]:
                return group[2]
            return after + (self.text[after : after + 1] == " " and name not in ("quad", "qquad", "space"))
        if name in _COMBINING:
            letter = self.text[group[0] : group[1]] if group else ""
            if group and len(letter) == 1:
                self._add(match, plain_from, Inline("text", unicodedata.normalize("NFC", letter + _COMBINING[name])))
                return group[2]
            return None
        if name in _DROPPED or name in _DROPPED_WITH_GROUP:
            self._add(match, plain_from)
            if name in _DROPPED_WITH_GROUP:
                after = self._skip_optional(after)
                group = self.source.group(after, self.end)
                after = group[2] if group else after
            elif name in ("newline", "linebreak", "par"):
                self.pieces.append(Inline("break"))
            return after
        if name in _STYLES or name in _PLAIN_GROUPS or name in _KEPT_GROUP:
            return self._read_styled(match, plain_from, name, self._skip_optional(after))
        if name in ("textcolor", "href", "colorbox", "rotatebox", "multirow", "multicolumn", "resizebox", "diagbox"):
            return self._read_several(match, plain_from, name)
        for family in (symbols.IDENTIFIERS, symbols.OPERATORS):
            if name in family:
                self._add(match, plain_from, Inline("text", family[name]))
                return after
        if self.in_cell and name in ("frac", "sqrt", "mathbb", "mathcal", "mathbf", "bar", "hat", "vec", "overline"):
            tex = self.text[match.start() : self.end]  # A formula whose delimiters the model left out.
            formula = parse_formula(tex)
            self._add(match, plain_from, Inline("formula", tex.strip(), content=formula))
            self.notes.append("a formula without delimiters")
            return self.end
        return None

    def _skip_optional(self, position: int) -> int:
        if self.text[position : position + 1] == "[":
            close = self.text.find("]", position, min(position + 40, self.end))
            return close + 1 if close > 0 else position
        return position

    def _read_styled(self, match: re.Match[str], plain_from: int, name: str, after: int) -> int | None:
        group = self.source.group(after, self.end)
        if group is None:
            return None
        start, end, after = group
        if name in _KEPT_GROUP:
            around = _KEPT_GROUP[name]
            text = self.text[start:end]
            self._add(match, plain_from, Inline("text", around[:1] + text + around[1:]))
            return after
        if name in _STYLES and name != "texttt":
            self._add(match, plain_from, Inline(_STYLES[name], children=self._nested(start, end)))
        elif name == "texttt":
            text = re.sub(r"\\([#$%&_{}])", r"\1", self.text[start:end])
            self._add(match, plain_from, Inline("code", text))
        else:
            self._add(match, plain_from, *self._nested(start, end))
        return after

    def _read_several(self, match: re.Match[str], plain_from: int, name: str) -> int | None:
        """Read a command of two or three groups: the last one is text."""
        count = 3 if name in ("multirow", "multicolumn", "resizebox") else 2
        after, groups = self._skip_optional(match.end()), []
        for _ in range(count):
            if self.text[after : after + 1] == "*":  # \multirow{2}*{...}
                after += 1
                groups.append((after, after, after))
                continue
            group = self.source.group(self._skip_optional(after), self.end)
            if group is None:
                return None
            groups.append(group)
            after = group[2]
        self._add(match, plain_from)
        if name == "diagbox":
            self.pieces += [*self._nested(*groups[0][:2]), Inline("text", " \\ ")]
        self.pieces += self._nested(*groups[-1][:2])
        return after

    def _read_accent(self, match: re.Match[str], plain_from: int) -> int | None:
        after = match.end()
        if self.text[after] == "{":
            if self.text[after + 2 : after + 3] != "}":
                return None
            letter, after = self.text[after + 1], after + 3
        else:
            letter, after = self.text[after], after + 1
        if after > self.end:
            return None
        text = unicodedata.normalize("NFC", letter + _COMBINING[match["accent"]])
        self._add(match, plain_from, Inline("text", text))
        return after

    def _read_link(self, match: re.Match[str], plain_from: int) -> int | None:
        middle = self._find("](", match.end())
        close = self._find(")", middle) if middle >= 0 else -1
        if close < 0:
            return None
        label = self._nested(match.end(), middle)
        address = self.text[middle + 2 : close]
        if match["link"] == "![":  # A page has no picture of its own: its name stands for it.
            self._add(match, plain_from, Inline("text", "["), *label, Inline("text", f" {address}]"))
        else:
            self._add(match, plain_from, *label, Inline("text", f" ({address})"))
        return close + 1

    def _read_code(self, match: re.Match[str], plain_from: int) -> int | None:
        if match[0] == "``":  # LaTeX's quotation marks.
            close = self._find("''", match.end())
            ticks = self._find("``", match.end())
            if close > 0 and (ticks < 0 or close < ticks) and close - match.end() < 1000:
                inside = self._nested(match.end(), close)
                self._add(match, plain_from, Inline("text", "“"), *inside, Inline("text", "”"))
                return close + 2
        close = self._find(match[0], match.end())
        if close <= match.end() or self._is_parted(match.end(), close):
            return None
        self._add(match, plain_from, Inline("code", self.text[match.end() : close].strip()))
        return close + len(match[0])

    def _read_brace(self, match: re.Match[str], plain_from: int) -> int | None:
        close = self.source.brace_ends.get(match.start(), -1)
        closed = 0 <= close < self.end
        switch = re.compile(r"\{\s*\\([A-Za-z]+)\s*").match(self.text, match.start(), self.end)
        if closed and switch and (switch[1] in _SWITCHES or switch[1] in _DROPPED):
            inside = self._nested(switch.end(), close)
            style = _SWITCHES.get(switch[1])
            self._add(match, plain_from, *([Inline(style, children=inside)] if style else inside))
            return close + 1
        if self.in_cell:
            if not closed:
                self._add(match, plain_from)
                return match.end()
            self._add(match, plain_from, *self._nested(match.end(), close))
            return close + 1
        return None


def _escaped(character: str) -> str:
    if character in ",;:! ":
        return {"!": "", ",": "\u2009"}.get(character, " ")
    if character in "#$%&_{}~^*`|<>[]()+-.\"'=@/":
        return {"-": "\u00ad", "/": "", "@": "", "[": "[", "(": "("}.get(character, character)
    return "\\" + character
