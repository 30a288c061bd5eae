"""The searchable PDF is the document with a layer added: text where the print is seen, everything else kept."""

import itertools
import os
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pikepdf = pytest.importorskip("pikepdf", reason="the extra `render` is not installed")
pypdfium2 = pytest.importorskip("pypdfium2")

from got_ocr.rendering import searchable  # noqa: E402
from got_ocr.rendering.searchable import (  # noqa: E402
    PageText,
    SearchableDocument,
    check_searchable,
    pages_with_text,
)

BARS = {"alphaword": (80, 300, 200, 24), "beta": (120, 180, 90, 18)}  # x, y, width, height on the page's own plane
BOXES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {  # Name -> what the page says, what its parent says.
    "media": ({"MediaBox": [0, 0, 400, 500]}, {}),
    "crop": ({"MediaBox": [0, 0, 400, 500], "CropBox": [40, 120, 360, 420]}, {}),
    "shifted": ({"MediaBox": [-50, 60, 350, 560]}, {}),
    "turned corners": ({"MediaBox": [400, 500, 0, 0], "CropBox": [390, 480, 20, 10]}, {}),
    "crop beyond media": ({"MediaBox": [30, 40, 380, 480], "CropBox": [-100, 100, 900, 900]}, {}),
    "inherited": ({}, {"MediaBox": [0, 0, 400, 500], "CropBox": [10, 20, 390, 470]}),
}
ROTATIONS = (0, 90, 180, 270, -90, 450, 45)
UNITS = (None, 2.5)


def make_pdf(
    path: Path, boxes: tuple[dict[str, Any], dict[str, Any]], rotate: int, unit: float | None, leak: bool = True
) -> None:
    """Write a PDF of two black bars, whose content leaves the coordinate system changed."""
    with pikepdf.new() as pdf:
        # A line is longer than high as it is shown: on the plane of a page shown on its side it is higher than long.
        sideways = int(rotate / 90) % 2
        bars = "\n".join(
            f"{x} {y} {height if sideways else width} {width if sideways else height} re f"
            for x, y, width, height in BARS.values()
        )
        content = f"{bars}\n{'3 0 0 0.2 70 9 cm 5 Tr' if leak else ''}"
        pdf.add_blank_page(page_size=(100, 100))
        page = pdf.pages[0].obj
        del page["/MediaBox"]
        page.Contents = pdf.make_stream(content.encode())
        for holder, values in ((page, boxes[0]), (page["/Parent"], boxes[1])):
            for key, value in values.items():
                holder["/" + key] = pikepdf.Array(value)
        if boxes[1]:
            page["/Parent"]["/Rotate"] = rotate
        else:
            page.Rotate = rotate
        if unit:
            page.UserUnit = unit
        pdf.save(path)


def picture_of(path: Path, number: int = 1, scale: float = 2.0) -> Any:
    document = pypdfium2.PdfDocument(path)
    try:
        return document[number - 1].render(scale=scale).to_pil().convert("L")
    finally:
        document.close()


def bars_seen(picture: Any) -> list[tuple[float, float, float, float]]:
    """Find the bars in the picture: boxes (x1, y1, x2, y2) in px, the longer one first."""
    ink = np.asarray(picture) < 128
    found = []
    labels = np.zeros(ink.shape, int)
    for y, x in zip(*np.nonzero(ink), strict=True):
        if labels[y, x]:
            continue
        x2 = x + int(np.argmin(np.append(ink[y, x:], False)))
        y2 = y + int(np.argmin(np.append(ink[y:, x], False)))
        labels[y:y2, x:x2] = 1
        found.append((float(x), float(y), float(x2), float(y2)))
    return sorted(found, key=lambda box: -(box[2] - box[0]) * (box[3] - box[1]))


