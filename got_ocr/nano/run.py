"""Read the tiers' pictures with several processes and keep the answers as JSON lines, so that a stopped run goes on.

A file a reader and tier: `<folder>/<reader>/<tier>.jsonl`, one answer a line, in the order in which they came. Each
answer names the check sum of its pictures: answers to other pictures (other fonts or text)
are read anew.
"""

import io
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from PIL import Image

from got_ocr.nano.materials import Materials
from got_ocr.nano.pictures import Question
from got_ocr.nano.tiers import Tier, find_tiers

TESSERACT_TIMEOUT_S = 300.0
CHECKED_PICTURES = 3  # of a tier that has been read, to tell whether they are still drawn the same


@dataclass(frozen=True)
class Answer:
    """A reader's answer to a question.

    Attributes:
        number: the question's in its tier.
        picture: check sum of its pictures and its region.
        texts: the truth of each page.
        answer: what was read.
        reason: how the answer ended (`stop`, `length`, `repetition`, or `error`).
        cut_slices: slices of the picture whose answer hit the length limit or looped.
        slices: all slices.
        cpu_s: seconds of one core that reading took.
        error: why there is no answer, or empty.
        facts: how the picture was drawn.
    """

    number: int
    picture: int
    texts: list[str]
    answer: str
    reason: str = "stop"
    cut_slices: int = 0
    slices: int = 0
    cpu_s: float = 0.0
    error: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


class Reader(Protocol):
    """Reads pictures."""

    def read(self, tier: Tier, question: Question) -> dict[str, Any]:
        """Read a question's pictures.

        Args:
            tier: where the question is from.
            question: what to read.

        Returns:
            Fields of `Answer`: `answer`, `cpu_s`, and what else the reader knows.
        """


class ModelReader:
    """A checkpoint, read with as users read: `model.chat`, one picture or document a call, one thread."""

    def __init__(self, checkpoint: Path) -> None:
        """Load model and processor.

        Args:
            checkpoint: its folder.
        """
        import torch

        from got_ocr.processing.processor import GotOcrProcessor
        from got_ocr.reading.model import GotOcrForConditionalGeneration

        torch.set_num_threads(1)
        self.model = GotOcrForConditionalGeneration.from_pretrained(checkpoint).eval()
        self.processor = GotOcrProcessor.from_pretrained(checkpoint)

    def read(self, tier: Tier, question: Question) -> dict[str, Any]:
        """Read a question's pictures; see `Reader`."""
        options: dict[str, Any] = {"return_dict": True, "slice_pages": None if tier.sliced else False}
        if tier.measure == "markdown":
            options["ocr_type"] = "format"
        if question.color:
            options["ocr_color"] = question.color
        elif question.box:
            options["ocr_box"] = question.box
        several = len(question.pages) > 1
        pictures = list(question.pages) if several else question.pages[0]
        begun = time.process_time()
        try:
            answer = self.model.chat(self.processor, pictures, multi_page=several, **options)
        except ValueError as error:  # such as a frame that wasn't found
            seconds = time.process_time() - begun
            return {"answer": "", "reason": "error", "error": str(error), "cpu_s": seconds}
        return {
            "answer": answer["text"],
            "reason": answer["finish_reason"],
            "slices": len(answer["slices"]),
            "cut_slices": sum(part["finish_reason"] != "stop" for part in answer["slices"]),
            "cpu_s": time.process_time() - begun,
        }


