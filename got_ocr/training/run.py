"""One training run, from a configuration to a folder that `from_pretrained` loads.

    OUTPUT/
        config.yaml               what was trained, every field spelled out
        log.jsonl                 every logged figure
        bad_samples.jsonl         samples that could not be trained on, and why (bad_samples.1.jsonl ... of others)
        checkpoint-500/           the newest checkpoints, each a whole model and what is needed to go on
        samples/step-000500.png   pictures with truth and reading
        tensorboard/
        model/                    the model at the end

Several processes come from torchrun or accelerate launch; nothing here starts any.
"""

import dataclasses
import datetime
import importlib.util
import json
import logging
import math
import os
import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import distributed
from torch.utils.data import IterableDataset
from transformers import TrainingArguments

from got_ocr.hub.export import export_for_hub
from got_ocr.hub.whole_file import write_whole
from got_ocr.processing.processor import GotOcrProcessor
from got_ocr.reading.model import GotOcrForConditionalGeneration
from got_ocr.training import checkpoints
from got_ocr.training.bad_samples import BadSampleLog, BadSamplePolicy
from got_ocr.training.callbacks import LOG_FILE, RunLog, SampleSheet, StopAtRate, TensorBoardLog
from got_ocr.training.collator import GotOcrCollator
from got_ocr.training.config import RunSettings, TrainingConfig
from got_ocr.training.conversation_dataset import parse_mix
from got_ocr.training.failures import check_finite_weights, naming_full_disk, naming_lost_process, only_trainer
from got_ocr.training.loader import TrainingLoader, open_loader
from got_ocr.training.lora import add_adapters
from got_ocr.training.packing import PackingCollator
from got_ocr.training.reading import EvaluationReader
from got_ocr.training.sampling import LoaderOptions
from got_ocr.training.settings import changed_fields, read_yaml, to_plain, write_yaml
from got_ocr.training.stages import build_model, freeze, load_model
from got_ocr.training.trainer import GotOcrTrainer

logger = logging.getLogger(__name__)

CONFIG_FILE = "config.yaml"
BAD_SAMPLES_FILE = "bad_samples{rank}.jsonl"
PACKING_NOTICE = (
    "data.packing with model.attention %s computes the whole square of each row. Measured with sdpa on a CPU, rows of "
    "1024 tokens are 35 %% slower than padded batches; batches grouped by length 31 %% faster: set data.packing: "
    "false and data.length_grouped: true, or model.attention: flash_attention_2."
)
COMPLETE_NOTICE = (
    "this run is complete since step %d, so nothing was trained: to go on, raise optimisation.max_steps or epochs, or "
    "lower evaluation.stop_at_cer; for another run, name another --output."
)
FSDP_LAYERS = ["Qwen2DecoderLayer", "GotOcrVisionBlock"]
_ARGUMENTS = {field.name for field in dataclasses.fields(TrainingArguments)}


def train(config: TrainingConfig, output: Path, resume: str = "auto", quiet: bool = False) -> dict[str, float]:
    """Train.

    Args:
        config: The run's.
        output: Its folder; made if it isn't there.
        resume: `auto` goes on from the newest complete checkpoint if there is one, `never` refuses a folder that has
            one, anything else is a checkpoint's folder.
        quiet: Whether to say nothing on stderr.

    Returns:
        Figures of the end: `train_loss`, and `eval_cer` where there is an evaluation set.

    Raises:
        ValueError: If something doesn't fit; the message says what and how to correct it.
        LostProcessError: If another process of the run ended, or does not answer.
    """
    check_launch(config.run)
    # One process of a run holds the folder for all.
    timeout = f"{config.run.timeout_s} s (run.timeout_s)"
    with only_trainer(output) if _is_first() else nullcontext(), naming_lost_process(timeout):
        return _train(config, output, resume, quiet)


def _is_first() -> bool:
    return int(os.environ.get("RANK", "0")) == 0