def words_seen(path: Path, picture: Any, number: int = 1) -> dict[str, tuple[float, float, float, float]]:
    """Find the words' boxes in px of the picture, by PDFium's own way from the page to the screen."""
    document = pypdfium2.PdfDocument(path)
    try:
        page = document[number - 1]
        text = page.get_textpage()
        words = {}
        for name in BARS:
            index, count = text.search(name).get_next() or (0, 0)
            if not count:
                continue
            corners: list[tuple[float, float]] = []
            for offset in range(count):
                left, bottom, right, top = text.get_charbox(index + offset, loose=True)
                corners += [to_screen(page, picture.size, x, y) for x, y in ((left, bottom), (right, top))]
            across, down = zip(*corners, strict=True)
            words[name] = (min(across), min(down), max(across), max(down))
        return words
    finally:
        document.close()


def to_screen(page: Any, size: tuple[int, int], x: float, y: float) -> tuple[float, float]:
    import ctypes

    raw = pypdfium2.raw
    screen_x, screen_y = ctypes.c_int(), ctypes.c_int()
    scale = 100
    raw.FPDF_PageToDevice(page, 0, 0, size[0] * scale, size[1] * scale, 0, x, y, screen_x, screen_y)
    return screen_x.value / scale, screen_y.value / scale


def add_words(source: Path, target: Path, **options: Any) -> list[tuple[float, float, float, float]]:
    picture = picture_of(source)
    boxes = bars_seen(picture)
    lines = list(zip(BARS, boxes, strict=False))
    with SearchableDocument(source, **options) as document:
        document.save([PageText(1, lines=lines, size=picture.size)], target, plain=True)
    return boxes


@pytest.mark.parametrize(
    ("boxes", "rotate", "unit"), list(itertools.product(BOXES, ROTATIONS, UNITS)), ids=lambda value: str(value)
)
def test_words_lie_on_the_print(boxes: str, rotate: int, unit: float | None, tmp_path: Path) -> None:
    source, target = tmp_path / "a.pdf", tmp_path / "b.pdf"
    make_pdf(source, BOXES[boxes], rotate, unit)
    seen = add_words(source, target)
    assert len(seen) == 2, "both bars are seen"
    picture = picture_of(target)
    assert picture.tobytes() == picture_of(source).tobytes(), "the layer is not seen"
    words = words_seen(target, picture)
    for name, box in zip(BARS, seen, strict=True):
        assert words[name] == pytest.approx(box, abs=2.5), (name, words)


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_a_line_that_runs_upwards_covers_its_box(rotate: int, tmp_path: Path) -> None:
    source, target = tmp_path / "a.pdf", tmp_path / "b.pdf"
    make_pdf(source, BOXES["media"], rotate, None)
    picture = picture_of(source)
    lines = [("alphaword", (100, 150, 130, 400)), ("beta", (200, 150, 230, 300))]
    with SearchableDocument(source) as document:
        document.save([PageText(1, lines=lines, size=picture.size)], target, plain=True)
    words = words_seen(target, picture)
    for name, box in lines:
        assert words[name] == pytest.approx(box, abs=2.5), (name, words)


def test_words_within_a_line_are_near_their_print(tmp_path: Path) -> None:
    """Letters have the widths of a common face, so that a word is found about where it is printed."""
    source, target = tmp_path / "a.pdf", tmp_path / "b.pdf"
    sentence = "Will million mammals WAVE (1, 2), or alphaword fill it?"
    with pikepdf.new() as pdf:
        pdf.add_blank_page(page_size=(500, 100))
        font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
        pdf.pages[0].obj.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=font))
        pdf.pages[0].obj.Contents = pdf.make_stream(
            f"BT /F1 16 Tf 20 40 Td ({sentence}) Tj ET".replace("(1, 2)", r"\(1, 2\)").encode()
        )
        pdf.save(source)
    picture = picture_of(source)
    printed = words_seen(source, picture)["alphaword"]
    ink = np.nonzero((np.asarray(picture) < 128).any(axis=0))[0]
    lines = [(sentence, (float(ink[0]), 80.0, float(ink[-1]), 130.0))]
    make_pdf(target, BOXES["media"], 0, None)
    with SearchableDocument(target) as document:
        document.save([PageText(1, lines=lines, size=(picture.width, 1000))], target, plain=True)
    placed = words_seen(target, picture_of(target))["alphaword"]
    scale = picture.width / 800
    assert placed[0] * scale == pytest.approx(printed[0], abs=10)
    assert placed[2] * scale == pytest.approx(printed[2], abs=10)


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="no pdftotext on this machine")
@pytest.mark.parametrize(("boxes", "rotate"), list(itertools.product(("media", "crop", "shifted"), (0, 90, 180, 270))))
def test_pdftotext_finds_words_on_the_print(boxes: str, rotate: int, tmp_path: Path) -> None:
    source, target = tmp_path / "a.pdf", tmp_path / "b.pdf"
    make_pdf(source, BOXES[boxes], rotate, None)
    seen = add_words(source, target)
    command = ["pdftotext", "-bbox", "-cropbox", target, "-"]
    found = subprocess.run(command, capture_output=True, check=True).stdout.decode()
    number = r'="(-?[\d.]+)"'
    pattern = f"<word xMin{number} yMin{number} xMax{number} yMax{number}>([^<]*)</word>"
    words = {
        unescape(match[4]): tuple(2 * float(value) for value in match[:4]) for match in re.findall(pattern, found)
    }
    for name, box in zip(BARS, seen, strict=True):
        assert words[name] == pytest.approx(box, abs=2.5), (name, words)


