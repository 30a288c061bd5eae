"""Training and evaluation pictures: fonts, text, layout, wear, and many kinds of samples with their truth.

`iter_samples("formulas", Resources(), seed=1, count=10)` draws in this process what `got-ocr synth formulas --count 10
--seed 1` writes into files.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .engine import iter_samples
    from .kinds import KINDS, make_kind
    from .resources import Resources
    from .sample import Kind, Sample, Turn

__all__ = ["KINDS", "Kind", "Resources", "Sample", "Turn", "iter_samples", "make_kind"]

# Imported on first use: `got-ocr --help` answers without them.
_PLACES = {
    "KINDS": "kinds",
    "Kind": "sample",
    "Resources": "resources",
    "Sample": "sample",
    "Turn": "sample",
    "iter_samples": "engine",
    "make_kind": "kinds",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
