"""One run of reading: pages in, records out."""

import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from . import exit_codes
from .exit_codes import one_line
from .identity import PageKey, PageKeys
from .output import Output, PageName, PageRecord, StreamOutput
from .progress import Progress

if TYPE_CHECKING:
    from ..processing.mode import Mode
    from ..processing.options import PageError, SourceOptions
    from ..processing.pages import FoundPage, Page

DEFAULT_BATCH_SIZE = 4
LEAST_TIME_S = 0.001  # Of a page whose time was taken by loading it.
MOST_COUNTED_PAGES = 10_000  # A bar is no reason to hold more found pages in memory.


@dataclass(frozen=True)
class JobOptions:
    """What a run is to do.

    Attributes:
        inputs: What :func:`find_pages` takes.
        sources: How pages are found and loaded.
        mode: What is read, and how.
        max_new_tokens: Longest answer.
        batch_size: Pages at once; None chooses.
        stream: Whether text is written as it comes.
        retry_failed: Whether pages that broke a limit in an earlier run are tried again.
        is_part_of: (rank, number of runs) where other runs read the other pages.
        page_timeout_s: Seconds a page may take altogether; None: any time.
        write_as: Makes of a page what is written as its text; None: the text as the model wrote it.
        draft: Whether the built-in model reads first.
        line_boxes: Whether the boxes of lines are wanted.
    """

    inputs: list[Any]
    sources: "SourceOptions"
    mode: "Mode"
    max_new_tokens: int
    batch_size: int | None = None
    stream: bool = False
    retry_failed: bool = False
    is_part_of: tuple[int, int] = (0, 1)
    page_timeout_s: float | None = None
    write_as: Callable[[PageRecord], str] | None = None
    draft: bool = False
    line_boxes: bool = False


@dataclass(frozen=True)
class _Item:
    """A page on its way: loaded, or what became of it."""

    name: PageName
    key: PageKey
    is_skipped: bool = False
    page: "Page | None" = None
    record: PageRecord | None = None
    seconds: float = 0.0  # That loading it took.


