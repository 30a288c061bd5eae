"""The call `read` of every model: options by name, in either spelling, to a reader and its answers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..processing.mode import Mode, spread_modes
from ..processing.pictures import as_documents
from .answer import GotOcrAnswer
from .options import CallOptions, ReadingOptions
from .reader import Reader


def read_pictures(
    make_reader: Callable[[ReadingOptions], Reader],
    images: Any,
    mode: Mode | Sequence[Mode] | None,
    options: Mapping[str, Any],
) -> list[GotOcrAnswer]:
    """Read pictures as `read` of a model does.

    Args:
        make_reader: Makes the reader.
        images: Upright RGB pictures; with `multi_page` one document (a list of pages) or a list of documents.
        mode: What to read, or None where `options` say it.
        options: The call's, by name.

    Returns:
        One answer a picture, or a document with `multi_page`, in order.

    Raises:
        TypeError: If there is no option of a name.
        ValueError: If an argument is not allowed; the message says what is.
    """
    call = CallOptions.sort(options)
    reader = make_reader(call.reading)
    if isinstance(images, (list, tuple)) and not images:
        return []
    if mode is None:
        multi_page = bool(call.mode.get("multi_page"))
        mode = spread_modes(len(as_documents(images, multi_page)), **call.mode)
    elif call.mode:
        raise ValueError(f"mode and {', '.join(call.mode)} were both given: put all into the mode.")
    return reader.read(images, mode, call.hooks)
