"""A mix of conversation sets as one dataset of encoded samples.

A mix is named as published, `pdf-ocr+scene-ocr`: sets declared by name, joined by `+`.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from got_ocr.processing.processor import GotOcrProcessor
from got_ocr.training.bad_samples import BadSample, BadSampleError, Origin
from got_ocr.training.conversation_sets import ConversationSet, evenly_spaced, open_set
from got_ocr.training.conversations import Conversation
from got_ocr.training.encoding import Encoded, encode, encode_turns, estimate_tokens, measure_tokens_per_byte

MEASURED_SAMPLES = 64


@dataclass(frozen=True)
class DataSetConfig:
    """A set of training data, as a training configuration declares it.

    Attributes:
        path: A conversation file, a folder, tar shards, or `hub:owner/name`.
        images: Folder that the names of pictures start from; the file's own by default.
        share: Part of the set that is used, the same in every epoch: 0.8 carries 80 % into the next stage.
        count: Use at most so many.
        weight: How often a sample is seen in an epoch, on average: with 0.5 an epoch sees one half, the next epoch the
            other; with 3 it sees each three times.
        split: Of a Hub dataset.
        allow_empty: Whether answers may be empty, for blank pages that are to read as nothing; elsewhere a sample with
            an empty answer is a bad one.

    Raises:
        ValueError: If a number is not allowed.
    """

    path: Any
    images: str | None = None
    share: float = 1.0
    count: int | None = None
    weight: float = 1.0
    split: str = "train"
    allow_empty: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ValueError(f"share must be above 0 and at most 1, got {self.share}.")
        if self.count is not None and self.count < 1:
            raise ValueError(f"count must be 1 or more, or none, got {self.count}.")
        if not 0 < self.weight < float("inf"):
            raise ValueError(f"weight must be above 0, got {self.weight}.")


class SetShare:
    """Which samples of a set are seen in which epoch, by its share, count and weight.

    Args:
        name: The set's.
        config: The set's.
        size: Its samples.
        seed: Chooses.

    Attributes:
        chosen: (samples that are used,) int64 numbers in the set, in order; the same in every epoch.
        per_epoch: How many an epoch sees.
    """

    def __init__(self, name: str, config: DataSetConfig, size: int, seed: int) -> None:
        self._key = (seed, zlib.crc32(name.encode()))
        self.chosen = _choose(size, config, self._key)
        self.per_epoch = max(1, round(config.weight * len(self.chosen)))

    def of_epoch(self, epoch: int) -> np.ndarray:
        """Choose the samples of an epoch.

        The set is an endless run of shuffles, of which an epoch takes the next piece: over the epochs no sample is
        seen more than once more often than another.

        Args:
            epoch: Counted from 0.

        Returns:
            (per_epoch,) int64 places in `chosen`.
        """
        size = len(self.chosen)
        start, end = epoch * self.per_epoch, (epoch + 1) * self.per_epoch
        rounds = range(start // size, -(-end // size))
        run = np.concatenate([np.random.default_rng((*self._key, number)).permutation(size) for number in rounds])
        return run[start - rounds[0] * size : end - rounds[0] * size]


@dataclass(frozen=True)
class _Part:
    name: str
    opened: ConversationSet
    allow_empty: bool
    share: SetShare
    first: int  # number in the dataset of the first one chosen


class ConversationDataset(Dataset[Encoded | BadSample]):
    """Samples by number, encoded; a bad one is a :class:`BadSample` in its place.

    Args:
        sets: By name, as declared.
        mix: Which of them, joined by `+`; empty for all.
        processor: Of the model that is trained.
        max_tokens: Most tokens of a sample.
        max_images: Most images of a sample; None: any number.
        seed: Chooses the samples of a `share`, `count` or `weight`.

    Raises:
        ValueError: If the mix or a set is wrong; the message says how.
        OSError: If a set can't be read.
    """

    def __init__(
        self,
        sets: Mapping[str, DataSetConfig],
        processor: GotOcrProcessor,
        max_tokens: int,
        *,
        mix: str = "",
        max_images: int | None = None,
        seed: int = 0,
    ) -> None:
        self.processor = processor
        self.max_tokens = max_tokens
        self.max_images = max_images
        self._parts: list[_Part] = []
        for name in parse_mix(mix, sets):
            config = sets[name]
            opened = open_set(config.path, config.images, config.split)
            share = SetShare(name, config, len(opened), seed)
            self._parts.append(_Part(name, opened, config.allow_empty, share, len(self)))
        self._estimates: np.ndarray | None = None

    def __len__(self) -> int:
        """Different samples."""
        return self._parts[-1].first + len(self._parts[-1].share.chosen) if self._parts else 0

    def __getitem__(self, index: int) -> Encoded | BadSample:
        part, number = self._find(index)
        try:
            return encode(part.opened[number], self.processor, self.max_tokens, self.max_images, part.allow_empty)
        except BadSampleError as error:
            return BadSample(self.origin(index), str(error))

    def conversation(self, index: int) -> Conversation:
        """Read a sample without encoding it.

        Args:
            index: Its number.

        Returns:
            The conversation.

        Raises:
            BadSampleError: If it can't be read.
        """
        part, number = self._find(index)
        return part.opened[number]

    def origin(self, index: int) -> Origin:
        """Tell where a sample stands, whether or not it can be read.

        Args:
            index: Its number.

        Returns:
            Its file, line and picture.
        """
        part, number = self._find(index)
        try:
            return part.opened[number].origin
        except BadSampleError:
            return part.opened.origin(number)

    def epoch_indices(self, epoch: int) -> np.ndarray:
        """Choose the samples of an epoch by the sets' weights.

        Args:
            epoch: Counted from 0.

        Returns:
            (samples of an epoch,) int64 numbers, set by set; to be shuffled.
        """
        return np.concatenate([part.first + part.share.of_epoch(epoch) for part in self._parts])

    def samples_per_epoch(self) -> int:
        """Count the samples of an epoch.

        Returns:
            The length of :meth:`epoch_indices`.
        """
        return sum(part.share.per_epoch for part in self._parts)

    def estimated_tokens(self) -> np.ndarray:
        """Guess every sample's length, without decoding a picture; measured once.

        Returns:
            (samples,) int64 tokens; 0 for samples that can't be read.
        """
        if self._estimates is None:
            some = [self._readable(index) for index in evenly_spaced(len(self), MEASURED_SAMPLES)]
            rate = measure_tokens_per_byte([one for one in some if one is not None], self.processor)
            frame = len(encode_turns((("", ""),), 1, self.processor)[0]) - self.processor.image_token_len
            every = (self._readable(index) for index in range(len(self)))
            estimates = (0 if one is None else frame + estimate_tokens(one, self.processor, rate) for one in every)
            self._estimates = np.fromiter(estimates, dtype=np.int64, count=len(self))
        return self._estimates

    def summary(self) -> list[tuple[str, int, int, int]]:
        """Describe the mix for people.

        Returns:
            For each set: its name, its samples, how many of them are used, and how many an epoch sees.
        """
        shares = [(part.name, len(part.opened), part.share) for part in self._parts]
        return [(name, size, len(share.chosen), share.per_epoch) for name, size, share in shares]

    def _readable(self, index: int) -> Conversation | None:
        try:
            return self.conversation(index)
        except BadSampleError:
            return None

    def _find(self, index: int) -> tuple[_Part, int]:
        if not 0 <= index < len(self):
            raise IndexError(f"samples are numbered 0..{len(self) - 1}, got {index}.")
        part = next(part for part in reversed(self._parts) if part.first <= index)
        return part, int(part.share.chosen[index - part.first])


def parse_mix(mix: str, sets: Mapping[str, Any]) -> Sequence[str]:
    """Read the name of a mix.

    Args:
        mix: Names joined by `+`; empty for all.
        sets: The sets declared.

    Returns:
        The names.

    Raises:
        ValueError: If a set is not declared, named twice, or there is none.
    """
    names = [name.strip() for name in mix.split("+")] if mix.strip() else list(sets)
    if not names:
        raise ValueError("no set of training data is declared: declare one with its path.")
    unknown = [name for name in names if name not in sets]
    if unknown:
        declared = ", ".join(sets) or "none"
        raise ValueError(f"the mix {mix!r} names {unknown[0]!r}, which is not declared; declared are: {declared}.")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"the mix {mix!r} names {twice!r} twice: give the set a weight instead.")
    return names


def _choose(size: int, config: DataSetConfig, key: tuple[int, int]) -> np.ndarray:
    """Numbers of the samples of a set that are used, in order; the same whatever the number of epochs."""
    wanted = max(1, round(config.share * size))
    wanted = wanted if config.count is None else min(wanted, config.count)
    if wanted == size:
        return np.arange(size)
    return np.sort(np.random.default_rng(key).permutation(size)[:wanted])
