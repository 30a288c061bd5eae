"""What Ray costs a page, what a second worker brings, and whether memory stays as it is.

python -m got_ocr.bulk.benchmarks.throughput workers --pages 300      a loop, one and two workers, the built-in model
python -m got_ocr.bulk.benchmarks.throughput overhead --pages 1000    Ray against a loop, without a model
python -m got_ocr.bulk.benchmarks.throughput memory --pages 3000      the memory of all processes while it goes on

Speeds are of the middle of a run, from its first to its last fifth of pages: starting processes is told apart.
"""

import argparse
import json
import os
import statistics
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from ...version import __version__
from ..answers import Identity
from ..catalog import Cataloguer, list_pages, make_sources
from ..cluster import import_ray
from ..drawing import Drawer
from ..inputs import find_sources
from ..job import BulkJob, Progress
from ..options import BulkOptions, Workers
from ..reading import ReadingWorker
from .kills import NO_MODEL, LoggedReader
from .materials import copy_fresh, write_small_pages

OBJECT_STORE_BYTES = 200 * 2**20
IDENTITY = Identity("benchmark", "", __version__)
MIDDLE = (0.2, 0.8)
LOOK_S = 1.0


def make_options(model: str | None) -> BulkOptions:
    """Make a job's options. Args: model: None for the built-in one."""
    from ...hub.cache import BUILTIN_CHECKPOINT
    from ...processing.mode import Mode

    return BulkOptions(Mode(), model or str(BUILTIN_CHECKPOINT), max_new_tokens=64)


def run_job(args: argparse.Namespace, workers: int, model: str | None) -> dict[str, float]:
    """Read the pages anew on Ray. Returns: seconds in all, until the first page, and pages a second in the middle."""
    seen: list[tuple[float, int]] = []

    def note(progress: Progress) -> None:
        seen.append((time.monotonic(), progress.done))

    job = BulkJob(
        [str(args.folder / "pages")],
        str(copy_fresh(args.folder / "out")),
        make_options(model),
        IDENTITY,
        Workers(count=workers, batch_size=4, rows_per_file=256, device="cpu"),
        load_reader=LoggedReader,
        on_progress=note,
    )
    start = time.monotonic()
    job.run()
    end = time.monotonic()
    first = next((when for when, done in seen if done), end)
    return {"seconds": end - start, "until_first": first - start, "pages_per_second": _middle_speed(seen, args.pages)}


def _middle_speed(seen: list[tuple[float, int]], pages: int) -> float:
    inside = [(when, done) for when, done in seen if MIDDLE[0] * pages <= done <= MIDDLE[1] * pages]
    if len(inside) < 2 or inside[-1][0] == inside[0][0]:
        return float("nan")
    return (inside[-1][1] - inside[0][1]) / (inside[-1][0] - inside[0][0])


def run_loop(args: argparse.Namespace, model: str | None) -> float:
    """Do the same work in this process. Returns: pages a second."""
    options = make_options(model)
    sources = make_sources(find_sources([str(args.folder / "pages")]))
    order = dict(zip(sources["key"].to_pylist(), sources["order"].to_pylist(), strict=True))
    catalog = [table for batch in sources.to_batches(16) for table in _look(options, batch)]
    pages = list_pages(pa.concat_tables(catalog), order)
    drawer, worker = Drawer(options), ReadingWorker(options, Workers(), IDENTITY, load_reader=LoggedReader)
    start = time.monotonic()
    for begin in range(0, pages.num_rows, 4):
        for drawn in drawer(pages.slice(begin, 4)):
            for _ in worker(drawn):
                pass
    return float(pages.num_rows / (time.monotonic() - start))


def _look(options: BulkOptions, batch: Any) -> Any:
    return Cataloguer(options.sources, options.image_column)(pa.Table.from_batches([batch]))


def compare_workers(args: argparse.Namespace) -> dict[str, Any]:
    """Read in a loop without Ray, and with one and two workers, in turn."""
    loop, one, two = [], [], []
    for _ in range(args.rounds):
        loop.append(run_loop(args, None))
        one.append(run_job(args, 1, None)["pages_per_second"])
        two.append(run_job(args, 2, None)["pages_per_second"])
    speeds = {name: [round(speed, 2) for speed in found] for name, found in (("loop", loop), ("1", one), ("2", two))}
    return {
        "pages_per_second": speeds,
        "one_over_loop": round(statistics.median(b / a for a, b in zip(loop, one, strict=True)), 2),
        "two_over_one": round(statistics.median(b / a for a, b in zip(one, two, strict=True)), 2),
        "cores": os.cpu_count(),
    }


def measure_overhead(args: argparse.Namespace) -> dict[str, Any]:
    """Compare Ray with a loop over work that takes 50 ms a page, all of it waiting."""
    on_ray, alone = run_job(args, 1, NO_MODEL), run_loop(args, NO_MODEL)
    return {
        "ms_a_page_on_ray": round(1000 / on_ray["pages_per_second"], 1),
        "ms_a_page_in_a_loop": round(1000 / alone, 1),
        "seconds_until_the_first_page": round(on_ray["until_first"], 1),
    }


def watch_memory(args: argparse.Namespace) -> dict[str, Any]:
    """Sum up what all processes hold while pages are read: proportional set sizes, so that nothing counts twice."""
    import psutil

    over = threading.Event()
    seen: list[tuple[float, float]] = []

    def watch() -> None:
        while not over.wait(LOOK_S):
            total = 0
            for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
                try:
                    total += process.memory_full_info().pss
                except psutil.Error:  # It ended meanwhile.
                    continue
            seen.append((time.monotonic(), total / 2**20))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    start = time.monotonic()
    figures = run_job(args, 2, NO_MODEL)
    over.set()
    thread.join()
    begin, end = start + figures["until_first"], start + figures["seconds"]
    parts = [[mib for when, mib in seen if begin + (end - begin) * k / 5 <= when < begin + (end - begin) * (k + 1) / 5]
             for k in range(5)]  # fmt: skip
    return {"pages": args.pages, "mib_by_fifths": [round(statistics.median(part)) for part in parts if part]}


COMMANDS = {"workers": compare_workers, "overhead": measure_overhead, "memory": watch_memory}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a benchmark on a Ray of its own. Returns: 0."""
    ray = import_ray()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=COMMANDS)
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/got-ocr-throughput"))
    args = parser.parse_args(argv)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("RAY_worker_niceness", "0")  # 15 by default: beside other work they would get nothing.
    copy_fresh(args.folder / "pages")
    write_small_pages(args.folder / "pages", args.pages)
    ray.init(
        address="local",
        num_cpus=6,
        object_store_memory=OBJECT_STORE_BYTES,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
    )
    try:
        print(json.dumps(COMMANDS[args.what](args)), flush=True)
    finally:
        ray.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
