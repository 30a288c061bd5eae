"""Formulas: the grammar writes mathematics that LaTeX and our own reader take, and pictures show what answers say."""

import re
import shutil

import numpy as np
import pytest
from PIL import Image

from got_ocr.rendering.browser import find_browser
from got_ocr.rendering.formulas import parse_formula
from got_ocr.synthesis.drawing.browser_page import BrowserPage, _OwnBrowser
from got_ocr.synthesis.drawing.latex_page import LatexError, LatexPage
from got_ocr.synthesis.drawing.typeset import Style, Typesetter
from got_ocr.synthesis.formulas.grammar import FormulaWriter, random_formula
from got_ocr.synthesis.formulas.kind import Formulas
from got_ocr.synthesis.formulas.spelling import canonical
from got_ocr.synthesis.formulas.templates import LARGE, SHORT
from got_ocr.synthesis.resources import Resources

needs_browser = pytest.mark.skipif(find_browser() is None, reason="no Chromium or Chrome on this machine")
needs_latex = pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on this machine")
PROSE = "A line of plain prose that is long enough to hold some formulas, and to be broken where the line ends.\n\n"


@pytest.fixture
def resources(tmp_path):
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("".join(f"{PROSE.strip()} It is number {number}.\n\n" for number in range(200)), "utf-8")

    def make(**options) -> Resources:
        return Resources(corpus_files=(corpus,), **options)

    return make


def likeness(first: Image.Image, second: Image.Image) -> float:
    """Correlation of two pictures' ink, both cut to it and brought to one size."""
    inks = []
    for image in (first, second):
        pixels = np.asarray(image.convert("L"), np.float32)
        ink = np.abs(pixels - pixels[0, 0])
        rows, columns = np.flatnonzero(ink.max(1) > 30), np.flatnonzero(ink.max(0) > 30)
        cut = Image.fromarray(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
        inks.append(np.asarray(cut.resize((160, 40), Image.Resampling.BOX)).ravel())
    return float(np.corrcoef(inks)[0, 1])


def test_formulas_are_read_without_a_note_and_spelled_one_way():
    shapes = set()
    for seed in range(1000):
        tex = random_formula(np.random.default_rng(seed), display=seed % 3 > 0)
        assert parse_formula(tex).notes == (), tex
        assert canonical(tex) == tex
        assert tex.count("{") - tex.count(r"\{") == tex.count("}") - tex.count(r"\}"), tex
        assert not re.search(r"\^\{[^{}]*\}_", tex), tex
        shapes.add(re.sub(r"\\(?:alpha|beta|theta|phi|tau|xi|rho|omega)\b|[A-Za-z](?![A-Za-z])|\d", "o", tex))
    assert len(shapes) > 500  # not the same few with other letters


@pytest.mark.parametrize("templates", [SHORT, LARGE])
def test_every_template_fills_well(templates):
    for template in templates:
        for seed in range(2):
            tex = canonical(FormulaWriter(np.random.default_rng(seed), 2).fill(template))
            assert parse_formula(tex).notes == (), (template, tex)
            assert "⟦" not in tex and not re.search(r"<[A-Za-z]+\d>", tex), (template, tex)


def test_formulas_in_lines_are_short_and_flat():
    for seed in range(300):
        tex = random_formula(np.random.default_rng(seed), display=False, depth=1)
        assert len(tex) <= 70 and r"\begin" not in tex and "&" not in tex


def test_equal_generators_write_equal_formulas():
    drawn = [
        [random_formula(np.random.default_rng((1, seed))) for seed in order]
        for order in (range(40), range(39, -1, -1))
    ]
    assert drawn[0] == drawn[1][::-1]


@pytest.mark.parametrize(
    ("loose", "spelled"),
    [
        (r"x ^ 2 _ i \to \alpha x", r"x_{i}^{2}\rightarrow\alpha x"),
        (r"\left( a+b \right)^{ 2 }", r"(a+b)^{2}"),
        (r"\left(\frac{ a }{ b }\right)", r"\left(\frac{a}{b}\right)"),
        (r"\left.\frac ab\right|_0", r"\left.\frac ab\right|_{0}"),
        (r"\text{if  } x\le 3", r"\text{if  }x\leq3"),
        (r"\begin{cases}1&x\\&y\end{cases}", r"\begin{cases}1 & x \\ & y\end{cases}"),
        (r"\left\{ x \right\}", r"\{x\}"),
    ],
)
def test_spelling(loose, spelled):
    assert canonical(loose) == spelled


@pytest.mark.parametrize(
    ("tex", "words"),
    [
        (r"\frac{a}{b", "left open"),
        ("a}", "brace too many"),
        ("x^1^2", r"two scripts \^"),
        (r"\left(x", r"no \\right"),
        ("x^", "ends where"),
    ],
)
def test_what_is_not_balanced_is_refused(tex, words):
    with pytest.raises(ValueError, match=words):
        canonical(tex)


@needs_latex
def test_latex_takes_thirty_formulas_in_one_document():
    formulas = [random_formula(np.random.default_rng((2, seed))) for seed in range(30)]
    pdf = LatexPage().pdf("\n".join(rf"\[ {tex} \]" for tex in formulas))
    assert pdf.startswith(b"%PDF") and len(pdf) > 20_000


@needs_latex
def test_latex_says_what_it_refuses_and_runs_no_shell():
    with pytest.raises(LatexError, match="Undefined control sequence"):
        LatexPage().pdf(r"\[ \nosuchcommand \]")
    with pytest.raises(LatexError, match="drew nothing"):
        LatexPage().picture(r"\immediate\write18{echo x > written}\IfFileExists{written}{shell}{\mbox{}}")


def test_a_missing_typesetter_is_one_clear_line(monkeypatch, resources):
    with pytest.raises(ValueError, match="must be browser or latex, got 'word'"):
        Formulas(resources(typesetter="word"))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ValueError, match="needs pdflatex, which was not found: install TeX"):
        Formulas(resources(typesetter="latex"))


