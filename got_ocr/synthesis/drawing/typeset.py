"""Draw an answer of the format mode, formulas and tables, by the browser or by LaTeX."""

import base64
import subprocess
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from got_ocr.rendering import render
from got_ocr.rendering.formula_mathml import STYLE as FORMULA_STYLE
from got_ocr.synthesis.drawing.browser_page import BrowserPage
from got_ocr.synthesis.drawing.latex_page import LatexPage, has_package
from got_ocr.synthesis.resources import Resources
from got_ocr.synthesis.text.fonts import is_small_capitals

# OpenType fonts with a MATH table, as Debian packages them (fonts-lmodern, fonts-stix, tex-gyre, fonts-dejavu, ...).
MATH_FONTS = (
    "Latin Modern Math",
    "STIX Two Math",
    "TeX Gyre Termes Math",
    "TeX Gyre Pagella Math",
    "TeX Gyre Bonum Math",
    "TeX Gyre Schola Math",
    "Libertinus Math",
    "DejaVu Math TeX Gyre",
    "Asana Math",
    "XITS Math",
    "Fira Math",
)
LATEX_FONTS = (
    "",
    "lmodern",
    "mathptmx",
    "mathpazo",
    "charter",
    "utopia",
    "newtxmath",
    "fourier",
    "kpfonts",
    "eulervm",
)
_WEB_FONTS = (".ttf", ".otf", ".ttc")
_INKS = ("#000000", "#000000", "#111111", "#1a1a1a", "#222244", "#333333", "#0b2a6b", "#5a1010", "#114411", "#555555")
_PAPERS = (
    "#ffffff",
    "#ffffff",
    "#ffffff",
    "#ffffff",
    "#fdfdf8",
    "#fbf6e6",
    "#f4f4f4",
    "#eef3fb",
    "#fffbe0",
    "#f3efe9",
)
_DARK = (("#f0f0f0", "#1e1e1e"), ("#ffffff", "#0d2b45"), ("#e8e4d8", "#2b2b2b"), ("#ffffff", "#14532d"))


@dataclass(frozen=True)
class Style:
    """How a picture is to look.

    Attributes:
        font_px: em size of the text in px of the picture.
        math_font: family of the formulas (browser).
        text_font: family of the text (browser).
        font_file: the text font's file where it is the user's own, else empty.
        latex_font: package that sets the fonts (latex), or empty for TeX's own.
        ink: colour of the text, `#rrggbb`.
        paper: colour of the paper.
        margin_px: paper around what is drawn.
        width_em: width of the lines of text.
    """

    font_px: float
    math_font: str
    text_font: str
    font_file: str
    latex_font: str
    ink: str
    paper: str
    margin_px: int
    width_em: float

    def facts(self, typesetter: str) -> dict[str, Any]:
        """Say what it is, JSON-ready: `Style(**facts["style"])` is the look again."""
        return {"typesetter": typesetter, "style": asdict(self)}


@cache
def installed_math_fonts() -> tuple[str, ...]:
    """List those of `MATH_FONTS` that the machine has.

    Returns:
        Their names, in the order of `MATH_FONTS`.

    Raises:
        ValueError: There is none, or fontconfig is missing.
    """
    try:
        listing = subprocess.run(["fc-list", ":", "family"], capture_output=True, text=True, check=True).stdout
    except FileNotFoundError as error:
        raise ValueError("fc-list was not found: install fontconfig (Debian: apt-get install fontconfig)") from error
    installed = {name for line in listing.splitlines() for name in line.split(",")}
    found = tuple(name for name in MATH_FONTS if name in installed)
    if not found:
        raise ValueError(
            "no font for formulas is installed (Debian: apt-get install fonts-lmodern tex-gyre, or fonts-dejavu-extra)"
        )
    return found


