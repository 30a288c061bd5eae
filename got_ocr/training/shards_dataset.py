"""Streaming of WebDataset tar shards: samples are read where they lie, in an order that every process agrees on.

A sample is a run of members that share a key: `key.png`, or `key.0.png`, `key.1.png` ... for several images, and
`key.json` with `conversations`. Every process and every DataLoader worker walks the members' heads of all shards in
the same shuffled order, which costs some 0.1 ms a sample, and reads only the samples that are its own. So the order
does not depend on the number of workers, ranks take equally many steps, and a resumed run skips ahead without
decoding. One such walk beforehand counts the samples, so that sets can be mixed by share, count and weight.
"""

import glob
import json
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate, islice
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import numpy as np
from torch.utils.data import IterableDataset, get_worker_info

from got_ocr.processing.pages import PAGE_SUFFIXES, natural_key
from got_ocr.processing.processor import GotOcrProcessor
from got_ocr.training.bad_samples import BadSample, BadSampleError, Origin
from got_ocr.training.conversation_dataset import DataSetConfig, SetShare, parse_mix
from got_ocr.training.conversations import Conversation, parse_conversation
from got_ocr.training.encoding import Encoded, encode
from got_ocr.training.sampling import GROUPED_BATCHES, EpochPosition, LoaderOptions, check_shape, cut_batches

SHARD_SUFFIX = ".tar"
CONVERSATION_SUFFIX = "json"
# Of a sample's .json, to sort by: about what English text has. All its pictures count as one image each.
BYTES_PER_TOKEN = 4


@dataclass
class ShardSample:
    """Where a sample's members lie in a shard.

    Attributes:
        origin: The shard, the sample's number in it, and its key.
        members: First byte and number of bytes of each member, by what follows the key in its name.
    """

    origin: Origin
    members: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def pictures(self) -> list[str]:
        """The members that are pictures, in order."""
        found = [name for name in self.members if f".{name.rpartition('.')[2]}".lower() in PAGE_SUFFIXES]
        return sorted(found, key=natural_key)

    def estimate_tokens(self, image_tokens: int) -> int:
        """Guess its length by its members' sizes.

        Args:
            image_tokens: Of a picture.

        Returns:
            Tokens, good enough to sort by.
        """
        _, num_bytes = self.members.get(CONVERSATION_SUFFIX, (0, 0))
        return len(self.pictures) * image_tokens + num_bytes // BYTES_PER_TOKEN

    def read(self) -> Conversation:
        """Read its conversation and the bytes of its pictures.

        Returns:
            The conversation.

        Raises:
            BadSampleError: If it is not whole.
        """
        if CONVERSATION_SUFFIX not in self.members:
            raise BadSampleError(f"has no member .{CONVERSATION_SUFFIX}, but {', '.join(self.members) or 'nothing'}")
        wanted = [CONVERSATION_SUFFIX, *self.pictures]
        try:
            with open(self.origin.file, "rb") as file:
                content, *images = [_read_member(file, name, *self.members[name]) for name in wanted]
        except OSError as error:
            raise BadSampleError(f"can't be read: {error.strerror or error}") from None
        try:
            entry = json.loads(content)
        except ValueError as error:
            raise BadSampleError(f"its member .{CONVERSATION_SUFFIX} is not valid JSON: {error}") from None
        return parse_conversation(entry, self.origin, images=images)


@dataclass(frozen=True)
class _ShardSet:
    name: str
    shards: list[Path]
    firsts: list[int]  # number in the set of each shard's first sample, and of all shards together
    share: SetShare


