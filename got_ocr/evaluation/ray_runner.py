"""The run on many machines by Ray: workers hold an engine each, the driver hands out batches and writes the answers.

The longest samples go first and a worker gets its next batch when it is done with one, so all end at about one time.
The driver alone writes, to the same kind of file as the other way of running, so a run may go on either way. Workers
must see the pictures under the same paths.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .engines import EngineOptions, make_engine
from .results import Result, ResultWriter, part_path, read_current
from .runner import Progress, cost, read_batch
from .samples import Sample


class _Worker:
    """Holds an engine; lives in a process of its own."""

    def __init__(self, engine: str, options: EngineOptions) -> None:
        self._engine = make_engine(engine, options)

    def read(self, batch: list[Sample]) -> list[Result]:
        return read_batch(self._engine, batch)


@dataclass(frozen=True)
class RayWorkers:
    """The workers of a run.

    Attributes:
        count: How many.
        address: Ray cluster to join, such as `auto`; None starts one on this machine.
        gpus: GPUs that each worker wants; may be a fraction.
        cpus: Cores that each worker wants.
    """

    count: int
    address: str | None = None
    gpus: float = 0.0
    cpus: float = 1.0

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"Ray needs at least 1 worker, got {self.count}.")


def run_on_ray(
    workers: RayWorkers,
    engine: str,
    options: EngineOptions,
    samples: Sequence[Sample],
    folder: Path,
    progress: Progress | None = None,
) -> int:
    """Read what has not been read yet, on Ray workers, `options.batch_size` samples at once.

    Args:
        workers: Who reads.
        engine: Name of the engine.
        options: What it is told.
        samples: All samples.
        folder: The run's folder; made if there is none.
        progress: Called with the number of samples read and to read.

    Returns:
        How many samples this call has read.

    Raises:
        ModuleNotFoundError: If Ray is not installed.
    """
    try:
        import ray
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("running on many machines needs Ray: pip install ray") from error
    folder.mkdir(parents=True, exist_ok=True)
    done = read_current(folder, samples)
    left = sorted(
        (sample for sample in samples if sample.index not in done), key=lambda sample: (-cost(sample), sample.index)
    )
    if progress is not None:
        progress(len(samples) - len(left), len(samples))
    if not left:
        return 0
    started = not ray.is_initialized()
    if started:
        _start(ray, workers)
    try:
        read = 0
        with ResultWriter(part_path(folder, 0, 1)) as writer:
            for results in _read_in_turn(ray, workers, _Reading(engine, options, left)):
                writer.write(results)
                read += len(results)
                if progress is not None:
                    progress(len(samples) - len(left) + read, len(samples))
        return read
    finally:
        if started:
            ray.shutdown()


@dataclass(frozen=True)
class _Reading:
    engine: str
    options: EngineOptions
    samples: Sequence[Sample]


def _start(ray: Any, workers: RayWorkers) -> None:
    # Locally, as many slots as workers, whatever the machine has: a test's two workers must not wait for cores.
    slots = max(1, int(workers.count * workers.cpus + 0.999))
    local: dict[str, Any] = {} if workers.address else {"num_cpus": slots}
    dashboard = False if workers.address is None else None
    ray.init(address=workers.address, include_dashboard=dashboard, log_to_driver=False, **local)


def _read_in_turn(ray: Any, workers: RayWorkers, reading: _Reading) -> Iterator[list[Result]]:
    """Hand out batches and yield their results as they come."""
    size, samples = reading.options.batch_size, reading.samples
    worker_class = ray.remote(num_cpus=workers.cpus, num_gpus=workers.gpus)(_Worker)
    pool = [worker_class.remote(reading.engine, reading.options) for _ in range(workers.count)]
    queue = [samples[start : start + size] for start in range(0, len(samples), size)][::-1]
    pending = {actor.read.remote(queue.pop()): actor for actor in pool[: len(queue)]}
    while pending:
        ready, _ = ray.wait(list(pending), num_returns=1)
        actor = pending.pop(ready[0])
        results = ray.get(ready[0])
        if queue:
            pending[actor.read.remote(queue.pop())] = actor
        yield results
