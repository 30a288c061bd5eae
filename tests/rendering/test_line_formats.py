"""hOCR and ALTO: well-formed, every line and word in its box, whatever the text holds."""

from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from got_ocr.rendering.line_formats import ALTO_NAMESPACE, ALTO_SCHEMA, LinedPage, PageLine, split_words, write_lines

XHTML = "{http://www.w3.org/1999/xhtml}"
ALTO = f"{{{ALTO_NAMESPACE}}}"
PAGE = LinedPage(
    'scans/a "b" & c.png',
    600,
    800,
    [
        PageLine("Dear <Sir> & Madam,", (50, 40, 350, 60), 0.987, 0),
        PageLine("the bill", (50, 70, 130, 90), 0.5, 0),
        PageLine("is paid.", (50, 140, 170, 160), None, 1),
    ],
    3,
)


def box_of(title: str) -> list[int]:
    return [int(number) for number in title.split("bbox ")[1].split(";")[0].split()]


def test_hocr() -> None:
    root = ElementTree.fromstring(write_lines("hocr", PAGE).split("\n", 2)[2])
    by_class = {
        kind: [one for one in root.iter() if one.get("class") == kind]
        for kind in ("ocr_page", "ocr_par", "ocr_line", "ocrx_word")
    }
    assert [len(found) for found in by_class.values()] == [1, 2, 3, 8]
    title = by_class["ocr_page"][0].get("title") or ""
    assert box_of(title) == [0, 0, 600, 800] and "ppageno 2" in title and "image " in title
    assert ["".join(line.itertext()) for line in by_class["ocr_line"]] == [line.text for line in PAGE.lines]
    assert [box_of(one.get("title") or "") for one in by_class["ocr_line"]] == [
        list(one.box or ()) for one in PAGE.lines
    ]
    assert box_of(by_class["ocr_par"][0].get("title") or "") == [50, 40, 350, 90]
    first = by_class["ocrx_word"][0]
    assert first.text == "Dear" and "x_wconf 99" in (first.get("title") or "")
    assert "x_wconf" not in (by_class["ocrx_word"][-1].get("title") or "")
    capabilities = [one.get("content") for one in root.iter(f"{XHTML}meta") if one.get("name") == "ocr-capabilities"]
    assert set(by_class) <= set((capabilities[0] or "").split())


def test_alto() -> None:
    root = ElementTree.fromstring(write_lines("alto", PAGE).split("\n", 1)[1])
    assert [child.tag for child in root] == [f"{ALTO}Description", f"{ALTO}Layout"]
    page = root.find(f"{ALTO}Layout/{ALTO}Page")
    assert page is not None and (page.get("WIDTH"), page.get("HEIGHT")) == ("600", "800")
    blocks = list(root.iter(f"{ALTO}TextBlock"))
    assert [block.get("HEIGHT") for block in blocks] == ["50", "20"]
    words = [one.get("CONTENT") for one in root.iter(f"{ALTO}String")]
    assert words == " ".join(line.text for line in PAGE.lines).split()
    assert [one.get("WC") for one in root.iter(f"{ALTO}String")][:5] == ["0.99"] * 4 + ["0.50"]
    names = [one.get("ID") for one in root.iter() if one.get("ID")]
    assert len(names) == len(set(names))


def test_words_share_their_lines_box() -> None:
    words = split_words(PageLine("aa b cccc", (0, 5, 90, 25)))
    assert words == [("aa", (0, 5, 20, 25)), ("b", (30, 5, 40, 25)), ("cccc", (50, 5, 90, 25))]
    assert split_words(PageLine("no box")) == [("no", None), ("box", None)]


def test_lines_without_boxes_are_one_block_of_the_page() -> None:
    page = LinedPage("a.png", 30, 40, [PageLine("one"), PageLine("two words")])
    alto = ElementTree.fromstring(write_lines("alto", page).split("\n", 1)[1])
    (block,) = alto.iter(f"{ALTO}TextBlock")
    assert (block.get("WIDTH"), block.get("HEIGHT")) == ("30", "40")
    assert not any("HPOS" in one.attrib for one in alto.iter(f"{ALTO}String"))
    assert 'ocrx_word"' not in write_lines("hocr", page)


def test_lines_that_show_no_word_are_left_out() -> None:
    """ALTO's schema has no line without one (tests/neighbours/test_alto.py has the schema)."""
    lines = [PageLine("", (1, 2, 3, 4), 0.5, 0), PageLine("\x00 \x07", (1, 2, 3, 4), 0.5, 1), PageLine("a\tb\x0bc")]
    page = LinedPage("a.png", 30, 40, lines)
    root = ElementTree.fromstring(write_lines("alto", page).split("\n", 1)[1])
    (line,) = root.iter(f"{ALTO}TextLine")
    assert [word.get("CONTENT") for word in line.iter(f"{ALTO}String")] == ["a", "b", "c"]
    assert write_lines("hocr", page).count('class="ocr_line"') == 1


def test_alto_names_its_schema() -> None:
    root = ElementTree.fromstring(write_lines("alto", PAGE).split("\n", 1)[1])
    (place,) = [value for name, value in root.items() if name.endswith("schemaLocation")]
    assert place.split() == [ALTO_NAMESPACE, ALTO_SCHEMA] and root.get("SCHEMAVERSION") in ALTO_SCHEMA.replace(
        "-", "."
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=20), max_size=5), st.text(min_size=1, max_size=20))
def test_any_text_is_well_formed(texts: list[str], source: str) -> None:
    lines = [PageLine(text.encode("utf-8", "ignore").decode(), (1, 2, 30, 40), 0.5, 0) for text in texts]
    page = LinedPage(source.encode("utf-8", "ignore").decode(), 100, 100, lines)
    for form in ("hocr", "alto"):
        written = write_lines(form, page)
        ElementTree.fromstring(written.encode())


def test_an_unknown_form() -> None:
    with pytest.raises(ValueError, match="hocr or alto, got 'page'"):
        write_lines("page", PAGE)
