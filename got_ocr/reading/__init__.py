"""From pages to answers: batches, streaming, probabilities, the pipeline, and the model class with `chat` on top.

In: a model, a processor, pages and what is to be read of them. Out: answers. Imports every room of the Hub's code.
"""

from typing import TYPE_CHECKING

from ..lazy import offer

if TYPE_CHECKING:
    from .answer import GotOcrAnswer, GotOcrLine
    from .model import GotOcrForConditionalGeneration
    from .options import ReadingHooks, ReadingOptions
    from .pipeline import GotOcrPipeline
    from .reader import Reader

__all__ = [
    "GotOcrAnswer",
    "GotOcrForConditionalGeneration",
    "GotOcrLine",
    "GotOcrPipeline",
    "Reader",
    "ReadingHooks",
    "ReadingOptions",
]

__getattr__, __dir__ = offer(
    __name__,
    {
        "GotOcrAnswer": "answer",
        "GotOcrForConditionalGeneration": "model",
        "GotOcrLine": "answer",
        "GotOcrPipeline": "pipeline",
        "Reader": "reader",
        "ReadingHooks": "options",
        "ReadingOptions": "options",
    },
)