def _train(config: TrainingConfig, output: Path, resume: str, quiet: bool) -> dict[str, float]:
    checkpoint = _checkpoint_to_resume(output, resume)
    if _is_first():
        _prepare_folder(config, output, checkpoint)
    check_paths(config)
    model, processor = load_start(config, checkpoint)
    source = checkpoint or config.model.checkpoint or config.model.decoder or config.model.tower or "the new model"
    check_finite_weights(model.state_dict(), str(source), "download or convert the checkpoint again, or name another")
    args = training_arguments(config, output)
    loader = open_data(config, processor, args.process_index, args.world_size)
    if isinstance(loader.dataset, IterableDataset) or config.optimisation.max_steps is not None:
        args.max_steps = total_steps(config, len(loader))
    rank = f".{args.process_index}" if args.process_index else ""
    policy = BadSamplePolicy(config.data.max_bad_share, config.data.max_bad_count)
    bad_samples = BadSampleLog(output / BAD_SAMPLES_FILE.format(rank=rank), policy)
    reader = EvaluationReader(config.evaluation, processor) if config.evaluation else None
    trainer = GotOcrTrainer(
        model, args, config=config, processor=processor, loader=loader, bad_samples=bad_samples, reader=reader
    )
    _add_callbacks(trainer, config, output, quiet)
    if checkpoint is not None:
        trainer.load_data_state(checkpoint)
    result = trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    figures = {"train_loss": result.training_loss}
    if checkpoint is not None and trainer.state.global_step == checkpoints.step_of(checkpoint):
        losses = [one["loss"] for one in trainer.state.log_history if "loss" in one]
        figures["train_loss"] = losses[-1] if losses else result.training_loss
        if _is_first():
            logger.warning(COMPLETE_NOTICE, checkpoints.step_of(checkpoint))
    if reader is not None:
        if trainer.last_evaluated_step != trainer.state.global_step:
            trainer.evaluate()
        logged = [record for record in trainer.state.log_history if "eval_cer" in record]
        figures["eval_cer"] = logged[-1]["eval_cer"]
    trainer.check_learned(at_end=True)
    if not _has_final(trainer, output):
        with naming_full_disk(output):
            _write_final(trainer, output)
    return figures


def check_paths(config: TrainingConfig) -> None:
    """Look for the data before a model is loaded, which may take a download.

    Args:
        config: Of the run.

    Raises:
        FileNotFoundError: If the file or folder of a set of the mix, of the evaluation or of DeepSpeed is not there.
    """
    names = parse_mix(config.data.mix, config.data.sets)
    named = {f"data.sets.{name}.path": config.data.sets[name].path for name in names}
    if config.evaluation is not None:
        named["evaluation.path"] = config.evaluation.path
    if config.run.deepspeed is not None:
        named["run.deepspeed"] = config.run.deepspeed
    for field, path in named.items():
        if not path.startswith("hub:") and not set("*?[{") & set(path) and not Path(path).exists():
            raise FileNotFoundError(f"{path}: there is no such file or folder ({field}).")


def check_launch(settings: RunSettings) -> None:
    """See that a run's ways to shard can be had, before anything is loaded.

    Args:
        settings: The run's.

    Raises:
        ModuleNotFoundError: If DeepSpeed is not installed.
        ValueError: If FSDP has one process only.
    """
    if settings.deepspeed is not None and importlib.util.find_spec("deepspeed") is None:
        raise ModuleNotFoundError(
            "run.deepspeed needs DeepSpeed: pip install deepspeed, or go without it by --set run.deepspeed=null."
        )
    if settings.fsdp and int(os.environ.get("WORLD_SIZE", "1")) < 2:
        raise ValueError(
            "run.fsdp shards over several processes, but there is one: start the run by torchrun or accelerate "
            "launch, or go without it by --set run.fsdp=false."
        )


def load_start(config: TrainingConfig, checkpoint: Path | None = None) -> tuple[Any, GotOcrProcessor]:
    """Build what is trained: the stage's model, frozen where it says so, with adapters where it has them.

    Args:
        config: The run's.
        checkpoint: One of the run's own, whose weights are taken at once; the sources need not be there any more.

    Returns:
        The model, or a `peft.PeftModel` around it, and the processor.
    """
    if checkpoint is not None and config.lora is None:
        model, processor = load_model(str(checkpoint), config.model.attention)
    else:
        model, processor = build_model(config)
    if config.lora is not None:
        return add_adapters(model, config.lora, config.seed, str(config.model.checkpoint)), processor
    freeze(model, config)
    return model, processor


