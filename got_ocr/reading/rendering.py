"""Where answers go to become pages for people: a place for the room that draws them, which the Hub does not have."""

from collections.abc import Callable, Sequence

from PIL import Image

from ..configuration.installing import how_to_install

# Gets a picture (or None) and the text of each page, and where to; raises ImportError where a package is missing.
Renderer = Callable[[Sequence[tuple[Image.Image | None, str]], str], None]

NEEDS = f"render=True needs got_ocr.rendering: {how_to_install('pikepdf', 'rdkit', 'verovio')}; then import got_ocr."
_renderers: list[Renderer] = []


def use_renderer(renderer: Renderer) -> None:
    """Have a function write answers from now on.

    Args:
        renderer: The function.
    """
    _renderers[:] = [renderer]


def save_pages(pages: Sequence[tuple[Image.Image | None, str]], path: str) -> None:
    """Write what was read of pages as one page for people.

    Args:
        pages: Of each its picture, or None, and its text.
        path: Where to; the suffix chooses the format.

    Raises:
        ValueError: If nobody can render here, or the format is unknown.
    """
    if not _renderers:
        raise ValueError(NEEDS)
    try:
        _renderers[0](pages, path)
    except ModuleNotFoundError as error:
        raise ValueError(f"{NEEDS} ({error})") from error
