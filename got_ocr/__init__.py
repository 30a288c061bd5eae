"""GOT-OCR 2.0: reads a page in one call.

Importing this package loads neither torch nor transformers. The names below are loaded when they are first used, and
transformers' Auto classes and pipelines learn of the model when transformers is imported, before or after this
package (see `got_ocr.hub.auto_classes`).
"""

from typing import TYPE_CHECKING

from .hub.auto_classes import register_when_imported
from .lazy import offer
from .version import __version__

if TYPE_CHECKING:
    from .configuration.config import GotOcrConfig, GotOcrVisionConfig
    from .hub.cache import BUILTIN_CHECKPOINT, find_cached_checkpoint
    from .hub.export import export_for_hub, push_to_hub
    from .modeling.checkpoint import open_checkpoint
    from .modeling.network import GotOcrModel, GotOcrPreTrainedModel
    from .processing.image_processor import GotOcrImageProcessor
    from .processing.pages import iter_pages, load_image
    from .processing.processor import GotOcrProcessor
    from .processing.tokenizer import GotOcrTokenizer
    from .reading.answer import GotOcrAnswer
    from .reading.model import GotOcrForConditionalGeneration
    from .reading.pipeline import GotOcrPipeline

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

# Public name -> module that holds it.
__getattr__, __dir__ = offer(
    __name__,
    {
        "BUILTIN_CHECKPOINT": "hub.cache",
        "GotOcrAnswer": "reading.answer",
        "GotOcrConfig": "configuration.config",
        "GotOcrForConditionalGeneration": "reading.model",
        "GotOcrImageProcessor": "processing.image_processor",
        "GotOcrModel": "modeling.network",
        "GotOcrPipeline": "reading.pipeline",
        "GotOcrPreTrainedModel": "modeling.network",
        "GotOcrProcessor": "processing.processor",
        "GotOcrTokenizer": "processing.tokenizer",
        "GotOcrVisionConfig": "configuration.config",
        "export_for_hub": "hub.export",
        "find_cached_checkpoint": "hub.cache",
        "iter_pages": "processing.pages",
        "load_image": "processing.pages",
        "open_checkpoint": "modeling.checkpoint",
        "push_to_hub": "hub.export",
    },
)

register_when_imported()
