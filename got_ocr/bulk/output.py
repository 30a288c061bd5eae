"""The output folder: what stands where, rows that go again, and what is written besides the Parquet files.

- `pages/`: rows, one a page; `jsonl/`: the same as JSON lines, a file for each of `pages/`;
- `documents/`: pages joined to documents, as Dolma has them;
- `report.json`, `report.txt`, `least_certain.html`;
- `_got_ocr/`: `manifest.json`, the catalogue of sources, and which rows are written.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from .pipeline import DATA_SUFFIX, PENDING_SUFFIX, Target, checkpoint_name
from .rows import PAGE_ID, SOURCE_KEY
from .stores import Store

HOUSEKEEPING = "_got_ocr"
PAGES, JSONL, DOCUMENTS = "pages", "jsonl", "documents"
REPORT_JSON, REPORT_TEXT, SHEET = "report.json", "report.txt", "least_certain.html"
OWN_NAMES = (PAGES, JSONL, DOCUMENTS, REPORT_JSON, REPORT_TEXT, SHEET)
ROWS_AT_ONCE = 256
JSONL_SUFFIX = ".jsonl"
DOCUMENTS_SUFFIX = ".jsonl.gz"
_REWRITTEN = re.compile(r"r(\d{4})_(.+)")


class OutputFolder:
    """A job's output.

    Args:
        url: The folder, or a URL of an object store.
        rows_per_file: Rows of a Parquet file, but for the last.
    """

    def __init__(self, url: str, rows_per_file: int) -> None:
        self.store = Store.open(url)
        self.house = self.store.below(HOUSEKEEPING)
        self.pages = Target(self.store.below(PAGES), self.house.below("pages"), PAGE_ID, rows_per_file)
        self.catalog = Target(self.house.below("catalog"), self.house.below("sources"), SOURCE_KEY, 10 * rows_per_file)

    def clear(self) -> None:
        """Take away all that was read; the catalogue of sources too, since options decide which pages there are."""
        for target in (self.pages, self.catalog):
            # What says that rows are valid goes first: a stop then leaves files that nobody counts.
            target.checkpoint.remove_files(DATA_SUFFIX)
            target.data.remove_files(DATA_SUFFIX)
        self.store.below(JSONL).remove_files(JSONL_SUFFIX)
        self.store.below(DOCUMENTS).remove_files(DOCUMENTS_SUFFIX)

    def read_columns(self, names: list[str]) -> pa.Table:
        """Read columns of all rows, file after file."""
        tables = [self.store.read_table(path, names) for path in self.pages.files()]
        return pa.concat_tables(tables) if tables else pa.table({name: pa.array([], pa.string()) for name in names})

    def iterate(self, names: list[str] | None = None) -> Iterator[dict[str, Any]]:
        """Give rows one by one, a few in memory at a time."""
        for path in self.pages.files():
            yield from _iterate_file(self.store, path, names)

    def remove_rows(self, goes: Callable[[dict[str, Any]], bool], names: list[str]) -> list[str]:
        """Take rows away, so that their pages are read anew.

        Files with such rows are written anew without them. The old file counts as half done from the moment on at
        which the work begins, so a stop at any point costs a reading at most, and no page comes twice.

        Args:
            goes: Asked with each row.
            names: The columns that it asks for.

        Returns:
            The ids of the rows that went.
        """
        gone: list[str] = []
        groups: dict[str, list[str]] = {}
        for path in self.pages.files():
            groups.setdefault(checkpoint_name(path), []).append(path)
        for paths in groups.values():
            wanted = list(dict.fromkeys([PAGE_ID, *names]))
            rows = [row for path in paths for row in self.store.read_table(path, wanted).to_pylist()]
            goes_out = [row[PAGE_ID] for row in rows if goes(row)]
            if goes_out:
                self._write_without(paths, set(goes_out))
                gone += goes_out
        return gone

    def _write_without(self, paths: list[str], ids: set[str]) -> None:
        """Write the files of one entry of the checkpoint anew, as one, without some rows."""
        target = self.pages
        filesystem, checkpoint = target.checkpoint.filesystem, target.checkpoint
        old = checkpoint_name(paths[0]).removesuffix(DATA_SUFFIX)
        new = _next_name(old)
        filesystem.move(checkpoint.path(old + DATA_SUFFIX), checkpoint.path(old + PENDING_SUFFIX))
        table = pa.concat_tables([self.store.read_table(path) for path in paths])
        kept = table.filter(pa.array([row_id not in ids for row_id in table[PAGE_ID].to_pylist()], pa.bool_()))
        if kept.num_rows:
            checkpoint.write_table(kept.select([PAGE_ID]), new + PENDING_SUFFIX)
            target.data.write_table(kept, new + DATA_SUFFIX)
            filesystem.move(checkpoint.path(new + PENDING_SUFFIX), checkpoint.path(new + DATA_SUFFIX))
        for path in paths:
            target.data.filesystem.delete_file(path)
        filesystem.delete_file(checkpoint.path(old + PENDING_SUFFIX))

    def write_jsonl(self) -> int:
        """Write a file of JSON lines for each Parquet file that has none. Returns: how many files there are."""
        target = self.store.below(JSONL)
        target.make()
        wanted = {}
        for path in self.pages.files():
            wanted[path.rsplit("/", 1)[1].removesuffix(DATA_SUFFIX) + JSONL_SUFFIX] = path
        there = {path.rsplit("/", 1)[1] for path in target.list_files(JSONL_SUFFIX)}
        for name in there - wanted.keys():  # Of Parquet files that were written anew.
            target.filesystem.delete_file(target.path(name))
        for name in wanted.keys() - there:
            lines = (json.dumps(row, ensure_ascii=False, default=str) for row in self._json_rows(wanted[name]))
            target.write("".join(f"{line}\n" for line in lines).encode("utf-8", "replace"), name)
        return len(wanted)

    def _json_rows(self, path: str) -> Iterator[dict[str, Any]]:
        for row in _iterate_file(self.store, path, None):
            row.pop("image")
            yield {**row, "read_at": row["read_at"].isoformat()}


def _iterate_file(store: Store, path: str, names: list[str] | None) -> Iterator[dict[str, Any]]:
    with store.filesystem.open_input_file(path) as file:
        for batch in pq.ParquetFile(file).iter_batches(ROWS_AT_ONCE, columns=names):
            yield from batch.to_pylist()


def _next_name(name: str) -> str:
    """Name the file that takes another's place; no name may begin with the other, since Ray goes by beginnings."""
    match = _REWRITTEN.fullmatch(name)
    return f"r{int(match[1]) + 1:04d}_{match[2]}" if match else f"r0001_{name}"


def count_values(column: pa.ChunkedArray) -> dict[str, int]:
    """Count a column's values, without nulls; the most frequent first."""
    found = pc.value_counts(column.drop_null()).to_pylist()
    counts = {str(one["values"]): int(one["counts"]) for one in found}
    return dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))
