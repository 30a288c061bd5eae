"""The stock pipeline tasks, with our pipeline for our models."""

import importlib
from typing import Any


def choosing_pipeline(stock: type | str) -> type:
    """Make a pipeline class that gives our pipeline for a GOT model and the stock one for every other.

    Args:
        stock: transformers' class for the task, or where it is.

    Returns:
        A subclass of it.
    """
    if isinstance(stock, str):
        module_name, _, class_name = stock.rpartition(".")
        stock = getattr(importlib.import_module(module_name), class_name)
    base: Any = stock

    class ChoosingPipeline(base):
        # The original repository has no preprocessor_config.json, which transformers 4 would miss.
        if base._load_image_processor:
            _load_image_processor = None

        def __new__(cls, *args: Any, **kwargs: Any) -> Any:
            from ..reading.model import GotOcrForConditionalGeneration
            from ..reading.pipeline import GotOcrPipeline

            if isinstance(kwargs.get("model", args[0] if args else None), GotOcrForConditionalGeneration):
                return GotOcrPipeline(*args, **kwargs)  # not one of this class, so it is not initialised twice
            return base(*args, **kwargs)

    ChoosingPipeline.__name__ = ChoosingPipeline.__qualname__ = base.__name__
    return ChoosingPipeline
