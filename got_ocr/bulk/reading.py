"""From pages' pictures to rows: the stage whose workers hold a model each."""

import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Protocol

import pyarrow as pa
from PIL import Image

from ..layout.orientation import turn_clockwise
from ..processing.options import printable
from ..reading.answer import GotOcrAnswer
from .answers import Identity, row_of_answer, row_without_reading
from .drawing import poison_line
from .failures import MODEL, POISON, TIME
from .ledger import LedgerClient
from .options import BulkOptions, Workers
from .rows import ROWS, make_table

STAGE = "read"
DEFAULT_BATCH_SIZE = 4
VLLM_BATCH_SIZE = 64  # Pages that are handed over together; vLLM adds and drops them as they come and end.
GRACE_S = 30.0  # What a page gets beyond its time until its worker, which does not listen, is ended.
LYING_TURNS = (90, 270)  # Degrees clockwise that bring a page on its side upright: the surer reading tells which.

logger = logging.getLogger(__name__)


class PageReader(Protocol):
    """Reads pictures.

    Attributes:
        batch_size: How many it reads at once.
    """

    batch_size: int

    def read(self, images: Sequence[Image.Image], stop: threading.Event) -> list[GotOcrAnswer]:
        """Read pictures; answers end where they are when `stop` is set."""


class ModelReader:
    """Our own `Reader` on torch, numpy or vLLM, whichever the options name.

    Args:
        options: What the job is told.
        workers: How this worker reads.

    Attributes:
        batch_size: Pages it reads at once.
        turns_by_itself: Whether it turns pages that stand on their side.
    """

    def __init__(self, options: BulkOptions, workers: Workers) -> None:
        self._options = options
        load = _load_vllm if options.engine == "vllm" else _load
        self._model, self._processor = load(options, workers)
        self._calls_at_once: int = getattr(self._model, "calls_at_once", 1)
        on_cpu = str(self._model.device).startswith("cpu")
        usual = VLLM_BATCH_SIZE if options.engine == "vllm" else 1 if on_cpu else DEFAULT_BATCH_SIZE
        self.turns_by_itself = options.mode.is_sliced(bool(self._model.config.slicing))
        # Pages that are cut are read one after the other: each is a batch of slices by itself.
        self.batch_size = self._calls_at_once if self.turns_by_itself else workers.batch_size or usual
        self._at_once = workers.batch_size or max(usual, DEFAULT_BATCH_SIZE)

    def read(self, images: Sequence[Image.Image], stop: threading.Event) -> list[GotOcrAnswer]:
        """Read pictures in one batch, or side by side where each is a batch and the engine takes several."""
        if not self.turns_by_itself or len(images) == 1:
            return self._read(list(images), stop)
        with ThreadPoolExecutor(self._calls_at_once) as threads:
            return list(threads.map(lambda image: self._read([image], stop)[0], images))

    def _read(self, images: list[Image.Image], stop: threading.Event) -> list[GotOcrAnswer]:
        options = self._options
        answers: list[GotOcrAnswer] = self._model.read(
            self._processor,
            images,
            mode=options.mode,
            max_new_tokens=options.max_new_tokens,
            batch_size=self._at_once,
            stop_event=stop,
            line_boxes=options.line_boxes,
        )
        return answers

    def device_state(self) -> dict[str, Any] | None:
        """Tell what a GPU does; None without one, or where its driver's library is not installed."""
        if not str(self._model.device).startswith("cuda"):
            return None
        import torch

        device = torch.device(self._model.device)
        state = {"name": torch.cuda.get_device_name(device)}
        with contextlib.suppress(Exception):  # Needs nvidia-ml-py, and drivers differ.
            state |= {"busy_percent": torch.cuda.utilization(device)}
            free, total = torch.cuda.mem_get_info(device)
            state |= {"memory_bytes": total - free}
        return state


def _load(options: BulkOptions, workers: Workers) -> tuple[Any, Any]:
    """Load the model, by torch or numpy. Returns: it, and its processor."""
    from ..hub.model_choice import ModelChoice, load_model_for

    choice = ModelChoice(options.model, "")
    loaded = load_model_for(choice, options.mode, workers.device, options.dtype, options.engine, show_downloads=False)
    if workers.cpus and "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(max(1, int(workers.cpus)))
    return loaded


def _load_vllm(options: BulkOptions, workers: Workers) -> tuple[Any, Any]:
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    from ..reading.engine_model import EngineModel
    from ..serving.vllm.engine import VllmEngine

    engine = VllmEngine(options.model, options.dtype)
    return EngineModel(engine), engine.processor


@dataclass(frozen=True)
class _Page:
    """A page to read: a row of what was drawn, and its picture."""

    row: Mapping[str, Any]
    image: Image.Image


