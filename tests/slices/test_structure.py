r"""Format mode: headings, paragraphs, lists and tables of drawn pages come back as Mathpix Markdown."""

import sys
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from got_ocr.slices.joining import join_slices
from got_ocr.slices.sliced_page import SlicedPage
from got_ocr.slices.slicing import slice_page
from got_ocr.slices.structure import join_formatted
from tests.support.formatted_sheet import CANVAS, FONTS, OPTIONS, SIZE, Sheet, font

sys.path.insert(0, str(Path(__file__).parents[2] / "processing" / "benchmarks"))
from truth_pages import PageWriter, perfect_reading, running_page, skewed

pytestmark = pytest.mark.skipif(len(FONTS) < 2, reason="DejaVu Serif and its bold face aren't installed")

ROWS = [
    ["Item", "Price", "Share"],
    ["tea", "$4.50", "12%"],
    ["plain bread", "$112.00", "7%"],
    ["salt", "$0.75", "81%"],
]


def test_headings_of_two_levels_and_paragraphs() -> None:
    sheet = Sheet()
    sheet.heading("The first of all chapters", 30)
    sheet.paragraph(1)
    sheet.paragraph(2, 40)
    sheet.heading("Something below it", 24, "subsection*")
    sheet.paragraph(3)
    assert sheet.read() == sheet.truth


def test_a_heading_of_two_lines_is_one() -> None:
    sheet = Sheet()
    sheet.paragraph(4)
    sheet.heading("A heading that goes on and on until its words have no room on one line any more", 26)
    sheet.paragraph(5)
    assert sheet.read() == sheet.truth


def test_a_heading_as_large_as_the_text_is_told_by_its_strokes() -> None:
    sheet = Sheet()
    sheet.paragraph(6)
    sheet.heading("Bold words of one size", SIZE)
    sheet.paragraph(7)
    assert sheet.read() == sheet.truth


def test_the_largest_line_in_the_middle_above_all_is_the_title() -> None:
    sheet = Sheet()
    face = font(38, "bold")
    text = "On the reading of pages"
    sheet.writer.line(410 - face.getlength(text) / 2, sheet.y, text, face)
    sheet.y += 60
    sheet.pieces.append(f"\\title{{\n{text}\n}}")
    sheet.paragraph(8)
    sheet.heading("The first chapter")
    sheet.paragraph(9)
    assert sheet.read() == sheet.truth


def test_authors_and_an_abstract_below_a_title() -> None:
    sheet = Sheet()
    for text, face, command in (
        ("On the reading of pages", font(38, "bold"), "title"),
        ("Ann Keller, Ben Marsh", font(24), "author"),
    ):
        sheet.writer.line(410 - face.getlength(text) / 2, sheet.y, text, face)
        sheet.y += 1.6 * face.size
        sheet.pieces.append(f"\\{command}{{\n{text}\n}}")
    sheet.heading("Abstract", 22)
    sheet.pieces.pop()
    sheet.paragraph(8)
    sheet.pieces[-1] = f"\\begin{{abstract}}\n{sheet.pieces[-1]}\n\\end{{abstract}}"
    sheet.heading("The first chapter")
    sheet.paragraph(9)
    assert sheet.read() == sheet.truth


def test_a_word_of_one_letter_is_no_bullet() -> None:
    sheet = Sheet()
    sheet.writer.line(60, sheet.y, "a river runs through all of it, and nobody", font(), 7.0)
    assert "- " not in sheet.read()


def test_an_indent_begins_a_paragraph_where_no_white_does() -> None:
    sheet = Sheet()
    for seed in range(10, 14):
        sheet.paragraph(seed, 45, indent=28, gap=0)
    assert sheet.read() == sheet.truth


@pytest.mark.parametrize(
    ("marks", "seed"), [(["•", "•", "•"], 20), (["1.", "2.", "3."], 30)], ids=["bullets become dashes", "numbers stay"]
)
def test_wrapped_lines_join_their_item_and_marks_are_written_as_markdown(marks: list[str], seed: int) -> None:
    sheet = Sheet()
    sheet.paragraph(seed, 40)
    sheet.items(marks, seed + 1)
    sheet.paragraph(seed + 4, 40)
    assert sheet.read() == sheet.truth


@pytest.mark.parametrize("ruled", [True, False])
def test_a_table_with_rules_becomes_tabular(ruled: bool) -> None:
    sheet = Sheet()
    sheet.paragraph(40, 40)
    sheet.table(ROWS, [190, 150, 130], ruled)
    sheet.paragraph(41, 40)
    assert sheet.read() == sheet.truth


def test_two_tables_close_to_each_other_stay_apart_and_empty_cells_empty() -> None:
    sheet = Sheet()
    sheet.table(ROWS, [190, 150, 130], ruled=False)
    sheet.y -= 24
    sheet.table([["", "Red", "Blue"], ["last", "7", ""], ["next", "", "81"]], [190, 150, 130], ruled=True)
    assert sheet.read() == sheet.truth


def test_lines_of_a_wrapped_cell_are_joined() -> None:
    sheet = Sheet()
    draw = sheet.writer.draw
    for y in (60, 100, 170, 210):
        draw.line((100, y, 500, y), fill=0, width=2)
    for x in (100, 320, 500):
        draw.line((x, 60, x, 210), fill=0, width=2)
    for x, y, text in (
        (112, 86, "Name"),
        (332, 86, "Age"),
        (112, 128, "a cell whose"),
        (112, 155, "words go on"),
        (332, 141, "12"),
        (112, 196, "short"),
        (332, 196, "9"),
    ):
        sheet.writer.line(x, y, text, font())
    assert sheet.read().split("\n")[2:7:2] == [
        "Name & Age \\\\",
        "a cell whose words go on & 12 \\\\",
        "short & 9 \\\\",
    ]


