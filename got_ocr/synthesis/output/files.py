"""Files that appear whole or not at all, and errors that name them."""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# A file on its way; always the same name, so that a stopped run leaves nothing behind that the next doesn't replace.
PARTIAL = ".partial"


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Name the file in a system error that doesn't: a full disk is noticed while writing, where no name is known."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None:
            error.filename = str(path)
        raise


def write_whole(path: Path, pieces: Iterable[bytes]) -> None:
    """Write a file so that at every moment there is the old one or the whole new one.

    Args:
        path: the file.
        pieces: its content in order.

    Raises:
        OSError: it can't be written; the error names it.
    """
    temporary = path.with_name(path.name + PARTIAL)
    with naming(path):
        with temporary.open("wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)


def write_json(path: Path, value: Any) -> None:
    """Write one JSON value, atomically, for people to read.

    Args:
        path: the file.
        value: JSON-ready.
    """
    write_whole(path, [(json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode("utf-8")])


def json_line(value: Any) -> bytes:
    """Encode a line of a JSON-lines file, its end included."""
    return (json.dumps(value, ensure_ascii=False) + "\n").encode("utf-8")


class AppendedFile:
    """A file that grows; what was written is with the system when `append` returns, so a killed process loses nothing.

    Args:
        path: the file, made if it doesn't exist.
        size: keep only the first `size` bytes of it.

    Attributes:
        size: bytes in the file.
    """

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self.size = size
        with naming(path):
            self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
            if os.fstat(self._handle).st_size != size:
                os.ftruncate(self._handle, size)
            os.lseek(self._handle, size, os.SEEK_SET)

    def append(self, data: bytes) -> None:
        """Write `data` at the end.

        Raises:
            OSError: the disk is full or broken; the error names the file.
        """
        left = memoryview(data)
        with naming(self._path):
            while left:
                written = os.write(self._handle, left)
                left = left[written:]
        self.size += len(data)

    def close(self, *, synchronise: bool = False) -> None:
        """Close it.

        Args:
            synchronise: wait until it is on the disk.
        """
        with naming(self._path):
            if synchronise:
                os.fsync(self._handle)
            os.close(self._handle)
