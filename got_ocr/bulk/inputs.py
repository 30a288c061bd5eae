"""From what a user names to source files: folders, globs, lists, shards, tables, Hub data sets and object stores.

A source is one file that is opened as a whole: a picture, a document, a tar shard or a Parquet table. Which pages are
in it is found out later, by many machines (`catalog`).
"""

import codecs
import hashlib
import io
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from ..processing.options import printable, reason_of
from ..processing.pages import PAGE_SUFFIXES, natural_key
from .stores import open_fsspec

HUB_PREFIX = "hub:"
LIST_SUFFIXES = (".txt", ".lst")
SHARD_SUFFIXES = (".tar",)
TABLE_SUFFIXES = (".parquet",)
# Members of such shards can't be found without unpacking all before them.
COMPRESSED_SHARDS = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
_GLOB = re.compile(r"[*?\[]")
# What stores call what they know of a file's content.
_STAMP_NAMES = ("size", "mtime", "ETag", "etag", "LastModified", "last_modified", "updated", "md5Hash", "blob_id")
_WEB = re.compile(r"https?://", re.IGNORECASE)


@dataclass(frozen=True)
class Source:
    """A file to open.

    Attributes:
        uri: A path of the local machine, absolute, or a URL.
        kind: `file`, `shard` (tar) or `table` (Parquet).
        stamp: What the store says of its content (size, time, checksum): while it is the same, the content is.
        error: Why it can't be had, or None.
    """

    uri: str
    kind: str = "file"
    stamp: str = ""
    error: str | None = None

    @property
    def key(self) -> str:
        """What tells it from others, and from itself with another content."""
        return hashlib.sha256(f"{self.uri}\0{self.stamp}\0{self.error}".encode("utf-8", "surrogatepass")).hexdigest()


def find_sources(inputs: Iterable[str], skipped: str | None = None) -> Iterator[Source]:
    """Find the files that inputs name, each once, without opening any.

    Args:
        inputs: Paths and URLs of files, folders (with all below them) and globs; lists of these, a line each; Hub data
            sets as `hub:owner/name`, `hub:owner/name:split`.
        skipped: A folder whose files are no inputs: the job's own output.

    Yields:
        Sources; what a list names and is not there has its reason.

    Raises:
        ValueError: If an input is not there, or names no page.
    """
    seen: set[str] = set()
    for given in inputs:
        found = own = 0
        for source in _find(given):
            if skipped is not None and _is_below(source.uri, skipped):
                own += 1
                continue
            found += 1
            if source.uri not in seen:
                seen.add(source.uri)
                yield source
        if own and not found:
            raise ValueError(f"{printable(given)}: lies in the output, which is no input: give another --output.")
        if not found:
            raise ValueError(
                f"{printable(given)}: names no page: pictures ({', '.join(PAGE_SUFFIXES[:4])} ...), .pdf, .tar and "
                ".parquet are taken from folders and globs."
            )


def _find(given: str, open_lists: tuple[str, ...] = ()) -> Iterator[Source]:
    """Find the files of an input. Args: open_lists: the lists that name it, one in another. Raises: ValueError."""
    if not given.strip():
        raise ValueError("an INPUT is empty: give a folder, a glob, a file, a list, hub:owner/name or a URL.")
    if given.startswith(HUB_PREFIX):
        yield from _find_in_data_set(given.removeprefix(HUB_PREFIX))
    elif given.lower().endswith(LIST_SUFFIXES):
        yield from _find_in_list(given, open_lists)
    else:
        yield from _find_files(given)


def _find_files(given: str) -> Iterator[Source]:
    """Find the files of a path, folder, glob or URL. Raises: ValueError."""
    if _WEB.match(given):
        yield Source(given)
        return
    filesystem, path = open_fsspec(given)
    try:
        if filesystem.isdir(path):
            details = filesystem.find(path, detail=True)
        elif not filesystem.exists(path):
            details = filesystem.glob(path, detail=True) if _GLOB.search(path) else {}
            details = {name: info for name, info in details.items() if info.get("type") == "file"}
            if not details and not _GLOB.search(path):
                raise ValueError(f"{printable(given)}: no such file or folder: check the name.")
        else:
            info = filesystem.info(path)
            yield Source(_uri(filesystem, path), _kind(path), _stamp(info), _refusal(path))
            return
    except ValueError:
        raise
    except Exception as error:  # Stores fail in ways of their own.
        raise ValueError(f"{printable(given)}: can't be listed: {reason_of(error)}.") from None
    pattern = _GLOB.search(path)
    folder = (os.path.dirname(path[: pattern.start()]) if pattern and not filesystem.isdir(path) else path).rstrip("/")
    for name in sorted(details, key=natural_key):
        hidden = any(part.startswith(".") for part in PurePosixPath(name.removeprefix(folder)).parts)
        if not hidden and name.lower().endswith(PAGE_SUFFIXES + SHARD_SUFFIXES + TABLE_SUFFIXES + COMPRESSED_SHARDS):
            yield Source(_uri(filesystem, name), _kind(name), _stamp(details[name]), _refusal(name))


