"""A searchable PDF in the making, page by page: what is checked first, what is read, what a second run needn't read.

One object for both outputs: a PDF as the only input gets a layer; pictures, and pages of several inputs, make a new PDF.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from got_ocr.rendering.pdf import PdfPage, SearchablePictures
from got_ocr.rendering.searchable import PageText, SearchableDocument, SearchableReport
from got_ocr.rendering.whole_file import check_target

STATE_VERSION = 1
_HASHED_BLOCK_BYTES = 1 << 20


class SearchableJob:
    """The making of one searchable PDF.

    Args:
        target: The PDF to write.
        document: The PDF that gets a layer; None makes a new PDF of pictures.
        password: Opens an encrypted document.
        redo: Replace hidden text that the document has.
        plain: Whether what is read is plain text; else its markup is taken off.
        identity: Names all that an answer depends on, beside the page: model, mode, resolution. What was read under
            another identity is not used again.

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
        identity: Mapping[str, Any] | None = None,
    ) -> None:
        self.target = Path(target)
        self.plain = plain
        check_target(self.target)
        self._pictures = SearchablePictures(plain) if document is None else None
        self._document = SearchableDocument(document, password=password, redo=redo) if document is not None else None
        self._texts: list[PageText] = []
        self._kept = KeptReadings(self.target.with_name(f".{self.target.name[:100]}.read.jsonl"), identity or {})

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

    def find_reading(self, source: str, number: int) -> dict[str, Any] | None:
        """Find what an earlier run that did not get to its end read on a page; None where it did not.

        Args:
            source: The page's file; it must not have changed since. What is no file was not kept.
            number: The page in it.
        """
        return self._kept.find(source, number)

    def keep_reading(self, source: str, number: int, reading: dict[str, Any]) -> None:
        """Keep what was read on a page, at once, for a run after this one.

        Args:
            source: The page's file; what is no file is not kept.
            number: The page in it.
            reading: Anything that JSON can hold.

        Raises:
            OSError: If it can't be written.
        """
        self._kept.add(source, number, reading)

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
        """Write the PDF, whole or not at all; then what was kept for a second run is removed.

        Args:
            title: The PDF's title; "" keeps that of the document.

        Returns:
            What became of the pages.

        Raises:
            OSError: If it can't be written; what was read stays kept.
        """
        if self._document is not None:
            with self._document as document:
                report = document.save(self._texts, self.target, plain=self.plain, title=title)
        elif self._pictures is not None:
            self._pictures.save(self.target, title)
            report = SearchableReport(written=list(range(1, self._pictures.num_pages + 1)))
        self._kept.remove()
        return report


class KeptReadings:
    """What was read so far, as JSON lines beside the output: the first says under which identity.

    Args:
        path: The file.
        identity: What the readings depend on; a file of another identity is begun anew.
    """

    def __init__(self, path: Path, identity: Mapping[str, Any]) -> None:
        self.path = path
        self._head = json.dumps({"version": STATE_VERSION, "identity": dict(identity)}, sort_keys=True, default=str)
        self._digests: dict[str, str | None] = {}
        self._readings: dict[tuple[str, int], dict[str, Any]] = {}
        self._file: TextIO | None = None
        with suppress(OSError):
            self._load()

    def _load(self) -> None:
        """Take what is there; a line that was cut by a crash and all behind it count as not read."""
        with self.path.open(encoding="utf-8") as file:
            if file.readline().rstrip("\n") != self._head:
                return
            for line in file:
                try:
                    entry = json.loads(line)
                    self._readings[str(entry["digest"]), int(entry["page"])] = dict(entry["reading"])
                except (ValueError, KeyError, TypeError):
                    return

    def find(self, source: str, number: int) -> dict[str, Any] | None:
        """Find a page's reading by its file's content."""
        digest = self._digest_of(source) if self._readings else None
        return self._readings.get((digest, number)) if digest else None

    def add(self, source: str, number: int, reading: dict[str, Any]) -> None:
        """Add a page's reading and bring it to the file."""
        digest = self._digest_of(source)
        if digest is None:
            return
        if self._file is None:
            self._file = self.path.open("w", encoding="utf-8", newline="\n")
            self._file.write(self._head + "\n")
            for (kept_digest, page), kept in self._readings.items():
                self._write(kept_digest, page, kept)
        self._readings[digest, number] = reading
        self._write(digest, number, reading)
        self._file.flush()

    def _write(self, digest: str, number: int, reading: dict[str, Any]) -> None:
        if self._file is not None:
            self._file.write(json.dumps({"digest": digest, "page": number, "reading": reading}) + "\n")

    def remove(self) -> None:
        """Close and remove the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self.path.unlink(missing_ok=True)

    def _digest_of(self, source: str) -> str | None:
        """Name a file by its content; None for what is no file."""
        if source not in self._digests:
            try:
                self._digests[source] = _digest(Path(source)) if Path(source).is_file() else None
            except (OSError, ValueError):
                self._digests[source] = None
        return self._digests[source]


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_HASHED_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
