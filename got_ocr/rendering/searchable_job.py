"""A searchable PDF in the making, page by page: what would refuse it at its end refuses it before a page is read.

One object for both outputs: a PDF as the only input gets a layer; pictures, and pages of several inputs, make a new
PDF.
"""

from pathlib import Path
from typing import Any

from got_ocr.hub.whole_file import check_target
from got_ocr.rendering.pdf import PdfPage, SearchablePictures
from got_ocr.rendering.searchable import PageText, SearchableDocument, SearchableReport


class SearchableJob:
    """The making of one searchable PDF.

    Args:
        target: The PDF to write.
        document: The PDF that gets a layer; None makes a new PDF of pictures.
        password: Opens an encrypted document.
        redo: Replace hidden text that the document has.
        plain: Whether what is read is plain text; else its markup is taken off.

    Raises:
        ValueError: If the document can't get a layer, and why.
        OSError: If pikepdf isn't installed, or the target can't be written.
    """

    def __init__(
        self,
        target: str | Path,
        document: str | Path | None = None,
        *,
        password: str | None = None,
        redo: bool = False,
        plain: bool = False,
    ) -> None:
        self.target = Path(target)
        self.plain = plain
        check_target(self.target)
        self._pictures = SearchablePictures(plain) if document is None else None
        self._document = SearchableDocument(document, password=password, redo=redo) if document is not None else None
        self._texts: list[PageText] = []

    @property
    def needs_pictures(self) -> bool:
        """Whether each page has to come with its picture."""
        return self._pictures is not None

    @property
    def num_pages(self) -> int:
        """How many pages were added."""
        return self._pictures.num_pages if self._pictures is not None else len(self._texts)

    def has_text(self, number: int) -> bool:
        """Say whether a page of the document keeps the text that it has, so that it need not be read."""
        return self._document is not None and self._document.has_text(number)

    def add(self, page: PageText, picture: Any = None) -> None:
        """Add a page.

        Args:
            page: What was read; its number counts where a document gets a layer.
            picture: The page's picture (PIL), where `needs_pictures`.
        """
        if self._pictures is None:
            self._texts.append(page)
            return
        fits = page.size is None or tuple(page.size) == picture.size
        self._pictures.add(PdfPage(page.text, picture, lines=page.lines if fits else ()))

    def save(self, title: str = "") -> SearchableReport:
        """Write the PDF, whole or not at all.

        Args:
            title: The PDF's title; "" keeps that of the document.

        Returns:
            What became of the pages.

        Raises:
            OSError: If it can't be written.
        """
        if self._document is not None:
            with self._document as document:
                report = document.save(self._texts, self.target, plain=self.plain, title=title)
        elif self._pictures is not None:
            self._pictures.save(self.target, title)
            report = SearchableReport(written=list(range(1, self._pictures.num_pages + 1)))
        return report
