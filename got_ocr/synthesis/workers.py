"""Processes that draw samples side by side; results come in the order of the jobs, whoever was faster.

A worker that dies (a drawing library that crashes, no memory left) or hangs costs the sample it was drawing, and is
replaced. Workers end when their parent does, since they wait at a pipe that closes with it.
"""

import dataclasses
import os
import signal
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any

from got_ocr.synthesis.engine import EncodedSample, FailedSample, Job, draw_encoded
from got_ocr.synthesis.kinds import KINDS, make_kind
from got_ocr.synthesis.resources import Resources
from got_ocr.synthesis.sample import Kind

# A picture takes seconds at most; a worker silent for this long has hung.
DRAW_TIMEOUT_S = 300.0
# Reading fonts, text and libraries, and importing them from a slow disk.
START_TIMEOUT_S = 600.0
_STOP_TIMEOUT_S = 10.0
# Jobs that a worker holds, so that it need not wait while the parent writes.
_JOBS_HELD = 2
# Results that wait for an earlier one, for each worker: bounds the memory.
_MOST_AHEAD = 8
# One core a worker; the seed keeps the order of sets of strings the same in each of them.
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
}
Result = EncodedSample | FailedSample


class WorkerPool:
    """Draws jobs in processes of their own.

    Args:
        kinds: the kinds to draw.
        resources: fonts and text.
        workers: how many processes.
        draw_timeout_s: how long one sample may take.

    Raises:
        ValueError: a kind can't be made here: there is no such kind, or what it needs is missing.
    """

    def __init__(
        self, kinds: Sequence[str], resources: Resources, workers: int = 1, draw_timeout_s: float = DRAW_TIMEOUT_S
    ) -> None:
        # Without what has been read so far: it is read anew faster than it is sent.
        self._resources = dataclasses.replace(resources)
        self._table = {name: KINDS[name] for name in kinds}
        self._draw_timeout_s = draw_timeout_s
        # The first shows whether the kinds can be made before the others try; it also fills caches on the disk.
        self._workers = [self._start()]
        try:
            self._workers[0].wait_until_ready()
            self._workers += [self._start() for _ in range(workers - 1)]
        except BaseException:
            self.close()
            raise

    def _start(self) -> "_Worker":
        return _Worker(self._table, self._resources)

    def __enter__(self) -> "WorkerPool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the workers, and what they have started."""
        for worker in self._workers:
            worker.connection.close()
        for worker in self._workers:
            worker.stop()
        self._workers = []

    def draw(self, jobs: Iterable[Job]) -> Iterator[Result]:
        """Draw samples.

        Args:
            jobs: what to draw; any number, taken as needed.

        Yields:
            A result for each job, in their order.
        """
        coming = enumerate(jobs)
        again: deque[tuple[int, Job]] = deque()
        finished: dict[int, Result] = {}
        next_place, is_exhausted = 0, False
        most_ahead = _MOST_AHEAD * len(self._workers)
        furthest = -1
        while True:
            for worker in self._workers:
                while len(worker.held) < _JOBS_HELD and (again or furthest - next_place < most_ahead):
                    task = again.popleft() if again else next(coming, None)
                    if task is None:
                        is_exhausted = True
                        break
                    furthest = max(furthest, task[0])
                    worker.give(*task)
            while next_place in finished:
                yield finished.pop(next_place)
                next_place += 1
            if not any(worker.held for worker in self._workers):
                if is_exhausted and not again and not finished:
                    return
                continue
            for place, result in self._collect(again):
                finished[place] = result

    def _collect(self, again: "deque[tuple[int, Job]]") -> list[tuple[int, Result]]:
        """Wait for some results; a worker that died or hung is replaced, its other jobs go back into `again`."""
        results = []
        readable = wait([worker.connection for worker in self._workers], timeout=1.0)
        for index, worker in enumerate(self._workers):
            why = None
            if worker.connection in readable:
                try:
                    result = worker.receive()
                except (EOFError, OSError):
                    if not worker.is_ready:
                        raise ChildProcessError(f"a worker process died while it started: {worker.death()}") from None
                    why = worker.death()
                else:
                    if result is not None:
                        results.append(result)
            elif worker.held and time.monotonic() - worker.since > (
                self._draw_timeout_s if worker.is_ready else START_TIMEOUT_S
            ):
                why = f"it was not done after {self._draw_timeout_s:g} s"
            if why is not None:
                if worker.held:
                    place, job = worker.held.popleft()
                    results.append((place, FailedSample(job, f"the worker process was lost: {why}")))
                again.extendleft(reversed(worker.held))
                worker.stop(patience_s=0.0)
                self._workers[index] = self._start()
        return results


