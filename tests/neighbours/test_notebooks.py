"""The notebooks of `examples/notebooks` run from their first cell to their last, and keep no error."""

import json
import sys
from pathlib import Path

import pytest

pytest.importorskip("nbclient", reason="nbclient is not installed: make test-neighbours runs this")
pytest.importorskip("ipykernel", reason="ipykernel is not installed: make test-neighbours runs this")

import nbclient
import nbformat

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "notebooks"
# A word of each that its outputs must show: what it is about was done, not only run.
SHOWN = {
    "quick_start": "keeper",
    "every_mode": "TextLine",
    "searchable_pdf": "The Lamp Room",
    "finetune": "before, ",
    "evaluate_and_compare": "edit_distance",
    "serve_and_call": "got_ocr_requests_total",
    "bulk": "Invoice number 1008",
}


def test_every_notebook_is_run_here() -> None:
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == set(SHOWN)


@pytest.mark.parametrize("name", SHOWN)
def test_a_notebook_runs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # `!got-ocr` is the one of this environment, or of the one that it stands on.
    programs = [Path(sys.executable).parent, Path(pytest.__file__).parents[4] / "bin"]
    monkeypatch.setenv("PATH", ":".join(map(str, programs)), prepend=":")
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    for cell in notebook.cells:
        if cell["cell_type"] == "code":
            cell["outputs"] = []
    nbclient.NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(FOLDER)}}).execute()
    printed = json.dumps([cell.get("outputs") for cell in notebook.cells])
    assert SHOWN[name] in printed and '"output_type": "error"' not in printed
