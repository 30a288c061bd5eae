"""Doors of rooms: names that are imported when they are first used, so that `got-ocr --help` answers without torch."""

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def offer(package: str, places: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make a package's `__getattr__` and `__dir__`.

    Args:
        package: its `__name__`.
        places: by the name offered the module below the package that holds it.

    Returns:
        Both functions.
    """

    def get(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f".{places[name]}", package), name)
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *places})

    return get, names
