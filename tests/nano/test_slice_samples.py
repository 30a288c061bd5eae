"""Training samples for a checkpoint that reads slices: every word goes to the piece that it stands on."""

import json
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from got_ocr.hub.cache import BUILTIN_CHECKPOINT
from got_ocr.nano import slice_samples
from got_ocr.nano.slice_samples import cut_samples, part_words
from got_ocr.processing.processor import GotOcrProcessor
from got_ocr.reading.model import GotOcrForConditionalGeneration

LINES = ["The harbour lay quiet under the morning fog", "and nobody had yet lit the lamps on the quay."]


def draw(lines: list[str]) -> Image.Image:
    image = Image.new("RGB", (640, 60 + 40 * len(lines)), "white")
    for row, line in enumerate(lines):
        ImageDraw.Draw(image).text((20, 20 + 40 * row), line, fill="black", font_size=26)
    return image


@pytest.fixture(scope="module")
def nano() -> tuple[GotOcrForConditionalGeneration, GotOcrProcessor]:
    model = GotOcrForConditionalGeneration.from_pretrained(BUILTIN_CHECKPOINT).eval()
    return model, GotOcrProcessor.from_pretrained(BUILTIN_CHECKPOINT)


def test_words_go_where_they_were_read() -> None:
    words = ["one", "two", "three", "four", "five", "six"]
    parted = ["one two", "three", "four five six"]
    assert part_words(words, ["one two", "three", "four five six"], [7, 5, 13]) == [
        "one two",
        "three",
        "four five six",
    ]
    # Poor readings still tell the pieces apart, and widths help where nothing was read.
    assert part_words(words, ["onc lwo", "fhree", "fuor fivc slx"], [7, 5, 13]) == [
        "one two",
        "three",
        "four five six",
    ]
    assert part_words(words, ["", "", ""], [7, 5, 13]) == parted
    assert part_words([], ["x"], [3]) == [""]
    assert part_words(words, [], []) == []


def test_slices_hold_the_text_in_order(nano: tuple) -> None:
    samples, left_out = cut_samples(*nano, [(draw(LINES), "\n".join(LINES))])
    assert left_out == 0
    assert " ".join(sample.turns[0].answer for sample in samples).split() == " ".join(LINES).split()
    assert {sample.images[0].size for sample in samples} == {(192, 192)}
    assert all(sample.turns[0].instruction == "OCR: " for sample in samples)
    assert all(sample.source["difference"] < 0.35 for sample in samples)


def test_text_that_is_not_on_the_page_is_left_out(nano: tuple) -> None:
    samples, left_out = cut_samples(*nano, [(draw(LINES), "0123456789 " * 8)])
    assert samples == []
    assert left_out >= 2


def test_a_checkpoint_for_whole_pages_is_refused(tiny_model: GotOcrForConditionalGeneration) -> None:
    with pytest.raises(ValueError, match=r"reads whole pages .* train it on pages"):
        cut_samples(tiny_model, None, [])


def test_the_command_writes_a_conversation_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw(LINES).save(tmp_path / "page.png")
    (tmp_path / "page.txt").write_text("\n".join(LINES), encoding="utf-8")
    assert slice_samples.main([str(tmp_path), "--output", str(tmp_path / "slices")]) == 0
    written = json.loads((tmp_path / "slices" / "conversations.json").read_text(encoding="utf-8"))
    assert Image.open(tmp_path / "slices" / written[0]["image"]).size == (192, 192)
    assert written[0]["conversations"][0] == {"from": "human", "value": "<image>\nOCR: "}
    assert written[0]["conversations"][1]["value"].split()[:2] == ["The", "harbour"]
    assert f"{len(written)} slices; 0 left out" in capsys.readouterr().err
