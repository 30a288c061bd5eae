"""The run on many machines by Ray: workers hold an engine each, the driver hands out batches and writes the answers.

The longest samples go first and a worker gets its next batch when it is done with one, so all end at about one time.
The driver alone writes, to the same kind of file as the other way of running, so a run may go on either way. Workers
must see the pictures under the same paths.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .engines import EngineOptions, make_engine
from .results import Result, ResultWriter, part_path, read_parts
from .runner import Progress, cost, read_batch
from .samples import Sample


class _Worker:
    """Holds an engine; lives in a process of its own."""

    def __init__(self, engine: str, options: EngineOptions) -> None:
        self._engine = make_engine(engine, options)

    def read(self, batch: list[Sample]) -> list[Result]:
        return read_batch(self._engine, batch)


def run_on_ray(
    engine: str,
    options: EngineOptions,
    samples: Sequence[Sample],
    folder: Path,
    *,
    workers: int,
    address: str | None = None,
    gpus_per_worker: float = 0.0,
    cpus_per_worker: float = 1.0,
    batch_size: int = 4,
    progress: Progress | None = None,
) -> int:
    """Read what has not been read yet, on Ray workers.

    Args:
        engine: Name of the engine.
        options: What it is told.
        samples: All samples.
        folder: The run's folder; made if there is none.
        workers: How many workers.
        address: Ray cluster to join, such as `auto`; None starts one on this machine.
        gpus_per_worker: GPUs that each worker wants; may be a fraction.
        cpus_per_worker: Cores that each worker wants.
        batch_size: Samples handed out at once.
        progress: Called with the number of samples read and to read.

    Returns:
        How many samples this call has read.

    Raises:
        ModuleNotFoundError: If Ray is not installed.
        ValueError: If there is not at least one worker.
    """
    if workers < 1:
        raise ValueError(f"Ray needs at least 1 worker, got {workers}.")
    try:
        import ray
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("running on many machines needs Ray: pip install 'got-ocr[bulk]'") from error
    folder.mkdir(parents=True, exist_ok=True)
    done = read_parts(folder)
    left = sorted(
        (sample for sample in samples if sample.index not in done), key=lambda sample: (-cost(sample), sample.index)
    )
    if progress is not None:
        progress(len(samples) - len(left), len(samples))
    if not left:
        return 0
    started = not ray.is_initialized()
    if started:
        # Locally, as many slots as workers, whatever the machine has: a test's two workers must not wait for cores.
        local: dict[str, Any] = {} if address else {"num_cpus": max(1, int(workers * cpus_per_worker + 0.999))}
        ray.init(address=address, include_dashboard=False if address is None else None, log_to_driver=False, **local)
    try:
        worker_class = ray.remote(num_cpus=cpus_per_worker, num_gpus=gpus_per_worker)(_Worker)
        pool = [worker_class.remote(engine, options) for _ in range(workers)]
        queue = [left[start : start + batch_size] for start in range(0, len(left), batch_size)][::-1]
        pending = {actor.read.remote(queue.pop()): actor for actor in pool[: len(queue)]}
        read = 0
        with ResultWriter(part_path(folder, 0, 1)) as writer:
            while pending:
                ready, _ = ray.wait(list(pending), num_returns=1)
                actor = pending.pop(ready[0])
                results = ray.get(ready[0])
                if queue:
                    pending[actor.read.remote(queue.pop())] = actor
                writer.write(results)
                read += len(results)
                if progress is not None:
                    progress(len(samples) - len(left) + read, len(samples))
        return read
    finally:
        if started:
            ray.shutdown()