class ShardDataset(EpochPosition, IterableDataset[list[Encoded | BadSample]]):
    """Batches of samples of tar shards; a bad sample is a :class:`BadSample` in its place.

    Give it to a DataLoader with `batch_size=None`: it makes the batches itself.

    Args:
        sets: By name, as declared; each path names tar files.
        processor: Of the model that is trained.
        options: How samples become batches; with `length_grouped`, by their members' sizes.

    Raises:
        ValueError: If a set has no shard or sample, the mix is wrong or a number is not allowed.
    """

    def __init__(self, sets: Mapping[str, DataSetConfig], processor: GotOcrProcessor, options: LoaderOptions) -> None:
        check_shape(options.batch_size, options.rank, options.world_size)
        if options.buffer_size < 1:
            raise ValueError(f"buffer_size must be 1 or more, got {options.buffer_size}.")
        self.processor = processor
        self.max_tokens = options.max_tokens
        self.max_images = options.max_images
        self.batch_size = options.batch_size
        self.seed = options.seed
        self.rank = options.rank
        self.world_size = options.world_size
        self.buffer_size = options.buffer_size
        self.length_grouped = options.length_grouped
        names = parse_mix(options.mix, sets)
        self._sets = [_count(name, sets[name], options.seed) for name in names]
        allowing = [one for one in self._sets if sets[one.name].allow_empty]
        self._allow_empty = {str(shard) for one in allowing for shard in one.shards}

    def samples_per_epoch(self) -> int:
        """Count the samples of an epoch, those that are no good included."""
        return sum(one.share.per_epoch for one in self._sets)

    def num_batches(self) -> int:
        """Count the batches of an epoch, those skipped included."""
        return -(-self.samples_per_epoch() // (self.batch_size * self.world_size))

    def summary(self) -> list[tuple[str, int, int, int]]:
        """Describe the mix for people.

        Returns:
            For each set: its name, its samples, how many of them are used, and how many an epoch sees.
        """
        return [(one.name, one.firsts[-1], len(one.share.chosen), one.share.per_epoch) for one in self._sets]

    def __iter__(self) -> Iterator[list[Encoded | BadSample]]:
        worker = get_worker_info()
        first, step = (0, 1) if worker is None else (worker.id, worker.num_workers)
        for number, batch in enumerate(self.batches()):
            # A DataLoader takes batches from its workers in turn, so this gives them in their order.
            if number >= self.skipped and (number - self.skipped) % step == first:
                yield [self._encode(sample) for sample in batch]

    def batches(self) -> Iterator[list[ShardSample | BadSample]]:
        """Walk over the epoch's batches of this process, without reading samples.

        Yields:
            Each batch; the last may be smaller, or empty so that all processes take equally many steps.
        """
        size = self.batch_size * self.world_size
        rng = np.random.default_rng((self.seed, self.epoch, 1))
        samples = self._shuffled()
        while group := list(islice(samples, size * GROUPED_BATCHES if self.length_grouped else size)):
            lengths = np.array([self._estimate(sample) for sample in group]) if self.length_grouped else None
            for batch in cut_batches(np.arange(len(group)), lengths, size, rng):
                yield [group[number] for number in batch[self.rank :: self.world_size]]

    def _estimate(self, sample: ShardSample | BadSample) -> int:
        return 0 if isinstance(sample, BadSample) else sample.estimate_tokens(self.processor.image_token_len)

    def _shuffled(self) -> Iterator[ShardSample | BadSample]:
        rng = np.random.default_rng((self.seed, self.epoch))
        buffer: list[ShardSample | BadSample] = []
        passes = [one for shard_set in self._sets for one in _passes(shard_set, self.epoch)]
        for place in rng.permutation(len(passes)):
            for sample in _walk(*passes[place]):
                buffer.append(sample)
                if len(buffer) >= self.buffer_size:
                    yield _take_any(buffer, rng)
        while buffer:
            yield _take_any(buffer, rng)

    def _encode(self, sample: ShardSample | BadSample) -> Encoded | BadSample:
        if isinstance(sample, BadSample):
            return sample
        allow_empty = sample.origin.file in self._allow_empty
        try:
            return encode(sample.read(), self.processor, self.max_tokens, self.max_images, allow_empty)
        except BadSampleError as error:
            return BadSample(sample.origin, str(error))


def _count(name: str, config: DataSetConfig, seed: int) -> _ShardSet:
    """Find a set's shards and count their samples, damaged ends included."""
    shards = find_shards(str(config.path))
    if not shards:
        raise ValueError(f"{name}: there is no tar shard at {config.path}.")
    firsts = [0, *accumulate(sum(1 for _ in scan_shard(shard)) for shard in shards)]
    if not firsts[-1]:
        raise ValueError(f"{name}: the tar shards at {config.path} hold no sample.")
    return _ShardSet(name, shards, firsts, SetShare(name, config, firsts[-1], seed))


def _passes(shard_set: _ShardSet, epoch: int) -> list[tuple[Path, np.ndarray]]:
    """An epoch's walks over a set's shards, and which samples each takes; several where a sample is seen again."""
    share, firsts = shard_set.share, shard_set.firsts
    times = np.bincount(share.chosen[share.of_epoch(epoch)], minlength=firsts[-1])
    every = [
        (shard, times[first:end] > number)
        for number in range(times.max())
        for shard, first, end in zip(shard_set.shards, firsts, firsts[1:], strict=False)
    ]
    return [(shard, is_seen) for shard, is_seen in every if is_seen.any()]


def _walk(shard: Path, is_seen: np.ndarray) -> Iterator[ShardSample | BadSample]:
    """The samples of a shard that a walk takes."""
    number = 0
    for sample in scan_shard(shard):
        if number < len(is_seen) and is_seen[number]:
            yield sample
        number += 1
    if number != len(is_seen):
        raise ValueError(
            f"{shard}: holds {number} samples, but {len(is_seen)} when the run began: leave shards alone while a run "
            "reads them."
        )


def find_shards(path: str) -> list[Path]:
    """Find tar shards.

    Args:
        path: A tar file, a folder of them, or a pattern such as `train-*.tar`.

    Returns:
        The files in natural order; none where there are none.
    """
    pattern = str(Path(path) / f"*{SHARD_SUFFIX}") if Path(path).is_dir() else path
    found = [Path(path)] if Path(path).is_file() else [Path(name) for name in glob.glob(pattern)]
    return sorted((shard for shard in found if shard.suffix == SHARD_SUFFIX), key=lambda shard: natural_key(shard))


def scan_shard(shard: Path) -> Iterator[ShardSample | BadSample]:
    """Walk over the samples of a shard by the heads of its members.

    Args:
        shard: The tar file.

    Yields:
        Its samples in order. Where it is damaged, a bad sample that says so stands for all that follows.
    """
    sample: ShardSample | None = None
    number = 0
    try:
        with tarfile.open(shard, "r:") as archive:
            for member in archive:
                if not member.isfile():
                    continue
                key, suffix = _split_name(member.name)
                if sample is None or key != sample.origin.name:
                    if sample is not None:
                        yield sample
                    number += 1
                    sample = ShardSample(Origin(str(shard), number, key))
                sample.members[suffix] = (member.offset_data, member.size)
            damage = _damage_at(shard, archive.offset)
    except (tarfile.TarError, OSError) as error:
        damage = str(error)
    if sample is not None:
        yield sample
    if damage:
        yield BadSample(Origin(str(shard), number + 1), f"the shard is damaged from here on: {damage}")


def _read_member(file: BinaryIO, name: str, start: int, size: int) -> bytes:
    file.seek(start)
    content = file.read(size)
    if len(content) < size:
        raise BadSampleError(f"the shard ends within its member .{name}")
    return content


def _damage_at(shard: Path, offset: int) -> str:
    """Say what is wrong where tarfile stopped, which takes a damaged head for the end; empty at a true end."""
    with open(shard, "rb") as file:
        file.seek(offset)
        return "a member's head is broken" if file.read(tarfile.BLOCKSIZE).strip(b"\0") else ""


def _split_name(name: str) -> tuple[str, str]:
    """A member's key and what follows it, as WebDataset parts them: at the first dot of the file's name."""
    path = PurePosixPath(name)
    stem, _, suffix = path.name.partition(".")
    return str(path.with_name(stem)) if stem else name, suffix


def _take_any(buffer: list[Any], rng: np.random.Generator) -> Any:
    place = int(rng.integers(len(buffer)))
    buffer[place], buffer[-1] = buffer[-1], buffer[place]
    return buffer.pop()


def is_shard_set(path: Any) -> bool:
    """Tell tar shards from conversation files.

    Args:
        path: As a training configuration names a set.

    Returns:
        Whether there are tar shards.
    """
    return isinstance(path, str | Path) and bool(find_shards(str(path)))
