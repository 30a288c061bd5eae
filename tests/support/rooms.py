"""The rooms of the package and who imports from whom, read from the code.

python -m tests.support.rooms             a listing
python -m tests.support.rooms --mermaid   the drawing of docs/architecture.md
"""

import argparse
import ast
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "got_ocr"
# From the ground up. A room imports from lower floors only; rooms of one floor don't import one another.
FLOORS = (
    ("configuration", "layout"),
    ("modeling",),
    ("processing",),
    ("slices",),
    ("reading",),
    ("light", "graphs"),
    ("hub", "checkpoints"),
    ("rendering",),
    ("synthesis",),
    ("training", "evaluation"),
    ("nano", "serving", "integrations", "benchmarks"),
    ("bulk",),
    ("cli",),
)
HUB_ROOMS = ("configuration", "modeling", "processing", "layout", "slices", "reading")
FLOOR_OF = {room: number for number, floor in enumerate(FLOORS) for room in floor}
# Modules of no room: the package's door and two that import nothing.
OUTSIDE = {"__init__", "__main__", "lazy", "version"}


def modules() -> dict[str, Path]:
    """Name each module of the package, without `got_ocr.`, and its file; a package is its `__init__`."""
    files = sorted(PACKAGE.rglob("*.py"))
    return {".".join(file.relative_to(PACKAGE).with_suffix("").parts): file for file in files}


def imports_of(module: str, file: Path, known: dict[str, Path]) -> Iterator[tuple[str, int]]:
    """Yield what a module imports of the package, anywhere in it, and the line."""
    package = module.split(".")[:-1]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names if alias.name.split(".")[0] == "got_ocr"]
            names: list[str] = []
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                base = ["got_ocr", *package]
                base = base[: len(base) - (node.level - 1)]
                targets = [".".join([*base, *([node.module] if node.module else [])])]
            else:
                targets = [node.module or ""] if (node.module or "").split(".")[0] == "got_ocr" else []
            names = [alias.name for alias in node.names]
        else:
            continue
        for target in targets:
            inner = target.removeprefix("got_ocr").lstrip(".")
            found = [name for name in (f"{inner}.{one}".lstrip(".") for one in names) if name in known]
            for name in found or [inner]:
                yield name if name in known else f"{name}.__init__".lstrip("."), node.lineno


def room_of(module: str) -> str:
    """Name a module's room."""
    return module.split(".")[0]


def arrows() -> dict[tuple[str, str], list[str]]:
    """Collect imports between rooms: by (from, to) the places, `file, line`."""
    known = modules()
    found: dict[tuple[str, str], list[str]] = {}
    for module, file in known.items():
        for target, line in imports_of(module, file, known):
            here, there = room_of(module), room_of(target)
            if here != there and here not in OUTSIDE and there not in OUTSIDE:
                found.setdefault((here, there), []).append(f"got_ocr/{module.replace('.', '/')}.py, line {line}")
    return found


def upward_arrows() -> list[str]:
    """List imports that do not go down, or between the Hub's rooms and others."""
    wrong = []
    for (here, there), places in arrows().items():
        if here not in FLOOR_OF or there not in FLOOR_OF:
            wrong += [f"{place}: {here if here not in FLOOR_OF else there} is no room" for place in places]
        elif FLOOR_OF[there] >= FLOOR_OF[here]:
            wrong += [f"{place}: {here} imports {there}, which is not below it" for place in places]
    return sorted(wrong)


def circles() -> list[str]:
    """Find a circle of imports between files; doors, which import lazily, are left out. Empty if there is none."""
    known = modules()
    graph = {
        module: {target for target, _ in imports_of(module, file, known) if not target.endswith("__init__")}
        for module, file in known.items()
        if not module.endswith("__init__")
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [str(module) for module in error.args[1]]
    return []


def listing() -> str:
    """List the rooms from the top floor down, each with the rooms that it imports from."""
    found = arrows()
    rooms = {room_of(module) for module in modules()} - OUTSIDE
    lines = []
    for floor in reversed(FLOORS):
        for room in floor:
            if room in rooms:
                below = sorted({there for here, there in found if here == room}, key=lambda name: -FLOOR_OF[name])
                files = sum(room_of(module) == room and not module.endswith("__init__") for module in modules())
                lines.append(f"{room:14} {files:3} files -> {', '.join(below) or '-'}\n")
    return "".join(lines)


def shortest_arrows() -> list[tuple[str, str]]:
    """List the arrows down from the top floor on, without those that a longer way down says as well."""
    found = {
        (here, there)
        for here, there in arrows()
        if here in FLOOR_OF and there in FLOOR_OF and FLOOR_OF[there] < FLOOR_OF[here]
    }
    below = {room: {there for here, there in found if here == room} for room in FLOOR_OF}

    def reach(room: str) -> set[str]:
        return below[room] | {far for near in below[room] for far in reach(near)}

    return [
        (here, there)
        for here, there in sorted(found, key=lambda arrow: (-FLOOR_OF[arrow[0]], arrow))
        if not any(there in reach(other) for other in below[here] - {there})
    ]


def mermaid() -> str:
    """Draw the rooms as a Mermaid graph: an arrow from each room to those that it imports from."""
    return "\n".join(["graph TD", *(f"    {here} --> {there}" for here, there in shortest_arrows())]) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mermaid", action="store_true")
    sys.stdout.write(mermaid() if parser.parse_args().mermaid else listing())
    for problem in [*upward_arrows(), *(["a circle: " + " -> ".join(circles())] if circles() else [])]:
        sys.stderr.write(f"{problem}\n")
