"""`got-ocr ... --searchable FILE.pdf`: the text stands behind the pages, in order, and can be extracted."""

from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from PIL import Image

from got_ocr.reading.answer import GotOcrAnswer, GotOcrLine

pytest.importorskip("pikepdf", reason="needs got-ocr[render]")

SAMPLE = Path(__file__).resolve().parents[2] / "examples" / "images" / "sample.pdf"


def texts_of(path: str | Path) -> list[str]:
    document = pypdfium2.PdfDocument(path)
    try:
        return [page.get_textpage().get_text_bounded().strip() for page in document]
    finally:
        document.close()


def scan(path: str, widths: list[int]) -> None:
    """Write a PDF of pictures without text."""
    pages = [Image.new("RGB", (width, 100), "white") for width in widths]
    pages[0].save(path, save_all=True, append_images=pages[1:], resolution=72.0)


def test_a_scanned_pdf_gets_text_behind_its_own_pages(run: Any) -> None:
    scan("scan.pdf", [150, 200, 250])
    code, out, err = run("scan.pdf", "--searchable", "out.pdf", "--dpi", 72)
    assert code == 0
    assert texts_of("out.pdf") == ["150x100", "200x100", "250x100"]
    assert out.split("\f") == ["150x100\n", "200x100\n", "250x100\n"]
    assert "searchable: out.pdf" in err
    assert texts_of("scan.pdf") == ["", "", ""], "the input stays"


def test_lines_lie_behind_their_own_ink(run: Any, model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    scan("scan.pdf", [200, 200])
    line = GotOcrLine("Where?", 0.9, 0.8, False, (40, 20, 120, 50))  # of 400 x 200 px, as read at 144 dpi
    answer = GotOcrAnswer("Where?", "stop", lines=(line,))
    monkeypatch.setattr(model, "read", lambda processor, images, **options: [answer] * len(images))
    assert run("scan.pdf", "--searchable", "out.pdf", "--dpi", 144)[0] == 0
    document = pypdfium2.PdfDocument("out.pdf")
    page = document[1].get_textpage()
    x1, y1, x2, y2 = page.get_rect(page.count_rects() - 1)
    document.close()
    assert (x1, x2) == pytest.approx((20, 60), abs=1)  # points from the page's lower left
    assert 75 - 2 < y1 < y2 < 90 + 2


def test_pictures_become_pages(run: Any, picture: Any) -> None:
    picture("a.png", 120, 80)
    picture("b.png", 90, 40)
    Path("broken.png").write_bytes(b"no picture")
    code, _, _ = run("a.png", "broken.png", "b.png", "--searchable", "out.pdf")
    assert code == 1
    assert texts_of("out.pdf") == ["120x80", "90x40"]


def test_a_page_that_fails_stays_in_the_pdf(run: Any) -> None:
    scan("scan.pdf", [150, 13, 250])
    code, _, err = run("scan.pdf", "--searchable", "out.pdf", "--dpi", 72)
    assert code == 1
    assert texts_of("out.pdf") == ["150x100", "", "250x100"]
    assert err.count("error:") == 1


def test_pages_with_text_are_kept_unread(run: Any, model: Any) -> None:
    code, out, _ = run(SAMPLE, "--searchable", "out.pdf", "--keep-text-pages")
    assert code == 0
    assert (out, model.calls) == ("", [])
    assert texts_of("out.pdf") == texts_of(SAMPLE)
    assert texts_of(SAMPLE)[0], "the sample has text"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--searchable", "out.html"], "end its name in .pdf"),
        (["--searchable", "out.pdf", "--box", "1,2,3,4"], "leave out --output"),
        (["--keep-text-pages"], "is for --searchable"),
        (["--searchable", "out.pdf", "--keep-text-pages"], "one PDF file as the only input"),
        (["--searchable", "page.png"], r"end its name in \.pdf"),
    ],
)
def test_wrong_arguments(run: Any, picture: Any, arguments: list[str], message: str) -> None:
    picture("page.png")
    code, out, err = run("page.png", *arguments)
    assert code == 2
    assert out == ""
    assert err.count("error:") == 1
    assert message.replace("\\", "") in err


def test_an_existing_pdf_is_not_overwritten_unasked(run: Any, picture: Any) -> None:
    picture("page.png", 120, 80)
    Path("out.pdf").write_text("precious")
    code, _, err = run("page.png", "--searchable", "out.pdf")
    assert code == 5
    assert "out.pdf exists already: --force overwrites it" in err
    assert Path("out.pdf").read_text() == "precious"
    assert run("page.png", "--searchable", "out.pdf", "--force")[0] == 0
    assert texts_of("out.pdf") == ["120x80"]