def test_a_skewed_table_is_found() -> None:
    sheet = Sheet()
    sheet.paragraph(42, 60)
    sheet.table(ROWS, [190, 150, 130], ruled=True)
    sheet.paragraph(43, 60)
    page = skewed(sheet.writer.page, 1.4)
    sliced = slice_page(page.image.convert("RGB"), OPTIONS, CANVAS, formatted=True)
    assert sliced.layout is not None
    assert [(table.rows, table.columns) for table in sliced.layout.tables] == [(4, 3)]


@pytest.mark.parametrize("columns", [1, 2])
def test_prose_between_rules_is_no_table(columns: int) -> None:
    page = running_page(3, FONTS["regular"], 20, 1000, 900, columns)
    draw = PageWriter(1, 1).draw.__class__(page.image)
    for y in (30, 880):
        draw.line((60, y, 940, y), fill=0, width=2)
    sliced = slice_page(page.image.convert("RGB"), OPTIONS, CANVAS, formatted=True)
    assert sliced.layout is not None
    assert not sliced.layout.tables
    assert "tabular" not in join_formatted(sliced, perfect_reading(page, sliced))


@pytest.mark.parametrize("columns", [1, 2])
def test_plain_mode_gives_the_lines_that_it_gave_and_format_mode_all_of_the_text(columns: int) -> None:
    page = running_page(5, FONTS["regular"], 20, 900, 700, columns)
    plain = slice_page(page.image.convert("RGB"), OPTIONS, CANVAS)
    assert not plain.layout.is_structured
    assert join_slices(plain, perfect_reading(page, plain)) == page.text
    sliced = slice_page(page.image.convert("RGB"), OPTIONS, CANVAS, formatted=True)
    assert sliced.pieces == plain.pieces
    answer = join_formatted(sliced, perfect_reading(page, sliced))
    assert answer.startswith(("\\title{", "\\section*{"))
    words = answer.replace("\\title{", "").replace("\\section*{", "").replace("}", "").split()
    assert "".join(words).replace("-", "") == "".join(page.text.split()).replace("-", "")


def test_an_empty_picture_gives_nothing() -> None:
    sliced = slice_page(Image.new("RGB", (400, 300), "white"), OPTIONS, CANVAS, formatted=True)
    assert sliced.slices == []
    assert join_formatted(sliced, []) == ""


def test_what_is_read_first_begins_the_answer() -> None:
    sheet = Sheet()
    sheet.heading("The first of all chapters", 30)
    sheet.paragraph(50, 40)
    sheet.items(["•", "•"], 51)
    sheet.table(ROWS, [190, 150, 130], ruled=True)
    sheet.paragraph(54, 30)
    sliced = slice_page(sheet.writer.page.image.convert("RGB"), OPTIONS, CANVAS, formatted=True)
    texts = perfect_reading(sheet.writer.page, sliced)
    whole = join_formatted(sliced, texts)
    beginnings = [join_formatted(sliced, texts[:count]) for count in range(len(texts))]
    assert whole == sheet.truth
    assert all(whole.startswith(beginning) for beginning in beginnings)
    assert beginnings == sorted(beginnings, key=len)


def test_a_page_cut_for_plain_text_and_too_many_texts_are_refused() -> None:
    page: SlicedPage = slice_page(running_page(1, FONTS["regular"], 20, 700, 300).image, OPTIONS, CANVAS)
    with pytest.raises(ValueError, match="call slice_page with formatted=True"):
        join_formatted(page, [""] * len(page.slices))
    page = slice_page(running_page(1, FONTS["regular"], 20, 700, 300).image, OPTIONS, CANVAS, formatted=True)
    with pytest.raises(ValueError, match="give one text for each slice"):
        join_formatted(page, [""] * (len(page.slices) + 1))


def test_a_dot_before_an_item_is_not_shown_to_the_model() -> None:
    image = Image.new("RGB", (600, 240), "white")
    pen = ImageDraw.Draw(image)
    for number, words in enumerate(("a line above the list", "first of the items", "second of the items")):
        y = 60 + 50 * number
        pen.text((80, y), words, "black", font=font(28), anchor="ls")
        if number:
            pen.ellipse((50, y - 13, 58, y - 5), "black")
    page = slice_page(image, OPTIONS, CANVAS, formatted=True)
    assert page.layout is not None
    assert [line.is_dot for line in page.layout.lines] == [False, True, True]
    assert all(piece.box[0] >= 75 for piece in page.pieces), "the dots stand to the left of that"
    plain = slice_page(image, OPTIONS, CANVAS)
    assert any(piece.box[0] < 60 for piece in plain.pieces)


def test_a_receipt_has_no_headings() -> None:
    sheet = Sheet(width=520)
    rows = ["2 lamps 12.50 SR", "29-01-18 20:38", "Total 7,838.80", "Cash 8,000.00", "Change 161.20", "GST 6% 443.71"]
    for number, text in enumerate(rows * 3):
        sheet.lines(text.split(), 60 + 20 * (number % 3), 500, font())
        sheet.y += 14 * (number % 3)
    assert "section" not in sheet.read() and "title" not in sheet.read()
