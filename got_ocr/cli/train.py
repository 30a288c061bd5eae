"""`got-ocr train`: train GOT in any of its stages, or adapters, or the built-in model."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from . import exit_codes
from .exit_codes import CommandError
from .terminal import check_standard_output

if TYPE_CHECKING:
    from ..training.config import TrainingConfig

SUMMARY = """\
train or fine-tune a model on conversation files or tar shards

CONFIG says everything: a YAML file, or the name of one that ships: the published recipe's stages (stage1, stage2,
stage3), lora, finetune and small ones.

  got-ocr train stage3 --dry-run
  got-ocr train lora --set data.sets.mine.path=my_pages.json --output runs/mine
  torchrun --nproc-per-node 8 -m got_ocr train stage2 --output runs/stage2

A run that was stopped in whatever way goes on from its newest complete checkpoint. DIR/model is the result."""

# What tells the built-in model's own configuration from the others.
_NANO_FIELDS = {"stages", "muon_lr"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "config", metavar="CONFIG", help="what to train, on what, and how: a YAML file, or a name such as lora"
    )
    parser.add_argument(
        "--set", dest="assignments", action="append", default=[], metavar="KEY=VALUE",
        help="a field instead of the file's, as optimisation.learning_rate=1e-4; repeatable",
    )  # fmt: skip
    parser.add_argument("--output", metavar="DIR", help="folder of checkpoints, logs and model (the file's output)")
    parser.add_argument(
        "--resume", default="auto", metavar="auto|never|DIR",
        help="auto: go on from the newest complete checkpoint, if there is one; never: start anew, in a folder that "
        "has none; or a checkpoint's folder (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--dry-run", action="store_true",
        help="train nothing: print parameters, tokens, steps, memory, and a sample with its loss mask",
    )  # fmt: skip
    parser.add_argument("--processes", type=int, metavar="N", help="of the run that --dry-run plans (WORLD_SIZE or 1)")
    parser.add_argument("--quiet", action="store_true", help="no progress and no notices")


def run(args: argparse.Namespace) -> int:
    """Train; returns the exit code."""
    from ..training.settings import read_yaml
    from ..training.shipped import find_configuration

    path = find_configuration(args.config)
    if read_yaml(path).keys() >= _NANO_FIELDS:
        return _train_nano(args, path)
    _silence(args.quiet)
    from ..training.config import TrainingConfig

    config = TrainingConfig.read(path, args.assignments)
    if args.dry_run:
        return _dry_run(config, args.processes)
    if args.processes is not None:
        raise ValueError("--processes is for --dry-run: a run takes its processes from torchrun or accelerate launch.")
    output = args.output or config.output
    if output is None:
        raise ValueError("there is no folder to train in: give --output DIR, or the field output.")
    from ..training.failures import LostProcessError
    from ..training.run import train

    try:
        figures = train(config, Path(output), args.resume, args.quiet)
    except LostProcessError as error:
        raise CommandError(exit_codes.PROCESS_LOST, str(error)) from error
    _leave_group()
    if int(os.environ.get("RANK", "0")) == 0:
        rate = f", character error rate {figures['eval_cer']:.2%}" if "eval_cer" in figures else ""
        print(f"{Path(output) / 'model'}: loss {figures['train_loss']:.4f}{rate}")
    return exit_codes.OK


def _dry_run(config: "TrainingConfig", processes: int | None) -> int:
    from ..training.dry_run import describe_run

    check_standard_output()
    world_size = int(os.environ.get("WORLD_SIZE", "1")) if processes is None else processes
    if world_size < 1:
        raise ValueError(f"--processes must be 1 or more, got {world_size}.")
    if int(os.environ.get("RANK", "0")) == 0:
        for line in describe_run(config, world_size, in_color=sys.stdout.isatty()):
            print(line, flush=True)
    return exit_codes.OK


def _train_nano(args: argparse.Namespace, path: Path) -> int:
    """Hand over to the built-in model's own trainer, which starts its processes itself."""
    if args.assignments or args.dry_run or args.processes is not None:
        raise ValueError(f"{path} trains the built-in model, which knows no --set, --dry-run, --processes: edit it.")
    if args.resume not in ("auto", "never"):
        raise ValueError(f"{path} trains the built-in model, whose --resume is auto or never.")
    from ..nano import train as nano
    from ..nano.trainer import STATE_FILE

    output = Path(args.output or "runs/nano")
    arguments: Sequence[str] = ["--config", str(path), "--output", str(output)]
    if (output / STATE_FILE).exists():
        if args.resume == "never":
            raise ValueError(f"{output} holds a run already: name another --output, or go on with --resume auto.")
        arguments = [*arguments, "--resume"]
    sys.argv = ["got-ocr train", *arguments]  # which it passes on to the processes that it starts
    return nano.main()


def _silence(quiet: bool) -> None:
    """Leave stderr to our own lines: libraries' bars and notices go, warnings of ours stay."""
    import warnings

    from ..hub.model_choice import silence_libraries

    silence_libraries(show_downloads=True)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    warnings.filterwarnings("ignore", category=FutureWarning)
    ours = logging.getLogger("got_ocr")
    ours.handlers[:] = [_Notices(logging.ERROR if quiet else logging.WARNING)]


class _Notices(logging.Handler):
    """Says what the library logs."""

    def emit(self, record: logging.LogRecord) -> None:
        print(f"got-ocr: {record.getMessage()}", file=sys.stderr, flush=True)


def _leave_group() -> None:
    from torch import distributed

    if distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()
