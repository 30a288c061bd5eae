"""Training and evaluation pictures: fonts, text, layout, degradations, and many kinds of samples with their truth.

`iter_samples("formulas", Resources(), seed=1, count=10)` draws in this process what `got-ocr synth formulas --count 10
--seed 1` writes into files.
"""

from typing import TYPE_CHECKING

from ..lazy import offer

if TYPE_CHECKING:
    from .engine import iter_samples
    from .kinds import KINDS, make_kind
    from .resources import Resources
    from .sample import Kind, Sample, Turn

__all__ = ["KINDS", "Kind", "Resources", "Sample", "Turn", "iter_samples", "make_kind"]

__getattr__, __dir__ = offer(
    __name__,
    {
        "KINDS": "kinds",
        "Kind": "sample",
        "Resources": "resources",
        "Sample": "sample",
        "Turn": "sample",
        "iter_samples": "engine",
        "make_kind": "kinds",
    },
)
