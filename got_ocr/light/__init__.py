"""A small checkpoint for slices without torch and transformers: its network in numpy, under the same `Reader`.

In: a checkpoint's folder. Out: a model that reads pages, or None where torch is needed. It computes for slices and
greedily, on one core, what the network in `modeling` does, and answers the same (tests/light). Imports `reading` and
what is below it, of `modeling` what needs no torch; never torch or transformers.
"""

from typing import TYPE_CHECKING

from ..lazy import offer

if TYPE_CHECKING:
    from .model import LightModel, open_light

__all__ = ["LightModel", "open_light"]

__getattr__, __dir__ = offer(__name__, {"LightModel": "model", "open_light": "model"})
