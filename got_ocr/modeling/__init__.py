"""The network: vision tower, decoder, generation (cache, n-gram blocking), and the published checkpoint layouts.

In: `pixel_values` and `input_ids`. Out: logits, or generated tokens. Imports `configuration`.
"""

from typing import TYPE_CHECKING

from ..lazy import offer

if TYPE_CHECKING:
    from .checkpoint import open_checkpoint
    from .language_model import GotOcrLanguageModel
    from .network import GotOcrModel, GotOcrPreTrainedModel
    from .vision import GotOcrVisionTower

__all__ = [
    "GotOcrLanguageModel",
    "GotOcrModel",
    "GotOcrPreTrainedModel",
    "GotOcrVisionTower",
    "open_checkpoint",
]

__getattr__, __dir__ = offer(
    __name__,
    {
        "GotOcrLanguageModel": "language_model",
        "GotOcrModel": "network",
        "GotOcrPreTrainedModel": "network",
        "GotOcrVisionTower": "vision",
        "open_checkpoint": "checkpoint",
    },
)
