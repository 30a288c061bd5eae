"""Sets of conversations by number, from every form in which people have them.

- **Conversation files**, as published: a JSON list or JSON lines, pictures relative to the file. Only the place of
  each entry is held in memory, so a file of millions of JSON lines costs 24 bytes a sample.
- **Other trainers' files**: messages of ms-swift, LLaMA-Factory and OpenAI, ms-swift's `query` and `response`,
  imagefolder's `metadata.jsonl`; CSV and TSV tables with a column of pictures and one of texts. See foreign_forms.py.
- **Folders**: with a conversation file inside; or of pictures with their text beside them (`page.png` with
  `page.gt.txt` or `page.txt`, or with `page.mmd` or `page.md` for formatted text), subfolders included.
- **Hugging Face datasets**, `hub:owner/name` or a :class:`datasets.Dataset`: columns `conversations` and `image` or
  `images`; or `image` and `text`.
"""

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from got_ocr.processing.mode import Mode
from got_ocr.processing.pages import PAGE_SUFFIXES, natural_key
from got_ocr.processing.prompt import instruction
from got_ocr.synthesis.truth_files import FORMATTED_SUFFIXES, HUB_PREFIX, text_beside
from got_ocr.training.bad_samples import BadSampleError, Origin
from got_ocr.training.conversations import Conversation, parse_conversation
from got_ocr.training.foreign_forms import IMAGE_NAMES, IMAGE_PLACEHOLDER, TEXT_NAMES, to_published

FILE_SUFFIXES = (".json", ".jsonl")
TABLE_NAMES = ("metadata.csv", "metadata.tsv")  # of a folder; other tables beside pictures may be anything
PREFERRED_NAMES = ("conversations.json", "conversations.jsonl", "metadata.jsonl")
LONGEST_FIELD = 2**31 - 1  # of a table, in characters: what every system takes
# What `got-ocr synth` writes beside its conversation files.
OTHER_FILES = ("manifest.json", ".samples.jsonl", ".index.json")


class ConversationSet(Protocol):
    """Conversations by number."""

    def __len__(self) -> int:
        """How many."""

    def origin(self, index: int) -> Origin:
        """Where one stands, whether or not it can be read."""

    def __getitem__(self, index: int) -> Conversation:
        """Read one; raises :class:`BadSampleError` with the reason if it is not of the form."""


def open_set(path: Any, images: str | None = None, split: str = "train") -> ConversationSet:
    """Open a set of any form but tar shards.

    Args:
        path: A file, a folder, `hub:owner/name`, or a :class:`datasets.Dataset`.
        images: Folder that the names of pictures start from; the file's own by default.
        split: Of a Hub dataset.

    Returns:
        The set.

    Raises:
        ValueError: If it has none of the forms of the module's docstring, or is empty; the message says which.
        FileNotFoundError: If there is nothing at `path`.
    """
    opened: ConversationSet
    if not isinstance(path, str | Path):
        opened = RowConversations(path, str(getattr(path.info, "dataset_name", None) or "dataset"))
    elif str(path).startswith(HUB_PREFIX):
        opened = RowConversations(_load_hub(str(path)[len(HUB_PREFIX) :], split), f"{path}/{split}")
    elif Path(path).is_dir():
        file = _file_in(Path(path))
        opened = TextBesideConversations(Path(path)) if file is None else _open_file(file, images)
    elif Path(path).is_file():
        opened = _open_file(Path(path), images)
    else:
        raise FileNotFoundError(f"{path}: there is no such file or folder of training data.")
    if not len(opened):
        raise ValueError(f"{path}: holds no conversation.")
    return opened


class FileConversations:
    """A conversation file; entries are read from it when they are asked for.

    Args:
        path: A JSON list, or JSON lines.
        images: Folder that the names of pictures start from; the file's own by default.

    Raises:
        ValueError: If it is neither; the message names the line where a list breaks. A broken line of JSON lines is a
            bad sample.
    """

    def __init__(self, path: Path, images: str | None = None) -> None:
        self.path = path
        self.image_root = path.parent if images is None else Path(images)
        with open(path, "rb") as file:
            head = file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
        places = _places_in_list(path) if head.startswith(b"[") else _places_of_lines(path)
        # (samples, 3): the entry's first byte, the byte after it, its line
        self._places = np.array(list(places), dtype=np.int64).reshape(-1, 3)

    def __len__(self) -> int:
        return len(self._places)

    def origin(self, index: int) -> Origin:
        """Where one stands."""
        return Origin(str(self.path), int(self._places[index, 2]))

    def __getitem__(self, index: int) -> Conversation:
        start, end, _ = self._places[index].tolist()
        with open(self.path, "rb") as file:
            file.seek(start)
            content = file.read(end - start)
        try:
            entry = json.loads(content)
        except ValueError as error:
            raise BadSampleError(f"is not valid JSON: {error}") from None
        return parse_conversation(entry, self.origin(index), self.image_root)


