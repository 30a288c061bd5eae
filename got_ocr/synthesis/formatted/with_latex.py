r"""Pieces of Mathpix Markdown to a picture of their page, by LaTeX."""

import dataclasses
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from got_ocr.rendering.latex_writer import latex_body
from got_ocr.rendering.parsing import parse
from got_ocr.synthesis.formatted.source import FormattedPage, Piece, PlacedPiece

_TIMEOUT_S = 60.0
_MOST_RUNS = 6
_WIDEST_OVERHANG_PT = 3.0
_TOKEN_SQUARE_EM = 1.9  # Paper that a token of an answer takes.
_LEAST_MEASURES_EM = (24.0, 36.0)  # Of the text in one column, and in two.
# Packages that set text and formulas in one design; the first is LaTeX's own.
_DESIGNS = (
    r"\usepackage{lmodern}",
    r"\usepackage{mathptmx}",
    r"\usepackage{mathpazo}",
    r"\usepackage{lmodern}\renewcommand{\familydefault}{\sfdefault}",
    r"\usepackage{newcent}",
    r"\usepackage{bookman}",
)
_PREAMBLE = r"""\documentclass[OPTIONS]{article}
\usepackage[paperwidth=PWpt,paperheight=PHpt,left=MLpt,right=MRpt,top=MTpt,bottom=MBpt,headsep=0pt,headheight=0pt,
  footskip=0pt]{geometry}
\usepackage[utf8]{inputenc}\usepackage[T1]{fontenc}
DESIGN
\usepackage{amsmath,amssymb,mathtools,array,multirow,graphicx,xcolor}
\pagestyle{empty}\sloppy\setlength{\emergencystretch}{3em}\linespread{LEADING}
\setlength{\parindent}{INDENTem}\setlength{\parskip}{SKIPpt plus 1pt}
\newsavebox{\fitted}
\newcommand{\fit}[1]{\sbox{\fitted}{#1}\ifdim\wd\fitted>\columnwidth
  \resizebox{\columnwidth}{!}{\usebox{\fitted}}\else\usebox{\fitted}\fi}
\newwrite\ends\immediate\openout\ends=ends.txt
\begin{document}
"""


@dataclass(frozen=True)
class LatexStyle:
    """The look of a page; all lengths are points (1/72.27 inch).

    Attributes:
        size_pt: em size of the text: 10, 11 or 12.
        columns: 1 or 2.
        width_pt: page width.
        height_pt: page height.
        margins_pt: top, right, bottom, left.
        design: LaTeX that chooses the faces.
        leading: LaTeX's stretch of its line pitch.
        indent_em: indent of a paragraph.
        skip_pt: space between paragraphs.
        dpi: resolution of the picture.
    """

    size_pt: int
    columns: int
    width_pt: int
    height_pt: int
    margins_pt: tuple[int, int, int, int]
    design: str
    leading: float
    indent_em: float
    skip_pt: float
    dpi: int


def check_latex() -> None:
    """Check that pages can be set by LaTeX.

    Raises:
        ValueError: pdflatex or pypdfium2 is missing.
    """
    if shutil.which("pdflatex") is None:
        raise ValueError(
            "typesetter 'latex' needs pdflatex, which is not installed (Debian: apt-get install "
            "texlive-latex-recommended texlive-fonts-recommended): install it, or choose the typesetter 'browser'"
        )
    try:
        import pypdfium2  # noqa: F401
    except ImportError as error:
        raise ValueError("typesetter 'latex' needs the package pypdfium2: pip install pypdfium2") from error


def draw_latex_style(
    rng: np.random.Generator,
    shape: float | None = None,
    columns: int | None = None,
    pixels: int | None = None,
    tokens: int | None = None,
) -> LatexStyle:
    """Choose the look of a page.

    Args:
        rng: decides.
        shape: height over width; None for A4 or Letter.
        columns: None for one or two; more than two become two.
        pixels: about how many the picture has; None for a usual resolution.
        tokens: about how many the answer has: the paper is no larger than they fill. None for paper of any size.

    Returns:
        The look.
    """
    several = (columns or 1 + int(rng.random() < 0.2)) > 1
    size_pt = int(rng.choice([10, 11, 12], p=[0.4, 0.35, 0.25]))
    width_pt = int(rng.uniform(540, 680) if several else rng.uniform(410, 560))
    side = int(width_pt * rng.uniform(0.08, 0.17))
    indented = rng.random() < 0.6
    shape = shape or float(rng.choice([1.414, 1.294]))
    dpi = int(rng.choice([110, 144, 170]))
    top, bottom = int(rng.uniform(24, 70)), int(rng.uniform(24, 70))
    if tokens is not None:
        measure_pt = width_pt - 2 * side
        share = _TOKEN_SQUARE_EM * tokens * size_pt**2 / (measure_pt * (width_pt * shape - top - bottom))
        least_pt = min(_LEAST_MEASURES_EM[several] * size_pt, measure_pt)
        width_pt = round(max(measure_pt * min(share, 1.0) ** 0.5, least_pt)) + 2 * side
    height_pt = round(width_pt * shape)
    if pixels is not None:
        dpi = round(min(max(72.27 * (pixels / (width_pt * height_pt)) ** 0.5, 100.0), 400.0))
    return LatexStyle(
        size_pt=size_pt,
        columns=2 if several else 1,
        width_pt=width_pt,
        height_pt=height_pt,
        margins_pt=(top, side, bottom, side),
        design=_DESIGNS[rng.integers(len(_DESIGNS))],
        leading=round(float(rng.uniform(0.95, 1.25)), 2),
        indent_em=1.5 if indented else 0.0,
        skip_pt=0.0 if indented else 5.0,
        dpi=dpi,
    )


