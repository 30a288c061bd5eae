"""Streaming of WebDataset tar shards: samples are read where they lie, in an order that every process agrees on.

A sample is a run of members that share a key: `key.png`, or `key.0.png`, `key.1.png` ... for several images, and
`key.json` with `conversations`. Every process and every DataLoader worker walks the members' heads of all shards in
the same shuffled order, which costs some 0.1 ms a sample, and reads only the samples that are its own. So the order
does not depend on the number of workers, ranks take equally many steps, and a resumed run skips ahead without
decoding.
"""

import glob
import json
import tarfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import numpy as np
from torch.utils.data import IterableDataset, get_worker_info

from got_ocr.pages_got_ocr import PAGE_SUFFIXES, natural_key
from got_ocr.processing_got_ocr import GotOcrProcessor
from got_ocr.training.bad_samples import BadSample, BadSampleError, Origin
from got_ocr.training.conversations import Conversation, parse_conversation
from got_ocr.training.encoding import Encoded, encode
from got_ocr.training.sampling import EpochPosition, check_shape

SHARD_SUFFIX = ".tar"
CONVERSATION_SUFFIX = "json"
DEFAULT_BUFFER_SIZE = 2000


@dataclass
class ShardSample:
    """Where a sample's members lie in a shard.

    Attributes:
        origin: The shard, the sample's number in it, and its key.
        members: First byte and number of bytes of each member, by what follows the key in its name.
    """

    origin: Origin
    members: dict[str, tuple[int, int]] = field(default_factory=dict)

    def read(self) -> Conversation:
        """Read its conversation and the bytes of its pictures.

        Returns:
            The conversation.

        Raises:
            BadSampleError: If it is not whole.
        """
        if CONVERSATION_SUFFIX not in self.members:
            raise BadSampleError(f"has no member .{CONVERSATION_SUFFIX}, but {', '.join(self.members) or 'nothing'}")
        pictures = [name for name in self.members if f".{name.rpartition('.')[2]}".lower() in PAGE_SUFFIXES]
        wanted = [CONVERSATION_SUFFIX, *sorted(pictures, key=natural_key)]
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


class ShardDataset(EpochPosition, IterableDataset[list[Encoded | BadSample]]):
    """Batches of samples of tar shards; a bad sample is a :class:`BadSample` in its place.

    Give it to a DataLoader with `batch_size=None`: it makes the batches itself.

    Args:
        shards: The tar files.
        processor: Of the model that is trained.
        max_tokens: Most tokens of a sample.
        batch_size: Samples of a process and step.
        max_images: Most images of a sample; None: any number.
        seed: Of the order.
        rank: Which process.
        world_size: How many processes.
        buffer_size: Samples among which the next one is chosen by chance, besides the shuffling of the shards; 1 keeps
            the order within shards.
        allow_empty: Those of the shards whose answers may be empty.

    Raises:
        ValueError: If there is no shard or a number is not allowed.
    """

    def __init__(
        self,
        shards: Sequence[str | Path],
        processor: GotOcrProcessor,
        max_tokens: int,
        batch_size: int,
        *,
        max_images: int | None = None,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        buffer_size: int = DEFAULT_BUFFER_SIZE,
        allow_empty: Collection[str | Path] = (),
    ) -> None:
        check_shape(batch_size, rank, world_size)
        if not shards:
            raise ValueError("there is no tar shard: give at least one.")
        if buffer_size < 1:
            raise ValueError(f"buffer_size must be 1 or more, got {buffer_size}.")
        self.shards = [Path(shard) for shard in shards]
        self.processor = processor
        self.max_tokens = max_tokens
        self.max_images = max_images
        self.batch_size = batch_size
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.buffer_size = buffer_size
        self.allow_empty = {str(shard) for shard in allow_empty}

    def count_samples(self) -> int:
        """Count the samples of an epoch, which takes a walk over all members' heads.

        Returns:
            How many, those that are no good included.
        """
        return sum(1 for shard in self.shards for _ in scan_shard(shard))

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
        batch: list[ShardSample | BadSample] = []
        for sample in self._shuffled():
            batch.append(sample)
            if len(batch) == self.batch_size * self.world_size:
                yield batch[self.rank :: self.world_size]
                batch = []
        if batch:
            yield batch[self.rank :: self.world_size]

    def _shuffled(self) -> Iterator[ShardSample | BadSample]:
        rng = np.random.default_rng((self.seed, self.epoch))
        buffer: list[ShardSample | BadSample] = []
        for number in rng.permutation(len(self.shards)):
            for sample in scan_shard(self.shards[number]):
                buffer.append(sample)
                if len(buffer) >= self.buffer_size:
                    yield _take_any(buffer, rng)
        while buffer:
            yield _take_any(buffer, rng)

    def _encode(self, sample: ShardSample | BadSample) -> Encoded | BadSample:
        if isinstance(sample, BadSample):
            return sample
        allow_empty = sample.origin.file in self.allow_empty
        try:
            return encode(sample.read(), self.processor, self.max_tokens, self.max_images, allow_empty)
        except BadSampleError as error:
            return BadSample(sample.origin, str(error))


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
