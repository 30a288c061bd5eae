"""Train the built-in checkpoint `nano` from scratch.

    python -m got_ocr.nano.train --config configuration/training/nano.yaml --output runs/nano [--resume]

Starts as many processes as the configuration says (or takes part in a run of torchrun), each on one thread, and
preloads jemalloc where it is installed, which makes the run up to four times as fast. Interrupt it whenever you like:
`--resume` goes on from the last saved state.
"""

import argparse
import dataclasses
import datetime
import logging
import os
import signal
import socket
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

from got_ocr.nano.config import NanoTrainingConfig
from got_ocr.nano.trainer import STATE_FILE, NanoTrainer, build_batch_source
from got_ocr.training.failures import LostProcessError, naming_lost_process, only_trainer

logger = logging.getLogger(__name__)

JEMALLOC = "libjemalloc.so.2"
WRONG_USAGE, OUTPUT_FAILED, PROCESS_LOST = 2, 5, 7  # as of got-ocr
# Long enough for a busy machine, on which one process may have to wait for the other's prose to be collected.
TIMEOUT = datetime.timedelta(minutes=30)


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line.

    Args:
        arguments: without the program's name; the process's own by default.

    Returns:
        The options.
    """
    parser = argparse.ArgumentParser(prog="python -m got_ocr.nano.train", description="Train the nano checkpoint.")
    parser.add_argument("--config", type=Path, required=True, help="configuration/training/nano.yaml or your own")
    parser.add_argument("--output", type=Path, default=Path("runs/nano"), help="folder of state and log (runs/nano)")
    parser.add_argument("--resume", action="store_true", help="go on from the output folder's state")
    parser.add_argument("--steps", type=int, help="the run's length, instead of the configuration's")
    parser.add_argument(
        "--corpus", type=Path, action="append", default=[], help="a text file to read prose from, repeatable"
    )
    return parser.parse_args(arguments)


def launch(processes: int) -> int:
    """Start this command once more for each process of the run and wait.

    Args:
        processes: how many.

    Returns:
        The first failure's exit code, or 0.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    common = {"WORLD_SIZE": processes, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": 1}
    environment = os.environ | {key: str(value) for key, value in common.items()}
    if _has_jemalloc():
        environment |= {"LD_PRELOAD": JEMALLOC, "MALLOC_CONF": "dirty_decay_ms:-1,muzzy_decay_ms:-1"}
    command = [sys.executable, "-m", "got_ocr.nano.train", *sys.argv[1:]]
    children = [subprocess.Popen(command, env=environment | {"RANK": str(rank)}) for rank in range(processes)]

    def pass_on(number: int, frame: object) -> None:
        for child in children:
            child.send_signal(number)

    signal.signal(signal.SIGTERM, pass_on)
    signal.signal(signal.SIGINT, lambda number, frame: None)  # a terminal's Ctrl-C reaches the children by itself
    return next((code for code in [child.wait() for child in children] if code), 0)


def _has_jemalloc() -> bool:
    """Tell whether the dynamic loader finds jemalloc: it warns on stderr about a name that it doesn't find."""
    probe = subprocess.run(
        [sys.executable, "-c", ""],
        env=os.environ | {"LD_PRELOAD": JEMALLOC},
        capture_output=True,
        text=True,
        check=False,
    )
    return not probe.stderr


def train(options: argparse.Namespace, config: NanoTrainingConfig) -> None:
    """Run this process's part of the training.

    Args:
        options: the command line.
        config: of the run.

    Raises:
        ValueError: there is nothing to resume, or a state that would be overwritten.
    """
    import torch
    from torch import distributed

    torch.set_num_threads(1)
    if config.device == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", os.environ["RANK"])))
    state_file = options.output / STATE_FILE
    if options.resume != state_file.exists():
        raise ValueError(
            f"{state_file} doesn't exist: start without --resume"
            if options.resume
            else f"{state_file} exists: go on with --resume, or name another --output"
        )
    options.output.mkdir(parents=True, exist_ok=True)
    if int(os.environ["WORLD_SIZE"]) > 1:
        backend = "nccl" if config.device.startswith("cuda") else "gloo"
        distributed.init_process_group(backend, timeout=TIMEOUT)
    rank = int(os.environ["RANK"])
    cache = options.output / "corpus.txt"
    if rank == 0:
        build_batch_source(config, cache, held_out=False, seed=config.seed)  # collects the prose for all processes
    if distributed.is_initialized():
        distributed.barrier()
    model_config, batches = build_batch_source(config, cache, held_out=False, seed=config.seed)
    trainer = NanoTrainer(config, model_config, batches, options.output)
    if options.resume:
        trainer.load(state_file)
    if rank == 0:
        count = sum(parameter.numel() for parameter in trainer.model.parameters())
        logger.info(
            "%d parameters, %d font families, from step %d", count, len(batches.pictures.families), trainer.step
        )
    trainer.run()
    if distributed.is_initialized():
        distributed.destroy_process_group()


def main() -> int:
    """Run the command.

    Returns:
        The exit code.
    """
    options = parse_arguments()
    rank = os.environ.get("RANK")
    level = logging.INFO if rank in (None, "0") else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(message)s", stream=sys.stderr)
    config = NanoTrainingConfig.read(options.config)
    extra = tuple(str(path) for path in options.corpus)
    config = dataclasses.replace(config, steps=options.steps or config.steps, corpus=config.corpus + extra)
    if rank is None:
        return launch(config.processes)
    try:
        with only_trainer(options.output) if rank == "0" else nullcontext(), naming_lost_process(str(TIMEOUT)):
            train(options, config)
    except (ValueError, OSError, LostProcessError) as error:
        sys.stderr.write(f"error: {' '.join(str(error).split())}\n")
        codes = {OSError: OUTPUT_FAILED, LostProcessError: PROCESS_LOST}
        return next((code for kind, code in codes.items() if isinstance(error, kind)), WRONG_USAGE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
