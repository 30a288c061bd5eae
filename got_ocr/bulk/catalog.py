"""Which pages there are: each source opened once, its content's digest and its pages noted.

The catalogue has a row a source and is kept; the list of pages is made of it anew for each run.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from ..processing.isolation import Document
from ..processing.options import PageError, SourceOptions, printable
from ..processing.pages import content_digest
from ..processing.sources import head_of
from .failures import kind_of, kind_of_message
from .inputs import Source
from .opening import Opener
from .rows import CATALOG, PAGES, SOURCES, make_table

WHOLE_FILE = 0  # The page of a row that says why a file can't be had at all.


def make_sources(sources: Iterable[Source]) -> pa.Table:
    """Make the table of sources that the catalogue is made of."""
    rows = ({"key": one.key, **vars(one), "order": order} for order, one in enumerate(sources))
    return make_table(rows, SOURCES)


class Cataloguer:
    """Looks into sources; a stage of the pipeline.

    Args:
        options: How they are opened.
        image_column: Where a table keeps its pictures.
    """

    def __init__(self, options: SourceOptions, image_column: str) -> None:
        self._options = options
        self._opener = Opener(options, image_column)

    def __call__(self, batch: pa.Table) -> Iterator[pa.Table]:
        """Look into each source of a batch."""
        for row in batch.to_pylist():
            items = list(self._list_items(row))
            self._opener.close()
            yield make_table([{"key": row["key"], "uri": row["uri"], "kind": row["kind"], "items": items}], CATALOG)

    def _list_items(self, row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        uri, kind = row["uri"], row["kind"]
        if row["error"] is not None:
            yield _failed({}, uri, row["error"], kind_of_message(row["error"]))
            return
        try:
            for place, data in self._opener.list_items(uri, kind):
                yield self._look_at(place, data, uri)
        except PageError as error:
            yield _failed({}, uri, str(error), kind_of(error))

    def _look_at(self, place: dict[str, Any], data: Path | bytes | PageError, uri: str) -> dict[str, Any]:
        name = printable(name_of(uri, place.get("member")))
        if isinstance(data, PageError):
            return _failed(place, name, str(data), kind_of(data))
        try:
            digest = content_digest(data)
        except OSError as error:
            return _failed(place, name, f"{name}: can't be read: {error.strerror}.", "not allowed")
        try:
            head_of(data, name)
            listing = Document(data, name, "", self._options).list_pages()
        except PageError as error:
            return {**place, "sha256": digest, "pages": [], "error": str(error), "error_kind": kind_of(error)}
        return {**place, "sha256": digest, "pages": list(listing.numbers), "is_document": listing.is_document}


def _failed(place: Mapping[str, Any], name: str, error: str, kind: str) -> dict[str, Any]:
    """Note what has no content: its name stands for that."""
    digest = hashlib.sha256(b"no content\0" + name.encode("utf-8", "surrogatepass")).hexdigest()
    return {**place, "sha256": digest, "pages": [], "error": error, "error_kind": kind}


def _digest_of(item: Mapping[str, Any], source: str) -> str:
    """Name a file by its content; one that can't be had by its name as well, so that each has a row of its own."""
    if item["error"] is None:
        return str(item["sha256"])
    return hashlib.sha256(f"{source}\0{item['sha256']}".encode("utf-8", "surrogatepass")).hexdigest()


def name_of(uri: str, member: str | None) -> str:
    """Name a source, or what is in it, for people."""
    return uri if member is None else f"{uri}::{member}"


def list_pages(catalog: pa.Table, order: Mapping[str, int]) -> pa.Table:
    """List the pages of sources, each content once.

    Args:
        catalog: Rows of the catalogue.
        order: The place of each source by its key; sources that are not there are left out.

    Returns:
        The pages in the order of their sources; `copies` names other sources with the same content.
    """
    rows = [row for row in catalog.to_pylist() if row["key"] in order]
    rows.sort(key=lambda row: order[row["key"]])
    pages: dict[str, dict[str, Any]] = {}
    for row in rows:
        for item in row["items"]:
            source = name_of(row["uri"], item["member"])
            for number in item["pages"] or [WHOLE_FILE]:
                page_id = f"{_digest_of(item, source)}#{number}"
                if page_id in pages:
                    pages[page_id]["copies"].append(source)
                    continue
                place = {name: item[name] for name in ("member", "offset", "size", "row_group", "row")}
                facts = {name: item[name] for name in ("sha256", "is_document", "error", "error_kind")}
                pages[page_id] = {
                    "id": page_id, "source": source, "page": number, "copies": [],
                    "uri": row["uri"], "kind": row["kind"], **place, **facts,
                }  # fmt: skip
    return make_table(pages.values(), PAGES)
