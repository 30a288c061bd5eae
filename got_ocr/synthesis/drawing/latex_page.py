"""Pictures of LaTeX, set by the TeX installation of the machine."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from PIL import Image

from got_ocr.synthesis.drawing.browser_page import crop_to_ink

TIMEOUT_S = 60.0
_POINTS_AN_INCH = 72.0
# Paper beyond the text, so that nothing too wide or too long is lost; the picture is cut to what is drawn.
_SPARE_PT = 3000
_PREAMBLE = r"""\documentclass[%(size)s]{article}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\usepackage{amsmath,amssymb}
%(packages)s
\pagestyle{empty}
\parindent=0pt
\hoffset=0pt \voffset=0pt \topmargin=0pt \headheight=0pt \headsep=0pt \oddsidemargin=0pt
\textwidth=%(width)gpt \textheight=%(spare)dpt
\pdfpagewidth=%(paper)dpt \pdfpageheight=%(paper)dpt
%(preamble)s
\begin{document}
%(body)s
\end{document}
"""


class LatexError(ValueError):
    """LaTeX refuses a source; the message has its first complaint."""


class LatexPage:
    """A page that LaTeX is set on, by pdflatex, without shell and in a folder of its own.

    Raises:
        ValueError: There is no pdflatex on this machine.
    """

    def __init__(self) -> None:
        program = shutil.which("pdflatex")
        if program is None:
            raise ValueError(
                "typesetter latex needs pdflatex, which was not found: install TeX (Debian: apt-get install "
                "texlive-latex-extra texlive-fonts-recommended), or choose the typesetter browser"
            )
        self._program = program

    def picture(
        self,
        body: str,
        *,
        packages: Sequence[str] = (),
        preamble: str = "",
        size_pt: int = 10,
        width_pt: float = 345.0,
        dpi: float = 200.0,
        margin_px: int = 10,
    ) -> Image.Image:
        r"""Set a text and take its picture.

        Args:
            body: What stands between `\begin{document}` and `\end{document}`; trusted, since TeX is a language.
            packages: To load beside amsmath and amssymb.
            preamble: More lines before the document.
            size_pt: 10, 11 or 12.
            width_pt: Width of the text; what is wider is drawn in full all the same.
            dpi: Pixels an inch.
            margin_px: White paper around what is drawn.

        Returns:
            RGB, black on white where the source says nothing else.

        Raises:
            LatexError: LaTeX refuses the source, doesn't finish in time, or draws nothing.
        """
        pdf = self.pdf(body, packages=packages, preamble=preamble, size_pt=size_pt, width_pt=width_pt)
        image = _first_page(pdf, dpi)
        try:
            return crop_to_ink(image, margin_px)[0]
        except ValueError as error:
            raise LatexError(f"LaTeX drew nothing of {body[:80]!r}") from error

    def pdf(
        self,
        body: str,
        *,
        packages: Sequence[str] = (),
        preamble: str = "",
        size_pt: int = 10,
        width_pt: float = 345.0,
    ) -> bytes:
        """Set a text.

        Args:
            body: As in `picture`.
            packages: As there.
            preamble: As there.
            size_pt: As there.
            width_pt: As there.

        Returns:
            A PDF on paper far larger than the text.

        Raises:
            LatexError: LaTeX refuses the source, or doesn't finish in time.
        """
        source = _PREAMBLE % {
            "size": f"{size_pt}pt",
            "packages": "\n".join(rf"\usepackage{{{name}}}" for name in packages),
            "preamble": preamble,
            "width": width_pt,
            "spare": _SPARE_PT,
            "paper": _SPARE_PT + int(width_pt) + 200,
            "body": body,
        }
        with tempfile.TemporaryDirectory(prefix="got-ocr-latex-") as folder:
            Path(folder, "page.tex").write_text(source, encoding="utf-8")
            # "p": TeX opens and writes nothing outside its folder and its own tree.
            own = {"openin_any": "p", "openout_any": "p", "shell_escape": "f", "SOURCE_DATE_EPOCH": "0"}
            command = [self._program, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "page.tex"]
            try:
                subprocess.run(
                    command,
                    cwd=folder,
                    env={**os.environ, **own},
                    capture_output=True,
                    stdin=subprocess.DEVNULL,
                    timeout=TIMEOUT_S,
                    check=False,
                )
            except subprocess.TimeoutExpired as error:
                raise LatexError(f"LaTeX did not finish within {TIMEOUT_S:g} s over {body[:80]!r}") from error
            log = Path(folder, "page.log")
            words = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
            complaint = re.search(r"^! .*(?:\n.*){0,3}", words, re.MULTILINE)
            pdf = Path(folder, "page.pdf")
            if complaint or not pdf.exists():
                reason = " ".join(complaint[0].split()) if complaint else "it wrote no PDF"
                raise LatexError(f"LaTeX refuses {body[:80]!r}: {reason[:300]}")
            return pdf.read_bytes()


def _first_page(pdf: bytes, dpi: float) -> Image.Image:
    """Draw what the first page holds and a little paper around it; white where it holds nothing."""
    import pypdfium2

    document = pypdfium2.PdfDocument(pdf)
    try:
        page = document[0]
        bounds = [item.get_bounds() for item in page.get_objects(max_depth=4)]
        if not bounds:
            return Image.new("RGB", (8, 8), "white")
        left, bottom = (min(bound[side] for bound in bounds) for side in (0, 1))
        right, top = (max(bound[side] for bound in bounds) for side in (2, 3))
        page.set_mediabox(left - 6, bottom - 6, right + 6, top + 6)
        page.set_cropbox(left - 6, bottom - 6, right + 6, top + 6)
        picture: Image.Image = page.render(scale=dpi / _POINTS_AN_INCH).to_pil().convert("RGB")
        return picture
    finally:
        document.close()


@cache
def has_package(name: str) -> bool:
    """Tell whether TeX has a package.

    Args:
        name: Such as `booktabs`.

    Returns:
        Whether its style file is found.
    """
    program = shutil.which("kpsewhich")
    if program is None:
        return False
    found = subprocess.run([program, f"{name}.sty"], capture_output=True, text=True, check=False)
    return bool(found.stdout.strip())
