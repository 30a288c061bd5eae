"""The machine: its name, what it can do at most, and whether others used it meanwhile."""

import os
import platform
import resource
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

GEMM_SIDE = {"cpu": 2048, "cuda": 8192}  # Large enough for the libraries' best kernels, short enough for every run.
STREAM_BYTES = {"cpu": 2**29, "cuda": 2**32}  # Far more than any cache holds.
DISTURBED_SHARE = 0.05  # Of the processor time of all cores that others used; more than this and a run is no measure.
LIMIT_DTYPES = (torch.float32, torch.bfloat16)
STATUS, CLEAR_REFERENCES, STAT = Path("/proc/self/status"), Path("/proc/self/clear_refs"), Path("/proc/stat")


def name_device(device: torch.device) -> str:
    """Name the processor or GPU. Returns: its maker's name for it."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def describe_machine(device: torch.device) -> dict[str, Any]:
    """Describe what ran. Returns: fields for the report."""
    import transformers

    described: dict[str, Any] = {
        "device": name_device(device),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }
    if device.type == "cpu":
        described["capability"] = torch.backends.cpu.get_cpu_capability()
        described["has_bfloat16"] = bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return described


def wait_for(device: torch.device) -> None:
    """Wait until a device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class Clock:
    """Time calls.

    Args:
        device: What does the work.
        kind: `wall`, or `cpu` for processor seconds, which say something on a machine that others use too.
    """

    def __init__(self, device: torch.device, kind: str = "wall") -> None:
        self.device = device
        self._now = time.process_time if kind == "cpu" else time.perf_counter

    def time_once(self, work: Callable[[], Any]) -> float:
        """Time one call. Returns: seconds."""
        wait_for(self.device)
        start = self._now()
        work()
        wait_for(self.device)
        return self._now() - start

    def least_seconds(self, work: Callable[[], Any], rounds: int) -> float:
        """Time several calls after one that does not count. Returns: the least of their seconds."""
        work()
        return min(self.time_once(work) for _ in range(rounds))


def measure_limits(clock: Clock, rounds: int = 5) -> dict[str, float]:
    """Measure what the machine does at most: a large matrix product, and reading memory once.

    Args:
        clock: Of the device.
        rounds: Of each; the best counts, since a limit is what was reached once.

    Returns:
        By `gemm_float32` and the like TFLOP/s, by `stream_float32` and the like GB/s.
    """
    device = clock.device
    side, limits = GEMM_SIDE.get(device.type, 2048), {}
    for dtype in LIMIT_DTYPES:
        name = str(dtype).removeprefix("torch.")
        left = torch.rand(side, side, device=device).to(dtype)
        limits[f"gemm_{name}"] = 2 * side**3 / clock.least_seconds(partial(torch.matmul, left, left), rounds) / 1e12
        num_bytes = STREAM_BYTES.get(device.type, 2**29)
        stream = torch.ones(num_bytes // dtype.itemsize, dtype=dtype, device=device)
        limits[f"stream_{name}"] = num_bytes / clock.least_seconds(stream.sum, rounds) / 1e9
    return limits


class Watch:
    """Tell how much of the machine others used between entering and leaving.

    Attributes:
        others_share: Share of all cores' time that other processes used; None where the system does not say.
        load_before: Load averages on entering, of 1, 5 and 15 minutes.
        load_after: Load averages on leaving.
    """

    def __enter__(self) -> "Watch":
        self.others_share: float | None = None
        self.load_before = self.load_after = _load()
        self._busy, self._own, self._start = _busy_seconds(), _own_seconds(), time.perf_counter()
        return self

    def __exit__(self, *error: object) -> None:
        self.load_after = _load()
        busy, seconds = _busy_seconds(), time.perf_counter() - self._start
        if busy is not None and self._busy is not None and seconds > 0:
            others = (busy - self._busy) - (_own_seconds() - self._own)
            self.others_share = max(0.0, others) / seconds / (os.cpu_count() or 1)

    @property
    def is_disturbed(self) -> bool:
        """Whether others used so much that the figures are no measure; False where that can't be told."""
        return self.others_share is not None and self.others_share > DISTURBED_SHARE


def _load() -> tuple[float, ...]:
    return os.getloadavg() if hasattr(os, "getloadavg") else ()


def _own_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _busy_seconds() -> float | None:
    """Processor seconds that the whole machine was busy, others' virtual machines on it included."""
    try:
        fields = STAT.read_text(encoding="ascii").splitlines()[0].split()[1:]
    except (OSError, IndexError):
        return None
    user, nice, system, _, _, irq, softirq, steal = (int(field) for field in fields[:8])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


class Peak:
    """Tell by how many MB memory grew at most within the block; of the GPU where the device is one.

    Attributes:
        grown_mb: Peak over what was held on entering; None where the system can't say.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.grown_mb: float | None = None

    def __enter__(self) -> "Peak":
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
            self._before = float(torch.cuda.memory_allocated(self.device))
            return self
        self._before = _status("VmRSS")
        try:
            CLEAR_REFERENCES.write_text("5", encoding="ascii")  # Sets the peak back to what is held now.
        except OSError:
            self._before = -1.0
        return self

    def __exit__(self, *error: object) -> None:
        if self.device.type == "cuda":
            self.grown_mb = (torch.cuda.max_memory_allocated(self.device) - self._before) / 1e6
        elif self._before >= 0:
            self.grown_mb = (_status("VmHWM") - self._before) / 1e6


def _status(field: str) -> float:
    """A field of this process's status, in bytes; below 0 where there is none."""
    try:
        return int(STATUS.read_text(encoding="ascii").split(f"{field}:")[1].split()[0]) * 1024.0
    except (OSError, IndexError):
        return -1.0


def median(values: list[float]) -> float:
    """The median."""
    return float(statistics.median(values))
