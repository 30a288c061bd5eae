"""Kill the driver, workers and a node of a cluster by SIGKILL, at random points; then compare with the serial run.

python -m got_ocr.bulk.benchmarks.kills --pages 1000 --kills 10 --folder /tmp/kills

A cluster of two nodes on this machine, two workers each. For each of the three things to kill the pages are read anew:
it is killed as often as asked, after numbers of written pages drawn by chance and up to a second more; a driver is
started again by the same command, a worker by Ray, a node by us. Every page must then have one row, equal to what
`got-ocr FOLDER --json` says of it.
"""

import argparse
import contextlib
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from ...reading.answer import GotOcrAnswer
from ...version import __version__
from ..answers import Identity
from ..job import BulkJob
from ..options import BulkOptions, Workers
from ..output import OutputFolder
from ..reading import ModelReader
from .materials import copy_fresh, write_small_pages

NO_MODEL = "digest"  # In the place of a model: workers start in a second instead of ten.
NO_MODEL_S = 0.05  # What a page takes then.
LOG_VARIABLE = "GOT_OCR_BENCHMARK_LOG"
NODE_CPUS = 3  # Two workers, and one that draws or the core more that a job asks for: none to spare.
STARTS = 3  # Of a node, until it runs.
VICTIMS = ("driver", "worker", "node")
_EQUAL = ("text", "finish_reason", "num_tokens", "error")
_PROBABILITIES = ("mean_probability", "min_probability")


class LoggedReader:
    """Reads, and notes in a file how many pages it has read.

    Args:
        options: What the job is told; the model's name is `NO_MODEL` for an answer that is a digest of the pixels.
        workers: How this worker reads.
    """

    def __init__(self, options: BulkOptions, workers: Workers) -> None:
        self._reader = None if options.model == NO_MODEL else ModelReader(options, workers)
        self.batch_size = 2 if self._reader is None else self._reader.batch_size

    def read(self, images: Sequence[Image.Image], stop: threading.Event) -> list[GotOcrAnswer]:
        """Read, and note how many."""
        if self._reader is None:
            answers = [digest_answer(image) for image in images]
            time.sleep(NO_MODEL_S * len(images))
        else:
            answers = self._reader.read(images, stop)
        if LOG_VARIABLE in os.environ:
            with open(os.environ[LOG_VARIABLE], "a", encoding="ascii") as log:
                log.write("." * len(images))
        return answers


def digest_answer(image: Image.Image) -> GotOcrAnswer:
    """Answer with a digest of a picture's pixels, so that no two pages can be taken for one another."""
    digest = hashlib.sha256(image.tobytes()).hexdigest()
    certainty = int(digest[:4], 16) / 2**16
    return GotOcrAnswer(digest, "stop", len(digest), certainty, certainty / 2)


def drive(args: argparse.Namespace) -> None:
    """Be the driver: one job on the cluster."""
    from ...hub.cache import BUILTIN_CHECKPOINT
    from ...processing.mode import Mode

    options = BulkOptions(Mode(), args.model or str(BUILTIN_CHECKPOINT), max_new_tokens=args.max_new_tokens)
    workers = Workers(count=args.workers, address=args.address, batch_size=4, rows_per_file=16, device="cpu")
    job = BulkJob([args.pages_in], args.output, options, Identity("benchmark", "", __version__), workers)
    job.load_reader = LoggedReader
    report = job.run()
    print(json.dumps(report["this_run"]), flush=True)


