"""Where the command line writes: standard output, one file a page, one file for all; as text or as JSON lines.

Several pages on standard output or in one text file are separated by a form feed, as `pdftotext` and `tesseract`
separate theirs. Files of pages appear whole or not at all. A run that was stopped can be started again: pages whose
file is there, or whose line is in the JSON file, are not read again.
"""

import contextlib
import errno
import json
import os
import re
import sys
import urllib.parse
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from . import exit_codes
from .exit_codes import CommandError

if TYPE_CHECKING:
    from ..reading.answer import GotOcrLine

PAGE_SEPARATOR = "\f"
STANDARD_OUTPUT = "-"
STDIN_NAME = "stdin"


@dataclass(frozen=True)
class PageRecord:
    """What is known of a page after reading it: a line of `--json`.

    Attributes:
        input: What was given: a path, a URL, `-`; a list of them for pages read together.
        page: The page in it, counted from 1; None for pages read together.
        text: What was read; empty after an error.
        finish_reason: `stop`, `length`, `repetition` or `error`.
        num_tokens: Tokens generated.
        mean_probability: Geometric mean of the tokens' probabilities.
        min_probability: That of the least certain token.
        seconds: Time it took, an equal share for pages read in one batch.
        error: What went wrong, or None.
        lines: Each line with its certainty, and its box where the page was read in slices.
        size: (width, height) of the picture that was read, in px; None for pages read together.
    """

    input: str | list[str]
    page: int | None
    text: str = ""
    finish_reason: str = "error"
    num_tokens: int = 0
    mean_probability: float | None = None
    min_probability: float | None = None
    seconds: float = 0.0
    error: str | None = None
    lines: tuple["GotOcrLine", ...] = ()
    size: tuple[int, int] | None = None

    def to_json(self) -> str:
        """Write one line of JSON, without its end."""
        fields = asdict(self)
        for entry in (fields, *fields["lines"]):
            for name in ("mean_probability", "min_probability"):
                entry[name] = None if entry[name] is None else round(entry[name], 6)
        fields["seconds"] = round(self.seconds, 3)
        return json.dumps(fields, ensure_ascii=False)


class Output(Protocol):
    """What all places to write to can do."""

    def has(self, source: str, number: int, name: str) -> bool:
        """Whether this page was written by an earlier run."""

    def write(self, record: PageRecord, name: str) -> None:
        """Write a page; `name` is the page's own (:class:`~got_ocr.processing.pages.FoundPage`)."""

    def finish(self) -> None:
        """Called once after the last page, not after a failure."""


def open_output(target: str | None, *, as_json: bool, suffix: str, force: bool) -> Output:
    """Choose and prepare the place to write to.

    Args:
        target: `--output`: a folder, a file, or None or `-` for standard output. What exists is what it is; else a
            name with a suffix of letters is a file, and one without, or with a slash at its end, a folder.
        as_json: Whether to write JSON lines.
        suffix: Suffix of the files of pages, e.g. `.txt`.
        force: Write again what is there.

    Returns:
        The place; known to be writable.

    Raises:
        CommandError: If it can't be written to.
    """
    if target is None or target == STANDARD_OUTPUT:
        return StreamOutput(sys.stdout, as_json)
    path = Path(target).expanduser()
    # `v1.2` is a folder's name, `all.txt` a file's.
    names_file = path.suffix[1:].isalpha() and not target.endswith(("/", os.sep))
    is_folder = path.is_dir() or (not path.exists() and not names_file)
    with writing(path):
        (path if is_folder else path.parent).mkdir(parents=True, exist_ok=True)
    if is_folder:
        return FolderOutput(path, ".json" if as_json else suffix, as_json, force)
    if as_json:
        return JsonLinesOutput(path, force)
    return FileOutput(path, force)


class StreamOutput:
    """Standard output, or any open text file."""

    def __init__(self, stream: TextIO, as_json: bool) -> None:
        self.stream = stream
        self.as_json = as_json
        self._wrote_text = False
        with contextlib.suppress(AttributeError):
            # A letter that the terminal does not know must not end the run.
            stream.reconfigure(errors="replace")  # type: ignore[attr-defined]

    def has(self, source: str, number: int, name: str) -> bool:
        """Nothing is there before."""
        return False

    def write(self, record: PageRecord, name: str) -> None:
        """Write a JSON line, or the text; errors stand in JSON only."""
        if self.as_json:
            self.write_piece(record.to_json() + "\n")
        elif record.error is None:
            self.begin_page()
            self.write_piece(record.text + "\n")

    def begin_page(self) -> None:
        """Separate a page from the one before."""
        if self._wrote_text:
            self.write_piece(PAGE_SEPARATOR)
        self._wrote_text = True

    def write_piece(self, text: str) -> None:
        """Write text as it is, at once."""
        with writing("standard output"):
            self.stream.write(text)
            self.stream.flush()

    def finish(self) -> None:
        """Nothing to do."""