def open_data(config: TrainingConfig, processor: GotOcrProcessor, rank: int, world_size: int) -> TrainingLoader:
    """Open the run's data.

    Args:
        config: The run's.
        processor: The model's.
        rank: Which process.
        world_size: How many.

    Returns:
        The loader.
    """
    data = config.data
    has_gpu = torch.cuda.is_available() and config.run.device != "cpu"
    rounded = 8 if has_gpu else None
    dtype = torch.bfloat16 if has_gpu and config.run.precision == "bf16" else torch.float32
    collator: GotOcrCollator = GotOcrCollator(processor, rounded, dtype)
    if data.packing:
        if config.model.attention != "flash_attention_2" and rank == 0:
            logger.warning(PACKING_NOTICE, config.model.attention)
        collator = PackingCollator(processor, data.max_tokens, rounded, dtype)
    options = LoaderOptions(
        max_tokens=data.max_tokens,
        batch_size=config.optimisation.batch_per_device,
        mix=data.mix,
        max_images=data.max_images,
        seed=config.seed,
        rank=rank,
        world_size=world_size,
        length_grouped=data.length_grouped,
        buffer_size=data.buffer_size,
        num_workers=data.workers,
        pin_memory=has_gpu,
    )
    return open_loader(data.sets, processor, options, collator)