class Killing:
    """A job that is killed again and again.

    Args:
        args: The command's.
        victim: One of `VICTIMS`.
    """

    def __init__(self, args: argparse.Namespace, victim: str) -> None:
        from ray.cluster_utils import Cluster

        self.victim = victim
        self.chance = random.Random(f"{args.seed} {victim}")
        self.output = copy_fresh(args.folder / f"out_{victim}")
        self.log = args.folder / f"reads_{victim}.txt"
        self.log.write_text("")
        self.args = args
        self._node = {"num_cpus": NODE_CPUS, "object_store_memory": 150 * 2**20}
        self.cluster = Cluster(initialize_head=True, head_node_args={**self._node, "include_dashboard": False})
        self.other = self._add_node()
        self.cluster.wait_for_nodes()
        self.driver: subprocess.Popen[bytes] | None = None

    def run(self) -> dict[str, Any]:
        """Read the pages under fire. Returns: figures."""
        points = sorted(self.chance.randrange(1, self.args.pages - 40) for _ in range(self.args.kills))
        start = time.monotonic()
        self._start_driver()
        killed = 0
        try:
            while True:
                if self.driver is not None and self.driver.poll() is not None:
                    if self.driver.returncode:
                        raise SystemExit(f"the driver ended with {self.driver.returncode}, not by us")
                    break
                written = self._count_written()
                may_kill = killed < len(points) and time.monotonic() - start < self.args.longest_s
                if may_kill and written >= points[killed]:
                    time.sleep(self.chance.random())
                    killed += self._kill()
                    print(f"  {self.victim} killed at {written} pages ({killed}/{len(points)})", flush=True)
                time.sleep(0.3)
        finally:
            self._end_driver()
            self.cluster.shutdown()
        reads = len(self.log.read_text())
        seconds = round(time.monotonic() - start, 1)
        return {"victim": self.victim, "kills": killed, "reads": reads, "seconds": seconds}

    def _start_driver(self) -> None:
        args = self.args
        command = [sys.executable, "-m", "got_ocr.bulk.benchmarks.kills", "--drive", "--address", self.cluster.address]
        command += ["--output", str(self.output), "--pages-in", str(args.folder / "pages")]
        command += ["--workers", "4", "--max-new-tokens", str(args.max_new_tokens)]
        command += ["--model", args.model] if args.model else []
        errors = open(self.args.folder / f"driver_{self.victim}.txt", "ab")  # noqa: SIM115 - the driver's own
        with errors:
            self.driver = subprocess.Popen(command, stdout=errors, stderr=errors)

    def _end_driver(self) -> None:
        if self.driver is not None and self.driver.poll() is None:
            self.driver.kill()
            self.driver.wait()

    def _count_written(self) -> int:
        target = OutputFolder(str(self.output), 1).pages
        try:
            return len(target.done())
        except (OSError, ValueError):  # A file is being put in another's place.
            return 0

    def _kill(self) -> int:
        """Kill the victim. Returns: whether there was one."""
        if self.victim == "driver":
            self._end_driver()
            self._start_driver()
            return 1
        if self.victim == "node":
            self.cluster.remove_node(self.other, allow_graceful=False)
            self.other = self._add_node()
            return 1
        readers = self._find_workers()
        if not readers:
            return 0
        os.kill(self.chance.choice(readers), signal.SIGKILL)
        return 1

    def _add_node(self) -> Any:
        for _ in range(STARTS - 1):
            with contextlib.suppress(Exception):  # Ray gives a node 30 seconds, which a busy machine may not have.
                return self.cluster.add_node(**self._node)
        return self.cluster.add_node(**self._node)

    def _find_workers(self) -> list[int]:
        """Find the processes that read, of our own two nodes."""
        import psutil

        found = []
        for node in (self.cluster.head_node, self.other):
            for info in node.all_processes.get("raylet", []):
                for child in psutil.Process(info.process.pid).children(recursive=True):
                    try:
                        if "ReadingWorker" in " ".join(child.cmdline()):
                            found.append(child.pid)
                    except psutil.Error:  # It ended meanwhile.
                        continue
        return found


