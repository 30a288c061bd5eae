"""Compile TikZ by the machine's own LaTeX: only drawings made of known commands, without files or shell."""

# ruff: noqa: SIM905 - lists of words are read more easily as text

import os
import re
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from got_ocr.rendering import math_symbols as symbols
from got_ocr.rendering.svg import DrawingError

TIMEOUT_S = 20.0
_DRAWING = frozenset(
    "begin end draw fill filldraw path node coordinate clip foreach tikzset usetikzlibrary shade shadedraw pic matrix "
    "definecolor colorlet tikzstyle useasboundingbox scope pgfmathsetmacro tkzDefPoint tkzDefPoints tkzDrawSegment "
    "tkzDrawSegments tkzDrawPolygon tkzDrawPoint tkzDrawPoints tkzLabelPoint tkzLabelPoints tkzDrawCircle "
    "text textbf textit textrm mathrm mathbf mathit mathbb mathcal frac dfrac sqrt left right overline underline hat "
    "bar vec tiny scriptsize footnotesize small normalsize large Large LARGE huge bf it rm centering displaystyle "
    "sin cos tan log ln lim max min sum prod int quad qquad operatorname widehat overrightarrow boldsymbol".split()
)
# Numbered points and loop variables of \foreach.
_VARIABLE = re.compile(r"[A-Za-z]$|(?:ang|angle|pos|x|y|i|j|name|lab|label|num|val|r|radius|theta|n|k|t)$")
_PACKAGES = r"""\documentclass[border=2pt]{standalone}
\usepackage{amsmath,amssymb}
\usepackage{tikz}
\usetikzlibrary{arrows,arrows.meta,calc,angles,quotes,intersections,patterns,decorations.markings,
decorations.pathreplacing,decorations.pathmorphing,positioning,shapes,shapes.geometric,through,backgrounds}
"""


@cache
def find_latex() -> tuple[str, str] | None:
    """Find a LaTeX and a converter from its PDF to SVG on this machine, or None."""
    latex = shutil.which("pdflatex") or shutil.which("xelatex")
    converter = shutil.which("pdftocairo") or shutil.which("dvisvgm")
    return (latex, converter) if latex and converter else None


def unsafe_command(source: str) -> str:
    """Name the first command that is not known to only draw, or "" where all are known.

    Args:
        source: A TikZ picture.
    """
    if "^^" in source:
        return "^^"
    if "\\begin{filecontents" in source or "file" in re.sub(r"\{[^{}]*\}", "", source).lower():
        return "a file"
    known = symbols.IDENTIFIERS.keys() | symbols.OPERATORS.keys() | _DRAWING
    for name in re.findall(r"\\([A-Za-z@]+)", source):
        if name not in known and not _VARIABLE.match(name):
            return f"\\{name}"
    environments = re.findall(r"\\begin\s*\{([^{}]*)\}", source)
    strange = [name for name in environments if name not in ("tikzpicture", "scope", "array", "tabular", "cases")]
    return f"\\begin{{{strange[0]}}}" if strange else ""


def compile_tikz(source: str) -> str:
    r"""Compile a TikZ picture.

    Args:
        source: From ``\begin{tikzpicture}`` to its end.

    Returns:
        An SVG (not sanitised yet).

    Raises:
        DrawingError: If there is no LaTeX, the picture holds a command that may do more than
            draw, or LaTeX fails.
    """
    programs = find_latex()
    if programs is None:
        raise DrawingError("no LaTeX on this machine")
    latex, converter = programs
    unsafe = unsafe_command(source)
    if unsafe:
        raise DrawingError(f"{unsafe} is not a drawing command LaTeX is run with")
    with tempfile.TemporaryDirectory(prefix="got-ocr-tex-") as folder:
        document = f"{_PACKAGES}\\begin{{document}}\n{source}\n\\end{{document}}\n"
        Path(folder, "drawing.tex").write_text(document, encoding="utf-8")
        # "p": TeX opens and writes nothing outside its folder and its own tree.
        environment = {**os.environ, "openin_any": "p", "openout_any": "p", "shell_escape": "f", "HOME": folder}
        command = [latex, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "drawing.tex"]
        _run(command, folder, environment)
        if not Path(folder, "drawing.pdf").exists():
            raise DrawingError("LaTeX could not compile this picture")
        if "pdftocairo" in converter:
            _run([converter, "-svg", "drawing.pdf", "drawing.svg"], folder, environment)
        else:
            _run([converter, "--pdf", "--no-fonts", "drawing.pdf", "-o", "drawing.svg"], folder, environment)
        drawing = Path(folder, "drawing.svg")
        if not drawing.exists():
            raise DrawingError("the compiled picture could not be turned into SVG")
        return drawing.read_text(encoding="utf-8")


def _run(command: list[str], folder: str, environment: dict[str, str]) -> None:
    try:
        subprocess.run(
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DrawingError(f"{Path(command[0]).name} did not finish: {type(error).__name__}") from None
