"""Letters that can't be meant become what they look like; all others stay."""

import pytest
from PIL import Image, ImageDraw, ImageFont

from got_ocr.slices.lookalikes import close_numbers, settle_lookalikes
from tests.support.formatted_sheet import FONTS


@pytest.mark.parametrize(
    ("read", "meant"),
    [
        ("lssue 4 of lvana's", "Issue 4 of Ivana's"),
        ("the ldentifier (CBl), an NlH grant", "the Identifier (CBI), an NIH grant"),
        ('"lslands" and lndia', '"Islands" and India'),
        ("l have what l'm owed, and l’ve it", "I have what I'm owed, and I’ve it"),
        ("PART lll OF VlI", "PART lll OF VII"),
        ("8S48 (15S7), 41S21; 1,2O4.5 and 1O00", "8548 (1557), 41521; 1,204.5 and 1000"),
    ],
)
def test_what_is_meant_is_written(read: str, meant: str) -> None:
    assert settle_lookalikes(read) == meant


@pytest.mark.parametrize(
    "text",
    [
        "late llamas, lbs, ln 2, 5 ls",
        "import lxml.etree; run lsof, lsblk, ldd and lzma_stream(x)",
        "/usr/lsstat a.lssue user@lssue.org x_lssue ll-lssue",
        "Al Hall, mAl, El, l, 1l, kWl, l. c., Lloyd",
        "4B12 A1S2 H2O 2l3 12S 45W O157 5S 1O 0xSO11 192.168.1.1:8OO8 a/8S48 CO2, 10l",
        "ljubav, l'été, l’heure, la, le",
        "",
        "no such letter",
    ],
)
def test_what_may_be_meant_stays(text: str) -> None:
    assert settle_lookalikes(text) == text


def drawn(text: str, face: str) -> Image.Image:
    font = ImageFont.truetype(str(FONTS[face]), 21)
    picture = Image.new("RGB", (round(font.getlength(text)) + 20, 40), "white")
    ImageDraw.Draw(picture).text((10, 6), text, "black", font)
    return picture


@pytest.mark.skipif(len(FONTS) < 2, reason="DejaVu Serif and its bold face aren't installed")
@pytest.mark.parametrize("face", ["regular", "bold"])
@pytest.mark.parametrize("printed", ["lamp at 9,130 m or", "it cost 1,250,000 to us", "in a drawer: 9,130"])
def test_a_space_in_a_number_goes_where_the_picture_has_none(printed: str, face: str) -> None:
    picture = drawn(printed, face)
    assert close_numbers(printed.replace(",", ", "), picture, (0, 0, *picture.size)) == printed


@pytest.mark.skipif(len(FONTS) < 2, reason="DejaVu Serif and its bold face aren't installed")
@pytest.mark.parametrize("face", ["regular", "bold"])
@pytest.mark.parametrize(
    "printed", ["on pages 9, 130 and 7", "271, 147-152", "see 12, 140, 155 in it", "no number, at all"]
)
def test_a_list_of_numbers_keeps_its_spaces(printed: str, face: str) -> None:
    picture = drawn(printed, face)
    assert close_numbers(printed, picture, (0, 0, *picture.size)) == printed
