"""Pages from anything people have: pictures, folders, PDFs, multi-page TIFFs, URLs, lists of these.

Pages are found and loaded apart (:func:`find_pages`), so that a bad page does not stop the others and a long document
never lies in memory as a whole. Every failure is a :class:`PageError` with one line that says what was got, what is
allowed and how to mend it. Nothing here needs torch; PDFs need pypdfium2.
"""

import importlib
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .pictures import (
    array_to_rgb,
    check_size,
    convert_image,
    load_file,
    load_image,
    open_image,
    to_rgb,
)
from .sources import (
    DEFAULT_DPI,
    DEFAULT_MAX_BYTES,
    DEFAULT_MAX_PIXELS,
    DEFAULT_TIMEOUT_S,
    ImageSource,
    LoadOptions,
    PageError,
    describe_source,
    head_of,
    is_pdf,
    is_url,
    open_source,
    reason_of,
)

__all__ = [
    "FoundPage",
    "Page",
    "PageError",
    "find_pages",
    "iter_pages",
    "load_image",
    "natural_key",
    "parse_page_numbers",
    "to_rgb",
]

# What counts as a page in a folder. A file named outright may have any name.
# fmt: off
PAGE_SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".gif", ".jpe", ".jfif", ".dib", ".jp2", ".j2k",
    ".avif", ".heic", ".heif", ".jxl", ".pbm", ".pgm", ".ppm", ".pnm", ".tga", ".pcx", ".qoi", ".pdf",
)
# fmt: on
_TIFF_MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PDFIUM_LOCK = threading.Lock()  # PDFium is not safe to call from two threads.


@dataclass(frozen=True)
class Page:
    """A page, ready to read.

    Attributes:
        image: RGB, upright.
        name: What to call it: the path or URL, with `#page=3` (counted from 1) for a page of a document.
        index: Its place in the whole run, counted from 0.
        source: The file, URL or object it comes from.
        number: Its page in that source, counted from 1.
    """

    image: Image.Image
    name: str
    index: int
    source: str = ""
    number: int = 1


@dataclass(frozen=True)
class FoundPage:
    """A page that has not been loaded yet. Fields as in :class:`Page`."""

    name: str
    index: int
    source: str
    number: int
    loader: Callable[[], Image.Image]

    def load(self) -> Page:
        """Load it; pages of a document must be loaded before the next page is asked for.

        Returns:
            The page.

        Raises:
            PageError: If it can't be had.
        """
        try:
            image = self.loader()
        except MemoryError:
            raise PageError(f"{self.name}: not enough memory to load it: lower max_pixels or dpi.") from None
        return Page(image, self.name, self.index, self.source, self.number)


def iter_pages(
    source: ImageSource | Iterable[ImageSource],
    *,
    dpi: float = DEFAULT_DPI,
    pages: str | Iterable[int] | None = None,
    password: str | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    max_bytes: int = DEFAULT_MAX_BYTES,
    max_pixels: int = DEFAULT_MAX_PIXELS,
) -> Iterator[Page]:
    """Load the pages of anything, one at a time; stops at the first that can't be had (see :func:`find_pages`).

    Args:
        source: What :func:`load_image` takes, a folder (its pictures and PDFs in natural order), a PDF, a multi-page
            TIFF, or a list of any of these.
        dpi: Resolution at which PDF pages are drawn.
        pages: Pages to take of each PDF or multi-page TIFF, counted from 1: `"1-3,7"`, `"5-"` or numbers.
        password: Opens encrypted PDFs.
        timeout_s: Seconds a URL may take altogether.
        max_bytes: Size of what a URL or an open file may hold.
        max_pixels: Largest page, width times height.

    Yields:
        The pages in order.

    Raises:
        PageError: If a page can't be had.
    """
    for found in find_pages(
        source,
        dpi=dpi,
        pages=pages,
        password=password,
        timeout_s=timeout_s,
        max_bytes=max_bytes,
        max_pixels=max_pixels,
    ):
        yield found.load()