# ---- everything else is kept


def furnish(path: Path, encryption: Any = False) -> None:
    """Write a document with all that a rebuilt one would lose."""
    with pikepdf.new() as pdf:
        for _ in range(3):
            pdf.add_blank_page(page_size=(300, 200))
        pdf.docinfo["/Title"], pdf.docinfo["/Author"] = "The title", "The author"
        pdf.docinfo["/Producer"] = "a scanner"
        with pdf.open_outline() as outline:
            outline.root.append(pikepdf.OutlineItem("Chapter", 1))
        pdf.attachments["data.csv"] = b"a,b\n1,2\n"
        pdf.Root.PageLabels = pikepdf.Dictionary(Nums=[0, pikepdf.Dictionary(S=pikepdf.Name.r)])
        pdf.Root.Lang = "de-AT"
        field = pdf.make_indirect(
            pikepdf.Dictionary(
                Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Widget, FT=pikepdf.Name.Tx, T="name", V="value",
                Rect=[10, 10, 60, 30], P=pdf.pages[0].obj,
            )
        )  # fmt: skip
        note = pikepdf.Dictionary(
            Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Text, Rect=[90, 90, 99, 99], Contents="note"
        )
        pdf.pages[0].obj.Annots = pikepdf.Array([field, pdf.make_indirect(note)])
        pdf.Root.AcroForm = pikepdf.Dictionary(Fields=[field])
        with pdf.open_metadata(set_pikepdf_as_editor=False, update_docinfo=False) as metadata:
            metadata["dc:title"] = "The title"
        pdf.save(path, encryption=encryption)


def check_furnished(path: Path, password: str = "") -> None:
    with pikepdf.open(path, password=password) as pdf:
        assert (str(pdf.docinfo["/Title"]), str(pdf.docinfo["/Author"])) == ("The title", "The author")
        assert str(pdf.docinfo["/Producer"]) == "a scanner"
        with pdf.open_outline() as outline:
            assert [item.title for item in outline.root] == ["Chapter"]
        assert pdf.attachments["data.csv"].get_file().read_bytes() == b"a,b\n1,2\n"
        assert [page.label for page in pdf.pages] == ["i", "ii", "iii"]
        assert str(pdf.Root.Lang) == "de-AT"
        assert str(pdf.Root.AcroForm.Fields[0].V) == "value"
        assert [str(one.Subtype) for one in pdf.pages[0].obj.Annots] == ["/Widget", "/Text"]
        with pdf.open_metadata() as metadata:
            assert metadata["dc:title"] == "The title"


def text_of(path: Path, password: str | None = None) -> list[str]:
    document = pypdfium2.PdfDocument(path, password=password)
    pages = [page.get_textpage().get_text_range().strip() for page in document]
    document.close()
    return pages


