"""Run the notebooks from their first cell to their last and store them with what they show.

    python examples/notebooks/execute.py                   all, where they are
    python examples/notebooks/execute.py quick_start       one
    python examples/notebooks/execute.py --links           only write the links to the repository anew

Needs `pip install nbclient ipykernel` and what the notebooks install in Colab. Names of temporary folders and of this
machine's are left out of the outputs, and so is what changes from run to run of a cell's own record; links follow
`REPOSITORY` in got_ocr/version.py.
"""

import argparse
import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from got_ocr.version import REPOSITORY

FOLDER = Path(__file__).resolve().parent
TIMEOUT_S = 900
_REPOSITORY = re.compile(
    r"(?<=github\.com/)[\w.-]+/[\w.-]+?(?=[/\s'\"])|(?<=colab\.research\.google\.com/github/)[\w.-]+/[\w.-]+"
)
_PLACES = re.compile(
    rf"{re.escape(tempfile.gettempdir())}/[\w.-]+|{re.escape(str(FOLDER.parents[1]))}|{re.escape(sys.prefix)}"
)


def write_links(notebook: Any) -> None:
    """Make a notebook's links lead to the repository."""
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        cell["source"] = _REPOSITORY.sub(REPOSITORY, source).splitlines(keepends=True)


def execute(path: Path) -> Any:
    """Run a notebook. Returns: it, with outputs."""
    import nbclient
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(notebook, timeout=TIMEOUT_S, resources={"metadata": {"path": str(FOLDER)}}).execute()
    cells = json.loads(nbformat.writes(notebook))
    for cell in cells["cells"]:
        cell["metadata"] = {}
        if "outputs" in cell:  # Progress and warnings of a library are not what a notebook shows.
            cell["outputs"] = [one for one in cell["outputs"] if one.get("name") != "stderr"]
        for output in cell.get("outputs", []):
            output.get("data", {}).pop("image/jpeg", None)  # the same picture as PNG stands beside it
            output.get("metadata", {}).pop("image/png", None)
    cells["metadata"]["language_info"] = {"name": "python"}
    return json.loads(_PLACES.sub("...", json.dumps(cells)))


def main() -> int:
    """Run the notebooks asked for. Returns: the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="such as quick_start; all without")
    parser.add_argument("--links", action="store_true", help="run nothing")
    options = parser.parse_args()
    for path in sorted(FOLDER.glob("*.ipynb")):
        if options.names and path.stem not in options.names:
            continue
        notebook = json.loads(path.read_text(encoding="utf-8")) if options.links else execute(path)
        write_links(notebook)
        path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print(path.name, file=sys.stderr, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
