"""The hOCR that we write has no fault for the validator of the specification's authors."""

import importlib
from pathlib import Path

import pytest

pytest.importorskip("hocr_spec", reason="hocr-spec is not installed: make test-neighbours runs this")

from got_ocr.rendering.line_formats import LinedPage, PageLine, write_hocr

LINES = (
    PageLine("Two words & <one>", (10, 20, 210, 40), 0.97, 0),
    PageLine("a line without a box", None, 0.4, 0),
    PageLine("\N{CJK UNIFIED IDEOGRAPH-4E2D} next block", (10, 60, 180, 80), None, 1),
)


@pytest.mark.parametrize("lines", [LINES, LINES[:1], ()], ids=len)
def test_the_validator_finds_no_fault(tmp_path: Path, lines: tuple[PageLine, ...]) -> None:
    spec = importlib.import_module("hocr_spec")
    path = tmp_path / "page.hocr"
    path.write_text(write_hocr(LinedPage('sc"an.png', 300, 200, lines)), encoding="utf-8")
    report = spec.HocrValidator("standard").validate(str(path))
    assert report.is_valid(), report.format("text")
    # And one that is wrong is told from it: the test can fail.
    path.write_text(path.read_text("utf-8").replace('class="ocr_page"', 'class="ocr_pages"'), encoding="utf-8")
    assert not spec.HocrValidator("standard").validate(str(path)).is_valid()
