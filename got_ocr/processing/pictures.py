"""One picture from anything that is one: the door to the room for those that want no pages."""

from collections.abc import Mapping
from typing import Any

from PIL import Image

from .isolation import load_picture
from .options import PageError, SourceOptions
from .pixels import load_in_memory, to_rgb
from .sources import ImageSource, describe_source, head_of, is_pdf, open_source

__all__ = ["load_image", "to_rgb"]


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
