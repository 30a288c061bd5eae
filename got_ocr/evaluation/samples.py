"""Ground truth: what to read and what stands there, from the forms in which people have it.

- **Conversation lists**, as published for Fox and GOT's benchmarks: a JSON list (or JSON lines) of
  `{"image": "page.png" | "folder/", "conversations": [{"from": "human", "value": ...}, {"from": "gpt", ...}]}`;
  `{"image", "question", "label"}` (a result file, whose answers are then left alone) is taken as well.
- **OneChart's chart files**: a JSON list of `{"images": "chart.png", "gts": {"title", "source", "x_title", "y_title",
  "values"}}`.
- **Folders** of pictures with their text beside them: `page.png` with `page.gt.txt`, `page.txt`, `page.mmd` or
  `page.md`; also ocropus' `0001.bin.png` with `0001.gt.txt`. Subfolders are looked through.
- **Hub datasets**: `hub:owner/name` (or a local folder of that form), by the names of its columns; needs `datasets`.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..synthesis.truth_files import HUB_PREFIX, text_beside

TASKS = ("plain", "scene", "format", "box", "color", "chart")
COLORS = ("red", "green", "blue")
NUMBER = r"\s*(\d+(?:\.\d+)?)\s*"
BOX = re.compile(rf"[\[(<]{NUMBER},{NUMBER}(?:,|\)\s*,\s*\(){NUMBER},{NUMBER}[\])>]")
COLOR = re.compile(rf"\b({'|'.join(COLORS)})\b", re.IGNORECASE)


@dataclass(frozen=True)
class Sample:
    """One thing to read.

    Attributes:
        index: Its place in the ground truth, counted from 0: its name in result files.
        image: What the ground truth calls the picture.
        question: The published question; it holds the box or colour.
        label: What stands there. Of a chart: JSON text of its `gts`.
        source: Where the picture is: a path (a folder is a document of several pages) or a row of a Hub dataset.
        box: (x1, y1, x2, y2) of the part to read, in `box_unit`.
        box_unit: `per-mille` of the picture's width and height, or `pixel`.
        color: Colour of the frame around the part to read, or empty.
    """

    index: int
    image: str
    question: str
    label: str
    source: Any = field(repr=False, compare=False)
    box: tuple[float, float, float, float] | None = None
    box_unit: str = "per-mille"
    color: str = ""

    def load(self) -> list[Any]:
        """Load the picture, or the pages of a folder in natural order.

        Returns:
            RGB pictures, upright.

        Raises:
            ValueError: If there is no picture, or it can't be read; the message names it.
        """
        from ..processing.pages import iter_pages, load_image

        if isinstance(self.source, DocumentPage):
            return [page.image for page in iter_pages(self.source.path, pages=str(self.source.number))]
        if isinstance(self.source, Path):
            if self.source.is_dir():
                return [page.image for page in iter_pages(self.source)]
            return [load_image(self.source)]
        return [load_image(self.source.picture())]

    def digest(self) -> str:
        """Sum up the picture's file, or the pages of a folder, to tell whether it is still the same.

        Returns:
            16 hexadecimal digits; empty where it can't be read.
        """
        from .identity import digest_files

        try:
            if isinstance(self.source, DocumentPage):
                return digest_files([self.source.path])
            if not isinstance(self.source, Path):
                value = self.source.picture()
                if isinstance(value, bytes):
                    return hashlib.sha256(value).hexdigest()[:16]
                return digest_files([Path(value)]) if isinstance(value, str) else ""
            if self.source.is_dir():
                return digest_files((path for path in self.source.rglob("*") if path.is_file()), self.source)
            return digest_files([self.source])
        except OSError:
            return ""

    def box_pixels(self, width_px: int, height_px: int) -> tuple[float, float, float, float] | None:
        """Convert the box to pixels of the picture, so that its per-mille come out again as they were."""
        if self.box is None or self.box_unit == "pixel":
            return self.box
        # Half a unit more, since the prompt's coordinates are cut off to whole per-mille.
        x1, y1, x2, y2 = ((value + 0.5) / 1000 if value == int(value) else value / 1000 for value in self.box)
        return x1 * width_px, y1 * height_px, min(1.0, x2) * width_px, min(1.0, y2) * height_px


@dataclass(frozen=True)
class DocumentPage:
    """A page of a PDF or TIFF, counted from 1."""

    path: Path
    number: int


@dataclass(frozen=True)
class HubRow:
    """The picture of a row of a Hub dataset, decoded when it is asked for."""

    dataset: Any
    row: int
    column: str

    def picture(self) -> Any:
        """Get the picture in a form that `load_image` takes."""
        value = self.dataset[self.row][self.column]
        if isinstance(value, dict):
            value = value.get("bytes") or value.get("path")
        return value


@dataclass(frozen=True)
class HubColumns:
    """Where the parts of a sample stand in a Hub dataset.

    Attributes:
        image: Column of the pictures.
        text: Column of the texts.
        question: Column of the questions (boxes, colours), if there is one.
        config: Configuration of the dataset.
        split: Its split.
    """

    image: str = "image"
    text: str = "text"
    question: str | None = None
    config: str | None = None
    split: str = "test"


def load_samples(
    data: str,
    *,
    task: str = "plain",
    images: str | None = None,
    box_unit: str = "per-mille",
    hub: HubColumns = HubColumns(),
    limit: int | None = None,
) -> list[Sample]:
    """Read ground truth of any of the forms of the module's docstring.

    Args:
        data: A file, a folder, or `hub:owner/name`.
        task: One of TASKS: `box` and `color` take what to read from the question.
        images: Folder of the pictures that a file names; the file's own folder by default.
        box_unit: `per-mille` or `pixel`: the unit of boxes in questions.
        hub: Where the parts of a sample stand, of a Hub dataset.
        limit: Take the first so many.

    Returns:
        The samples, in the order of the ground truth.

    Raises:
        ValueError: If the ground truth has none of the forms, or a box or colour lacks; the message says where.
        FileNotFoundError: If there is no such file.
    """
    if task not in TASKS:
        raise ValueError(f"task must be one of {', '.join(TASKS)}, got {task!r}.")
    if box_unit not in ("per-mille", "pixel"):
        raise ValueError(f"the unit of boxes must be 'per-mille' or 'pixel', got {box_unit!r}.")
    samples = []
    for index, (image, question, label, source) in enumerate(_rows(data, images, hub)):
        if limit is not None and index >= limit:
            break
        box, color = _box(question) if task == "box" else None, _color(question) if task == "color" else ""
        if (task == "box" and box is None) or (task == "color" and not color):
            wanted = "four numbers in brackets" if task == "box" else f"a colour ({', '.join(COLORS)})"
            raise ValueError(
                f"{data}: entry {index} ({image}) has no {task} in its question {question!r}: --task {task} needs "
                f"{wanted} there"
            )
        samples.append(Sample(index, image, question, label, source, box, box_unit, color))
    if not samples:
        raise ValueError(f"{data}: there is nothing to read")
    return samples


Row = tuple[str, str, str, Any]


def _rows(data: str, images: str | None, hub: HubColumns) -> Iterable[Row]:
    if data.startswith(HUB_PREFIX):
        return _hub_rows(data[len(HUB_PREFIX) :], hub)
    path = Path(data)
    if path.is_dir():
        return _folder_rows(path)
    if path.is_file():
        return _file_rows(path, Path(images) if images else path.parent)
    raise FileNotFoundError(
        f"no ground truth at {data}: give a JSON file, a folder of pictures and texts, or hub:owner/name"
    )


def _box(question: str) -> tuple[float, float, float, float] | None:
    found = BOX.search(question)
    if found is None:
        return None
    x1, y1, x2, y2 = (float(number) for number in found.groups())
    return x1, y1, x2, y2


def _color(question: str) -> str:
    found = COLOR.search(question)
    return found[1].lower() if found else ""


def read_json_list(path: Path) -> list[Any]:
    """Read a JSON list, a JSON object of such lists' entries, or JSON lines.

    Args:
        path: The file.

    Returns:
        The entries.

    Raises:
        ValueError: If it is neither; the message says where it breaks.
    """
    text = path.read_text(encoding="utf-8-sig")
    try:
        entries = json.loads(text)
    except ValueError as error:
        lines = [line for line in text.splitlines() if line.strip()]
        try:
            entries = [json.loads(line) for line in lines]
        except ValueError:
            raise ValueError(f"{path} is neither a JSON list nor JSON lines: {error}") from None
    if isinstance(entries, dict):
        entries = [entries]
    if not isinstance(entries, list):
        raise ValueError(f"{path} must hold a list, got {type(entries).__name__}")
    return entries


def _file_rows(path: Path, folder: Path) -> Iterable[Row]:
    for index, entry in enumerate(read_json_list(path)):
        where = f"{path}: entry {index}"
        if not isinstance(entry, dict):
            raise ValueError(f"{where} must be an object, got {type(entry).__name__}")
        if "gts" in entry:
            image, question = _text(entry, "images", where), ""
            label = json.dumps(entry["gts"], ensure_ascii=False)
        elif "conversations" in entry:
            image = _text(entry, "image", where)
            question, label = _first_turns(entry["conversations"], where)
        elif "label" in entry:
            image, question, label = _text(entry, "image", where), str(entry.get("question", "")), str(entry["label"])
        else:
            raise ValueError(
                f"{where} has none of 'conversations', 'gts' and 'label', but "
                f"{', '.join(map(repr, entry)) or 'nothing'}"
            )
        yield image, question, label, folder / image


def _text(entry: dict[str, Any], key: str, where: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{where} must name its picture under {key!r}, got {value!r}")
    return value


def _first_turns(conversations: Any, where: str) -> tuple[str, str]:
    try:
        return str(conversations[0]["value"]), str(conversations[1]["value"])
    except (LookupError, TypeError):
        raise ValueError(
            f"{where}: conversations must be two turns with a 'value' each, a question and its answer"
        ) from None


def _folder_rows(folder: Path) -> Iterable[Row]:
    from ..processing.pages import PAGE_SUFFIXES, natural_key

    pictures = [path for path in folder.rglob("*") if path.suffix.lower() in PAGE_SUFFIXES and path.is_file()]
    found = False
    for path in sorted(pictures, key=lambda path: natural_key(str(path.relative_to(folder)))):
        text = text_beside(path)
        if text is not None:
            found = True
            label = text.read_text(encoding="utf-8-sig").strip("\r\n")
            yield str(path.relative_to(folder)), "", label, path
    if not found:
        raise ValueError(
            f"{folder}: none of its {len(pictures)} pictures has its text beside it (page.png with page.gt.txt or "
            "page.txt)"
        )


def _hub_rows(name: str, hub: HubColumns) -> Iterable[Row]:
    try:
        from datasets import Image, load_dataset
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("Hub datasets need the package datasets: pip install datasets") from error
    dataset = load_dataset(name, hub.config, split=hub.split)
    wanted = [hub.image, hub.text, *([hub.question] if hub.question else [])]
    lacking = [column for column in wanted if column not in dataset.column_names]
    if lacking:
        raise ValueError(
            f"{name} ({hub.split}) has no column {', '.join(map(repr, lacking))}, but "
            f"{', '.join(dataset.column_names)}: name them by --image-column, --text-column and --question-column"
        )
    if isinstance(dataset.features[hub.image], Image):
        dataset = dataset.cast_column(hub.image, Image(decode=False))  # bytes: we load pictures our own way
    texts = dataset.select_columns([column for column in wanted if column != hub.image])
    for row, entry in enumerate(texts):
        question = str(entry[hub.question]) if hub.question else ""
        yield f"{name}/{hub.split}/{row}", question, str(entry[hub.text]), HubRow(dataset, row, hub.image)
