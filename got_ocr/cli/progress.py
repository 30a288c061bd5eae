"""Notices and a progress bar on stderr; the bar shows itself when reading takes longer than two seconds."""

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from .terminal import printable

DELAY_S = 2.0
REFRESH_S = 0.5


class Progress:
    """A bar over pages that moves on a clock of its own, since a page can take a minute.

    Args:
        total: Pages to come, if known.
        show_bar: Whether to show the bar; only ever on a terminal.
        quiet: Whether to leave out notices. Errors are always said.
        program: The name that lines begin with.
        unit: What is counted.
    """

    def __init__(
        self,
        total: int | None = None,
        *,
        show_bar: bool = True,
        quiet: bool = False,
        program: str = "got-ocr",
        unit: str = "page",
    ) -> None:
        self.total = total
        self.quiet = quiet
        self.program = program
        self.unit = unit
        self.done = 0
        self.note = ""  # Said behind the bar.
        self.shows_bar = show_bar and not quiet and sys.stderr is not None and sys.stderr.isatty()
        self._start = time.time()
        self._lock = threading.RLock()
        self._stop = threading.Event()
        self._bar: Any = None

    def __enter__(self) -> "Progress":
        if self.shows_bar:
            threading.Thread(target=self._tick, name="got-ocr-progress", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        with self._lock:
            if self._bar is not None:
                self._bar.close()
                self._bar = None

    def _tick(self) -> None:
        if self._stop.wait(DELAY_S):
            return
        from tqdm import tqdm

        with self._lock:
            if self._stop.is_set():
                return
            self._bar = tqdm(total=self.total, unit=self.unit, file=sys.stderr, leave=False, dynamic_ncols=True)
            self._bar.start_t = self._start
        while not self._stop.wait(REFRESH_S):
            self._refresh()

    def _refresh(self) -> None:
        with self._lock:
            if self._bar is not None:
                self._bar.n = self.done
                self._bar.set_postfix_str(self.note, refresh=False)
                self._bar.refresh()

    def advance(self, pages: int = 1) -> None:
        """Count pages as done."""
        self.done += pages
        self._refresh()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Take the bar off the terminal while something else is written there."""
        with self._lock:
            if self._bar is not None:
                self._bar.clear()
            yield
            if self._bar is not None and not self._stop.is_set():
                self._bar.refresh()

    def notice(self, message: str) -> None:
        """Say something that is good to know."""
        if not self.quiet:
            self.error(message)

    def error(self, message: str) -> None:
        """Say what went wrong."""
        with self.paused(), contextlib.suppress(BrokenPipeError, ValueError):
            print(f"{self.program}: {printable(message)}", file=sys.stderr, flush=True)