class ReadingWorker:
    """Reads pages; the stage of the pipeline that a worker is.

    Args:
        options: What the job is told.
        workers: How workers read.
        identity: What rows say of the model.
        ledger: The job's ledger; None where nobody counts.
        load_reader: Makes what reads; None for our own `Reader`.
    """

    def __init__(
        self,
        options: BulkOptions,
        workers: Workers,
        identity: Identity,
        ledger: Any = None,
        load_reader: Callable[[BulkOptions, Workers], PageReader] | None = None,
    ) -> None:
        self._options = options
        self._workers = workers
        self._identity = identity
        self._ledger = None if ledger is None else LedgerClient(ledger, STAGE)
        self._reader = (load_reader or ModelReader)(options, workers)

    def __call__(self, batch: pa.Table) -> Iterator[pa.Table]:
        """Make a row of each page."""
        waiting: list[_Page] = []
        for row in batch.to_pylist():
            if row["pixels"] is None:
                yield self._finish([row_without_reading(row, self._options, self._identity)])
                continue
            waiting.append(_Page(row, Image.frombytes("RGB", (row["width_px"], row["height_px"]), row["pixels"])))
            if len(waiting) >= self._reader.batch_size:
                yield self._finish(self._read(waiting))
                waiting = []
        if waiting:
            yield self._finish(self._read(waiting))

    def _finish(self, rows: list[dict[str, Any]]) -> pa.Table:
        if self._ledger is not None:
            kinds: dict[str, int] = {}
            for row in rows:
                if row["error_kind"] is not None:
                    kinds[row["error_kind"]] = kinds.get(row["error_kind"], 0) + 1
            done = {"pages": len(rows), "tokens": sum(row["num_tokens"] for row in rows), "failures": kinds}
            look = getattr(self._reader, "device_state", None)
            self._ledger.count(done, look() if look is not None else None)
        return make_table(rows, ROWS)

    def _read(self, pages: list[_Page]) -> list[dict[str, Any]]:
        """Read pages together, but those over which workers died each by itself, and these only so often."""
        if self._ledger is None:
            return self._read_batch(pages)
        names = [page.row["id"] for page in pages]
        deaths = dict(zip(names, self._ledger.begin(names), strict=True))
        suspects = [page for page in pages if deaths[page.row["id"]]]
        rows: dict[str, dict[str, Any]] = {}
        try:
            if suspects:
                self._ledger.end([page.row["id"] for page in suspects])
            trusted = [page for page in pages if not deaths[page.row["id"]]]
            rows |= {row["id"]: row for row in self._read_batch(trusted)} if trusted else {}
            for page in suspects:
                rows[page.row["id"]] = self._read_suspect(page, deaths[page.row["id"]])
        finally:
            self._ledger.end(names)
        return [rows[name] for name in names]

    def _read_suspect(self, page: _Page, deaths: int) -> dict[str, Any]:
        name = page.row["id"]
        if deaths >= self._workers.poison_after:
            line = poison_line(printable(page.row["source"]), deaths, "read")
            return self._fail(page, line, POISON)
        if self._ledger is None:
            return self._read_batch([page])[0]
        self._ledger.begin([name])
        try:
            return self._read_batch([page])[0]
        finally:
            self._ledger.end([name])

    def _read_batch(self, pages: list[_Page]) -> list[dict[str, Any]]:
        """Read pages together; where that fails or lasts too long, each by itself."""
        start = time.perf_counter()
        limit_s = self._workers.read_timeout_s
        try:
            with _Alarm(limit_s) as alarm:
                answers = self._read_upright(pages, alarm.stop)
        except Exception as error:  # A foreign checkpoint can fail in any way.
            _free_memory()
            if len(pages) > 1:
                return [row for page in pages for row in self._read_batch([page])]
            reason = " ".join(str(error).split()) or type(error).__name__
            line = f"{printable(pages[0].row['source'])}: the model fails over it: {reason[:300]}"
            return [self._fail(pages[0], line, "memory" if isinstance(error, MemoryError) else MODEL)]
        if alarm.stop.is_set():
            if len(pages) > 1:
                return [row for page in pages for row in self._read_batch([page])]
            line = (
                f"{printable(pages[0].row['source'])}: the model takes longer than {limit_s:g} seconds: "
                "raise --read-timeout, or lower --max-new-tokens."
            )
            return [self._fail(pages[0], line, TIME)]
        seconds = (time.perf_counter() - start) / len(pages)
        return [
            row_of_answer(page.row, answer, seconds, self._options, self._identity, page.image)
            for page, answer in zip(pages, answers, strict=True)
        ]

    def _read_upright(self, pages: list[_Page], stop: threading.Event) -> list[GotOcrAnswer]:
        """Read pages, those on their side in both ways that they may stand."""
        if getattr(self._reader, "turns_by_itself", False) or not any(page.row["turned_deg"] for page in pages):
            return self._reader.read([page.image for page in pages], stop)
        answers = []
        for page in pages:
            turns = LYING_TURNS if page.row["turned_deg"] else (0,)
            read = [
                replace(self._reader.read([turn_clockwise(page.image, turn)], stop)[0], rotations=(turn,))
                for turn in turns
            ]
            answers.append(max(read, key=lambda answer: answer.mean_probability or 0.0))
        return answers

    def _fail(self, page: _Page, error: str, kind: str) -> dict[str, Any]:
        return row_without_reading({**page.row, "error": error, "error_kind": kind}, self._options, self._identity)


class _Alarm:
    """Stops reading when its time is up, and ends the process where that does not listen.

    Args:
        limit_s: The time.
    """

    def __init__(self, limit_s: float) -> None:
        self.stop = threading.Event()
        self._over = threading.Event()
        self._limit_s = limit_s

    def __enter__(self) -> "_Alarm":
        threading.Thread(target=self._watch, name="got-ocr-bulk-alarm", daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()

    def _watch(self) -> None:
        if self._over.wait(self._limit_s):
            return
        self.stop.set()
        if not self._over.wait(GRACE_S):
            # Ray starts another worker; the ledger knows over which page this one ended.
            os._exit(1)


def _free_memory() -> None:
    if "torch" in sys.modules and sys.modules["torch"].cuda.is_available():
        sys.modules["torch"].cuda.empty_cache()
