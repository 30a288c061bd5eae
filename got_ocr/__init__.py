"""GOT-OCR 2.0: reads a page in one call.

Importing this package loads neither torch nor transformers. The names below are loaded when they are first used, and
transformers' Auto classes and pipelines learn of the model when transformers is imported, before or after this
package (see `got_ocr.hub.auto_classes`).
"""

import importlib
from typing import TYPE_CHECKING, Any

from .hub.auto_classes import register_when_imported
from .version import __version__

if TYPE_CHECKING:
    from .answer_got_ocr import GotOcrAnswer
    from .checkpoint_got_ocr import open_checkpoint
    from .configuration_got_ocr import GotOcrConfig, GotOcrVisionConfig
    from .hub.cache import BUILTIN_CHECKPOINT, find_cached_checkpoint
    from .hub.export import export_for_hub, push_to_hub
    from .image_processing_got_ocr import GotOcrImageProcessor
    from .modeling_got_ocr import GotOcrForConditionalGeneration, GotOcrModel, GotOcrPreTrainedModel
    from .pages_got_ocr import iter_pages, load_image
    from .pipeline_got_ocr import GotOcrPipeline
    from .processing_got_ocr import GotOcrProcessor
    from .tokenization_got_ocr import GotOcrTokenizer

# Public name -> module that holds it.
_MODULES = {
    "BUILTIN_CHECKPOINT": "hub.cache",
    "GotOcrAnswer": "answer_got_ocr",
    "GotOcrConfig": "configuration_got_ocr",
    "GotOcrForConditionalGeneration": "modeling_got_ocr",
    "GotOcrImageProcessor": "image_processing_got_ocr",
    "GotOcrModel": "modeling_got_ocr",
    "GotOcrPipeline": "pipeline_got_ocr",
    "GotOcrPreTrainedModel": "modeling_got_ocr",
    "GotOcrProcessor": "processing_got_ocr",
    "GotOcrTokenizer": "tokenization_got_ocr",
    "GotOcrVisionConfig": "configuration_got_ocr",
    "export_for_hub": "hub.export",
    "find_cached_checkpoint": "hub.cache",
    "iter_pages": "pages_got_ocr",
    "load_image": "pages_got_ocr",
    "open_checkpoint": "checkpoint_got_ocr",
    "push_to_hub": "hub.export",
}

__all__ = [
    "BUILTIN_CHECKPOINT",
    "GotOcrAnswer",
    "GotOcrConfig",
    "GotOcrForConditionalGeneration",
    "GotOcrImageProcessor",
    "GotOcrModel",
    "GotOcrPipeline",
    "GotOcrPreTrainedModel",
    "GotOcrProcessor",
    "GotOcrTokenizer",
    "GotOcrVisionConfig",
    "__version__",
    "export_for_hub",
    "find_cached_checkpoint",
    "iter_pages",
    "load_image",
    "open_checkpoint",
    "push_to_hub",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_MODULES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


register_when_imported()
