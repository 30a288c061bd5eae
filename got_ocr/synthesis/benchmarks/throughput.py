"""How many samples of each kind one core draws in a second.

    OMP_NUM_THREADS=1 python -m got_ocr.synthesis.benchmarks.throughput [KIND ...] [--seconds 20] [--degrade default]

One process, a kind after another; a kind that fails is named and left out. Cores are counted by processor time, that
of a browser or a typesetter that the kind has started included, so the figures hold on a busy machine too, where the
wall clock's would not. Pictures are drawn, checked and encoded as PNG, as `got-ocr synth` does, and thrown away.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from got_ocr.synthesis.degradation.degradations import DEFAULT_DEGRADATIONS
from got_ocr.synthesis.engine import EncodedSample, Job, draw_encoded
from got_ocr.synthesis.kinds import KINDS, make_kind
from got_ocr.synthesis.resources import Resources

# Drawn before the clock starts: fonts are opened and caches filled.
WARM_UP = 3


@dataclass(frozen=True)
class Throughput:
    """What one kind costs.

    Attributes:
        kind: its name.
        samples: drawn while the clock ran.
        failed: of them.
        start_s: wall time until the first sample was there: imports, fonts, text.
        wall_s: wall time of the samples.
        cpu_s: processor time of the samples, all processes.
        slowest_s: wall time of the slowest sample.
        pictures: pictures drawn.
        kilobytes: median size of a picture's file.
        characters: median length of the truth.
    """

    kind: str
    samples: int
    failed: int
    start_s: float
    wall_s: float
    cpu_s: float
    slowest_s: float
    pictures: int
    kilobytes: float
    characters: float

    def row(self) -> str:
        """Write a line of the table."""
        cells = [
            self.kind,
            f"{self.samples / self.cpu_s:.2f}",
            f"{self.samples / self.wall_s:.2f}",
            f"{self.slowest_s:.2f}",
            f"{self.start_s:.1f}",
            f"{self.kilobytes:.0f}",
            f"{self.characters:.0f}",
            str(self.samples),
            str(self.failed),
        ]
        return f"| {' | '.join(cells)} |"


COLUMNS = (
    "kind, per second and core, by the wall clock, slowest (s), start (s), KB a picture, characters, samples, failed"
)
HEAD = f"| {COLUMNS.replace(', ', ' | ')} |\n|{'---|' * len(COLUMNS.split(', '))}"


def measure(kind: str, resources: Resources, seconds: float, seed: int) -> Throughput:
    """Draw samples for a while.

    Args:
        kind: one of `KINDS`.
        resources: fonts and text.
        seconds: wall time to draw for; at least one sample is drawn.
        seed: the run's seed.

    Returns:
        What it cost.
    """
    began = time.perf_counter()
    source = make_kind(kind, resources)
    draw_encoded(source, Job(kind, seed, 0))
    start_s = time.perf_counter() - began
    for number in range(1, WARM_UP):
        draw_encoded(source, Job(kind, seed, number))
    times: list[float] = []
    drawn: list[EncodedSample] = []
    began, cpu_began = time.perf_counter(), _cpu_seconds()
    while not times or time.perf_counter() - began < seconds:
        sample_began = time.perf_counter()
        result = draw_encoded(source, Job(kind, seed, WARM_UP + len(times)))
        times.append(time.perf_counter() - sample_began)
        if isinstance(result, EncodedSample):
            drawn.append(result)
    wall_s, cpu_s = time.perf_counter() - began, _cpu_seconds() - cpu_began
    sizes = [len(picture) / 1000 for sample in drawn for picture in sample.pictures]
    lengths = [sum(len(turn["value"]) for turn in sample.conversation[1::2]) for sample in drawn]
    return Throughput(
        kind,
        len(times),
        len(times) - len(drawn),
        start_s,
        wall_s,
        cpu_s,
        max(times),
        len(sizes),
        statistics.median(sizes or [0]),
        statistics.median(lengths or [0]),
    )


def _cpu_seconds() -> float:
    """Processor time of this process and of all that it has started, those that still run included."""
    own = os.times()
    total = own.user + own.system + own.children_user + own.children_system
    if not Path("/proc/self/stat").exists():
        return total
    parents = {}
    ticks = {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = place.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        process = int(place.parent.name)
        parents[process] = int(fields[1])
        ticks[process] = sum(map(int, fields[11:15]))
    family = {os.getpid()}
    while children := {process for process, parent in parents.items() if parent in family} - family:
        family |= children
    family.remove(os.getpid())
    return total + sum(ticks.get(process, 0) for process in family) / os.sysconf("SC_CLK_TCK")


def main() -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("kinds", nargs="*", default=list(KINDS), metavar="KIND", help="(all)")
    parser.add_argument("--seconds", type=float, default=20.0, help="wall time for each kind (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="(%(default)s)")
    parser.add_argument("--degrade", choices=("default",), help="degrade the pictures (clean)")
    args = parser.parse_args()
    resources = Resources(degradations=DEFAULT_DEGRADATIONS if args.degrade else ())
    print(f"Python {platform.python_version()}, {_processor()}\n\n{HEAD}", flush=True)
    failed = 0
    for kind in args.kinds:
        try:
            print(measure(kind, resources, args.seconds, args.seed).row(), flush=True)
        except (ValueError, ImportError, OSError) as error:
            print(f"{kind}: {error}", file=sys.stderr)
            failed += 1
    return min(failed, 1)


def _processor() -> str:
    try:
        said = subprocess.run(["lscpu"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in said.splitlines() if line.startswith("Model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    sys.exit(main())
