"""Ctrl-C ends any command: at its first moment, while libraries are imported, and while C code runs."""

import os
import signal
import socket
import sys
import threading
import time
from types import FrameType, TracebackType
from typing import Any

from . import exit_codes

PATIENCE_S = 1.2  # What a command gets to put things in order; then it is ended.


class InterruptGuard:
    """Makes Ctrl-C a `KeyboardInterrupt`, and the end of the process where nothing comes of that.

    Attributes:
        was_interrupted: Whether Ctrl-C was pressed; libraries turn the exception into others of their own.
    """

    def __init__(self) -> None:
        self.was_interrupted = False
        self._is_installed = False
        self._old: Any = None
        self._old_wakeup = -1
        self._ends: tuple[socket.socket, socket.socket] | None = None

    def __enter__(self) -> "InterruptGuard":
        is_main = threading.current_thread() is threading.main_thread()
        # A command in a script's background is told by its shell not to listen.
        if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            return self
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
        signal.signal(signal.SIGINT, self._old)
        self._ends[0].close()  # The watching thread reads the end of it.

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self.was_interrupted = True
        if _is_importing(frame):
            end_now()  # An exception within the start of a C library may abort the process.
        raise KeyboardInterrupt

    def _watch(self, end: socket.socket) -> None:
        """Wait for the signal, which the system writes here even while the main thread is in C code."""
        with end:
            while data := end.recv(1):
                if data[0] == signal.SIGINT:
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


def end_now() -> None:
    """End this process and those that it started for pages, without waiting for anything."""
    for name in ("got_ocr.processing.isolation", "got_ocr.cli.workers"):
        module = sys.modules.get(name)
        if module is not None:
            module.end_all()
    started = sys.modules.get("multiprocessing")
    for child in started.active_children() if started is not None else ():  # vLLM's: they would stay for ever.
        child.kill()
    try:
        os.write(2, b"got-ocr: interrupted.\n")
    finally:
        os._exit(exit_codes.INTERRUPTED)