def read_serially(args: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Read the pages by the light way. Returns: its records by path."""
    if args.model == NO_MODEL:
        return {str(file): _record_of(file) for file in (args.folder / "pages").rglob("*.png")}
    folders = [str(args.folder / "pages" / name) for name in sorted(os.listdir(args.folder / "pages"))]
    limit = ("--max-new-tokens", str(args.max_new_tokens))
    return run_serially(folders, args.folder / "serial.jsonl", args.model or "nano", *limit)


def run_serially(inputs: Sequence[str], target: Path, model: str, *options: str) -> dict[str, dict[str, Any]]:
    """Read by the light way, `got-ocr INPUTS --json`.

    Args:
        inputs: Files and folders.
        target: Where the records go.
        model: As of the command.
        options: More of them.

    Returns:
        The records by input.
    """
    command = [sys.executable, "-m", "got_ocr", *inputs, "--json", "--output", str(target), "--device", "cpu", "-q"]
    subprocess.run([*command, "--model", model, *options], stderr=subprocess.DEVNULL)
    records = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    return {record["input"]: record for record in records}


def _record_of(file: Path) -> dict[str, Any]:
    with Image.open(file) as picture:
        answer = digest_answer(picture.convert("RGB"))
        size = [picture.width, picture.height]
    record = {name: getattr(answer, name) for name in _EQUAL}
    return {**record, "size": size, "lines": [], **{name: getattr(answer, name) for name in _PROBABILITIES}}


def compare(output: Path, serial: dict[str, dict[str, Any]]) -> tuple[int, int]:
    """Compare a job's rows with the serial run's.

    Args:
        output: The job's output.
        serial: Records by path.

    Returns:
        How many rows there are, and how many differ, are there twice, or are missing.
    """
    rows = list(OutputFolder(str(output), 1).iterate())
    wrong = len(rows) - len({row["id"] for row in rows}) + len(serial.keys() - {row["source"] for row in rows})
    for row in rows:
        wrong += bool(find_differences(row, serial[row["source"]]))
    return len(rows), wrong


def find_differences(row: Mapping[str, Any], record: Mapping[str, Any]) -> list[str]:
    """Compare a row with a record of `--json`, which rounds probabilities; both must be by one engine.

    Returns:
        What the two say where they differ.
    """
    said: dict[str, tuple[Any, Any]] = {name: (row[name], record[name]) for name in _EQUAL}
    said["size"] = [row["width_px"], row["height_px"]], record["size"]
    said |= {name: (_rounded(row[name]), _rounded(record[name])) for name in _PROBABILITIES}
    ours, theirs = ([_said_of_line(line) for line in lines] for lines in (row["lines"], record["lines"]))
    said["lines"] = ours, theirs
    return [f"{name}: {one!r}, serially {other!r}" for name, (one, other) in said.items() if one != other]


def _said_of_line(line: Mapping[str, Any]) -> tuple[Any, ...]:
    return (line["text"], line["box"], line["block"], *(_rounded(line[name]) for name in _PROBABILITIES))


def _rounded(probability: float | None) -> float | None:
    return None if probability is None else round(probability, 6)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark, or one driver of it. Returns: 0 where every page came once, with equal rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--victims", nargs="+", choices=VICTIMS, default=VICTIMS)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/got-ocr-kills"))
    parser.add_argument("--model", help="folder, or digest for none (the built-in one)")
    parser.add_argument("--longest-s", type=float, default=3600.0, help="nothing is killed after so long")
    parser.add_argument("--max-new-tokens", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--drive", action="store_true", help=argparse.SUPPRESS)
    for name in ("--address", "--output", "--pages-in", "--workers"):
        parser.add_argument(name, type=int if name == "--workers" else str, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.drive:
        drive(args)
        return 0
    return _run_all(args, lambda victim: Killing(args, victim).run())


def _run_all(args: argparse.Namespace, kill: Callable[[str], dict[str, Any]]) -> int:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_worker_niceness", "0")  # 15 by default: beside other work they would get nothing.
    copy_fresh(args.folder / "pages")
    write_small_pages(args.folder / "pages", args.pages)
    start = time.monotonic()
    serial = read_serially(args)
    print(f"serial: {len(serial)} pages in {time.monotonic() - start:.0f} s", flush=True)
    failed = False
    for victim in args.victims:
        os.environ[LOG_VARIABLE] = str(args.folder / f"reads_{victim}.txt")
        figures = kill(victim)
        rows, wrong = compare(args.folder / f"out_{victim}", serial)
        redone = figures["reads"] - args.pages
        print(json.dumps({**figures, "rows": rows, "wrong": wrong, "redone": redone}), flush=True)
        failed |= bool(wrong) or rows != args.pages
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
