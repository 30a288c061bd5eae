"""Samples as the published conversation file and PNG files, written as they come and resumable.

A kind `formulas` in a folder becomes

    formulas.json                           the conversations, as the published training code reads them
    formulas.samples.jsonl                  a line for each sample: number, pictures, conversation, how it was drawn
    formulas/000001/000001234.png           the picture of sample 1234, a thousand samples a folder
    multi-page/000001/000001234/2.png       the second picture of a sample that has several

The lines are the journal: a sample counts as written once its line is complete, and its pictures are written before.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from got_ocr.synthesis.engine import EncodedSample
from got_ocr.synthesis.output.files import AppendedFile, json_line, naming, write_whole

SAMPLES_A_FOLDER = 1000


class Writer(Protocol):
    """Where the samples of one kind go. Samples are given in rising order of their numbers."""

    def pending(self, numbers: Sequence[int]) -> list[int]:
        """Tell which of the samples asked for are not written yet."""

    def write(self, sample: EncodedSample) -> None:
        """Write a sample that was pending."""

    def finish(self) -> Path:
        """Complete the files; gives the one to name to a trainer."""

    def close(self) -> None:
        """Leave the files as they are, to go on later."""


class ConversationWriter:
    """Writes one kind as conversation JSON and PNG files.

    Args:
        folder: the run's folder.
        kind: the kind's name.
    """

    def __init__(self, folder: Path, kind: str) -> None:
        self._folder = folder
        self._kind = kind
        self._journal_path = folder / f"{kind}.samples.jsonl"
        self._conversations_path = folder / f"{kind}.json"
        # Number -> offset and length of the line; a sample that was drawn again stands in the last of its lines.
        self._places: dict[int, tuple[int, int]] = {}
        self._is_sorted = True
        end = self._read_journal()
        self._journal = AppendedFile(self._journal_path, end)
        self._has_changed = not self._conversations_path.exists()

    def _read_journal(self) -> int:
        """Find the samples that are complete; gives the length of the journal up to where it was cut off."""
        if not self._journal_path.exists():
            return 0
        end = 0
        with self._journal_path.open("rb") as lines:
            for line in lines:
                try:
                    entry = json.loads(line)
                except ValueError:
                    break
                if not line.endswith(b"\n"):
                    break
                if all(
                    _has_content(self._folder / name) for name in _picture_names(entry["image"], entry["pictures"])
                ):
                    self._note(entry["number"], end, len(line))
                else:
                    self._is_sorted = False
                end += len(line)
        return end

    def _note(self, number: int, offset: int, length: int) -> None:
        last = next(reversed(self._places), -1)
        self._is_sorted = self._is_sorted and number > last
        self._places[number] = (offset, length)

    def pending(self, numbers: Sequence[int]) -> list[int]:
        """Tell which samples are not written yet.

        Args:
            numbers: the samples that the run is to have.

        Returns:
            Those that are missing, in the same order.
        """
        return [number for number in numbers if number not in self._places]

    def write(self, sample: EncodedSample) -> None:
        """Write the pictures, then the line.

        Args:
            sample: a pending one.

        Raises:
            OSError: a file can't be written; the error names it.
        """
        number = sample.job.number
        place = f"{self._kind}/{number // SAMPLES_A_FOLDER:06d}/{number:09d}"
        image = f"{place}.png" if len(sample.pictures) == 1 else f"{place}/"
        names = _picture_names(image, len(sample.pictures))
        (self._folder / names[0]).parent.mkdir(parents=True, exist_ok=True)
        for name, picture in zip(names, sample.pictures, strict=True):
            with naming(self._folder / name):
                (self._folder / name).write_bytes(picture)
        line = json_line(
            {
                "number": number,
                "image": image,
                "pictures": len(sample.pictures),
                "conversations": sample.conversation,
                "source": sample.source,
            }
        )
        self._note(number, self._journal.size, len(line))
        self._journal.append(line)
        self._has_changed = True

    def finish(self) -> Path:
        """Assemble the conversation file; bring the journal into order if samples were added in its middle.

        Returns:
            The conversation file.
        """
        if self._has_changed:
            if not self._is_sorted:
                self._sort_journal()
            write_whole(self._conversations_path, self._conversation_lines())
        return self._conversations_path

    def _sort_journal(self) -> None:
        self._journal.close()
        write_whole(self._journal_path, (line for _, line in self._sorted_lines()))
        offset = 0
        for number in sorted(self._places):
            length = self._places[number][1]
            self._places[number] = (offset, length)
            offset += length
        self._is_sorted = True
        self._journal = AppendedFile(self._journal_path, offset)

    def _sorted_lines(self) -> Iterator[tuple[int, bytes]]:
        with self._journal_path.open("rb") as lines:
            for number in sorted(self._places):
                offset, length = self._places[number]
                lines.seek(offset)
                yield number, lines.read(length)

    def _conversation_lines(self) -> Iterator[bytes]:
        separator = b"[\n"
        for _, line in self._sorted_lines():
            entry: dict[str, Any] = json.loads(line)
            published = {"image": entry["image"], "conversations": entry["conversations"]}
            yield separator + json_line(published).rstrip(b"\n")
            separator = b",\n"
        yield b"\n]\n" if separator == b",\n" else b"[]\n"

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()


def _picture_names(image: str, count: int) -> list[str]:
    return [f"{image}{number}.png" for number in range(1, count + 1)] if image.endswith("/") else [image]


def _has_content(path: Path) -> bool:
    # A machine that lost its power may keep the journal's line and not the picture.
    try:
        return path.stat().st_size > 0
    except OSError:
        return False


def write_failures(path: Path, failures: Iterable[dict[str, Any]]) -> None:
    """Write the samples that could not be drawn, a JSON line each; no file where there are none.

    Args:
        path: the file.
        failures: what to write.
    """
    lines = [json_line(failure) for failure in failures]
    if lines:
        write_whole(path, lines)
    else:
        path.unlink(missing_ok=True)