@needs_browser
def test_equal_generators_draw_equal_samples_and_the_answer_draws_the_picture_again(resources):
    kind = Formulas(resources())
    samples = [kind.draw(np.random.default_rng((3, seed))) for seed in range(4)]
    for seed in (2, 0):
        again = kind.draw(np.random.default_rng((3, seed)))
        assert again.turns == samples[seed].turns and again.source == samples[seed].source
        assert again.images[0].tobytes() == samples[seed].images[0].tobytes()
    pictures = []
    for sample in samples:
        answer = sample.turns[0].answer
        assert sample.turns[0].instruction == "OCR with format: "
        assert answer.startswith((r"\[ ", r"\( ")) or r"\( " in answer
        pictures.append(Typesetter(resources()).picture(answer, Style(**sample.source["style"])))
    for first, sample in enumerate(samples):
        likenesses = [likeness(sample.images[0], picture) for picture in pictures]
        assert likenesses[first] > 0.999
        assert max(likenesses[:first] + likenesses[first + 1 :]) < 0.6


@needs_browser
@needs_latex
def test_latex_and_the_browser_draw_the_same_from_an_answer(resources):
    style = Style(30.0, "Latin Modern Math", "serif", "", "lmodern", "#000000", "#ffffff", 8, 30.0)
    answers = [
        r"\[ \frac{a+b}{\sqrt{c}}=\sum_{i=1}^{n}x_{i}^{2} \]",
        r"\[ \begin{pmatrix}1 & 0 \\ 0 & -1\end{pmatrix} \]",
    ]
    by_browser, by_latex = (
        [Typesetter(resources(typesetter=name)).picture(answer, style) for answer in answers]
        for name in ("browser", "latex")
    )
    for first, second in ((0, 1), (1, 0)):
        assert likeness(by_browser[first], by_latex[first]) > 0.2 + likeness(by_browser[first], by_latex[second])


@needs_browser
def test_a_page_draws_the_same_whatever_came_before_and_outlives_its_browser():
    page, html = BrowserPage(), '<p style="margin:30px">One <b>line</b> of text</p>'
    first = page.picture(html, width_px=300, scale=1.3, margin_px=5)
    box = page.boxes("b")[0]
    inside = np.asarray(first.crop(tuple(round(side) for side in box)))
    assert inside.min() < 80 and np.asarray(first)[:5].min() == 255
    page.picture("<h1>another</h1>", width_px=500, scale=2.0)
    assert page.picture(html, width_px=300, scale=1.3, margin_px=5).tobytes() == first.tobytes()
    _OwnBrowser.browser._process.kill()
    _OwnBrowser.browser._process.wait()
    assert page.picture(html, width_px=300, scale=1.3, margin_px=5).tobytes() == first.tobytes()
    with pytest.raises(ValueError, match="empty"):
        page.picture("<p></p>")
    other = BrowserPage()
    other.picture(html)
    with pytest.raises(ValueError, match="before another page is shown"):
        page.boxes("b")
