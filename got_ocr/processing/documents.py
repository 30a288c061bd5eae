"""PDFs, TIFFs and pictures taken apart in this process: which pages they have, and the pixels of one.

Whoever calls this keeps to one call at a time, since PDFium is not safe to call from two threads: the process of
`page_worker`, or the lock of `isolation` where there is no such process.
"""

import importlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from .options import PageError, SourceOptions, last_page_wanted, reason_of, say_how, select_pages
from .pixels import check_size, convert_image, load_file, open_image
from .sources import head_of, is_pdf
from .tiff_pages import TiffPages

TIFF_MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
LISTED_AT_ONCE = 500  # Pages of a TIFF, which is walked through to find them.


@dataclass(frozen=True)
class PageListing:
    """What a file has.

    Attributes:
        numbers: The pages to take, counted from 1.
        is_document: Whether it has, or could have, several; its pages then have names of their own.
        last: The page up to which they were looked for, if there may be more behind it; else None.
    """

    numbers: tuple[int, ...]
    is_document: bool
    last: int | None = None


class DocumentReader:
    """Opens one file at a time and keeps it open, so that its pages need not be found again for each.

    Args:
        data: The file, or its bytes.
        name: What to call it in an error.
        origin: What to say of its origin in an error.
        options: How to load.
    """

    def __init__(self, data: Path | bytes, name: str, origin: str, options: SourceOptions) -> None:
        self.data = data
        self.name = name
        self.origin = origin
        self.options = options
        self._pdf: Any = None
        self._tiff: TiffPages | None = None

    def close(self) -> None:
        """Close what is open."""
        if self._pdf is not None:
            self._pdf.close()
            self._pdf = None
        if self._tiff is not None:
            self._tiff.close()
            self._tiff = None

    def list_pages(self, after: int = 0) -> PageListing:
        """Find pages, without decoding them: all of a PDF, of a long TIFF the next ones.

        Args:
            after: The page behind which to look; 0 for the first.

        Raises:
            PageError: If the file can't be opened, or has not the pages that are wanted.
        """
        head = head_of(self.data, self.name)
        if is_pdf(head, self.name):
            num_pages = len(self._open_pdf())
            if num_pages == 0:
                raise PageError(f"{self.name}: is a PDF without pages: get it anew.")
            return PageListing(tuple(select_pages(num_pages, self.name, self.options)), is_document=True)
        if head[:4] in TIFF_MAGICS:
            last = after + LISTED_AT_ONCE
            num_pages = self._open_tiff().find(max(last + 1, last_page_wanted(self.options)))
            if num_pages > 1:
                wanted = select_pages(num_pages, self.name, self.options, after, last)
                return PageListing(tuple(wanted), is_document=True, last=last if num_pages > last else None)
        return PageListing((1,), is_document=False)

    def load(self, number: int, name: str) -> Image.Image:
        """Decode a page.

        Args:
            number: Counted from 1.
            name: What to call it in an error.

        Returns:
            Upright RGB.

        Raises:
            PageError: If it can't be had.
        """
        head = head_of(self.data, self.name)
        if is_pdf(head, self.name):
            return self._render(number, name)
        if head[:4] in TIFF_MAGICS:
            return self._load_tiff_page(number, name)
        return load_file(self.data, name, self.options, self.origin)

    def read_text(self, number: int, name: str) -> str:
        """Read what a page of a PDF has as text.

        Args:
            number: Counted from 1.
            name: What to call it in an error.

        Returns:
            The text, lines parted by line feeds.

        Raises:
            PageError: If the page can't be opened.
        """
        document = self._open_pdf()
        try:
            page = document[number - 1]
            try:
                text_page = page.get_textpage()
                try:
                    return "\n".join(str(text_page.get_text_bounded()).splitlines())
                finally:
                    text_page.close()
            finally:
                page.close()
        except Exception as error:
            raise PageError(f"{name}: this page of the PDF is damaged: {reason_of(error)}.") from None

    def count_letters(self, number: int, name: str) -> int:
        """Count the letters and digits that a page of a PDF has as text. Args and raises: as :meth:`read_text`."""
        return sum(letter.isalnum() for letter in self.read_text(number, name))

    def _open_pdf(self) -> Any:
        if self._pdf is not None:
            return self._pdf
        pdfium = importlib.import_module("pypdfium2")
        try:
            # PDFium says nothing of a document without pages, and its last word on another file stands: make that one
            # which no open file gets.
            pdfium.raw.FPDF_LoadDocument(b"", None)
            document = pdfium.PdfDocument(self.data, password=self.options.password)
        except Exception as error:
            raise PageError(f"{self.name}: {self._pdf_trouble(error)}") from None
        try:
            if len(document):
                document.init_forms()
        except Exception as error:
            document.close()
            raise PageError(f"{self.name}: {self._pdf_trouble(error)}") from None
        self._pdf = document
        return document

    def _pdf_trouble(self, error: Exception) -> str:
        reason = str(error).lower()
        if "file access" in reason:  # Nothing, see `_open_pdf`.
            return "is a PDF without pages: get it anew."
        if "password" in reason:
            give = self.options.means("give its {}", "password")
            if self.options.password is None:
                return "is an encrypted PDF" + say_how(give, "save it without one" if give else "save it without")
            return "is an encrypted PDF, and the password given does not open it."
        if "security" in reason:
            return "is a PDF with an encryption that PDFium does not know: save it without."
        return "is a damaged PDF, or none: get it anew, or print it to a new PDF."

    def _render(self, number: int, name: str) -> Image.Image:
        document, options = self._open_pdf(), self.options
        try:
            page = document[number - 1]
            width_pt, height_pt = page.get_size()
        except Exception as error:
            raise PageError(f"{name}: this page of the PDF is damaged: {reason_of(error)}.") from None
        try:
            scale = options.dpi / 72
            size = round(width_pt * scale), round(height_pt * scale)
            check_size(*size, f"{name} at {options.dpi:g} dpi", options, options.means("lower {}", "dpi"))
            bitmap = page.render(scale=scale)
            try:
                picture: Image.Image = bitmap.to_pil().convert("RGB")
                return picture
            finally:
                bitmap.close()
        except (PageError, MemoryError):
            raise
        except Exception as error:
            raise PageError(f"{name}: this page of the PDF can't be drawn: {reason_of(error)}.") from None
        finally:
            page.close()

    def _open_tiff(self) -> TiffPages:
        if self._tiff is None:
            try:
                self._tiff = TiffPages(io.BytesIO(self.data) if isinstance(self.data, bytes) else self.data.open("rb"))
            except OSError as error:
                raise PageError(f"{self.name}: can't be read: {reason_of(error)}.") from None
        return self._tiff

    def _load_tiff_page(self, number: int, name: str) -> Image.Image:
        try:
            file = self._open_tiff().open_page(number)
        except EOFError:
            raise PageError(f"{name}: is cut short: it ends before this page: get it anew.") from None
        with open_image(self.data, name, self.origin, file) as image:
            return convert_image(image, name, self.options)