class FolderOutput:
    """One file a page in a folder."""

    def __init__(self, folder: Path, suffix: str, as_json: bool, force: bool) -> None:
        self.folder = folder
        self.suffix = suffix
        self.as_json = as_json
        self.force = force
        self._owners: dict[str, str] = {}  # file name -> page name
        with writing(folder):
            write_atomically(folder / ".got-ocr-test", "")
            (folder / ".got-ocr-test").unlink()

    def path_of(self, source: str, number: int, name: str) -> Path:
        """The page's file: its input's name with another suffix, and the page's number in a document.

        Args:
            source: The page's input.
            number: Its page there.
            name: The page's own name.

        Returns:
            The path. A second page of the same name in this run gets `~2`, and so on.
        """
        stem = page_stem(source, number, is_document=name != source)
        file_name, copy = stem + self.suffix, 1
        while self._owners.setdefault(file_name.casefold(), name) != name:
            copy += 1
            file_name = f"{stem}~{copy}{self.suffix}"
        return self.folder / file_name

    def has(self, source: str, number: int, name: str) -> bool:
        """Whether the page's file is there."""
        path = self.path_of(source, number, name)
        return not self.force and path.exists()

    def write(self, record: PageRecord, name: str) -> None:
        """Write a page's file; a page that failed gets none, so that the next run tries again."""
        if record.error is not None:
            return
        source = record.input if isinstance(record.input, str) else record.input[0]
        path = self.path_of(source, record.page or 1, name)
        with writing(path):
            write_atomically(path, (record.to_json() if self.as_json else record.text) + "\n")

    def finish(self) -> None:
        """Nothing to do."""


class FileOutput:
    """One text file for all pages. It gets its name when all are written; till then it is called `NAME.part`."""

    def __init__(self, path: Path, force: bool) -> None:
        if path.exists() and not force and path.is_file():
            raise CommandError(
                exit_codes.OUTPUT_FAILED, f"{path} exists already: --force overwrites it, or name another file."
            )
        # Devices and pipes (/dev/stdout, >(command)) can't be renamed to.
        self.is_plain = path.is_file() or not path.exists()
        self.path = path
        self.part = path.with_name(path.name + ".part") if self.is_plain else path
        with writing(path):
            self._file = self.part.open("w", encoding="utf-8", newline="\n")
        self._stream = StreamOutput(self._file, as_json=False)

    def has(self, source: str, number: int, name: str) -> bool:
        """Nothing is there before."""
        return False

    def write(self, record: PageRecord, name: str) -> None:
        """Write the text."""
        with writing(self.path):
            if record.error is None:
                if self._file.tell():
                    self._file.write(PAGE_SEPARATOR)
                self._file.write(record.text + "\n")
                self._file.flush()

    def finish(self) -> None:
        """Give the file its name."""
        with writing(self.path):
            self._file.close()
            if self.is_plain:
                os.replace(self.part, self.path)


class JsonLinesOutput:
    """One file with a JSON line a page, added to where it exists: pages without an error there are done."""

    def __init__(self, path: Path, force: bool) -> None:
        self.path = path
        self._done: set[tuple[str, int]] = set()
        with writing(path):
            if force and path.is_file():
                path.unlink()
            keep = self._read_done() if path.is_file() else None
            self._file = path.open("a", encoding="utf-8", newline="\n")
            if keep is not None:
                self._file.truncate(keep)  # A line that was cut by a crash.

    def _read_done(self) -> int:
        """Learn which pages are done; returns the length in bytes of the whole lines."""
        length = 0
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    break
                length += len(line)
                try:
                    fields = json.loads(line)
                    source, page, error = fields["input"], fields["page"], fields["error"]
                except (ValueError, KeyError, TypeError):
                    raise CommandError(
                        exit_codes.OUTPUT_FAILED,
                        f"{self.path} exists, but its line {number} is none of got-ocr's: --force overwrites it.",
                    ) from None
                if error is None and isinstance(source, str):
                    self._done.add((source, page))
        return length

    def has(self, source: str, number: int, name: str) -> bool:
        """Whether the page's line is there."""
        return (source, number) in self._done

    def write(self, record: PageRecord, name: str) -> None:
        """Add a line."""
        with writing(self.path):
            self._file.write(record.to_json() + "\n")
            self._file.flush()

    def finish(self) -> None:
        """Close the file."""
        with writing(self.path):
            self._file.close()


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
            errno.EROFS: ": choose another --output",
            errno.EACCES: ": choose another --output",
        }.get(error.errno or 0, "")
        raise CommandError(
            exit_codes.OUTPUT_FAILED, f"{path} can't be written: {error.strerror or error}{hint}."
        ) from error


def write_atomically(path: Path, text: str) -> None:
    """Write a file that appears whole or not at all.

    Args:
        path: The file; replaced where it exists.
        text: Its content, written as UTF-8.

    Raises:
        OSError: If it can't be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


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
    # File systems count bytes (255); leave room for number, suffix and `.part`.
    stem = stem.encode()[:150].decode(errors="ignore")
    return f"{stem}-{number:03d}" if is_document else stem
