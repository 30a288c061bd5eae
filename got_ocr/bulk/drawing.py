"""From a list of pages to their pictures: the stage that runs on cores, in a decoder of its own (`isolation`)."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from PIL import Image

from ..processing.isolation import Document
from ..processing.options import PageError, printable
from ..processing.pages import content_digest
from . import gates
from .failures import POISON, kind_of
from .ledger import LedgerClient
from .opening import Opener
from .options import BulkOptions
from .rows import DRAWN, make_table

STAGE = "draw"


class Drawer:
    """Draws pages; a stage of the pipeline.

    Args:
        options: What the job is told.
        ledger: The job's ledger; None where nobody counts deaths.
        poison_after: On how many deaths a page is set aside.
    """

    def __init__(self, options: BulkOptions, ledger: Any = None, poison_after: int = 2) -> None:
        self._options = options
        self._opener = Opener(options.sources, options.image_column)
        self._ledger = None if ledger is None else LedgerClient(ledger, STAGE)
        self._poison_after = poison_after
        self._document: tuple[tuple[Any, ...], Document] | None = None

    def __call__(self, batch: pa.Table) -> Iterator[pa.Table]:
        """Draw each page of a batch, one at a time in memory."""
        for page in batch.to_pylist():
            deaths = self._ledger.begin([page["id"]])[0] if self._ledger is not None else 0
            if deaths >= self._poison_after:
                drawn = _failed(poison_line(printable(page["source"]), deaths, "draw"), POISON)
            else:
                drawn = self.draw(page)
            if self._ledger is not None:
                self._ledger.end([page["id"]])
            yield make_table([{**page, **drawn}], DRAWN)

    def draw(self, page: Mapping[str, Any]) -> dict[str, Any]:
        """Draw a page and look at it.

        Args:
            page: A row of the list of pages.

        Returns:
            What `DRAWN` has beyond it: its pixels, or a verdict, or an error.
        """
        if page["error"] is not None:
            return _failed(page["error"], page["error_kind"])
        try:
            document = self._open(page)
            if self._options.gates.keep_text_layer and page["is_document"]:
                text = self._text_layer(document, page)
                if gates.is_good_layer(text):
                    return {"verdict": gates.TEXT_LAYER, "text": text.strip()}
            image = document.load(page["page"], _page_name(page))
        except PageError as error:
            return _failed(str(error), kind_of(error))
        except MemoryError:
            return _failed(f"{_page_name(page)}: not enough memory to load it.", "memory")
        return self._look_at(image, page)

    def _look_at(self, image: Image.Image, page: Mapping[str, Any]) -> dict[str, Any]:
        chosen = self._options.gates
        size = {"width_px": image.width, "height_px": image.height, "turned_deg": 0}
        if chosen.skip_blank and gates.is_blank(image):
            return {**size, "verdict": gates.BLANK, "text": ""}
        if chosen.skip_duplicates and self._ledger is not None:
            first = self._ledger.claim(gates.digest_pixels(image), page["id"])
            if first != page["id"]:
                return {**size, "verdict": gates.DUPLICATE, "text": "", "duplicate_of": first}
        turned = gates.find_turn(image) if chosen.turn else 0
        return {**size, "turned_deg": turned, "pixels": image.tobytes()}

    def _open(self, page: Mapping[str, Any]) -> Document:
        """Open what a page lies in; the last one stays open, for its next page."""
        place = tuple(page[name] for name in ("uri", "offset", "row_group", "row"))
        if self._document is None or self._document[0] != place:
            name = printable(page["source"])
            data = self._opener.open_item(page)
            _check_content(data, page["sha256"], name)
            self._document = (place, Document(data, name, "", self._options.sources))
        return self._document[1]

    @staticmethod
    def _text_layer(document: Document, page: Mapping[str, Any]) -> str:
        try:
            return document.read_text(page["page"], _page_name(page))
        except PageError:  # No PDF, or a damaged page: drawing it will say so.
            return ""


def _check_content(data: Path | bytes, sha256: str, name: str) -> None:
    """Refuse a file that is another by now: its row would bear the old one's name. Raises: PageError."""
    try:
        is_same = content_digest(data) == sha256
    except OSError as error:
        raise PageError(f"{name}: can't be read: {error.strerror}.") from None
    if not is_same:
        raise PageError(f"{name}: has changed since the job looked into it: run the same command again.")


def _page_name(page: Mapping[str, Any]) -> str:
    name = printable(page["source"])
    return f"{name}#page={page['page']}" if page["is_document"] else name


def _failed(error: str, kind: str) -> dict[str, Any]:
    return {"error": error, "error_kind": kind}


def poison_line(name: str, deaths: int, what: str) -> str:
    """Say that a page was set aside because workers died over it."""
    return (
        f"{name}: {deaths} workers died while they were to {what} it, so it was set aside: "
        "look at it by itself, or try it again with --retry-failed."
    )
