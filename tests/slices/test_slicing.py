"""Slicing: every line of a page comes back once, in order, uncut; whatever else a picture may be gives no nonsense."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageDraw, ImageFont

from got_ocr.configuration.slicing import SlicingOptions
from got_ocr.slices.joining import join_slices
from got_ocr.slices.slicing import slice_page

sys.path.insert(0, str(Path(__file__).parents[2] / "processing" / "benchmarks"))
from truth_pages import (
    DEGRADATIONS,
    PageWriter,
    TruthPage,
    find_fonts,
    perfect_reading,
    running_page,
)

CANVAS = 192
OPTIONS = SlicingOptions()
FONTS = find_fonts()
needs_fonts = pytest.mark.skipif(len(FONTS) < 2, reason="the fonts of truth_pages.py aren't installed")


def read_perfectly(page: TruthPage, options: SlicingOptions = OPTIONS) -> str:
    sliced = slice_page(page.image.convert("RGB"), options, CANVAS)
    return join_slices(sliced, perfect_reading(page, sliced))


def share_found(page: TruthPage) -> float:
    got = read_perfectly(page).split("\n")
    return sum(line.text in got for line in page.lines) / len(page.lines)


# Options


def test_a_canvas_too_small_for_the_text_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a canvas of 50 px has no room for text of 21\.0 px"):
        slice_page(Image.new("RGB", (10, 10)), OPTIONS, 50)


def test_canvas_heights_above_the_canvas_are_refused() -> None:
    with pytest.raises(ValueError, match=r"heights of at most the canvas's 192 px, got \[64, 256\]"):
        slice_page(Image.new("RGB", (10, 10)), SlicingOptions.from_dict({"canvas_heights_px": [64, 256]}), CANVAS)


@needs_fonts
def test_slices_are_as_low_as_their_pieces() -> None:
    page = running_page(3, FONTS[0], 21, 700, 400)
    for rows, heights in ((1, {64}), (2, {64}), (3, {64, 96}), (5, {64, 96, 192})):
        whole = slice_page(page.image, SlicingOptions(rows=rows), CANVAS)
        options = SlicingOptions.from_dict({"rows": rows, "canvas_heights_px": [64, 96]})
        low = slice_page(page.image, options, CANVAS)
        assert low.pieces == whole.pieces
        assert heights >= {image.height for image in low.slices}
        assert max(heights) == low.slices[0].height
        for one, other in zip(low.slices, whole.slices, strict=True):
            assert one.width == CANVAS
            assert ImageChops.difference(one, other.crop((0, 0, *one.size))).getbbox() is None
            assert np.asarray(other)[one.height :].min(initial=255) > 255 - 96, "what is left out is paper"


# Pages with known lines


@needs_fonts
@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize(
    ("number", "size_px", "width", "height"),
    [
        (0, 12, 520, 260),
        (1, 16, 700, 420),
        (2, 21, 900, 500),
        (3, 30, 1100, 700),
        (4, 40, 1800, 900),
        (5, 60, 2400, 1200),
    ],
)
def test_every_line_of_a_clean_page_comes_back(
    number: int, size_px: int, width: int, height: int, columns: int
) -> None:
    page = running_page(number, FONTS[number % len(FONTS)], size_px, width, height, columns)
    got, want = read_perfectly(page).split("\n"), page.text.split("\n")
    assert [line for line in got if line] == [line for line in want if line]


@needs_fonts
@pytest.mark.parametrize("name", DEGRADATIONS)
def test_lines_of_worn_pages_come_back(name: str) -> None:
    page = DEGRADATIONS[name](running_page(7, FONTS[1], 24, 800, 600))
    assert share_found(page) >= 0.9


@needs_fonts
def test_paragraphs_are_parted_by_blank_lines() -> None:
    page = running_page(3, FONTS[0], 21, 700, 400)
    assert read_perfectly(page) == page.text
    options = SlicingOptions(line_separator=" ", block_separator="\n")
    assert read_perfectly(page, options) == page.text.replace("\n\n", "\f").replace("\n", " ").replace("\f", "\n")


@needs_fonts
def test_a_table_is_read_row_by_row() -> None:
    writer = PageWriter(900, 420)
    font = ImageFont.truetype(str(FONTS[0]), 22)
    for row in range(9):
        for x, text in ((40, f"item {row}"), (360, f"{row * 7}.50"), (640, f"shelf {row + 3}")):
            writer.line(x, 50 + 40 * row, text, font)
    rows = [line.text for line in writer.page.lines]
    want = [" ".join(rows[start : start + 3]) for start in range(0, len(rows), 3)]
    assert read_perfectly(writer.page).split("\n") == want


@needs_fonts
def test_rules_frames_and_specks_are_no_text() -> None:
    page = running_page(5, FONTS[0], 22, 800, 500)
    draw = ImageDraw.Draw(page.image)
    draw.rectangle((4, 4, 795, 495), outline=0, width=3)
    draw.line((20, 480, 780, 480), fill=0, width=2)
    draw.line((780, 20, 780, 480), fill=0, width=2)
    assert share_found(DEGRADATIONS["specks"](page)) >= 0.9


@needs_fonts
def test_light_text_in_a_dark_box_is_read_and_turned_round() -> None:
    writer = PageWriter(700, 200)
    font = ImageFont.truetype(str(FONTS[0]), 24)
    writer.line(40, 50, "Monthly report of water levels", font)
    before = writer.page.image.crop((0, 0, 700, 70)).point(lambda value: 255 - value)
    writer.page.image.paste(before.crop((20, 15, 660, 66)), (20, 15))
    writer.line(40, 110, "The river stood higher than last year", font)
    sliced = slice_page(writer.page.image, OPTIONS, CANVAS)
    assert join_slices(sliced, perfect_reading(writer.page, sliced)).split() == [
        word for line in writer.page.lines for word in line.text.split()
    ]
    assert all(np.asarray(picture).mean() > 128 for picture in sliced.slices)


@needs_fonts
def test_words_wider_than_the_canvas_are_cut_between_letters_and_joined_again() -> None:
    writer = PageWriter(1100, 80)
    writer.line(20, 50, "Donaudampfschifffahrtsgesellschaftskapitaen fahre", ImageFont.truetype(str(FONTS[0]), 36))
    assert read_perfectly(writer.page) == writer.page.text


@needs_fonts
def test_text_stands_on_slices_at_the_wanted_size_within_the_margins() -> None:
    sliced = slice_page(running_page(1, FONTS[0], 50, 1600, 800).image, OPTIONS, CANVAS)
    for picture in sliced.slices:
        assert picture.size == (CANVAS, CANVAS)
        assert picture.mode == "RGB"
        inked = np.asarray(picture.convert("L")) < 128
        assert not inked[:, : OPTIONS.margin_px - 1].any()
        assert not inked[:, CANVAS - OPTIONS.margin_px + 2 :].any()
    heights = [piece.slice_box[3] - piece.slice_box[1] for piece in sliced.pieces]
    assert 0.8 * OPTIONS.text_height_px < np.median(heights) < 1.5 * OPTIONS.text_height_px
    assert max(np.bincount([piece.slice_index for piece in sliced.pieces])) <= OPTIONS.rows


@needs_fonts
def test_a_small_picture_of_the_right_size_stays_as_it_is() -> None:
    writer = PageWriter(180, 64)
    writer.page.image.paste(240, (0, 0, 180, 64))
    writer.line(8, 40, "as it is", ImageFont.truetype(str(FONTS[0]), 21))
    sliced = slice_page(writer.page.image, OPTIONS, CANVAS)
    assert sliced.natural
    assert np.array_equal(np.asarray(sliced.slices[0])[:64, :180, 0], np.asarray(writer.page.image))
    assert join_slices(sliced, ["  any answer\nat all "]) == "any answer\nat all"
    assert not slice_page(writer.page.image, SlicingOptions(keep_natural=False), CANVAS).natural


@needs_fonts
def test_corners_lead_back_to_the_skewed_picture() -> None:
    page = DEGRADATIONS["skew +2.3"](running_page(2, FONTS[0], 24, 800, 500))
    sliced = slice_page(page.image, OPTIONS, CANVAS)
    assert sliced.skew_degrees == pytest.approx(2.3, abs=0.2)
    (x1, y1), (x2, y2), *_ = sliced.corners(sliced.line_boxes[1])
    assert np.rad2deg(np.arctan2(y2 - y1, x2 - x1)) == pytest.approx(sliced.skew_degrees)
    # Ink lies where the corners say.
    assert np.asarray(page.image)[int(y1) : int(y1) + 30, int(x1) : int(x1) + 40].min() < 100


@needs_fonts
def test_the_same_picture_gives_the_same_slices() -> None:
    image = DEGRADATIONS["noise 12"](running_page(4, FONTS[0], 20, 600, 400)).image
    first, second = slice_page(image, OPTIONS, CANVAS), slice_page(image.copy(), OPTIONS, CANVAS)
    assert first.pieces == second.pieces
    assert all(a.tobytes() == b.tobytes() for a, b in zip(first.slices, second.slices, strict=True))


# Pictures without text


def noise(low: int, high: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(low, high, (400, 600, 3), dtype=np.uint8))


@pytest.mark.parametrize(
    "image",
    [
        Image.new("RGB", (300, 200), "white"),
        Image.new("RGB", (300, 200), "black"),
        Image.new("RGB", (300, 200), (90, 120, 40)),
        Image.new("RGB", (1, 1), "white"),
        Image.new("RGB", (1, 1), "black"),
        Image.new("RGB", (1, 5000), "white"),
        Image.new("RGB", (5000, 2), "white"),
        Image.linear_gradient("L").convert("RGB"),
        Image.radial_gradient("L").convert("RGB"),
        noise(225, 256),
        noise(0, 256),
    ],
)
def test_pictures_without_text_give_no_slices(image: Image.Image) -> None:
    sliced = slice_page(image, OPTIONS, CANVAS)
    assert len(sliced.slices) == 0
    assert join_slices(sliced, []) == ""


@pytest.mark.parametrize("size", [(3, 3), (20, 3000), (3000, 12), (7000, 100)])
def test_odd_shapes_with_ink_are_no_error(size: tuple[int, int]) -> None:
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).text((1, 1), "text on a strip", fill="black")
    sliced = slice_page(image, OPTIONS, CANVAS)
    assert len(sliced.slices) <= 3


def test_shapes_give_few_slices() -> None:
    image = Image.new("RGB", (800, 600), "white")
    draw = ImageDraw.Draw(image)
    draw.ellipse((100, 100, 300, 300), fill=(200, 40, 40))
    draw.rectangle((400, 100, 700, 300), outline="black", width=4)
    draw.polygon([(200, 500), (300, 350), (420, 520)], fill="blue")
    assert len(slice_page(image, OPTIONS, CANVAS).slices) <= 1


# Parts


@needs_fonts
def test_hyphens_are_joined_when_asked() -> None:
    writer = PageWriter(420, 120)
    font = ImageFont.truetype(str(FONTS[0]), 24)
    writer.block = 0
    writer.line(20, 40, "this is an exam-", font)
    writer.line(20, 72, "ple with re-Use", font)
    assert read_perfectly(writer.page) == "this is an exam-\nple with re-Use"
    assert read_perfectly(writer.page, SlicingOptions(join_hyphens=True)) == "this is an example with re-Use"


def test_each_slice_needs_a_text() -> None:
    sliced = slice_page(Image.new("RGB", (9, 9), "white"), OPTIONS, CANVAS)
    with pytest.raises(ValueError, match="there are 0 slices but 1 texts"):
        join_slices(sliced, ["x"])


@pytest.mark.parametrize("sigma", [0.0, 6.0])
def test_a_tight_crop_of_heavy_type_is_ink_not_noise(sigma: float) -> None:
    """More than a quarter of the picture is ink, as in a line cut from a scan at its letters' edges."""
    page = Image.new("L", (900, 120), 255)
    ImageDraw.Draw(page).text((10, 10), "MEASUREMENTS", fill=0, font_size=64, stroke_width=3)
    crop = page.crop(ImageChops.invert(page).getbbox())
    pixels = np.asarray(crop, dtype=float)
    assert (pixels < 128).mean() > 0.3
    noisy = (pixels + np.random.default_rng(0).normal(0, sigma, pixels.shape)).clip(0, 255).astype(np.uint8)
    sliced = slice_page(Image.fromarray(noisy).convert("RGB"), SlicingOptions(), 192)
    assert len(sliced.line_boxes) == 1
    x1, y1, x2, y2 = sliced.line_boxes[0]
    assert x2 - x1 > 0.97 * crop.width
    assert y2 - y1 > 0.9 * crop.height


