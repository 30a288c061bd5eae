"""Write the six rooms that go to the Hub as flat files, the only form that transformers' loader of remote code takes.

The loader finds `from .name import x` by a regular expression, in docstrings too, and copies `name.py` from the same
folder; it fails on `from . import x`, on `..` and on dotted paths. Transformers 4 copies only what the entry file
itself imports, transformers 5 follows. So every module becomes `<room>_<module>_got_ocr.py`, the six entry files keep
the names by which the Hub knows them, and each entry file imports something of every module that it needs in turn.
"""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
ROOMS = ("configuration", "modeling", "processing", "layout", "slices", "reading")
# Modules that hold the classes which `auto_map` names.
ENTRY_MODULES = {
    "configuration.config": "configuration_got_ocr",
    "processing.image_processor": "image_processing_got_ocr",
    "processing.processor": "processing_got_ocr",
    "processing.tokenizer": "tokenization_got_ocr",
    "reading.model": "modeling_got_ocr",
    "reading.pipeline": "pipeline_got_ocr",
}
# What may be imported besides: everybody who loads a GOT model has it.
OTHER_PACKAGES = {
    *("transformers", "tokenizers", "torch", "numpy", "PIL", "tiktoken", "safetensors"),
    *sys.stdlib_module_names,
}
LOADERS_PATTERN = re.compile(r"^\s*from\s+\.(\S+)\s+import", re.MULTILINE)  # transformers/dynamic_module_utils.py
ENTRY_NOTE = "# Transformers 4 loads remote code with only those files that are imported here."


class FlattenError(ValueError):
    """A module that the loader could not take; the message names file and line."""


@dataclass(frozen=True)
class _Import:
    """A relative import: its lines (from 1, inclusive) and what it takes, by module."""

    first_line: int
    last_line: int
    indent: int
    names: dict[str, list[str]]


def flat_name(module: str) -> str:
    """Name the flat file of a module.

    Args:
        module: `room.module`.

    Returns:
        The file's name without its suffix.
    """
    return ENTRY_MODULES.get(module) or f"{module.replace('.', '_')}_got_ocr"


@cache
def flatten() -> dict[str, str]:
    """Flatten the rooms.

    Returns:
        The text of each flat file, by its name with suffix.

    Raises:
        FlattenError: If a module imports what does not go to the Hub, or in a way that the loader does not take.
    """
    sources = {
        f"{room}.{file.stem}": file.read_text(encoding="utf-8")
        for room in ROOMS
        for file in sorted((PACKAGE / room).glob("*.py"))
        if file.stem != "__init__"
    }
    imports = {module: list(_relative_imports(module, text, sources)) for module, text in sources.items()}
    direct = {module: {name for one in found for name in one.names} for module, found in imports.items()}
    files = {}
    for module, text in sources.items():
        flat = _rewrite(text, imports[module])
        if module in ENTRY_MODULES:
            flat = _add_imports(flat, module, [_sample(name, sources) for name in _missing(module, direct)])
        seen, meant = set(LOADERS_PATTERN.findall(flat)), _flat_imports(flat)
        if seen != meant:
            doubtful = ", ".join(sorted(seen ^ meant))
            raise FlattenError(
                f"{_path(module)}: the loader of remote code would read an import of {doubtful} in it that is none, "
                "or miss one: write that line in another way."
            )
        files[f"{flat_name(module)}.py"] = flat
    return files


def write_flat_files(folder: Path) -> None:
    """Write the flat files.

    Args:
        folder: where to; it exists.
    """
    for name, text in flatten().items():
        (folder / name).write_text(text, encoding="utf-8")


def _path(module: str) -> str:
    return f"got_ocr/{module.replace('.', '/')}.py"


