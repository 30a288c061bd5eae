"""From a source and a place in it to a file or bytes: local files as they are, remote ones fetched once a process.

A shard's member is read by its offset, a table's picture by its row group; neither is unpacked.
"""

import itertools
import os
import tarfile
import tempfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from ..processing.options import PageError, SourceOptions, printable, reason_of
from ..processing.sources import open_source
from .rows import decode_uri
from .stores import open_filesystem, open_fsspec

KEPT_FILES = 4  # Remote files that a process keeps: pages of one document come one after the other.
BATCH_ROWS = 16  # Of a table that are in memory at one time.


class Opener:
    """Opens what pages lie in.

    Args:
        options: Limits of size and time.
        image_column: Where a table keeps its pictures.
    """

    def __init__(self, options: SourceOptions, image_column: str = "image") -> None:
        self.options = options
        self.image_column = image_column
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._files: OrderedDict[str, Path | bytes] = OrderedDict()
        self._numbers = itertools.count()
        self._group: tuple[tuple[str, int], Any] = (("", -1), None)  # The column of a table that was read last.

    def open_file(self, uri: str) -> Path | bytes:
        """Get a whole file.

        Args:
            uri: Its path or URL.

        Returns:
            Its path here, or its bytes.

        Raises:
            PageError: If it can't be had.
        """
        _check_is_file(uri)
        if "://" not in uri or uri.lower().startswith(("http://", "https://")):
            if uri in self._files:
                return self._files[uri]
            data, _ = open_source(uri, printable(uri), self.options)
            return self._keep(uri, data) if isinstance(data, bytes) else data
        if uri not in self._files:
            self._keep(uri, self._fetch(uri))
        self._files.move_to_end(uri)
        return self._files[uri]

    def open_item(self, item: Mapping[str, Any]) -> Path | bytes:
        """Get what a page lies in.

        Args:
            item: A row of the list of pages: `uri`, `kind`, and where it is in a shard or table.

        Returns:
            A path here, or bytes.

        Raises:
            PageError: If it can't be had.
        """
        uri, kind = decode_uri(item["uri"]), item["kind"]
        try:
            if kind == "shard":
                filesystem, path = open_fsspec(uri)
                data = filesystem.cat_file(path, start=item["offset"], end=item["offset"] + item["size"])
                return bytes(data)
            if kind == "table":
                cell = self._cell(uri, item["row_group"], item["row"])
                return self._open_cell(cell, uri, name_of(uri, item["member"]))
        except PageError:
            raise
        except Exception as error:  # Stores and formats fail in ways of their own.
            raise PageError(f"{printable(uri)}: can't be fetched: {reason_of(error)}.") from None
        return self.open_file(uri)

    def list_items(self, uri: str, kind: str) -> Iterator[tuple[dict[str, Any], Path | bytes | PageError]]:
        """List what is in a source.

        Args:
            uri: Its path or URL.
            kind: `file`, `shard` or `table`.

        Yields:
            Where each thing is, and its file or bytes, or why it can't be had.

        Raises:
            PageError: If the source can't be opened.
        """
        if kind == "file":
            yield {}, self.open_file(uri)
            return
        _check_is_file(uri)
        is_empty = True
        try:
            for item in self._list_shard(uri) if kind == "shard" else self._list_table(uri):
                is_empty = False
                yield item
        except PageError:
            raise
        except Exception as error:
            what = "tar" if kind == "shard" else "Parquet file"
            raise PageError(f"{printable(uri)}: is a damaged {what}, or none: {reason_of(error)}.") from None
        if is_empty:
            none = "no picture and no document" if kind == "shard" else "no row"
            raise PageError(f"{printable(uri)}: has no pages: there is {none} in it.")

    def close(self) -> None:
        """Take away what was fetched."""
        self._files.clear()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _list_shard(self, uri: str) -> Iterator[tuple[dict[str, Any], bytes | PageError]]:
        from ..processing.pages import PAGE_SUFFIXES

        filesystem, path = open_fsspec(uri)
        with filesystem.open(path, "rb") as stream, tarfile.open(fileobj=stream, mode="r:") as shard:
            for member in shard:
                if not member.isfile() or not member.name.lower().endswith(PAGE_SUFFIXES):
                    continue
                place = {"member": member.name, "offset": member.offset_data, "size": member.size}
                if member.size > self.options.max_bytes:
                    most = f"{self.options.max_bytes:,} bytes"
                    yield place, PageError(f"{printable(member.name)}: is larger than {most}: raise --max-bytes.")
                    continue
                file = shard.extractfile(member)
                yield place, file.read() if file is not None else PageError(f"{printable(member.name)}: is no file.")

    def _list_table(self, uri: str) -> Iterator[tuple[dict[str, Any], Path | bytes | PageError]]:
        with self._open_table(uri) as table:
            self._check_column(table, uri)
            for group in range(table.num_row_groups):
                row = 0
                for batch in table.iter_batches(BATCH_ROWS, row_groups=[group], columns=[self.image_column]):
                    for cell in batch.column(0).to_pylist():
                        name = f"row {row}" if not group else f"row {group}.{row}"
                        place = {"member": name, "row_group": group, "row": row}
                        try:
                            data: Path | bytes | PageError = self._open_cell(cell, uri, name_of(uri, name))
                        except PageError as error:
                            data = error
                        yield place, data
                        row += 1

    def _cell(self, uri: str, group: int, row: int) -> Any:
        if self._group[0] != (uri, group):
            with self._open_table(uri) as table:
                self._group = ((uri, group), table.read_row_group(group, columns=[self.image_column]).column(0))
        return self._group[1][row].as_py()

    def _open_cell(self, cell: Any, uri: str, name: str) -> Path | bytes:
        """Take the picture out of a cell: bytes, a path or URL, or `{"bytes": ..., "path": ...}`.

        Args:
            cell: The cell.
            uri: Of the table; paths without a folder are taken from its own.
            name: What to call the cell in an error.

        Returns:
            The picture's file or bytes.

        Raises:
            PageError: If there is none.
        """
        name = printable(name)
        if isinstance(cell, Mapping):
            cell = cell.get("path") if cell.get("bytes") is None else cell["bytes"]
        if cell is None or cell == "":
            raise PageError(f"{name}: is empty (a cell without a value): fill it in, or leave the row out.")
        if isinstance(cell, str):
            is_whole = "://" in cell or cell.startswith("data:") or os.path.isabs(cell)
            try:
                return self.open_file(cell if is_whole else f"{uri.rpartition('/')[0]}/{cell}")
            except PageError as error:
                raise PageError(f"{name}: {error}", error.limit) from None
        if not isinstance(cell, bytes):
            raise PageError(
                f"{name}: is no picture, but {type(cell).__name__}: bytes, a path or URL, or "
                '{"bytes": ..., "path": ...} is allowed: name another column by --image-column.'
            )
        return cell

    @staticmethod
    def _open_table(uri: str) -> pq.ParquetFile:
        filesystem, path = open_filesystem(uri)
        return pq.ParquetFile(filesystem.open_input_file(path))

    def _check_column(self, table: pq.ParquetFile, uri: str) -> None:
        names = table.schema_arrow.names
        if self.image_column not in names:
            raise PageError(
                f"{printable(uri)}: has no column {self.image_column}, but {printable(', '.join(names))[:200]}: "
                "name it by --image-column."
            )

    def _fetch(self, uri: str) -> Path:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="got-ocr-bulk-")
        target = Path(self._folder.name) / f"{next(self._numbers)}{Path(uri).suffix[:10]}"
        try:
            filesystem, path = open_fsspec(uri)
            filesystem.get_file(path, str(target))
        except FileNotFoundError:
            raise PageError(f"{printable(uri)}: no such file: check the name.") from None
        except Exception as error:
            raise PageError(f"{printable(uri)}: can't be fetched: {reason_of(error)}.") from None
        return target

    def _keep(self, uri: str, data: Path | bytes) -> Path | bytes:
        self._files[uri] = data
        while len(self._files) > KEPT_FILES:
            _, old = self._files.popitem(last=False)
            if isinstance(old, Path):
                old.unlink(missing_ok=True)
        return data


def _check_is_file(uri: str) -> None:
    """Refuse what can't be opened twice, or waits for ever to be opened. Raises: PageError."""
    if "://" not in uri and os.path.exists(uri) and not os.path.isfile(uri) and not os.path.isdir(uri):
        raise PageError(f"{printable(uri)}: is a pipe, a socket or a device: save what comes from it as a file.")


def name_of(uri: str, member: str | None) -> str:
    """Name a source, or what is in it, for people."""
    return uri if member is None else f"{uri}::{member}"
