"""Compile TikZ by the machine's own LaTeX: only drawings made of known commands, without files or shell."""

import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from got_ocr.rendering.limits import run_limited
from got_ocr.rendering.svg import DrawingError
from got_ocr.rendering.tex_guard import CLOSED_FILES, remove_comments, unsafe_command

__all__ = ["TIMEOUT_S", "compile_tikz", "find_latex", "unsafe_command"]

TIMEOUT_S = 20.0  # Of one picture.
MAX_FILE_BYTES = 10_000_000  # A page of a thousand lines has 200 kB.
_PACKAGES = r"""\documentclass[border=2pt]{standalone}
\usepackage{amsmath,amssymb}
\usepackage{tikz}
\usetikzlibrary{arrows,arrows.meta,calc,angles,quotes,intersections,patterns,decorations.markings,
decorations.pathreplacing,decorations.pathmorphing,positioning,shapes,shapes.geometric,through,backgrounds}
"""
# "p" (paranoid): TeX opens and writes nothing outside its folder and its own tree, whatever texmf.cnf says. kpathsea
# looks for a variable with the program's name first, so each program gets its own.
_PARANOID = {
    f"{variable}{suffix}": value
    for variable, value in (("openin_any", "p"), ("openout_any", "p"), ("shell_escape", "f"))
    for program in ("", "pdflatex", "pdftex", "xelatex", "xetex", "dvisvgm", "latex")
    for suffix in ({f"_{program}", f".{program}"} if program else {""})
}


@cache
def find_latex() -> tuple[str, str] | None:
    """Find a LaTeX and a converter from its PDF to SVG on this machine, or None."""
    latex = shutil.which("pdflatex") or shutil.which("xelatex")
    converter = shutil.which("pdftocairo") or shutil.which("dvisvgm")
    return (latex, converter) if latex and converter else None


def compile_tikz(source: str, timeout_s: float = TIMEOUT_S) -> str:
    r"""Compile a TikZ picture.

    Args:
        source: From ``\begin{tikzpicture}`` to its end.
        timeout_s: How long LaTeX and the converter may take together.

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
        picture = remove_comments(source)
        document = f"{_PACKAGES}{CLOSED_FILES}\\begin{{document}}\n{picture}\n\\end{{document}}\n"
        Path(folder, "drawing.tex").write_text(document, encoding="utf-8")
        command = [latex, "-interaction=batchmode", "-halt-on-error", "-no-shell-escape", "drawing.tex"]
        _run(command, folder, timeout_s)
        if not Path(folder, "drawing.pdf").exists():
            raise DrawingError("LaTeX could not compile this picture")
        if "pdftocairo" in converter:
            _run([converter, "-svg", "drawing.pdf", "drawing.svg"], folder, timeout_s)
        else:
            _run([converter, "--pdf", "--no-fonts", "drawing.pdf", "-o", "drawing.svg"], folder, timeout_s)
        drawing = Path(folder, "drawing.svg")
        if not drawing.exists():
            raise DrawingError("the compiled picture could not be turned into SVG")
        if drawing.stat().st_size >= MAX_FILE_BYTES:
            raise DrawingError(f"the compiled picture has more than {MAX_FILE_BYTES} bytes")
        return drawing.read_text(encoding="utf-8")


def _run(command: list[str], folder: str, timeout_s: float) -> None:
    program = Path(command[0]).name
    try:
        run_limited(command, folder, timeout_s=timeout_s, output_bytes=MAX_FILE_BYTES, variables=_PARANOID)
    except subprocess.TimeoutExpired:
        raise DrawingError(f"{program} did not finish within {timeout_s:.0f} s") from None
    except OSError as error:
        raise DrawingError(f"{program} did not start: {type(error).__name__}") from None
