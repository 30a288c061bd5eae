"""Which samples make which batch: a pure function of seed, epoch, step, process and number of processes.

So a run that is resumed at a step sees what it would have seen, and all processes take equally many steps.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from torch.utils.data import Sampler

from got_ocr.training.conversation_dataset import ConversationDataset

# Batches' worth of shuffled samples that are sorted by length together: enough that neighbours are about equally long,
# few enough that chance still decides who meets whom.
GROUPED_BATCHES = 50


# Samples of tar shards among which the next one is chosen.
DEFAULT_BUFFER_SIZE = 2000


@dataclass(frozen=True)
class LoaderOptions:
    """How samples become a process's batches.

    Attributes:
        max_tokens: Most tokens of a sample.
        batch_size: Samples of a process and step.
        mix: Names of sets joined by `+`; empty for all.
        max_images: Most images of a sample; None: any number.
        seed: Of what is chosen and its order.
        rank: Which process.
        world_size: How many processes.
        length_grouped: Whether batches are made of samples of about the same length.
        buffer_size: Of shards: samples among which the next one is chosen by chance, besides the shuffling of the
            shards; 1 keeps the order within shards.
        num_workers: Processes that load; 0 loads in this one.
        pin_memory: Whether batches are put where a GPU can fetch them.
    """

    max_tokens: int
    batch_size: int
    mix: str = ""
    max_images: int | None = None
    seed: int = 0
    rank: int = 0
    world_size: int = 1
    length_grouped: bool = False
    buffer_size: int = DEFAULT_BUFFER_SIZE
    num_workers: int = 0
    pin_memory: bool = False


class EpochPosition:
    """Where a run stands: its epoch, and how many of that epoch's batches are behind it."""

    epoch: int = 0
    skipped: int = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration gives, from its first batch on.

        Args:
            epoch: Counted from 0.
        """
        self.epoch = epoch
        self.skipped = 0

    def skip(self, num_batches: int) -> None:
        """Leave out batches that were trained on before, of the epoch that is set.

        Args:
            num_batches: How many.
        """
        self.skipped = num_batches


class EpochBatchSampler(EpochPosition, Sampler[list[int]]):
    """The batches of one epoch and process.

    The last batch of an epoch may be smaller, and empty on some processes: the collator makes an empty batch a step
    without loss. So each sample is seen as often as the mix says, and no process waits for another.

    Args:
        dataset: Chooses the samples of an epoch.
        batch_size: Samples of a process and step.
        seed: Of the order.
        rank: Which process.
        world_size: How many processes.
        length_grouped: Whether batches are made of samples of about the same length, by :meth:`estimated_tokens`.
    """

    def __init__(
        self,
        dataset: ConversationDataset,
        batch_size: int,
        *,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        length_grouped: bool = False,
    ) -> None:
        check_shape(batch_size, rank, world_size)
        self.dataset = dataset
        self.batch_size = batch_size
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.lengths = dataset.estimated_tokens() if length_grouped else None

    def __len__(self) -> int:
        """Batches of an epoch, those skipped included."""
        return -(-self.dataset.samples_per_epoch() // (self.batch_size * self.world_size))

    def __iter__(self) -> Iterator[list[int]]:
        rng = np.random.default_rng((self.seed, self.epoch))
        order = rng.permutation(self.dataset.epoch_indices(self.epoch))
        for number, batch in enumerate(cut_batches(order, self.lengths, self.batch_size * self.world_size, rng)):
            if number >= self.skipped:
                yield batch[self.rank :: self.world_size].tolist()


def cut_batches(
    order: np.ndarray, lengths: np.ndarray | None, size: int, rng: np.random.Generator
) -> Sequence[np.ndarray]:
    """Cut an order into batches, of samples of about the same length where lengths are given.

    Args:
        order: (samples,) numbers, shuffled.
        lengths: Length of every number; None to cut as they come.
        size: Samples of a batch.
        rng: Shuffles the batches, so that long and short ones mix.

    Returns:
        The batches; only the last may be smaller.
    """
    if lengths is None:
        return [order[start : start + size] for start in range(0, len(order), size)]
    span = size * GROUPED_BATCHES
    groups = [order[start : start + span] for start in range(0, len(order), span)]
    # Longest first; a stable sort leaves equals as chance put them.
    order = np.concatenate([group[np.argsort(-lengths[group], kind="stable")] for group in groups])
    batches = [order[start : start + size] for start in range(0, len(order), size)]
    is_partial = len(batches[-1]) < size
    whole, rest = (batches[:-1], batches[-1:]) if is_partial else (batches, [])
    return [*(whole[number] for number in rng.permutation(len(whole))), *rest]


def check_shape(batch_size: int, rank: int, world_size: int) -> None:
    """Refuse a batch or process that can't be.

    Args:
        batch_size: Samples of a process and step.
        rank: Which process.
        world_size: How many processes.

    Raises:
        ValueError: If it can't be.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be 1 or more, got {batch_size}.")
    if not 0 <= rank < world_size:
        raise ValueError(f"rank must be from 0 to world_size - 1 = {world_size - 1}, got {rank}.")
