"""Training data in other trainers' forms, written from any set that we read: `foreign_forms` the other way round.

- **swift** (ms-swift): JSON lines of `{"messages": [{"role": "user", "content": "<image>OCR: "}, ...], "images":
  [...]}`. Pictures by their absolute names, since ms-swift looks for others in the folder that it was started in.
- **llamafactory** (LLaMA-Factory): a JSON list of the same entries, and `dataset_info.json` beside it that names them.
  Pictures relative to that folder, which is what LLaMA-Factory wants.
- **published** (GOT's own): a JSON list of `{"image": ..., "conversations": [...]}`, which we train on.

Pictures stay where they are; those that stand in no file of this machine (columns of a data set, data URIs, URLs) are
written beside, into `images/`.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from got_ocr.processing.pages import PAGE_SUFFIXES, natural_key
from got_ocr.processing.pictures import load_image
from got_ocr.processing.sources import is_url
from got_ocr.synthesis.output.files import json_line, write_json, write_whole
from got_ocr.training.bad_samples import BadSampleError
from got_ocr.training.conversation_sets import ConversationSet
from got_ocr.training.conversations import Conversation
from got_ocr.training.foreign_forms import IMAGE_PLACEHOLDER

EXPORTS = ("swift", "llamafactory", "published")
DATASET_INFO = "dataset_info.json"
PICTURES = "images"
# How LLaMA-Factory is told what stands where.
_TAGS = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}


@dataclass
class ExportReport:
    """What was written.

    Attributes:
        path: The file to name to the trainer.
        count: Samples in it.
        bad: What is left out, a line each.
    """

    path: Path
    count: int
    bad: list[str]


def export_set(
    samples: ConversationSet, form: str, path: Path, heard: Callable[[int], None] = lambda number: None
) -> ExportReport:
    """Write a set in another trainer's form.

    Args:
        samples: What to write.
        form: One of EXPORTS.
        path: The file; its folder is made.
        heard: Called with the number of samples that are done.

    Returns:
        What was written. A sample that can't be read is left out and named.

    Raises:
        ValueError: If there is no such form, the file's suffix is not of it, or no sample can be read.
        OSError: If a file can't be written.
    """
    if form not in EXPORTS:
        raise ValueError(f"training data is written as {', '.join(EXPORTS)}, got {form!r}.")
    suffix = ".jsonl" if form == "swift" else ".json"
    if path.suffix != suffix:
        raise ValueError(f"{form} wants a file that ends in {suffix}, got {path.name}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    report = ExportReport(path, 0, [])
    lines = _lines(samples, form, report, heard)
    first = next(lines, None)
    if first is None:  # Before anything is written over.
        raise ValueError(f"no sample can be read; the first: {report.bad[0]}.")
    whole = chain([first], lines)
    write_whole(path, whole if form == "swift" else _as_list(whole))
    if form == "llamafactory":
        _name_dataset(path)
    return report


def _lines(samples: ConversationSet, form: str, report: ExportReport, heard: Callable[[int], None]) -> Iterator[bytes]:
    for index in range(len(samples)):
        try:
            conversation = samples[index]
            pictures = _place_pictures(conversation, index, report.path.parent, form)
        except BadSampleError as error:
            report.bad.append(f"{samples.origin(index)}: {error}")
            continue
        report.count += 1
        yield json_line(
            _published(conversation, pictures) if form == "published" else _messages(conversation, pictures)
        )
        heard(index + 1)


def _as_list(lines: Iterable[bytes]) -> Iterator[bytes]:
    separator = b"[\n"
    for line in lines:
        yield separator + line.rstrip(b"\n")
        separator = b",\n"
    yield b"\n]\n"


def _messages(conversation: Conversation, pictures: list[str]) -> dict[str, Any]:
    messages = []
    for number, (question, answer) in enumerate(conversation.turns):
        # A mark for each picture, where ours has one for all of them.
        lead = IMAGE_PLACEHOLDER * len(pictures) if number == 0 else ""
        messages += [{"role": "user", "content": lead + question}, {"role": "assistant", "content": answer}]
    return {"messages": messages, "images": pictures}


def _published(conversation: Conversation, pictures: list[str]) -> dict[str, Any]:
    turns = []
    for number, (question, answer) in enumerate(conversation.turns):
        lead = f"{IMAGE_PLACEHOLDER}\n" if number == 0 else ""
        turns += [{"from": "human", "value": lead + question}, {"from": "gpt", "value": answer}]
    return {"image": pictures[0] if len(pictures) == 1 else pictures, "conversations": turns}


def _place_pictures(conversation: Conversation, index: int, folder: Path, form: str) -> list[str]:
    """Name a sample's pictures as the form wants them, and write those that stand in no file."""
    sources: list[Any] = list(conversation.images)
    if conversation.is_folder:
        held = [path for path in Path(sources[0]).iterdir() if path.suffix.lower() in PAGE_SUFFIXES]
        sources = sorted(held, key=lambda path: natural_key(path.name))
    placed = []
    for number, source in enumerate(sources, 1):
        is_file = isinstance(source, Path) or (
            isinstance(source, str) and not source.startswith("data:") and not is_url(source)
        )
        if is_file and not Path(source).is_file():
            raise BadSampleError(f"{source}: there is no such picture")
        path = Path(source) if is_file else _write_picture(source, folder / PICTURES / f"{index:09d}-{number}.png")
        whole = path.resolve()
        placed.append(str(whole) if form == "swift" else Path(os.path.relpath(whole, folder.resolve())).as_posix())
    return placed


def _write_picture(source: Any, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        load_image(source).save(path)
    except (ValueError, OSError) as error:
        raise BadSampleError(" ".join(str(error).split())) from None
    return path


def _name_dataset(path: Path) -> None:
    """Name the file in LLaMA-Factory's `dataset_info.json`, beside what stands there already."""
    info_path = path.with_name(DATASET_INFO)
    known: Any = {}
    if info_path.exists():
        try:
            known = json.loads(info_path.read_text(encoding="utf-8"))
        except ValueError:
            known = None
        if not isinstance(known, dict):
            raise ValueError(f"{info_path} is no JSON object: repair it, or give another folder.")
    columns = {"messages": "messages", "images": "images"}
    entry = {"file_name": path.name, "formatting": "sharegpt", "columns": columns, "tags": _TAGS}
    write_json(info_path, {**known, path.stem: entry})
