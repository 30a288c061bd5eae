"""From a training configuration's sets to batches: the one door of the data side.

`open_loader` gives a loader; `loader.set_epoch(epoch)` and, to resume, `loader.skip(batches)` choose where the next
iteration begins; of each batch `BadSampleLog.take(batch)` takes the bad samples, and the rest is for the model.
"""

from collections.abc import Callable, Mapping
from typing import Any

from torch.utils.data import DataLoader

from got_ocr.processing.processor import GotOcrProcessor
from got_ocr.training.conversation_dataset import ConversationDataset, DataSetConfig, parse_mix
from got_ocr.training.sampling import EpochBatchSampler
from got_ocr.training.shards_dataset import DEFAULT_BUFFER_SIZE, ShardDataset, is_shard_set


class TrainingLoader(DataLoader[Any]):
    """A DataLoader whose epoch and first batch can be chosen; workers start anew with each epoch.

    Args:
        data: Conversations, or a stream of shards.
        collator: Makes batches.
        batches: Makes the batches' numbers, of conversations; None for a stream.
        num_workers: Processes that load; 0 loads in this one.
        pin_memory: Whether batches are put where a GPU can fetch them.
    """

    def __init__(
        self,
        data: ConversationDataset | ShardDataset,
        collator: Callable[..., dict[str, Any]],
        batches: EpochBatchSampler | None = None,
        *,
        num_workers: int = 0,
        pin_memory: bool = False,
    ) -> None:
        options: dict[str, Any] = {"batch_size": None} if batches is None else {"batch_sampler": batches}
        super().__init__(data, collate_fn=collator, num_workers=num_workers, pin_memory=pin_memory, **options)
        self._order: Any = data if batches is None else batches

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration gives, from its first batch on.

        Args:
            epoch: Counted from 0.
        """
        self._order.set_epoch(epoch)

    def skip(self, num_batches: int) -> None:
        """Leave out batches that were trained on before, of the epoch that is set.

        Args:
            num_batches: How many.
        """
        self._order.skip(num_batches)

    def __len__(self) -> int:
        """Batches of an epoch on every process, skipped ones included."""
        return self._order.num_batches() if isinstance(self._order, ShardDataset) else len(self._order)


def open_loader(
    sets: Mapping[str, DataSetConfig],
    processor: GotOcrProcessor,
    *,
    max_tokens: int,
    batch_size: int,
    collator: Callable[..., dict[str, Any]],
    mix: str = "",
    max_images: int | None = None,
    seed: int = 0,
    rank: int = 0,
    world_size: int = 1,
    length_grouped: bool = False,
    buffer_size: int = DEFAULT_BUFFER_SIZE,
    num_workers: int = 0,
    pin_memory: bool = False,
) -> TrainingLoader:
    """Open a mix of sets, all conversations or all tar shards.

    Args:
        sets: By name, as declared.
        processor: Of the model that is trained.
        max_tokens: Most tokens of a sample.
        batch_size: Samples of a process and step.
        collator: Makes batches.
        mix: Names joined by `+`; empty for all.
        max_images: Most images of a sample; None: any number.
        seed: Of what is chosen and its order.
        rank: Which process.
        world_size: How many processes.
        length_grouped: Whether batches are made of samples of about the same length.
        buffer_size: Of shards: samples among which the next one is chosen.
        num_workers: Processes that load.
        pin_memory: Whether batches are put where a GPU can fetch them.

    Returns:
        The loader.

    Raises:
        ValueError: If the mix, a set or an option is wrong; the message says how to mend it.
        OSError: If a set can't be read.
    """
    names = parse_mix(mix, sets)
    streamed = [name for name in names if is_shard_set(sets[name].path)]
    if not streamed:
        dataset = ConversationDataset(sets, processor, max_tokens, mix=mix, max_images=max_images, seed=seed)
        order = {"seed": seed, "rank": rank, "world_size": world_size, "length_grouped": length_grouped}
        batches = EpochBatchSampler(dataset, batch_size, **order)  # type: ignore[arg-type]
        return TrainingLoader(dataset, collator, batches, num_workers=num_workers, pin_memory=pin_memory)
    other = next((name for name in names if name not in streamed), None)
    if other is not None:
        raise ValueError(
            f"the mix joins tar shards ({streamed[0]}) and conversation files ({other}): use sets of one form."
        )
    stream = ShardDataset(
        sets,
        processor,
        max_tokens,
        batch_size,
        mix=mix,
        max_images=max_images,
        seed=seed,
        rank=rank,
        world_size=world_size,
        buffer_size=buffer_size,
        length_grouped=length_grouped,
    )
    return TrainingLoader(stream, collator, num_workers=num_workers, pin_memory=pin_memory)
