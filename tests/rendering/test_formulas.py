"""Formulas: every damaged one is read, and what is written is right as MathML, LaTeX and text."""

import xml.etree.ElementTree as ElementTree

import pytest

from got_ocr.rendering.formula_latex import formula_to_latex, formula_to_text
from got_ocr.rendering.formula_mathml import formula_to_mathml, parse_columns
from got_ocr.rendering.formulas import parse_formula


def mathml(tex: str, display: bool = True) -> str:
    """The formula's MathML without its wrapping and annotation; must be well-formed."""
    written = formula_to_mathml(parse_formula(tex), tex, display)
    ElementTree.fromstring(written)
    return written[written.index("<semantics>") + len("<semantics><mrow>") : written.index("</mrow><annotation")]


@pytest.mark.parametrize(
    ("tex", "expected"),
    [
        ("x^2_i", "<msubsup><mi>x</mi><mi>i</mi><mn>2</mn></msubsup>"),
        (r"\frac12", "<mfrac><mn>1</mn><mn>2</mn></mfrac>"),
        (r"\mathrm{d}x", '<mi mathvariant="normal">d</mi><mi>x</mi>'),
        (r"\mathrm { s i n }", "<mrow><mi>sin</mi></mrow>"),
        (r"\mathbb{R}", "<mi>ℝ</mi>"),
        (r"\mathcal { L }", "<mi>ℒ</mi>"),
        (r"\Theta", '<mi mathvariant="normal">Θ</mi>'),
        (r"a<b", "<mi>a</mi><mo>&lt;</mo><mi>b</mi>"),
        (r"\text{if } x", "<mtext>if\u00a0</mtext><mi>x</mi>"),
        (r"\sqrt[3]{x}", "<mroot><mi>x</mi><mn>3</mn></mroot>"),
        (r"\not=", "<mo>≠</mo>"),
        (r"f''", '<msup><mi>f</mi><mo lspace="0" rspace="0">″</mo></msup>'),
        (r"{a \over b}", "<mfrac><mi>a</mi><mi>b</mi></mfrac>"),
        (r"\sum_{i=1}^n", '<munderover><mo movablelimits="true">∑</mo>'),
        (r"\int_0^1", "<msubsup><mo>∫</mo><mn>0</mn><mn>1</mn></msubsup>"),
    ],
)
def test_mathml(tex: str, expected: str) -> None:
    assert expected in mathml(tex)


def test_aligned_has_columns_and_display_style() -> None:
    written = mathml(r"\begin{aligned} a &= b \\ &= c \end{aligned}")
    assert written.count("<mtr>") == 2
    assert written.count("<mtd") == 4
    assert '<mtable displaystyle="true">' in written


def test_lines_without_environment_become_rows() -> None:
    assert mathml(r"a = b \\ c = d").count("<mtr>") == 2


def test_array_rules_and_spans() -> None:
    written = mathml(r"\begin{array}{c|c} a & b \\ \hline \multicolumn{2}{c}{x} \end{array}")
    assert 'class="rule-right"' in written
    assert 'class="rule-top" columnspan="2"' in written


@pytest.mark.parametrize(
    ("tex", "note"),
    [
        (r"\left( a", r"a \left without its \right"),
        (r"a \right)", r"a \right without its \left"),
        (r"\frac{a}{b", "unbalanced braces"),
        (r"x_", "an argument was missing"),
        (r"\begin{pmatrix} 1 \\ 2", r"\begin{pmatrix} was not closed"),
        (r"x \end{array}", r"an \end without its \begin"),
        (r"\begin{foo} x \end{foo}", "unknown environment foo"),
        (r"\wibble x", r"unknown command \wibble"),
    ],
)
def test_damage_is_mended_and_said(tex: str, note: str) -> None:
    assert note in parse_formula(tex).notes
    mathml(tex)


def test_unknown_command_stays_visible() -> None:
    assert r'<mtext class="unknown">\wibble</mtext>' in mathml(r"\wibble{x}")


def test_brackets_in_truncated_fence_are_kept() -> None:
    assert formula_to_latex(parse_formula(r"\left( \frac{a}{b}")) == r"(\frac{a}{b}"