def total_steps(config: TrainingConfig, num_batches: int) -> int:
    """Count the optimiser steps of a run.

    Args:
        config: The run's.
        num_batches: Batches of a process and epoch.

    Returns:
        `max_steps`, or those of `epochs`.
    """
    optimisation = config.optimisation
    if optimisation.max_steps is not None:
        return optimisation.max_steps
    return math.ceil(optimisation.epochs * -(-num_batches // optimisation.accumulation_steps))


def training_arguments(config: TrainingConfig, output: Path) -> TrainingArguments:
    """Say a configuration in transformers' words.

    Args:
        config: The run's.
        output: Its folder.

    Returns:
        The arguments. Making them joins the processes of a distributed run.
    """
    optimisation, settings, evaluation = config.optimisation, config.run, config.evaluation
    on_cpu = settings.device == "cpu" or not torch.cuda.is_available()
    fields: dict[str, Any] = {
        "output_dir": str(output),
        "seed": config.seed,
        "learning_rate": optimisation.learning_rate,
        "lr_scheduler_type": optimisation.schedule,
        "weight_decay": optimisation.weight_decay,
        "adam_beta1": optimisation.betas[0],
        "adam_beta2": optimisation.betas[1],
        "adam_epsilon": optimisation.epsilon,
        "max_grad_norm": optimisation.max_grad_norm,
        "num_train_epochs": optimisation.epochs,
        "per_device_train_batch_size": optimisation.batch_per_device,
        "gradient_accumulation_steps": optimisation.accumulation_steps,
        "use_cpu": settings.device == "cpu",
        "bf16": settings.precision == "bf16",
        "fp16": settings.precision == "fp16",
        "full_determinism": settings.deterministic,
        "save_strategy": "steps",
        "save_steps": config.saving.every_steps,
        "logging_strategy": "steps",
        "logging_steps": config.logging.every_steps,
        "logging_first_step": True,
        "eval_strategy": "steps" if evaluation and evaluation.every_steps else "no",
        "disable_tqdm": True,
        "logging_nan_inf_filter": False,  # which would show 0.0 for NaN; the trainer stops at it
        "report_to": [],
        "remove_unused_columns": False,
        "dataloader_pin_memory": not on_cpu,
        "ddp_find_unused_parameters": False,
        "deepspeed": settings.deepspeed,
        "ddp_timeout": settings.timeout_s,
    }
    if on_cpu and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        fields["ddp_backend"] = "gloo"
        if not distributed.is_initialized():  # transformers passes `ddp_timeout` on where there is a GPU only
            distributed.init_process_group("gloo", timeout=datetime.timedelta(seconds=settings.timeout_s))
    if evaluation and evaluation.every_steps:
        fields |= {"eval_steps": evaluation.every_steps, "eval_on_start": evaluation.at_start}
    if settings.fsdp:
        fields["fsdp"] = "full_shard auto_wrap"
        fields["fsdp_config"] = {"transformer_layer_cls_to_wrap": FSDP_LAYERS}
    if settings.tf32 and not on_cpu and torch.cuda.get_device_capability()[0] >= 8:
        fields["tf32"] = True
    # Transformers 5 gave these two other names.
    checkpointing = (
        "activation_checkpointing" if "activation_checkpointing" in _ARGUMENTS else "gradient_checkpointing"
    )
    if settings.gradient_checkpointing:
        fields |= {checkpointing: True, f"{checkpointing}_kwargs": {"use_reentrant": False}}
    if "warmup_ratio" in _ARGUMENTS:
        fields["warmup_ratio"] = optimisation.warmup_share
    else:
        fields["warmup_steps"] = min(optimisation.warmup_share, 0.999999)  # a number below 1 is a share there
    return use_one_gpu(TrainingArguments(**fields))


def use_one_gpu(args: TrainingArguments) -> TrainingArguments:
    """Keep Trainer from DataParallel, which it takes where one process has several GPUs.

    DataParallel would cut a batch's texts and its pictures, which are more or fewer, in different places.

    Args:
        args: transformers' arguments; changed.

    Returns:
        The same.
    """
    if args.n_gpu > 1:
        logger.warning(
            "one of %d GPUs is used: for all of them, torchrun --nproc-per-node %d -m got_ocr train ...",
            args.n_gpu,
            args.n_gpu,
        )
        args._n_gpu = 1
    return args


def _checkpoint_to_resume(output: Path, resume: str) -> Path | None:
    if resume not in ("auto", "never"):
        return checkpoints.check_checkpoint(Path(resume))
    found = checkpoints.find_checkpoint(output)
    if resume == "never" and checkpoints.list_checkpoints(output):
        raise ValueError(f"{output} holds checkpoints already: name another --output, or go on with --resume auto.")
    return found


def _prepare_folder(config: TrainingConfig, output: Path, checkpoint: Path | None) -> None:
    """Write down what is trained; take back what a killed run wrote after its last checkpoint."""
    output.mkdir(parents=True, exist_ok=True)
    checkpoints.clear_staging(output)
    if checkpoint is not None and (output / CONFIG_FILE).is_file():
        for change in changed_fields(read_yaml(output / CONFIG_FILE), to_plain(config)):
            logger.warning("%s, unlike before.", change)
    write_yaml(config, output / CONFIG_FILE)
    log = output / LOG_FILE
    step = checkpoints.step_of(checkpoint) if checkpoint is not None else 0
    if checkpoint is not None:
        logger.warning("going on from %s.", checkpoint)
    if log.is_file():
        kept = [line for line in log.read_text(encoding="utf-8").splitlines() if _is_kept(line, step)]
        text = "".join(f"{line}\n" for line in kept)
        write_whole(log, lambda part: part.write_text(text, encoding="utf-8"))


def _is_kept(line: str, step: int) -> bool:
    try:
        return json.loads(line)["step"] <= step and step > 0
    except (ValueError, KeyError):
        return False


def _add_callbacks(trainer: GotOcrTrainer, config: TrainingConfig, output: Path, quiet: bool) -> None:
    trainer.add_callback(RunLog(output, quiet))
    evaluation, reader = config.evaluation, trainer.reader
    shown = evaluation.sheet_samples if evaluation else 0
    if config.logging.tensorboard:
        board = TensorBoardLog(output, reader, shown)
        trainer.add_callback(board)
        trainer.observers.append(board.show)
    if reader is not None and shown:
        trainer.observers.append(SampleSheet(output, reader, shown).show)
    if evaluation is not None and evaluation.stop_at_cer is not None:
        trainer.add_callback(StopAtRate(evaluation.stop_at_cer))


def _final_facts(trainer: GotOcrTrainer) -> dict[str, Any]:
    return {"step": trainer.state.global_step, "dtype": trainer.config.saving.final_dtype}


def _has_final(trainer: GotOcrTrainer, output: Path) -> bool:
    """Whether `model/` is whole and of this very step, as after a run that was complete before."""
    final = output / checkpoints.FINAL_FOLDER
    return checkpoints.read_facts(final) == _final_facts(trainer) and not checkpoints.what_is_wrong(final)


def _write_final(trainer: GotOcrTrainer, output: Path) -> None:
    """Write `model/`, all processes together, since weights may be sharded."""
    unfinished = checkpoints.staging_folder(output) / checkpoints.FINAL_FOLDER
    trainer.save_model(str(unfinished), _internal_call=True)
    trainer.accelerator.wait_for_everyone()
    if trainer.is_world_process_zero():
        dtype = trainer.config.saving.final_dtype
        is_whole = trainer.config.lora is None or trainer.config.lora.save == "merged"
        if dtype != "float32" and is_whole:
            _convert(unfinished, trainer.processor, getattr(torch, dtype))
        checkpoints.publish(unfinished, output / checkpoints.FINAL_FOLDER, **_final_facts(trainer))
        checkpoints.clear_staging(output)
    trainer.accelerator.wait_for_everyone()


def _convert(folder: Path, processor: GotOcrProcessor, dtype: torch.dtype) -> None:
    """Write a folder's weights once more, in another dtype."""
    model = GotOcrForConditionalGeneration.from_pretrained(folder, dtype=dtype)
    converted = folder.with_name(f"{folder.name}-converted")
    export_for_hub(model, processor, converted, name=folder.name)
    for file in converted.iterdir():
        os.replace(file, folder / file.name)
    shutil.rmtree(converted)
