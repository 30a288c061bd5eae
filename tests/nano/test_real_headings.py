"""The measure of format mode's headings on real pictures."""

from pathlib import Path

import pytest

from got_ocr.nano.benchmarks.real_headings import headings, main, read_judged, summarise
from tests.support.formatted_sheet import FONTS, Sheet

ANSWER = "\\title{\nOn reading\n}\n\n\\section*{1 First\npart}\n\nText.\n\n\\subsection*{A \\(x\\)}\n\nMore."


def test_headings_of_an_answer_are_told() -> None:
    assert headings(ANSWER) == ["On reading", "1 First part", "A \\(x\\)"]
    assert headings("no heading, \\textbf{bold}") == []


def test_judged_headings_give_precision_and_what_is_found_again(tmp_path: Path) -> None:
    file = tmp_path / "judged.tsv"
    file.write_text("a/1.png\tyes\tOne\na/1.png\tno\tlabel\na/2.png\tyes\tTwo\na/2.png\t?\tThree\nbroken line\n")
    judged = read_judged(file)
    assert judged == {("a/1.png", "One"): True, ("a/1.png", "label"): False, ("a/2.png", "Two"): True}
    found = [("a/1.png", "One"), ("a/1.png", "label"), ("a/2.png", "Three")]
    assert summarise(found, judged) == (
        "3 headings, 1 of them not judged; of the judged ones 50 % are headings; of 2 judged to be some 50 % are found"
    )
    assert summarise([], {}) == "0 headings, 0 of them not judged"


@pytest.mark.skipif(len(FONTS) < 2, reason="DejaVu Serif and its bold face aren't installed")
def test_a_folder_is_read_and_a_folder_without_pictures_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = Sheet(700, 320)
    sheet.heading("Reading of pages", 30)
    sheet.paragraph(1, 20)
    (tmp_path / "drawn").mkdir()
    sheet.writer.page.image.save(tmp_path / "drawn" / "one.png")
    assert main([str(tmp_path)]) == 0
    captured = capsys.readouterr()
    assert captured.out == "drawn/one.png\t?\tReading of pages\n"
    assert captured.err.endswith("1 headings, 1 of them not judged\n")
    with pytest.raises(SystemExit):
        main([str(tmp_path), "--sources", "other"])
