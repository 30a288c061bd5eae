r"""Fix the formulas in the text of lines that were cut into pieces to be read.

A formula between `\(` and `\)` that was cut at a gap is read in two parts, and from a part alone, such as a 1 behind
`n+`, one can't tell that it belongs to a formula, nor from a number or a letter alone whether it is one. A small
model's LaTeX may lack what no ink shows: the space that ends a command, a brace.
"""

import re

FORMULA = re.compile(r"\\\(.*?\\\)|\\\[.*?\\\]", re.DOTALL)  # Inline or displayed, with its delimiters.
_CUT = re.compile(r"\\\)\s*\\\(")
_DELIMITER = re.compile(r"(\\\(|\\\))")
_UNCLOSED = re.compile(r"(?:\\[A-Za-z]+ (?=\S)|\S)*")  # Up to the first space that doesn't end a command.
_FORMULA = re.compile(r"\\\((.*?)\\\)", re.DOTALL)
_COMMAND_END = re.compile(r"\\[A-Za-z]+$")
_LONE_FORMULA = re.compile(r"\\\((.+)\\\)([.,;]?)(?:\s*\((\d[\d.]*)\))?", re.DOTALL)
_WITHOUT_SIGN = re.compile(r"\\\(\s*([^A-Za-z\\=<>+*/^_-]+)\s*\\\)")  # Numbers and points: text as well.
_LONE_LETTER = re.compile(r"\\\(\s*([A-Za-z])\s*\\\)")
_COMMAND = re.compile(r"\\([A-Za-z]+)")
_RUN_ON = 2  # Most letters behind a command that lacks the space after it.
_KNOWN = frozenset(
    (
        *("alpha", "beta", "gamma", "delta", "epsilon", "varepsilon", "zeta", "eta", "theta", "vartheta", "iota"),
        *("kappa", "lambda", "mu", "nu", "xi", "pi", "varpi", "rho", "varrho", "sigma", "varsigma", "tau", "upsilon"),
        *("phi", "varphi", "chi", "psi", "omega", "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma"),
        *("Upsilon", "Phi", "Psi", "Omega"),
        *("leq", "le", "geq", "ge", "neq", "ne", "approx", "equiv", "sim", "simeq", "cong", "propto", "in", "notin"),
        *("ni", "subset", "supset", "subseteq", "supseteq", "subsetneq", "perp", "parallel", "mid", "ll", "gg"),
        *("prec", "succ"),
        *("to", "rightarrow", "leftarrow", "Rightarrow", "Leftarrow", "leftrightarrow", "Leftrightarrow", "iff"),
        *("implies", "mapsto", "longrightarrow", "xrightarrow", "rightleftharpoons"),
        *("pm", "mp", "times", "div", "cdot", "ast", "star", "circ", "bullet", "otimes", "oplus", "cap", "cup"),
        *("wedge", "vee", "setminus", "land", "lor", "neg", "not", "dagger"),
        *("sum", "prod", "int", "iint", "iiint", "oint", "bigcap", "bigcup", "lim", "limsup", "liminf", "sup", "inf"),
        *("max", "min", "det", "dim", "ker", "gcd", "exp", "log", "ln", "sin", "cos", "tan", "cot", "sec", "csc"),
        *("sinh", "cosh", "tanh", "arcsin", "arccos", "arctan", "arg", "deg", "Re", "Im"),
        *("frac", "dfrac", "tfrac", "cfrac", "binom", "sqrt", "hat", "widehat", "bar", "overline", "underline"),
        *("vec", "tilde", "widetilde", "dot", "ddot", "overrightarrow", "overset", "underset", "stackrel"),
        *("overbrace", "underbrace", "substack", "boxed"),
        *("mathrm", "mathbf", "mathbb", "mathcal", "mathfrak", "mathsf", "mathit", "boldsymbol", "operatorname"),
        *("text", "left", "right", "big", "Big", "bigg", "Bigg", "begin", "end"),
        *("infty", "partial", "nabla", "hbar", "ell", "forall", "exists", "emptyset", "varnothing", "aleph", "angle"),
        *("triangle", "prime", "top", "bot", "ldots", "cdots", "vdots", "ddots", "dots"),
        *("langle", "rangle", "lfloor", "rfloor", "lceil", "rceil", "lvert", "rvert", "Vert", "vert", "quad"),
        *("qquad", "pmod", "bmod", "vdash"),
    )
)
_SIGNS = ["leq", "geq", "neq", "approx", "equiv", "sim", "in", "subset", "cup", "cap", "pm", "cdot", "times", "to"]
_TERM = r"(\d+(?:[.,]\d+)?[A-Za-z]?|[A-Za-z])(?![\w'’]|[.,]\w)"  # A number, a variable, or a number of them.
_CUT_BEHIND_SIGN = re.compile(rf"([-+=<>]|\\(?:{'|'.join(_SIGNS)}))\s*\\\) {_TERM}")
_CUT_BEFORE_SIGN = re.compile(rf"\s*\\\) ([+=<>]) ?{_TERM}")


