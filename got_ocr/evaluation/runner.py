"""Run an engine over samples: shared among processes, in batches, resumable.

The work is cut into chunks of about equal length of text before anything is read, the same on every process and at
every start, so nobody has to talk to anybody: a process takes its chunk, leaves out what has been read already (by
whomever) and appends the rest to a file of its own. Processes are torchrun's or accelerate's ranks (RANK, WORLD_SIZE
in the environment), or are started by hand with a chunk's number, on as many machines as share the output folder.
"""

import logging
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .engines import Engine, Reading
from .results import Result, ResultWriter, part_path, read_current, write_merged
from .samples import Sample

logger = logging.getLogger(__name__)

FIXED_COST = 64  # what a sample costs beside its characters: its picture, a few words
BATCHES_BETWEEN_LENGTHS = 8  # samples are put in order of length within so many batches, so batches waste little
POLL_S = 0.5

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Shard:
    """Which chunk of how many this process reads."""

    rank: int = 0
    world_size: int = 1

    def __post_init__(self) -> None:
        if self.world_size < 1 or not 0 <= self.rank < self.world_size:
            raise ValueError(
                f"a chunk's index must lie in 0..chunks-1, got index {self.rank} of {self.world_size} chunks."
            )

    @classmethod
    def from_environment(cls) -> "Shard":
        """Take the rank that torchrun, accelerate or mpirun-like launchers give; alone without one."""
        return cls(int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")))


def cost(sample: Sample) -> int:
    """Estimate what a sample costs: decoding takes nearly all the time, and the true text tells how long it is."""
    return FIXED_COST + len(sample.label)


def chunk(samples: Sequence[Sample], world_size: int) -> list[list[Sample]]:
    """Cut samples into chunks of about equal cost, the longest first to whoever has least.

    Args:
        samples: All samples.
        world_size: Number of chunks.

    Returns:
        The chunks, each in the order of the ground truth.
    """
    chunks: list[list[Sample]] = [[] for _ in range(world_size)]
    loads = [0] * world_size
    for sample in sorted(samples, key=lambda sample: (-cost(sample), sample.index)):
        least = min(range(world_size), key=lambda place: (loads[place], place))
        chunks[least].append(sample)
        loads[least] += cost(sample)
    return [sorted(part, key=lambda sample: sample.index) for part in chunks]


def batches(samples: Sequence[Sample], batch_size: int) -> Iterable[list[Sample]]:
    """Yield batches of samples of about one length, nearly in order."""
    window = batch_size * BATCHES_BETWEEN_LENGTHS
    for start in range(0, len(samples), window):
        part = sorted(samples[start : start + window], key=lambda sample: (cost(sample), sample.index))
        for first in range(0, len(part), batch_size):
            yield part[first : first + batch_size]


def read_batch(engine: Engine, batch: Sequence[Sample]) -> list[Result]:
    """Read a batch; what fails is a result with an error, the rest goes on.

    Args:
        engine: Who reads.
        batch: What.

    Returns:
        A result a sample, in order.
    """
    start, cpu_start = time.perf_counter(), _cpu_seconds()
    loaded: list[tuple[Sample, list[Any]]] = []
    results: dict[int, Result] = {}
    for sample in batch:
        try:
            loaded.append((sample, sample.load()))
        except (ValueError, OSError) as error:
            results[sample.index] = _result(sample, Reading("", "error", error=_one_line(error)), None)
    pictures = {sample.index: sample.digest() for sample in batch}
    readings = _read_all(engine, loaded)
    taken = (time.perf_counter() - start) / max(1, len(batch)), (_cpu_seconds() - cpu_start) / max(1, len(batch))
    for (sample, _), reading in zip(loaded, readings, strict=True):
        results[sample.index] = _result(sample, reading, taken)
    return [replace(results[sample.index], picture=pictures[sample.index]) for sample in batch]


def _read_all(engine: Engine, loaded: Sequence[tuple[Sample, list[Any]]]) -> list[Reading]:
    if not loaded:
        return []
    try:
        return engine.read([sample for sample, _ in loaded], [pictures for _, pictures in loaded])
    except Exception as error:  # an engine may fail in any way; the run must not
        if len(loaded) == 1:
            logger.warning("sample %d (%s): %s", loaded[0][0].index, loaded[0][0].image, _one_line(error))
            return [Reading("", "error", error=_one_line(error))]
        return [reading for one in loaded for reading in _read_all(engine, [one])]


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:500]


def _cpu_seconds() -> float:
    """Sum the time on all cores of this process and of the programs that it has called."""
    return sum(os.times()[:4])


def _result(sample: Sample, reading: Reading, taken: tuple[float, float] | None) -> Result:
    return Result(
        image=sample.image,
        question=sample.question,
        label=sample.label,
        answer=reading.text,
        index=sample.index,
        error=reading.error,
        finish_reason=reading.finish_reason,
        probability=reading.probability,
        seconds=None if taken is None else round(taken[0], 6),
        cpu_seconds=None if taken is None else round(taken[1], 6),
    )


def run(
    engine: Callable[[], Engine],
    samples: Sequence[Sample],
    folder: Path,
    *,
    shard: Shard | None = None,
    batch_size: int = 4,
    progress: Progress | None = None,
) -> int:
    """Read this process's chunk, as far as it has not been read yet.

    Args:
        engine: Makes the engine; called only if there is anything to read.
        samples: All samples, of all processes.
        folder: The run's folder; made if there is none.
        shard: Which chunk; by default what the environment says.
        batch_size: Samples read, and forced to disk, at once.
        progress: Called with the number of samples read and to read, of this process.

    Returns:
        How many samples this call has read.
    """
    shard = shard or Shard.from_environment()
    folder.mkdir(parents=True, exist_ok=True)
    mine = chunk(samples, shard.world_size)[shard.rank]
    done = read_current(folder, mine)
    left = [sample for sample in mine if sample.index not in done]
    if progress is not None:
        progress(len(mine) - len(left), len(mine))
    if not left:
        return 0
    reader = engine()
    read = 0
    with ResultWriter(part_path(folder, shard.rank, shard.world_size)) as writer:
        for batch in batches(left, batch_size):
            writer.write(read_batch(reader, batch))
            read += len(batch)
            if progress is not None:
                progress(len(mine) - len(left) + read, len(mine))
    return read


def collect(folder: Path, samples: Sequence[Sample], *, wait: bool = False) -> list[Result] | None:
    """Put all processes' answers together into `results.json`.

    Args:
        folder: The run's folder.
        samples: All samples.
        wait: Wait until every sample has been read (the launcher ends us if another process dies).

    Returns:
        The results in order; None if some samples have not been read yet.

    Raises:
        ValueError: If the folder's answers belong to other ground truth.
    """
    digests: dict[int, str] = {}
    while True:
        results = read_current(folder, samples, digests)
        if all(sample.index in results for sample in samples):
            break
        if not wait:
            return None
        time.sleep(POLL_S)
    ordered = [results[sample.index] for sample in samples]
    for sample, result in zip(samples, ordered, strict=True):
        if (sample.image, sample.label) != (result.image, result.label):
            raise ValueError(
                f"{folder} holds answers to other ground truth: sample {sample.index} is {sample.image}, but there it "
                f"is {result.image} (or its text differs); choose another --output"
            )
    write_merged(folder, ordered)
    return ordered
