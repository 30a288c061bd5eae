"""What Ray costs a page, what a second worker brings, and whether memory stays as it is.

python -m got_ocr.bulk.benchmarks.throughput workers --pages 300      a loop, one and two workers, the built-in model
python -m got_ocr.bulk.benchmarks.throughput overhead --pages 1000    Ray against a loop, without a model
python -m got_ocr.bulk.benchmarks.throughput memory --pages 3000      the memory of each process while it goes on

Speeds are of the middle of a run, from its first to its last fifth of pages: starting processes is told apart.
"""

import argparse
import contextlib
import json
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable, Sequence
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
STEADY = (0.3, 0.95)  # Of the pages: processes are warm, and none has ended.
LOOK_S = 1.0


def make_options(model: str | None) -> BulkOptions:
    """Make a job's options. Args: model: None for the built-in one."""
    from ...hub.cache import BUILTIN_CHECKPOINT
    from ...processing.mode import Mode

    return BulkOptions(Mode(), model or str(BUILTIN_CHECKPOINT), max_new_tokens=64)


def run_job(
    args: argparse.Namespace, workers: int, model: str | None, on_done: Callable[[int], None] = lambda count: None
) -> dict[str, float]:
    """Read the pages anew on Ray. Returns: seconds in all, until the first page, and pages a second in the middle."""
    seen: list[tuple[float, int]] = []

    def note(progress: Progress) -> None:
        seen.append((time.monotonic(), progress.done))
        on_done(progress.done)

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
    """See what each process holds while pages are read: proportional set sizes, so that nothing counts twice."""
    import psutil

    over = threading.Event()
    done = [0]
    seen: dict[str, list[tuple[int, float]]] = {}

    def watch() -> None:
        while not over.wait(LOOK_S):
            sums: dict[str, float] = {"all": 0.0}
            for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
                with contextlib.suppress(psutil.Error):  # It ended meanwhile.
                    mib = process.memory_full_info().pss / 2**20
                    name = name_process(process.cmdline())
                    sums[name] = sums.get(name, 0.0) + mib
                    sums["all"] += mib
            for name, total in sums.items():
                seen.setdefault(name, []).append((done[0], total))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    run_job(args, 2, NO_MODEL, lambda count: done.__setitem__(0, count))
    over.set()
    thread.join()
    begin, end = (round(args.pages * part) for part in STEADY)
    steady = {name: [one for one in found if begin <= one[0] <= end] for name, found in seen.items()}
    growth = {name: growth_in_a_thousand(found) for name, found in steady.items() if len(found) > 2}
    parts = [[mib for count, mib in seen["all"] if args.pages * k / 5 <= count < args.pages * (k + 1) / 5 and count]
             for k in range(5)]  # fmt: skip
    return {
        "pages": args.pages,
        "mib_by_fifths": [round(statistics.median(part)) for part in parts if part],
        "mib_more_in_a_thousand_pages": dict(sorted(growth.items(), key=lambda one: -one[1])),
    }


def name_process(command: Sequence[str]) -> str:
    """Name a process by what it does, from its command line."""
    line = " ".join(command)
    if command and command[0].startswith("ray::"):
        return command[0].removeprefix("ray::").removesuffix(".submit")
    parts = ("gcs_server", "raylet/raylet", "dashboard", "log_monitor", "monitor.py", "agent", "reaper", "page_worker")
    return next((part for part in parts if part in line), "driver")


def growth_in_a_thousand(seen: Sequence[tuple[int, float]]) -> float:
    """Fit a line through what was held after numbers of pages. Returns: its rise over a thousand pages."""
    pages, held = [one[0] for one in seen], [one[1] for one in seen]
    if len(set(pages)) < 2:
        return float("nan")
    return round(1000 * statistics.linear_regression(pages, held).slope, 2)


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
    if args.what == "memory":  # Of a job with a Ray of its own, as `got-ocr bulk` starts it.
        print(json.dumps(watch_memory(args)), flush=True)
        return 0
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
