"""Writing files that people rely on: whole or not at all, by one program at a time, under names that systems take."""

import contextlib
import errno
import os
import re
import secrets
import urllib.parse
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Any

from ..hub.whole_file import check_replaceable, write_whole
from . import exit_codes
from .exit_codes import CommandError

__all__ = [
    "open_locked", "page_stem", "prepare_target", "try_folder", "write_all", "write_atomically", "write_whole",
    "writing",
]  # fmt: skip

STDIN_NAME = "stdin"
LONGEST_STEM_BYTES = 150  # File systems count bytes (255); this leaves room for number, suffix and `.part`.


@contextlib.contextmanager
def writing(path: Any) -> Iterator[None]:
    """Turn what the system says about a file that can't be written into one line; a broken pipe is left as it is.

    Args:
        path: The file, for the message.

    Yields:
        Nothing.

    Raises:
        CommandError: If writing failed.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        hint = {
            errno.ENOSPC: ": make room; pages already written are kept",
            errno.EDQUOT: ": make room; pages already written are kept",
            errno.EROFS: ": choose another --output",
            errno.EACCES: ": choose another --output",
        }.get(error.errno or 0, "")
        raise CommandError(
            exit_codes.OUTPUT_FAILED, f"{path} can't be written: {error.strerror or error}{hint}."
        ) from error


def write_atomically(path: Path, text: str) -> None:
    """Write a text file that appears whole or not at all.

    Args:
        path: The file; replaced where it exists.
        text: Its content, written as UTF-8.

    Raises:
        OSError: If it can't be written.
    """
    write_whole(path, lambda part: part.write_text(text, encoding="utf-8", errors="surrogateescape", newline="\n"))


def prepare_target(option: str, target: str) -> Path:
    """Make sure that a file can be written later: make its folder, and try.

    Args:
        option: Which argument names it.
        target: Its name.

    Returns:
        Its path.

    Raises:
        CommandError: If it can't be written.
    """
    path = Path(target).expanduser()
    if path.is_dir():
        raise CommandError(exit_codes.WRONG_USAGE, f"{option} {target} is a folder: name a file in it.")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        check_replaceable(path)
        try_folder(path.parent)
    return path


def try_folder(folder: Path) -> None:
    """Write an empty file in a folder and take it away again; no two programs use the same name. Raises: OSError."""
    trial = folder / f".got-ocr-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        trial.touch(exist_ok=False)
    finally:
        trial.unlink(missing_ok=True)


def open_locked(path: Path) -> FileIO:
    """Open a file to read and add to, for this program alone; it is made where it is missing.

    Args:
        path: The file.

    Returns:
        The open file, unbuffered: what could not be written does not wait to be. The lock holds till it is closed, or
        the program ends in whatever way.

    Raises:
        CommandError: If another program holds it.
        OSError: If it can't be opened.
    """
    while True:
        file = path.open("a+b", buffering=0)
        try:
            _lock(file)
            found = os.stat(path)
        except BlockingIOError:
            file.close()
            raise CommandError(
                exit_codes.OUTPUT_FAILED,
                f"{path.parent if path.name.startswith('.got-ocr') else path} is being written by another got-ocr: "
                "wait till it is done, or name another output.",
            ) from None
        except FileNotFoundError:  # Replaced or taken away between opening and locking.
            file.close()
            continue
        own = os.fstat(file.fileno())
        if (own.st_dev, own.st_ino) == (found.st_dev, found.st_ino):
            return file
        file.close()


def write_all(file: FileIO, data: bytes) -> None:
    """Write bytes to the end of an unbuffered file, all or none where it is one that can be cut.

    Args:
        file: The file.
        data: The bytes.

    Raises:
        OSError: If they can't be written.
    """
    length = os.fstat(file.fileno()).st_size
    remaining = memoryview(data)
    try:
        while remaining:
            remaining = remaining[file.write(remaining) or 0 :]
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(file.fileno(), length)  # Half a line helps nobody.
        raise


def _lock(file: FileIO) -> None:
    """Lock without waiting. No library: kept ones (filelock, portalocker) lock a file beside, which stays behind."""
    try:
        import fcntl
    except ImportError:
        import msvcrt

        try:
            file.seek(2**31 - 2)  # A byte far behind the content, which others may read.
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError:
            raise BlockingIOError from None
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:  # A file system without locks: as before there were any.
        return


def page_stem(source: str, number: int, is_document: bool) -> str:
    """Name a page's file, without suffix: `scan`, or `report-003` for page 3 of a document.

    Args:
        source: A path, a URL, `-`, or another name.
        number: The page, counted from 1.
        is_document: Whether the source has several pages.

    Returns:
        A name that every file system takes.
    """
    if "://" in source:
        parts = urllib.parse.urlsplit(source)
        source = urllib.parse.unquote(parts.path.rstrip("/").rsplit("/", 1)[-1]) or parts.hostname or "page"
    stem = STDIN_NAME if source == "-" else Path(source).stem
    stem = re.sub(r"[^\w.() +,=@-]", "_", stem).strip(" .") or "page"
    stem = stem.encode("utf-8", "replace")[:LONGEST_STEM_BYTES].decode(errors="ignore")
    return f"{stem}-{number:03d}" if is_document else stem
