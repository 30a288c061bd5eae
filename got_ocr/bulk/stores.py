"""Where a job's files lie: a local folder or an object store, behind one value that goes to every machine."""

import contextlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

_PART = ".part"


@dataclass(frozen=True)
class Store:
    """A folder.

    Attributes:
        filesystem: pyarrow's; fsspec's are wrapped.
        root: The folder in it.
        url: What the user calls it.
    """

    filesystem: fs.FileSystem
    root: str
    url: str

    @classmethod
    def open(cls, url: str) -> "Store":
        """Find a folder; it need not exist.

        Args:
            url: A path, or a URL of any store that fsspec knows (`s3://`, `gs://`, `hf://` ...).

        Returns:
            The folder.

        Raises:
            ValueError: If no installed package knows such a URL, or the store refuses.
        """
        filesystem, path = open_filesystem(url)
        return cls(filesystem, path.rstrip("/") or "/", url)

    @property
    def is_local(self) -> bool:
        """Whether it is a folder of this machine, or one that is mounted here."""
        return isinstance(self.filesystem, fs.LocalFileSystem)

    def path(self, *names: str) -> str:
        """Name a file or folder within."""
        return "/".join((self.root, *names))

    def below(self, *names: str) -> "Store":
        """Take a folder within."""
        return Store(self.filesystem, self.path(*names), "/".join((self.url.rstrip("/"), *names)))

    def list_files(self, suffix: str = "") -> list[str]:
        """List the paths of the files straight within, in order; none if there is no such folder."""
        found = self.filesystem.get_file_info(fs.FileSelector(self.root, allow_not_found=True))
        return sorted(info.path for info in found if info.type == fs.FileType.File and info.path.endswith(suffix))

    def has(self, *names: str) -> bool:
        """Whether a file or folder is there."""
        return bool(self.filesystem.get_file_info(self.path(*names)).type != fs.FileType.NotFound)

    def make(self) -> None:
        """Make the folder. Raises: OSError: with the folder's name."""
        with self._named():
            self.filesystem.create_dir(self.root, recursive=True)

    def remove_files(self, suffix: str) -> None:
        """Take away the files straight within that end so, and parts of such; what others put there stays."""
        for path in self.list_files():
            if path.removesuffix(_PART).endswith(suffix):
                self.filesystem.delete_file(path)

    def read(self, *names: str) -> bytes:
        """Read a file. Raises: FileNotFoundError."""
        with self.filesystem.open_input_stream(self.path(*names), compression=None) as stream:
            return bytes(stream.read())

    def write(self, data: bytes, *names: str) -> None:
        """Write a file, whole or not at all."""
        target = self.path(*names)
        with self._named(*names):
            with self.filesystem.open_output_stream(target + _PART, compression=None) as stream:
                stream.write(data)
            self.filesystem.move(target + _PART, target)

    def read_json(self, *names: str) -> Any:
        """Read a file of JSON; None if there is none."""
        return json.loads(self.read(*names)) if self.has(*names) else None

    def write_json(self, value: Any, *names: str) -> None:
        """Write a file of JSON, whole or not at all."""
        self.write((json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "replace"), *names)

    def write_table(self, table: pa.Table, *names: str) -> None:
        """Write a Parquet file, whole or not at all."""
        target = self.path(*names)
        with self._named(*names):
            pq.write_table(table, target + _PART, filesystem=self.filesystem)
            self.filesystem.move(target + _PART, target)

    def read_table(self, path: str, columns: Iterable[str] | None = None) -> pa.Table:
        """Read a Parquet file by its path."""
        return pq.read_table(path, columns=None if columns is None else list(columns), filesystem=self.filesystem)

    @contextlib.contextmanager
    def _named(self, *names: str) -> Iterator[None]:
        """Have the system's errors say which file they are about, which pyarrow's leave to their text."""
        try:
            yield
        except OSError as error:
            if error.filename is not None or not error.errno:
                raise
            raise OSError(error.errno, os.strerror(error.errno), "/".join((self.url, *names))) from error


def open_filesystem(url: str) -> tuple[fs.FileSystem, str]:
    """Find pyarrow's file system of a path or URL.

    Args:
        url: The path or URL.

    Returns:
        The file system, and the path in it.

    Raises:
        ValueError: If no installed package knows such a URL, or the store refuses.
    """
    if "://" not in url:
        return fs.LocalFileSystem(), os.path.abspath(os.path.expanduser(url))
    other, path = open_fsspec(url)
    if "file" in _protocols(other):
        return fs.LocalFileSystem(), path
    return fs.PyFileSystem(fs.FSSpecHandler(other)), path


def open_fsspec(url: str) -> tuple[Any, str]:
    """Find fsspec's file system of a path or URL. Returns and raises: as :func:`open_filesystem`."""
    import fsspec

    if "://" not in url:  # A name may have `::` in it, by which fsspec joins URLs.
        return fsspec.filesystem("file"), os.path.abspath(os.path.expanduser(url))
    if "::" in url:  # What is found in there would not know by which way.
        raise ValueError(f"{url}: joins several URLs by `::`: give one, and unpack what lies in archives but .tar.")
    try:
        filesystem, path = fsspec.core.url_to_fs(url)
    except ImportError as error:
        scheme = url.partition("://")[0]
        raise ValueError(f"{url}: {scheme}:// needs a package that is not installed ({error}).") from None
    except ValueError as error:
        raise ValueError(f"{url}: {error}: give a path, or a URL that fsspec knows, such as s3://bucket/x.") from None
    return filesystem, path


def _protocols(filesystem: Any) -> tuple[str, ...]:
    protocol = filesystem.protocol
    return (protocol,) if isinstance(protocol, str) else tuple(protocol)
