"""What computes for the command line, by `--engine`: torch, or another runtime in its place."""

import argparse
import logging
import os
import weakref
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ..configuration.installing import how_to_install
from ..hub.errors import ModelError, one_line
from ..hub.model_choice import (
    DTYPES,
    ENGINES,
    MODEL_HELP,
    ModelChoice,
    base_of_adapter,
    load_model_for,
    silence_libraries,
)
from . import exit_codes
from .collector import collector_at_rest
from .exit_codes import CommandError
from .numbers import positive_int

if TYPE_CHECKING:
    from ..processing.mode import Mode

VLLM = "'vllm>=0.32,<0.34'"  # As pyproject.toml has it.
VLLM_BATCH_SIZE = 16  # Pages that a call hands over; vLLM adds and drops them as they come and end.
STARTING_ENGINE = "starting vLLM, which takes half a minute or more ..."
# vLLM's processes write to the terminal; of what they say, errors count. Whoever wants more sets these.
QUIET = {
    "VLLM_LOGGING_LEVEL": "ERROR",
    "TORCH_CPP_LOG_LEVEL": "ERROR",
    "TORCH_LOGS": "-all",
    "PYTHONWARNINGS": "ignore",
}
VLLM_DEVICES = ("auto", "cpu", "cuda")


def add_model_arguments(group: Any, *, model: str = "", device: str, batch_size: str) -> None:
    """Declare which model reads, and how it computes.

    Args:
        group: The parser's group to add to.
        model: What the help says of `--model` besides.
        device: What the help says of `--device`.
        batch_size: What the help says of the default of `--batch-size`.
    """
    model = model if model.startswith(";") else f" {model}".rstrip()
    group.add_argument("--model", metavar="NAME", help=f"{MODEL_HELP}{model}")
    group.add_argument("--device", default="auto", help=device)
    group.add_argument("--dtype", choices=DTYPES, default="auto", help="number format of the weights (default: auto)")
    group.add_argument(
        "--engine",
        choices=(*ENGINES, "vllm"),
        default="auto",
        help="what computes: torch; numpy, which starts sooner and takes less time for small checkpoints as the "
        "built-in one (default: numpy for these, unless --device names another); vllm, which reads many pages at once "
        "(needs vLLM installed); onnx or openvino, for folders that got-ocr export wrote (these are known by "
        "themselves)",
    )
    group.add_argument("--batch-size", type=positive_int, metavar="N", help=f"pages at once (default: {batch_size})")
    group.add_argument(
        "--max-new-tokens", type=positive_int, default=4096, metavar="N", help="longest answer (default: 4096)"
    )


def check_engine(args: argparse.Namespace) -> None:
    """Refuse early what an engine can't do.

    Args:
        args: `engine`, `device` and `quantize` of the command line.

    Raises:
        CommandError: If the engine is not installed.
        ValueError: If an option does not go with it.
    """
    if args.quantize is not None and args.engine not in ("auto", "torch"):
        raise ValueError(
            f"--quantize does not go with --engine {args.engine}: it rounds weights for torch. Leave one out."
        )
    if args.engine != "vllm":
        return
    if getattr(args, "draft", False):
        raise ValueError("--draft does not go with --engine vllm, which reads pages side by side: leave out one.")
    if find_spec("vllm") is None:
        raise CommandError(
            exit_codes.PART_MISSING, f"--engine vllm needs vLLM, which is not installed: {how_to_install(VLLM)}."
        )
    if args.device not in VLLM_DEVICES:
        raise ValueError(
            f"--device {args.device} does not go with --engine vllm, which takes the devices of its installation: "
            "leave it out, and choose GPUs by CUDA_VISIBLE_DEVICES."
        )


def load_for(choice: ModelChoice, mode: "Mode | None", args: argparse.Namespace) -> tuple[Any, Any]:
    """Load what reads in a mode, by the engine that the arguments name or that suits.

    Args:
        choice: The checkpoint.
        mode: What is to be read; None: anything.
        args: `device`, `dtype`, `engine`, `quiet` and `quantize` of the command line.

    Returns:
        The model, or what stands in its place, and its processor, None for numpy's.

    Raises:
        CommandError: If the engine is not installed.
        ModelError: If the checkpoint or device can't be used.
    """
    with collector_at_rest():
        if args.engine == "vllm":
            silence_libraries(show_downloads=not args.quiet)
            return _load_vllm(choice, args)
        return load_model_for(*loading_of(choice, mode, args))


def loading_of(choice: ModelChoice, mode: "Mode | None", args: argparse.Namespace) -> tuple[Any, ...]:
    """What a model is loaded by: the arguments of `load_model_for`."""
    return choice, mode, args.device, args.dtype, args.engine, not args.quiet, args.quantize


def _load_vllm(choice: ModelChoice, args: argparse.Namespace) -> tuple[Any, Any]:
    """Load a model into vLLM. Returns: what stands in its place, and the processor."""
    check_engine(args)
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    logging.getLogger("torch").setLevel(logging.ERROR)  # Read from the environment when torch was imported.
    from ..reading.engine_model import EngineModel
    from ..serving.vllm.engine import VllmEngine

    location = os.path.expanduser(choice.location)
    base = base_of_adapter(location)
    if base != location:
        raise ModelError(
            f"{choice.location} is an adapter, and --engine vllm reads whole checkpoints: leave out --engine, or "
            f"serve it by `vllm serve {base} --enable-lora --lora-modules tuned={choice.location}`."
        )
    try:
        engine = VllmEngine(location, args.dtype, {"use_tqdm_on_load": False})
    except ImportError as error:
        raise CommandError(
            exit_codes.PART_MISSING, f"--engine vllm: vLLM can't be imported ({one_line(error)})."
        ) from error
    except Exception as error:  # vLLM fails in any way: memory, devices, a checkpoint that it does not take.
        raise ModelError(f"{choice.location} can't be loaded by vLLM: {one_line(error)}") from error
    _engines.add(engine)
    return EngineModel(engine), engine.processor


def end_engines() -> None:
    """End engines with their processes; threads that wait for their answers wait no more."""
    for engine in list(_engines):
        engine.close()


_engines: "weakref.WeakSet[Any]" = weakref.WeakSet()
