"""What a million pages cost and how long they take, by arithmetic and by a simulation of what goes wrong.

python -m got_ocr.bulk.estimate                          a table by GPU
python -m got_ocr.bulk.estimate simulate --workers 16    stragglers, workers that die, a driver that is stopped

The arithmetic is the decoder's roofline: each token reads all weights and the keys and values before it, so memory
bandwidth bounds it. What an engine reaches of it is an assumption that is stated, not measured here.
"""

import argparse
import heapq
import json
import random
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

HOUR_S = 3600.0


@dataclass(frozen=True)
class Gpu:
    """A GPU.

    Attributes:
        tokens_at_32: Tokens a second that GOT's roofline allows at 32 pages at once, 1000 tokens a page.
        tokens_at_256: The same at 256.
        dollars_an_hour: As olmOCR's authors reckon; None where they name none.
    """

    tokens_at_32: float
    tokens_at_256: float
    dollars_an_hour: float | None


GPUS = {
    "A100-40G": Gpu(14_600, 19_200, 1.39),
    "H100": Gpu(31_500, 41_400, 2.69),
    "H200": Gpu(45_200, 59_300, None),
}
# Of the roofline at 256. Engines on models of such a size: Surya 2 (0.65 B) writes 12 884 tokens a second on a card of
# 1.8 TB/s, LightOnOCR (1 B) 5.71 pages a second on an H100.
SHARES = (1.0, 0.3, 0.15)


def estimate_row(gpu: Gpu, share: float, pages: float, tokens: float) -> tuple[float, float, float | None]:
    """Estimate a job on one GPU.

    Args:
        gpu: The GPU.
        share: What is reached of its roofline at 256 pages at once.
        pages: How many.
        tokens: Of each.

    Returns:
        Pages a second, days, dollars.
    """
    speed = share * gpu.tokens_at_256 / tokens
    hours = pages / speed / HOUR_S
    return speed, hours / 24, None if gpu.dollars_an_hour is None else hours * gpu.dollars_an_hour


def write_table(pages: float = 1e6, tokens: float = 1000) -> str:
    """Write the table of all GPUs as Markdown, as docs/million_pages.md has it."""
    lines = ["| GPU | share of the roofline | pages/s | days | dollars |", "|---|---|---|---|---|"]
    for name, gpu in GPUS.items():
        for share in SHARES:
            speed, days, dollars = estimate_row(gpu, share, pages, tokens)
            money = "-" if dollars is None else f"{dollars:,.0f}"
            lines.append(f"| {name} | {share:.0%} | {speed:.1f} | {days:.1f} | {money} |")
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class World:
    """What is simulated.

    Attributes:
        pages: How many.
        workers: That read.
        batch: Pages that a worker takes at a time.
        seconds: Of a worker for a page, on average.
        slow_share: Of pages that are stragglers.
        slow_factor: How much longer these take.
        deaths_per_hour: Of a worker.
        restart_s: Until a worker that died reads again.
        stops: Of the driver, at times drawn by chance.
        resume_s: Until it reads again.
        rows_per_file: Pages that are written together: those read and not written are lost by a stop.
        is_shared_beforehand: Whether each worker has its share from the beginning, as runs side by side have.
    """

    pages: int = 1_000_000
    workers: int = 16
    batch: int = 32
    seconds: float = 0.8
    slow_share: float = 0.01
    slow_factor: float = 20.0
    deaths_per_hour: float = 0.1
    restart_s: float = 120.0
    stops: int = 3
    resume_s: float = 300.0
    rows_per_file: int = 512
    is_shared_beforehand: bool = False


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        hours: Until the last page was written.
        least_hours: With all workers busy all the time, and nothing done twice.
        busy_percent: Of the workers' time.
        redone: Pages that were read more than once.
    """

    hours: float
    least_hours: float
    busy_percent: float
    redone: int


def simulate(world: World, seed: int = 0) -> Outcome:
    """Play a job through, event by event.

    Args:
        world: What is simulated.
        seed: Of chance.

    Returns:
        What came of it.
    """
    chance = random.Random(seed)
    costs = [
        sum(
            chance.expovariate(1 / world.seconds) * (world.slow_factor if chance.random() < world.slow_share else 1)
            for _ in range(min(world.batch, world.pages - start))
        )
        for start in range(0, world.pages, world.batch)
    ]
    least_s = sum(costs) / world.workers
    stops = sorted(chance.uniform(0, least_s) for _ in range(world.stops))
    if world.is_shared_beforehand:
        queues = [list(range(worker, len(costs), world.workers))[::-1] for worker in range(world.workers)]
    else:
        queues = [list(range(len(costs)))[::-1]] * world.workers
    ready = [(0.0, worker) for worker in range(world.workers)]
    unwritten: list[tuple[float, int, list[int]]] = []  # When it was read, which batch, and whose queue it was of.
    files, redone, end_s = max(1, world.rows_per_file // world.batch), 0, 0.0
    while ready:
        now, worker = heapq.heappop(ready)
        if stops and now >= stops[0]:
            stop = stops.pop(0)
            for _, batch, queue in unwritten:  # Also what is being read just now.
                queue.append(batch)
            redone += len(unwritten) * world.batch
            unwritten = []
            ready = [(stop + world.resume_s, one) for one in range(world.workers)]
            heapq.heapify(ready)
            continue
        queue = queues[worker]
        if not queue:
            continue
        batch = queue.pop()
        done = now + costs[batch]
        if chance.random() < costs[batch] * world.deaths_per_hour / HOUR_S:
            queue.append(batch)
            redone += world.batch // 2
            heapq.heappush(ready, (now + costs[batch] / 2 + world.restart_s, worker))
            continue
        unwritten.append((done, batch, queue))
        finished = sum(when <= now for when, _, _ in unwritten)
        if finished >= files:
            unwritten = [one for one in unwritten if one[0] > now]
        end_s = max(end_s, done)
        heapq.heappush(ready, (done, worker))
    busy = sum(costs) / (end_s * world.workers) if end_s else 1.0
    return Outcome(round(end_s / HOUR_S, 2), round(least_s / HOUR_S, 2), round(100 * busy, 1), redone)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table, or what a simulation gave. Returns: 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=("table", "simulate"), default="table")
    parser.add_argument("--tokens", type=float, default=1000, help="of a page (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    for name, value in asdict(World()).items():
        option = f"--{name.replace('_', '-')}"
        if isinstance(value, bool):
            parser.add_argument(option, action="store_true")
        else:
            parser.add_argument(option, type=type(value), default=value, help="(%(default)s)")
    args = parser.parse_args(argv)
    if args.what == "table":
        sys.stdout.write(write_table(args.pages, args.tokens))
        return 0
    world = World(**{name: getattr(args, name) for name in asdict(World())})
    sys.stdout.write(json.dumps(asdict(simulate(world, args.seed))) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
