"""Searchable PDFs of documents: the document itself, with a layer of text added to its pages.

Everything else stays as it was: title, author, outline, attachments, page labels, language, forms, annotations, and
the encryption with its passwords. Done by pikepdf (kept, packaged widely, built on qpdf). It makes no PDF/A of what
was none: none of the libraries in use does, only Ghostscript and programs around it.
"""

import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from got_ocr.hub.whole_file import check_target, write_whole
from got_ocr.rendering.document import render
from got_ocr.rendering.hidden_text import TextCount, count_text, give_own_resources, remove_hidden_text
from got_ocr.rendering.invisible_text import FONT_PREFIX, InvisibleFont, write_layer
from got_ocr.rendering.page_geometry import MaybeBoxedLine, complete_boxes, geometry_of, spread_lines
from got_ocr.rendering.source import one_line

MIN_TEXT_BYTES = 20  # Of the text on a page that counts as having some: fewer are a page number or a stamp.


@dataclass(frozen=True)
class PageText:
    """What was read on a page.

    Attributes:
        number: The page, counted from 1.
        text: Its text, as the model wrote it.
        lines: Lines with their boxes (x1, y1, x2, y2) in px of the picture that was read, instead of `text`; one
            whose box is None goes between its neighbours.
        size: (width, height) of that picture in px.
    """

    number: int
    text: str = ""
    lines: Sequence[MaybeBoxedLine] = ()
    size: tuple[float, float] | None = None


@dataclass
class SearchableReport:
    """What became of a document's pages, each by its number from 1.

    Attributes:
        written: Pages that got a layer.
        replaced: Those of them that had a hidden layer, which is gone.
        skipped: Pages that were left as they were, since they have text.
        notes: What the reader of the document should know.
    """

    written: list[int] = field(default_factory=list)
    replaced: list[int] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class SearchableDocument:
    """A PDF that gets a text layer.

    Args:
        source: The PDF, a file.
        password: Opens an encrypted one; the output is encrypted as the source is.
        redo: Replace hidden text, ours or another program's; text that is seen always stays.

    Raises:
        ValueError: If the source is no file, no PDF, or encrypted and the password doesn't open it.
        OSError: If pikepdf isn't installed, or the file can't be read.
    """

    def __init__(self, source: str | Path, *, password: str | None = None, redo: bool = False) -> None:
        self.source = Path(source)
        self.redo = redo
        self._document = _open(self.source, password)
        self._counts: dict[int, TextCount] = {}

    def __enter__(self) -> "SearchableDocument":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._document.close()

    @property
    def num_pages(self) -> int:
        """How many pages it has."""
        return len(self._document.pages)

    @property
    def notes(self) -> list[str]:
        """What its reader should know before anything is written."""
        form = self._document.Root.get("/AcroForm")
        try:
            signed = form is not None and bool(int(form.get("/SigFlags", 0)) & 1)
        except (TypeError, ValueError, AttributeError):
            signed = False
        return ["the document is signed: its signatures do not hold for the PDF with a text layer"] if signed else []

    def has_text(self, number: int) -> bool:
        """Say whether a page keeps the text that it has, so that it need not be read.

        Args:
            number: The page, counted from 1; False for one that is not there.
        """
        if not 1 <= number <= self.num_pages:
            return False
        if number not in self._counts:
            self._counts[number] = count_text(self._document.pages[number - 1])
        count = self._counts[number]
        if count.unknown:
            return True
        return count.seen + (0 if self.redo else count.hidden) >= MIN_TEXT_BYTES

    def save(
        self, pages: Iterable[PageText], target: str | Path, *, plain: bool = False, title: str = ""
    ) -> SearchableReport:
        """Write the document with the text of its pages; the file appears whole or not at all.

        Args:
            pages: What was read; a page that isn't among them is left as it is, and so is one that has text.
            target: The PDF to write; may be the source itself.
            plain: Whether the texts are plain; else their markup is taken off.
            title: A new title; "" keeps the document's own.

        Returns:
            What became of the pages.

        Raises:
            ValueError: If a page is not in the document.
            OSError: If the target can't be written.
        """
        document = self._document
        report = SearchableReport(notes=self.notes)
        font = InvisibleFont(document)
        for page in pages:
            if not 1 <= page.number <= self.num_pages:
                raise ValueError(f"{self.source} has no page {page.number}: it has {self.num_pages}.")
            if self.has_text(page.number):
                report.skipped.append(page.number)
                continue
            target_page = document.pages[page.number - 1]
            geometry = geometry_of(target_page)
            lines = [geometry.place_line(*line) for line in page_lines(page, plain)]
            if not lines:
                continue
            if self.redo and remove_hidden_text(document, target_page):
                report.replaced.append(page.number)
            add_layer(document, target_page, font, lines)
            report.written.append(page.number)
        font.finish()
        if title:
            _set_title(document, one_line(title))
        encrypted = bool(document.is_encrypted)
        write_whole(target, lambda part: document.save(part, encryption=encrypted))
        return report


