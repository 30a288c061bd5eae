"""What a run would do, without training: parameters, tokens, steps, memory, and a sample with its loss mask."""

from collections.abc import Iterator

import numpy as np

from got_ocr.training import estimate
from got_ocr.training.bad_samples import BadSample
from got_ocr.training.config import TrainingConfig
from got_ocr.training.conversation_dataset import ConversationDataset
from got_ocr.training.conversation_sets import evenly_spaced
from got_ocr.training.encoding import Encoded
from got_ocr.training.loader import TrainingLoader
from got_ocr.training.mask_preview import mask_preview
from got_ocr.training.reading import EvaluationReader
from got_ocr.training.run import check_paths, load_start, open_data, total_steps
from got_ocr.training.stages import count_parameters

CHECKED_SAMPLES = 32


def describe_run(config: TrainingConfig, world_size: int = 1, in_color: bool = False) -> Iterator[str]:
    """Describe a run.

    Args:
        config: The run's.
        world_size: Processes that it would have.
        in_color: Whether the loss mask is coloured instead of bracketed.

    Yields:
        Lines, as they are known.

    Raises:
        ValueError: If something doesn't fit, as the run itself would say.
    """
    check_paths(config)
    model, processor = load_start(config)
    counts = count_parameters(model)
    yield f"stage {config.stage}"
    for count in counts:
        yield f"  {count.part:<13} {count.trained:>13,} trained  {count.frozen:>13,} frozen"
    trained = sum(count.trained for count in counts)
    everything = trained + sum(count.frozen for count in counts)
    yield f"  {'together':<13} {trained:>13,} trained  {everything - trained:>13,} frozen"

    loader = open_data(config, processor, 0, world_size)
    yield from _describe_data(config, loader)
    samples = [sample for sample in _some_samples(loader) if isinstance(sample, Encoded | BadSample)]
    good = [sample for sample in samples if isinstance(sample, Encoded)]
    bad = [sample for sample in samples if isinstance(sample, BadSample)]
    yield f"  {len(samples)} samples looked at, {len(bad)} of them bad"
    for one in bad[:5]:
        yield f"    {one.origin}: {one.reason}"

    optimisation = config.optimisation
    per_step = optimisation.batch_per_device * optimisation.accumulation_steps * world_size
    steps = total_steps(config, len(loader))
    yield "steps"
    yield (
        f"  {steps:,} optimiser steps of {per_step} samples ({optimisation.batch_per_device} a device x "
        f"{optimisation.accumulation_steps} accumulated x {world_size} processes), "
        f"{-(-len(loader) // optimisation.accumulation_steps):,} an epoch"
    )
    if config.evaluation is not None:
        reader = EvaluationReader(config.evaluation, processor)
        steps_between = config.evaluation.every_steps
        when = f"every {steps_between:,} steps and at the end" if steps_between else "at the end"
        yield f"  character error rate of {len(reader)} samples {when}"

    yield "memory, estimated"
    shapes = {"longest allowed": (config.data.max_tokens, 1)}
    if good:
        longest = max(good, key=len)
        shapes = {"longest seen": (len(longest), longest.pixel_values.shape[0]), **shapes}
    for name, (tokens, images) in shapes.items():
        memory = estimate.estimate_memory(
            config,
            (model.get_base_model() if config.lora else model).config,
            num_parameters=everything,
            num_trained=trained,
            trains_tower=counts[0].trained > 0,
            tokens=tokens * optimisation.batch_per_device,
            images=images * optimisation.batch_per_device,
            world_size=world_size,
        )
        yield f"  {name} sample, {tokens} tokens: {memory.describe()}"
    yield from (f"  {line}".rstrip() for line in (estimate.__doc__ or "").splitlines()[2:])

    if good:
        yield f"a sample ({good[0].origin}); what is trained is {'coloured' if in_color else 'in [[ ]]'}"
        yield mask_preview(good[0], processor, in_color)


def _describe_data(config: TrainingConfig, loader: TrainingLoader) -> Iterator[str]:
    yield "data"
    for name, size, used, per_epoch in loader.dataset.summary():
        yield f"  {name}: {size:,} samples, {used:,} used, {per_epoch:,} an epoch"
    if not isinstance(loader.dataset, ConversationDataset):
        yield "  tar shards, read as they come: what they hold in tokens is not known beforehand"
        return
    lengths = loader.dataset.estimated_tokens()[loader.dataset.epoch_indices(0)]
    yield (
        f"  about {int(lengths.sum()):,} tokens an epoch, image tokens included: {lengths.mean():.0f} a sample, "
        f"half below {np.median(lengths):.0f}, the longest {lengths.max()}"
    )


def _some_samples(loader: TrainingLoader) -> list[Encoded | BadSample]:
    dataset = loader.dataset
    if isinstance(dataset, ConversationDataset):
        return [dataset[index] for index in evenly_spaced(len(dataset), CHECKED_SAMPLES)]
    samples: list[Encoded | BadSample] = []
    for batch in dataset:
        samples += batch
        if len(samples) >= CHECKED_SAMPLES:
            break
    return samples
