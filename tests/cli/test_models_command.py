"""`got-ocr models`: what lies on the machine, whatever else the cache holds."""

import json
from pathlib import Path

import pytest

from got_ocr.cli import exit_codes, main


def write_snapshot(cache: Path, repository: str, model_type: str, weights: bytes = b"") -> Path:
    """A repository in the Hub cache, as huggingface_hub lays it out."""
    folder = cache / f"models--{repository.replace('/', '--')}"
    snapshot = folder / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("a" * 40)
    (snapshot / "config.json").write_text(json.dumps({"model_type": model_type}))
    if weights:
        (snapshot / "model.safetensors").write_bytes(weights)
        (snapshot / "qwen.tiktoken").write_bytes(b"")
    return snapshot


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "hub"
    folder.mkdir()
    for name in (
        "huggingface_hub.constants.HF_HUB_CACHE",
        "huggingface_hub.file_download.constants.HF_HUB_CACHE",
    ):
        monkeypatch.setattr(name, str(folder))
    monkeypatch.delenv("GOT_OCR_MODEL", raising=False)
    return folder


def listed(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, object]]:
    assert main(["models", "--json"]) == exit_codes.OK
    return {entry["name"]: entry for entry in map(json.loads, capsys.readouterr().out.splitlines())}


def test_an_empty_cache(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models = listed(capsys)
    assert list(models) == ["nano", "full"]
    assert models["nano"]["reads"] and models["nano"]["complete"] and models["nano"]["bytes"] > 1_000_000
    assert models["full"] == {"name": "full", "location": None, "bytes": None, "complete": False, "reads": False}
    assert main(["models"]) == exit_codes.OK
    out = capsys.readouterr().out
    assert out.startswith("* nano")
    assert "--model full loads stepfun-ai/GOT-OCR2_0" in out


def test_checkpoints_of_other_kinds_are_left_out(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    full = write_snapshot(cache, "stepfun-ai/GOT-OCR2_0", "GOT", bytes(5000))
    write_snapshot(cache, "someone/llama", "llama", bytes(10))
    own = write_snapshot(cache, "me/my-pages", "got_ocr2", bytes(7))
    write_snapshot(cache, "me/half", "GOT")
    models = listed(capsys)
    assert list(models) == ["nano", "full", "me/half", "me/my-pages", "stepfun-ai/GOT-OCR2_0"]
    assert models["full"]["location"] == str(full) and models["full"]["bytes"] == 5000
    assert models["me/my-pages"]["location"] == str(own)
    assert not models["me/half"]["complete"]
    assert [name for name, model in models.items() if model["reads"]] == ["nano"]


@pytest.mark.parametrize(("value", "reads"), [("full", "full"), ("me/my-pages", "me/my-pages"), ("nano", "nano")])
def test_the_environment_chooses(
    cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, value: str, reads: str
) -> None:
    write_snapshot(cache, "stepfun-ai/GOT-OCR2_0", "GOT", bytes(5000))
    write_snapshot(cache, "me/my-pages", "got_ocr2", bytes(7))
    monkeypatch.setenv("GOT_OCR_MODEL", value)
    assert listed(capsys)[reads]["reads"]


def test_a_choice_that_is_none(
    cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOT_OCR_MODEL", "no/such/place")
    assert main(["models"]) == exit_codes.MODEL_FAILED
    captured = capsys.readouterr()
    assert "nano" in captured.out
    assert "GOT_OCR_MODEL: no folder no/such/place here" in captured.err
