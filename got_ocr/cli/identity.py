"""What makes two pages the same page: the source, the page, how it is read, by what model, and the file's content.

A page that an earlier run wrote is left alone only where all of these are equal. Names are bytes: two names that look
alike on a terminal are two names.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..version import __version__

if TYPE_CHECKING:
    from ..processing.pages import FoundPage

WEIGHT_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth", ".json", ".tiktoken")
KEY_LETTERS = 32  # Of a SHA-256 in hexadecimal: 128 bits.


@dataclass(frozen=True)
class PageKey:
    """A page's identity.

    Attributes:
        key: Digest of source, page and all options that change what is read.
        place: Digest of source and page alone.
        file: What its content is made of; None where there is nothing.
    """

    key: str = ""
    place: str = ""
    file: "FileContent | None" = None

    @property
    def content(self) -> str:
        """Digest of the content; empty where it can't be had."""
        return self.file.digest if self.file is not None else ""

    @property
    def stat(self) -> str:
        """What the system says of the file (size, times, number): while it is the same, the content is too."""
        return self.file.stat if self.file is not None else ""

    def has_content_of(self, entry: dict[str, Any]) -> bool:
        """Whether what an earlier run noted is of the same content."""
        if self.stat and self.stat == entry.get("stat"):
            return True
        return bool(self.content) and self.content == entry.get("content")


class FileContent:
    """The content of a file or of bytes, looked at when it is asked for.

    Args:
        data: The file or the bytes; several where pages are read together.
    """

    def __init__(self, *data: Path | bytes) -> None:
        self.data = data

    @cached_property
    def digest(self) -> str:
        """SHA-256 in hexadecimal; empty where the file can't be had."""
        from ..processing.pages import content_digest

        try:
            digests = [content_digest(data) for data in self.data]
        except OSError:
            return ""
        return digests[0] if len(digests) == 1 else _digest(digests)

    @cached_property
    def stat(self) -> str:
        """Size, times and number of the file; empty for bytes, or where it can't be had."""
        try:
            return " ".join(_stat_of(data) for data in self.data if isinstance(data, Path))
        except OSError:
            return ""


class PageKeys:
    """Makes the keys of a run's pages.

    Args:
        options: Everything that changes what is read, in a form that JSON can write.
        location: The model's folder or Hub id.
    """

    def __init__(self, options: dict[str, Any], location: str) -> None:
        self._options = _digest([options, _identity_of_model(location), __version__])
        self._last: FileContent | None = None  # A document's content is looked at once, not once a page.

    def of(self, found: "FoundPage") -> PageKey:
        """Make a page's key.

        Args:
            found: The page.

        Returns:
            The key; without content where the file can't be had.
        """
        return self._make(_exact_name(found), found.number, self._content_of(found.data))

    def of_failed(self, source: str, data: Path | bytes) -> PageKey:
        """Make the key of a file that is to be opened: that under which a failure of the whole file is kept."""
        name = os.fsencode(data) if isinstance(data, Path) else _encode(source)
        return self._make(name, 1, self._content_of(data))

    def of_all(self, pages: "list[FoundPage]") -> PageKey:
        """Make the key of pages that are read together."""
        keys = [self.of(found) for found in pages]
        return PageKey(
            _digest([key.key for key in keys]),
            _digest([key.place for key in keys]),
            FileContent(*dict.fromkeys(found.data for found in pages if found.data is not None)),
        )

    def _make(self, source: bytes, number: int, file: "FileContent | None") -> PageKey:
        place = _digest([source.hex(), number])
        return PageKey(_digest([place, self._options]), place, file)

    def _content_of(self, data: Path | bytes | None) -> FileContent | None:
        if data is None:
            return None
        if self._last is None or self._last.data[0] is not data:
            self._last = FileContent(data)
        return self._last


def _exact_name(found: "FoundPage") -> bytes:
    return os.fsencode(found.data) if isinstance(found.data, Path) else _encode(found.source)


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _stat_of(path: Path) -> str:
    found = path.stat()
    return f"{found.st_size}-{found.st_mtime_ns}-{found.st_ctime_ns}-{found.st_ino}"


def _identity_of_model(location: str) -> list[Any]:
    """Name what a model is made of: a folder's files by size and time, a Hub id by itself."""
    folder = Path(location).expanduser()
    if not folder.is_dir():
        return [location]
    files = sorted(file for file in folder.iterdir() if file.suffix in WEIGHT_SUFFIXES and file.is_file())
    return [[file.name, file.stat().st_size, file.stat().st_mtime_ns] for file in files]


def _digest(value: Any) -> str:
    written = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(written.encode("utf-8", "surrogatepass")).hexdigest()[:KEY_LETTERS]