def find_pages(
    source: ImageSource | Iterable[ImageSource],
    *,
    dpi: float = DEFAULT_DPI,
    pages: str | Iterable[int] | None = None,
    password: str | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    max_bytes: int = DEFAULT_MAX_BYTES,
    max_pixels: int = DEFAULT_MAX_PIXELS,
) -> Iterator[FoundPage]:
    """Find the pages of anything without decoding them, so that one bad page does not cost the others.

    What can't be had (a missing file, an encrypted PDF, a folder without pages) is found too: its `load` raises.

    Args:
        source: As in :func:`iter_pages`, like the rest.
        dpi: Resolution at which PDF pages are drawn.
        pages: Pages to take of each document.
        password: Opens encrypted PDFs.
        timeout_s: Seconds a URL may take altogether.
        max_bytes: Size of what a URL or an open file may hold.
        max_pixels: Largest page.

    Yields:
        Pages to load, each before the next is asked for.

    Raises:
        PageError: If an option is wrong.
    """
    options = LoadOptions(dpi, parse_page_numbers(pages), password, timeout_s, max_bytes, max_pixels)
    for index, (of_source, name, number, loader) in enumerate(_find(source, options)):
        yield FoundPage(name, index, of_source, number, loader)


_Found = tuple[str, str, int, Callable[[], Image.Image]]  # source, page's name, page's number, loader


def _find(source: ImageSource, options: LoadOptions) -> Iterator[_Found]:
    """Find the pages of `source`; what fails is given as a loader that raises."""
    is_file = hasattr(source, "read")  # An open file is an iterator too.
    if isinstance(source, (list, tuple, set, frozenset)) or (isinstance(source, Iterator) and not is_file):
        empty = True
        for item in sorted(source, key=str) if isinstance(source, set | frozenset) else source:
            empty = False
            yield from _find(item, options)
        if empty:
            yield (
                "(empty list)",
                "(empty list)",
                1,
                partial(_fail, PageError("got an empty list: give at least one page.")),
            )
        return
    name = describe_source(source)
    try:
        yield from _find_one(source, name, options)
    except PageError as error:
        yield name, name, 1, partial(_fail, error)


def _fail(error: PageError) -> Image.Image:
    raise error


def _find_one(source: ImageSource, name: str, options: LoadOptions) -> Iterator[_Found]:
    if isinstance(source, Image.Image):
        yield name, name, 1, partial(convert_image, source, name, options)
        return
    if isinstance(source, np.ndarray):
        yield name, name, 1, partial(array_to_rgb, source, name, options)
        return
    if isinstance(source, str | os.PathLike) and not is_url(source) and os.path.isdir(source):
        yield from _find_in_folder(Path(source), options)
        return
    data, origin = open_source(source, name, options)
    head = head_of(data, name)
    if is_pdf(head, name):
        yield from _find_in_pdf(data, name, options)
    elif head[:4] in _TIFF_MAGICS:
        yield from _find_in_tiff(data, name, options)
    else:
        yield name, name, 1, partial(load_file, data, name, options, origin)


def _find_in_folder(folder: Path, options: LoadOptions) -> Iterator[_Found]:
    try:
        files = [entry.name for entry in os.scandir(folder) if entry.is_file() and not entry.name.startswith(".")]
    except OSError as error:
        raise PageError(f"{folder}: can't be listed: {reason_of(error)}.") from None
    names = sorted((name for name in files if name.lower().endswith(PAGE_SUFFIXES)), key=natural_key)
    if not names:
        raise PageError(
            f"{folder}: has no pages among its {len(files)} files: pictures ({', '.join(PAGE_SUFFIXES[:8])}, ...) "
            "and .pdf are taken, folders within are not."
        )
    for name in names:
        yield from _find(folder / name, options)


def _find_in_tiff(data: Path | bytes, name: str, options: LoadOptions) -> Iterator[_Found]:
    with open_image(data, name) as image:
        try:
            frames = list(range(getattr(image, "n_frames", 1)))
            # Reduced copies of a page (NewSubfileType bit 0: thumbnails, pyramids) are no pages of their own.
            frames = [frame for frame in frames if frame == 0 or not _subfile_type(image, frame) & 1]
        except Exception:  # A damaged directory; the pages before it can still be had.
            frames = [0]
        if len(frames) == 1:
            yield name, name, 1, partial(_load_frame, image, 0, name, options)
            return
        for number in _select_pages(len(frames), name, options):
            page_name = f"{name}#page={number}"
            yield name, page_name, number, partial(_load_frame, image, frames[number - 1], page_name, options)


def _subfile_type(image: Image.Image, frame: int) -> int:
    image.seek(frame)
    return int(image.tag_v2.get(254, 0))  # type: ignore[attr-defined]