def test_grain_and_specks_are_no_text() -> None:
    rng = np.random.default_rng(3)
    grain = rng.normal(0.0, 1.0, (150, 120)).repeat(4, 0).repeat(4, 1)
    paper = np.clip(225 + 6 * grain, 0, 255).astype(np.uint8)
    assert slice_page(Image.fromarray(paper), SlicingOptions(), 192).slices == []
    for _ in range(40):
        x, y, size = rng.integers(0, 440), rng.integers(0, 560), rng.integers(3, 18)
        paper[y : y + size, x : x + rng.integers(3, 18)] = 30
    assert slice_page(Image.fromarray(paper), SlicingOptions(), 192).slices == []


def test_a_short_word_on_grainy_paper_is_text() -> None:
    grain = np.random.default_rng(3).normal(0.0, 1.0, (60, 60)).repeat(4, 0).repeat(4, 1)
    image = Image.fromarray(np.clip(225 + 6 * grain, 0, 255).astype(np.uint8))
    ImageDraw.Draw(image).text((80, 80), "No", fill=40, font_size=30)
    (line,) = slice_page(image, SlicingOptions(), 192).line_boxes
    assert 75 < line[0] < line[2] < 130


def test_list_marks_stay_with_their_items_in_both_columns() -> None:
    image = Image.new("L", (900, 420), 255)
    draw = ImageDraw.Draw(image)
    for column, x in enumerate((20, 480)):
        draw.text((x, 10), "Some words that fill the column", fill=0, font_size=22)
        draw.text((x, 42), "and go on to the second line of", fill=0, font_size=22)
        for row in range(5):
            mark = ("-", "\u2022", "a)", "12.", "(iv)")[row]
            draw.text((x, 90 + 60 * row), mark, fill=0, font_size=22)
            draw.text((x + 50, 90 + 60 * row), f"item {row} of column {column} here", fill=0, font_size=22)
            draw.text((x + 50, 118 + 60 * row), "goes on below the words", fill=0, font_size=22)
    boxes = slice_page(image, SlicingOptions(), 192).line_boxes
    assert len(boxes) == 2 * 12
    assert all(box[2] < 450 or box[0] > 470 for box in boxes), "no line runs over the gutter"
    marked = [box for box in boxes if (box[0] < 40 or 470 < box[0] < 500)]
    assert len(marked) == 2 * 7, "both opening lines and all five items begin at the column's edge"
    assert [box[0] < 450 for box in boxes] == [True] * 12 + [False] * 12, "one column after the other"


