"""Training data in other trainers' forms: read back, it is the same; what can't be read is named and left out."""

import json
import os
from pathlib import Path

import pytest
from PIL import Image

from got_ocr.cli import main
from got_ocr.cli.data import FORMS
from got_ocr.processing.pictures import load_image
from got_ocr.training.conversation_sets import open_set
from got_ocr.training.exports import DATASET_INFO, EXPORTS, export_set

SUFFIXES = {"swift": ".jsonl", "llamafactory": ".json", "published": ".json"}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A set of one picture, several, a folder of tiles, several turns, and one of a picture that is not there."""
    folder = tmp_path / "mine"
    for name in ("a.png", "b.png", "tiles/1.png", "tiles/2.png", "tiles/10.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20 + len(name), 10), "white").save(folder / name)
    asked = "<image>\nOCR: "
    turns = [{"from": "human", "value": asked}, {"from": "gpt", "value": 'a "text" <b>\n中文'}]
    more = [*turns, {"from": "human", "value": "again"}, {"from": "gpt", "value": "once more"}]
    pages = [{"from": "human", "value": "<image>\nOCR across multi pages: "}, {"from": "gpt", "value": "two pages"}]
    tiles = [
        {"from": "human", "value": "<image>\nOCR upon the patch reference: "},
        {"from": "gpt", "value": "three tiles"},
    ]
    entries = [
        {"image": "a.png", "conversations": turns},
        {"image": "b.png", "conversations": more},
        {"image": ["a.png", "b.png"], "conversations": pages},
        {"image": "tiles/", "conversations": tiles},
        {"image": "missing.png", "conversations": turns},
    ]
    (folder / "conversations.json").write_text(json.dumps(entries))
    return folder


@pytest.mark.parametrize("form", EXPORTS)
def test_read_back_it_is_the_same(form: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # Given by a relative name, as people do.
    samples = open_set("mine/conversations.json")
    before = [samples[index] for index in range(4)]
    report = export_set(samples, form, Path(f"out/here/mine{SUFFIXES[form]}"))
    assert report.count == 4 and len(report.bad) == 1 and "missing.png: there is no such picture" in report.bad[0]
    monkeypatch.chdir(source)  # ms-swift and LLaMA-Factory are started elsewhere.
    after = open_set(tmp_path / report.path)
    assert len(after) == 4
    for index in range(4):
        old, new = before[index], after[index]
        assert (new.turns, new.mode) == (old.turns, old.mode)
        assert [Path(image).is_file() for image in new.images] == [True] * len(new.images)
    names = [[Path(image).name for image in after[index].images] for index in range(4)]
    assert names == [["a.png"], ["b.png"], ["a.png", "b.png"], ["1.png", "2.png", "10.png"]]


def test_the_command_knows_the_forms() -> None:
    assert FORMS == EXPORTS  # Written down there once more, since `--help` imports no trainer.


def test_ms_swift_gets_a_mark_a_picture_and_absolute_names(source: Path, tmp_path: Path) -> None:
    report = export_set(open_set(source), "swift", tmp_path / "mine.jsonl")
    entries = [json.loads(line) for line in report.path.read_text("utf-8").splitlines()]
    assert entries[0]["messages"][0] == {"role": "user", "content": "<image>OCR: "}
    assert entries[3]["messages"][0]["content"].count("<image>") == len(entries[3]["images"]) == 3
    assert all(os.path.isabs(name) for entry in entries for name in entry["images"])


def test_llama_factory_is_told_what_the_file_holds(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "lf"
    target.mkdir()
    (target / DATASET_INFO).write_text('{"other": {"file_name": "other.json"}}')
    export_set(open_set(source), "llamafactory", target / "mine.json")
    info = json.loads((target / DATASET_INFO).read_text())
    assert info["other"] == {"file_name": "other.json"}
    assert info["mine"]["file_name"] == "mine.json" and info["mine"]["formatting"] == "sharegpt"
    entry = json.loads((target / "mine.json").read_text())[2]
    assert entry["messages"][0]["content"].count("<image>") == len(entry["images"]) == 2
    assert all((target / name).is_file() and not os.path.isabs(name) for name in entry["images"])
    (target / DATASET_INFO).write_text("[]")
    with pytest.raises(ValueError, match=r"dataset_info.json is no JSON object: repair it"):
        export_set(open_set(source), "llamafactory", target / "mine.json")


def test_pictures_that_are_in_no_file_are_written(source: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="the extra datasets is not installed")
    held = [{"bytes": (source / name).read_bytes(), "path": None} for name in ("a.png", "b.png")]
    rows = {"image": held, "text": ["one", "two"]}
    data = datasets.Dataset.from_dict(rows).cast_column("image", datasets.Image())
    report = export_set(open_set(data), "swift", tmp_path / "out" / "mine.jsonl")
    (first, second) = (json.loads(line) for line in report.path.read_text().splitlines())
    assert load_image(first["images"][0]).size == (25, 10) and second["messages"][1]["content"] == "two"
    assert Path(first["images"][0]).parent == (tmp_path / "out" / "images").resolve()


def test_the_command(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "mine.jsonl"
    assert main(["data", str(source), "--to", "swift", "--output", str(target)]) == 1  # one sample is left out
    said = capsys.readouterr()
    assert said.out == f"{target}\n" and "left out: " in said.err and "4 of 5 samples" in said.err
    assert main(["data", str(source), "--to", "swift", "--output", str(target)]) == 2
    assert "is there already: give --force" in capsys.readouterr().err
    assert main(["data", str(source), "--to", "swift", "--output", str(tmp_path / "mine.json")]) == 2
    assert "swift wants a file that ends in .jsonl, got mine.json" in capsys.readouterr().err


def test_nothing_is_written_over_where_no_sample_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text(
        '[{"image": "missing.png", "conversations": [{"from": "human", "value": "x"}]}]'
    )
    kept = tmp_path / "mine.json"
    kept.write_text("what was there")
    with pytest.raises(ValueError, match=r"no sample can be read; the first: .*bad\.json:1"):
        export_set(open_set(tmp_path / "bad.json"), "published", kept)
    assert kept.read_text() == "what was there"
