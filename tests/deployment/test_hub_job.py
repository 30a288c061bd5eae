"""`examples/hub_job.py`: data set in, data set out."""

import re
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("datasets", reason="the extra `datasets` is not installed")

from datasets import Dataset, Features, Image, Value, load_from_disk
from packaging.requirements import Requirement

from tests.serving.conftest import as_png, draw_page

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "hub_job.py"


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", [SCRIPT.name, *map(str, arguments), "--model", "nano", "--device", "cpu"])
    with pytest.raises(SystemExit) as leave:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    return leave.value.code if isinstance(leave.value.code, int) else 2


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """Three pictures, one of them none."""
    pictures = [as_png(draw_page(("one",), (300, 80))), b"no picture", as_png(draw_page(("two words",), (300, 80)))]
    rows = [{"id": number, "page": {"bytes": data, "path": None}} for number, data in enumerate(pictures)]
    features = Features({"id": Value("int64"), "page": Image(decode=False)})
    Dataset.from_list(rows, features=features).save_to_disk(str(tmp_path / "in"))
    return tmp_path / "in"


def test_a_data_set_gets_its_text(saved: Path, tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    assert run(monkeypatch, saved, tmp_path / "out", "--image-column", "page", "--batch-size", 2) == 0
    done = load_from_disk(str(tmp_path / "out"))
    assert done["id"] == [0, 1, 2]
    assert list(done["text"]) == ["one", "", "two words"]
    errors = list(done["text_error"])
    assert errors[0] is None and "no picture" in errors[1]
    assert done["text_probability"][0] > 0.5
    assert done.features["page"].decode
    assert "3 pictures, 1 could not be read" in capsys.readouterr().err
    assert "Pictures of the column `page`" in (tmp_path / "out" / "README.md").read_text()


def test_a_folder_of_pictures(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "scans").mkdir()
    for name in ("a", "b"):
        draw_page((f"page {name}",), (300, 80)).save(tmp_path / "scans" / f"{name}.png")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    assert run(monkeypatch, tmp_path / "scans", tmp_path / "out", "--max-samples", 1, "--output-column", "read") == 0
    assert list(load_from_disk(str(tmp_path / "out"))["read"]) == ["page a"]


def test_a_wrong_column_is_one_line(saved: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(sys, "argv", ["hub_job.py", str(saved), str(tmp_path / "out"), "--model", "nano"])
    with pytest.raises(SystemExit, match="there is no column 'image': give --image-column one of id, page"):
        runpy.run_path(str(SCRIPT), run_name="__main__")


def test_its_dependencies_stand_in_it() -> None:
    """PEP 723, as `uv run` and `hf jobs uv run` read it."""
    block = re.match(r"# /// script\n((?:# .*\n)+)# ///\n", SCRIPT.read_text(encoding="utf-8"))
    assert block is not None
    text = re.sub(r"^# ", "", block[1], flags=re.MULTILINE)
    names = {Requirement(found).name for found in re.findall(r'^    "(.*)",$', text, flags=re.MULTILINE)}
    assert 'requires-python = ">=3.10"' in text
    imported = set(re.findall(r"^(?:from|import) (\w+)", SCRIPT.read_text(encoding="utf-8"), flags=re.MULTILINE))
    third = {name.replace("got_ocr", "got-ocr") for name in imported - set(sys.stdlib_module_names)}
    assert third <= names