def _load_frame(image: Image.Image, frame: int, name: str, options: LoadOptions) -> Image.Image:
    try:
        image.seek(frame)
    except Exception as error:  # Decoders raise nearly anything over damaged data.
        raise PageError(
            f"{name}: is cut short or damaged: {reason_of(error)}: get it anew or save it again."
        ) from None
    return convert_image(image, name, options)


def _find_in_pdf(data: Path | bytes, name: str, options: LoadOptions) -> Iterator[_Found]:
    try:
        pdfium = importlib.import_module("pypdfium2")
    except ImportError:
        raise PageError(f"{name}: reading a PDF needs pypdfium2: pip install pypdfium2.") from None
    with _PDFIUM_LOCK:
        try:
            document = pdfium.PdfDocument(data, password=options.password)
            num_pages = len(document)
            document.init_forms()
        except Exception as error:
            raise PageError(f"{name}: {_pdf_trouble(str(error), options)}") from None
    try:
        if num_pages == 0:
            raise PageError(f"{name}: is a PDF without pages.")
        for number in _select_pages(num_pages, name, options):
            page_name = f"{name}#page={number}"
            yield name, page_name, number, partial(_render_pdf_page, document, number, page_name, options)
    finally:
        with _PDFIUM_LOCK:
            document.close()


def _pdf_trouble(reason: str, options: LoadOptions) -> str:
    if "password" in reason.lower():
        if options.password is None:
            return "is an encrypted PDF: give its password, or save it without one."
        return "is an encrypted PDF, and the password given does not open it."
    if "security" in reason.lower():
        return "is a PDF with an encryption that PDFium does not know: save it without."
    return "is a damaged PDF, or none: get it anew, or print it to a new PDF."


def _render_pdf_page(document: Any, number: int, name: str, options: LoadOptions) -> Image.Image:
    with _PDFIUM_LOCK:
        try:
            page = document[number - 1]
            width_pt, height_pt = page.get_size()
        except Exception as error:
            raise PageError(f"{name}: this page of the PDF is damaged: {reason_of(error)}.") from None
        try:
            scale = options.dpi / 72
            check_size(round(width_pt * scale), round(height_pt * scale), f"{name} at {options.dpi:g} dpi", options)
            return page.render(scale=scale).to_pil().convert("RGB")
        except (PageError, MemoryError):
            raise
        except Exception as error:
            raise PageError(f"{name}: this page of the PDF can't be drawn: {reason_of(error)}.") from None
        finally:
            page.close()


def parse_page_numbers(pages: str | Iterable[int] | None) -> tuple[tuple[int, int | None], ...] | None:
    """Parse a choice of pages.

    Args:
        pages: `"1-3,7"`, `"5-"` (to the end), numbers counted from 1, or None for all.

    Returns:
        (first, last) pairs, last None for the end; None for all.

    Raises:
        PageError: If it can't be understood.
    """
    if pages is None:
        return None
    parts = pages.split(",") if isinstance(pages, str) else [str(page) for page in pages]
    ranges: list[tuple[int, int | None]] = []
    for part in parts:
        match = re.fullmatch(r"\s*(\d{1,9})\s*(?:(-)\s*(\d{1,9})?)?\s*", part)
        first = int(match[1]) if match else 0
        last = (int(match[3]) if match[3] else None if match[2] else first) if match else 0
        if first < 1 or (last is not None and last < first):
            raise PageError(f"pages must be like 1-3,7 or 5-, counted from 1 and upwards, got {pages!r}.")
        ranges.append((first, last))
    if not ranges:
        raise PageError(f"pages must name at least one page, got {pages!r}.")
    return tuple(ranges)


def _select_pages(num_pages: int, name: str, options: LoadOptions) -> list[int]:
    """Page numbers to take, in order, each once."""
    if options.pages is None:
        return list(range(1, num_pages + 1))
    chosen: set[int] = set()
    for first, last in options.pages:
        if first > num_pages or (last or first) > num_pages:
            raise PageError(f"{name}: has {num_pages} pages, but page {max(first, last or first)} was asked for.")
        chosen.update(range(first, (last or num_pages) + 1))
    return sorted(chosen)


def natural_key(name: str | os.PathLike[str]) -> tuple[list[str | int], str]:
    """Sort key that counts: `page2` before `page10`, upper and lower case together.

    Args:
        name: A file name or path.

    Returns:
        The key.
    """
    text = os.fspath(name)
    # Splitting by a group puts text at even places and numbers at odd ones, so keys compare like with like.
    parts = re.split(r"(\d+)", text.casefold())
    return [int(part) if place % 2 else part for place, part in enumerate(parts)], text
