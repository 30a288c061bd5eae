"""The pieces a formula is made of, and the words that its reader knows."""

# ruff: noqa: SIM905 - lists of words are read more easily as text

import re
from dataclasses import dataclass, field
from typing import Any

TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\s+|.", re.DOTALL)
LENGTH = re.compile(r"\s*(-?[\d.]+)\s*(em|ex|pt|mm|cm|in|mu|px|bp)?")
EM_PER_UNIT = {
    "em": 1,
    "ex": 0.43,
    "pt": 0.1,
    "mm": 0.285,
    "cm": 2.85,
    "in": 7.2,
    "mu": 0.0556,
    "px": 0.075,
    "bp": 0.1,
}

ALIGNED = frozenset(
    "align align* aligned alignat alignat* alignedat flalign flalign* split eqnarray eqnarray* rcl IEEEeqnarray "
    "IEEEeqnarray*".split()
)
GATHERED = frozenset("gather gather* gathered multline multline* multlined substack".split())
CASES = frozenset("cases cases* dcases dcases* rcases drcases".split())
MATRIX_FENCES = {
    "matrix": ("", ""),
    "smallmatrix": ("", ""),
    "pmatrix": ("(", ")"),
    "bmatrix": ("[", "]"),
    "Bmatrix": ("{", "}"),
    "vmatrix": ("|", "|"),
    "Vmatrix": ("‖", "‖"),
}
TRANSPARENT = frozenset("equation equation* displaymath math subequations center document".split())
TABLES = ALIGNED | GATHERED | CASES | MATRIX_FENCES.keys() | {"array", "tabular", "subarray", "darray"}
TEXT_COMMANDS = {
    "text": "",
    "mbox": "",
    "hbox": "",
    "textrm": "",
    "textnormal": "",
    "textup": "",
    "textmd": "",
    "textbf": "bold",
    "textit": "italic",
    "textsl": "italic",
    "emph": "italic",
    "textsf": "",
    "texttt": "monospace",
    "textsc": "",
    "intertext": "",
    "tag": "",
    "mathchoice": "",
}
STYLES = frozenset({"displaystyle", "textstyle", "scriptstyle", "scriptscriptstyle"})
IGNORED = frozenset(
    "nonumber notag allowbreak nobreak limits nolimits noindent relax displaylimits centering protect strut "
    "mathstrut left right middle medskip smallskip bigskip par null hfill vfill normalsize small large Large "
    "footnotesize scriptsize tiny".split()
)
ENCLOSURES = frozenset({"boxed", "fbox", "framebox", "cancel", "bcancel", "xcancel", "sout"})
MAX_NAME_PIECES = 60  # Of an operator's name.
BIG_SIZES_EM = {"big": 1.2, "Big": 1.6, "bigg": 2.05, "Bigg": 2.5}
FRACTIONS = {"frac": "", "dfrac": "display", "tfrac": "text", "cfrac": "display", "nicefrac": "", "sfrac": ""}
BINOMIALS = {"binom": "", "dbinom": "display", "tbinom": "text"}
INFIX = {"over": (True, "", ""), "choose": (False, "(", ")"), "atop": (False, "", ""), "brace": (False, "{", "}")}


@dataclass(slots=True)
class Node:
    """A piece of a formula.

    Attributes:
        kind: row, identifier, number, operator, large, function, text, space, scripts, fraction, root, fenced, middle,
            big, accent, font, style, color, enclose, phantom, table, cell, arrow, stack, tag, unknown.
        value: Its character, word, alphabet, text or command, as the kind needs.
        children: Pieces inside it.
        options: What else the kind needs.
    """

    kind: str
    value: str = ""
    children: list["Node"] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Formula:
    """A formula that was read.

    Attributes:
        root: Its tree.
        notes: What was damaged, one short line each.
    """

    root: Node
    notes: tuple[str, ...]


def row_node(nodes: list[Node]) -> Node:
    """Make one node of several."""
    return nodes[0] if len(nodes) == 1 else Node("row", children=nodes)


def scripts_options(under: Node | None, over: Node | None, limits: bool | None) -> dict[str, Any]:
    """Say what stands under and over a base, and whether limits asked for it."""
    return {"under": under, "over": over, "limits": limits}


def table_node(
    environment: str,
    rows: list[list[Node]],
    spec: str = "",
    rules: dict[int, list[tuple[int, int]]] | None = None,
) -> Node:
    """Make a table of rows of cells, with the rules before each row as stretches of columns."""
    options = {"rows": rows, "spec": spec, "rules": rules or {}}
    return Node("table", environment, options=options)


def character_node(token: str) -> Node:
    """Make a node of one character."""
    if token.isdigit():
        return Node("number", token)
    if token.isalpha():
        return Node("identifier", token)
    return Node("operator", token)


def letters_of(node: Node) -> str | None:
    """Join a node's letters to a word.

    Args:
        node: What an operator's name was given as.

    Returns:
        The word; None where the node has something else, or is too long for a name.
    """
    letters: list[str] = []
    waiting = [node]
    for _ in range(MAX_NAME_PIECES):
        if not waiting:
            return "".join(letters)
        piece = waiting.pop()
        is_sign = piece.kind == "operator" and piece.value in ("-", "*", "")
        if is_sign or piece.kind in ("identifier", "number", "text", "function"):
            letters.append(piece.value)
        elif piece.kind == "space":
            letters.append(" " if float(piece.value or 0) > 0 else "")
        elif piece.kind in ("row", "font") and piece.children:
            waiting += reversed(piece.children[:MAX_NAME_PIECES])
        else:
            return None
    return None


def length_em(length: str) -> float:
    """Turn a length into ems, within reason."""
    match = LENGTH.match(length)
    try:
        value = float(match[1]) * EM_PER_UNIT[match[2] or "em"] if match else 0.0
    except ValueError:
        return 0.0
    return max(-2.0, min(value, 20.0))


def chemistry_to_latex(formula: str) -> str:
    r"""Turn the simple part of ``\ce{}`` (subscripts, charges, arrows) into mathematics."""
    formula = re.sub(r"<=>|<->", r" \\rightleftharpoons ", formula)
    formula = re.sub(r"(?<!-)-+>", r" \\rightarrow ", formula)
    formula = re.sub(r"(?<=[A-Za-z)\]])(\d+)", r"_{\1}", formula)
    return re.sub(r"(?<!\d)\^?(\d*[+-])(?=$|\s)(?<=[A-Za-z}\d)][+-])", r"^{\1}", formula)


def plain_text(text: str) -> str:
    """Take the LaTeX escapes and simple commands out of a piece of text inside a formula."""
    text = re.sub(r"\\([#$%&_{} ])", r"\1", text)
    text = re.sub(r"\\(?:text|mathrm|textrm|textbf|textit|mbox|rm|bf|it)\b\s*", "", text)
    text = re.sub(r"\\(?:quad|qquad|,|;|:)", " ", text)
    return re.sub(r"\s+", " ", text.replace("~", "\u00a0").replace("{", "").replace("}", ""))
