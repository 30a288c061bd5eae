"""`got-ocr ... --searchable FILE.pdf`: the text stands behind the pages, in order, and can be extracted."""

from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from PIL import Image

from got_ocr.reading.answer import GotOcrAnswer, GotOcrLine

pytest.importorskip("pikepdf", reason="needs got-ocr[render]")

from got_ocr.hub import whole_file
from got_ocr.rendering import pdf, searchable

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


def encrypted(path: str) -> None:
    import pikepdf

    scan("plain.pdf", [150, 200])
    with pikepdf.open("plain.pdf") as pdf:
        pdf.save(path, encryption=pikepdf.Encryption(user="user", owner="owner"))


def test_an_encrypted_pdf_is_refused_before_a_page_is_read(run: Any, model: Any) -> None:
    encrypted("secret.pdf")
    code, out, err = run("secret.pdf", "--searchable", "out.pdf")
    assert (code, out, model.calls) == (2, "", [])
    assert "secret.pdf is encrypted: give its password with --password" in err
    code, _, err = run("secret.pdf", "--searchable", "out.pdf", "--password", "wrong")
    assert code == 2
    assert "its password is another" in err
    assert not Path("out.pdf").exists()


def test_an_encrypted_pdf_stays_encrypted(run: Any) -> None:
    encrypted("secret.pdf")
    assert run("secret.pdf", "--searchable", "out.pdf", "--password", "user", "--dpi", 72)[0] == 0
    with pytest.raises(pypdfium2.PdfiumError):
        pypdfium2.PdfDocument("out.pdf")
    document = pypdfium2.PdfDocument("out.pdf", password="user")
    assert document[0].get_textpage().get_text_bounded().strip() == "150x100"
    document.close()


def test_a_target_that_can_not_be_written_is_refused_before_a_page_is_read(run: Any, model: Any) -> None:
    scan("scan.pdf", [150])
    Path("folder.pdf").mkdir()
    code, out, err = run("scan.pdf", "--searchable", "folder.pdf", "--force")
    assert (code, out, model.calls) == (2, "", [])
    assert "folder.pdf is a folder" in err


def test_text_pages_are_skipped_and_said_without_an_option(run: Any, model: Any) -> None:
    scan("scan.pdf", [150, 200])
    assert run("scan.pdf", "--searchable", "out.pdf", "--dpi", 72)[0] == 0
    Path("two.pdf").write_bytes(Path("out.pdf").read_bytes())
    model.calls.clear()
    code, _, err = run(SAMPLE, "--searchable", "again.pdf", "--dpi", 72)
    assert (code, model.calls) == (0, [])
    assert "left as before" in err
    assert "--redo" in err


def test_redo_reads_pages_with_a_hidden_layer_again(run: Any, model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    scan("scan.pdf", [150])
    answer = GotOcrAnswer("an older reading of it", "stop")
    with monkeypatch.context() as patch:
        patch.setattr(model, "read", lambda processor, images, **options: [answer] * len(images))
        assert run("scan.pdf", "--searchable", "old.pdf", "--dpi", 72)[0] == 0
    assert texts_of("old.pdf") == ["an older reading of it"]
    assert run("old.pdf", "--searchable", "same.pdf", "--dpi", 72)[0] == 0
    assert texts_of("same.pdf") == ["an older reading of it"]
    assert run("old.pdf", "--searchable", "new.pdf", "--redo", "--dpi", 72)[0] == 0
    assert texts_of("new.pdf") == ["150x100"]


def test_a_second_run_only_writes(run: Any, model: Any, monkeypatch: pytest.MonkeyPatch, picture: Any) -> None:
    """What was read is kept when the PDF can't be written; it is used if nothing that it depends on has changed."""
    scan("scan.pdf", [150, 200])
    picture("a.png", 120, 80)
    for inputs in (["scan.pdf"], ["a.png", "scan.pdf"]):
        model.calls.clear()
        with monkeypatch.context() as patch:
            patch.setattr(whole_file, "write_whole", _full_disk)
            patch.setattr(searchable, "write_whole", _full_disk)
            patch.setattr(pdf, "write_whole", _full_disk)
            code, out, err = run(*inputs, "--searchable", "out.pdf", "--dpi", 72)
        assert code == 5
        assert "out.pdf can't be written" in err
        assert not Path("out.pdf").exists()
        assert len(model.calls) == len(inputs) + 1
        assert run(*inputs, "--searchable", "out.pdf", "--dpi", 72)[:2] == (0, out)
        assert len(model.calls) == len(inputs) + 1, "nothing was read again"
        assert texts_of("out.pdf")[-2:] == ["150x100", "200x100"]
        assert sorted(path.name for path in Path().iterdir() if path.name.startswith(".")) == [], "nothing is left"
        Path("out.pdf").unlink()


def _full_disk(*_: Any) -> None:
    raise OSError(28, "No space left on device")


def test_a_changed_file_is_read_again(run: Any, model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    scan("scan.pdf", [150])
    with monkeypatch.context() as patch:
        patch.setattr(searchable, "write_whole", _full_disk)
        assert run("scan.pdf", "--searchable", "out.pdf", "--dpi", 72)[0] == 5
    scan("scan.pdf", [250])
    assert run("scan.pdf", "--searchable", "out.pdf", "--dpi", 72)[0] == 0
    assert texts_of("out.pdf") == ["250x100"]
