"""Run a selection of the tests on other Pythons, each in an environment of its own that shares nothing with this one.

    python tests/pythons.py                  3.10, 3.12 and 3.13, those that are here
    python tests/pythons.py 3.13             this one
    python tests/pythons.py --list           the Pythons and the tests, without running any
    python tests/pythons.py --light          without torch: what reads by numpy, lays out and writes

A Python is looked for as `pythonX.Y`, then among pyenv's and uv's. Where the index has torch for GPUs alone (PyPI, on
Linux) an environment takes 6 GB; `--pip=--extra-index-url=URL` names an index with builds for CPUs. `--keep DIR` keeps
the environments there; else each goes before the next comes.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.compat import CORE_TESTS  # noqa: E402 - found by the line above

VERSIONS = ("3.10", "3.12", "3.13")
EXTRAS = "[train,eval,serve]"
TEST_PACKAGES = ("pytest>=8.3", "pytest-timeout>=2.3", "pytest-xdist>=3.6", "httpx>=0.27", "hypothesis>=6.100")
# What reads with numpy, without torch or transformers: their distributions, since the package itself asks for torch.
LIGHT_PACKAGES = ("numpy", "pillow", "pypdfium2", "tiktoken", "safetensors", "tqdm", "huggingface_hub")
MORE_TESTS = (
    "tests/cli/test_cli_read.py",
    "tests/configuration",
    "tests/hub/test_flatten.py",
    "tests/layout",
    "tests/light",
    "tests/modeling/test_generation.py",
    "tests/processing/test_mode.py",
    "tests/processing/test_pages.py",
    "tests/reading/test_line_boxes.py",
    "tests/reading/test_reader.py",
    "tests/rendering/test_line_formats.py",
    "tests/rendering/test_parsing.py",
    "tests/serving/test_api.py",
    "tests/slices",
    "tests/test_rooms.py",
    "tests/training/test_data.py",
    "tests/training/test_config.py",
)
LIGHT_CHECK = """
import sys
from pathlib import Path
from got_ocr import BUILTIN_CHECKPOINT, load_image
from got_ocr.layout import analyse_page
from got_ocr.light import open_light
from got_ocr.rendering.line_formats import LinedPage, PageLine, write_lines

picture = load_image(Path(sys.argv[1]))
light = open_light(BUILTIN_CHECKPOINT)
for kind in ("ocr", "format"):
    (answer,) = light.read(None, [picture], ocr_type=kind)
    assert "the keeper" in answer.text.lower(), answer.text
assert len(analyse_page(picture).lines) > 10
lines = [PageLine(line.text, line.box, line.confidence, line.block) for line in answer.lines]
for form in ("hocr", "alto"):
    assert "keeper" in write_lines(form, LinedPage("page.png", *picture.size, lines))
assert "torch" not in sys.modules and "transformers" not in sys.modules
print("reads, lays out and writes without torch")
"""


def find_python(version: str) -> Path | None:
    """Find a Python that runs. Returns: its program, or None."""
    homes = (Path.home() / ".pyenv" / "versions", Path.home() / ".local" / "share" / "uv" / "python")
    kept = [program for home in homes for program in sorted(home.glob(f"*{version}.*/bin/python{version}"))]
    for program in (Path(f"python{version}"), *kept):
        try:
            said = subprocess.run([program, "--version"], capture_output=True, text=True)
        except OSError:
            continue
        if said.returncode == 0 and said.stdout.startswith(f"Python {version}."):
            return program
    return None


def install(program: Path, folder: Path, wants: list[str]) -> Path | None:
    """Make an environment. Returns: its Python; None if something can't be installed."""
    subprocess.run([program, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    pip = [python, "-m", "pip", "install", "--quiet", "--no-cache-dir", "--disable-pip-version-check"]
    return None if subprocess.run([*pip, *wants], cwd=ROOT).returncode else python


def run_version(version: str, folder: Path, is_light: bool, pip: list[str]) -> str:
    """Run the tests on one Python. Returns: what became of them."""
    program = find_python(version)
    if program is None:
        return "not here"
    print(f"== Python {version}: {program}", flush=True)
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    if is_light:
        python = install(program, folder, [*LIGHT_PACKAGES, *pip])
        command = ["-c", LIGHT_CHECK, str(ROOT / "examples" / "images" / "sample_page.png")]
    else:
        constraints = ["--constraint", str(ROOT / "constraints.txt")]
        python = install(program, folder, [f".{EXTRAS}", *TEST_PACKAGES, *constraints, *pip])
        tests = dict.fromkeys(test for test in (*CORE_TESTS, *MORE_TESTS) if (ROOT / test).exists())
        command = ["-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", *tests]
    if python is None:
        return "can't be installed"
    return "passed" if subprocess.run([python, *command], cwd=ROOT, env=environment).returncode == 0 else "FAILED"


def main() -> int:
    """Run the Pythons asked for. Returns: the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("versions", nargs="*", default=VERSIONS, help="such as 3.13")
    parser.add_argument("--light", action="store_true", help="without torch: a minute each")
    parser.add_argument("--list", action="store_true", help="only say what would run")
    parser.add_argument("--keep", type=Path, help="keep the environments in this folder")
    parser.add_argument("--pip", action="append", default=[], help="one more argument of pip install")
    arguments = parser.parse_args()
    if arguments.list:
        print(*(f"{version}: {find_python(version) or 'not here'}" for version in arguments.versions), sep="\n")
        print(*CORE_TESTS, *MORE_TESTS, sep="\n")
        return 0
    results = {}
    for version in arguments.versions:
        with tempfile.TemporaryDirectory() as temporary:
            folder = (arguments.keep or Path(temporary)) / f"python{version}"
            results[version] = run_version(version, folder, arguments.light, arguments.pip)
    for version, result in results.items():
        print(f"Python {version}: {result}")
    return 1 if {"FAILED", "can't be installed"} & set(results.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
