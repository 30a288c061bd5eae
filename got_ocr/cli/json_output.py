"""One file with a JSON line a page, added to where it exists."""

import json
import os
from io import FileIO
from pathlib import Path
from typing import Any

from . import exit_codes
from .exit_codes import CommandError
from .identity import PageKey
from .records import PageRecord
from .writing import open_locked, write_all, write_whole, writing


class JsonLinesOutput:
    """One file with a JSON line a page: a page that is read again replaces its line.

    Each line has, besides the record, the page's `key` and the file's `content` and `stat` (see :mod:`identity`).
    Lines are added at the end while the run lasts; where a page has two, the older one goes when the run ends.

    Args:
        path: The file.
        force: Begin anew.
    """

    def __init__(self, path: Path, force: bool) -> None:
        self.path = path
        self.notices: list[str] = []
        self._is_plain = path.is_file() or not path.exists()
        self._lines: dict[str, tuple[int, int, dict[str, Any]]] = {}  # By slot: offset, length, what has() asks.
        self._num_old = 0
        with writing(path):
            self._file: FileIO = open_locked(path) if self._is_plain else path.open("wb", buffering=0)
            if not self._is_plain:
                return
            if force:
                self._file.truncate(0)
            self._read()

    def _read(self) -> None:
        """Learn which pages are done, and take off a line that was cut by a crash."""
        length = 0
        with self.path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.endswith(b"\n"):
                    break
                self._take_in(length, line, number)
                length += len(line)
        self._file.truncate(length)

    def _take_in(self, offset: int, line: bytes, number: int) -> None:
        try:
            entry = json.loads(line)
            kept = {name: entry[name] for name in ("input", "page", "error")}
        except (ValueError, KeyError, TypeError):
            self._file.close()
            raise CommandError(
                exit_codes.OUTPUT_FAILED,
                f"{self.path} exists, but its line {number} is none of got-ocr's: --force overwrites it.",
            ) from None
        kept |= {name: entry.get(name) for name in ("key", "content", "stat", "limit")}
        slot = str(kept["key"] or [kept["input"], kept["page"]])
        self._num_old += slot in self._lines
        self._lines[slot] = (offset, len(line), kept)

    def _entry(self, page: PageKey) -> dict[str, Any] | None:
        line = self._lines.get(page.key)
        return line[2] if line is not None and page.has_content_of(line[2]) else None

    def has(self, page: PageKey) -> bool:
        """Whether the page's line is there, and of the page as it is now."""
        entry = self._entry(page)
        return entry is not None and entry["error"] is None

    def failure(self, page: PageKey) -> PageRecord | None:
        """Give the failure of a page that broke a limit in an earlier run and would do so again."""
        entry = self._entry(page)
        if entry is None or entry["error"] is None or not entry["limit"]:
            return None
        return PageRecord("", None, error=entry["error"], limit=entry["limit"])

    def read_back(self, page: PageKey) -> PageRecord | None:
        """Give what an earlier run read on a page that is there."""
        offset, length, _ = self._lines[page.key]
        try:
            with self.path.open("rb") as lines:
                lines.seek(offset)
                return PageRecord.from_json(json.loads(lines.read(length)))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, record: PageRecord, page: PageKey) -> None:
        """Add a page's line."""
        line = record.to_json(key=page.key, content=page.content, stat=page.stat).encode() + b"\n"
        with writing(self.path):
            if self._is_plain:
                offset = os.fstat(self._file.fileno()).st_size
                write_all(self._file, line)
                self._take_in(offset, line, 0)
            else:
                self._file.write(line)

    def finish(self) -> None:
        """Take off the lines that others replaced, and close the file."""
        with writing(self.path):
            if self._is_plain:
                os.fsync(self._file.fileno())
                if self._num_old:
                    write_whole(self.path, self._write_newest)
            self._file.close()

    def remove(self) -> None:
        """Take the file away."""
        self.path.unlink(missing_ok=True)
        self._file.close()

    def _write_newest(self, part: Path) -> None:
        """Write each page's newest line, in the order in which pages came first."""
        with self.path.open("rb") as lines, part.open("wb") as file:
            for offset, length, _ in self._lines.values():
                lines.seek(offset)
                file.write(lines.read(length))
