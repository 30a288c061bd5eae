"""Cutting boxes and coloured frames out of pictures."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from got_ocr.slices.region import cut_region, find_region


def framed(color: tuple[int, int, int], width: int = 3, inside: tuple[int, int, int] = (200, 210, 220)) -> Image.Image:
    image = Image.new("RGB", (200, 150), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((30, 40, 149, 109), fill=inside, outline=color, width=width)
    draw.text((60, 60), "red word", fill=color)
    draw.text((5, 5), "another", fill=color)
    return image


def test_nothing_given_is_the_picture_itself() -> None:
    image = framed((255, 0, 0))
    assert cut_region(image) is image
    assert cut_region(image, "", "") is image


@pytest.mark.parametrize("name", ["red", "green", "blue"])
@pytest.mark.parametrize("width", [1, 2, 5])
def test_what_a_frame_encloses(name: str, width: int) -> None:
    rgb = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}[name]
    region = cut_region(framed(rgb, width), color=name.upper())
    assert region.size == (120 - 2 * width, 70 - 2 * width)
    assert region.getpixel((0, 0)) == (200, 210, 220)


def test_a_frame_survives_jpeg() -> None:
    buffer = io.BytesIO()
    framed((255, 0, 0), width=4).save(buffer, "JPEG", quality=75)
    region = cut_region(Image.open(buffer), color="red")
    assert abs(region.width - 112) <= 4
    assert abs(region.height - 62) <= 4


@pytest.mark.parametrize("frame", [(40, 400, 460, 430), (40, 300, 70, 580), (200, 320, 420, 560)])
def test_a_figure_of_the_frames_colour_is_no_frame(frame: tuple[int, int, int, int]) -> None:
    image = Image.new("RGB", (600, 600), "white")
    draw = ImageDraw.Draw(image)
    draw.ellipse((120, 20, 380, 250), fill=(0, 0, 255))
    draw.rectangle((480, 120, 560, 590), fill=(0, 0, 255))
    draw.rectangle(frame, outline=(0, 0, 255), width=3)
    left, top, right, bottom = frame
    assert find_region(image, color="blue") == (left + 3, top + 3, right - 2, bottom - 2)


def test_another_colours_frame_is_no_frame() -> None:
    with pytest.raises(ValueError, match="no blue frame"):
        cut_region(framed((255, 0, 0)), color="blue")
    with pytest.raises(ValueError, match="no red frame"):
        cut_region(Image.new("RGB", (50, 50), "white"), color="red")


def test_a_box_is_clamped_and_a_point_reads_around_it() -> None:
    pixels = np.arange(100 * 200, dtype=np.uint8).reshape(100, 200)
    image = Image.fromarray(pixels).convert("RGB")
    assert cut_region(image, "[150, 50, 900, 900]").size == (50, 50)
    assert np.array_equal(np.asarray(cut_region(image, (10, 20, 60, 40))), np.asarray(image)[20:40, 10:60])
    around = cut_region(image, [100, 50])
    assert around.size == (8, 4)
    with pytest.raises(ValueError, match="outside the picture of 200 x 100"):
        cut_region(image, [300, 10, 400, 20])
    with pytest.raises(ValueError, match="not both"):
        cut_region(image, [1, 2, 3, 4], "red")


def test_a_point_on_text_reads_its_block() -> None:
    image = Image.new("RGB", (700, 400), "white")
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(20)
    for y in (60, 87, 114, 260, 287):
        pen.text((50, y), "some words that stand on a line of text", "black", font=font, anchor="ls")
    left, top, right, bottom = find_region(image, [200, 82])
    assert top < 46 and 114 < bottom < 230, "the upper block, whole"
    assert left < 50 and right > 50 + font.getlength("some words that stand on a line of text") - 2
    assert find_region(image, [200, 270])[1] > 200
    assert find_region(image, [600, 390]) == (586, 382, 614, 398), "no text near: what is around the point"