def page_lines(
    page: PageText, plain: bool
) -> list[tuple[str, tuple[float, float, float, float], tuple[float, float]]]:
    """Take a page's lines with their boxes and the size that the boxes belong to; spread those that have no boxes.

    Args:
        page: What was read on the page.
        plain: Whether its text is plain; else the markup is taken off.

    Returns:
        Lines in reading order.
    """
    if page.size and min(page.size) > 0 and any(box is not None for _, box in page.lines):
        lines = complete_boxes(page.lines, page.size)
        texts = (text if plain else " ".join(_without_markup(text).split()) for text, _ in lines)
        return [(text, box, page.size) for text, (_, box) in zip(texts, lines, strict=True) if text.strip()]
    text = page.text if plain else _without_markup(page.text)
    rows = [row.strip() for row in text.replace("\t", " ").replace("\f", "\n").split("\n")]
    return [(line, box, (1.0, 1.0)) for line, box in spread_lines([row for row in rows if row])]


def _without_markup(text: str) -> str:
    return render(text, geometry="source").to_text()


def add_layer(document: Any, page: Any, font: InvisibleFont, lines: Sequence[Any]) -> None:
    """Put lines on a page, before all that it draws: no state that the page leaves behind can move them.

    Args:
        document: The `pikepdf.Pdf`.
        page: Its page.
        font: Its invisible font.
        lines: The placed lines.
    """
    import pikepdf

    fonts = give_own_resources(page, "/Font")
    name = next(name for name in (f"{FONT_PREFIX}{index}" for index in range(len(fonts) + 1)) if name not in fonts)
    fonts[name] = font.object
    page.contents_add(pikepdf.Stream(document, write_layer(font, name, lines)), prepend=True)


def check_searchable(source: str | Path, target: str | Path, *, password: str | None = None) -> None:
    """Refuse what can't become a searchable PDF, before anything is read.

    Args:
        source: The PDF.
        target: The PDF to write.
        password: Of an encrypted source.

    Raises:
        ValueError: If the source is no file, no PDF, or encrypted and the password doesn't open it.
        OSError: If pikepdf isn't installed, or the target can't be written.
    """
    check_target(target)
    _open(Path(source), password).close()


def pages_with_text(path: str | Path, password: str | None = None) -> list[bool]:
    """Say for each page of a PDF whether it has text already, seen or hidden.

    Args:
        path: The PDF.
        password: Opens an encrypted one.

    Returns:
        One truth value a page.

    Raises:
        ValueError: If it is no PDF, or encrypted and the password doesn't open it.
        OSError: If pikepdf isn't installed, or the file can't be read.
    """
    with SearchableDocument(path, password=password) as document:
        return [document.has_text(number) for number in range(1, document.num_pages + 1)]


def _open(source: Path, password: str | None) -> Any:
    try:
        import pikepdf
    except ImportError:
        raise OSError("writing searchable PDFs needs pikepdf: pip install pikepdf") from None
    if not stat.S_ISREG(os.stat(source).st_mode):
        raise ValueError(f"{source} is no file, but a pipe or a device: save it as a PDF file first.")
    try:
        document = pikepdf.Pdf.open(source, password=password or "")
    except pikepdf.PasswordError:
        reason = "its password is another" if password else "give its password"
        raise ValueError(f"{source} is encrypted: {reason}.") from None
    except pikepdf.PdfError as error:
        raise ValueError(f"{source} can't be opened as a PDF: {one_line(str(error))}.") from None
    if not len(document.pages):
        document.close()
        raise ValueError(f"{source} has no page.")
    return document


def _set_title(document: Any, title: str) -> None:
    document.docinfo["/Title"] = title
    if "/Metadata" in document.Root:
        with document.open_metadata(set_pikepdf_as_editor=False, update_docinfo=False) as metadata:
            metadata["dc:title"] = title