def _find_in_list(given: str, open_lists: tuple[str, ...]) -> Iterator[Source]:
    """Find the files that a list's lines name; names without a folder are taken from the list's own.

    Args:
        given: The list, a glob of lists, or a folder that is called like one.
        open_lists: The lists that name it, one in another.

    Yields:
        As :func:`find_sources`.

    Raises:
        ValueError: If there is no such list, or it is none.
    """
    filesystem, path = open_fsspec(given)
    try:
        if not _WEB.match(given) and filesystem.isdir(path):
            yield from _find_files(given)
            return
        is_there = filesystem.exists(path)
        lists = [path] if is_there or not _GLOB.search(path) else sorted(filesystem.glob(path), key=natural_key)
        for one in lists:
            if one in open_lists:
                raise ValueError(f"{printable(given)}: names itself, by way of other lists or not: drop that line.")
            with filesystem.open(one, "rb") as file:
                yield from _find_in_lines(file, filesystem, one, (*open_lists, one))
    except FileNotFoundError:
        raise ValueError(f"{printable(given)}: no such list: check the name.") from None
    except ValueError:
        raise
    except Exception as error:  # Stores fail in ways of their own.
        raise ValueError(f"{printable(given)}: the list can't be read: {reason_of(error)}.") from None


def _find_in_lines(file: Any, filesystem: Any, path: str, open_lists: tuple[str, ...]) -> Iterator[Source]:
    """Find the files that lines name. Raises: ValueError."""
    beginning = file.read(len(codecs.BOM_UTF8))
    file.seek(0)
    # Editors of Windows write both; names of files may be no UTF-8.
    is_wide = beginning.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    encoding, errors = ("utf-16", "replace") if is_wide else ("utf-8-sig", "surrogateescape")
    for line in io.TextIOWrapper(file, encoding, errors):
        name = line.strip()
        if "\0" in name:
            raise ValueError(f"{printable(path)}: is no list: text with a path or URL a line is.")
        if not name or name.startswith("#"):
            continue
        if "://" not in name and not os.path.isabs(name) and not name.startswith((HUB_PREFIX, "~")):
            name = _uri(filesystem, f"{os.path.dirname(path)}/{name}")
        try:
            yield from _find(name, open_lists)
        except ValueError as error:
            yield Source(name, error=str(error))


def _find_in_data_set(name: str) -> Iterator[Source]:
    """Find the Parquet files of a Hub data set, as the Hub converts every one."""
    owner_and_name, _, split = name.partition(":")
    if owner_and_name.count("/") != 1:
        raise ValueError(f"{HUB_PREFIX}{name}: give hub:owner/name or hub:owner/name:split.")
    pattern = f"hf://datasets/{owner_and_name}@refs%2Fconvert%2Fparquet/**/{split or '*'}/*.parquet"
    yield from _find_files(pattern)


def _uri(filesystem: Any, path: str) -> str:
    protocol = filesystem.protocol if isinstance(filesystem.protocol, str) else filesystem.protocol[0]
    return path if protocol in ("file", "local") else str(filesystem.unstrip_protocol(path))


def _kind(path: str) -> str:
    lower = path.lower()
    return "shard" if lower.endswith(SHARD_SUFFIXES) else "table" if lower.endswith(TABLE_SUFFIXES) else "file"


def _refusal(path: str) -> str | None:
    if not path.lower().endswith(COMPRESSED_SHARDS):
        return None
    return f"{printable(path)}: is a compressed tar, in which no member can be found by itself: uncompress it to .tar."


def _stamp(info: dict[str, Any]) -> str:
    return " ".join(str(info[name]) for name in _STAMP_NAMES if info.get(name) is not None)


def _is_below(uri: str, folder: str) -> bool:
    return uri == folder or uri.startswith(folder.rstrip("/") + "/")
