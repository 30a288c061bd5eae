"""Pages from anything people have: pictures, folders, PDFs, multi-page TIFFs, URLs, lists of these.

Pages are found and loaded apart (:func:`find_pages`), so that a bad page does not stop the others and a long document
never lies in memory as a whole. Every failure is a :class:`PageError` with one line that says what was got, what is
allowed and how to fix it. Nothing here needs torch; PDFs need pypdfium2.
"""

import hashlib
import importlib.util
import itertools
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from .isolation import Document
from .options import PageError, SourceOptions, parse_page_numbers, printable, reason_of
from .pictures import load_image
from .pixels import load_in_memory, to_rgb
from .sources import ImageSource, describe_source, head_of, identify_source, is_pdf, is_tensor, is_url, open_source

__all__ = [
    "FoundPage",
    "Page",
    "PageError",
    "SourceOptions",
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
TEXT_PAGE_LETTERS = 20  # From how many letters and digits on a PDF's page counts as having text.


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
    """A page that has not been loaded yet. Fields as in :class:`Page`.

    Attributes:
        name: The page's own name; exact, not for a terminal.
        index: Its place in the whole run.
        source: The file, URL or object; exact, bytes that are no UTF-8 as `os.fsdecode` gives them.
        number: Its page in the source.
        loader: Gives its pixels.
        data: The file or the bytes that it comes from; None for pictures in memory and what can't be had.
        document: The file as its decoder knows it.
    """

    name: str
    index: int
    source: str
    number: int
    loader: Callable[[], Image.Image]
    data: Path | bytes | None = None
    document: Document | None = None

    def load(self) -> Page:
        """Load it, in any order and as often as needed.

        Returns:
            The page.

        Raises:
            PageError: If it can't be had.
        """
        try:
            image = self.loader()
        except MemoryError:
            raise PageError(f"{printable(self.name)}: not enough memory to load it.", "memory") from None
        return Page(image, self.name, self.index, self.source, self.number)

    def has_text(self, min_letters: int = TEXT_PAGE_LETTERS) -> bool:
        """Say whether it is a page of a PDF that has text already.

        Args:
            min_letters: From how many letters and digits on.

        Returns:
            Whether it has; False for pictures, and for pages that can't be opened.
        """
        if self.document is None or self.data is None:
            return False
        try:
            if not is_pdf(head_of(self.data, self.name), self.source):
                return False
            return self.document.count_letters(self.number, printable(self.name)) >= min_letters
        except PageError:
            return False


def iter_pages(
    source: ImageSource | Iterable[ImageSource],
    options: SourceOptions | Mapping[str, Any] | None = None,
    **named: Any,
) -> Iterator[Page]:
    """Load the pages of anything, one at a time; stops at the first that can't be had (see :func:`find_pages`).

    Args:
        source: What :func:`load_image` takes, a folder (its pictures and PDFs in natural order), a PDF, a multi-page
            TIFF, or a list of any of these.
        options: How to find and load them.
        **named: Options of :class:`SourceOptions` by name: `dpi`, `pages`, `password`, `timeout_s`, `max_bytes`,
            `max_pixels`, `allow_private_addresses`, `page_timeout_s`, `max_memory_bytes`.

    Yields:
        The pages in order.

    Raises:
        PageError: If a page can't be had.
        TypeError: If there is no option of a name.
    """
    for found in find_pages(source, options, **named):
        yield found.load()


def find_pages(
    source: ImageSource | Iterable[ImageSource],
    options: SourceOptions | Mapping[str, Any] | None = None,
    *,
    known_failure: Callable[[str, Path | bytes], PageError | None] | None = None,
    **named: Any,
) -> Iterator[FoundPage]:
    """Find the pages of anything without decoding them, so that one bad page does not cost the others.

    What can't be had (a missing file, an encrypted PDF, a folder without pages) is found too: its `load` raises.

    Args:
        source: As in :func:`iter_pages`.
        options: As in :func:`iter_pages`.
        known_failure: Asked with the source and the file or bytes before a file is opened; what it answers is the
            file's only page's error, and the file is not opened.
        **named: As in :func:`iter_pages`.

    Returns:
        Pages to load.

    Raises:
        PageError: If an option is not allowed.
        TypeError: If there is no option of a name.
    """
    return _find(source, SourceOptions.of(options, **named), _Walk(known_failure))


def content_digest(data: Path | bytes) -> str:
    """Make the SHA-256 of a file or of bytes, in hexadecimal. Raises: OSError."""
    if isinstance(data, bytes):
        return hashlib.sha256(data).hexdigest()
    digest = hashlib.sha256()
    with data.open("rb") as file:
        while chunk := file.read(2**20):
            digest.update(chunk)
    return digest.hexdigest()


@dataclass(frozen=True)
class _Walk:
    """What one walk over pages takes along."""

    known_failure: Callable[[str, Path | bytes], PageError | None] | None
    count: Iterator[int] = field(default_factory=itertools.count)


def _find(source: ImageSource, options: SourceOptions, hooks: _Walk) -> Iterator[FoundPage]:
    """Find the pages of `source`; what fails is given as a loader that raises."""
    is_file = hasattr(source, "read")  # An open file is an iterator too.
    if isinstance(source, (list, tuple, set, frozenset)) or (isinstance(source, Iterator) and not is_file):
        empty = True
        for item in sorted(source, key=str) if isinstance(source, set | frozenset) else source:
            empty = False
            yield from _find(item, options, hooks)
        if empty:
            yield _failed("(empty list)", PageError("got an empty list: give at least one page."), hooks)
        return
    name = describe_source(source)
    try:
        yield from _find_one(source, name, options, hooks)
    except PageError as error:
        yield _failed(identify_source(source), error, hooks)


def _failed(source: str, error: PageError, hooks: _Walk) -> FoundPage:
    return FoundPage(source, next(hooks.count), source, 1, partial(_fail, error))


def _fail(error: PageError) -> Image.Image:
    raise PageError(str(error), error.limit)


def _find_one(source: ImageSource, name: str, options: SourceOptions, hooks: _Walk) -> Iterator[FoundPage]:
    identity = identify_source(source)
    if isinstance(source, Image.Image) or is_tensor(source) or hasattr(source, "__array_interface__"):
        loader = partial(_load_in_memory, source, name, options)
        yield FoundPage(identity, next(hooks.count), identity, 1, loader)
        return
    if isinstance(source, str | os.PathLike) and not is_url(source) and os.path.isdir(source):
        yield from _find_in_folder(Path(os.fsdecode(source)), name, options, hooks)
        return
    data, origin = open_source(source, name, options)
    if is_pdf(head_of(data, name), name) and not _has_pdfium():
        raise PageError(f"{name}: reading a PDF needs pypdfium2: pip install pypdfium2.")
    document = Document(data, name, origin, options)
    number, suffix = 0, ""
    try:
        known = hooks.known_failure(identity, data) if hooks.known_failure is not None else None
        if known is not None:
            raise known
        for listing in document.list_pages():
            for number in listing.numbers:
                suffix = f"#page={number}" if listing.is_document else ""
                loader = partial(document.load, number, name + suffix)
                yield FoundPage(identity + suffix, next(hooks.count), identity, number, loader, data, document)
    except PageError as error:
        suffix = f"#page={number + 1}" if suffix else ""
        yield FoundPage(identity + suffix, next(hooks.count), identity, number + 1, partial(_fail, error), data)


def _load_in_memory(source: ImageSource, name: str, options: SourceOptions) -> Image.Image:
    image = load_in_memory(source, name, options)
    if image is None:
        raise PageError(f"{name}: holds no pixels.")
    return image


def _has_pdfium() -> bool:
    try:
        return importlib.util.find_spec("pypdfium2") is not None
    except ValueError:
        return False


def _find_in_folder(folder: Path, name: str, options: SourceOptions, hooks: _Walk) -> Iterator[FoundPage]:
    try:
        with os.scandir(folder) as entries:
            files = [entry.name for entry in entries if not entry.name.startswith(".") and _is_file(entry)]
    except OSError as error:
        raise PageError(f"{name}: can't be listed: {reason_of(error)}.") from None
    names = sorted((file for file in files if file.lower().endswith(PAGE_SUFFIXES)), key=natural_key)
    if not names:
        raise PageError(
            f"{name}: has no pages among its {len(files)} files: pictures ({', '.join(PAGE_SUFFIXES[:8])}, ...) "
            "and .pdf are taken, folders within are not."
        )
    for file in names:
        yield from _find(folder / file, options, hooks)


def _is_file(entry: "os.DirEntry[str]") -> bool:
    """Tell files from folders, pipes and devices; a link that leads nowhere is a page that will fail, not none."""
    try:
        return entry.is_file() or (entry.is_symlink() and not os.path.exists(entry.path))
    except OSError:
        return True


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
