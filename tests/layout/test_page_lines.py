"""The lines of pages with columns, lists and pictures: none is joined over a gutter, split at a word gap or lost."""

from collections.abc import Iterable

from PIL import Image, ImageDraw, ImageFont

from got_ocr.configuration.slicing import SlicingOptions
from got_ocr.layout.page import analyse_page
from got_ocr.slices.sliced_page import SlicedPage
from got_ocr.slices.slicing import slice_page

FONT = ImageFont.load_default(20)
WIDE = "some words that are as wide as the column is"
Box = tuple[float, float, float, float]


def page(size: tuple[int, int], lines: Iterable[tuple[float, float, str]]) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """Lines (x, y, text) on white paper, and what else may be drawn on it."""
    image = Image.new("L", size, 255)
    draw = ImageDraw.Draw(image)
    for x, y, text in lines:
        draw.text((x, y), text, fill=0, font=FONT)
    return image, draw


def justified(draw: ImageDraw.ImageDraw, x: float, y: float, text: str, width: float) -> None:
    """A line whose words are set apart to fill a width."""
    words = text.split()
    gap = (width - sum(FONT.getlength(word) for word in words)) / (len(words) - 1)
    for word in words:
        draw.text((x, y), word, fill=0, font=FONT)
        x += FONT.getlength(word) + gap


def cut(image: Image.Image) -> SlicedPage:
    return slice_page(image, SlicingOptions(keep_natural=False), 192)


def over(sliced: SlicedPage, x: float) -> list[Box]:
    """Boxes of the lines that reach over a column's gutter."""
    return [box for box in sliced.line_boxes if box[0] < x < box[2]]


def test_short_ends_of_items_beside_each_other_are_no_table() -> None:
    short = {3: "over.", 5: "so on.", 7: "etc."}
    lines = [(40, 20 + 30 * row, short.get(row, WIDE)) for row in range(20)]
    lines += [(500, 20 + 30 * row, {4: "one.", 6: "two.", 8: "four."}.get(row, WIDE)) for row in range(20)]
    sliced = cut(page((960, 680), lines)[0])
    assert not over(sliced, 480)
    assert len(sliced.line_boxes) == 40
    assert [box[0] < 480 for box in sliced.line_boxes] == [True] * 20 + [False] * 20


def test_a_last_word_beside_the_wide_line_of_another_column_is_no_table() -> None:
    lines = [(40, 20 + 30 * row, WIDE) for row in range(12)] + [(500, 20 + 30 * row, WIDE) for row in (0, 1, 2, 3)]
    lines += [(500, 20 + 30 * 4, "end.")]
    lines += [(500, 185 + 30 * row, WIDE) for row in range(6)]
    sliced = cut(page((960, 440), lines)[0])
    assert not over(sliced, 480)
    assert len(sliced.line_boxes) == 12 + 11


def test_the_indent_of_a_list_makes_no_table_with_the_column_before_it() -> None:
    lines = [(40, 20 + 30 * row, WIDE) for row in range(20)]
    for row in range(20):
        mark, text = {0: ("", "than that"), 1: ("d)", "an item of the list, which goes")}.get(row, ("", "on"))
        if row > 8:
            mark, text = "", WIDE
        elif row % 4 == 1:
            mark, text = f"{row})", "an item of the list, as wide as it is"
        elif row % 4 == 2:
            text = "on and on in a line that is wide too"
        lines += [(500, 20 + 30 * row, mark)] if mark else []
        lines.append((500 if row > 8 else 552, 20 + 30 * row, text))
    sliced = cut(page((1020, 680), lines)[0])
    assert not over(sliced, 480)
    assert len(sliced.line_boxes) == 40


def test_a_table_below_columns_of_prose_is_still_read_row_by_row() -> None:
    lines = [(x, 20 + 30 * row, WIDE) for x in (40, 500) for row in range(6)]
    lines += [(x, 300 + 30 * row, text) for row in range(8) for x, text in ((40, f"item {row}"), (500, f"{row}.50"))]
    sliced = cut(page((960, 560), lines)[0])
    assert len(over(sliced, 480)) >= 6
    assert len([box for box in sliced.line_boxes if box[1] < 220]) == 12


def test_a_word_gap_below_white_is_no_gutter() -> None:
    image, draw = page((960, 760), [(500, 20, "A head"), (40, 20, "A head")])
    for x in (40, 500):
        justified(draw, x, 290, "this form changes it for all that is up", 420)
        for row in range(1, 13):
            justified(draw, x, 290 + 30 * row, f"some words, {row} in number, that fill the column", 420)
    draw.rectangle((50, 60, 300, 270), fill=90)
    sliced = cut(image)
    texts = [box for box in sliced.line_boxes if box[1] > 280]
    assert len(texts) == 26, texts


