"""`--lines`: a file a page with its lines, as hOCR or ALTO."""

from pathlib import Path
from typing import Any

import pytest

from got_ocr.cli import exit_codes
from got_ocr.reading.answer import GotOcrAnswer, GotOcrLine


@pytest.fixture
def lined(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    line = GotOcrLine("two words", 0.9, 0.8, False, (3, 4, 18, 9), 0)

    def read(processor: Any, images: Any, **options: Any) -> list[GotOcrAnswer]:
        return [GotOcrAnswer("two words", "stop", lines=(line,)) for _ in images]

    monkeypatch.setattr(model, "read", read)


@pytest.mark.parametrize(
    ("form", "suffix", "said"), [("hocr", ".hocr", "bbox 3 4 18 9"), ("alto", ".xml", 'HPOS="3"')]
)
def test_a_file_a_page(run: Any, picture: Any, lined: None, form: str, suffix: str, said: str) -> None:
    code, _, _ = run(picture("a.png"), picture("b.png"), "--lines", form, "--output", "out")
    assert code == exit_codes.OK
    for name in "ab":
        written = Path(f"out/{name}{suffix}").read_text()
        assert said in written and f"{name}.png" in written


def test_a_bad_page_is_none(run: Any, picture: Any, lined: None) -> None:
    Path("bad.png").write_bytes(b"no picture")
    code, _, err = run(picture("a.png"), "bad.png", "--lines", "hocr", "--output", "out")
    assert code == exit_codes.SOME_PAGES_FAILED and "bad.png" in err
    assert {path.name for path in Path("out").glob("*.hocr")} == {"a.hocr"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give a folder to --output, got None."),
        (["--output", "all.hocr"], "give a folder to --output, got all.hocr."),
        (["--output", "out", "--json"], "leave out --json."),
        (["--output", "out", "--type", "format"], "leave out --type format."),
        (["--output", "out", "--render", "a.html"], "leave out --render."),
        (["--output", "out", "--multi-page"], "leave out --multi-page."),
    ],
)
def test_what_does_not_go_together(run: Any, picture: Any, arguments: list[str], message: str) -> None:
    code, _, err = run(picture("a.png"), "--lines", "hocr", *arguments)
    assert code == exit_codes.WRONG_USAGE
    assert message in err
