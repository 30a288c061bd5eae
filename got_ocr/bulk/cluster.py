"""Ray, started here or joined, and ended again."""

import contextlib
import math
import os
import re
import signal
import socket
import threading
from collections.abc import Iterator
from typing import Any

from ..configuration.installing import how_to_install
from ..hub.errors import ModelError
from .options import Workers
from .reaper import end_with_us

_MODEL_TROUBLE = re.compile(rf"{re.escape(ModelError.__module__)}\.{ModelError.__name__}: (.+)")
_PLACE = re.compile(r"(?:ray://)?\[?([^/]+?)\]?:(\d{1,5})")
_SYSTEM_TROUBLE = re.compile(r"\[[Ee]rrno (\d+)\]")
PACKAGES = "'ray[data]>=2.60'"  # As pyproject.toml has it.
ANSWER_S = 10.0  # So long a cluster may take to answer.

# What Ray remembers of tasks, four of them a page: by default 100 000 with 3.5 KB each, then a million by their names.
KEPT_TASKS = 1000
MEMORY_SETTINGS = {
    "RAY_task_events_max_num_task_in_gcs": str(KEPT_TASKS),
    "RAY_task_events_max_dropped_task_attempts_tracked_per_job_in_gcs": str(KEPT_TASKS),
}
DEFAULT_OBJECT_STORE_BYTES = 2**30  # Of a cluster started here: pages on their way are some 10 MB each.


@contextlib.contextmanager
def join_cluster(workers: Workers) -> Iterator[str | None]:
    """Join the cluster that an address names, or start one here for as long as this lasts.

    Args:
        workers: Who does the work, and where.

    Yields:
        The address of Ray's dashboard; None where there is none.

    Raises:
        ModuleNotFoundError: If Ray is not installed.
        ValueError: If no cluster answers, or it has not what a worker wants.
    """
    ray = import_ray()
    if ray.is_initialized():
        _check_resources(ray, workers)
        yield None
        return
    with contextlib.nullcontext() if workers.address is not None else end_with_us():
        try:
            context = _join(ray, workers) if workers.address is not None else _start(ray, workers)
            _check_resources(ray, workers)
            yield f"http://{context.dashboard_url}" if context.dashboard_url else None
        finally:
            ray.shutdown()


def _join(ray: Any, workers: Workers) -> Any:
    """Join the cluster that is named. Raises: ValueError: If none answers."""
    try:
        place = _PLACE.fullmatch(workers.address or "")
        if place is not None:  # Ray would try for many minutes.
            socket.create_connection((place[1], int(place[2])), ANSWER_S).close()
        with _without_greeting():
            return ray.init(address=workers.address, log_to_driver=False, logging_level="ERROR")
    except (OSError, OverflowError) as error:  # Ports end at 65535.
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"no Ray cluster answers at {workers.address} ({reason}): see `ray start`.") from None


def _start(ray: Any, workers: Workers) -> Any:
    """Start a cluster on this machine."""
    for name, value in MEMORY_SETTINGS.items():
        os.environ.setdefault(name, value)
    with _without_greeting():
        return ray.init(
            address="local",
            num_cpus=_count_cpus(workers),
            object_store_memory=workers.object_store_bytes or DEFAULT_OBJECT_STORE_BYTES,
            include_dashboard=None if workers.show_dashboard else False,
            log_to_driver=False,
            logging_level="ERROR",
        )


@contextlib.contextmanager
def _without_greeting() -> Iterator[None]:
    """Keep off the terminal what Ray's C++ says of its own settings while it starts; what fails is raised anyway.

    SIGTERM stays what it was: Ray would make an exception of it, which ends in an abort while a job runs.
    """
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    is_main = threading.current_thread() is threading.main_thread()
    of_before = signal.getsignal(signal.SIGTERM)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)
        if is_main:
            signal.signal(signal.SIGTERM, of_before)


@contextlib.contextmanager
def plain_errors(place: str) -> Iterator[None]:
    """Raise a worker's trouble with its model or the output as that, not as a task's death with pages of its stack.

    Args:
        place: What is written to.

    Raises:
        ModelError: If a worker could not load the model.
        OSError: If a worker could not write.
    """
    try:
        yield
    except Exception as error:
        said = str(error)
        model, system = _MODEL_TROUBLE.search(said), _SYSTEM_TROUBLE.findall(said)
        if model is not None:
            raise ModelError(model[1]) from None
        if system and isinstance(error, OSError) and error.filename is None:
            raise OSError(int(system[-1]), os.strerror(int(system[-1])), place) from None
        raise


def import_ray() -> Any:
    """Import Ray, which then tells nobody that it is used. Raises: ModuleNotFoundError."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # Its C++ warns of what we mean to do.
    # It prints what workers met onto our standard output, with stacks: what ends the job is raised, all else has rows.
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", "^")
    try:
        import ray
        import ray.data
        import ray.data.checkpoint
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"bulk reading needs Ray: {how_to_install(PACKAGES)}.") from error
    return ray


def _check_resources(ray: Any, workers: Workers) -> None:
    """Refuse what would wait for ever. Raises: ValueError."""
    there = ray.cluster_resources()
    wanted = {"GPU": workers.count * workers.gpus, "CPU": _count_cpus(workers)}
    for name, number in wanted.items():
        if number > there.get(name, 0.0):
            advice = "--worker-gpus" if name == "GPU" else "--worker-cpus or --renderers"
            raise ValueError(
                f"the workers want {number:g} {name}, the whole cluster has {there.get(name, 0.0):g}: "
                f"lower --workers, {advice}."
            )


def _count_cpus(workers: Workers) -> int:
    """Count the cores of all stages; one hands out the list and writes."""
    return math.ceil(workers.count * workers.cpus + workers.renderers + 1)
