"""The thread that reads: it takes pages that wait, as a batch where they go together, and gives back answers.

There is one, since a network computes for one at a time; an engine that takes several calls gets as many threads.
"""

import asyncio
import collections
import logging
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from PIL import Image

from ..processing.mode import Mode
from ..processing.options import SourceOptions
from ..reading.answer import GotOcrAnswer
from ..reading.options import ReadingHooks, ReadingOptions
from ..reading.reader import Reader
from .errors import ApiError
from .metrics import Metrics

logger = logging.getLogger(__name__)


class ReadingTask:
    """A document to read: a page, or several together.

    Args:
        pages: Upright RGB pictures.
        mode: What to read of them.
        max_new_tokens: Longest answer.
        on_text: Gets text as it comes, in the event loop; None to get the answer alone.
        line_boxes: Whether the boxes of lines are wanted.
    """

    def __init__(
        self,
        pages: Sequence[Image.Image],
        mode: Mode,
        max_new_tokens: int,
        on_text: Callable[[str], None] | None = None,
        line_boxes: bool = False,
    ) -> None:
        self.line_boxes = line_boxes
        self.pages = list(pages)
        self.mode = mode
        self.max_new_tokens = max_new_tokens
        self.on_text = on_text
        self.num_prompt_tokens = 0
        self.is_cancelled = False
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[GotOcrAnswer] = self.loop.create_future()

    def give_text(self, text: str) -> None:
        """Hand a piece of text on; called by the reading thread."""
        if self.on_text is not None and not self.is_cancelled:
            self._call(self.on_text, text)

    def finish(self, result: GotOcrAnswer | Exception) -> None:
        """Hand the answer on, or what went wrong; called by the reading thread."""
        self.pages = []
        self._call(self._settle, result)

    def _settle(self, result: GotOcrAnswer | Exception) -> None:
        if self.future.done():
            return
        if isinstance(result, Exception):
            self.future.set_exception(result)
        else:
            self.future.set_result(result)

    def _call(self, function: Callable[[Any], None], argument: Any) -> None:
        try:
            self.loop.call_soon_threadsafe(function, argument)
        except RuntimeError:  # The loop is closed: nobody waits any more.
            self.is_cancelled = True


class _AllCancelled(threading.Event):
    """Set once nobody waits for any task of a batch."""

    def __init__(self, tasks: Sequence[ReadingTask], thread: "ReadingThread") -> None:
        super().__init__()
        self._tasks = tasks
        self._thread = thread

    def is_set(self) -> bool:
        """Whether to stop."""
        return self._thread.is_closing or all(task.is_cancelled for task in self._tasks)


class ReadingThread:
    """Reads what waits.

    Args:
        model: The network, an engine in its place, or :class:`got_ocr.light.LightModel`.
        processor: The checkpoint's; None for a model that has its own.
        batch_size: Pages read at once.
        metrics: Where to count.
    """

    def __init__(self, model: Any, processor: Any, batch_size: int, metrics: Metrics) -> None:
        self._model = model
        self._processor = processor
        self._made_for_slices = bool(model.config.slicing)
        self._batch_size = batch_size
        self._metrics = metrics
        self._waiting: collections.deque[ReadingTask] = collections.deque()
        self._changed = threading.Condition()
        self.is_closing = False
        self._threads = [
            threading.Thread(target=self._run, name="got-ocr-reading", daemon=True)
            for _ in range(getattr(model, "calls_at_once", 1))
        ]

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return all(thread.is_alive() for thread in self._threads)

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    async def read(self, task: ReadingTask) -> GotOcrAnswer:
        """Have a document read; the caller's cancellation is the task's.

        Args:
            task: The document.

        Returns:
            The answer.

        Raises:
            ValueError: If the mode does not fit the pages.
        """
        with self._changed:
            if self.is_closing:
                raise ApiError(503, "the server is shutting down: try again soon.", retry_after_s=10)
            self._waiting.append(task)
            self._changed.notify()
        try:
            return await task.future
        except asyncio.CancelledError:
            task.is_cancelled = True
            raise

    def close(self, timeout_s: float = 10.0) -> None:
        """Stop reading and end the thread."""
        with self._changed:
            self.is_closing = True
            self._changed.notify_all()
        end = time.monotonic() + timeout_s
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, end - time.monotonic()))

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self.is_closing)
                if self.is_closing:
                    while self._waiting:
                        task = self._waiting.popleft()
                        task.finish(ApiError(503, "the server is shutting down: try again soon.", retry_after_s=10))
                    return
                batch = self._take_batch()
            if batch:
                self._read_batch(batch)
                del batch  # Pictures must not outlive their reading until the next request comes.

    def _take_batch(self) -> list[ReadingTask]:
        """Take the task that waits longest, and others that can be read in one go with it."""
        batch: list[ReadingTask] = []
        left: collections.deque[ReadingTask] = collections.deque()
        for task in self._waiting:
            if task.is_cancelled:
                task.finish(RuntimeError("cancelled"))
            elif not batch or (len(batch) < self._batch_size and self._go_together(batch[0], task)):
                batch.append(task)
            else:
                left.append(task)
        self._waiting = left
        return batch

    def _go_together(self, one: ReadingTask, other: ReadingTask) -> bool:
        # Text that streams comes from a batch of one. Slices of a page are a batch of their own, and a reader takes
        # sliced pages one after the other: by themselves each can be given up when its client goes.
        return one.max_new_tokens == other.max_new_tokens and all(
            task.on_text is None and not task.mode.is_sliced(self._made_for_slices) and not task.mode.multi_page
            for task in (one, other)
        )

    def _read_batch(self, batch: list[ReadingTask]) -> None:
        """Read tasks; where that fails, each by itself, so that one's trouble stays its own."""
        start = time.perf_counter()
        try:
            answers = self._read(batch)
        except Exception as error:
            _free_memory()
            if len(batch) > 1:
                for task in batch:
                    self._read_batch([task])
                return
            if not isinstance(error, ValueError):
                logger.exception("Reading failed.")
            batch[0].finish(error)
            return
        self._metrics.count_batch(len(batch), time.perf_counter() - start)
        for task, answer in zip(batch, answers, strict=True):
            task.finish(answer)

    def _read(self, batch: list[ReadingTask]) -> list[GotOcrAnswer]:
        longest = max(task.max_new_tokens for task in batch)
        boxes = any(task.line_boxes for task in batch)
        options = ReadingOptions(longest, self._batch_size, source=SourceOptions(spelled={}), line_boxes=boxes)
        has_own = self._processor is None
        reader = self._model.reader(options) if has_own else Reader(self._model, self._processor, options)
        rows: list[int] = []
        hooks = ReadingHooks(
            on_text=batch[0].give_text if batch[0].on_text is not None else None,
            stop_event=_AllCancelled(batch, self),
            on_prompts=rows.extend,
        )
        first = batch[0]
        images: Any = [first.pages] if first.mode.multi_page else [task.pages[0] for task in batch]
        answers = reader.read(images, [task.mode for task in batch], hooks)
        if len(batch) == 1:
            first.num_prompt_tokens = sum(rows)
        else:
            for task, count in zip(batch, rows, strict=True):
                task.num_prompt_tokens = count
        return answers


def _free_memory() -> None:
    """Give back what a failed batch held on a GPU."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