def draw_pieces_latex(pieces: Sequence[Piece], style: LatexStyle) -> FormattedPage | None:
    """Draw as many pieces as one page holds.

    Args:
        pieces: in the order of reading; footnotes stand after all else.
        style: the page's look.

    Returns:
        The page; None where LaTeX can't make one of what fits.

    Raises:
        OSError: pdflatex can't be run.
    """
    chosen = list(range(len(pieces)))
    left_out: set[int] = set()
    with tempfile.TemporaryDirectory(prefix="got-ocr-latex-") as folder:
        for _ in range(_MOST_RUNS):
            source, first_lines = _document([pieces[number] for number in chosen], style)
            pages, bad, ends = _compile(Path(folder), source, first_lines)
            if bad:
                left_out |= {chosen[place] for place in bad}
                chosen = [number for place, number in enumerate(chosen) if place not in bad]
            elif pages == 1:
                taken = max((number for number in chosen if pieces[number].role != "footnote"), default=-1) + 1
                return FormattedPage(
                    _picture(Path(folder, "page.pdf"), style.dpi),
                    tuple(PlacedPiece(pieces[number], ()) for number in chosen),
                    taken,
                    sum(number < taken for number in left_out),
                    {"typesetter": "latex", **dataclasses.asdict(style)},
                )
            else:
                chosen = _first_page(chosen, ends, pieces)
            if not chosen:
                return None
    return None


def _first_page(chosen: list[int], ends: Sequence[int], pieces: Sequence[Piece]) -> list[int]:
    """Keep what ended on the first page: no heading at its end, and the footnotes, for which one more piece goes."""
    running = [number for number in chosen if pieces[number].role != "footnote"]
    notes = chosen[len(running) :]
    count = next((place for place, page in enumerate(ends) if page > 1), len(ends))
    kept = running[: min(count, len(running) - 1)]
    while kept and pieces[kept[-1]].role == "heading":
        kept.pop()
    return [*kept, *notes] if kept else []


def _document(pieces: Sequence[Piece], style: LatexStyle) -> tuple[str, list[int]]:
    """Write the document. Returns: its source, and the number of the line that each piece begins on."""
    top, right, bottom, left = style.margins_pt
    options = f"{style.size_pt}pt" + (",twocolumn" if style.columns == 2 else "")
    source = _PREAMBLE
    for name, value in {
        "OPTIONS": options,
        "PW": style.width_pt,
        "PH": style.height_pt,
        "ML": left,
        "MR": right,
        "MT": top,
        "MB": bottom,
        "DESIGN": style.design,
        "LEADING": style.leading,
        "INDENT": style.indent_em,
        "SKIP": style.skip_pt,
    }.items():
        source = source.replace(name, str(value))
    first_lines = []
    for piece in pieces:
        first_lines.append(source.count("\n") + 1)
        body = latex_body(parse(piece.source)[0])
        if piece.role == "table":
            body = body.replace("\\begin{tabular}", "\\fit{\\begin{tabular}")
            body = body.replace("\\end{tabular}", "\\end{tabular}}")
        source += f"{body}\\write\\ends{{\\thepage}}\n\n"
    return f"{source}\\end{{document}}\n", first_lines


def _compile(folder: Path, source: str, first_lines: Sequence[int]) -> tuple[int, set[int], list[int]]:
    """Run LaTeX. Returns: pages made, pieces that it can't set in their width, the page that each piece ends on."""
    for name in ("page.pdf", "page.log", "ends.txt"):
        folder.joinpath(name).unlink(missing_ok=True)
    folder.joinpath("page.tex").write_text(source, encoding="utf-8")
    environment = {
        **os.environ,
        "openin_any": "p",
        "openout_any": "p",
        "max_print_line": "1000",
        "SOURCE_DATE_EPOCH": "0",
    }
    try:
        subprocess.run(
            ["pdflatex", "-interaction=nonstopmode", "-no-shell-escape", "page.tex"],
            cwd=folder,
            env=environment,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return 0, {len(first_lines) - 1}, []
    log = folder.joinpath("page.log").read_text(encoding="utf-8", errors="replace")
    lines = [int(number) for number in re.findall(r"^l\.(\d+)", log, re.MULTILINE)]
    overhangs = re.findall(r"^Overfull \\hbox \(([\d.]+)pt too wide\) [^\n]*?lines? (\d+)", log, re.MULTILINE)
    lines += [int(number) for width_pt, number in overhangs if float(width_pt) > _WIDEST_OVERHANG_PT]
    missing = re.search(r"^! LaTeX Error: (File .*? not found)", log, re.MULTILINE)
    if missing or (lines and min(lines) < first_lines[0]):
        reason = missing[1] if missing else "its preamble fails"
        raise OSError(
            f"pdflatex can't set formatted pages, {reason}: install its packages (Debian: apt-get install "
            "texlive-latex-recommended texlive-latex-extra texlive-fonts-recommended)"
        )
    bad = {sum(first <= line for first in first_lines) - 1 for line in lines}
    pages = re.search(r"Output written on page\.pdf \((\d+) page", log)
    ends = folder.joinpath("ends.txt")
    found = [int(line) for line in ends.read_text(encoding="utf-8").split()] if ends.exists() else []
    if pages is None and not bad:
        bad = {len(first_lines) - 1}
    return int(pages[1]) if pages else 0, bad, found


def _picture(path: Path, dpi: int) -> Image.Image:
    import pypdfium2

    document = pypdfium2.PdfDocument(str(path))
    try:
        page: Image.Image = document[0].render(scale=dpi / 72.0).to_pil().convert("RGB")
        return page
    finally:
        document.close()
