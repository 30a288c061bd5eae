"""Fractions and signs with limits that stand over several lines become one line; underlined words don't."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from got_ocr.configuration.slicing import SlicingOptions
from got_ocr.slices.slicing import slice_page
from got_ocr.synthesis.text.fonts import FontFace, installed_faces, load_font
from got_ocr.synthesis.text.formula_lines import math_fonts
from got_ocr.synthesis.text.formula_setter import MathFonts, Setting, join_settings, set_formula

SIZE_PX = 30.0
OPTIONS = SlicingOptions(rows=2, keep_natural=False)
Row = list[str | tuple[str]]


@pytest.fixture(scope="module")
def fonts() -> tuple[FontFace, MathFonts]:
    faces = installed_faces()
    text = next((face for face in faces if face.family in ("DejaVu Serif", "Liberation Serif")), None)
    math = next((one for one in math_fonts(faces) if one.is_math), None)
    if text is None or math is None:
        pytest.skip("no text font or no math font is installed")
    return text, math


def draw(fonts: tuple[FontFace, MathFonts], rows: list[Row]) -> Image.Image:
    """Draw rows of words and, in tuples, formulas in display style."""
    image = Image.new("RGB", (900, 120 * len(rows) + 60), "white")
    pen = ImageDraw.Draw(image)
    for number, row in enumerate(rows):
        x, y = 40.0, 90.0 + 110 * number
        for item in row:
            font = load_font(fonts[0], SIZE_PX)
            if isinstance(item, str):
                pen.text((x, y), item, "black", font=font, anchor="ls")
                x += font.getlength(item + " ")
                continue
            setting: Setting = join_settings(set_formula(item[0], fonts[1], SIZE_PX, display=True))
            for run in setting.glyphs:
                place = x + run.x_px, y + run.baseline_px
                pen.text(place, run.text, "black", font=load_font(run.face, run.size_px), anchor="ls")
            for x1, y1, x2, y2 in setting.rules:
                pen.rectangle((x + x1, y + y1, x + x2, y + max(y2, y1 + 2) - 1), "black")
            x += setting.width_px + 8
    return image


def lines(image: Image.Image, formatted: bool = True) -> int:
    return len(slice_page(image, OPTIONS, 192, formatted=formatted).line_boxes)


@pytest.mark.parametrize(
    "formula",
    [
        r"\frac{a+b}{c}=x",
        r"v=\frac{d(s)}{t}+\frac{1}{2}",
        r"y=\frac{a}{b}",
        r"\frac{a_{n}+b_{n}+c_{n}+d_{n}+e_{n}+f_{n}}{x+1}",
    ],
)
def test_a_fraction_is_one_line_with_all_of_its_ink(fonts: tuple[FontFace, MathFonts], formula: str) -> None:
    image = draw(fonts, [["The first line of text here"], [(formula,)], ["and the last line of it"]])
    page = slice_page(image, OPTIONS, 192, formatted=True)
    assert len(page.line_boxes) == 3
    ink = np.asarray(image.convert("L")) < 128
    rows = np.flatnonzero(ink[120:250].any(1)) + 120
    x1, y1, x2, y2 = page.line_boxes[1]
    assert y1 <= rows[0] + 2 and y2 >= rows[-1] - 1, "numerator and denominator lie in the line's box"
    columns = np.flatnonzero(ink[120:250].any(0))
    assert x1 <= columns[0] + 2 and x2 >= columns[-1] - 1


def test_plain_reading_is_left_as_it_was(fonts: tuple[FontFace, MathFonts]) -> None:
    image = draw(fonts, [["The first line of text here"], [(r"\frac{a+b}{c}=x",)], ["and the last line of it"]])
    assert lines(image, formatted=False) > lines(image)


def test_an_inline_fraction_stays_in_its_line(fonts: tuple[FontFace, MathFonts]) -> None:
    image = draw(fonts, [["Here we have", (r"x=\frac{a}{b}",), "in a line"], ["and the last line of it"]])
    assert lines(image) == 2


def test_a_power_at_a_lines_end_belongs_to_it(fonts: tuple[FontFace, MathFonts]) -> None:
    image = draw(fonts, [["A line that ends in", (r"E=mc^{2}",)], ["and the last line of it"]])
    assert lines(image) == 2


def draw_between(face: FontFace, size_px: float, script_em: float, marks: list[tuple[str, float]]) -> Image.Image:
    """Draw three lines; behind a word of the second stand marks this far above the baseline, a bar between any two."""
    image = Image.new("RGB", (900, 220), "white")
    pen, font, small = ImageDraw.Draw(image), load_font(face, size_px), load_font(face, script_em * size_px)
    for number, text in enumerate(("Some words of a paragraph here", "The rule is r", "and the last of its lines")):
        pen.text((40, 60 + 1.5 * size_px * number), text, "black", font=font, anchor="ls")
    x, y = 42 + font.getlength("The rule is r"), 60 + 1.5 * size_px
    for text, rise_em in marks:
        pen.text((x, y - rise_em * size_px), text, "black", font=small, anchor="ls")
    end = x + small.getlength(marks[0][0])
    if len(marks) > 1:
        pen.rectangle((x, y - 0.27 * size_px, end - 1, y - 0.27 * size_px), "black")
    pen.text((end + 0.3 * size_px, y), "to give them", "black", font=font, anchor="ls")
    return image


@pytest.mark.parametrize("rise_em", [0.5, 0.6])
def test_a_power_in_the_middle_of_a_line_belongs_to_it(fonts: tuple[FontFace, MathFonts], rise_em: float) -> None:
    assert lines(draw_between(fonts[0], SIZE_PX, 0.8, [("2", rise_em)])) == 3


@pytest.mark.parametrize("fall_em", [0.4, 0.5])
def test_one_half_in_a_small_line_belongs_to_it(fall_em: float) -> None:
    face = next(
        (face for face in installed_faces() if (face.family, face.style) == ("Liberation Serif", "Regular")), None
    )
    if face is None:
        pytest.skip("Liberation Serif is not installed")
    assert lines(draw_between(face, 16, 0.72, [("1", 0.38), ("2", -fall_em)])) == 3


def test_a_formula_is_scaled_like_the_text_around_it(fonts: tuple[FontFace, MathFonts]) -> None:
    image = draw(fonts, [["The first line of text here"], [(r"\sum_{i}x=\frac{a}{b}",)], ["and the last line of it"]])
    page = slice_page(image, OPTIONS, 192, formatted=True)
    assert page.layout is not None
    sizes = [line.em_px for line in page.layout.lines]
    assert 0.7 < sizes[1] / sizes[0] < 1.35


def test_an_underlined_word_is_no_fraction(fonts: tuple[FontFace, MathFonts]) -> None:
    image = Image.new("RGB", (900, 200), "white")
    pen, font = ImageDraw.Draw(image), load_font(fonts[0], SIZE_PX)
    for number, text in enumerate(("Some words of a paragraph here", "and others that stand below", "until it ends")):
        pen.text((40, 60 + 40 * number), text, "black", font=font, anchor="ls")
    left, right = 40 + font.getlength("Some "), 40 + font.getlength("Some words")
    pen.rectangle((left, 64, right, 66), "black")
    assert lines(image) == 3