def test_a_page_number_under_one_column_is_read_last() -> None:
    image = Image.new("L", (900, 560), 255)
    draw = ImageDraw.Draw(image)
    for row in range(10):
        for x in (20, 480):
            draw.text((x, 20 + 40 * row), "Some words that fill the column", fill=0, font_size=22)
    draw.text((60, 520), "472", fill=0, font_size=22)
    boxes = slice_page(image, SlicingOptions(), 192).line_boxes
    assert boxes[-1][1] > 500
    assert len(boxes) == 21


@pytest.mark.parametrize("head", ["left", "right", "none"])
def test_a_letter_is_read_from_the_sender_on_the_right(head: str) -> None:
    image = Image.new("L", (1000, 620), 255)
    draw = ImageDraw.Draw(image)
    if head != "none":
        draw.text((30 if head == "left" else 780, 10), "running head", fill=0, font_size=22)
    for row, text in enumerate(["Sender Name", "12 Some Street", "Townsville", "May 1, 2020"]):
        draw.text((790, 70 + 30 * row), text, fill=0, font_size=22)
    for row, text in enumerate(["Addressee", "34 Other Road", "Citytown"]):
        draw.text((30, 225 + 30 * row), text, fill=0, font_size=22)
    draw.text((30, 340), "Dear Addressee,", fill=0, font_size=22)
    for row in range(4):
        draw.text(
            (30, 390 + 30 * row),
            "a line of the letter that runs over the whole width of the page and more",
            fill=0,
            font_size=22,
        )
    boxes = slice_page(image, SlicingOptions(), 192).line_boxes
    assert len(boxes) == 12 + (head != "none")
    assert [box[1] for box in boxes] == sorted(box[1] for box in boxes)