def test_everything_else_is_kept(tmp_path: Path) -> None:
    source, target = tmp_path / "a.pdf", tmp_path / "b.pdf"
    furnish(source)
    with SearchableDocument(source) as document:
        report = document.save([PageText(1, "first"), PageText(3, "third")], target)
    assert (report.written, report.skipped) == ([1, 3], [])
    assert text_of(target) == ["first", "", "third"]
    check_furnished(target)
    with SearchableDocument(target) as document:
        document.save([PageText(2, "second")], target)  # onto itself
    assert text_of(target) == ["first", "second", "third"]
    check_furnished(target)


@pytest.mark.parametrize("revision", [3, 4, 6])
@pytest.mark.parametrize("password", ["user", "owner"])
def test_an_encrypted_document_stays_encrypted(revision: int, password: str, tmp_path: Path) -> None:
    source, target = tmp_path / "a.pdf", tmp_path / "b.pdf"
    allow = pikepdf.Permissions(extract=False, print_highres=False)
    furnish(
        source,
        pikepdf.Encryption(
            user="user", owner="owner", R=revision, allow=allow, aes=revision > 3, metadata=revision > 3
        ),
    )
    for wrong, word in ((None, "is encrypted: give its password"), ("no", "is encrypted: its password is another")):
        with pytest.raises(ValueError, match=word):
            check_searchable(source, target, password=wrong)
    check_searchable(source, target, password=password)
    with SearchableDocument(source, password=password) as document:
        document.save([PageText(1, "first")], target)
    with pytest.raises(pikepdf.PasswordError):
        pikepdf.open(target)
    assert text_of(target, "user")[0] == "first"
    check_furnished(target, "user")
    with pikepdf.open(target, password="owner") as pdf, pikepdf.open(source, password="owner") as original:
        assert (pdf.encryption.R, pdf.encryption.P) == (original.encryption.R, original.encryption.P)
        assert not pdf.allow.extract


def test_shared_resources_of_other_pages_stay(tmp_path: Path) -> None:
    """Pages that share or inherit one dictionary of resources keep what it holds."""
    source, target = tmp_path / "a.pdf", tmp_path / "b.pdf"
    with pikepdf.new() as pdf:
        font = pdf.make_indirect(
            pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
        )
        for index in range(2):
            pdf.add_blank_page(page_size=(300, 200))
            pdf.pages[index].obj.Contents = pdf.make_stream(b"BT /F1 12 Tf 20 20 Td (seen) Tj ET")
            if "/Resources" in pdf.pages[index].obj:
                del pdf.pages[index].obj["/Resources"]
        pdf.Root.Pages.Resources = pdf.make_indirect(pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=font)))
        pdf.save(source)
    with SearchableDocument(source) as document:
        document.save([PageText(1, "added")], target)
    first, second = text_of(target)
    assert sorted(first.split()) == ["added", "seen"]
    assert second == "seen"
    with pikepdf.open(target) as pdf:
        assert list(pdf.pages[1].resources.Font.keys()) == ["/F1"]


# ---- pages that have text


def write_text_pages(path: Path) -> None:
    """Write pages with: seen text; hidden text; both; hidden text in a form that two pages draw; none."""
    with pikepdf.new() as pdf:
        font = pdf.make_indirect(
            pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
        )
        form = pdf.make_stream(b"q 3 Tr BT /F1 9 Tf 20 90 Td (the old layer in a form) Tj ET Q 5 5 20 20 re f")
        form.Type, form.Subtype, form.BBox = pikepdf.Name.XObject, pikepdf.Name.Form, pikepdf.Array([0, 0, 300, 200])
        form.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=font))
        resources = pdf.make_indirect(
            pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=font), XObject=pikepdf.Dictionary(OCR=form))
        )
        seen = b"BT /F1 12 Tf 20 20 Td (a line of text that is seen) Tj ET"
        hidden = (
            b"q BT 3 Tr /F1 12 Tf 20 60 Td (an old layer,) Tj 0 Tw [(not) -200 (seen at all)] TJ T* (more) ' ET Q\n"
        )
        for content in (seen, hidden, hidden + seen, b"/OCR Do", b"/OCR Do", b"10 10 50 50 re f"):
            pdf.add_blank_page(page_size=(300, 200))
            pdf.pages[-1].obj.Contents = pdf.make_stream(content)
            pdf.pages[-1].obj.Resources = resources
        pdf.save(path)


