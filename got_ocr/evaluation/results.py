"""Answers on disk: appended line by line as they come, so that nothing read is lost and a killed run goes on.

A run's folder holds
    run.json                              what is read and by whom; a run goes on only if it is the same
    results.part-00000-of-00002.jsonl     the answers of each process, one line each, forced to disk one by one
    results.json                          all answers in the order of the ground truth, in the published form
"""

import json
import logging
import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from glob import glob
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from filelock import FileLock, Timeout

from ..synthesis.output.files import naming
from .samples import Sample, read_json_list

logger = logging.getLogger(__name__)

MERGED = "results.json"
RUN = "run.json"
PART_PATTERN = "results.part-*.jsonl"


@dataclass(frozen=True)
class Result:
    """An answer, beside what was asked.

    Attributes:
        image: What the ground truth calls the picture.
        question: The question.
        label: What stands there.
        answer: What was read.
        index: Place in the ground truth, counted from 0; -1 where a file doesn't tell.
        error: Why there is no answer, or empty.
        finish_reason: `stop`, `length`, `repetition`, `error`, or empty where the engine doesn't tell.
        probability: Mean token probability, or None.
        seconds: How long it took, its share of the batch; None where a file doesn't tell.
        cpu_seconds: Likewise, time on all cores, that of programs which were called included.
        picture: Digest of the picture that was read, or empty.
    """

    image: str
    question: str
    label: str
    answer: str
    index: int = -1
    error: str = ""
    finish_reason: str = ""
    probability: float | None = None
    seconds: float | None = None
    cpu_seconds: float | None = None
    picture: str = ""

    @property
    def order(self) -> tuple[int, str, str, str, str]:
        """What results are sorted by: their place, else their content, so that no file's order matters."""
        return self.index, self.image, self.question, self.label, self.answer


def part_path(folder: Path, rank: int, world_size: int) -> Path:
    """Name the file to which a process appends."""
    return folder / f"results.part-{rank:05d}-of-{world_size:05d}.jsonl"


