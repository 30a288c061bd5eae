"""Formulas in the text of lines that were cut: joined again, closed, spelled so that they can be set."""

import pytest

from got_ocr.slices.formula_text import as_display, balance, fix_latex, join_formulas


@pytest.mark.parametrize(
    ("pieces", "joined"),
    [
        ([r"so \(x+\)", r"\(y\) is"], r"so \(x+y\) is"),
        ([r"\(a\leq\)", r"\(b\)"], r"\(a\leq b\)"),
        ([r"\(x\), \(y\)"], r"\(x\), \(y\)"),
        ([r"\(\alpha\)", r"\(+1\)"], r"\(\alpha+1\)"),
        ([r"the \(n+\)", "1 are written"], r"the \(n+1\) are written"),
        ([r"with \(y=\)", "2x of them."], r"with \(y=2x\) of them."),
        ([r"want \(x<\)", "y."], r"want \(x<y\)."),
        ([r"\(x\in\)", "A and"], r"\(x\in A\) and"),
        ([r"\(n\)", "+ 1, or"], r"\(n+1\), or"),
        ([r"\(k\) =", "3.5 of"], r"\(k=3.5\) of"),
        ([r"a sum \(x+\)", "of what", r"\(y\)"], r"a sum \(x+\) of what \(y\)"),
        ([r"\(x_{1}\)", "= all"], r"\(x_{1}\) = all"),
        ([r"\(x_{1}\)", "- 1 of"], r"\(x_{1}\) - 1 of"),
        ([r"the \(12\) of", r"\(1,250.5\)"], "the 12 of 1,250.5"),
        ([r"\(3:\) and \((77%)\)"], "3: and (77%)"),
        ([r"\(-1\) and \(x^{2}\)"], r"\(-1\) and \(x^{2}\)"),
        ([r"take \(X\) for it"], "take X for it"),
        ([r"take \(X\) for \(Y\)"], r"take \(X\) for \(Y\)"),
    ],
)
def test_a_formula_that_was_cut_is_joined_again(pieces: list[str], joined: str) -> None:
    assert join_formulas(" ".join(pieces)) == joined


@pytest.mark.parametrize(
    ("piece", "balanced"),
    [
        (r"so \(x+y\) is", r"so \(x+y\) is"),
        (r"so \(x+y is", r"so \(x+y\) is"),
        (r"so \(\alpha x\cdot y is", r"so \(\alpha x\cdot y\) is"),
        (r"so \(x \(y\)", r"so \(x \)\(y\)"),
        (r"x\) is \(y\)\)", r"x is \(y\)"),
        (r"ends with \(", "ends with "),
        (r"so \(\hat{x is", r"so \(\hat{x}\) is"),
        ("no formula", "no formula"),
    ],
)
def test_every_formula_is_closed_and_nothing_else(piece: str, balanced: str) -> None:
    assert balance(piece) == balanced


@pytest.mark.parametrize(
    ("formula", "fixed"),
    [
        (r"\pir^{2}", r"\pi r^{2}"),
        (r"\frac{a}{b", r"\frac{a}{b}"),
        (r"x}+\sqrt{y}", r"x+\sqrt{y}"),
        (r"\{x\}\leq\{", r"\{x\}\leq\{"),
        (r"\setup+1", "setup+1"),
        (r"\alpha\cdot\operatorname{rank}", r"\alpha\cdot\operatorname{rank}"),
    ],
)
def test_latex_that_no_one_could_set_is_fixed(formula: str, fixed: str) -> None:
    assert fix_latex(formula) == fixed


@pytest.mark.parametrize(
    ("paragraph", "written"),
    [
        (r"\(x+y\)", "\\[\nx+y\n\\]"),
        (r"\(x+y\). (3.1)", "\\[\nx+y. \\tag{3.1}\n\\]"),
        (r"\(x\) and \(y\)", r"\(x\) and \(y\)"),
        ("no formula", "no formula"),
    ],
)
def test_a_paragraph_that_is_a_formula_is_displayed(paragraph: str, written: str) -> None:
    assert as_display(paragraph) == written
