"""What looks like a heading and is none: labels, list of names, forms, cells and the page's foot stay text."""

import pytest

from tests.support.formatted_sheet import FONTS, Sheet, font, prose

pytestmark = pytest.mark.skipif(len(FONTS) < 2, reason="DejaVu Serif and its bold face aren't installed")


def sheet_with_prose() -> Sheet:
    sheet = Sheet()
    sheet.heading("The first of all chapters", 30)
    sheet.paragraph(1)
    sheet.paragraph(2)
    return sheet


def further_headings(sheet: Sheet) -> list[str]:
    """What is read as a heading below the page's first one, which may be its title."""
    found = [line for line in sheet.read().splitlines() if line.startswith(("\\section", "\\subsection", "\\title"))]
    assert found, "the first heading is one"
    return found[1:]


def test_a_label_in_bold_begins_its_paragraph() -> None:
    sheet = sheet_with_prose()
    face = font(20, "bold")
    sheet.y += 10
    sheet.writer.line(60, sheet.y, "SUMMARY:", face)
    words = prose(3, 8)
    sheet.writer.line(60 + face.getlength("SUMMARY: "), sheet.y, " ".join(words[:5]), font())
    sheet.y += 27
    sheet.paragraph(4)
    assert further_headings(sheet) == []


def test_labels_of_a_figure_stay_text() -> None:
    sheet = sheet_with_prose()
    for x, y, text in ((80, 60, "Sensor"), (420, 90, "Amplifier"), (120, 190, "Filter"), (500, 230, "Output")):
        sheet.writer.line(x, sheet.y + y, text, font(26, "bold"))
    assert further_headings(sheet) == []


@pytest.mark.parametrize("face", ["bold", "regular"])
def test_the_foot_of_a_page_stays_text(face: str) -> None:
    sheet = sheet_with_prose()
    sheet.writer.line(60, sheet.y + 60, "Chapter twelve, page", font(24 if face == "regular" else 20, face))
    assert further_headings(sheet) == []


def test_rows_of_a_form_in_bold_stay_text() -> None:
    sheet = sheet_with_prose()
    for text in ("Agency: Bureau of Welfare", "Gender: Female", "Number: next to the door", "Town: on the river"):
        sheet.y += 20
        sheet.writer.line(60, sheet.y, text, font(20, "bold"))
        sheet.y += 27
    assert further_headings(sheet) == []


def test_a_section_keeps_its_heading_above_that_of_a_smaller_one() -> None:
    sheet = sheet_with_prose()
    sheet.heading("Another large one", 30)
    sheet.heading("Something small", 23, "subsection*")
    sheet.paragraph(5)
    assert further_headings(sheet) == ["\\section*{Another large one}", "\\subsection*{Something small}"]


def test_numbered_headings_of_one_size_are_headings() -> None:
    sheet = sheet_with_prose()
    sheet.heading("6. Implementation", 26)
    sheet.heading("6.1 Calling", 26, "subsection*")
    sheet.paragraph(6)
    assert further_headings(sheet) == ["\\section*{6. Implementation}", "\\subsection*{6.1 Calling}"]


@pytest.mark.parametrize(
    "text",
    [
        "Write to office@example.org",
        "See www.example.org",
        "[X] English Deutsch",
        "Ann Keller, Ben Marsh, Carl Stone, Dora Hill, Ed Moor",
    ],
)
def test_addresses_choices_and_lists_of_names_stay_text(text: str) -> None:
    sheet = sheet_with_prose()
    sheet.heading(text, 24)
    sheet.paragraph(7)
    assert further_headings(sheet) == []


def sheet_with_line_in_parts(parts: dict[int, str], size: int) -> Sheet:
    """A bold line of texts by their left edges, over a paragraph."""
    sheet = sheet_with_prose()
    sheet.y += 24
    for x, text in parts.items():
        sheet.writer.line(x, sheet.y, text, font(size, "bold"))
    sheet.y += 40
    sheet.paragraph(8)
    return sheet


def test_the_head_of_a_table_without_rules_stays_text() -> None:
    sheet = sheet_with_line_in_parts({60: "Return", 260: "Name"}, 22)
    assert further_headings(sheet) == []


def test_a_heading_may_have_a_number_far_before_it() -> None:
    sheet = sheet_with_line_in_parts({60: "2", 110: "Related work"}, 26)
    assert further_headings(sheet) == ["\\section*{2 Related work}"]


def test_a_heading_may_stand_over_text_that_begins_with_a_small_letter() -> None:
    sheet = sheet_with_prose()
    sheet.heading("Something below it", 20)
    sheet.lines(["e.g.", *prose(10, 40)], 60, 700, font())
    assert further_headings(sheet) == ["\\section*{Something below it}"]


def test_a_large_line_that_goes_on_is_text() -> None:
    sheet = sheet_with_prose()
    sheet.y += 20
    sheet.writer.line(60, sheet.y, "Edgar, or an older name of his, was king of", font(24))
    sheet.y += 27
    sheet.lines(["the", *prose(11, 40)], 60, 700, font())
    assert further_headings(sheet) == []
