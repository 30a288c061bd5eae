"""The call that reads pictures: of a model, and of an engine in a model's place."""

from collections.abc import Sequence
from typing import Any

from transformers.feature_extraction_utils import BatchFeature

from ..configuration.config import GotOcrConfig
from ..processing.adapting import adapt_processor
from ..processing.mode import Mode, spread_modes
from ..processing.processor import as_documents
from .answer import GotOcrAnswer
from .engine import Engine, Generation
from .options import CallOptions
from .reader import Reader


def read_pictures(
    model: Any, processor: Any, images: Any, mode: Mode | Sequence[Mode] | None, options: dict[str, Any]
) -> list[GotOcrAnswer]:
    """Read pictures in batches; see :meth:`GotOcrForConditionalGeneration.read`.

    Args:
        model: The network, or an engine.
        processor: The checkpoint's processor, or its tokenizer.
        images: Upright RGB pictures.
        mode: What to read; None to take it from `options`.
        options: By name.

    Returns:
        One answer a picture, or a document with `multi_page`, in order.

    Raises:
        TypeError: If there is no option of a name.
        ValueError: If an argument is not allowed; the message says what is.
    """
    call = CallOptions.sort(options)
    reader = Reader(model, adapt_processor(processor, model.config), call.reading)
    if isinstance(images, (list, tuple)) and not images:
        return []
    if mode is None:
        multi_page = bool(call.mode.get("multi_page"))
        mode = spread_modes(len(as_documents(images, multi_page)), **call.mode)
    elif call.mode:
        raise ValueError(f"mode and {', '.join(call.mode)} were both given: put all into the mode.")
    return reader.read(images, mode, call.hooks)


class EngineModel:
    """An engine with the calls of a model that the command line and servers use.

    Args:
        engine: What generates.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.config: GotOcrConfig = engine.config
        self.calls_at_once: int = engine.calls_at_once

    @property
    def device(self) -> Any:
        """Where the engine computes."""
        return self.engine.device

    def generate(self, inputs: BatchFeature, generation: Generation) -> list[GotOcrAnswer]:
        """Generate; see :meth:`Engine.generate`."""
        return self.engine.generate(inputs, generation)

    def read(
        self, processor: Any, images: Any, *, mode: Mode | Sequence[Mode] | None = None, **options: Any
    ) -> list[GotOcrAnswer]:
        """Read pictures in batches; see :meth:`GotOcrForConditionalGeneration.read`."""
        return read_pictures(self, processor, images, mode, options)
