"""Ctrl-C ends any command: at its first moment, while libraries are imported, and while C code runs; SIGTERM some."""

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any

from . import exit_codes

PATIENCE_S = 1.2  # What a command gets to put things in order; then it is ended.


@dataclass(frozen=True)
class _LastWords:
    """What is said on SIGTERM, and where: libraries send what they say themselves elsewhere for a while."""

    line: str
    file: int


_last_words: _LastWords | None = None
_is_said = threading.Lock()  # The handler and the thread that waits for signals both learn of one.


class InterruptGuard:
    """Makes Ctrl-C a `KeyboardInterrupt`, and the end of the process where nothing comes of that.

    Attributes:
        was_interrupted: Whether Ctrl-C was pressed; libraries turn the exception into others of their own.
    """

    def __init__(self) -> None:
        self.was_interrupted = False
        self._is_installed = False
        self._listens = False
        self._old: Any = None
        self._old_wakeup = -1
        self._ends: tuple[socket.socket, socket.socket] | None = None

    def __enter__(self) -> "InterruptGuard":
        if threading.current_thread() is not threading.main_thread():
            return self
        # A command in a script's background is told by its shell not to listen.
        self._listens = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if self._listens:
            self._old = signal.signal(signal.SIGINT, self._interrupt)
        self._ends = socket.socketpair()
        for end in self._ends:
            end.setblocking(False)
        self._old_wakeup = signal.set_wakeup_fd(self._ends[0].fileno(), warn_on_full_buffer=False)
        self._ends[1].setblocking(True)
        threading.Thread(target=self._watch, args=(self._ends[1],), name="got-ocr-interrupt", daemon=True).start()
        self._is_installed = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._is_installed or self._ends is None:
            return
        self._is_installed = False
        signal.set_wakeup_fd(self._old_wakeup)
        if self._listens:
            signal.signal(signal.SIGINT, self._old)
        self._ends[0].close()  # The watching thread reads the end of it.

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self.was_interrupted = True
        if _is_importing(frame):
            end_now()  # An exception within the start of a C library may abort the process.
        raise KeyboardInterrupt

    def _watch(self, end: socket.socket) -> None:
        """Wait for the signals, which the system writes here even while the main thread is in C code."""
        with end:
            while data := end.recv(1):
                if data[0] == signal.SIGTERM and _last_words is not None:
                    _end_by_sigterm()
                if data[0] == signal.SIGINT and self._listens:
                    break
            else:
                return
        self.was_interrupted = True
        time.sleep(PATIENCE_S)
        if self._is_installed:
            end_now()


def _is_importing(frame: FrameType | None) -> bool:
    """Tell whether a module is being imported somewhere down the stack."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


@contextlib.contextmanager
def ending_by_sigterm(line: str) -> Iterator[None]:
    """Have SIGTERM end the command at once, for as long as this lasts.

    Also where a library has set a handler of its own, and for the first process of a container, which the system
    would let live.

    Args:
        line: What is said then.
    """
    global _last_words
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    _last_words = _LastWords(line, os.dup(2))
    signal.signal(signal.SIGTERM, _end_by_sigterm)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.close(_last_words.file)
        _last_words = None


def _end_by_sigterm(*_: object) -> None:
    if _last_words is not None and _is_said.acquire(blocking=False):
        end_now(_last_words.line, exit_codes.STOPPED, _last_words.file)


def end_now(line: str = "interrupted.", exit_code: int = exit_codes.INTERRUPTED, file: int = 2) -> None:
    """End this process and those that it started for pages, without waiting for anything.

    Args:
        line: What is said.
        exit_code: The process's.
        file: The number of the file to say it in.
    """
    for name in ("got_ocr.processing.isolation", "got_ocr.cli.workers"):
        module = sys.modules.get(name)
        if module is not None:
            module.end_all()
    started = sys.modules.get("multiprocessing")
    for child in started.active_children() if started is not None else ():  # vLLM's: they would stay for ever.
        child.kill()
    try:
        os.write(file, f"got-ocr: {line}\n".encode())
    finally:
        os._exit(exit_code)
