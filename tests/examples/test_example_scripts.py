"""The scripts of `examples/` run as they stand, and the sample pictures are what their script draws."""

import json
import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFont

from got_ocr.hub.cache import BUILTIN_CHECKPOINT
from got_ocr.processing.pages import iter_pages
from got_ocr.reading.model import GotOcrForConditionalGeneration
from got_ocr.version import REPOSITORY

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
IMAGES = EXAMPLES / "images"
NOTEBOOKS = EXAMPLES / "notebooks"

needs_nano = pytest.mark.skipif(
    not (BUILTIN_CHECKPOINT / "model.safetensors").is_file(), reason="the built-in checkpoint is not there yet"
)


def run(name: str, *arguments: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")


@needs_nano
def test_read_page(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run("read_page.py", monkeypatch=monkeypatch)
    captured = capsys.readouterr()
    # A loose bound: what the checkpoint is worth is measured by `make bench`, not here.
    assert "the keeper" in captured.out.lower()
    assert "mean probability 0." in captured.err


@needs_nano
def test_read_pdf(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run("read_pdf.py", monkeypatch=monkeypatch)
    out = capsys.readouterr().out
    assert "--- page 1" in out
    assert "--- page 2" in out


@needs_nano
def test_batch_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with Image.open(IMAGES / "sample_page.png") as page:
        page.crop((80, 40, 500, 160)).save(tmp_path / "1.png")
    (tmp_path / "2.png").write_bytes(b"broken")
    run("batch_folder.py", tmp_path, 2, monkeypatch=monkeypatch)
    captured = capsys.readouterr()
    assert "1.png: '" in captured.out
    assert "left out: " in captured.err
    assert "2.png: is no picture that can be read" in captured.err


@needs_nano
def test_regions(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run("regions.py", monkeypatch=monkeypatch)
    out = capsys.readouterr().out
    for color in ("red", "green", "blue"):
        assert f"--- {color}" in out


def test_samples_are_what_their_script_draws(tmp_path: Path) -> None:
    try:
        ImageFont.truetype("LiberationSerif-Regular.ttf", 20)
    except OSError:
        pytest.skip("Liberation Serif is not installed")
    script = runpy.run_path(str(EXAMPLES / "make_samples.py"))
    script["main"].__globals__["FOLDER"] = tmp_path
    script["main"]()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in IMAGES.iterdir())
    for path in IMAGES.iterdir():
        if path.suffix in (".txt", ".json"):
            assert path.read_text() == (tmp_path / path.name).read_text()
            continue
        for committed, drawn in zip(iter_pages(path), iter_pages(tmp_path / path.name), strict=True):
            # Another FreeType may shade edges otherwise.
            difference = np.asarray(committed.image, dtype=int) - np.asarray(drawn.image, dtype=int)
            assert np.abs(difference).mean() < 3


@needs_nano
@pytest.mark.parametrize("options", [[], ["--lora"]], ids=["all weights", "adapters"])
def test_finetune_on_my_documents(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Every step with two pages and two steps of training; what the real setting brings, docs/figures.md says."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    few = ["--set", "optimisation.max_steps=2", "--set", "optimisation.batch_per_device=2"]
    run("finetune_on_my_documents.py", "--output", tmp_path, "--count", 2, *options, *few, monkeypatch=monkeypatch)
    out, err = capfd.readouterr()
    model = tmp_path / "run" / "model"
    assert re.fullmatch(rf"character error rate [\d.]+% before, [\d.]+% after: {re.escape(str(model))}\n", out)
    printed = [line.split()[3] for line in err.splitlines() if line.startswith("$ python -m ")]
    assert printed == ["got_ocr", "got_ocr.nano.slice_samples", "got_ocr", "got_ocr"]
    words = [set((tmp_path / name / "000.txt").read_text().split()) for name in ("train", "check")]
    assert not words[0] & words[1]
    trained = GotOcrForConditionalGeneration.from_pretrained(model).state_dict()
    before = GotOcrForConditionalGeneration.from_pretrained(BUILTIN_CHECKPOINT).state_dict()
    assert any(not before[name].equal(weight) for name, weight in trained.items())
    assert trained.keys() == before.keys()


@needs_nano
def test_quick_start_notebook(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Every cell of Python runs, in order, in one namespace; those with commands are run by tests/neighbours."""
    notebook = json.loads((NOTEBOOKS / "quick_start.ipynb").read_text(encoding="utf-8"))
    monkeypatch.chdir(NOTEBOOKS)
    namespace: dict[str, object] = {}
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code" and not any(line.lstrip().startswith("!") for line in source.splitlines()):
            exec(source, namespace)
    out = capsys.readouterr().out
    assert "the keeper" in out.lower()
    assert "error | ../images/missing.png: no such file" in out


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_is_stored_as_it_ran(path: Path) -> None:
    """With outputs, without errors and without a trace of the machine; its badge opens it in Colab."""
    text = path.read_text(encoding="utf-8")
    cells = json.loads(text)["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell["outputs"]]
    assert len(outputs) >= 3 and not [one for one in outputs if one["output_type"] == "error"]
    assert not re.search(r"/home/|/root/|/work/|/tmp/", text)
    opened = f"https://colab.research.google.com/github/{REPOSITORY}/blob/main/examples/notebooks/{path.name}"
    assert f"]({opened})" in "".join(cells[0]["source"])
    assert f"git clone --quiet --depth 1 https://github.com/{REPOSITORY}\n" in "".join(code[0]["source"])
