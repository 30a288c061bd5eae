"""Ink: paper taken away whatever its colour and shade, light on dark turned round, noise told from strokes."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from got_ocr.layout.ink import ink_image, ink_mask, turn_reversed_boxes

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