@dataclass
class ReadingJob:
    """Reads pages and writes what was read.

    Attributes:
        options: What to do.
        output: Where records go.
        progress: Where notices go.
        load: Gives models with their processors, one a device; called for the first page that can be had.
        keys: Makes the pages' keys; None where nothing is kept.
        skip: Says of a page whether it need not be read at all.
        on_record: Called with each page that was read, now or earlier, and each that failed, in order.
    """

    options: JobOptions
    output: Output
    progress: Progress
    load: Callable[[], list[tuple[Any, Any]]]
    keys: PageKeys | None = None
    skip: "Callable[[FoundPage], bool]" = lambda found: False
    on_record: "Callable[[PageRecord, Page | None], None]" = lambda record, page: None
    num_read: int = 0
    num_failed: int = 0
    num_skipped: int = 0
    num_given_up: int = 0
    _readers: list[tuple[Any, Any]] = field(default_factory=list)
    _pending: "deque[tuple[list[_Item], Future[list[PageRecord]]]]" = field(default_factory=deque)
    _threads: ThreadPoolExecutor | None = None
    _free: "SimpleQueue[tuple[Any, Any]]" = field(default_factory=SimpleQueue)

    @property
    def exit_code(self) -> int:
        """By what became of the pages."""
        if not self.num_failed and not self.num_given_up:
            return exit_codes.OK
        return exit_codes.SOME_PAGES_FAILED if self.num_read or self.num_skipped else exit_codes.NO_PAGE_READ

    def run(self) -> None:
        """Read everything."""
        found_pages = self._find()
        if self.options.mode.multi_page:
            self._read_together(list(found_pages))
            return
        # Pages, failures and pages that are there already wait together, so that records come in the pages' order.
        waiting: list[_Item] = []
        try:
            for found in found_pages:
                if self.skip(found):
                    self.progress.advance()
                    continue
                waiting.append(self._take(found))
                num_pages = sum(item.page is not None for item in waiting)
                if num_pages == 0 or num_pages >= self._pages_at_once:
                    self._read_waiting(waiting)
                    waiting = []
            self._read_waiting(waiting)
            while self._pending:
                self._deliver_oldest()
        finally:
            if self._threads is not None:
                self._threads.shutdown(wait=False, cancel_futures=True)

    def _find(self) -> "Iterator[FoundPage]":
        from ..processing.pages import find_pages

        found = find_pages(self.options.inputs, self.options.sources, known_failure=self._known_failure)
        rank, num_runs = self.options.is_part_of
        mine = (page for page in found if page.index % num_runs == rank)
        if not self.progress.shows_bar or not all(_is_here(source) for source in self.options.inputs):
            return mine
        counted: list[FoundPage] = []
        for page in mine:
            counted.append(page)
            if len(counted) >= MOST_COUNTED_PAGES:
                return _chain(counted, mine)
        self.progress.total = len(counted)
        return iter(counted)

    def _known_failure(self, source: str, data: "Path | bytes") -> "PageError | None":
        from ..processing.options import PageError

        if self.keys is None or self.options.retry_failed:
            return None
        record = self.output.failure(self.keys.of_failed(source, data))
        return None if record is None else PageError(str(record.error), record.limit)

    def _take(self, found: "FoundPage") -> _Item:
        """Look whether a page is there already, and load it else."""
        from ..processing.options import PageError

        name = PageName(found.source, found.number, is_document=found.name != found.source)
        key = self.keys.of(found) if self.keys is not None else PageKey()
        if self.output.has(key):
            return _Item(name, key, is_skipped=True)
        failure = None if self.options.retry_failed else self.output.failure(key)
        if failure is not None:
            record = replace(failure, input=found.source, page=found.number)
            return _Item(name, key, is_skipped=True, record=record)
        start = time.monotonic()
        try:
            page = found.load()
            return _Item(name, key, page=page, seconds=time.monotonic() - start)
        except PageError as error:
            record = PageRecord(found.source, found.number, error=str(error), limit=error.limit)
            return _Item(name, key, record=record)

    def _load_readers(self) -> list[tuple[Any, Any]]:
        if not self._readers:
            self._readers = self.load()
            if len(self._readers) > 1:
                self._threads = ThreadPoolExecutor(len(self._readers), thread_name_prefix="got-ocr-device")
                for reader in self._readers:
                    self._free.put(reader)
        return self._readers

    @property
    def _model(self) -> Any:
        return self._load_readers()[0][0]

    @property
    def _is_sliced(self) -> bool:
        return self.options.mode.is_sliced(bool(self._model.config.slicing))

    @property
    def _batch_size(self) -> int:
        if self.options.batch_size:
            return self.options.batch_size
        on_cpu = str(self._model.device).startswith("cpu")
        return 1 if on_cpu and not self._is_sliced else DEFAULT_BATCH_SIZE

    @property
    def _pages_at_once(self) -> int:
        """Pages a call of the model gets: one, where it would read them one after the other anyway."""
        return 1 if self._is_sliced or self.options.stream else self._batch_size

    def _read_waiting(self, waiting: list[_Item]) -> None:
        pages = [item.page for item in waiting if item.page is not None]
        if pages:
            readers = self._load_readers()
            spent_s = sum(item.seconds for item in waiting)
            if self._threads is not None:
                self._pending.append((waiting, self._threads.submit(self._read_by_any, pages, spent_s)))
                if len(self._pending) > len(readers):  # One more waits, so that no device does.
                    self._deliver_oldest()
                return
            self._deliver_all(waiting, self._read_pages(pages, readers[0], spent_s))
        elif self._pending:
            done: Future[list[PageRecord]] = Future()
            done.set_result([])
            self._pending.append((waiting, done))
        else:
            self._deliver_all(waiting, [])

    def _read_by_any(self, pages: "list[Page]", spent_s: float) -> list[PageRecord]:
        """Read a batch by the device that is free."""
        reader = self._free.get()
        try:
            return self._read_pages(pages, reader, spent_s)
        finally:
            self._free.put(reader)

    def _deliver_oldest(self) -> None:
        waiting, records = self._pending.popleft()
        self._deliver_all(waiting, records.result())

    def _deliver_all(self, waiting: list[_Item], records: list[PageRecord]) -> None:
        read = iter(records)
        for item in waiting:
            self._deliver(item, item.record if item.page is None else next(read))

    def _read_pages(self, pages: "list[Page]", reader: tuple[Any, Any], spent_s: float = 0.0) -> list[PageRecord]:
        """Read a batch; where that fails, each page by itself, so that one page's trouble stays its own."""
        start = time.perf_counter()
        try:
            answers = self._read([page.image for page in pages], reader, self._time_left(len(pages), spent_s))
        except Exception as error:  # A foreign checkpoint can fail in any way; what is not its page's is said so.
            _free_memory()
            if len(pages) > 1:
                return [record for page in pages for record in self._read_pages([page], reader)]
            return [PageRecord(page.source, page.number, error=describe_trouble(page.name, error)) for page in pages]
        seconds = (time.perf_counter() - start) / len(pages)
        return [
            replace(self._record(page.source, page.number, page.name, answer, seconds), size=page.image.size)
            for page, answer in zip(pages, answers, strict=True)
        ]

    def _time_left(self, num_pages: int, spent_s: float) -> float | None:
        """Seconds that each of some pages has, of which loading them took some."""
        limit_s = self.options.page_timeout_s
        return None if limit_s is None else max(limit_s - spent_s / num_pages, LEAST_TIME_S)

    def _read(self, images: Any, reader: tuple[Any, Any], page_timeout_s: float | None) -> list[Any]:
        """Call the model."""
        stream = self.output if self.options.stream and isinstance(self.output, StreamOutput) else None
        if stream is not None:
            stream.begin_page()
        model, processor = reader
        answers: list[Any] = model.read(
            processor,
            images,
            mode=self.options.mode,
            max_new_tokens=self.options.max_new_tokens,
            batch_size=self._batch_size,
            on_text=stream.write_piece if stream is not None else None,
            draft=self.options.draft or None,
            page_timeout_s=page_timeout_s,
            line_boxes=self.options.line_boxes,
        )
        if stream is not None:
            stream.write_piece("\n")
        return answers

    def _record(self, source: Any, number: int | None, name: str, answer: Any, seconds: float) -> PageRecord:
        if answer.error is None and answer.finish_reason == "length":
            self.progress.notice(f"{name}: cut at {self.options.max_new_tokens} tokens (--max-new-tokens).")
        elif answer.error is None and answer.finish_reason == "repetition":
            self.progress.notice(f"{name}: the model fell into a loop, which was cut.")
        return PageRecord(
            source,
            number,
            answer.text,
            answer.finish_reason,
            answer.num_tokens,
            answer.mean_probability,
            answer.min_probability,
            seconds,
            self._say_late(name) if answer.limit == "time" else answer.error,
            answer.limit,
            answer.lines,
        )

    def _say_late(self, name: str) -> str:
        from ..processing.options import late_trouble, printable

        return f"{printable(name)}: {late_trouble(self.options.page_timeout_s, self.options.sources)}"

    def _deliver(self, item: _Item, record: PageRecord | None) -> None:
        """Write a record, count it, and say what went wrong."""
        if item.is_skipped:
            self._deliver_skipped(item)
        elif record is not None:
            if record.error is None:
                self.num_read += 1
            else:
                self.num_failed += 1
                self.progress.error(f"error: {record.error}")
            if not self.options.stream:
                written = record
                if self.options.write_as is not None and record.error is None:
                    written = replace(record, text=self.options.write_as(record))
                with self.progress.paused():
                    self.output.write(written, item.name, item.key)
            while self.output.notices:
                self.progress.notice(self.output.notices.pop(0))
            self.on_record(record, item.page)
        self.progress.advance()

    def _deliver_skipped(self, item: _Item) -> None:
        if item.record is not None:
            self.num_given_up += 1
            self.on_record(item.record, None)
            return
        self.num_skipped += 1
        earlier = self.output.read_back(item.key)
        if earlier is not None:
            self.on_record(replace(earlier, input=item.name.source, page=item.name.number), None)

    def _read_together(self, found_pages: "list[FoundPage]") -> None:
        """Read all pages as one document."""
        from ..processing.options import PageError

        key = self.keys.of_all(found_pages) if self.keys is not None else PageKey()
        if self.output.has(key):
            self.num_skipped += len(found_pages)
            return
        pages: list[Page] = []
        for found in found_pages:
            try:
                pages.append(found.load())
            except PageError as error:
                record = PageRecord(found.source, found.number, error=str(error), limit=error.limit)
                name = PageName(found.source, found.number, is_document=found.name != found.source)
                self._deliver(_Item(name, self.keys.of(found) if self.keys else PageKey()), record)
        if not pages:
            return
        sources = list(dict.fromkeys(page.source for page in pages))
        reader = self._load_readers()[0]  # Loaded before the clock starts.
        start = time.perf_counter()
        try:
            answer = self._read([[page.image for page in pages]], reader, self._time_left(1, 0.0))[0]
        except Exception as error:  # As in `_read_pages`.
            record = PageRecord(sources, None, error=describe_trouble(f"{len(pages)} pages together", error))
        else:
            record = self._record(sources, None, pages[0].source, answer, time.perf_counter() - start)
        self._deliver(_Item(PageName(pages[0].source, 1, is_document=False), key), record)


def _is_here(source: Any) -> bool:
    """Whether finding the pages of an input twice costs little: a file or folder of this machine."""
    return isinstance(source, str) and Path(source).exists()


def _chain(first: "list[FoundPage]", rest: "Iterator[FoundPage]") -> "Iterator[FoundPage]":
    yield from first
    yield from rest


def describe_trouble(name: str, error: Exception) -> str:
    """Say in one line why a page could not be read."""
    text = one_line(error)
    said = text.lower()
    if isinstance(error, MemoryError) or any(words in said for words in ("out of memory", "can't allocate memory")):
        text = "not enough memory: lower --batch-size or --max-tiles, or try --device cpu."
    elif not isinstance(error, ValueError | RuntimeError):
        text = f"the model fails over it ({type(error).__name__}: {text}): is its folder whole and meant for GOT?"
    return f"{name}: {text}"


def _free_memory() -> None:
    """Give back what a failed batch held on a GPU."""
    if "torch" in sys.modules:
        import torch

        if torch.cuda.is_available():
            torch.cuda.empty_cache()
