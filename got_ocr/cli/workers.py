"""Processes that read pages for `got-ocr --workers N`: each has the model, and is replaced when it ends.

To a :class:`ReadingJob` each of them looks like a model on a device of its own; so pages come in order, and writing,
resuming and failing stay in the one process that the user started.
"""

import contextlib
import json
import logging
import os
import pickle
import signal
import subprocess
import sys
import weakref
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from ..hub.errors import ModelError

logger = logging.getLogger(__name__)

# Given as code, so that the caller's own program is not imported again, as multiprocessing does.
START_CODE = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from got_ocr.cli.read_worker import main; main()"
)
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Loaded:
    """What a process says of the model that it has loaded.

    Attributes:
        slicing: The configuration's.
        device: Where the model is.
    """

    slicing: Any
    device: str


@dataclass(frozen=True)
class Reply:
    """What a process answers.

    Attributes:
        value: What was asked for; None after an error.
        error: The exception that came instead, if it can be sent.
        notices: What was logged meanwhile.
    """

    value: Any = None
    error: Exception | None = None
    notices: tuple[str, ...] = ()


class ReadingWorker:
    """A process with a model in it, in the place of a model; used by one thread at a time.

    Args:
        loading: What the process loads its model by: the arguments of :func:`load_model_for`.
        num_threads: Cores that it may use.
    """

    def __init__(self, loading: tuple[Any, ...], num_threads: int) -> None:
        self._loading = loading
        self._num_threads = num_threads
        self._facts: Loaded | None = None  # What the first process said; others load the same.
        self._is_loaded = False
        self._process = self._start()
        _workers.add(self)

    @property
    def config(self) -> Any:
        """What is known of the model's configuration. Raises: ModelError."""
        return SimpleNamespace(slicing=self._known().slicing)

    @property
    def device(self) -> str:
        """Where the model is. Raises: ModelError."""
        return self._known().device

    def _known(self) -> Loaded:
        if self._facts is None:
            self._wait_till_loaded()
        if self._facts is None:
            raise ModelError("a process of --workers did not say what it loaded.")
        return self._facts

    def read(self, processor: None, images: Any, **options: Any) -> Any:
        """Read pictures as a model does; text can't come piece by piece.

        Args:
            processor: None: the process has it.
            images: As for a model.
            **options: As for a model.

        Returns:
            The answers.

        Raises:
            RuntimeError: If the process ended over them; the next call starts another.
            Exception: What reading raised.
        """
        self._wait_till_loaded()
        reply = self._ask((images, options))
        if reply is None:
            raise RuntimeError(f"the process that read it ended ({self._reason()}); the next pages get another one.")
        return reply

    def end(self) -> None:
        """End the process now, whatever it is at."""
        self._process.kill()
        self._process.wait()

    def _start(self) -> "subprocess.Popen[bytes]":
        threads = {name: os.environ.get(name, str(self._num_threads)) for name in THREAD_VARIABLES}
        process = subprocess.Popen(
            [sys.executable, "-c", START_CODE, json.dumps([entry or os.getcwd() for entry in sys.path])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **threads},
            start_new_session=True,  # Ctrl-C in a terminal is for the program, which ends this one.
        )
        with contextlib.suppress(OSError):  # It ended at once; who waits for it will see.
            self._send(process, self._loading)
        return process

    def _wait_till_loaded(self) -> None:
        """Make sure that there is a process with a model."""
        if self._process.poll() is not None:
            self._is_loaded = False
            self._close()
            self._process = self._start()
        if self._is_loaded:
            return
        loaded = self._receive()
        if loaded is None:
            raise ModelError(f"a process of --workers ended while it loaded the model ({self._reason()}): use fewer.")
        self._facts, self._is_loaded = loaded, True

    def _close(self) -> None:
        """Close the pipes of a process that has ended."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _ask(self, request: Any) -> Any:
        try:
            self._send(self._process, request)
        except OSError:
            return None
        return self._receive()

    @staticmethod
    def _send(process: "subprocess.Popen[bytes]", message: Any) -> None:
        if process.stdin is None:
            raise OSError("no pipe")
        pickle.dump(message, process.stdin)
        process.stdin.flush()

    def _receive(self) -> Any:
        """Take an answer. Returns: it; None if the process ended. Raises: what went wrong there."""
        try:
            reply: Reply = pickle.load(self._process.stdout)  # type: ignore[arg-type]
        except (EOFError, OSError, pickle.UnpicklingError):
            return None
        for line in reply.notices:
            logger.warning("%s", line)
        if reply.error is not None:
            raise reply.error
        return reply.value

    def _reason(self) -> str:
        """Say how the process ended."""
        code = self._process.wait()
        if code >= 0:
            return f"exit code {code}"
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        return f"{name}, maybe for lack of memory" if name == "SIGKILL" else name


def start_workers(count: int, loading: tuple[Any, ...]) -> list[tuple[ReadingWorker, None]]:
    """Start processes that read.

    Args:
        count: How many.
        loading: What each loads its model by: the arguments of :func:`load_model_for`.

    Returns:
        One (model, processor) each, as :class:`ReadingJob` takes them.
    """
    num_threads = max(1, count_cores() // count)
    return [(ReadingWorker(loading, num_threads), None) for _ in range(count)]


def count_cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def end_all() -> None:
    """End all processes, also those that are at work."""
    for worker in list(_workers):
        worker.end()


_workers: "weakref.WeakSet[ReadingWorker]" = weakref.WeakSet()