def test_text_above_and_below_bars_is_not_lost() -> None:
    narrow = "some words, not as wide"
    lines = [(60, 20 + 30 * row, narrow) for row in range(4)]
    lines += [(60, 340, "A chart"), *((60, 380 + 30 * row, narrow) for row in range(4))]
    image, draw = page((520, 520), lines)
    for number, height in enumerate((40, 60, 110, 70, 140, 165, 30)):
        draw.rectangle((60 + 55 * number, 320 - height, 90 + 55 * number, 320), fill=110)
    boxes = cut(image).line_boxes
    assert len(boxes) == 9, boxes


def test_bars_do_not_tie_the_lines_of_the_next_column() -> None:
    lines = [(500, 20 + 30 * row, WIDE) for row in range(14)]
    lines += [(40, 20 + 30 * row, WIDE) for row in (0, 10, 11, 12, 13)]
    image, draw = page((960, 460), lines)
    for number, height in enumerate((190, 215, 205, 195, 220, 208, 199)):
        draw.rectangle((100 + 50 * number, 305 - height, 130 + 50 * number, 305), fill=60)
    sliced = cut(image)
    assert not over(sliced, 480)
    assert len(sliced.line_boxes) == 19, sliced.line_boxes


def test_parts_of_a_picture_take_no_words_for_their_marks() -> None:
    lines = [(40, 20 + 30 * row, WIDE) for row in range(14)]
    lines += [(500, 20 + 30 * row, WIDE) for row in range(4)]
    image, draw = page((960, 460), [*lines, (500, 380, "A plate")])
    draw.rectangle((520, 160, 900, 370), fill=150)
    for x, y in ((560, 200), (700, 240)):
        draw.ellipse((x, y, x + 110, y + 110), fill=70)
        draw.ellipse((x - 20, y - 20, x + 80, y + 80), fill=150)
    boxes = [box for box in cut(image).line_boxes if box[0] < 480]
    assert len(boxes) == 14 and max(box[2] for box in boxes) < 490, boxes


def test_a_block_alone_gives_no_lines() -> None:
    image, draw = page((300, 200), [])
    draw.rectangle((100, 50, 180, 120), fill=0)
    assert cut(image).line_boxes == []


def test_a_wide_running_head_over_one_column_is_read_first() -> None:
    lines = [(x, 120 + 30 * row, WIDE) for x in (40, 500) for row in range(10)]
    sliced = cut(page((960, 460), [*lines, (500, 30, WIDE)])[0])
    assert sliced.line_boxes[0][1] < 60
    assert [box[0] < 480 for box in sliced.line_boxes[1:]] == [True] * 10 + [False] * 10


def test_a_short_title_in_the_middle_above_three_columns_is_read_first() -> None:
    lines = [(x, 70 + 30 * row, "words as wide as this") for x in (40, 280, 520) for row in range(10)]
    image, draw = page((760, 400), lines)
    draw.text((374, 50), "A title", fill=0, font=ImageFont.load_default(28), anchor="ms")
    sliced = cut(image)
    assert sliced.line_boxes[0][1] < 50
    assert [box[0] // 240 for box in sliced.line_boxes[1:]] == [0] * 10 + [1] * 10 + [2] * 10


def test_a_picture_beside_text_is_no_part_of_its_lines() -> None:
    image = Image.new("L", (500, 160), 255)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(24)
    draw.text((20, 60), "Thoroughly cook meat and", fill=0, font=font)
    draw.text((340, 60), "eggs", fill=0, font=font)
    draw.rounded_rectangle((412, 42, 470, 98), 12, outline=0, width=4)
    draw.line((412, 62, 470, 62), fill=0, width=4)
    (line,) = [line for line in analyse_page(image).lines if line.width_px > 150]
    assert line.height_px < 40 and 380 < line.box[2] < 425


def test_a_small_table_is_no_word_that_was_cut_out() -> None:
    image, font = Image.new("L", (220, 160), 255), ImageFont.load_default(10)
    draw = ImageDraw.Draw(image)
    for row in range(9):
        draw.text((4, 4 + 17 * row), f"Abdominal pain {row}", fill=60, font=font)
        draw.text((170, 4 + 17 * row), f"{10 + row}.4%", fill=60, font=font)
    layout = analyse_page(image)
    assert not layout.is_crop
    assert len({round(line.baseline_px / 17) for line in layout.upright_lines}) == 9
    word = Image.new("L", (160, 50), 255)
    ImageDraw.Draw(word).text((10, 10), "EXIT", fill=0, font=ImageFont.load_default(28))
    assert analyse_page(word).is_crop


def test_a_ring_around_a_sum_ties_no_lines() -> None:
    rows = [(20, 20 + 50 * row, f"Total {row}") for row in range(5)] + [
        (300, 20 + 50 * row, "7,838.80") for row in range(5)
    ]
    image, draw = page((520, 300), rows)
    draw.ellipse((270, 95, 420, 165), outline=0, width=3)
    lines = analyse_page(image).lines
    assert all(line.height_px < 35 for line in lines if line.width_px > 40)
    assert len({round(line.baseline_px / 50) for line in lines}) == 5
