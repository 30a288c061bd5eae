"""Where the command line writes: standard output, one file a page, one file for all; as text or as JSON lines.

Several pages on standard output or in one text file are separated by a form feed, as `pdftotext` and `tesseract`
separate theirs. Files of pages appear whole or not at all. A run that was stopped can be started again: pages that are
written already are not read again, as long as neither they nor what is asked of them has changed.
"""

import os
import re
import sys
from io import FileIO
from pathlib import Path
from typing import Protocol, TextIO

from . import exit_codes
from .exit_codes import CommandError
from .folder_output import FolderOutput, PageName
from .identity import PageKey
from .json_output import JsonLinesOutput
from .records import PageRecord
from .terminal import check_standard_output
from .writing import STDIN_NAME, open_locked, page_stem, write_all, write_atomically, write_whole, writing

__all__ = [
    "STDIN_NAME",
    "FileOutput",
    "FolderOutput",
    "JsonLinesOutput",
    "Output",
    "PageName",
    "PageRecord",
    "StreamOutput",
    "open_output",
    "page_stem",
    "write_atomically",
    "write_whole",
    "writing",
]

PAGE_SEPARATOR = "\f"
STANDARD_OUTPUT = "-"
# What a terminal would obey instead of showing it: all control characters but tab and the ends of lines.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0d-\x1f\x7f-\x9f]")


class Output(Protocol):
    """What all places to write to can do.

    Attributes:
        notices: What the user should know, to be said and taken off.
    """

    notices: list[str]

    def has(self, page: PageKey) -> bool:
        """Whether this page was written by an earlier run."""

    def failure(self, page: PageKey) -> PageRecord | None:
        """Give the failure of a page that is not worth trying again, or None."""

    def read_back(self, page: PageKey) -> PageRecord | None:
        """Give what an earlier run read on a page that is there."""

    def write(self, record: PageRecord, name: PageName, page: PageKey) -> None:
        """Write a page."""

    def finish(self) -> None:
        """Called once after the last page, not after a failure."""


class _Lines:
    """A :class:`JsonLinesOutput` as an :class:`Output`."""

    def __init__(self, lines: JsonLinesOutput) -> None:
        self.lines = lines
        self.notices = lines.notices
        self.has, self.failure, self.read_back, self.finish = lines.has, lines.failure, lines.read_back, lines.finish

    def write(self, record: PageRecord, name: PageName, page: PageKey) -> None:
        """Add a line."""
        self.lines.write(record, page)


def open_output(target: str | None, *, as_json: bool, suffix: str, force: bool, part: int | None = None) -> Output:
    """Choose and prepare the place to write to.

    Args:
        target: `--output`: a folder, a file, or None or `-` for standard output. What exists is what it is; else a
            name with a suffix of letters is a file, and one without, or with a slash at its end, a folder.
        as_json: Whether to write JSON lines.
        suffix: Suffix of the files of pages, e.g. `.txt`.
        force: Write again what is there.
        part: Which part of a run that was shared out writes; None where it was not.

    Returns:
        The place; known to be writable, and nobody else's.

    Raises:
        CommandError: If it can't be written to, or another program is writing there.
    """
    if target is None or target == STANDARD_OUTPUT:
        if part is not None:
            raise CommandError(
                exit_codes.WRONG_USAGE, "several processes can't share standard output: give a folder to --output."
            )
        check_standard_output("give --output, or leave it open")
        return StreamOutput(sys.stdout, as_json)
    path = Path(target).expanduser()
    # `v1.2` is a folder's name, `all.txt` a file's.
    names_file = path.suffix[1:].isalpha() and not target.endswith(("/", os.sep))
    is_folder = path.is_dir() or (not path.exists() and not names_file)
    with writing(path):
        (path if is_folder else path.parent).mkdir(parents=True, exist_ok=True)
    if is_folder:
        return FolderOutput(path, ".json" if as_json else suffix, as_json, force, part)
    if part is not None:
        raise CommandError(
            exit_codes.WRONG_USAGE, f"several processes can't share {target}: give a folder to --output, out/."
        )
    if as_json:
        return _Lines(JsonLinesOutput(path, force))
    return FileOutput(path, force)