def test_a_line_whose_longest_word_hangs_below_the_baseline_is_found() -> None:
    image = Image.new("L", (900, 240), 255)
    draw = ImageDraw.Draw(image)
    for y, words in ((20, ("critic", "convert", "a", "command")), (90, ("line", "string", "to", 'typp."""'))):
        for number, word in enumerate(words):
            draw.text((20 + 190 * number, y), word, fill=0, font_size=40)
    draw.text((20, 160), "pass optional, defaults to", fill=0, font_size=40)
    assert len(slice_page(image, SlicingOptions(), 192).line_boxes) == 3


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_words_behind_a_wide_gap_stand_close_to_it_on_the_slice(scale: int) -> None:
    image = Image.new("L", (700 * scale, 120 * scale), 255)
    draw = ImageDraw.Draw(image)
    for x, y, text in ((20, 20, "(a)"), (120, 20, "Some words"), (20, 70, "and no list, below")):
        draw.text((x * scale, y * scale), text, fill=0, font_size=20 * scale)
    sliced = slice_page(image, SlicingOptions(), 192)
    mark = next(piece for piece in sliced.pieces if piece.line == 0)
    assert mark.box[0] < 24 * scale and mark.box[2] > 150 * scale, "the piece has the mark and what is behind it"
    x1, y1, x2, y2 = mark.slice_box
    inked = np.flatnonzero((np.asarray(sliced.slices[0].convert("L"))[y1:y2, x1:x2] < 128).any(0))
    assert 8 < np.diff(inked).max() < 21, "the gap is wider than a word's and narrower than an em"
    ink = np.asarray(image) < 128
    covered = np.zeros_like(ink)
    for piece in sliced.pieces:
        left, top, right, bottom = piece.box
        covered[top:bottom, left:right] = True
    assert (ink & covered).sum() > 0.99 * ink.sum(), "the pieces' places are those on the page"