class _Worker:
    """The parent's end of one process.

    Attributes:
        held: jobs given and not answered, with their places, in order.
        since: when it began the first of them.
    """

    def __init__(self, table: Mapping[str, str], resources: Resources) -> None:
        context = get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, dict(table), resources), daemon=True)
        with _environment(_ENVIRONMENT):
            self.process.start()
        theirs.close()
        self.held: deque[tuple[int, Job]] = deque()
        self.since = time.monotonic()
        self.is_ready = False

    def wait_until_ready(self) -> None:
        """Wait until the kinds are made; raises what making them raised."""
        if not self.connection.poll(START_TIMEOUT_S):
            raise ChildProcessError(f"a worker process was not ready after {START_TIMEOUT_S:g} s")
        try:
            self.receive()
        except EOFError:
            raise ChildProcessError(f"a worker process died while it started: {self.death()}") from None

    def give(self, place: int, job: Job) -> None:
        """Hand over a job; one that died is noticed when it is read from."""
        if not self.held:
            self.since = time.monotonic()
        self.held.append((place, job))
        try:
            self.connection.send(job)
        except OSError:
            return

    def receive(self) -> tuple[int, Result] | None:
        """Read an answer: None for "ready".

        Raises:
            Exception: what the worker could not do to get ready.
            EOFError: it died.
        """
        answer = self.connection.recv()
        self.since = time.monotonic()
        if isinstance(answer, BaseException):
            raise answer
        if answer is None:
            self.is_ready = True
            return None
        place, _ = self.held.popleft()
        return place, answer

    def death(self) -> str:
        """Say how the process ended."""
        self.process.join(_STOP_TIMEOUT_S)
        code = self.process.exitcode
        if code is not None and code < 0:
            hint = ": is the memory full?" if -code == getattr(signal, "SIGKILL", 9) else ""
            return f"it was ended by {signal.Signals(-code).name}{hint}"
        return f"it ended with exit code {code}"

    def stop(self, patience_s: float = _STOP_TIMEOUT_S) -> None:
        """End the process: it leaves by itself once its pipe is closed, and is ended by force after a while."""
        self.connection.close()
        self.process.join(patience_s)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _work(connection: Connection, table: Mapping[str, str], resources: Resources) -> None:
    """Draw what comes through the pipe until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too, which ends us in order
    KINDS.update(table)  # kinds that the parent's program has added
    sources: dict[str, Kind] = {}
    try:
        for name in table:
            try:
                sources[name] = make_kind(name, resources)
            except Exception as error:
                connection.send(_sendable(name, error))
                return
        connection.send(None)
        while True:
            job: Any = connection.recv()
            began = time.perf_counter()
            result = draw_encoded(sources[job.kind], job)
            if isinstance(result, EncodedSample):
                result = dataclasses.replace(result, seconds=time.perf_counter() - began)
            connection.send(result)
    except (EOFError, OSError):  # the parent is done, or gone
        return


def _sendable(name: str, error: Exception) -> Exception:
    """Make an exception that survives the pipe: those of packages may need arguments that pickle doesn't know."""
    text = f"{name}: {' '.join(str(error).split())}"
    for kind in (ImportError, ValueError, OSError):
        if isinstance(error, kind):
            return kind(text)
    return RuntimeError(f"{name}: {type(error).__name__}: {' '.join(str(error).split())}")
