"""Figures about rendering, none of them asserted: speed, formulas beside latex2mathml, likeness.

python tests/rendering/measure.py speed
python tests/rendering/measure.py formulas     # needs latex2mathml
python tests/rendering/measure.py likeness     # needs Chromium, and for each kind its library or LaTeX
"""

import argparse
import io
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from got_ocr.rendering import render  # noqa: E402
from got_ocr.rendering.formula_mathml import formula_to_mathml  # noqa: E402
from got_ocr.rendering.formulas import parse_formula  # noqa: E402

# Awkward mathematics, as models write and truncate it, and whether its structure is checked by a sign in the MathML.
AWKWARD: list[tuple[str, Callable[[str], bool]]] = [
    (r"\left( a", lambda m: "(" in m or "&#x00028;" in m),
    (r"a \right)", lambda m: ")" in m or "&#x00029;" in m),
    (r"\frac{a}{b", lambda m: "<mfrac" in m),
    (r"x_", lambda m: "x" in m),
    (r"\begin{pmatrix}1\\2", lambda m: m.count("<mtr") == 2),
    (r"\begin{array}{c} a \end{array", lambda m: "<mtr" in m),
    (r"{", lambda m: True),
    (r"\begin{aligned} a &= b \\ c &= d \end{aligned}", lambda m: m.count("<mtd") == 4),
    (r"\begin{gathered} a \\ b \end{gathered}", lambda m: m.count("<mtr") == 2),
    (r"\begin{eqnarray} x &=& 1 \end{eqnarray}", lambda m: m.count("<mtd") == 3),
    (r"\begin{dcases} a & b \\ c & d \end{dcases}", lambda m: m.count("<mtd") == 4),
    (r"a = b \\ c = d", lambda m: m.count("<mtr") == 2 or 'linebreak="newline"' not in m),
    (r"\text{<b>x</b>}", lambda m: "<b>" not in m),
    (r"a \& b & c", lambda m: True),
    (r"\href{javascript:alert(1)}{x}", lambda m: "javascript:" not in m.split("<annotation")[0]),
    (r"\operatorname*{arg\,max}_{x}", lambda m: "arg max" in m or "argmax" in m),
    (r"\mathrm{d}x", lambda m: 'mathvariant="normal"' in m),
    (r"\text{if $x > 0$}", lambda m: "$" not in m.split("<annotation")[0]),
    (r"x \nonumber \label{a}", lambda m: "nonumber" not in m.split("<annotation")[0]),
    (r"\begin{array}{cc} \multicolumn{2}{c}{x} \\ a & b \end{array}", lambda m: "columnspan" in m),
    (r"\genfrac{(}{)}{0pt}{}{n}{k}", lambda m: "<mfrac" in m),
    (r"\ce{H2O}", lambda m: "<msub" in m),
    (r"\colon \not\subset", lambda m: "⊄" in m or "&#x02284;" in m),
    (r"\sum\limits_{i}", lambda m: "<munder" in m),
    ("{" * 2000 + "x" + "}" * 2000, lambda m: "x" in m),
]


def measure_formulas() -> None:
    """Print how many of the awkward formulas each reader turns into well-formed MathML of the right structure."""
    import latex2mathml.converter

    def theirs(tex: str) -> str:
        return latex2mathml.converter.convert(tex, display="block")

    def ours(tex: str) -> str:
        return formula_to_mathml(parse_formula(tex), tex, display=True)

    for name, convert in (("latex2mathml", theirs), ("got_ocr.rendering", ours)):
        raised, broken, wrong = [], [], []
        for tex, is_right in AWKWARD:
            try:
                written = convert(tex)
            except Exception as error:
                raised.append(f"{tex[:30]} ({type(error).__name__})")
                continue
            try:
                ElementTree.fromstring(written)
            except ElementTree.ParseError:
                broken.append(tex[:30])
                continue
            if not is_right(written):
                wrong.append(tex[:30])
        print(
            f"{name}: of {len(AWKWARD)}, raised {len(raised)}, not well-formed {len(broken)}, wrong structure {len(wrong)}"  # noqa: E501
        )
        for title, found in (("raised", raised), ("not well-formed", broken), ("wrong", wrong)):
            for tex in found:
                print(f"    {title}: {tex}")


MARKS = (
    "{", "}", "\\left(", "\\frac{", "**", "*", "$", "$$", "`", "\\[", "\\(", "\\begin{array}{c}", "\\begin{tabular}{c}", "{'a':\n",  # noqa: E501
    "\n{'a", "\n- ", "\n> ", "\n| a | b", "\\begin{itemize}\\item ", "\\textbf{", "<smiles>", "\n**kern\n", "![", "[a](", "\\'",  # noqa: E501
    "\\begin{tikzpicture}", "\\section*{", "&", "\\\\", "\\multirow{2}{*}{", "\n```\n", "\\[ x ", "~~", "__", "\n    - ",  # noqa: E501
)  # fmt: skip