def stretched(lines: list[tuple[int, str]], gap_px: int, size: tuple[int, int]) -> Image.Image:
    """Lines (y, text) from the left margin on, with a wide gap between all words that `|` parts."""
    image = Image.new("L", size, 255)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(20)
    for y, text in lines:
        x = 40.0
        for words in text.split("|"):
            draw.text((x, y), words, fill=0, font=font)
            x += font.getlength(words) + gap_px
    return image


def test_word_gaps_beside_an_empty_middle_are_no_gutters() -> None:
    lines = [
        (40, "When iterating over|nested data"),
        (900, "12|1. simplified|from its|technical meaning"),
        (934, "bits"),
    ]
    sliced = slice_page(stretched(lines, 26, (640, 990)), SlicingOptions(), 192)
    assert len(sliced.line_boxes) == 3, sliced.line_boxes


def test_a_stretched_line_whose_gaps_all_lie_over_white_is_one_line() -> None:
    line = "This form changes|the owner of the|foreign table that|was given to all|of the others for|ever and a day"
    sliced = slice_page(
        stretched([(40, line), *((74 + 34 * row, "rows") for row in range(14))], 34, (1400, 600)),
        SlicingOptions(),
        192,
    )
    assert len(sliced.line_boxes) == 15, sliced.line_boxes


