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
from .opening import Opener, name_of
from .rows import (
    CATALOG,
    PAGES,
    SOURCE_KEY,
    SOURCES,
    decode_uri,
    encode_uri,
    make_table,
    make_table_of_columns,
)

WHOLE_FILE = 0  # The page of a row that says why a file can't be had at all.


def make_sources(sources: Iterable[Source]) -> pa.Table:
    """Make the table of sources that the catalogue is made of."""
    rows = (
        {"key": one.key, "uri": encode_uri(one.uri), "kind": one.kind, "error": one.error, "order": order}
        for order, one in enumerate(sources)
    )
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
        uri, kind = decode_uri(row["uri"]), row["kind"]
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
            listings = list(Document(data, name, "", self._options).list_pages())
        except PageError as error:
            return {**place, "sha256": digest, "pages": [], "error": str(error), "error_kind": kind_of(error)}
        pages = [number for listing in listings for number in listing.numbers]
        return {**place, "sha256": digest, "pages": pages, "is_document": listings[0].is_document}


def _failed(place: Mapping[str, Any], name: str, error: str, kind: str) -> dict[str, Any]:
    """Note what has no content: its name stands for that."""
    digest = hashlib.sha256(b"no content\0" + name.encode("utf-8", "surrogatepass")).hexdigest()
    return {**place, "sha256": digest, "pages": [], "error": error, "error_kind": kind}


def _digest_of(item: Mapping[str, Any], source: str) -> str:
    """Name a file by its content; one that can't be had by its name as well, so that each has a row of its own."""
    if item["error"] is None:
        return str(item["sha256"])
    return hashlib.sha256(f"{source}\0{item['sha256']}".encode("utf-8", "surrogatepass")).hexdigest()


def list_pages(catalog: pa.Table, order: Mapping[str, int]) -> pa.Table:
    """List the pages of sources, each content once.

    Args:
        catalog: Rows of the catalogue.
        order: The place of each source by its key; sources that are not there are left out.

    Returns:
        The pages in the order of their sources; `copies` names other sources with the same content.
    """
    places = [order.get(key) for key in catalog[SOURCE_KEY].to_pylist()]
    rows = sorted((place, row) for row, place in enumerate(places) if place is not None)
    columns: dict[str, list[Any]] = {name: [] for name in PAGES.names}
    found: dict[str, int] = {}
    uris, kinds, items = catalog["uri"], catalog["kind"], catalog["items"]
    for _, row in rows:
        uri, kind = uris[row].as_py(), kinds[row].as_py()
        for item in items[row].as_py():
            source = name_of(decode_uri(uri), item["member"])
            for number in item["pages"] or [WHOLE_FILE]:
                page_id = f"{_digest_of(item, source)}#{number}"
                first = found.setdefault(page_id, len(found))
                if first < len(columns["id"]):
                    columns["copies"][first].append(source)
                    continue
                values = {"id": page_id, "source": source, "page": number, "copies": [], "uri": uri, "kind": kind}
                for name, column in columns.items():
                    column.append(values[name] if name in values else item[name])
    return make_table_of_columns(columns, PAGES)
