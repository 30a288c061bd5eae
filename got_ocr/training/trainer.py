"""transformers' Trainer for GOT: our loader, whole checkpoints at a stroke, character error rate as evaluation.

What is different from the stock Trainer, and why:
- batches come from :func:`open_loader`, which knows ranks, epochs and where to go on, instead of accelerate's shards;
- bad samples are taken out of each batch, counted and named; a batch of bad samples only is a step without loss;
- a checkpoint is a folder that `from_pretrained` loads, written aside and renamed when it is complete;
- evaluation generates, on all processes, and scores what was read.
"""

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, distributed
from transformers import Trainer, TrainingArguments
from transformers import trainer as trainer_module
from transformers.trainer_callback import PrinterCallback

from got_ocr.hub.export import export_for_hub
from got_ocr.modeling.checkpoint import HEAD, open_checkpoint
from got_ocr.processing.processor import GotOcrProcessor
from got_ocr.training import checkpoints
from got_ocr.training.bad_samples import BadSampleLog
from got_ocr.training.config import TrainingConfig
from got_ocr.training.failures import (
    check_finite_loss,
    check_finite_weights,
    check_learned,
    naming_full_disk,
)
from got_ocr.training.loader import TrainingLoader
from got_ocr.training.lora import ADAPTER_FOLDER, load_adapter, merged_state_dict, save_adapter
from got_ocr.training.reading import EvaluationReader, Reading, character_error_rate

logger = logging.getLogger(__name__)

DATA_STATE = "data_{rank}.json"
ReadingsObserver = Callable[[int, list[Reading]], None]


