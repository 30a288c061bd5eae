"""The built-in model as the first reader: its text is the draft that a full model verifies."""

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PIL import Image

if TYPE_CHECKING:
    from ..processing.mode import Mode


@functools.cache
def _load_builtin() -> tuple[Any, Any]:
    """Load the built-in model, once a process. It stays on the CPU: a GPU has the full model to work at."""
    from ..processing.prompt import PLAIN
    from .model_choice import BUILTIN_NAME, choose_model, load_model_for

    return load_model_for(choose_model(BUILTIN_NAME), PLAIN, device="cpu", show_downloads=False)


def read_draft(pages: Sequence[Image.Image], mode: "Mode") -> str:
    """Read pages with the built-in model, in its own way: line by line, by the kind of text and the region of a mode.

    Args:
        pages: The pages of a document.
        mode: What the full model is to read.

    Returns:
        The text of all pages.
    """
    from ..processing.mode import Mode

    mine = Mode(mode.ocr_type, box=mode.box, color=mode.color)
    model, processor = _load_builtin()
    return "\n".join(answer.text for answer in model.read(processor, list(pages), mode=mine))
