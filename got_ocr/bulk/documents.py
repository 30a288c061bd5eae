"""Pages joined to documents, as Dolma's tools take them: gzipped JSON lines with `id`, `text` and `attributes`."""

import contextlib
import gzip
import json
import pickle
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import IO, Any

from .output import DOCUMENTS, DOCUMENTS_SUFFIX, OutputFolder
from .rows import PAGE_ID

BUCKET_ROWS = 20_000  # Pages of a file: a bucket lies in memory while its documents are put together.
PAGE_SEPARATOR = "\n\n"
_READ_COLUMNS = ("id", "source", "page", "sha256", "text", "markdown", "num_tokens", "mean_probability", "error")
_COLUMNS = (*_READ_COLUMNS, "model", "version", "duplicate_of", "read_at")


def write_documents(folder: OutputFolder) -> int:
    """Write all documents anew.

    Pages of a document may be in many files: they are parted by their document's digest into buckets on this
    machine's disk, and each bucket, which fits into memory, becomes a file.

    Args:
        folder: The output.

    Returns:
        How many documents there are.
    """
    target = folder.store.below(DOCUMENTS)
    target.make()
    target.remove_files(DOCUMENTS_SUFFIX)
    num_buckets = max(1, -(-folder.read_columns([PAGE_ID]).num_rows // BUCKET_ROWS))
    originals = _read_originals(folder)
    count = 0
    with tempfile.TemporaryDirectory(prefix="got-ocr-bulk-") as scratch, contextlib.ExitStack() as files:
        paths = [Path(scratch) / f"{number}.pickle" for number in range(num_buckets)]
        buckets = [files.enter_context(path.open("w+b")) for path in paths]
        for row in folder.iterate(list(_COLUMNS)):
            pickle.dump(row, buckets[int(row["sha256"][:8], 16) % num_buckets])
        for number, bucket in enumerate(buckets):
            bucket.seek(0)
            lines = [json.dumps(one, ensure_ascii=False) for one in join_pages(_load_all(bucket), originals)]
            count += len(lines)
            data = "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")
            target.write(gzip.compress(data, mtime=0), f"{number:05d}{DOCUMENTS_SUFFIX}")
    return count


def _load_all(file: IO[bytes]) -> Iterator[dict[str, Any]]:
    """Give back what was dumped into a file of our own, one after the other."""
    while True:
        try:
            yield pickle.load(file)
        except EOFError:
            return


def _read_originals(folder: OutputFolder) -> dict[str, tuple[str, str | None]]:
    """Read the texts of pages that others are duplicates of."""
    table = folder.read_columns([PAGE_ID, "duplicate_of"])
    pairs = zip(table[PAGE_ID].to_pylist(), table["duplicate_of"].to_pylist(), strict=True)
    duplicates = {page: original for page, original in pairs if original is not None}
    if not duplicates:
        return {}
    # After a stop the page that others are duplicates of may itself be found to be one, of a page drawn before it.
    last = {original: original for original in duplicates.values()}
    for original in last:
        while last[original] in duplicates:
            last[original] = duplicates[last[original]]
    wanted = set(last.values())
    rows = folder.iterate([PAGE_ID, "text", "markdown"])
    texts = {row[PAGE_ID]: (row["text"], row["markdown"]) for row in rows if row[PAGE_ID] in wanted}
    return {original: texts[page] for original, page in last.items() if page in texts}


def join_pages(
    rows: Iterable[Mapping[str, Any]], originals: Mapping[str, tuple[str, str | None]]
) -> Iterator[dict[str, Any]]:
    """Join pages to documents.

    Args:
        rows: The pages of whole documents, in any order.
        originals: Texts of pages that others are duplicates of, by id.

    Yields:
        Documents that have a text, in the order of their sources; `attributes` says where each page's text stands.
    """
    documents: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        documents.setdefault(row["sha256"], []).append(row)
    for digest, pages in sorted(documents.items(), key=lambda one: (str(one[1][0]["source"]), one[0])):
        pages.sort(key=lambda row: row["page"])
        pieces: list[str] = []
        spans: list[tuple[int, int, int]] = []
        position = 0
        for row in pages:
            text, markdown = originals.get(row["duplicate_of"], (row["text"], row["markdown"]))
            piece = (markdown or text or "").strip()
            if not piece:
                continue
            position += len(PAGE_SEPARATOR) if pieces else 0
            spans.append((position, position + len(piece), row["page"]))
            pieces.append(piece)
            position += len(piece)
        if pieces:
            yield _document(digest, pages, PAGE_SEPARATOR.join(pieces), spans)


def _document(
    digest: str, pages: list[Mapping[str, Any]], text: str, spans: list[tuple[int, int, int]]
) -> dict[str, Any]:
    first = pages[0]
    certain = [row["mean_probability"] for row in pages if row["mean_probability"] is not None]
    return {
        "id": digest,
        "text": text,
        "source": "got-ocr",
        "added": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "created": first["read_at"].strftime("%Y-%m-%d"),
        "metadata": {
            "Source-File": first["source"],
            "got-ocr-version": first["version"],
            "model": first["model"],
            "pdf-total-pages": len(pages),
            "failed-pages": [row["page"] for row in pages if row["error"] is not None],
            "total-output-tokens": sum(row["num_tokens"] for row in pages),
            "mean-probability": sum(certain) / len(certain) if certain else None,
        },
        "attributes": {"pdf_page_numbers": [list(span) for span in spans]},
    }