class StreamOutput:
    """Standard output, or any open text file.

    Args:
        stream: The file.
        as_json: Whether to write JSON lines.
    """

    def __init__(self, stream: TextIO, as_json: bool) -> None:
        self.stream = stream
        self.as_json = as_json
        self.notices: list[str] = []
        self._wrote_text = False
        self._said_unknown = False

    def has(self, page: PageKey) -> bool:
        """Nothing is there before."""
        return False

    def failure(self, page: PageKey) -> PageRecord | None:
        """Nothing is known."""
        return None

    def read_back(self, page: PageKey) -> PageRecord | None:
        """Nothing is there."""
        return None

    def write(self, record: PageRecord, name: PageName, page: PageKey) -> None:
        """Write a JSON line, or the text; errors stand in JSON only."""
        self.write_record(record)

    def write_record(self, record: PageRecord) -> None:
        """Write a JSON line, or the text."""
        if self.as_json:
            line = record.to_json()
            if not self._can_write(line):  # JSON has a way to say every letter in ASCII.
                line = "".join(char if char.isascii() else _json_escape(char) for char in line)
            self._put(line + "\n")
        elif record.error is None:
            self.begin_page()
            self.write_piece(record.text + "\n")

    def begin_page(self) -> None:
        """Separate a page from the one before."""
        if self._wrote_text:
            self._put(PAGE_SEPARATOR)
        self._wrote_text = True

    def write_piece(self, text: str) -> None:
        """Write text at once: what a terminal would obey is taken off, what the encoding does not know becomes `?`."""
        text = _CONTROL.sub("", text)
        if not self._can_write(text):
            encoding = str(self.stream.encoding)
            text = text.encode(encoding, "replace").decode(encoding)
            if not self._said_unknown:
                self._said_unknown = True
                self.notices.append(
                    f"letters that {encoding}, the encoding of standard output, does not know became ?: "
                    "set PYTHONIOENCODING=utf-8, or give --output."
                )
        self._put(text)

    def _can_write(self, text: str) -> bool:
        try:
            text.encode(getattr(self.stream, "encoding", None) or "utf-8")
        except (UnicodeError, LookupError):
            return False
        return True

    def _put(self, text: str) -> None:
        with writing("standard output"):
            self.stream.write(text)
            self.stream.flush()

    def finish(self) -> None:
        """Nothing to do."""


def _json_escape(char: str) -> str:
    code = ord(char)
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"


class FileOutput:
    """One text file for all pages. It gets its name when all are written; till then it is called `NAME.part`.

    Args:
        path: The file.
        force: Overwrite it.
    """

    def __init__(self, path: Path, force: bool) -> None:
        if path.exists() and not force and path.is_file():
            raise CommandError(
                exit_codes.OUTPUT_FAILED, f"{path} exists already: --force overwrites it, or name another file."
            )
        # Devices and pipes (/dev/stdout, >(command)) can't be renamed to.
        self.is_plain = path.is_file() or not path.exists()
        self.path = path
        self.part = path.with_name(path.name + ".part") if self.is_plain else path
        self.notices: list[str] = []
        self._wrote_text = False
        with writing(path):
            self._file: FileIO = open_locked(self.part) if self.is_plain else path.open("wb", buffering=0)
            if self.is_plain:
                self._file.truncate(0)

    def has(self, page: PageKey) -> bool:
        """Nothing is there before."""
        return False

    def failure(self, page: PageKey) -> PageRecord | None:
        """Nothing is known."""
        return None

    def read_back(self, page: PageKey) -> PageRecord | None:
        """Nothing is there."""
        return None

    def write(self, record: PageRecord, name: PageName, page: PageKey) -> None:
        """Write the text."""
        if record.error is not None:
            return
        separator = PAGE_SEPARATOR if self._wrote_text else ""
        with writing(self.path):
            write_all(self._file, f"{separator}{record.text}\n".encode("utf-8", "replace"))
        self._wrote_text = True

    def finish(self) -> None:
        """Give the file its name."""
        with writing(self.path):
            if self.is_plain:
                os.fsync(self._file.fileno())
                if os.name == "nt":  # There a file that is open can't be renamed.
                    self._file.close()
                os.replace(self.part, self.path)
            self._file.close()