class TableConversations:
    """A CSV or TSV file with a header: a picture and its text a row, a question where there is a column for it.

    Args:
        path: The file, UTF-8.
        images: Folder that the names of pictures start from; the file's own by default.

    Raises:
        ValueError: If it is no such table, or no column holds pictures or texts.
    """

    def __init__(self, path: Path, images: str | None = None) -> None:
        self.path = path
        self.image_root = path.parent if images is None else Path(images)
        delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
        csv.field_size_limit(LONGEST_FIELD)
        try:
            with open(path, encoding="utf-8-sig", newline="") as file:
                reader = csv.DictReader(file, delimiter=delimiter)
                columns = list(reader.fieldnames or ())
                self._rows = [(reader.line_num, row) for row in reader]
        except (csv.Error, UnicodeDecodeError) as error:
            raise ValueError(f"{path}: is no UTF-8 table with a header: {' '.join(str(error).split())}.") from None
        for kind, names in (("picture", IMAGE_NAMES), ("text", TEXT_NAMES)):
            if not set(names) & set(columns):
                raise ValueError(
                    f"{path}: no column holds the {kind}: name one of its columns ({', '.join(columns) or 'none'}) "
                    f"{', '.join(map(repr, names))}."
                )

    def __len__(self) -> int:
        return len(self._rows)

    def origin(self, index: int) -> Origin:
        """Where one stands."""
        return Origin(str(self.path), self._rows[index][0])

    def __getitem__(self, index: int) -> Conversation:
        return parse_conversation(self._rows[index][1], self.origin(index), self.image_root)


def _open_file(path: Path, images: str | None) -> ConversationSet:
    is_table = path.suffix.lower() in (".csv", ".tsv")
    return TableConversations(path, images) if is_table else FileConversations(path, images)