def measure_speed() -> None:
    """Print seconds per 10 kB for text of each kind; drawings by Python, since LaTeX and Verovio are other programs."""  # noqa: E501
    samples = {
        path.stem: path.read_text(encoding="utf-8") for path in sorted((ROOT / "examples/gallery/samples").iterdir())
    }
    rng = np.random.default_rng(7)
    alphabet = [
        *list("\\{}$&^_()[]|<>*#`~-\n\n ab1.\"'"),
        "\\begin{tabular}{c}",
        "\\frac{",
        "\\left(",
        "\\[",
        "\\)",
        "$$",
        "**",
    ]
    # Copies are numbered: an answer's end that only repeats itself is cut before it is read.
    texts = {
        name: "".join(f"{text}\n\ncopy {index}\n\n" for index in range(10_000 // len(text) + 1))
        for name, text in samples.items()
    }
    texts["random marks"] = "".join(rng.choice(alphabet, 10_000))
    for piece in MARKS:
        texts[f"only {piece!r}"] = "".join(f"{piece}{index} " for index in range(10_000 // len(piece)))
    worst = 0.0
    for name, text in texts.items():
        text = text[:10_000]
        uses_process = name.startswith(("11-", "12-"))
        start = time.process_time()
        document = render(text, geometry="python")
        parsed = time.process_time()
        document.to_html()
        written = time.process_time()
        worst = max(worst, written - start)
        extra = " (Verovio runs in a process of its own)" if uses_process else ""
        print(f"{name:28} read {parsed - start:6.3f} s   written {written - parsed:6.3f} s   per 10 kB{extra}")
    print(f"slowest: {worst:.3f} s per 10 kB")


# ---- likeness


def likeness(first: Image.Image, second: Image.Image) -> float:
    """Structural similarity (SSIM, 8 pixel windows) of two drawings, each cropped to its ink and brought to one size."""  # noqa: E501
    height = 128
    pictures = []
    cropped = [_crop(image) for image in (first, second)]
    width = max(1, round(height * np.mean([image.width / image.height for image in cropped])))
    for image in cropped:
        blurred = image.resize((width, height), Image.Resampling.LANCZOS).filter(ImageFilter.GaussianBlur(1.5))
        pictures.append(np.asarray(blurred, dtype=np.float64))
    size = 8

    def means(array: np.ndarray) -> np.ndarray:
        total = np.pad(array, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
        return (total[size:, size:] - total[:-size, size:] - total[size:, :-size] + total[:-size, :-size]) / size**2

    a, b = pictures
    mean_a, mean_b = means(a), means(b)
    var_a, var_b = means(a * a) - mean_a**2, means(b * b) - mean_b**2
    covariance = means(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    ssim = (2 * mean_a * mean_b + c1) * (2 * covariance + c2) / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
    return float(ssim.mean())


def _crop(image: Image.Image) -> Image.Image:
    gray = image.convert("L")
    ink = np.asarray(gray) < 160
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    if not len(rows):
        return gray
    return gray.crop((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))


def _latex_picture(body: str) -> Image.Image:
    """Typeset by LaTeX: the picture a document has."""
    packages = r"\usepackage{amsmath,amssymb,multirow,tikz}\usetikzlibrary{calc}"
    source = f"\\documentclass[border=4pt]{{standalone}}{packages}\\begin{{document}}{body}\\end{{document}}"
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "a.tex").write_text(source)
        command = ["pdflatex", "-interaction=nonstopmode", "-no-shell-escape", "a.tex"]
        subprocess.run(command, cwd=folder, capture_output=True, timeout=60, check=False)
        subprocess.run(["pdftoppm", "-r", "200", "-png", "a.pdf", "a"], cwd=folder, timeout=60, check=True)
        return Image.open(io.BytesIO(next(Path(folder).glob("a*.png")).read_bytes())).convert("L")


FORMULAS = (
    r"\frac{-b \pm \sqrt{b^{2}-4 a c}}{2 a}", r"\sum_{n=1}^{\infty} \frac{1}{n^{2}}=\frac{\pi^{2}}{6}",
    r"\int_{0}^{1} x^{2} \, dx=\frac{1}{3}", r"\left(\begin{array}{cc} a & b \\ c & d \end{array}\right)",
    r"e^{i \pi}+1=0", r"\lim_{x \to 0} \frac{\sin x}{x}=1", r"\begin{aligned} a &= b+c \\ d &= e \end{aligned}",
    r"f(x)=\begin{cases} x & x>0 \\ -x & x \le 0 \end{cases}", r"\hat{x}_{i}^{2} \cdot \overline{y+z}",
)  # fmt: skip
TABLES = (
    r"\begin{tabular}{|c|c|c|} \hline a & bb & ccc \\ \hline 1 & 22 & 333 \\ \hline \end{tabular}",
    r"\begin{tabular}{|l|c|c|} \hline \multirow{2}{*}{Name} & \multicolumn{2}{c|}{Marks} \\ \cline{2-3} & one & two \\ \hline Ada & 19 & 17 \\ \hline \end{tabular}",  # noqa: E501
    r"\begin{tabular}{lrr} \hline City & 2000 & 2020 \\ \hline Oslo & 507 & 697 \\ Bergen & 229 & 283 \\ \hline \end{tabular}",  # noqa: E501
)  # fmt: skip
DRAWINGS = (
    r"\begin{tikzpicture}\draw (0,0) circle (2); \draw (90:2) -- (210:2) -- (330:2) -- cycle; \draw (0,0) circle (1);\end{tikzpicture}",  # noqa: E501
    r"\begin{tikzpicture}\draw (0,0) -- (5,0) -- (3.2,2.4) -- cycle; \draw[dashed] (3.2,0) -- (3.2,2.4); \draw (0.8,0) arc (0:36.87:0.8); \node[left] at (0,0) {$A$}; \node[right] at (5,0) {$B$}; \node[above] at (3.2,2.4) {$C$};\end{tikzpicture}",  # noqa: E501
    r"\begin{tikzpicture}\draw[->] (-2,0) -- (3,0); \draw[->] (0,-1) -- (0,3); \draw[thick,domain=-1.6:1.6] plot (\x,{\x*\x}); \draw (1,1) rectangle (2.5,2); \draw (0,0) .. controls (1,1) and (2,-1) .. (3,1);\end{tikzpicture}",  # noqa: E501
)  # fmt: skip
MOLECULES = (
    "c1ccccc1",
    "CC(=O)Oc1ccccc1C(=O)O",
    "CN1C=NC2=C1C(=O)N(C(=O)N2C)C",
    "C[C@H](N)C(=O)O",
    "OCC1OC(O)C(O)C(O)C1O",
)


def measure_likeness() -> None:
    """Print how alike our page and a picture by the domain's own means are; beside it, how alike two that differ are."""  # noqa: E501
    from got_ocr.rendering.browser import Browser

    samples = ROOT / "examples/gallery/samples"
    scores: list[tuple[str, float, float]] = []
    with Browser() as browser:

        def ours(text: str, selector: str, geometry: str = "python") -> Image.Image:
            browser.open_html(render(text, geometry=geometry).to_html())
            browser.screenshot(900)
            box = browser.evaluate(
                f"(() => {{ const b = document.querySelector({selector!r}).getBoundingClientRect();"
                "return {x: b.x - 4, y: b.y - 4 + scrollY, width: b.width + 8, height: b.height + 8}; })()"
            )
            return Image.open(io.BytesIO(browser.screenshot(900, clip=box))).convert("L")

        def compare(kind: str, references: list[Image.Image], pictures: list[Image.Image]) -> None:
            for index, (reference, picture) in enumerate(zip(references, pictures, strict=True)):
                other = pictures[(index + 1) % len(pictures)]
                scores.append((kind, likeness(reference, picture), likeness(reference, other)))

        compare(
            "formula",
            [_latex_picture(f"$\\displaystyle {tex}$") for tex in FORMULAS],
            [ours(f"\\[{tex}\\]", "math") for tex in FORMULAS],
        )
        compare("table", [_latex_picture(tex) for tex in TABLES], [ours(tex, "table") for tex in TABLES])
        compare("geometry", [_latex_picture(tex) for tex in DRAWINGS], [ours(tex, "svg") for tex in DRAWINGS])
        compare(
            "molecule",
            [_molecule_picture(smiles) for smiles in MOLECULES],
            [ours(f"<smiles>{smiles}</smiles>", "svg") for smiles in MOLECULES],
        )
        music = [path.read_text() for path in sorted(samples.glob("*.krn"))]
        compare("music", [_music_picture(text, browser) for text in music], [ours(text, "svg") for text in music])
    for kind in dict.fromkeys(kind for kind, _, _ in scores):
        same = [score for name, score, _ in scores if name == kind]
        other = [score for name, _, score in scores if name == kind]
        print(
            f"{kind:9} {len(same)} pairs: SSIM mean {np.mean(same):.3f}, least {min(same):.3f}; against another one {np.mean(other):.3f}"  # noqa: E501
        )


def _molecule_picture(smiles: str) -> Image.Image:
    """As a synthetic page draws it: RDKit's own bitmap."""
    from rdkit import Chem
    from rdkit.Chem.Draw import rdMolDraw2D

    drawer = rdMolDraw2D.MolDraw2DCairo(500, 400)
    drawer.drawOptions().useBWAtomPalette()
    rdMolDraw2D.PrepareAndDrawMolecule(drawer, Chem.MolFromSmiles(smiles))
    drawer.FinishDrawing()
    return Image.open(io.BytesIO(drawer.GetDrawingText())).convert("L")


def _music_picture(kern: str, browser: object) -> Image.Image:
    """As the published renderer draws it: Verovio's SVG as it is, opened by the browser."""
    from got_ocr.rendering.music import draw_music

    svg = draw_music(kern)[0][0]
    browser.open_html(f"<!DOCTYPE html><body style='margin:0'>{svg}</body>")  # type: ignore[attr-defined]
    return Image.open(io.BytesIO(browser.screenshot(900))).convert("L")  # type: ignore[attr-defined]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("speed", "formulas", "likeness"))
    {"speed": measure_speed, "formulas": measure_formulas, "likeness": measure_likeness}[parser.parse_args().what]()