def _relative_imports(module: str, text: str, sources: dict[str, str]) -> Iterator[_Import]:
    """Find a module's imports of other modules of the rooms, and refuse what the Hub does not get."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                _check_package(alias.name, f"{_path(module)}, line {node.lineno}")
        elif isinstance(node, ast.ImportFrom) and not node.level:
            _check_package(node.module or "", f"{_path(module)}, line {node.lineno}")
        elif isinstance(node, ast.ImportFrom):
            names: dict[str, list[str]] = {}
            for alias in node.names:
                taken_from = _holder(module, node, alias.name, sources)
                names.setdefault(taken_from, []).append(ast.unparse(alias))
            yield _Import(node.lineno, node.end_lineno or node.lineno, node.col_offset, names)


def _check_package(name: str, place: str) -> None:
    package = name.partition(".")[0]
    if package not in OTHER_PACKAGES:
        raise FlattenError(f"{place}: {name} does not go to the Hub, where this module is to be loaded without it.")


def _holder(module: str, node: ast.ImportFrom, name: str, sources: dict[str, str]) -> str:
    """Find the module that holds a name of an import, through a room's door where need be."""
    package = ["got_ocr", *module.split(".")[:-1]]
    base = package[: len(package) - (node.level - 1)]
    target = ".".join([*base, *(node.module or "").split(".")]).rstrip(".").removeprefix("got_ocr").lstrip(".")
    place = f"{_path(module)}, line {node.lineno}"
    if target in sources:
        return target
    if target in ROOMS:
        if f"{target}.{name}" in sources:
            raise FlattenError(f"{place}: import names of {target}.{name}, not the module: flat files have no rooms.")
        found = _offers(target).get(name)
        if found is not None:
            return f"{target}.{found}"
    raise FlattenError(f"{place}: {name} of {target or 'got_ocr'} does not go to the Hub; {', '.join(ROOMS)} do.")


@cache
def _offers(room: str) -> dict[str, str]:
    """Names that a room's door offers, and the module of the room that holds each."""
    tree = ast.parse((PACKAGE / room / "__init__.py").read_text(encoding="utf-8"))
    found = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module]
    return {alias.asname or alias.name: str(node.module) for node in found for alias in node.names}


def _rewrite(text: str, imports: list[_Import]) -> str:
    """Point relative imports to flat files; all else stays as it is."""
    lines = text.splitlines(keepends=True)
    for one in sorted(imports, key=lambda one: -one.first_line):
        segment = "".join(lines[one.first_line - 1 : one.last_line])
        if len(one.names) == 1:
            (module,) = one.names
            new = re.sub(r"from\s+\.[\w.]*\s+import", f"from .{flat_name(module)} import", segment, count=1)
        else:
            new = "".join(
                f"{' ' * one.indent}from .{flat_name(module)} import {', '.join(names)}\n"
                for module, names in one.names.items()
            )
        lines[one.first_line - 1 : one.last_line] = [new]
    return "".join(lines)


def _missing(module: str, direct: dict[str, set[str]]) -> list[str]:
    """Modules that a module needs in turn and does not import itself, those first that others need."""
    order: list[str] = []

    def visit(one: str) -> None:
        for needed in sorted(direct[one]):
            if needed not in order and needed != module:
                visit(needed)
        if one not in order:
            order.append(one)

    visit(module)
    return [one for one in order if one != module and one not in direct[module]]


def _sample(module: str, sources: dict[str, str]) -> str:
    """Write an import of something that a module defines."""
    for node in ast.parse(sources[module]).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            return f"from .{flat_name(module)} import {node.name}  # noqa: F401\n"
    raise FlattenError(f"{_path(module)} defines no public class or function for the loader of remote code to import.")


def _add_imports(text: str, module: str, lines: list[str]) -> str:
    """Put imports behind an entry file's own."""
    if not lines:
        return text
    tree = ast.parse(text)
    ends = [node.end_lineno or 0 for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    own = text.splitlines(keepends=True)
    last = max(ends, default=0)
    return "".join([*own[:last], "\n", f"{ENTRY_NOTE}\n", *lines, *own[last:]])


def _flat_imports(text: str) -> set[str]:
    return {node.module or "" for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom) and node.level}
