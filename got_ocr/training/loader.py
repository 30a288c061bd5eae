"""From a training configuration's sets to batches: the one door of the data side.

`open_loader` gives a loader; `loader.set_epoch(epoch)` and, to resume, `loader.skip(batches)` choose where the next
iteration begins; of each batch `BadSampleLog.take(batch)` takes the bad samples, and the rest is for the model.
"""

from collections.abc import Callable, Mapping
from typing import Any

from torch.utils.data import DataLoader

from got_ocr.processing.processor import GotOcrProcessor
from got_ocr.training.conversation_dataset import ConversationDataset, DataSetConfig, parse_mix
from got_ocr.training.sampling import EpochBatchSampler, LoaderOptions
from got_ocr.training.shards_dataset import ShardDataset, is_shard_set


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
    options: LoaderOptions,
    collator: Callable[..., Any],
) -> TrainingLoader:
    """Open a mix of sets, all conversations or all tar shards.

    Args:
        sets: By name, as declared.
        processor: Of the model that is trained.
        options: How samples become batches.
        collator: Makes batches.

    Returns:
        The loader.

    Raises:
        ValueError: If the mix, a set or an option is wrong; the message says how to correct it.
        OSError: If a set can't be read.
    """
    names = parse_mix(options.mix, sets)
    streamed = [name for name in names if is_shard_set(sets[name].path)]
    loading: dict[str, Any] = {"num_workers": options.num_workers, "pin_memory": options.pin_memory}
    if streamed:
        other = next((name for name in names if name not in streamed), None)
        if other is not None:
            raise ValueError(
                f"the mix joins tar shards ({streamed[0]}) and conversation files ({other}): use sets of one form."
            )
        return TrainingLoader(ShardDataset(sets, processor, options), collator, **loading)
    dataset = ConversationDataset(
        sets, processor, options.max_tokens, mix=options.mix, max_images=options.max_images, seed=options.seed
    )
    batches = EpochBatchSampler(
        dataset,
        options.batch_size,
        seed=options.seed,
        rank=options.rank,
        world_size=options.world_size,
        length_grouped=options.length_grouped,
    )
    return TrainingLoader(dataset, collator, batches, **loading)
