"""Training data that `got-ocr data` writes is read by ms-swift and LLaMA-Factory, by their own loaders."""

import importlib
import importlib.machinery
import json
import sys
import types
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from got_ocr.cli import main

SAMPLES = [(["a.png"], "OCR: ", "one page"), (["a.png", "b.png"], "OCR with format across multi pages: ", "two pages")]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        Image.new("RGB", (20, 10), "white").save(folder / name)
    entries = [
        {
            "image": names,
            "conversations": [{"from": "human", "value": f"<image>\n{asked}"}, {"from": "gpt", "value": told}],
        }
        for names, asked, told in SAMPLES
    ]
    (folder / "conversations.json").write_text(json.dumps(entries))
    return folder


def test_ms_swift_reads_it(source: Path, tmp_path: Path) -> None:
    pytest.importorskip("swift", reason="ms-swift is not installed: make test-neighbours runs this")
    file = tmp_path / "mine.jsonl"
    assert main(["data", str(source), "--to", "swift", "--output", str(file), "--quiet"]) == 0
    load_dataset = importlib.import_module("swift.dataset").load_dataset
    rows, _ = load_dataset([str(file)], num_proc=1, strict=True)
    assert len(rows) == len(SAMPLES)
    for row, (names, asked, told) in zip(rows, SAMPLES, strict=True):
        user, assistant = row["messages"]
        assert (user["role"], assistant["role"], assistant["content"]) == ("user", "assistant", told)
        assert user["content"] == "<image>" * len(names) + asked
        paths = [image["path"] for image in row["images"]]
        assert [Path(path).name for path in paths] == names and all(Path(path).is_file() for path in paths)


def test_llama_factory_reads_it(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("llamafactory", reason="llamafactory is not installed: make test-neighbours runs this")
    if importlib.util.find_spec("torchaudio") is None:  # It imports this for sound, which has no part here.
        stub = types.ModuleType("torchaudio")
        stub.__spec__ = importlib.machinery.ModuleSpec("torchaudio", None)
        monkeypatch.setitem(sys.modules, "torchaudio", stub)
    file = tmp_path / "lf" / "mine.json"
    assert main(["data", str(source), "--to", "llamafactory", "--output", str(file), "--quiet"]) == 0
    parser = importlib.import_module("llamafactory.data.parser")
    converter = importlib.import_module("llamafactory.data.converter")
    (described,) = parser.get_dataset_list(["mine"], str(file.parent))
    assert (described.load_from, described.dataset_name, described.images) == ("file", "mine.json", "images")
    rows: Any = importlib.import_module("datasets").load_dataset("json", data_files=str(file), split="train")
    arguments = SimpleNamespace(
        media_dir=str(file.parent), streaming=False, preprocessing_num_workers=1, overwrite_cache=True
    )
    aligned = converter.align_dataset(rows, described, arguments, SimpleNamespace(local_process_index=0))
    for row, (names, asked, told) in zip(aligned, SAMPLES, strict=True):
        assert row["_prompt"] == [{"role": "user", "content": "<image>" * len(names) + asked}]
        assert row["_response"] == [{"role": "assistant", "content": told}]
        assert [Path(path).name for path in row["_images"]] == names
        assert all(Path(path).is_file() for path in row["_images"])