def test_dust_and_shadows_at_the_edges_are_no_text() -> None:
    dust = Image.new("L", (500, 400), 245)
    draw = ImageDraw.Draw(dust)
    for x, y in ((30, 56), (58, 92), (150, 93), (372, 120), (83, 135), (182, 142), (4, 146), (208, 146), (128, 250)):
        draw.ellipse((x - 2, y - 2, x + 2, y + 2), fill=40)
    assert slice_page(dust, SlicingOptions(), 192).slices == []
    shadow = Image.new("L", (500, 400), 245)
    draw = ImageDraw.Draw(shadow)
    draw.ellipse((440, 120, 560, 220), fill=60)
    draw.ellipse((-50, 380, 120, 460), fill=60)
    assert slice_page(shadow, SlicingOptions(), 192).slices == []


def test_few_small_letters_and_tight_crops_are_text() -> None:
    page = Image.new("L", (900, 1200), 245)
    ImageDraw.Draw(page).text((440, 1150), "17", fill=20, font_size=16)
    assert len(slice_page(page, SlicingOptions(), 192).line_boxes) == 1
    letter = Image.new("L", (24, 30), 245)
    ImageDraw.Draw(letter).text((0, -4), "H", fill=20, font_size=34)
    assert len(slice_page(letter, SlicingOptions(), 192).line_boxes) == 1


def test_a_piece_of_a_slice_can_be_shown_alone() -> None:
    image = Image.new("L", (640, 200), 255)
    for row, words in enumerate(("first line of it", "second line of it")):
        ImageDraw.Draw(image).text((20, 30 + 60 * row), words, fill=0, font=ImageFont.load_default(30))
    page = slice_page(image, SlicingOptions(rows=2, canvas_heights_px=(64, 96)), 192)
    for piece in page.pieces:
        alone, y1, y2 = page.show_alone(piece), piece.slice_box[1], piece.slice_box[3]
        assert alone.size == (192, 64)
        own = np.asarray(page.slices[piece.slice_index])[y1:y2]
        top = min(y1, 8)
        assert (np.asarray(alone)[top : top + y2 - y1] == own).all()
        assert (np.asarray(alone)[top + y2 - y1 :] == 255).all()


def test_a_broken_word_shows_no_ink_of_its_next_part() -> None:
    image = Image.new("L", (1400, 80), 255)
    ImageDraw.Draw(image).text((20, 20), "HHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHH", fill=0, font=ImageFont.load_default(40))
    page = slice_page(image, SlicingOptions(), 192)
    assert len(page.pieces) > 2 and all(piece.joined for piece in page.pieces[1:])
    letters = 0
    for piece in page.pieces:
        x1, y1, x2, y2 = piece.slice_box
        inked = (np.asarray(page.slices[piece.slice_index].convert("L"))[y1:y2, x1:x2] < 160).any(0)
        letters += int((np.diff(inked.astype(int), prepend=0) > 0).sum())
    assert letters == 32