class ResultWriter:
    """Appends results to a JSONL file; each is on disk when `write` returns.

    A line cut off by a kill or a full disk is cut away when the file is opened again.

    Args:
        path: The file; made if there is none.

    Raises:
        ValueError: If another process writes to it now.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = FileLock(path.with_name(f".{path.name}.lock"))
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise ValueError(
                f"{path} is being written by another process: wait until it is done, give it a chunk of its own "
                "(--num-chunks, --chunk-index), or give another --output."
            ) from None
        self._file: IO[bytes] = open(path, "ab")  # noqa: SIM115 - closed by __exit__
        whole = _whole_length(path)
        if whole < path.stat().st_size:
            logger.warning("%s: its last line was cut off; it is read again", path)
            self._file.truncate(whole)
            self._file.seek(0, os.SEEK_END)

    def write(self, results: Iterable[Result]) -> None:
        """Append results and force them to disk."""
        lines = "".join(json.dumps(asdict(result), ensure_ascii=False) + "\n" for result in results)
        # Lone surrogates, which a hostile file may hold, are no UTF-8; JSON has an escape for them.
        try:
            data = lines.encode("utf-8")
        except UnicodeEncodeError:
            data = "".join(json.dumps(json.loads(line)) + "\n" for line in lines.splitlines()).encode("ascii")
        with naming(self._path):
            self._file.write(data)
            self._file.flush()
            os.fsync(self._file.fileno())

    def __enter__(self) -> "ResultWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with naming(self._path):
                self._file.close()
        finally:
            self._lock.release()


def _whole_length(path: Path) -> int:
    """Count the bytes up to the end of the last line that is complete and is JSON."""
    whole, length = 0, 0
    with open(path, "rb") as file:
        for line in file:
            length += len(line)
            if line.endswith(b"\n") and _is_record(line):
                whole = length
    return whole


def _is_record(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def read_parts(folder: Path) -> dict[int, Result]:
    """Read the answers that all processes of a run, of this and earlier starts, have written so far.

    Args:
        folder: The run's folder.

    Returns:
        Results by index. Lines that are cut off are passed over; of two answers to one sample the first file's
        (by name) first stands.
    """
    results: dict[int, Result] = {}
    for result in _iter_parts(folder):
        results.setdefault(result.index, result)
    return results


def read_current(folder: Path, samples: Iterable[Sample], digests: dict[int, str] | None = None) -> dict[int, Result]:
    """Read the answers to pictures that are still the same; what was read of a picture since replaced is left out.

    Args:
        folder: The run's folder.
        samples: All samples.
        digests: Of pictures by index, as far as they are known; those that are needed are added.

    Returns:
        Results by index.
    """
    by_index = {sample.index: sample for sample in samples}
    digests = {} if digests is None else digests
    results: dict[int, Result] = {}
    for result in _iter_parts(folder):
        sample = by_index.get(result.index)
        if sample is None or result.index in results:
            continue
        if result.index not in digests:
            digests[result.index] = sample.digest()
        if result.picture == digests[result.index]:
            results[result.index] = result
    return results


def _iter_parts(folder: Path) -> Iterator[Result]:
    for path in sorted(folder.glob(PART_PATTERN)):
        with open(path, "rb") as file:
            for line in file:
                if line.endswith(b"\n") and _is_record(line):
                    yield to_result(json.loads(line), str(path))


def to_result(record: dict[str, Any], where: str) -> Result:
    """Make a result of a record of ours, of the published scripts or of OneChart's.

    Args:
        record: `{"image", "question", "label", "answer"}` at least; `imagename` may stand for `image`, and `label`
            may lack where the truth comes from elsewhere.
        where: The file, for the message.

    Returns:
        The result.

    Raises:
        ValueError: If it has no `answer`.
    """
    if not isinstance(record, dict) or "answer" not in record:
        raise ValueError(f"{where}: a result needs at least 'image', 'label' and 'answer', got {str(record)[:200]}")
    return Result(
        image=str(record.get("image", record.get("imagename", ""))),
        question=_as_text(record.get("question")),
        label=_as_text(record.get("label")),
        answer=_as_text(record["answer"]),
        index=record["index"] if isinstance(record.get("index"), int) else -1,
        error=_as_text(record.get("error")),
        finish_reason=_as_text(record.get("finish_reason")),
        probability=_as_number(record.get("probability")),
        seconds=_as_number(record.get("seconds")),
        cpu_seconds=_as_number(record.get("cpu_seconds")),
        picture=_as_text(record.get("picture")),
    )


def _as_number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def load_results(patterns: Iterable[str]) -> list[Result]:
    """Read result files, ours or the published `results_*.json`, and merge them.

    Args:
        patterns: Files, patterns such as `out/results_*.json`, or folders of a run. The published merged file
            `results_final.json` is passed over where its parts are named with it by one pattern.

    Returns:
        The results in the ground truth's order, or sorted by content where files don't tell it; a sample answered
        twice (same place) once.

    Raises:
        FileNotFoundError: If a pattern matches nothing.
        ValueError: If a file holds something else.
    """
    results: list[Result] = []
    for path in _expand(patterns):
        results += [to_result(record, str(path)) for record in _read_records(path)]
    results.sort(key=lambda result: result.order)
    unique: list[Result] = []
    for result in results:
        if unique and result.index >= 0 and result.index == unique[-1].index and result.image == unique[-1].image:
            continue
        unique.append(result)
    return unique


def _read_records(path: Path) -> list[Any]:
    if path.suffix == ".jsonl":  # ours: the last line may be cut off
        with open(path, "rb") as file:
            return [json.loads(line) for line in file if line.endswith(b"\n") and _is_record(line)]
    return read_json_list(path)


def _expand(patterns: Iterable[str]) -> list[Path]:
    paths: dict[Path, None] = {}
    for pattern in patterns:
        if Path(pattern).is_dir():
            found = _in_folder(Path(pattern))
        elif Path(pattern).is_file():
            found = [Path(pattern)]
        else:
            found = [Path(name) for name in sorted(glob(pattern, recursive=True)) if Path(name).is_file()]
            if len(found) > 1:
                found = [path for path in found if path.name != "results_final.json"]
        if not found:
            raise FileNotFoundError(f"no result file matches {pattern}")
        paths.update(dict.fromkeys(path.resolve() for path in found))
    return list(paths)


def _in_folder(folder: Path) -> list[Path]:
    """Choose a run's files: the merged ones if there are, else the parts."""
    for names in (MERGED, "results_final.json", PART_PATTERN, "results_*.json"):
        if found := sorted(folder.glob(names)):
            return found
    return []


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that at every moment there is the old one or the whole new one."""
    temporary = path.with_name(path.name + f".{os.getpid()}.tmp")
    try:
        with naming(path):
            temporary.write_bytes(text.encode("utf-8", errors="replace"))
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_merged(folder: Path, results: Iterable[Result]) -> Path:
    """Write `results.json`: the published form, without what differs between runs that read the same (see parts)."""
    records = []
    for result in sorted(results, key=lambda result: result.order):
        record = asdict(result)
        del record["seconds"], record["cpu_seconds"], record["probability"], record["picture"]
        records.append(record)
    text = json.dumps(records, ensure_ascii=False, indent=1)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        text = json.dumps(records, indent=1)
    write_atomically(folder / MERGED, text + "\n")
    return folder / MERGED
