"""The angle by which lines fall: found to a twentieth of a degree, none where nothing tells it."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from got_ocr.layout.components import find_components
from got_ocr.layout.ink import ink_image, ink_mask
from got_ocr.layout.skew import estimate_skew


def page(degrees: float) -> Image.Image:
    image, font = Image.new("L", (900, 500), 255), ImageFont.load_default(20)
    for row in range(12):
        ImageDraw.Draw(image).text((60, 60 + 32 * row), "some words that stand in a line of text here", 0, font)
    return image.rotate(-degrees, Image.Resampling.BICUBIC, fillcolor=255)


@pytest.mark.parametrize("degrees", [-3.0, -1.2, 0.0, 0.9, 2.5])
def test_the_angle_is_found(degrees: float) -> None:
    found = estimate_skew(find_components(ink_mask(ink_image(page(degrees)))))
    assert found == pytest.approx(degrees, abs=0.1)


def test_few_components_tell_no_angle() -> None:
    mask = np.zeros((200, 200), bool)
    for step in range(8):
        mask[20 + 10 * step : 30 + 10 * step, 20 * step : 20 * step + 8] = True
    assert estimate_skew(find_components(mask)) == 0.0