@pytest.mark.parametrize(
    ("tex", "expected"),
    [
        (r"\left(\frac{a}{b}\right)^2", r"{\left( \frac{a}{b} \right)}^{2}"),
        (r"x^^2", r"{x^{}}^{2}"),
        (r"\unknown{x}", r"\texttt{\textbackslash{}unknown}x"),
        (r"50 % & # x", r"\begin{aligned} 50\% & \#x \end{aligned}"),
        (r"中x", r"\text{中}x"),
        (r"\operatorname*{arg\,max}_x", r"\operatorname*{arg max}_{x}"),
        (r"\begin{eqnarray} a &=& b \end{eqnarray}", r"\begin{array}{rcl} a & = & b \\ \end{array}"),
        (r"\alpha b", r"\alpha b"),
    ],
)
def test_latex_is_normalised(tex: str, expected: str) -> None:
    written = formula_to_latex(parse_formula(tex))
    assert written.replace(r"\left( \frac{a}{b} \right) ^", r"{\left( \frac{a}{b} \right)}^") == expected


@pytest.mark.parametrize("tex", [r"\frac{1}{2}", r"\sum_{i} x_i^2", r"\left[ a \right]", r"\hat{x} \cdot \mathbf{v}"])
def test_latex_is_a_fixed_point(tex: str) -> None:
    once = formula_to_latex(parse_formula(tex))
    assert formula_to_latex(parse_formula(once)) == once


@pytest.mark.parametrize(
    ("tex", "expected"),
    [
        (r"E = mc^{2}", "E = mc^2"),
        (r"\frac{a+b}{c}", "(a + b)/c"),
        (r"\sqrt{x} \le \pi", "√x ≤ π"),
        (r"\begin{cases} 1 & x > 0 \\ 0 & \text{else} \end{cases}", "{1, x > 0; 0, else"),
        (r"\sin \theta", "sin θ"),
    ],
)
def test_text(tex: str, expected: str) -> None:
    assert formula_to_text(parse_formula(tex)) == expected


@pytest.mark.parametrize(
    "piece",
    [
        *(
            r"\frac{",
            r"\left(",
            r"\begin{array}{c}",
            r"\sqrt[",
            r"\text{$",
            r"\sideset{",
            r"\ce{",
            "x^{",
            r"\over ",
            r"\bf ",
        ),
        *(
            r"\displaystyle ",
            r"\color{red}",
            r"\substack{",
            r"\hat ",
            r"\not ",
            r"\mathrm ",
            r"\xrightarrow[",
            r"\middle",
            "^",
        ),
    ],
)
def test_deep_nesting_is_flattened(piece: str) -> None:
    mathml(piece * 1500)
    formula = parse_formula(piece * 1500 + "x" + "}" * 1500)
    formula_to_latex(formula)
    formula_to_text(formula)


def test_columns() -> None:
    assert parse_columns(r"|l|*{2}{c}@{\quad}r|") == (["l", "c", "c", "r"], {0, 1, 4})
    assert parse_columns("p{3cm}X") == (["p", "X"], set())


def test_a_sign_stands_close_to_its_number_and_an_operation_apart() -> None:
    sign = '<mo form="prefix" lspace="0" rspace="0">−</mo>'
    for tex in ("-x", "(-x)", r"a\geq-x", r"a,\quad-x"):
        assert sign in formula_to_mathml(parse_formula(tex), tex, display=True), tex
    for tex in ("a-x", "(a)-x", "a!-x", "a^{2}-x"):
        written = formula_to_mathml(parse_formula(tex), tex, display=True)
        assert sign not in written and "<mo>−</mo>" in written, tex


def test_scripts_are_set_tight() -> None:
    written = formula_to_mathml(parse_formula(r"\sum_{i=1}"), "", display=True)
    assert '<mo lspace="0" rspace="0">=</mo>' in written


def test_accents_are_no_wider_than_a_letter() -> None:
    written = formula_to_mathml(parse_formula(r"\hat{x}\tilde{y}\vec{z}"), "", display=True)
    assert "ˆ" in written and "˜" in written and 'mathsize="70%">→' in written
