"""Strings that a looping model can write: by grammar, seeded, of any length.

Every command, environment and mark that the rendering room knows is a terminal here (taken from its own tables, so a
new command is met as soon as it is known), beside what only a broken answer holds.
"""

import random
from collections.abc import Callable

from got_ocr.rendering import formula_nodes, inlines, parsing, tex_guard
from got_ocr.rendering import math_symbols as symbols

# ruff: noqa: E501, SIM905 - tables of terminals are read more easily in long rows

LETTERS = ("a", "b", "x", "7", "12", "word", "Δ", "文", "𝒳", "е\u0301", "\u202e", "\x1b[31m", "\x00")
SPACES = (" ", "  ", "\t", "\n", "\n\n", "\u00a0", "\u3000", "\x0b", "~")
MARKS = tuple(
    "\\ { } $ $$ & ^ _ ' \" ` ``` `` '' ( ) [ ] | || < > * ** *** # ## % ~ ~~ __ - -- + = : ; , . ! @ /".split()
)
MATH_COMMANDS = tuple(
    sorted(
        {
            *symbols.IDENTIFIERS, *symbols.OPERATORS, *symbols.LARGE_OPERATORS, *symbols.INTEGRALS,
            *symbols.DELIMITERS, *symbols.FUNCTIONS, *symbols.LIMIT_FUNCTIONS, *symbols.SPACES_EM,
            *symbols.ACCENTS_OVER, *symbols.ACCENTS_UNDER, *symbols.EXTENSIBLE_ARROWS, *symbols.FONTS,
            *formula_nodes.TEXT_COMMANDS, *formula_nodes.STYLES, *formula_nodes.IGNORED, *formula_nodes.ENCLOSURES,
            *formula_nodes.FRACTIONS, *formula_nodes.BINOMIALS, *formula_nodes.INFIX,
        }
    )
)  # fmt: skip
STRUCTURES = (
    r"\left(", r"\left", r"\right)", r"\right", r"\middle|", r"\sqrt[", r"\sqrt", r"\root", r"\frac", r"\genfrac",
    r"\overset", r"\underset", r"\stackrel", r"\sideset", r"\substack{", r"\begin{", r"\end{", r"\operatorname",
    r"\operatorname*", r"\mathop", r"\ce{", r"\pu{", r"\phantom", r"\label{", r"\hspace{", r"\kern", r"\rule", r"\raisebox",
    r"\not", r"\textcolor{red}", r"\color{red}", r"\href{", r"\multicolumn{3}{c}", r"\multirow{2}*", r"\hline", r"\cline{1-2}",
    r"\char", r"\big(", r"\Biggl", r"\limits", r"\nolimits", r"\xrightarrow[", r"\tag{", r"\text{\(", r"\text{$", r"\mbox{",
    r"\pmod", r"\cfrac[l]", r"\limsup", r"\boxed{", r"\cancel{", r"\mathbin{", r"\smash[b]", r"\url{", r"\eqref{",
)  # fmt: skip
TEXT_COMMANDS = tuple(
    f"\\{name}{ending}"
    for name in sorted(
        {*inlines._STYLES, *inlines._PLAIN_GROUPS, *inlines._DROPPED, *inlines._DROPPED_WITH_GROUP,
         *inlines._KEPT_GROUP, *inlines._CHARACTERS, *inlines._SWITCHES, *parsing._HEADINGS,
         "title", "author", "date", "caption", "footnotetext", "includegraphics", "textcolor", "href", "colorbox",
         "rotatebox", "resizebox", "diagbox"}
    )
    for ending in ("", "{", "*{", "[", " {")
)  # fmt: skip
ENVIRONMENTS = tuple(
    sorted(
        {*formula_nodes.TABLES, *formula_nodes.TRANSPARENT, *inlines._MATH_ENVIRONMENTS, *inlines._TABLE_ENVIRONMENTS,
         "itemize", "enumerate", "description", "verbatim", "lstlisting", "abstract", "quote", "figure", "table",
         "wrapfigure", "theorem", "proof", "minipage", "multicols", "thebibliography", "tikzpicture", "tikzcd", "foo"}
    )
)  # fmt: skip
SPECIFICATIONS = (
    "",
    "{c}",
    "{cc|c}",
    "{*{99}{c}}",
    "{*{9}{*{9}{*{9}{c}}}}",
    "{p{3cm}@{}",
    "[t]{c}",
    "{0.5}{lcr}",
    "{",
)
LINES = (
    "# ", "###### ", "- ", "* ", "1. ", "999) ", "    - ", "> ", "> > ", "| a | b |", "|---|:-:|", "|", "---", "* * *",
    "```", "~~~", "```python", "**kern", "**kern\t**kern", "4c", "4c\t4e", "=1", "*-", "!!!OTL: ", "*^", "*v", "<smiles>",
    "<smiles>CCO</smiles>", "</smiles>", "{'values': {'a': 1, 'b': 2}}", "{'a", "{'a': [", '{"title": "', "{",
    "![name](", "[label](http://a)", "![", "<br>", "title | ", "a | 1",
)  # fmt: skip
TIKZ = (
    r"\draw ", r"\fill[red] ", r"\filldraw", r"\path", r"\node at (0,0) {", r"\node (A) ", r"\coordinate (A) at (1,1);",
    "(0,0)", "(A)", "(1,1)", "++(1,0)", "+(", "-- ", "|- ", ".. controls ", " and ", ".. ", "cycle", ";", "grid (9,9)",
    "circle (1)", "circle[radius=", "arc (0:90:1)", "rectangle ", "plot (\\x,{\\x^2})", "plot[domain=0:9] (\\x,\\x)",
    "plot coordinates {", "to[bend left] ", "node[midway,above] {$", "[scale=2]", "[step=0.01]", "[", "]",
    r"\foreach \x in {1,...,400} {", r"\foreach \x/\y  in {", r"\foreach \a  \b  \c  ", r"{a,...,z}", "1,...,9,", "...,",
    r"\begin{scope}", r"\begin{scope}[shift={(1,1)}]", r"\end{scope}", r"\tikzset{a/.style={a,b}}", "a/.style={", "a,",
    "($(A)!0.5!(B)$)", "$(", "($", r"pic{right angle=A--B--C}", r"\clip ", r"\usetikzlibrary{calc}", "%", "draw=red!30,", "((((",
)  # fmt: skip
PIECES: tuple[tuple[str, ...], ...] = (
    LETTERS, SPACES, MARKS, tuple(f"\\{name}" for name in MATH_COMMANDS), STRUCTURES, TEXT_COMMANDS,
    tuple(f"\\begin{{{name}}}" for name in ENVIRONMENTS), tuple(f"\\end{{{name}}}" for name in ENVIRONMENTS),
    tuple(f"\n{line}" for line in LINES), LINES, TIKZ, tuple(f"\\{name}" for name in sorted(tex_guard.DRAWING_COMMANDS)),
    ("\\\\", " & ", "\\\\[", "\\\\[2pt]", "\\\\*", "\\cr", "\\tabularnewline"), SPECIFICATIONS,
    (r"\(", r"\)", r"\[", r"\]", "$", "$$", r"\(x", r"\[x"),
)  # fmt: skip
# What opens, and what closes it: nested as deep as the length allows.
BRACKETS = (
    ("{", "}"), (r"\(", r"\)"), (r"\[", r"\]"), ("$", "$"), ("$$", "$$"), (r"\left(", r"\right)"), (r"\frac{", "}{b}"),
    (r"\sqrt[", "]{x}"), (r"\sqrt{", "}"), (r"\hat{", "}"), (r"\overline{", "}"), (r"\text{", "}"), (r"\text{\(", r"\)}"),
    (r"\ce{", "}"), (r"\sideset{", "}{}"), (r"\operatorname{", "}"), (r"\mathrm{", "}"), ("x^{", "}"), ("x_{", "}"),
    ("{a^b^c", "}^d^e"), (r"\not ", ""), (r"\bf ", ""), (r"a\over ", ""), (r"\textbf{", "}"), ("**", "**"), ("*a ", "*"),
    ("~~", "~~"), ("`", "`"), ("``", "''"), (r"{\bf ", "}"), (r"\footnote{", "}"), (r"\makecell{", "}"),
    (r"\multicolumn{2}{c}{", "}"), (r"\multirow{2}{*}{", "}"), (r"\substack{", "}"), (r"\boxed{", "}"),
    ("(", ")"), ("[", "]"), ("{'a': ", "}"), ("[1, ", "]"), ("\n> ", ""), ("\n  - ", ""), (r"\diagbox{", "}{b}"),
    *((f"\\begin{{{name}}}", f"\\end{{{name}}}") for name in ENVIRONMENTS),
    *((f"\\begin{{{name}}}{{cc}} a & ", f"\\\\ b & c \\end{{{name}}}") for name in ("tabular", "array", "aligned")),
    (r"\begin{itemize}\item a", r"\end{itemize}"), (r"\begin{enumerate}\item ", r"\item b\end{enumerate}"),
    (r"\begin{scope}", r"\end{scope}"), (r"\foreach \x in {1,...,400}{", "}"),
)  # fmt: skip
WRAPPERS = (
    "{}", "{}", "{}", r"\( {} \)", r"\[ {} \]", r"\begin{{tabular}}{{cc}} {} \end{{tabular}}", r"\begin{{array}}{{c}}{}",
    "$$ {} $$", "# {}", "> {}", "- {}", r"\textbf{{{}}}", r"\begin{{tikzpicture}} {} \end{{tikzpicture}}",
    r"\begin{{tikzpicture}} \draw {};", "**kern\n{}\n*-", "<smiles>{}</smiles>", "{{'values': {{'a': '{}'}}}}", "```\n{}\n```",
    r"\begin{{itemize}} {} \end{{itemize}}", r"\text{{{}}}", "| {} |\n|---|\n| b |", r"\section*{{{}}}",
)  # fmt: skip