class TesseractReader:
    """An installed Tesseract, one process a picture, one thread. Regions are cut out for it, frames left off."""

    def __init__(self) -> None:
        """Find the program.

        Raises:
            ValueError: it isn't installed.
        """
        program = shutil.which("tesseract")
        if program is None:
            raise ValueError("tesseract is not installed: apt-get install tesseract-ocr, or leave out --tesseract")
        self.program = program
        self.environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}

    def read(self, tier: Tier, question: Question) -> dict[str, Any]:
        """Read a question's pictures; see `Reader`."""
        texts = []
        before = os.times()
        for page in question.pages:
            buffer = io.BytesIO()
            (page.crop(question.box) if question.box else page).save(buffer, "PNG", compress_level=1)
            command = [self.program, "stdin", "stdout", "--psm", str(tier.page_segmentation), "-l", "eng"]
            done = subprocess.run(
                command,
                input=buffer.getvalue(),
                capture_output=True,
                env=self.environment,
                timeout=TESSERACT_TIMEOUT_S,
                check=True,
            )
            texts.append(done.stdout.decode("utf-8", "replace").strip())
        after = os.times()
        seconds = after.children_user + after.children_system - before.children_user - before.children_system
        return {"answer": "\n".join(texts).strip(), "cpu_s": seconds}


def picture_sum(question: Question) -> int:
    """Sum up what a question shows and asks, to tell whether two answers are to the same."""
    total = zlib.crc32(repr((question.box, question.color)).encode())
    for page in question.pages:
        total = zlib.crc32(page.tobytes(), zlib.crc32(repr(page.size).encode(), total))
    return total


def ask(
    tier: Tier, materials: Materials, readers: dict[str, Reader], number: int, known: dict[str, int]
) -> dict[str, Answer]:
    """Draw a question and have it read by all readers that don't know its pictures yet.

    Args:
        tier: the question's.
        materials: fonts and text.
        readers: by name.
        number: the question's.
        known: check sum of the pictures that a reader has answered already, by its name.

    Returns:
        `Answer` by the reader's name, for those that had to read.
    """
    question = tier.question(materials, number)
    picture = picture_sum(question)
    answers = {}
    for name, reader in readers.items():
        if known.get(name) != picture and can_read(name, tier):
            fields = {"texts": list(question.texts), "facts": dict(question.facts), **reader.read(tier, question)}
            answers[name] = Answer(number=number, picture=picture, **fields)
    return answers


def can_read(reader: str, tier: Tier) -> bool:
    """Whether a reader can answer a tier's questions: Tesseract writes no Mathpix Markdown."""
    return reader != "tesseract" or tier.measure != "markdown"


def answers_file(folder: Path, reader: str, tier: Tier) -> Path:
    """Tell where a reader's answers to a tier lie."""
    return folder / reader / f"{tier.key}.jsonl"


def load_answers(path: Path) -> dict[int, Answer]:
    """Read answers; of several to one question the last holds, and a line that was cut by a kill doesn't count.

    Args:
        path: of the file; it may not exist.

    Returns:
        Answers by number.
    """
    answers: dict[int, Answer] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            answer = Answer(**json.loads(line))
        except (ValueError, TypeError):  # cut, or of an earlier form
            continue
        answers[answer.number] = answer
    return answers


@dataclass(frozen=True)
class Job:
    """What to read with what; small, so that it goes to every process.

    Attributes:
        checkpoint: folder of the model.
        config: the training configuration's file.
        corpus: prose of the evaluation.
        readers: `nano`, `tesseract` or both, with the folder's name for each.
        uw3: folder of real scanned lines, or None.
    """

    checkpoint: Path
    config: Path
    corpus: Path
    readers: dict[str, str]
    uw3: Path | None = None

    def materials(self) -> Materials:
        """Load fonts and text."""
        from got_ocr.nano.config import NanoTrainingConfig

        return Materials(NanoTrainingConfig.read(self.config), self.corpus, self.uw3)

    def load_readers(self) -> dict[str, Reader]:
        """Load the readers."""
        makers: dict[str, Callable[[], Reader]] = {
            "nano": lambda: ModelReader(self.checkpoint),
            "tesseract": TesseractReader,
        }
        return {folder: makers[name]() for name, folder in self.readers.items()}