class GotOcrTrainer(Trainer):
    """Train a GOT model.

    Args:
        model: The model, frozen parts without gradient; or a `peft.PeftModel` around it.
        args: transformers' arguments; see run.py.
        config: The run's.
        processor: The model's; saved with every checkpoint.
        loader: Gives batches.
        bad_samples: Counts and names bad samples.
        reader: Reads the evaluation set, if there is one.
    """

    control: Any

    def __init__(
        self,
        model: Any,
        args: TrainingArguments,
        *,
        config: TrainingConfig,
        processor: GotOcrProcessor,
        loader: TrainingLoader,
        bad_samples: BadSampleLog,
        reader: EvaluationReader | None = None,
    ) -> None:
        self.config = config
        self.processor = processor
        self.loader = loader
        self.bad_samples = bad_samples
        self.reader = reader
        self.observers: list[ReadingsObserver] = []
        self.last_evaluated_step = -1
        self._folder = Path(args.output_dir)
        # The processor is not given as `processing_class`: Trainer would change the model's special tokens by it.
        super().__init__(
            model=model,
            args=args,
            data_collator=loader.collate_fn,
            train_dataset=loader.dataset,
            eval_dataset=None if reader is None else reader.conversations,
        )
        self.remove_callback(PrinterCallback)

    # Data

    def get_train_dataloader(self) -> Any:
        """The loader; accelerate has no part in it, since it knows its rank."""
        return self.loader

    def _inner_training_loop(self, *args: Any, **kwargs: Any) -> Any:
        # Trainer skips batches of a resumed epoch by reading them; ours are skipped unread.
        with patch.object(trainer_module, "skip_first_batches", _ResumedEpoch):
            return super()._inner_training_loop(*args, **kwargs)

    def get_batch_samples(
        self, epoch_iterator: Iterator[Any], num_batches: int, device: torch.device
    ) -> tuple[list[Any], Any]:
        """Collect an optimiser step's batches and count their labels, bad samples taken out."""
        if self.control.should_training_stop or self.state.global_step >= self.state.max_steps:
            return [], None  # a run that was complete: Trainer would train to the end of the epoch that it resumes
        batches, num_items = super().get_batch_samples(epoch_iterator, num_batches, device)
        if isinstance(num_items, Tensor):
            num_items = num_items.clamp(min=1)  # a step of bad samples only has no labels
        return [self.bad_samples.take(batch) for batch in batches], num_items

    # Evaluation

    def evaluate(self, *args: Any, metric_key_prefix: str = "eval", **kwargs: Any) -> dict[str, float]:
        """Read the evaluation set and score what was read.

        Args:
            *args: Not used.
            metric_key_prefix: In front of the figures' names.
            **kwargs: Not used.

        Returns:
            `eval_cer`, the character error rate; `eval_exact`, the share of samples read without an error.
        """
        if self.reader is None:
            raise ValueError("there is no evaluation set: name one under evaluation.path.")
        rank, world_size = self.args.process_index, self.args.world_size
        readings = self.reader.read(self.readable_model(), rank, world_size)
        if world_size > 1:
            shares: list[Any] = [None] * world_size
            distributed.all_gather_object(shares, readings)
            readings = sorted((one for share in shares for one in share), key=lambda one: one.index)
        metrics = {
            f"{metric_key_prefix}_cer": character_error_rate(readings),
            f"{metric_key_prefix}_exact": sum(not one.errors for one in readings) / len(readings),
        }
        self.last_evaluated_step = self.state.global_step
        self.log(metrics)
        if self.is_world_process_zero():
            for observer in self.observers:
                observer(self.state.global_step, readings)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def readable_model(self) -> Any:
        """The model without peft's and DistributedDataParallel's wrapping: what has `generate` and `config`."""
        model = self.accelerator.unwrap_model(self.model)
        return model.get_base_model() if self.config.lora is not None else model

    def training_step(self, *args: Any, **kwargs: Any) -> Tensor:
        """Compute a micro-step's loss and gradients; a loss that is NaN or infinite ends the run."""
        loss: Tensor = super().training_step(*args, **kwargs)
        optimisation = self.config.optimisation
        step = self.state.global_step + 1
        check_finite_loss(loss.item(), step, self.config.run.precision, optimisation.learning_rate)
        return loss

    def counts(self) -> tuple[int, int]:
        """Count the samples that all processes have seen, and how many of them were bad."""
        counts = torch.tensor([self.bad_samples.seen, self.bad_samples.bad], device=self.args.device)
        if self.args.world_size > 1:
            counts = self.accelerator.reduce(counts, reduction="sum")
        seen, bad = counts.tolist()
        return int(seen), int(bad)

    def check_learned(self, at_end: bool = False) -> None:
        """Refuse to keep a model that has not seen one good sample, of all processes.

        Args:
            at_end: Whether the run is over: then not too many samples of it may be bad, either.

        Raises:
            ValueError: If it hasn't.
        """
        seen, bad = self.counts()
        check_learned(seen, bad, self.bad_samples.describe())
        if at_end:
            self.bad_samples.policy.check(seen, bad, self.bad_samples.describe(), at_end=True)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log figures, with the samples that all processes have seen and those that were bad."""
        logs["samples"], logs["bad_samples"] = self.counts()
        super().log(logs, start_time)

    # Checkpoints

    def _get_output_dir(self, trial: Any) -> str:
        return str(self._folder)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        output = Path(self.args.output_dir)
        self.check_learned()
        with naming_full_disk(output):
            self._write_checkpoint(model, trial, output)

    def _write_checkpoint(self, model: Any, trial: Any, output: Path) -> None:
        self._folder = checkpoints.staging_folder(output)
        try:
            super()._save_checkpoint(model, trial)
        finally:
            self._folder = output
        name = f"{checkpoints.PREFIX}{self.state.global_step}"
        unfinished = checkpoints.staging_folder(output) / name
        state = DATA_STATE.format(rank=self.args.process_index)
        (unfinished / state).write_text(json.dumps(self.bad_samples.state_dict()), encoding="utf-8")
        self.accelerator.wait_for_everyone()
        if self.is_world_process_zero():
            checkpoints.publish(unfinished, output / name, step=self.state.global_step)
            checkpoints.remove_oldest(output, self.config.saving.limit)
        self.accelerator.wait_for_everyone()

    def load_data_state(self, checkpoint: Path) -> None:
        """Go on counting samples from a checkpoint.

        Args:
            checkpoint: Its folder.
        """
        file = checkpoint / DATA_STATE.format(rank=self.args.process_index)
        if file.is_file():
            self.bad_samples.load_state_dict(json.loads(file.read_text(encoding="utf-8")))

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        if self.args.should_save:
            self.write_model(Path(output_dir or self.args.output_dir), state_dict)

    def write_model(self, folder: Path, state_dict: dict[str, Any] | None = None) -> None:
        """Write a folder that `from_pretrained` loads, with or without this package.

        Args:
            folder: Made if it isn't there.
            state_dict: The weights, where they are sharded over processes and were gathered; None: the model's.
        """
        lora = self.config.lora
        if lora is not None and lora.save == "adapter":
            save_adapter(self.model, folder)
            self.processor.save_pretrained(folder)
            return
        model = self.readable_model()
        if lora is not None:
            save_adapter(self.model, folder / ADAPTER_FOLDER)
            state_dict = merged_state_dict(self.model)
        state_dict = model.state_dict() if state_dict is None else dict(state_dict)
        if model.config.tie_word_embeddings:
            state_dict.pop(HEAD, None)
        check_finite_weights(
            state_dict, "the weights that were just trained", "lower optimisation.learning_rate; they are not written"
        )
        use_cache = model.config.use_cache
        model.config.use_cache = True  # off in training only
        try:
            export_for_hub(model, self.processor, folder, state_dict=state_dict)
        finally:
            model.config.use_cache = use_cache

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        folder = Path(resume_from_checkpoint)
        if self.config.lora is not None:
            load_adapter(self.model, folder if self.config.lora.save == "adapter" else folder / ADAPTER_FOLDER)
        elif self.is_fsdp_enabled or self.is_deepspeed_enabled:
            super()._load_from_checkpoint(resume_from_checkpoint, model)
        else:
            state = open_checkpoint(folder).read_state_dict()
            lacking = self.model.load_state_dict(state, strict=False).missing_keys
            if [name for name in lacking if name != HEAD or not self.model.config.tie_word_embeddings]:
                raise ValueError(f"{folder} lacks the tensors {lacking[:3]}.")


class _ResumedEpoch:
    """A loader whose epoch begins where it was left."""

    def __init__(self, loader: TrainingLoader, num_batches: int = 0) -> None:
        self.loader = loader
        self.num_batches = num_batches

    def set_epoch(self, epoch: int) -> None:
        self.loader.set_epoch(epoch)
        self.loader.skip(self.num_batches)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.loader)

    def __len__(self) -> int:
        return len(self.loader)