def _piece(source: random.Random) -> str:
    return source.choice(source.choice(PIECES))


def _numbered(block: str, joint: str, length: int) -> str:
    """Repeat a block; the numbers keep it from being taken for a loop, whose end is cut before it is read."""
    written: list[str] = []
    size = number = 0
    while size < length:
        written.append(block + joint.format(number))
        size += len(written[-1])
        number += 1
    return "".join(written)


def loop(source: random.Random, length: int) -> str:
    """One to three pieces over and over."""
    block = "".join(_piece(source) for _ in range(source.randint(1, 3)))
    return _numbered(block, source.choice((" {} ", "{}", "\n{}", "{}a", "x{}")), length)


def nest(source: random.Random, length: int) -> str:
    """Something that opens, as deep as it goes; closed, half closed or never."""
    pairs = [source.choice(BRACKETS) for _ in range(source.randint(1, 2))]
    size = sum(len(opening) + len(closing) + 3 for opening, closing in pairs)
    depth = max(1, length // max(1, size))
    inside = source.choice(("x", "", "a & b", "\\\\"))
    filler = source.choice(("", "a", "{}"))
    opened = "".join(opening + filler.format(index) for index in range(depth) for opening, _ in pairs)
    closings = [closing for _ in range(depth) for _, closing in reversed(pairs)]
    closed = "".join(closings[: len(closings) * source.choice((0, 1, 1, 2)) // 2])
    return opened + inside + closed


def run(source: random.Random, length: int) -> str:
    """A piece, a run of one character that expressions may walk again and again, and a piece."""
    character = source.choice(
        (" ", "\n", "\t", "#", "*", "-", "'", "{", "(", "[", "`", "\\", "~", "=", "9", ".", ",", "&")
    )
    begin, end = _piece(source), source.choice(("", "x", "{", "\\", ")", "]", "'", _piece(source)))
    times = source.choice((1, 1, 1, 2, 5))
    return (begin + character * max(1, length // times) + end) * times


def mixture(source: random.Random, length: int) -> str:
    """Pieces of few kinds in any order."""
    kinds = [source.choice(PIECES) for _ in range(source.randint(1, 4))]
    written: list[str] = []
    size = 0
    while size < length:
        written.append(source.choice(source.choice(kinds)))
        size += max(1, len(written[-1]))
    return "".join(written)


def _combined(source: random.Random, length: int) -> str:
    parts = [source.choice((loop, nest, mixture))(source, length // 2) for _ in range(2)]
    cut = source.randrange(len(parts[0]) + 1)
    return parts[0][:cut] + parts[1] + parts[0][cut:]


FORMS: tuple[Callable[[random.Random, int], str], ...] = (loop, loop, nest, nest, run, mixture, _combined)


def generate(seed: int | str, length: int) -> str:
    """Write one string.

    Args:
        seed: The same seed gives the same grammar's path at every length.
        length: About how many characters.

    Returns:
        The string, up to about twice as long where it is combined.
    """
    source = random.Random(f"rendering {seed}")
    wrapper = source.choice(WRAPPERS)
    return wrapper.format(source.choice(FORMS)(source, length))