def run_job(
    job: Job,
    tiers: Sequence[Tier],
    counts: dict[str, int],
    folder: Path,
    processes: int,
    on_tier: Callable[[Tier], None],
) -> None:
    """Read what has not been read yet.

    Args:
        job: with what.
        tiers: what, in order.
        counts: pictures by the tier's key.
        folder: where the answers are kept.
        processes: how many at a time, each with one thread.
        on_tier: called when a tier is complete.
    """
    # Children inherit these: one thread each, or two processes fight for the cores.
    os.environ["OMP_NUM_THREADS"] = os.environ["OMP_THREAD_LIMIT"] = os.environ["MKL_NUM_THREADS"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes, _begin, (job,)) as pool:
        for tier in tiers:
            _run_tier(job, tier, counts[tier.key], folder, lambda tasks: pool.imap_unordered(_work, tasks))
            on_tier(tier)
        pool.close()
        pool.join()


_Task = tuple[str, int, dict[str, int]]


def _run_tier(
    job: Job, tier: Tier, count: int, folder: Path, work: Callable[[Sequence[_Task]], Iterator[dict[str, Answer]]]
) -> None:
    paths = {
        reader: answers_file(folder, reader, tier) for name, reader in job.readers.items() if can_read(name, tier)
    }
    done = {reader: load_answers(path) for reader, path in paths.items()}
    tasks: list[_Task] = []
    for number in range(count):
        known = {reader: answers[number].picture for reader, answers in done.items() if number in answers}
        tasks.append((tier.key, number, known))
    missing = [task for task in tasks if len(task[2]) < len(paths)]
    if not missing:
        # Where a few pictures are still the same, all are; else the drawing or its fonts have changed.
        if not any(work(tasks[:CHECKED_PICTURES])):
            sys.stderr.write(f"{tier.key}: {count} pictures, all read before\n")
            return
        missing = tasks
    begun, files = time.monotonic(), {}
    for reader, path in paths.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        _end_line(path)
        files[reader] = path.open("a", encoding="utf-8")
    try:
        for place, answers in enumerate(work(missing), 1):
            for reader, answer in answers.items():
                files[reader].write(json.dumps(asdict(answer), ensure_ascii=False) + "\n")
                files[reader].flush()
            if place % max(1, len(missing) // 20) == 0 or place == len(missing):
                rate = place / (time.monotonic() - begun)
                left = (len(missing) - place) / rate
                sys.stderr.write(f"\r{tier.key}: {place} of {len(missing)} pictures, {left:.0f} s left   ")
                sys.stderr.flush()
    finally:
        for file in files.values():
            file.close()
    sys.stderr.write("\n")


def _end_line(path: Path) -> None:
    """Close a line that was cut by a kill, so that the next answer stands on its own."""
    if path.exists() and path.stat().st_size and path.read_bytes()[-1:] != b"\n":
        with path.open("a", encoding="utf-8") as file:
            file.write("\n")


_materials: Materials
_readers: dict[str, Reader]


def _begin(job: Job) -> None:
    """Load what a process needs, once."""
    global _materials, _readers
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    _materials, _readers = job.materials(), job.load_readers()


def _work(task: _Task) -> dict[str, Answer]:
    key, number, known = task
    return ask(find_tiers([key])[0], _materials, _readers, number, known)


def save_pictures(tier: Tier, materials: Materials, numbers: Sequence[int], folder: Path) -> list[Path]:
    """Draw questions again and write their pictures, a file a page.

    Args:
        tier: the questions'.
        materials: fonts and text.
        numbers: the questions'.
        folder: where to.

    Returns:
        The first page's file of each.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number in numbers:
        pages: Sequence[Image.Image] = tier.question(materials, number).pages
        paths = [folder / f"{tier.key}-{number:04d}{f'-{page + 1}' if page else ''}.png" for page in range(len(pages))]
        for path, page in zip(paths, pages, strict=True):
            page.save(path)
        files.append(paths[0])
    return files
