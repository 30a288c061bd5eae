"""Searchable PDFs of pictures: each picture is a page with its text behind, to be found, selected and copied.

Written by pikepdf (reportlab, fpdf2 and pypdfium2 were weighed: the first two can't take over a document's pages, as
`searchable` does with a PDF, the last embeds whole fonts to write text).
"""

import io
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from got_ocr.hub.whole_file import write_whole
from got_ocr.rendering.invisible_text import InvisibleFont
from got_ocr.rendering.page_geometry import MaybeBoxedLine, geometry_of
from got_ocr.rendering.searchable import PageText, add_layer, page_lines, pages_with_text
from got_ocr.rendering.source import one_line

__all__ = ["PdfPage", "SearchablePictures", "pages_with_text", "write_searchable_pdf"]

PAGE_HEIGHT_PT = 842.0  # Given to a page whose picture says no resolution: A4's.
MIN_DPI = 20.0  # What pictures say below is no resolution.
MIN_PAGE_PT, MAX_PAGE_PT = 3.0, 14400.0  # Sides that readers show.
JPEG_QUALITY = 85


@dataclass
class PdfPage:
    """A page of a searchable PDF.

    Attributes:
        text: What is written on it, as the model wrote it.
        image: Its picture (PIL, or a path).
        lines: Lines with their boxes (x1, y1, x2, y2) in px of the picture, or None, instead of `text`.
        lines_size: (width, height) of the picture that the boxes belong to, in px; None: of `image`.
        dpi: The picture's resolution; None takes the picture's own, else fits A4's height.
    """

    text: str = ""
    image: Any = None
    lines: Sequence[MaybeBoxedLine] = field(default_factory=tuple)
    lines_size: tuple[int, int] | None = None
    dpi: float | None = None


class SearchablePictures:
    """A PDF in the making: pictures are compressed as they come, so that none has to be loaded twice.

    Args:
        plain: Whether the texts are plain; else their markup is taken off.

    Raises:
        OSError: If pikepdf isn't installed.
    """

    def __init__(self, plain: bool = False) -> None:
        try:
            import pikepdf
        except ImportError:
            raise OSError("writing searchable PDFs needs pikepdf: pip install pikepdf") from None
        self.plain = plain
        self.num_pages = 0
        self._document = pikepdf.Pdf.new()
        self._font = InvisibleFont(self._document)

    def add(self, page: PdfPage) -> None:
        """Add a page.

        Args:
            page: Its picture and text.

        Raises:
            ValueError: If it has no picture.
            OSError: If its picture can't be read.
        """
        self.num_pages += 1
        if page.image is None:
            raise ValueError(f"page {self.num_pages} has no picture.")
        size_px = _add_picture(self._document, page)
        added = self._document.pages[-1]
        geometry = geometry_of(added)
        read = PageText(self.num_pages, page.text, page.lines, page.lines_size or size_px)
        lines = [geometry.place_line(*line) for line in page_lines(read, self.plain)]
        if lines:
            add_layer(self._document, added, self._font, lines)

    def save(self, target: str | Path, title: str = "") -> None:
        """Write the PDF; it appears whole or not at all. Nothing can be added afterwards.

        Args:
            target: The file.
            title: The document's title.

        Raises:
            OSError: If it can't be written.
        """
        self._font.finish()
        if title:
            self._document.docinfo["/Title"] = one_line(title)
        self._document.docinfo["/Producer"] = "got-ocr"
        write_whole(target, self._document.save)


def write_searchable_pdf(
    pages: Iterable[PdfPage | tuple[Any, str]], path: str | Path, *, title: str = "", plain: bool = False
) -> None:
    """Write a searchable PDF of pictures (for a PDF see `searchable.SearchableDocument`).

    Args:
        pages: The pages in order; a (picture, text) pair is a page without boxes.
        path: Where to write it.
        title: The document's title.
        plain: Whether the texts are plain; else their markup is taken off first.

    Raises:
        OSError: If pikepdf isn't installed, or a file can't be read or written.
        ValueError: If a page has no picture.
    """
    pictures = SearchablePictures(plain)
    for page in pages:
        pictures.add(page if isinstance(page, PdfPage) else PdfPage(image=page[0], text=page[1]))
    pictures.save(path, title)


def _add_picture(document: Any, page: PdfPage) -> tuple[int, int]:
    """Add a page that shows a picture; returns the picture's (width, height) in px."""
    import pikepdf
    from PIL import Image

    image = page.image
    if not isinstance(image, Image.Image):
        with Image.open(image) as opened:
            opened.load()
            image = opened.copy()
    dpi = page.dpi or image.info.get("dpi", (0, 0))[0]
    dpi = float(dpi) if dpi and float(dpi) > MIN_DPI else image.height * 72 / PAGE_HEIGHT_PT
    dpi = max(dpi, max(image.size) * 72 / MAX_PAGE_PT)
    width, height = (max(side * 72 / dpi, MIN_PAGE_PT) for side in image.size)
    stream = pikepdf.Stream(document, b"")
    if image.mode == "1":
        stream.write(zlib.compress(image.tobytes()), filter=pikepdf.Name.FlateDecode)
        bits, space = 1, pikepdf.Name.DeviceGray
    else:
        gray = image.mode in ("L", "LA", "I", "I;16")
        buffer = io.BytesIO()
        image.convert("L" if gray else "RGB").save(buffer, "JPEG", quality=JPEG_QUALITY)
        stream.write(buffer.getvalue(), filter=pikepdf.Name.DCTDecode)
        bits, space = 8, pikepdf.Name.DeviceGray if gray else pikepdf.Name.DeviceRGB
    stream.Type, stream.Subtype = pikepdf.Name.XObject, pikepdf.Name.Image
    stream.Width, stream.Height, stream.BitsPerComponent, stream.ColorSpace = image.width, image.height, bits, space
    document.add_blank_page(page_size=(width, height))
    added = document.pages[-1]
    added.obj.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Picture=stream))
    added.obj.Contents = pikepdf.Stream(document, f"q {width:.3f} 0 0 {height:.3f} 0 0 cm /Picture Do Q".encode())
    return image.width, image.height
