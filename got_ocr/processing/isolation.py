"""The one owner of PDFium and of Pillow's decoders: processes that are ended and replaced when a page breaks a limit.

A page is decoded in a process of its own, within `page_timeout_s` and `max_memory_bytes`; if that process has to be
ended, this page is one error and the next page gets a new process. So no document holds up a run, PDFium is never
called from two threads, a process that is forked inherits no lock, and Ctrl-C is heard while a page is decoded.

Where no process can be started (a frozen program, a sandbox, code loaded from a folder), and where `page_timeout_s` is
None, the same work is done here, one call at a time and without limits.
"""

import atexit
import itertools
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any, TypeVar

from PIL import Image

from .documents import DocumentReader, PageListing
from .options import PageError, SourceOptions, late_trouble, option_names, say_how
from .pixels import load_file

logger = logging.getLogger(__name__)

MOST_WORKERS = 4  # Threads that decode at one time; others wait for one of these.
GRACE_S = 5.0  # What is added to a page's time before this side ends a process that should have ended itself.
START_TIMEOUT_S = 60.0
WORKER_MODULE = "got_ocr.processing.page_worker"
# Given as code, so that the caller's own program is not imported again, as multiprocessing does.
_START_CODE = f"import json, sys; sys.path[:] = json.loads(sys.argv[1]); from {WORKER_MODULE} import main; main()"
_PIPE_BYTES = 2**20

_Result = TypeVar("_Result")
_keys = itertools.count(1)


@dataclass(frozen=True)
class Document:
    """A file whose pages are asked for.

    Attributes:
        data: The file, or its bytes.
        name: What to call it in an error.
        origin: What to say of its origin in an error.
        options: How to load.
        key: Tells it from others.
    """

    data: Path | bytes
    name: str
    origin: str
    options: SourceOptions
    key: int = field(default_factory=lambda: next(_keys))

    def list_pages(self) -> Iterator[PageListing]:
        """Find its pages, some at a time where it is long. Raises: PageError."""
        after: int | None = 0
        while after is not None:
            answer = _ask(self, {"do": "list", "after": after}, partial(DocumentReader.list_pages, after=after))
            if not isinstance(answer, PageListing):
                answer = PageListing(tuple(answer["numbers"]), answer["is_document"], answer["last"])
            yield answer
            after = answer.last

    def load(self, number: int, page_name: str) -> Image.Image:
        """Decode a page. Args: number: counted from 1; page_name: for an error. Raises: PageError."""
        request = {"do": "load", "number": number, "page_name": page_name}
        return _as_image(_ask(self, request, lambda reader: reader.load(number, page_name), page_name))

    def count_letters(self, number: int, page_name: str) -> int:
        """Count the letters that a PDF's page has as text. Args and raises: as :meth:`load`."""
        request = {"do": "letters", "number": number, "page_name": page_name}
        answer = _ask(self, request, lambda reader: reader.count_letters(number, page_name), page_name)
        return answer if isinstance(answer, int) else int(answer["letters"])

    def read_text(self, number: int, page_name: str) -> str:
        """Read what a PDF's page has as text. Args and raises: as :meth:`load`."""
        request = {"do": "text", "number": number, "page_name": page_name}
        answer = _ask(self, request, lambda reader: reader.read_text(number, page_name), page_name)
        return answer if isinstance(answer, str) else str(answer["text"])


def load_picture(data: Path | bytes, name: str, origin: str, options: SourceOptions) -> Image.Image:
    """Decode a picture, the first frame where there are several.

    Args:
        data: The file, or its bytes.
        name: What to call it in an error.
        origin: What to say of its origin in an error.
        options: The limits.

    Returns:
        Upright RGB.

    Raises:
        PageError: If it can't be had.
    """
    document = Document(data, name, origin, options)
    return _as_image(_ask(document, {"do": "picture"}, lambda _: load_file(data, name, options, origin)))


def warm_up() -> None:
    """Start a process now, for a page that comes soon; the caller does not wait for it."""
    if _can_start():
        try:
            _pool.give_back(_pool.borrow(None))
        except OSError:
            return


def end_all() -> None:
    """End all processes, also those that are at work; for a program that ends at once."""
    for worker in list(_workers):
        worker.kill()


def _as_image(answer: Any) -> Image.Image:
    if isinstance(answer, Image.Image):
        return answer
    image = Image.frombytes("RGB", tuple(answer["size"]), answer["pixels"])
    if answer.get("dpi"):
        image.info["dpi"] = tuple(answer["dpi"])
    return image


