"""GOT-OCR 2.0: reads a page in one call.

Importing this package loads neither torch nor transformers. The names below are loaded when they are first used, and
transformers' Auto classes and pipelines learn of the model when transformers is imported, before or after this
package (see `got_ocr.hub.auto_classes`).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .hub.auto_classes import register_when_imported
from .hub.import_hook import when_imported
from .lazy import offer
from .version import __version__

if TYPE_CHECKING:
    from .configuration.config import GotOcrConfig, GotOcrVisionConfig
    from .hub.cache import BUILTIN_CHECKPOINT, find_cached_checkpoint
    from .hub.export import export_for_hub, push_to_hub
    from .modeling.checkpoint import open_checkpoint
    from .modeling.network import GotOcrModel, GotOcrPreTrainedModel
    from .modeling.quantization import GotOcrQuantizationConfig
    from .processing.image_processor import GotOcrImageProcessor
    from .processing.mode import Mode
    from .processing.options import SourceOptions
    from .processing.pages import iter_pages, load_image
    from .processing.processor import GotOcrProcessor
    from .processing.tokenizer import GotOcrTokenizer
    from .reading.answer import GotOcrAnswer
    from .reading.model import GotOcrForConditionalGeneration
    from .reading.options import ReadingHooks, ReadingOptions
    from .reading.pipeline import GotOcrPipeline
    from .reading.reader import Reader

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
    "GotOcrQuantizationConfig",
    "GotOcrTokenizer",
    "GotOcrVisionConfig",
    "Mode",
    "Reader",
    "ReadingHooks",
    "ReadingOptions",
    "SourceOptions",
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
        "GotOcrQuantizationConfig": "modeling.quantization",
        "GotOcrTokenizer": "processing.tokenizer",
        "GotOcrVisionConfig": "configuration.config",
        "Mode": "processing.mode",
        "Reader": "reading.reader",
        "ReadingHooks": "reading.options",
        "ReadingOptions": "reading.options",
        "export_for_hub": "hub.export",
        "find_cached_checkpoint": "hub.cache",
        "SourceOptions": "processing.options",
        "iter_pages": "processing.pages",
        "load_image": "processing.pages",
        "open_checkpoint": "modeling.checkpoint",
        "push_to_hub": "hub.export",
    },
)


def _save_rendered(pages: Sequence[tuple[Any, str]], path: str) -> None:
    """Render what was read; the room of reading stands below that of rendering and can't call it by name."""
    from .rendering import render_pages

    render_pages(pages).save(path)


def _offer_renderer() -> None:
    from .reading.rendering import use_renderer

    use_renderer(_save_rendered)


def _offer_draft_reader() -> None:
    from .hub.drafting import read_draft
    from .reading.drafting import use_draft_reader

    use_draft_reader(read_draft)


register_when_imported()
when_imported({"got_ocr.reading.rendering": _offer_renderer, "got_ocr.reading.drafting": _offer_draft_reader})