def balance(text: str) -> str:
    r"""Close what `\(` opens and nothing closes, and drop a `\)` that closes nothing.

    Args:
        text: of a piece, in which no formula stands in another.

    Returns:
        The text with as many of both; an unclosed formula ends before the first space.
    """
    written, is_open = "", False
    for part in _DELIMITER.split(text):
        if part == r"\(":
            written += (r"\)" if is_open else "") + part
            is_open = True
        elif part == r"\)":
            written += part if is_open else ""
            is_open = False
        else:
            written += part
    if is_open:
        begin = written.rindex(r"\(")
        found = _UNCLOSED.match(written, begin)
        end = found.end() if found else len(written)
        written = written[:end] + r"\)" + written[end:]
    return _FORMULA.sub(lambda found: rf"\({fix_latex(found[1])}\)", written).replace(r"\(\)", "")


def fix_latex(formula: str) -> str:
    r"""Part commands from letters that run on, write unknown commands as letters, and balance braces.

    Args:
        formula: LaTeX without delimiters, such as `\pir^{2`.

    Returns:
        LaTeX that can be set: `\pi r^{2}`.
    """
    fixed, depth = "", 0
    for part in re.split(r"(\\?[{}])", _COMMAND.sub(lambda found: _known(found[1]), formula)):
        if part == "}" and not depth:
            continue
        depth += (part == "{") - (part == "}")
        fixed += part
    return fixed + "}" * depth


def _known(name: str) -> str:
    """A command, or what was meant where there is none of that name."""
    if name in _KNOWN:
        return "\\" + name
    for end in range(len(name) - 1, max(1, len(name) - _RUN_ON) - 1, -1):
        if name[:end] in _KNOWN:
            return f"\\{name[:end]} {name[end:]}"
    return name


def join_formulas(text: str) -> str:
    r"""Join the parts of formulas that were cut, and write as text what is likelier to be some.

    That is what has neither a letter nor a sign, such as a number, and a letter that is all that the text has of
    formulas: an article, an initial, a point of a list.

    Args:
        text: of a paragraph, an item, a cell or a heading, such as `\(x+\) \(y\)`, `\(n+\) 1`, `\(x\) = 2`.

    Returns:
        The text with one formula in their place: `\(x+y\)`, `\(n+1\)`, `\(x=2\)`.
    """
    joined = ""
    for part in _CUT.split(text):
        joined = _run_in(joined, part)
    joined = _CUT_BEHIND_SIGN.sub(lambda found: _run_in(found[1], found[2]) + r"\)", joined)
    joined = _CUT_BEFORE_SIGN.sub(r"\1\2\\)", joined)
    joined = _WITHOUT_SIGN.sub(r"\1", joined)
    return _LONE_LETTER.sub(r"\1", joined) if joined.count(r"\(") == 1 else joined


def _run_in(first: str, second: str) -> str:
    """Join two parts of a formula, a letter behind a command by a space."""
    return first + (" " if _COMMAND_END.search(first) and second[:1].isalpha() else "") + second


def as_display(text: str) -> str:
    r"""Write a paragraph that is a formula and perhaps its number as a displayed formula.

    Args:
        text: of a paragraph.

    Returns:
        Such as `\[`, the formula and its `\tag{}`, `\]`; any other text as it is.
    """
    found = _LONE_FORMULA.fullmatch(text)
    if not found or r"\(" in found[1]:
        return text
    tag = f" \\tag{{{found[3]}}}" if found[3] else ""
    return f"\\[\n{found[1].strip()}{found[2]}{tag}\n\\]"
