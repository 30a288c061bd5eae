"""Searchable PDFs: text behind pictures, found by other programs, in any script; pages with text can stay."""

import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

pikepdf = pytest.importorskip("pikepdf", reason="the extra `render` is not installed")
pypdfium2 = pytest.importorskip("pypdfium2")

from got_ocr.rendering.pdf import PdfPage, pages_with_text, write_searchable_pdf  # noqa: E402

TEXT = "First line: naïve café\n第一章 中文文本，测试。\nРусский текст ½ €\nmathematical 𝐱 ∑ ≤ 日本語"


@pytest.fixture
def picture() -> Image.Image:
    return Image.radial_gradient("L").resize((600, 800)).convert("RGB")


def text_of(path: Path) -> list[str]:
    document = pypdfium2.PdfDocument(path)
    pages = [page.get_textpage().get_text_range().replace("\r\n", "\n") for page in document]
    document.close()
    return pages


def test_every_script_is_extracted(picture: Image.Image, tmp_path: Path) -> None:
    target = tmp_path / "a.pdf"
    write_searchable_pdf([(picture, TEXT), (picture, "second page")], target, title="Titel")
    first, second = text_of(target)
    assert first.split("\n") == TEXT.split("\n")
    assert second == "second page"
    with pikepdf.open(target) as pdf:
        assert str(pdf.docinfo["/Title"]) == "Titel"


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="no pdftotext on this machine")
def test_pdftotext_finds_it(picture: Image.Image, tmp_path: Path) -> None:
    target = tmp_path / "a.pdf"
    write_searchable_pdf([(picture, TEXT)], target)
    found = subprocess.run(["pdftotext", target, "-"], capture_output=True, check=True).stdout.decode()
    assert [line for line in found.strip().split("\n") if line] == TEXT.split("\n")


def test_text_is_invisible_and_picture_is_not(picture: Image.Image, tmp_path: Path) -> None:
    with_text, without = tmp_path / "a.pdf", tmp_path / "b.pdf"
    write_searchable_pdf([(picture, TEXT)], with_text)
    write_searchable_pdf([(picture, "")], without)
    images = [pypdfium2.PdfDocument(path)[0].render(scale=1).to_pil().convert("L") for path in (with_text, without)]
    assert images[0].tobytes() == images[1].tobytes()
    assert images[0].getextrema()[0] < 30


def test_markup_is_taken_off(picture: Image.Image, tmp_path: Path) -> None:
    target = tmp_path / "a.pdf"
    markup = "\\section*{Title}\nwith \\textbf{bold} \\(\\alpha^2\\)\n\n\\begin{tabular}{cc} a & b \\\\ \\end{tabular}"
    write_searchable_pdf([(picture, markup)], target)
    assert text_of(target)[0].split() == ["Title", "with", "bold", "α^2", "a", "b"]
    write_searchable_pdf([(picture, "\\alpha & x")], target, plain=True)
    assert text_of(target)[0] == "\\alpha & x"


def test_lines_stand_where_their_boxes_are(picture: Image.Image, tmp_path: Path) -> None:
    target = tmp_path / "a.pdf"
    write_searchable_pdf(
        [PdfPage(image=picture, lines=[("top", (60, 80, 300, 120)), ("low", (60, 700, 200, 740))])], target
    )
    page = pypdfium2.PdfDocument(target)[0]
    width, height = page.get_size()
    text = page.get_textpage()
    for word, box in (("top", (60, 80, 300, 120)), ("low", (60, 700, 200, 740))):
        searcher = text.search(word)
        index, count = searcher.get_next()
        assert count == 3
        boxes = [text.get_charbox(index + offset, loose=True) for offset in range(count)]
        left, right = boxes[0][0], boxes[-1][2]
        bottom, top = boxes[0][1], boxes[0][3]
        assert left == pytest.approx(box[0] / 600 * width, abs=4)
        assert right == pytest.approx(box[2] / 600 * width, abs=8)
        assert height * (1 - box[3] / 800) - 6 <= bottom <= top <= height * (1 - box[1] / 800) + 6


def test_pages_with_text_are_told(picture: Image.Image, tmp_path: Path) -> None:
    source = tmp_path / "a.pdf"
    write_searchable_pdf([(picture, "This page has text already."), (picture, "")], source)
    assert pages_with_text(source) == [True, False]


def test_what_can_not_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="page 1 has no picture"):
        write_searchable_pdf([PdfPage("x")], tmp_path / "a.pdf")
    assert list(tmp_path.iterdir()) == []


def test_titles_hold_no_control_characters(picture: Image.Image, tmp_path: Path) -> None:
    target = tmp_path / "a.pdf"
    write_searchable_pdf([(picture, "x")], target, title="Ti\x1b]0;pwned\x07tel\x1b[2J\x00\n2")
    with pikepdf.open(target) as pdf:
        assert str(pdf.docinfo["/Title"]) == "Titel 2"


@pytest.mark.parametrize("size", [(1, 1), (5000, 1), (1, 5000)])
def test_pictures_of_any_shape_become_pages(size: tuple[int, int], tmp_path: Path) -> None:
    target = tmp_path / "a.pdf"
    write_searchable_pdf([(Image.new("L", size), "word")], target)
    assert text_of(target) == ["word"]


def test_bilevel_and_resolution(tmp_path: Path) -> None:
    target = tmp_path / "a.pdf"
    write_searchable_pdf([PdfPage("x", Image.new("1", (850, 1100), 1), dpi=100)], target)
    width, height = pypdfium2.PdfDocument(target)[0].get_size()
    assert (round(width), round(height)) == (612, 792)
