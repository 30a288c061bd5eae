"""Who reads which page just now, so that a page over which workers die is known; and how far the job is.

One actor of a job. A worker says which pages it begins and which it has done. Ray gives a page to another worker only
when the first has died, so a page that is begun while another worker has it open has cost that worker's life: unless
the whole machine went, which is no page's fault.
"""

import time
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


class Ledger:
    """Counts deaths and pages; lives in a process of its own."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[str, str]] = {}  # By page: the worker that has it, and its node.
        self._deaths: Counter[str] = Counter()
        self._first: dict[str, str] = {}  # By digest of the pixels: the page that is read.
        self._counts: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        self._devices: dict[str, dict[str, Any]] = {}
        self._last_done = time.time()

    def begin(self, worker: str, node: str, pages: Sequence[str]) -> list[int]:
        """Note that a worker begins pages.

        Args:
            worker: Its own name.
            node: Its machine's.
            pages: Names of pages.

        Returns:
            Of each page, how many workers have died over it.
        """
        dead_nodes: set[str] | None = None
        for page in pages:
            before = self._open.get(page)
            if before is not None and before[0] != worker:
                dead_nodes = _find_dead_nodes() if dead_nodes is None else dead_nodes
                if before[1] not in dead_nodes:
                    self._deaths[page] += 1
                self._counts["begun_again"] += 1
                self._devices.pop(before[0], None)
            self._open[page] = (worker, node)
        return [self._deaths[page] for page in pages]

    def end(self, worker: str, pages: Iterable[str]) -> None:
        """Note that a worker is through with pages, whatever came of them."""
        for page in pages:
            if self._open.get(page, ("", ""))[0] == worker:
                del self._open[page]

    def count(self, done: Mapping[str, Any], device: Mapping[str, Any] | None = None) -> None:
        """Count pages that were read.

        Args:
            done: `pages`, `tokens`, and `failures` by kind.
            device: What the worker's device does: `worker`, `name`, `busy_percent`, `memory_bytes`.
        """
        self._counts.update({name: done[name] for name in ("pages", "tokens")})
        self._failures.update(done["failures"])
        self._last_done = time.time()
        if device:
            self._devices[str(device["worker"])] = dict(device)

    def claim(self, digest: str, page: str) -> str:
        """Say which page of these pixels is the one to read: the first that asked."""
        return self._first.setdefault(digest, page)

    def look(self) -> dict[str, Any]:
        """Tell how far the job is."""
        return {
            **self._counts,
            "failures": dict(self._failures),
            "deaths": sum(self._deaths.values()),
            "open": len(self._open),
            "devices": list(self._devices.values()),
            "last_done": self._last_done,
        }


def _find_dead_nodes() -> set[str]:
    import ray

    return {node["NodeID"] for node in ray.nodes() if not node["Alive"]}


class LedgerClient:
    """A worker's side of the ledger.

    Args:
        ledger: The actor.
        stage: What the worker does: a death while drawing a page says nothing of reading it.
    """

    def __init__(self, ledger: Any, stage: str) -> None:
        import ray

        self._ray = ray
        self._ledger = ledger
        self._stage = stage
        self.worker = uuid.uuid4().hex
        self._node = ray.get_runtime_context().get_node_id()

    def begin(self, pages: Sequence[str]) -> list[int]:
        """Note that pages begin. Returns: how many workers have died over each."""
        names = [self._name(page) for page in pages]
        deaths: list[int] = self._ray.get(self._ledger.begin.remote(self.worker, self._node, names))
        return deaths

    def end(self, pages: Sequence[str]) -> None:
        """Note that pages are done, before the next one may end this worker."""
        self._ray.get(self._ledger.end.remote(self.worker, [self._name(page) for page in pages]))

    def count(self, done: Mapping[str, Any], device: Mapping[str, Any] | None = None) -> None:
        """Count pages that were read, as :meth:`Ledger.count`."""
        self._ledger.count.remote(done, {**device, "worker": self.worker} if device else None)

    def claim(self, digest: str, page: str) -> str:
        """Say which page of these pixels is to be read, as :meth:`Ledger.claim`."""
        first: str = self._ray.get(self._ledger.claim.remote(digest, page))
        return first

    def _name(self, page: str) -> str:
        return f"{self._stage} {page}"


def start_ledger() -> Any:
    """Start the ledger on this machine, so that it lives as long as the job's own process does."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    actor = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1, scheduling_strategy=here)(Ledger)
    return actor.remote()
