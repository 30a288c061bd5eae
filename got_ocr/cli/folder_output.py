"""One file a page in a folder, with a journal of whose they are."""

import json
import os
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

from .identity import PageKey
from .records import PageRecord
from .writing import open_locked, page_stem, write_all, write_atomically, writing

JOURNAL_NAME = ".got-ocr.jsonl"
JOURNALS = ".got-ocr*.jsonl"  # Of a run that was shared out, each part has its own.
WRITING, DONE, FAILED = "writing", "done", "failed"


@dataclass(frozen=True)
class PageName:
    """What a page's file is named after.

    Attributes:
        source: The page's input, as it was given.
        number: Its page there, counted from 1.
        is_document: Whether the input has several pages.
    """

    source: str
    number: int
    is_document: bool


class FolderOutput:
    """One file a page in a folder.

    A journal in the folder says of each file which page it holds: so a second folder with a `page1` in it, another
    box, or a picture that was replaced are other pages, and what people changed by hand stays. A name is taken before
    its file is written, and the file is only believed when the journal says that it is whole.

    Args:
        folder: The folder.
        suffix: Suffix of the files, e.g. `.txt`.
        as_json: Whether the files are JSON.
        force: Write again what is there.
        part: Which part of a run that was shared out writes; None where it was not.
    """

    def __init__(self, folder: Path, suffix: str, as_json: bool, force: bool, part: int | None = None) -> None:
        self.folder = folder
        self.suffix = suffix
        self.as_json = as_json
        self.force = force
        self.notices: list[str] = []
        self._entries: dict[str, dict[str, Any]] = {}  # By the page's key.
        self._owners: dict[str, str] = {}  # By the file's name, small letters: the key of the page that it holds.
        self._of_this_run: set[str] = set()
        with writing(folder):
            self._is_part = part is not None
            self._journal_path = folder / (JOURNAL_NAME if part is None else f".got-ocr-{part}.jsonl")
            self._journal: FileIO = open_locked(self._journal_path)
            for path in sorted(folder.glob(JOURNALS)):
                length = self._read_journal(path)
                if path == self._journal_path:
                    self._journal.truncate(length)

    def _read_journal(self, path: Path) -> int:
        """Take in what a journal says. Returns: the length of its whole lines."""
        length = 0
        with path.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break  # Cut by a crash; what it says is said again.
                length += len(line)
                try:
                    entry = json.loads(line)
                    self._take_in(str(entry["key"]), entry)
                except (ValueError, KeyError, TypeError):
                    continue  # Somebody else's line says nothing of ours.
        return length

    def _take_in(self, key: str, entry: dict[str, Any]) -> None:
        self._entries[key] = entry
        if entry.get("file"):
            self._owners[str(entry["file"]).casefold()] = key

    def _note(self, page: PageKey, state: str, file_name: str | None, record: PageRecord | None = None) -> None:
        entry = {
            "key": page.key,
            "place": page.place,
            "content": page.content,
            "stat": page.stat,
            "state": state,
            "file": file_name,
            "error": record.error if record else None,
            "limit": record.limit if record else None,
        }
        self._take_in(page.key, entry)
        write_all(self._journal, json.dumps(entry).encode() + b"\n")
        if state != WRITING:
            os.fsync(self._journal.fileno())

    def has(self, page: PageKey) -> bool:
        """Whether the page's file is there, whole, and of the page as it is now."""
        entry = self._entries.get(page.key)
        if entry is None or entry.get("state") != DONE or (self.force and page.key not in self._of_this_run):
            return False
        return page.has_content_of(entry) and (self.folder / str(entry["file"])).exists()

    def failure(self, page: PageKey) -> PageRecord | None:
        """Give the failure of a page that broke a limit in an earlier run and would do so again."""
        entry = self._entries.get(page.key)
        if entry is None or entry.get("state") != FAILED or not entry.get("limit") or not page.has_content_of(entry):
            return None
        return PageRecord("", None, error=entry.get("error"), limit=entry.get("limit"))

    def read_back(self, page: PageKey) -> PageRecord | None:
        """Give what an earlier run read on a page that is there."""
        entry = self._entries.get(page.key, {})
        try:
            text = (self.folder / str(entry.get("file"))).read_text(encoding="utf-8", errors="replace")
            if self.as_json:
                return PageRecord.from_json(json.loads(text))
        except (OSError, ValueError, TypeError):
            return None
        return PageRecord("", None, text.removesuffix("\n"), "stop")

    def write(self, record: PageRecord, name: PageName, page: PageKey) -> None:
        """Write a page's file; of a page that failed only the journal knows."""
        with writing(self._journal_path):
            if record.error is not None:
                self._note(page, FAILED, None, record)
                return
            file_name = self._choose_name(name, page)
            self._note(page, WRITING, file_name)
        path = self.folder / file_name
        with writing(path):
            write_atomically(path, (record.to_json() if self.as_json else record.text) + "\n")
        with writing(self._journal_path):
            self._note(page, DONE, file_name)
        self._of_this_run.add(page.key)

    def _choose_name(self, name: PageName, page: PageKey) -> str:
        """The input's name with another suffix; where that is another page's, with `~2`, and so on."""
        own = self._entries.get(page.key, {}).get("file")
        if own:
            return str(own)
        stem = page_stem(name.source, name.number, name.is_document)
        file_name, copy = stem + self.suffix, 1
        while not self._may_take(file_name, page):
            copy += 1
            file_name = f"{stem}~{copy}{self.suffix}"
        if copy > 1 and page_stem(name.source, 1, False) + self.suffix not in self._names_of_this_run():
            self.notices.append(f"{stem}{self.suffix} holds another page: {file_name} is written.")
        return file_name

    def _names_of_this_run(self) -> set[str]:
        return {str(self._entries[key].get("file")) for key in self._of_this_run}

    def _may_take(self, file_name: str, page: PageKey) -> bool:
        owner = self._owners.get(file_name.casefold())
        if owner is None:
            if self._is_part:
                return self._claim(file_name)
            return self.force or not (self.folder / file_name).exists()
        if owner == page.key:
            return True
        is_same_page = self._entries[owner].get("place") == page.place
        if self.force and is_same_page and owner not in self._of_this_run:
            self._entries.pop(owner)  # It held this page, read in another way.
            return True
        return False

    def _claim(self, file_name: str) -> bool:
        """Take a name before other parts of the run can: an empty file, which is replaced."""
        try:
            (self.folder / file_name).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def finish(self) -> None:
        """Leave the folder to others."""
        self._journal.close()
