"""An engine in a model's place, for whoever calls a model."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from transformers.feature_extraction_utils import BatchFeature

from ..configuration.config import GotOcrConfig
from ..processing.adapting import adapt_processor
from ..processing.mode import Mode
from .answer import GotOcrAnswer
from .engine import Engine
from .generating import Generation
from .reader import Reader
from .reading_call import read_pictures


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
        reader = partial(Reader, self, adapt_processor(processor, self.config))
        return read_pictures(reader, images, mode, options)