class Typesetter:
    """Draws answers with the typesetter that the resources name.

    Args:
        resources: Fonts, and which typesetter.

    Raises:
        ValueError: The typesetter is neither `browser` nor `latex`, or its program or fonts are missing.
    """

    def __init__(self, resources: Resources) -> None:
        if resources.typesetter not in ("browser", "latex"):
            raise ValueError(f"typesetter must be browser or latex, got {resources.typesetter!r}")
        self.name = resources.typesetter
        self._resources = resources
        if self.name == "latex":
            self._latex = LatexPage()
            self._latex_fonts = [name for name in LATEX_FONTS if not name or has_package(name)]
        else:
            self._page = BrowserPage()
            self._math_fonts = installed_math_fonts()
            faces = [
                (family, next((face.path for face in family_faces if face.path.lower().endswith(_WEB_FONTS)), ""))
                for family, family_faces in resources.text_families.items()
                if not is_small_capitals(family)
            ]
            self._text_fonts = [(family, path) for family, path in faces if path]

    def style(self, rng: np.random.Generator) -> Style:
        """Choose a look.

        Args:
            rng: the only source of chance.

        Returns:
            The look.
        """
        math_font, text_font, font_file, latex_font = "", "", "", ""
        if self.name == "latex":
            latex_font = self._latex_fonts[int(rng.integers(len(self._latex_fonts)))]
        else:
            math_font = self._math_fonts[int(rng.integers(len(self._math_fonts)))]
            text_font, font_file = ("serif", "")
            if self._text_fonts:
                text_font, font_file = self._text_fonts[int(rng.integers(len(self._text_fonts)))]
        ink, paper = _INKS[rng.integers(len(_INKS))], _PAPERS[rng.integers(len(_PAPERS))]
        if rng.random() < 0.04:
            ink, paper = _DARK[rng.integers(len(_DARK))]
        return Style(
            font_px=float(np.exp(rng.uniform(np.log(16.0), np.log(44.0)))),
            math_font=math_font,
            text_font=text_font,
            font_file=font_file if self._resources.font_files else "",
            latex_font=latex_font,
            ink=ink,
            paper=paper,
            margin_px=int(rng.choice([4, 8, 12, 20, 40, 80])),
            width_em=float(rng.uniform(20.0, 42.0)),
        )

    def picture(self, answer: str, style: Style, *, css: str = "", latex_body: str = "") -> Image.Image:
        r"""Draw an answer.

        Args:
            answer: Text, `\( \)`, `\[ \]` and `tabular`, as the format mode writes them.
            style: The look.
            css: More rules for the browser.
            latex_body: For LaTeX, where it isn't the answer itself.

        Returns:
            RGB, cut to what is drawn and the style's margin.

        Raises:
            ValueError: The typesetter refuses the answer.
            OSError: The browser is missing or has failed.
        """
        if self.name == "latex":
            return self._by_latex(latex_body or answer, style)
        return self._by_browser(answer, style, css)

    def _by_browser(self, answer: str, style: Style, css: str) -> Image.Image:
        face = ""
        if style.font_file:
            data = base64.b64encode(Path(style.font_file).read_bytes()).decode()
            face = f'@font-face {{ font-family: "{style.text_font}"; src: url(data:font/ttf;base64,{data}); }}'
        rules = f"""{face} {FORMULA_STYLE}
            html {{ background: {style.paper}; color: {style.ink}; }}
            body {{ margin: 8px; width: max-content; font: 20px/1.5 "{style.text_font}", "DejaVu Serif", serif; }}
            article {{ max-width: {style.width_em:.1f}em; width: max-content; }} p {{ margin: 0.5em 0; }}
            math {{ font-family: "{style.math_font}", math; font-size: 1em; }}
            table {{ border-collapse: collapse; }} td {{ padding: 0.15em 0.5em; }}
            td.c {{ text-align: center; }} td.r {{ text-align: right; }}
            .bt {{ border-top: 1px solid; }} .bb {{ border-bottom: 1px solid; }}
            .bl {{ border-left: 1px solid; }} .br {{ border-right: 1px solid; }} {css}"""
        html = f"<style>{rules}</style>{render(answer, geometry='source').to_html_fragment(notes=False)}"
        return self._page.picture(html, width_px=100, scale=style.font_px / 20.0, margin_px=style.margin_px)

    def _by_latex(self, body: str, style: Style) -> Image.Image:
        packages = [name for name in ("multirow", "booktabs") if has_package(name)]
        image = self._latex.picture(
            body,
            packages=[*packages, *([style.latex_font] if style.latex_font else [])],
            width_pt=10.0 * style.width_em,
            dpi=7.2 * style.font_px,
            margin_px=style.margin_px,
        )
        return _inked(image, style.ink, style.paper)


def _inked(image: Image.Image, ink: str, paper: str) -> Image.Image:
    """Give a black on white picture its ink and paper."""
    white = np.asarray(image.convert("L"), dtype=np.float32)[..., None] / 255.0
    colors = [
        np.array([int(color[start : start + 2], 16) for start in (1, 3, 5)], np.float32) for color in (ink, paper)
    ]
    return Image.fromarray(np.rint(colors[0] * (1 - white) + colors[1] * white).astype(np.uint8), "RGB")
