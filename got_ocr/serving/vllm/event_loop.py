"""An event loop in a thread of its own, for calls of threads that have none; it ends when it is told, in any state."""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

STOP_TIMEOUT_S = 5.0

_Result = TypeVar("_Result")


class EventLoopThread:
    """An event loop that runs in the background.

    Args:
        name: The thread's.
    """

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    @property
    def is_here(self) -> bool:
        """Whether the caller runs in this loop's thread."""
        return threading.current_thread() is self._thread

    def run(self, coroutine: Coroutine[Any, Any, _Result]) -> _Result:
        """Run something to its end, in the caller's context; an exception in the caller, as Ctrl-C, ends it."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def cancel_all(self) -> None:
        """End what still runs."""
        if self._thread.is_alive():
            cancelled = asyncio.run_coroutine_threadsafe(_cancel_tasks(), self._loop)
            with contextlib.suppress(TimeoutError):
                cancelled.result(STOP_TIMEOUT_S + 1)

    def stop(self) -> None:
        """End what still runs, then the thread; one that is stuck is left to the end of the process."""
        self.cancel_all()
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(STOP_TIMEOUT_S + 1)
        if not self._thread.is_alive():
            self._loop.close()


async def _cancel_tasks() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=STOP_TIMEOUT_S)


class Stoppable(Protocol):
    """What vLLM's engine is, to whoever ends it."""

    def shutdown(self, timeout: float | None = None) -> None:
        """End its processes."""


class RunningEngine:
    """vLLM's engine and the loop that it is used in, which end together.

    Args:
        llm: vLLM's engine.
        loop: Where it is used.

    Attributes:
        llm: The engine; None: it has ended. Nobody else keeps it, since it may not outlive Python's modules.
        loop: The loop.
    """

    def __init__(self, llm: Stoppable, loop: EventLoopThread) -> None:
        self.llm: Any = llm
        self.loop = loop

    def end(self) -> None:
        """End vLLM's processes, then the loop."""
        if self.loop.is_here:
            # Python collects garbage in any thread; this one can't wait for itself.
            threading.Thread(target=self.end, name="got-ocr-vllm-end").start()
            return
        llm, self.llm = self.llm, None
        try:
            # First, or vLLM's own task reports that its processes are gone.
            self.loop.cancel_all()
            llm.shutdown(timeout=STOP_TIMEOUT_S)
        finally:
            self.loop.stop()
