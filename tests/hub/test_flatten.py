"""What `flatten` writes is what transformers' loader of remote code takes."""

import ast
import re
import sys

import pytest

from got_ocr.configuration.remote_code import ENTRY_CLASSES
from got_ocr.hub import flatten as flattening
from got_ocr.hub.flatten import ENTRY_MODULES, FlattenError, flatten, write_flat_files

ALLOWED = {
    *("transformers", "tokenizers", "torch", "numpy", "PIL", "tiktoken", "safetensors"),
    *sys.stdlib_module_names,
}
# As transformers/dynamic_module_utils.py reads a file, docstrings included.
LOADERS_REGEX = re.compile(r"^\s*from\s+\.(\S+)\s+import", re.MULTILINE)
LOADERS_OTHER_REGEX = re.compile(r"^\s*import\s+\.(\S+)\s*$", re.MULTILINE)
FILES = flatten()
ENTRIES = sorted(set(ENTRY_CLASSES.values()))


def imports(name):
    """Flat files and packages that a flat file imports, anywhere in it."""
    siblings, packages = set(), set()
    for node in ast.walk(ast.parse(FILES[name])):
        if isinstance(node, ast.ImportFrom) and node.level:
            assert node.level == 1 and node.module and "." not in node.module, f"{name}, line {node.lineno}"
            siblings.add(node.module)
        elif isinstance(node, ast.ImportFrom):
            packages.add(node.module.partition(".")[0])
        elif isinstance(node, ast.Import):
            packages |= {alias.name.partition(".")[0] for alias in node.names}
    return siblings, packages


def transitive(name):
    found, waiting = set(), {name}
    while waiting:
        new = imports(f"{waiting.pop()}.py")[0] - found
        found |= new
        waiting |= new
    return found


@pytest.mark.parametrize("name", FILES)
def test_imports_are_of_flat_files_or_of_what_everybody_has(name):
    siblings, packages = imports(name)

    assert {f"{sibling}.py" for sibling in siblings} <= FILES.keys()
    assert packages <= ALLOWED


@pytest.mark.parametrize("name", FILES)
def test_the_loader_sees_the_imports_that_python_sees(name):
    assert set(LOADERS_REGEX.findall(FILES[name])) == imports(name)[0]
    assert not LOADERS_OTHER_REGEX.findall(FILES[name])


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_entry_file_names_all_that_it_needs(entry):
    """Transformers 4 copies what the entry file imports, and not what those files import."""
    assert not transitive(entry) - {entry} - imports(f"{entry}.py")[0]


def test_entry_files_hold_the_classes_of_auto_map():
    assert set(ENTRY_MODULES.values()) == set(ENTRIES)
    for class_name, file in ENTRY_CLASSES.items():
        names = {node.name for node in ast.parse(FILES[f"{file}.py"]).body if isinstance(node, ast.ClassDef)}
        assert class_name in names


def test_text_is_unchanged_but_for_imports(tmp_path):
    write_flat_files(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == FILES.keys()
    source = (flattening.PACKAGE / "modeling" / "vision.py").read_text()
    flat = (tmp_path / "modeling_vision_got_ocr.py").read_text()
    changed = [pair for pair in zip(source.splitlines(), flat.splitlines(), strict=True) if pair[0] != pair[1]]
    assert changed
    for old, new in changed:
        assert old.startswith("from .") and new.startswith("from .")
        assert old.split(" import ")[1] == new.split(" import ")[1]


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A small package: two rooms, to be given text."""
    monkeypatch.setattr(flattening, "PACKAGE", tmp_path)
    monkeypatch.setattr(flattening, "ROOMS", ("lower", "upper"))
    monkeypatch.setattr(flattening, "ENTRY_MODULES", {"upper.top": "top_got_ocr"})
    for cached in (flattening.flatten, flattening._offers):
        cached.cache_clear()

    def write(top, base="def act():\n    pass\n", door="from .base import act as act\n"):
        for room in ("lower", "upper"):
            (tmp_path / room).mkdir(exist_ok=True)
            (tmp_path / room / "__init__.py").write_text(door if room == "lower" else "")
        (tmp_path / "lower" / "base.py").write_text(base)
        (tmp_path / "upper" / "top.py").write_text(top)
        return flattening.flatten()

    yield write
    for cached in (flattening.flatten, flattening._offers):
        cached.cache_clear()


@pytest.mark.parametrize(
    "line",
    [
        "from ..lower.base import act",
        "from ..lower import act",
        "from ..lower.base import (\n    act,\n)",
        "from ..lower.base import act as do",
        "def f():\n    from ..lower import act\n    return act",
    ],
)
def test_imports_between_rooms_become_flat(house, line):
    text = house(f"{line}\n")["top_got_ocr.py"]

    assert "from .lower_base_got_ocr import" in text and ".." not in text
    ast.parse(text)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("from .. import lower", "lower of got_ocr does not go to the Hub"),
        ("from ..lower import base", "import names of lower.base, not the module"),
        ("from ..lower import unknown", "unknown of lower does not go to the Hub"),
        ("from ..cli.read import run", "run of cli.read does not go to the Hub"),
        ("import got_ocr.lower.base", "got_ocr.lower.base does not go to the Hub"),
        ("from rapidfuzz import distance", "rapidfuzz does not go to the Hub"),
        ("def f():\n    import requests", "requests does not go to the Hub"),
        ('"""Example::\n\n    from .nowhere import x\n"""', "would read an import of nowhere"),
    ],
)
def test_what_the_loader_cannot_take_is_refused_with_its_place(house, line, told):
    with pytest.raises(FlattenError, match=re.escape(told)) as caught:
        house(f"{line}\n")
    assert "got_ocr/upper/top.py" in str(caught.value)


def test_an_entry_gets_what_it_needs_in_turn(house):
    (flattening.PACKAGE / "upper").mkdir(parents=True, exist_ok=True)
    (flattening.PACKAGE / "upper" / "middle.py").write_text(
        "from ..lower.base import act\n\n\ndef pass_on():\n    act()\n"
    )
    text = house("from .middle import pass_on\n")["top_got_ocr.py"]
    assert "from .lower_base_got_ocr import act  # noqa: F401" in text