def test_pages_with_text_are_skipped_and_said(tmp_path: Path) -> None:
    source, target = tmp_path / "a.pdf", tmp_path / "b.pdf"
    write_text_pages(source)
    assert pages_with_text(source) == [True, True, True, True, True, False]
    before = text_of(source)
    with SearchableDocument(source) as document:
        report = document.save([PageText(number, f"new {number}") for number in range(1, 7)], target)
    assert (report.written, report.skipped, report.replaced) == ([6], [1, 2, 3, 4, 5], [])
    assert text_of(target) == [*before[:5], "new 6"]


def test_redo_replaces_hidden_text_only(tmp_path: Path) -> None:
    source, target = tmp_path / "a.pdf", tmp_path / "b.pdf"
    write_text_pages(source)
    for _ in range(2):  # The second time it is our own layer that is replaced.
        with SearchableDocument(source, redo=True) as document:
            assert [document.has_text(number) for number in range(1, 7)] == [True, False, True, False, False, False]
            report = document.save(
                [PageText(number, f"a new layer, number {number}") for number in (1, 2, 3, 4, 6)], target
            )
        assert report.skipped == [1, 3]
        texts = text_of(target)
        assert texts[0] == "a line of text that is seen"
        assert "an old layer" in texts[2], "a page with text that is seen stays as it was"
        assert texts[4] == "the old layer in a form", "the page that shares the form keeps it"
        assert [texts[index] for index in (1, 3, 5)] == [f"a new layer, number {number}" for number in (2, 4, 6)]
        for number in range(1, 7):
            assert picture_of(source, number).tobytes() == picture_of(target, number).tobytes()
        source, target = target, tmp_path / "c.pdf"
    assert report.replaced == [2, 4, 6]


def test_a_signed_document_says_so(tmp_path: Path) -> None:
    source = tmp_path / "a.pdf"
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        pdf.Root.AcroForm = pikepdf.Dictionary(SigFlags=3, Fields=[])
        pdf.save(source)
    with SearchableDocument(source) as document:
        assert "is signed" in document.notes[0]


# ---- whole or not at all


def test_refusals_come_before_reading(tmp_path: Path) -> None:
    source = tmp_path / "a.pdf"
    furnish(source)
    with pytest.raises(OSError, match="does not exist: make it"):
        check_searchable(source, tmp_path / "no" / "b.pdf")
    (tmp_path / "folder.pdf").mkdir()
    with pytest.raises(OSError, match="is a folder"):
        check_searchable(source, tmp_path / "folder.pdf")
    fifo = tmp_path / "pipe.pdf"
    os.mkfifo(fifo)
    with pytest.raises(ValueError, match="is no file, but a pipe"):
        check_searchable(fifo, tmp_path / "b.pdf")
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7\nnothing")
    with pytest.raises(ValueError, match=r"can't be opened as a PDF|has no page"):
        check_searchable(broken, tmp_path / "b.pdf")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pdf", "broken.pdf", "folder.pdf", "pipe.pdf"]


def test_a_failure_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = tmp_path / "a.pdf", tmp_path / "b.pdf"
    furnish(source)
    target.write_bytes(b"precious")
    monkeypatch.setattr(os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with SearchableDocument(source) as document, pytest.raises(OSError, match="No space"):
        document.save([PageText(1, "x")], target)
    assert target.read_bytes() == b"precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pdf", "b.pdf"]


def test_a_page_that_is_not_there_is_said(tmp_path: Path) -> None:
    source = tmp_path / "a.pdf"
    furnish(source)
    with SearchableDocument(source) as document, pytest.raises(ValueError, match="has no page 9: it has 3"):
        document.save([PageText(9, "x")], tmp_path / "b.pdf")


def test_without_pikepdf_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pikepdf", None)
    with pytest.raises(OSError, match=r"pip install pikepdf"):
        searchable.SearchableDocument(tmp_path / "a.pdf")
