"""Plain answers hold no LaTeX: formulas become Unicode or plain letters, and other text stays as it is."""

import pytest

from got_ocr.slices.plain_text import to_plain_text


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        (r"so \(x^{2}+y_{1}\leq\alpha\) is", "so x²+y₁≤α is"),
        (r"\(5\times 10^{-3}\)", "5×10⁻³"),
        (r"p \(<\) 0.05 and 20\(^{\circ}\)C", "p < 0.05 and 20°C"),
        (r"\(\frac{a+b}{2}\) of \(\sqrt{n}\)", "(a+b)/2 of √n"),
        (r"\(\Omega\), \(\lambda\), \(\Lambda\) and \(\mu\)m", "Ω, λ, Λ and μm"),
        (r"\(\mathrm{CO}_{2}\) \(\mathbf{x}\) \(\operatorname{rank}A\)", "CO₂ x rankA"),
        (r"\(\left(\hat{x}\right)\)", "(x̂)"),
        (r"\(x_{max}\) \(x_{cd}\) \(e^{i\pi}\) \(e^{-xy}\)", "xₘₐₓ xcd e^iπ e^(-xy)"),
        (r"\(10\%\) of \(A\&B\)", "10% of A&B"),
        (r"\[x=1\]", "x=1"),
        (r"an open \(x+y here", "an open x+y here"),
        (r"a closed y\) here", "a closed y here"),
        (r"\(\unknown x\)", "unknown x"),
        (r"\(\setup\)", "setup"),
        (r"C:\alpha\beta $5 (a) [b] {c}", r"C:\alpha\beta $5 (a) [b] {c}"),
        ("no formula", "no formula"),
    ],
)
def test_formulas_become_plain_text(text: str, plain: str) -> None:
    assert to_plain_text(text) == plain


@pytest.mark.parametrize("formula", [r"\frac{", r"^", r"_{", r"\sqrt", r"{}}", r"\hat", r"x^{y_{z^", r"\begin{"])
def test_broken_formulas_give_some_plain_text(formula: str) -> None:
    plain = to_plain_text(rf"a \({formula}\) b")
    assert plain.startswith("a") and plain.endswith("b") and "\\(" not in plain and "\\)" not in plain
