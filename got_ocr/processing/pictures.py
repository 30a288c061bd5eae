"""One picture from anything that is one: the door to the room for those that want no pages."""

from collections.abc import Mapping
from typing import Any

from PIL import Image

from .isolation import load_picture
from .options import PageError, SourceOptions
from .pixels import load_in_memory, to_rgb
from .sources import ImageSource, describe_source, head_of, is_pdf, open_source

__all__ = ["as_documents", "load_image", "to_rgb"]


def load_image(
    source: ImageSource, options: SourceOptions | Mapping[str, Any] | None = None, **named: Any
) -> Image.Image:
    """Load one picture as upright RGB.

    Args:
        source: A path, an http(s) or data: URL, bytes, an open binary file, a PIL image, `{"bytes": ...}` or
            `{"path": ...}` as data sets keep pictures, or an array or torch tensor of (H, W) or (H, W, 1 to 4), a
            tensor also of (1 to 4, H, W): of bool (True is white), integers (8, 12 or 16 bits) or floats (0..1,
            0..255); the second or fourth channel is transparency.
        options: How to load.
        **named: Options of :class:`SourceOptions` by name, e.g. `max_pixels`.

    Returns:
        The picture. Of an animation or a multi-page TIFF the first frame, with a notice in the log.

    Raises:
        PageError: If it can't be had.
    """
    options = SourceOptions.of(options, **named)
    name = describe_source(source)
    in_memory = load_in_memory(source, name, options)
    if in_memory is not None:
        return in_memory
    data, origin = open_source(source, name, options)
    head = head_of(data, name)
    if is_pdf(head, name):
        raise PageError(f"{name}: is a PDF, not a picture: iter_pages gives its pages.")
    return load_picture(data, name, origin, options)


def as_documents(images: Any, multi_page: bool) -> list[list[Any]]:
    """Bring pictures into one form: documents, each a list of pages.

    Args:
        images: One picture or a list; with `multi_page` the pages of one document, or a list of such lists.
        multi_page: Whether pages are read together.

    Returns:
        A document for each picture, or for each list of pages with `multi_page`.

    Raises:
        ValueError: If there is nothing, or lists and pictures are mixed.
    """
    if not isinstance(images, (list, tuple)):
        return [[images]]
    documents = list(images)
    is_nested = [isinstance(item, (list, tuple)) for item in documents]
    if not multi_page and any(is_nested):
        raise ValueError("images is a list of lists, which only multi_page=True takes: give a flat list of pictures.")
    if not multi_page:
        documents = [[image] for image in documents]
    elif not any(is_nested):
        documents = [documents]
    elif not all(is_nested):
        raise ValueError("images mixes pictures and lists of pages: give one document, or a list of such lists.")
    if not documents or not all(documents):
        raise ValueError("images is empty: give at least one picture, and every document at least one page.")
    return [list(document) for document in documents]
