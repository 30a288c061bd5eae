"""Boxes to tick are no letters; letters with four corners are."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from got_ocr.layout.components import find_components
from got_ocr.layout.frames import find_checkboxes
from got_ocr.layout.page import analyse_page

FONT = ImageFont.load_default(24)


@pytest.mark.parametrize(("side", "line"), [(16, 1), (20, 2), (36, 3)])
def test_empty_boxes_beside_text_are_left_out(side: int, line: int) -> None:
    image = Image.new("L", (420, 160), 255)
    draw = ImageDraw.Draw(image)
    for row, word in enumerate(("Single", "Married")):
        draw.rectangle((20, 20 + 70 * row, 20 + side, 20 + 70 * row + side), outline=0, width=line)
        draw.text((80, 18 + 70 * row), word, fill=0, font=FONT)
    lines = analyse_page(image).lines
    assert len(lines) == 2
    assert all(one.box[0] >= 75 for one in lines), "the box is no part of its line"


def test_letters_and_ticked_boxes_are_none() -> None:
    image = Image.new("L", (900, 120), 255)
    draw = ImageDraw.Draw(image)
    draw.text((20, 20), "HNMXZEBDO08I[]", fill=0, font=ImageFont.load_default(48))
    draw.rectangle((600, 30, 640, 70), outline=0, width=2)
    draw.line((606, 36, 634, 64), fill=0, width=3)
    draw.rectangle((700, 30, 740, 70), fill=0)
    draw.rectangle((800, 30, 840, 70), outline=0, width=2)
    mask = np.asarray(image) < 128
    components = find_components(mask)
    found = components.boxes[find_checkboxes(components, mask, 34.0)]
    assert found[:, 0].tolist() == [800]
