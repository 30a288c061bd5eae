"""The notebooks of `examples/` run from their first cell to their last, and keep no error."""

import json
from pathlib import Path

import pytest

pytest.importorskip("nbclient", reason="nbclient is not installed: make test-neighbours runs this")
pytest.importorskip("ipykernel", reason="ipykernel is not installed: make test-neighbours runs this")

import nbclient
import nbformat

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NOTEBOOKS = sorted(path.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.rglob("*.ipynb"))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs(name: str) -> None:
    notebook = nbformat.read(EXAMPLES / name, as_version=4)
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(EXAMPLES)}}).execute()
    printed = json.dumps([cell.get("outputs") for cell in notebook.cells])
    assert "keeper" in printed and '"error"' not in printed