def _ask(
    document: Document, request: dict[str, Any], work_here: Callable[[DocumentReader], Any], page_name: str = ""
) -> Any:
    """Have something done: by a process, or here where there can be none."""
    name = page_name or document.name
    if document.options.page_timeout_s is not None and _can_start():
        try:
            worker = _pool.borrow(document.key)
        except OSError as error:
            _pool.give_up(error)
        else:
            try:
                return worker.ask(document, request, name)
            except _NoWorkerError as error:
                _pool.give_up(error)
            finally:
                _pool.give_back(worker)
    try:
        return _here.do(document, work_here)
    except MemoryError:
        raise PageError(_memory_trouble(name, document.options), "memory") from None


def _memory_trouble(name: str, options: SourceOptions) -> str:
    given = options.max_memory_bytes
    allowed = f" than the {given / 2**30:.3g} GiB allowed" if given is not None else " than there is"
    lower, more = options.means("lower {}", "max_pixels", "dpi"), options.means("raise {}", "max_memory_bytes")
    return f"{name}: decoding it needs more memory{allowed}{say_how(lower, more)}"


class _NoWorkerError(Exception):
    """A process that can be started but does not work."""


class _Worker:
    """A process of :mod:`page_worker`, used by one thread at a time."""

    def __init__(self) -> None:
        self.key: int | None = None  # The document that it has.
        self.is_usable = True
        self._is_ready = False
        self._is_late = False
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _START_CODE, json.dumps([entry or os.getcwd() for entry in sys.path])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,  # Ctrl-C in a terminal is for the program, which ends this one.
        )
        _widen(self._process.stdout)
        _workers.add(self)

    def ask(self, document: Document, request: dict[str, Any], name: str) -> dict[str, Any]:
        """Have a request answered.

        Raises:
            PageError: If the page can't be had, or the process had to be ended.
            _NoWorkerError: If the process can't do its work at all.
        """
        self._wait_till_ready()
        options = document.options
        timer = threading.Timer((options.page_timeout_s or 0) + GRACE_S, self._end_late)
        timer.daemon = True
        answer = None
        try:
            timer.start()
            self._send(document, request)
            answer = self._receive()
        except (OSError, ValueError):
            answer = None
        finally:
            timer.cancel()
            if answer is None:  # Also when Ctrl-C came in between: what it would answer next is not known.
                self.is_usable = False
                self.kill()
        if answer is None:
            raise self._end_trouble(name, options)
        for line in answer["notices"]:
            logger.warning("%s", line)
        if "error" in answer:
            raise PageError(answer["error"])
        if "limit" in answer:
            raise PageError(_memory_trouble(name, options), "memory")
        return answer

    def kill(self) -> None:
        """End the process now."""
        self._process.kill()

    def _end_late(self) -> None:
        """End a process that did not end itself: on Windows, or where it hangs in the system."""
        self._is_late = True
        self.kill()

    def close(self) -> None:
        """End the process and forget it."""
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    continue
        self._process.wait()

    @property
    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def _wait_till_ready(self) -> None:
        if self._is_ready:
            return
        timer = threading.Timer(START_TIMEOUT_S, self.kill)
        timer.daemon = True
        timer.start()
        try:
            answer = self._receive()
        except (OSError, ValueError):
            answer = None
        finally:
            timer.cancel()
        if answer is None:
            self.is_usable = False
            raise _NoWorkerError(f"it ended with exit code {self._process.wait()}")
        self._is_ready = True

    def _send(self, document: Document, request: dict[str, Any]) -> None:
        options = document.options
        message: dict[str, Any] = {
            **request,
            "key": document.key,
            "name": document.name,
            "origin": document.origin,
            "options": {option: getattr(options, option) for option in option_names()},
            "spelled": dict(options.spelled) if options.spelled is not None else None,
        }
        body = b""
        if isinstance(document.data, Path):
            message["path"] = str(document.data)
        elif self.key == document.key and request["do"] != "picture":
            message["length"] = 0
        else:
            body = document.data
            message["length"] = len(body)
        requests = self._process.stdin
        if requests is None:
            raise OSError("no pipe")
        requests.write(json.dumps(message).encode() + b"\n")
        if body:
            requests.write(body)
        requests.flush()
        self.key = document.key

    def _receive(self) -> dict[str, Any] | None:
        answers = self._process.stdout
        if answers is None:
            raise OSError("no pipe")
        line = answers.readline()
        if not line.endswith(b"\n"):
            return None
        answer: dict[str, Any] = json.loads(line)
        length = answer.get("length", 0)
        if length:
            pixels = answers.read(length)
            if len(pixels) < length:
                return None
            answer["pixels"] = pixels
        return answer

    def _end_trouble(self, name: str, options: SourceOptions) -> PageError:
        """Say why the process ended in the middle of a page."""
        code = self._process.wait()
        if self._is_late or (hasattr(signal, "SIGALRM") and code == -int(signal.SIGALRM)):
            trouble = late_trouble(options.page_timeout_s, options, "to decode", "draw it anew, as a picture")
            return PageError(f"{name}: {trouble}", "time")
        given = options.max_memory_bytes
        memory = f"more than {given / 2**30:.3g} GiB of memory" if given is not None else "more memory than there is"
        more = say_how(options.means("raise {}", "max_memory_bytes"), "save it anew with another program")
        return PageError(f"{name}: the decoder broke down over it: it is damaged, or needs {memory}{more}", "crash")


