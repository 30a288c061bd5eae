"""Formulas that are set with a box for every character of their source, and lines that mix them with words."""

import re

import numpy as np
import pytest

from got_ocr.rendering.parsing import parse
from got_ocr.synthesis.formulas.grammar import random_formula
from got_ocr.synthesis.text.fonts import FontFace, installed_faces
from got_ocr.synthesis.text.formula_lines import FormulaLineSource, math_fonts, simple_formula
from got_ocr.synthesis.text.formula_setter import MathFonts, join_settings, set_formula


@pytest.fixture(scope="module")
def faces() -> list[FontFace]:
    return installed_faces()


@pytest.fixture(scope="module")
def fonts(faces: list[FontFace]) -> MathFonts:
    found = [one for one in math_fonts(faces) if one.is_math]
    if not found:
        pytest.skip("no math font is installed")
    return next((one for one in found if one.upright.family == "Latin Modern Math"), found[0])


@pytest.mark.parametrize(
    "tex",
    [
        "x",
        "x_{i}^{2}+y=4",
        r"\alpha x\leq\frac{a+b}{2c}",
        r"\sqrt{x^{2}+1}=\hat{y}",
        r"\sum_{i=1}^{n}a_{i}",
        r"\sin x+\log_{2}n",
        r"f'(x)\in\mathbb{R}",
        r"\mathbf{v}\cdot\mathbf{w}=\mathrm{const}",
    ],
)
def test_the_source_is_given_back_with_boxes_inside_what_is_drawn(fonts: MathFonts, tex: str) -> None:
    whole = join_settings(set_formula(tex, fonts, 24.0))
    assert whole.text == tex
    boxes = np.array([one.box for one in whole.source])
    assert (boxes[:, 0] >= -0.5).all() and (boxes[:, 2] <= whole.width_px + 24).all()
    assert (boxes[:, 2] >= boxes[:, 0]).all() and (boxes[:, 3] >= boxes[:, 1]).all()
    assert {one.shown for one in whole.source if one.text in "{}^_"} <= {" "}


def test_scripts_and_fractions_stand_where_they_belong(fonts: MathFonts) -> None:
    whole = join_settings(set_formula(r"x^{2}_{i}\frac{a}{b}", fonts, 24.0))
    place = {one.text: one.box for one in whole.source if one.shown == one.text}
    assert place["2"][1] < place["x"][1] < place["i"][1], "the power stands higher than its base, the index lower"
    assert place["a"][3] <= whole.rules[0][1] + 6 and place["b"][1] >= whole.rules[0][3] - 6
    assert abs((place["a"][0] + place["a"][2]) / 2 - (place["b"][0] + place["b"][2]) / 2) < 2


def test_a_formula_may_be_broken_at_its_signs_only(fonts: MathFonts) -> None:
    parts = set_formula(r"x_{i}+y=\frac{a}{b}", fonts, 24.0)
    assert [part.text for part in parts] == ["x_{i}", "+", "y", "=", r"\frac{a}{b}"]
    assert [part.gap_px > 0 for part in parts] == [False, True, False, True, False]
    assert not set_formula("-x", fonts, 24.0)[0].gap_px, "a sign at the beginning belongs to its number"


@pytest.mark.parametrize("tex", [r"\begin{matrix}a\end{matrix}", r"\frac{a}", "x^{2", "x}", r"\unknown", "é"])
def test_what_it_cannot_set_is_refused(fonts: MathFonts, tex: str) -> None:
    with pytest.raises(ValueError, match=r"set|brace|argument|has no"):
        set_formula(tex, fonts, 24.0)


def test_most_of_the_grammars_inline_formulas_can_be_set(fonts: MathFonts) -> None:
    rng = np.random.default_rng(0)
    able = 0
    for _ in range(200):
        try:
            tex = random_formula(rng, display=False, depth=1)
            able += join_settings(set_formula(tex, fonts, 20.0)).text == tex
        except ValueError:
            pass
    assert able > 120


def test_simple_formulas_can_be_read_by_our_renderer() -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        blocks, notes = parse(rf"\({simple_formula(rng)}\)")
        assert not notes and blocks[0].inlines[0].kind == "formula"


def test_rows_mix_words_and_formulas_and_say_what_is_drawn(fonts: MathFonts, faces: list[FontFace]) -> None:
    source = FormulaLineSource([fonts])
    face = next(face for face in faces if face.family in ("DejaVu Sans", "Liberation Sans"))
    formulas = 0
    for seed in range(40):
        words = iter(["word"] * 1000)
        block = source.set_rows(np.random.default_rng(seed), words, [face] * 2, 21.0, 96, 192, 2)
        again = source.set_rows(np.random.default_rng(seed), iter(["word"] * 1000), [face] * 2, 21.0, 96, 192, 2)
        assert block.text == again.text and (block.boxes == again.boxes).all()
        assert len(block.text) == len(block.boxes) == len(block.shown)
        assert block.boxes[:, 0].min() >= 0
        assert block.text.count(r"\(") == block.text.count(r"\)")
        outside = re.sub(r"\\\(.*?\\\)", "", block.text)
        assert re.fullmatch(r"([word\s,.;:]|\b\d+\b)*", outside), outside
        assert not re.search(r"\\\(\d+\\\)", block.text), "a number needs no delimiters"
        formulas += block.text.count(r"\(")
    assert formulas > 20


def test_formulas_need_a_font() -> None:
    with pytest.raises(ValueError, match="no font for formulas"):
        FormulaLineSource([])
