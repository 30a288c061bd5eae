"""Samples that can't be trained on: counted, named in a log, skipped; too many of them stop the run.

The path of a bad sample: whoever finds it raises :class:`BadSampleError` with the reason; the dataset turns that into
a :class:`BadSample` that stands in the sample's place, so that every later sample stays where it was and a resumed
run sees the same batches; the collator leaves it out of the tensors and hands it on under `bad_samples`; in the
process that trains, :meth:`BadSampleLog.take` removes it from the batch, counts it and writes it down. So nothing is
written by DataLoader workers. Each process of a distributed run has a log of its own.
"""

import json
import os
from collections.abc import Iterable, MutableMapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# Keys of a batch that are for the trainer, not for the model.
BAD_SAMPLES_KEY = "bad_samples"
NUM_SAMPLES_KEY = "num_samples"


class BadSampleError(ValueError):
    """A sample can't be trained on; the message is the reason, without the sample's name."""


class TooManyBadSamplesError(ValueError):
    """More samples are bad than the run allows; the message is one line for the user."""


@dataclass(frozen=True)
class Origin:
    """Where a sample stands.

    Attributes:
        file: The conversation file or tar shard, as the user named it.
        line: Its line in a text file, its number in a shard or table; counted from 1.
        name: What else it is known by: its picture, or its key in a shard.
    """

    file: str
    line: int
    name: str = ""

    def __str__(self) -> str:
        name = f" ({self.name})" if self.name else ""
        return f"{self.file}:{self.line}{name}"


@dataclass(frozen=True)
class BadSample:
    """Stands in the place of a sample that can't be trained on.

    Attributes:
        origin: Which sample.
        reason: Why, in one line.
    """

    origin: Origin
    reason: str


@dataclass(frozen=True)
class BadSamplePolicy:
    """How many bad samples a run bears.

    Attributes:
        max_share: Largest share of all samples seen by a process, from 0 to 1.
        max_count: Most bad samples of a process, or None for no such limit.
        min_seen: The share counts once so many samples were seen, or at the run's end.

    Raises:
        ValueError: If a limit is not allowed.
    """

    max_share: float = 0.01
    max_count: int | None = None
    min_seen: int = 100

    def __post_init__(self) -> None:
        if not 0 <= self.max_share <= 1:
            raise ValueError(f"max_share must be a share of all samples, from 0 to 1, got {self.max_share}.")
        if self.max_count is not None and self.max_count < 0:
            raise ValueError(f"max_count must be 0 or more, or none, got {self.max_count}.")
        if self.min_seen < 1:
            raise ValueError(f"min_seen must be 1 or more, got {self.min_seen}.")

    def check(self, seen: int, bad: int, where: str, at_end: bool = False) -> None:
        """Stop a run that has too many bad samples.

        Args:
            seen: Samples seen, the bad ones included.
            bad: How many of them are bad.
            where: Where their names stand, for the message.
            at_end: Whether no more samples come: then the share counts however few were seen, and one is borne.

        Raises:
            TooManyBadSamplesError: If it has.
        """
        over_count = self.max_count is not None and bad > self.max_count
        counts = bad > 1 if at_end else seen >= self.min_seen
        over_share = counts and bad > self.max_share * seen
        if over_count or over_share:
            limit = f"max_count is {self.max_count}" if over_count else f"max_share is {self.max_share:.2%}"
            raise TooManyBadSamplesError(
                f"{bad} of {seen} samples are bad ({bad / seen:.2%}), but {limit}: {where}; correct them or raise "
                "the limit."
            )


class BadSampleLog:
    """Counts samples and writes the bad ones down, each once, however often it is met.

    Args:
        path: JSON-lines file with `file`, `line`, `name` and `reason`; made with its folder when the first bad sample
            is met, gone on with if it is there. None writes nothing.
        policy: When to stop.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None, policy: BadSamplePolicy | None = None) -> None:
        self.path = None if path is None else Path(path)
        self.policy = policy or BadSamplePolicy()
        self.seen = 0
        self.bad = 0
        self.latest: BadSample | None = None
        self._named = set(_read_named(self.path)) if self.path is not None and self.path.exists() else set()

    def take(self, batch: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Take what is not for the model out of a collated batch, and record it.

        Args:
            batch: What a collator made; changed.

        Returns:
            The same batch, with tensors only.

        Raises:
            TooManyBadSamplesError: If the run has too many bad samples now.
        """
        bad: Iterable[BadSample] = batch.pop(BAD_SAMPLES_KEY, ())
        self.record(bad, num_good=batch.pop(NUM_SAMPLES_KEY, 0))
        return batch

    def record(self, bad_samples: Iterable[BadSample], num_good: int = 0) -> None:
        """Count samples and write the bad ones down.

        Args:
            bad_samples: The bad ones.
            num_good: How many good ones came with them.

        Raises:
            TooManyBadSamplesError: If the run has too many bad samples now.
        """
        bad_samples = list(bad_samples)
        self.seen += num_good + len(bad_samples)
        self.bad += len(bad_samples)
        for bad_sample in bad_samples:
            self._write(bad_sample)
            self.latest = bad_sample
        if bad_samples:
            self.policy.check(self.seen, self.bad, self.describe())

    def describe(self) -> str:
        """Say where the bad samples are named, and which was the last.

        Returns:
            A few words; empty if there was none.
        """
        if self.latest is None:
            return ""
        named = "" if self.path is None else f"{self.path} names them, "
        return f"{named}the last is {self.latest.origin}: {self.latest.reason}"

    def state_dict(self) -> dict[str, int]:
        """Give what a checkpoint keeps.

        Returns:
            `seen` and `bad`.
        """
        return {"seen": self.seen, "bad": self.bad}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on counting from a checkpoint.

        Args:
            state: Of :meth:`state_dict`.
        """
        self.seen, self.bad = state["seen"], state["bad"]

    def _write(self, bad_sample: BadSample) -> None:
        key = _key(asdict(bad_sample.origin))
        if self.path is None or key in self._named:
            return
        self._named.add(key)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        record = {**asdict(bad_sample.origin), "reason": bad_sample.reason}
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")


def _key(record: dict[str, Any]) -> tuple[str, int, str]:
    return record["file"], record["line"], record["name"]


def _read_named(path: Path) -> Iterable[tuple[str, int, str]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            yield _key(json.loads(line))
        except (ValueError, KeyError, TypeError):
            continue  # the last line of a run that was killed while writing it