class TextBesideConversations:
    """A folder of pictures with their text beside them, in natural order.

    Args:
        folder: The folder; subfolders are looked through.

    Raises:
        ValueError: If no picture has its text beside it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        found = [path for path in folder.rglob("*") if path.suffix.lower() in PAGE_SUFFIXES and path.is_file()]
        found.sort(key=lambda path: natural_key(str(path.relative_to(folder))))
        self._pairs = [(picture, text) for picture in found if (text := text_beside(picture)) is not None]
        if not self._pairs:
            raise ValueError(
                f"{folder}: holds neither a conversation file (.json, .jsonl) nor a picture with its text beside it "
                f"(page.png with page.gt.txt, page.txt, page.mmd or page.md); pictures found: {len(found)}."
            )

    def __len__(self) -> int:
        return len(self._pairs)

    def origin(self, index: int) -> Origin:
        """Where one stands."""
        return Origin(str(self.folder), index + 1, str(self._pairs[index][0].relative_to(self.folder)))

    def __getitem__(self, index: int) -> Conversation:
        picture, text = self._pairs[index]
        question = instruction(Mode("format" if text.suffix in FORMATTED_SUFFIXES else "ocr"))
        try:
            answer = text.read_text(encoding="utf-8-sig").strip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise BadSampleError(f"{text}: can't be read: {error}") from None
        return parse_conversation(_entry(question, answer), self.origin(index), images=[str(picture)])


class RowConversations:
    """A :class:`datasets.Dataset`; pictures are decoded when they are asked for.

    Args:
        dataset: Columns `conversations` and `image` or `images`; or `image` and `text`.
        name: What to call it.

    Raises:
        ValueError: If it has other columns.
    """

    def __init__(self, dataset: Any, name: str) -> None:
        columns = dataset.column_names
        self.name = name
        self.column = "images" if "images" in columns else "image"
        if self.column not in columns or not {"conversations", "messages", "text"} & set(columns):
            raise ValueError(
                f"{name}: must have the columns 'image' or 'images', and 'conversations', 'messages' or 'text', got "
                f"{', '.join(map(repr, columns))}: rename them (Dataset.rename_column)."
            )
        self._rows = dataset.cast_column(self.column, _undecoded(dataset.features[self.column]))

    def __len__(self) -> int:
        return len(self._rows)

    def origin(self, index: int) -> Origin:
        """Where one stands."""
        return Origin(self.name, index + 1)

    def __getitem__(self, index: int) -> Conversation:
        row = self._rows[index]
        value = row[self.column]
        images = [_picture_of(item) for item in (value if isinstance(value, list) else [value])]
        if any(image is None for image in images):
            raise BadSampleError(f"has no picture in the column {self.column!r}")
        has_turns = "conversations" in row or "messages" in row
        entry = dict(row) if has_turns else _entry(instruction(), row["text"])
        for name in {"conversations", "messages"} & set(entry):
            turns = entry[name]
            if isinstance(turns, Mapping):  # datasets' way to hand out a list of objects, a list for each key
                entry[name] = [dict(zip(turns, turn, strict=True)) for turn in zip(*turns.values(), strict=True)]
        entry = dict(to_published({name: one for name, one in entry.items() if name != self.column}))
        return parse_conversation(entry, self.origin(index), images=images)


def _entry(question: str, answer: Any) -> dict[str, Any]:
    human = {"from": "human", "value": f"{IMAGE_PLACEHOLDER}\n{question}"}
    return {"conversations": [human, {"from": "gpt", "value": answer}]}


def _places_in_list(path: Path) -> Iterator[tuple[int, int, int]]:
    content = path.read_bytes()
    lead = 3 if content.startswith(b"\xef\xbb\xbf") else 0
    try:
        text = content[lead:].decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, lead + error.start) + 1
        raise ValueError(f"{path}, line {line}: is not UTF-8: save it as UTF-8.") from None
    decoder = json.JSONDecoder()
    place, line, num_bytes, counted = text.index("[") + 1, 1, lead, 0
    while True:
        place = _skip_space(text, place)
        if text[place : place + 1] == "]":
            break
        try:
            _, end = decoder.raw_decode(text, place)
            following = _skip_space(text, end)
            if text[following : following + 1] not in (",", "]"):
                raise json.JSONDecodeError("a comma or the list's end must follow", text, following)
        except json.JSONDecodeError as error:
            raise ValueError(
                f"{path}, line {error.lineno}: the list of conversations is not valid JSON: {error.msg}."
            ) from None
        line += text.count("\n", counted, place)
        num_bytes += len(text[counted:place].encode("utf-8"))
        length = len(text[place:end].encode("utf-8"))
        yield num_bytes, num_bytes + length, line
        counted, num_bytes = end, num_bytes + length
        line += text.count("\n", place, end)
        place = following + (text[following] == ",")


def _skip_space(text: str, place: int) -> int:
    while place < len(text) and text[place] in " \t\r\n":
        place += 1
    return place


def _places_of_lines(path: Path) -> Iterator[tuple[int, int, int]]:
    start = 0
    with open(path, "rb") as file:
        for number, line in enumerate(file):
            lead = 3 if number == 0 and line.startswith(b"\xef\xbb\xbf") else 0
            if line[lead:].strip():
                yield start + lead, start + len(line), number + 1
            start += len(line)


def _file_in(folder: Path) -> Path | None:
    """The folder's conversation file, None if it has none."""
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in FILE_SUFFIXES and path.is_file())
    files = [path for path in found if not path.name.endswith(OTHER_FILES)]
    named = [path for path in files if path.name in PREFERRED_NAMES]
    if len(named) == 1 or len(files) == 1:
        return (named or files)[0]
    tables = [folder / name for name in TABLE_NAMES if (folder / name).is_file()]
    if tables and not files:
        return tables[0]
    if files:
        names = ", ".join(path.name for path in files[:5])
        raise ValueError(f"{folder}: holds {len(files)} JSON files ({names}): name the one that holds conversations.")
    return None


def _load_hub(name: str, split: str) -> Any:
    try:
        from datasets import load_dataset
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("Hub datasets need the package datasets: pip install datasets") from error
    return load_dataset(name, split=split)


def _undecoded(feature: Any) -> Any:
    """The same feature, with pictures handed out as bytes or path: they are loaded our own way."""
    from datasets import Image, Sequence

    if isinstance(feature, Image):
        return Image(decode=False)
    inner = feature[0] if isinstance(feature, list) else getattr(feature, "feature", None)
    return Sequence(Image(decode=False)) if isinstance(inner, Image) else feature


def _picture_of(value: Any) -> Any:
    return value.get("bytes") or value.get("path") if isinstance(value, Mapping) else value


def evenly_spaced(length: int, count: int) -> list[int]:
    """Choose numbers from 0 to `length` - 1 at even distances, at most `count` of them."""
    numbers = np.unique(np.linspace(0, length - 1, min(length, count)).round().astype(int))
    return [int(number) for number in numbers]
