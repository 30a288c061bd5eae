"""`got-ocr render`: what it writes, from what, and what it says when it can't."""

import json
from pathlib import Path

import pytest
from PIL import Image

from got_ocr.cli import exit_codes, main


@pytest.fixture
def answer(tmp_path: Path) -> Path:
    path = tmp_path / "page.mmd"
    path.write_text("# Title\n\n\\(x^2\\) <b>&\n\n| a | b |\n|---|---|\n| 1 | 2 |\n", encoding="utf-8")
    return path


def test_html_is_the_default(answer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", str(answer)]) == 0
    target = answer.with_suffix(".html")
    assert capsys.readouterr().out == f"{target}\n"
    page = target.read_text(encoding="utf-8")
    assert "<title>Title</title>" in page
    assert "&lt;b&gt;&amp;" in page


@pytest.mark.parametrize(
    ("suffix", "expected"),
    [
        (".md", "| a | b |"),
        (".tex", "\\begin{tabular}"),
        (".txt", "a\tb"),
        (".json", '"type": "table"'),
        (".html", "<math"),
    ],
)
def test_suffix_says_what_is_written(answer: Path, suffix: str, expected: str) -> None:
    target = answer.with_name(f"out{suffix}")
    assert main(["render", str(answer), "-o", str(target)]) == 0
    assert expected in target.read_text(encoding="utf-8")


def test_standard_input(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO("# From a pipe"))
    assert main(["render", "-", "-o", str(tmp_path / "a.txt")]) == 0
    assert (tmp_path / "a.txt").read_text() == "From a pipe\n"


def test_an_output_is_not_overwritten_unasked(answer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = answer.with_suffix(".html")
    target.write_text("mine")
    assert main(["render", str(answer)]) == exit_codes.OUTPUT_FAILED
    assert "exists already" in capsys.readouterr().err
    assert target.read_text() == "mine"
    assert main(["render", str(answer), "--force"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "out.xyz"], "end it in one of .html"),
        (["--searchable", "-o", "out.html"], "end --output in .pdf"),
        (["--side-by-side"], "pictures are not known"),
        (["--keep-pages", "--searchable"], "one PDF file"),
        (["--renderer", "mathpix", "-o", "out.md"], "writes HTML"),
    ],
)
def test_wrong_use_is_one_line(
    answer: Path,
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(answer.parent)
    assert main(["render", str(answer), *arguments]) != 0
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_an_input_is_never_the_output(answer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = answer.with_name("page.txt")
    text.write_text("x")
    assert main(["render", str(text), "-o", str(text), "--force"]) != 0
    assert "names an input" in capsys.readouterr().err


def json_lines(folder: Path) -> Path:
    Image.new("RGB", (60, 80), "navy").save(folder / "one.png")
    Image.new("RGB", (60, 80), "teal").save(folder / "two.png")
    lines = [{"input": str(folder / name), "page": 1, "text": f"text of {name}"} for name in ("one.png", "two.png")]
    path = folder / "pages.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines))
    return path


def test_json_lines_with_pictures(tmp_path: Path) -> None:
    target = tmp_path / "pages.html"
    assert main(["render", str(json_lines(tmp_path)), "--side-by-side", "-o", str(target)]) == 0
    page = target.read_text()
    assert page.count("<article") == 2
    assert page.count("data:image/jpeg;base64,") == 2


def test_searchable_pdf(tmp_path: Path) -> None:
    pytest.importorskip("pikepdf", reason="the extra `render` is not installed")
    import pypdfium2

    target = tmp_path / "found.pdf"
    assert main(["render", str(json_lines(tmp_path)), "--searchable", "-o", str(target)]) == 0
    pages = [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(target)]
    assert pages == ["text of one.png", "text of two.png"]
    lines = [json.dumps({"input": str(target), "page": 2, "text": "new text"})]
    (tmp_path / "b.jsonl").write_text("\n".join(lines))
    for option in ("--keep-pages", "--keep-text-pages"):
        again = tmp_path / f"again{option}.pdf"
        assert main(["render", str(tmp_path / "b.jsonl"), "--searchable", option, "-o", str(again)]) == 0


def test_a_chart_is_no_record(tmp_path: Path) -> None:
    path = tmp_path / "chart.txt"
    path.write_text('{"title": "T", "values": {"a": 1, "b": 2}}')
    assert main(["render", str(path), "-o", str(tmp_path / "a.html")]) == 0
    assert "<svg" in (tmp_path / "a.html").read_text()


def test_results_of_an_evaluation(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps([{"image": "a.png", "question": "OCR", "label": "x", "answer": "read this"}]))
    assert main(["render", str(path), "-o", str(tmp_path / "a.txt")]) == 0
    assert (tmp_path / "a.txt").read_text() == "read this\n"