def _widen(pipe: IO[bytes] | None) -> None:
    """Let a page go through a pipe in a few large steps."""
    try:
        import fcntl

        if pipe is not None:
            fcntl.fcntl(pipe.fileno(), getattr(fcntl, "F_SETPIPE_SZ", 1031), _PIPE_BYTES)
    except (ImportError, OSError):  # Not Linux, or a stricter limit: smaller steps do as well.
        return


class _Pool:
    """Processes that wait for work."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(MOST_WORKERS)
        self._idle: list[_Worker] = []
        self.has_given_up = False

    def borrow(self, key: int | None) -> _Worker:
        """Take a process, that which has a document if there is one; start one where none waits."""
        self._slots.acquire()
        try:
            with self._lock:
                self._idle = [worker for worker in self._idle if worker.is_alive]
                known = [worker for worker in self._idle if worker.key == key]
                if known or self._idle:
                    worker = (known or self._idle)[-1]
                    self._idle.remove(worker)
                    return worker
            return _Worker()
        except BaseException:
            self._slots.release()
            raise

    def give_back(self, worker: _Worker) -> None:
        """Return a process, for others."""
        if worker.is_usable:
            with self._lock:
                self._idle.append(worker)
        else:
            worker.close()
        self._slots.release()

    def give_up(self, error: BaseException) -> None:
        """Do all further work in this process."""
        if not self.has_given_up:
            self.has_given_up = True
            logger.warning("pages are decoded without limits of time and memory: no process for it (%s).", error)

    def close(self) -> None:
        """End all processes that wait."""
        with self._lock:
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.close()


class _Here:
    """The work done in this process, one call at a time."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._key: int | None = None
        self._reader: DocumentReader | None = None
        self._closes_at_exit = False

    def do(self, document: Document, work: Callable[[DocumentReader], _Result]) -> _Result:
        """Do something with a document; the last one stays open."""
        with self.lock:
            if self._key != document.key or self._reader is None:
                if self._reader is not None:
                    self._reader.close()
                self._reader = DocumentReader(document.data, document.name, document.origin, document.options)
                self._key = document.key
            try:
                return work(self._reader)
            finally:
                if not self._closes_at_exit:  # After PDFium was imported, so that ours comes before its own.
                    self._closes_at_exit = True
                    atexit.register(self.close)

    def close(self) -> None:
        """Close the document that is open."""
        with self.lock:
            if self._reader is not None:
                self._reader.close()
            self._reader = self._key = None


def _can_start() -> bool:
    """Whether a process can be started that finds this package."""
    program = os.path.basename(sys.executable or "").lower()
    return (
        __name__ == WORKER_MODULE.replace("page_worker", "isolation")
        and program.startswith(("python", "pypy"))
        and not getattr(sys, "frozen", False)
        and not _pool.has_given_up
    )


_workers: "weakref.WeakSet[_Worker]" = weakref.WeakSet()
_pool = _Pool()
_here = _Here()


def _start_anew() -> None:
    """In a forked process: its own processes and locks, not its parent's."""
    global _pool, _here
    _pool, _here = _Pool(), _Here()
    _workers.clear()


if hasattr(os, "register_at_fork"):
    # A fork waits till no thread is inside PDFium, whose own state would be copied half way else.
    os.register_at_fork(
        before=lambda: _here.lock.acquire(),
        after_in_parent=lambda: _here.lock.release(),
        after_in_child=_start_anew,
    )
atexit.register(lambda: _pool.close())
