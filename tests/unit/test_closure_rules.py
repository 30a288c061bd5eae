"""The rules that let transformers' loader of remote code take the closure (design.md, section 1)."""

import ast
import re
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "got_ocr"
CLOSURE = sorted(PACKAGE.glob("*_got_ocr.py"))
NAMES = {file.stem for file in CLOSURE}
ENTRIES = (
    "configuration_got_ocr",
    "modeling_got_ocr",
    "tokenization_got_ocr",
    "image_processing_got_ocr",
    "processing_got_ocr",
    "pipeline_got_ocr",
)
ALLOWED = {"transformers", "torch", "numpy", "PIL", "tiktoken", "safetensors"} | sys.stdlib_module_names
# As transformers/dynamic_module_utils.py reads a file, docstrings included.
LOADERS_REGEX = re.compile(r"^\s*from\s+\.(\S+)\s+import", re.MULTILINE)
LOADERS_OTHER_REGEX = re.compile(r"^\s*import\s+\.(\S+)\s*$", re.MULTILINE)


def imports(file: Path) -> tuple[set[str], set[str]]:
    """Closure modules and packages that a file imports, anywhere in it."""
    siblings, packages = set(), set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            assert node.level == 1 and node.module and "." not in node.module, (
                f"{file.name}, line {node.lineno}: the loader only takes `from .module_got_ocr import name`."
            )
            siblings.add(node.module)
        elif isinstance(node, ast.ImportFrom):
            packages.add(node.module.partition(".")[0])
        elif isinstance(node, ast.Import):
            packages |= {alias.name.partition(".")[0] for alias in node.names}
    return siblings, packages


def transitive(name: str) -> set[str]:
    found, waiting = set(), {name}
    while waiting:
        current = waiting.pop()
        new = imports(PACKAGE / f"{current}.py")[0] - found
        found |= new
        waiting |= new
    return found


@pytest.mark.parametrize("file", CLOSURE, ids=lambda file: file.stem)
def test_imports_are_of_the_closure_or_of_what_everybody_has(file):
    siblings, packages = imports(file)

    assert siblings <= NAMES, f"{file.name} imports {siblings - NAMES}, which are not closure files"
    assert packages <= ALLOWED, f"{file.name} imports {packages - ALLOWED}: use importlib inside the function"


@pytest.mark.parametrize("file", CLOSURE, ids=lambda file: file.stem)
def test_the_loader_sees_the_imports_that_python_sees(file):
    text = file.read_text(encoding="utf-8")

    assert set(LOADERS_REGEX.findall(text)) == imports(file)[0]
    assert not LOADERS_OTHER_REGEX.findall(text)


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_entry_file_names_all_that_it_needs(entry):
    """Transformers 4 copies what the entry file imports, and not what those files import."""
    missing = transitive(entry) - imports(PACKAGE / f"{entry}.py")[0]

    assert not missing, f"{entry}.py must import these by name too: {', '.join(sorted(missing))}"
