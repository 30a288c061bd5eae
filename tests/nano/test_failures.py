"""The sheet of what the built-in model gets wrong."""

from pathlib import Path

import pytest
from PIL import Image

from got_ocr.nano.benchmarks.failures import Failure, draw_failures, find_failures, read_in, rows_of
from got_ocr.reading.answer import GotOcrAnswer, GotOcrLine
from got_ocr.synthesis.resources import Resources
from tests.support.packaged_fonts import FONT_FILES


def line(text: str, box: tuple[int, int, int, int] | None) -> GotOcrLine:
    return GotOcrLine(text, 0.9, 0.9, False, box)


def test_texts_of_a_row_stand_together_from_left_to_right() -> None:
    lines = [
        {"text": "4.50", "box": [200, 11, 240, 29], "row": 0},
        {"text": "plain  bread", "box": [10, 10, 120, 30], "row": 0},
        {"text": "Total", "box": [10, 40, 60, 60], "row": 1},
    ]
    assert rows_of(lines) == [("plain bread 4.50", (10.0, 10.0, 240.0, 30.0)), ("Total", (10.0, 40.0, 60.0, 60.0))]


def test_what_was_read_in_a_row_is_told_by_its_boxes() -> None:
    lines = [
        line("4.5O", (200, 12, 240, 30)),
        line("plain bread", (12, 9, 119, 29)),
        line("below", (12, 40, 60, 60)),
        line("x", None),
    ]
    assert read_in(lines, (10, 10, 240, 30)) == "plain bread 4.5O"
    assert read_in(lines, (300, 10, 340, 30)) == ""


class Blind:
    """Reads nothing."""

    def read_pages(self, image: Image.Image) -> list[GotOcrAnswer]:
        return [GotOcrAnswer("", "stop")]


def test_of_a_document_that_was_not_read_the_longest_row_is_the_worst(tmp_path: Path) -> None:
    words = ["Harbour", "maple", "Quentin", "invoice", "ledger", "garden", "Florence", "copper", "window", "paper"]
    corpus = tmp_path / "words.txt"
    corpus.write_text("\n\n".join(" ".join(words[n:] + words[:n]) for n in range(len(words))), encoding="utf-8")
    found = list(find_failures(Blind(), Resources(corpus_files=(corpus,), font_files=FONT_FILES), 2))
    assert len(found) == 2
    assert all(one.read == "" and one.errors == len(one.printed) >= 3 for one in found)
    assert all(one.strip.width > one.strip.height > 5 for one in found)


def test_a_sheet_shows_each_strip_and_its_texts(tmp_path: Path) -> None:
    strip = Image.new("RGB", (300, 30), (0, 120, 0))
    sheet = draw_failures([Failure(strip, "printed", "read", 4), Failure(strip, "printed", "", 7)])
    assert sheet.width == 640 and sheet.height % 2 == 0
    assert sheet.getpixel((40, 20)) == (0, 120, 0) == sheet.getpixel((40, sheet.height // 2 + 20))
    with pytest.raises(ValueError, match="no row was misread; draw more"):
        draw_failures([])
