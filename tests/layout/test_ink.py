"""Ink: paper taken away whatever its colour and shade, light on dark turned round, noise told from strokes."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from got_ocr.layout.components import find_components
from got_ocr.layout.ink import ink_image, ink_mask, is_dotted, turn_reversed_boxes
from got_ocr.layout.page import analyse_page

FONT = ImageFont.load_default(24)


def written(paper: int = 255, pen: int = 0, mode: str = "L") -> Image.Image:
    image = Image.new(mode, (300, 80), paper if mode == "L" else (paper,) * 3)
    ImageDraw.Draw(image).text((20, 20), "seven words", fill=pen if mode == "L" else (pen,) * 3, font=FONT)
    return image


@pytest.mark.parametrize(("paper", "pen"), [(255, 0), (200, 120), (0, 255), (40, 160)])
def test_text_is_dark_and_paper_is_zero_on_any_paper(paper: int, pen: int) -> None:
    ink = np.asarray(ink_image(written(paper, pen)))
    strokes = np.asarray(written()) < 40
    assert ink[strokes].min() > 0.6 * abs(paper - pen)
    assert np.percentile(ink[np.asarray(written()) == 255], 99) <= 8


def test_a_shade_over_the_page_is_paper() -> None:
    shade = np.linspace(1.0, 0.8, 300)[None]
    image = Image.fromarray((np.asarray(written()) * shade).astype(np.uint8))
    mask = ink_mask(ink_image(image))
    assert mask[np.asarray(written()) < 40].mean() > 0.95
    assert mask[:, :15].sum() == mask[:, -15:].sum() == 0


def test_noise_is_no_ink() -> None:
    noise = np.random.default_rng(0).normal(200, 10, (200, 300)).clip(0, 255).astype(np.uint8)
    assert ink_mask(ink_image(Image.fromarray(noise))).mean() < 0.01


def test_light_text_in_a_dark_box_becomes_ink_and_the_box_paper() -> None:
    image = Image.new("L", (400, 200), 255)
    ImageDraw.Draw(image).rectangle((50, 40, 350, 100), fill=40)
    ImageDraw.Draw(image).text((80, 55), "in the box", fill=255, font=FONT)
    ink = ink_image(image)
    turned = np.asarray(turn_reversed_boxes(ink, 18.0))
    assert turned[45:50, 55:70].max() == 0, "the box is paper"
    assert turned[60:80, 80:180].max() > 150, "its text is ink"
    plain = ink_image(written())
    assert turn_reversed_boxes(plain, 18.0) is plain


def test_a_dark_picture_on_a_light_page_leaves_the_page_light() -> None:
    image = Image.new("L", (600, 500), 255)
    ImageDraw.Draw(image).rectangle((40, 60, 559, 480), fill=30)
    ImageDraw.Draw(image).text((40, 24), "a line above a picture", fill=0, font=FONT)
    ink = np.asarray(ink_image(image))
    letters = np.asarray(image)[20:54] < 40
    assert ink[20:54][letters].min() > 150
    assert ink[:18].max() < 10, "the paper beside the picture is paper"


def test_pale_small_print_keeps_its_strokes_beside_black_rules() -> None:
    image = Image.new("L", (300, 60), 255)
    draw = ImageDraw.Draw(image)
    draw.text((10, 20), "positive for samples", fill=125, font=ImageFont.load_default(12))
    alone = ink_mask(ink_image(image))
    for y in (10, 40):
        draw.line((0, y, 299, y), fill=0, width=3)
    ruled = ink_mask(ink_image(image))
    assert ruled[16:36][alone[16:36]].mean() > 0.9


def test_pale_words_of_a_large_page_keep_their_thin_strokes_beside_black_rules() -> None:
    image = Image.new("L", (1700, 1000), 255)
    draw = ImageDraw.Draw(image)
    for y in range(24, 264, 40):
        draw.text((20, y), "filtered version from the older mix", fill=145, font=ImageFont.load_default(20))
    alone = ink_mask(ink_image(image))
    for y in range(14, 264, 40):
        draw.line((0, y, 1699, y), fill=0, width=3)
        alone[y - 2 : y + 4] = False
    ruled = ink_mask(ink_image(image))
    assert ruled[alone].mean() > 0.9


def needle_print(image: Image.Image) -> Image.Image:
    """Leave the strokes of a picture as dots that stand 4 px apart."""
    pixels = np.asarray(image.convert("L"))
    dots = np.zeros(pixels.shape, bool)
    for dy, dx in ((0, 0), (0, 1), (1, 0), (1, 1)):
        dots[dy::4, dx::4] = True
    return Image.fromarray(np.where(dots & (pixels < 128), 0, 255).astype(np.uint8))


def test_letters_of_dots_are_told_from_printed_ones() -> None:
    image = Image.new("L", (600, 300), 255)
    for row in range(6):
        ImageDraw.Draw(image).text((20, 20 + 44 * row), "GOODS SOLD ARE NOT", fill=0, font=ImageFont.load_default(32))
    for picture, expected in ((image, False), (needle_print(image), True)):
        mask = ink_mask(ink_image(picture))
        assert is_dotted(mask, find_components(mask)) == expected


def test_lines_of_dots_are_found_whole() -> None:
    image = Image.new("L", (600, 300), 255)
    for row in range(6):
        ImageDraw.Draw(image).text((20, 20 + 44 * row), "GOODS SOLD ARE NOT", fill=0, font=ImageFont.load_default(32))
    lines = analyse_page(needle_print(image)).lines
    assert len(lines) == 6
    assert all(line.box[0] < 30 and line.height_px > 18 for line in lines)


@pytest.mark.parametrize("turned", [False, True])
def test_papers_shade_lies_in_its_place_on_a_strip_lower_than_its_cells(turned: bool) -> None:
    """The strip was reduced by its height alone, and the paper of its first part drawn out over all of it."""
    pixels = np.full((4, 9900), 255, np.uint8)
    pixels[:, 6600:] = 128
    image = Image.fromarray(pixels.T if turned else pixels)
    ink = np.asarray(ink_image(image))
    ink = ink.T if turned else ink
    assert ink[:, :6000].max() == 0 and ink[:, 7600:].max() == 0
