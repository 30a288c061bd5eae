"""What goes in: sources, pictures, pages, pixels, tokens, prompts, and the processor that brings them together.

In: whatever names a picture, and what is to be read of it. Out: `input_ids`, `attention_mask`, `pixel_values`.
Imports `configuration`.
"""

from typing import TYPE_CHECKING

from ..lazy import offer

if TYPE_CHECKING:
    from .image_processor import GotOcrImageProcessor
    from .mode import Mode
    from .options import PageError, SourceOptions
    from .pages import find_pages, iter_pages
    from .pictures import load_image
    from .processor import GotOcrProcessor
    from .prompt import instruction
    from .tokenizer import GotOcrTokenizer

__all__ = [
    "GotOcrImageProcessor",
    "GotOcrProcessor",
    "GotOcrTokenizer",
    "Mode",
    "PageError",
    "SourceOptions",
    "find_pages",
    "instruction",
    "iter_pages",
    "load_image",
]

__getattr__, __dir__ = offer(
    __name__,
    {
        "GotOcrImageProcessor": "image_processor",
        "GotOcrProcessor": "processor",
        "GotOcrTokenizer": "tokenizer",
        "PageError": "options",
        "SourceOptions": "options",
        "find_pages": "pages",
        "instruction": "prompt",
        "iter_pages": "pages",
        "load_image": "pictures",
        "Mode": "mode",
    },
)
