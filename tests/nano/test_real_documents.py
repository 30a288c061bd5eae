"""The benchmark on real pictures: its figures, and a small folder read from end to end."""

import json

import pytest
from PIL import Image, ImageDraw

from got_ocr.nano.benchmarks.real_documents import Read, bag_errors, fold, main, row, word_f1


@pytest.mark.parametrize(
    ("answer", "truth", "errors"),
    [
        ("a page of text", "text of a page", 0),  # The order is left out.
        ("a page", "a page of text", 6),  # What lacks counts its letters ...
        ("a page of text", "a page", 6),  # ... and so does what is too much.
        ("ruad the the page", "read the page", 1 + 3),  # One letter, and a word said twice.
        ("xyz", "abc", 6),  # Words that share no letter are no pair.
    ],
)
def test_bag_errors(answer, truth, errors):
    assert bag_errors(answer, truth) == errors


def test_words_count_as_often_as_they_stand_there():
    assert word_f1("a a b", "a b b") == pytest.approx(4 / 6)
    assert word_f1("", "") == 0.0


def test_texts_are_compared_folded():
    assert fold("\u201cA\u201d \u2013  \ufb01ne\n\u2022 it\u2019s") == '"A" - fine * it\'s'


def test_a_folder_is_read_and_answers_are_taken_up(tmp_path, capsys):
    page = Image.new("RGB", (420, 80), "white")
    ImageDraw.Draw(page).text((20, 20), "some words on a page", fill="black", font_size=26)
    (tmp_path / "real" / "lines").mkdir(parents=True)
    (tmp_path / "real" / "blank").mkdir()
    page.save(tmp_path / "real" / "lines" / "one.png")
    (tmp_path / "real" / "lines" / "one.gt.txt").write_text("some words on a page\n", encoding="utf-8")
    Image.new("RGB", (200, 200), "white").save(tmp_path / "real" / "blank" / "one.png")
    (tmp_path / "real" / "blank" / "one.gt.txt").write_text("\n", encoding="utf-8")
    kept = tmp_path / "answers.jsonl"

    command = [str(tmp_path / "real"), "--engines", "got", "--answers", str(kept)]
    assert main(command) == 0

    rows = capsys.readouterr().out.splitlines()
    assert rows[2].startswith("| blank (1) | got | - | - | - |")
    assert rows[2].endswith("| 0 | 0 |")
    assert rows[3].startswith("| lines (1) | got | 0.0000 | 0.0000 | 1.000 |")
    answers = [json.loads(line) for line in kept.read_text(encoding="utf-8").splitlines()]
    answers[1]["text"] = "some wards on a page"
    kept.write_text("".join(json.dumps(answer) + "\n" for answer in answers), encoding="utf-8")
    main(command)
    assert "| lines (1) | got | 0.0500 | 0.0500 | 0.800 |" in capsys.readouterr().out


def test_figures_of_several_pictures_have_intervals(tmp_path):
    (tmp_path / "lines").mkdir()
    reads = []
    for number, answer in enumerate(["some words on a page", "some wards on a page", "some words on a page"]):
        (tmp_path / "lines" / f"{number}.gt.txt").write_text("some words on a page\n", encoding="utf-8")
        reads.append(Read("got", f"lines/{number}.png", answer, 1.0))
    cells = row("lines", "got", tmp_path, reads).split(" | ")
    assert cells[2:5] == ["0.0167", "0.0167 (0.000 to 0.050)", "0.933 (0.800 to 1.000)"]


def test_capitals_count_unless_the_truth_does_not_keep_them(tmp_path):
    (tmp_path / "slips").mkdir()
    (tmp_path / "slips" / "0.gt.txt").write_text("TOTAL 4.50", encoding="utf-8")
    reads = [Read("got", "slips/0.png", "Total 4.5O", 1.0)]
    assert row("slips", "got", tmp_path, reads).split(" | ")[2] == "0.5000"
    assert row("slips", "got", tmp_path, reads, fold_case=True).split(" | ")[2] == "0.1000"
