r"""What of a model's own LaTeX may be run or written: pictures made of known commands, read as TeX reads them.

TeX's tokens are looked at, not the text: comments join lines, spaces are free, braces may stand anywhere. Everything
is an allow list: commands, signs behind a backslash, environments, libraries, what may follow `plot`. Whatever gets
by still finds no file: pgf's three doors to files are closed in the preamble, and TeX runs in an empty folder.
"""

# ruff: noqa: SIM905 - lists of words are read more easily as text

import re

from got_ocr.rendering import math_symbols as symbols

DRAWING_COMMANDS = frozenset(
    "begin end draw fill filldraw path node coordinate clip foreach tikzset usetikzlibrary shade shadedraw pic matrix "
    "definecolor colorlet tikzstyle useasboundingbox scope pgfmathsetmacro tkzDefPoint tkzDefPoints tkzDrawSegment "
    "tkzDrawSegments tkzDrawPolygon tkzDrawPoint tkzDrawPoints tkzLabelPoint tkzLabelPoints tkzDrawCircle "
    "text textbf textit textrm mathrm mathbf mathit mathbb mathcal frac dfrac sqrt left right overline underline hat "
    "bar vec tiny scriptsize footnotesize small normalsize large Large LARGE huge bf it rm centering displaystyle "
    "sin cos tan log ln lim max min sum prod int quad qquad operatorname widehat overrightarrow boldsymbol".split()
)
ENVIRONMENTS = frozenset({"tikzpicture", "scope", "array", "tabular", "cases"})
LIBRARIES = frozenset(
    "arrows arrows.meta calc angles quotes intersections patterns patterns.meta decorations decorations.markings "
    "decorations.pathreplacing decorations.pathmorphing decorations.text positioning shapes shapes.geometric "
    "shapes.misc shapes.symbols shapes.arrows shapes.multipart through backgrounds fit matrix trees mindmap fadings "
    "shadows shadings plotmarks plothandlers babel math 3d perspective scopes chains topaths bending hobby".split()
)
# Closes what pgf reads files by: given to LaTeX behind the libraries, in what we run and in what we write.
CLOSED_FILES = r"""\makeatletter
\def\pgfplotxyfile#1{\PackageError{got-ocr}{files are not drawn}{}}
\def\pgfplotxyzfile#1{\PackageError{got-ocr}{files are not drawn}{}}
\def\pgfplotgnuplot{\PackageError{got-ocr}{files are not drawn}{}}
\makeatother
"""
# Numbered points and loop variables of \foreach.
_VARIABLE = re.compile(r"[A-Za-z]|(?:ang|angle|pos|x|y|i|j|name|lab|label|num|val|r|radius|theta|n|k|t)")
_SIGNS = frozenset("\\,;:!{}$%&#_|-/()[]'\"^~=.*<>`+ \n\t")
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.?|%[^\n]*(?:\n[ \t]*)?|[{}\[\]]|[^\\%{}\[\]]+", re.DOTALL)
_PLOT = re.compile(r"(?<![A-Za-z])plot")
MAX_PLOT_CHARACTERS = 400  # Between `plot` and what is drawn.
_FILES = re.compile(r"file|gnuplot", re.IGNORECASE)


def remove_comments(source: str) -> str:
    r"""Take comments out as TeX does: to the line's end, with the spaces that begin the next line.

    Args:
        source: LaTeX; a backslash before the sign keeps it.

    Returns:
        The same without comments.
    """
    return "".join(match[0] for match in _TOKEN.finditer(source) if not match[0].startswith("%"))


def unsafe_command(source: str) -> str:
    """Name the first thing that is not known to only draw, or "" where all is known.

    Args:
        source: A TikZ picture.
    """
    source = remove_comments(source)
    if "^^" in source:
        return "^^"
    tokens = [match[0] for match in _TOKEN.finditer(source)]
    for index, token in enumerate(tokens):
        if token[0] != "\\":
            continue
        name = token[1:]
        if not name.isalpha() or not name.isascii():
            if len(name) != 1 or name not in _SIGNS:
                return f"\\{name}"
            continue
        if not is_known(name):
            return f"\\{name}"
        argument = _argument(tokens, index + 1) if name in ("begin", "end", "usetikzlibrary") else ""
        if name in ("begin", "end") and argument.strip() not in ENVIRONMENTS:
            return "a file" if argument.startswith("filecontents") else f"\\{name}{{{argument[:40]}}}"
        if name == "usetikzlibrary" and any(library.strip() not in LIBRARIES for library in argument.split(",")):
            return f"the library {argument[:40]}"
    return _file_of_plot(source)


def is_known(name: str) -> bool:
    """Say whether a command only draws or is a sign."""
    return (
        name in symbols.IDENTIFIERS
        or name in symbols.OPERATORS
        or name in DRAWING_COMMANDS
        or _VARIABLE.fullmatch(name) is not None
    )


def _argument(tokens: list[str], index: int) -> str:
    """Take the plain text between the braces that follow a command; what is no plain text matches no name."""
    while index < len(tokens) and tokens[index].isspace():
        index += 1
    if tokens[index : index + 1] != ["{"]:
        return "?"
    inside: list[str] = []
    for token in tokens[index + 1 :]:
        if token == "}":
            return "".join(inside)
        inside.append(token)
        if token[0] in "\\{" or len(inside) > 40:
            break
    return "?" + "".join(inside)[:40]


def _file_of_plot(source: str) -> str:
    """Find a curve that is read from a file or made by another program, however its words are set apart."""
    if _FILES.search(re.sub(r"\{[^{}]*\}", "", source)):
        return "a file"
    for match in _PLOT.finditer(source):
        rest = source[match.end() : match.end() + MAX_PLOT_CHARACTERS]
        previous = ""
        while rest != previous:  # Spaces, a plus and options may stand between, again and again.
            previous = rest
            rest = re.sub(r"^[\s+]+|^\[[^\[\]]*\]", "", rest)
        if not rest.startswith(("(", "coordinates")):
            return "a file"
    return ""
