"""What computes for the command line, by `--engine`: torch, or another runtime in its place."""

import argparse
import logging
import os
import weakref
from importlib.util import find_spec
from typing import Any

from ..configuration.installing import how_to_install
from ..hub.errors import ModelError, one_line
from ..hub.model_choice import ENGINES, ModelChoice, base_of_adapter
from . import exit_codes
from .exit_codes import CommandError

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


def add_engine_argument(model: Any, *, for_server: bool = False) -> None:
    """Declare `--engine`.

    Args:
        model: The parser's group to add to.
        for_server: Whether a server is meant, which always computes in torch or vLLM.
    """
    vllm = "vllm, which reads many pages at once (needs vLLM installed)"
    if for_server:
        model.add_argument(
            "--engine", choices=("torch", "vllm"), default="torch", help=f"what computes: torch (default), or {vllm}"
        )
        return
    model.add_argument(
        "--engine",
        choices=(*ENGINES, "vllm"),
        default="auto",
        help="what computes: torch; numpy, which starts sooner and takes less time for small checkpoints as the "
        f"built-in one (default: numpy for these, unless --device names another); {vllm}; onnx or openvino, for "
        "folders that got-ocr export wrote (these are known by themselves)",
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


def load_engine(choice: ModelChoice, args: argparse.Namespace) -> tuple[Any, Any]:
    """Load what computes in the place of torch.

    Args:
        choice: The checkpoint.
        args: `engine` and `dtype` of the command line.

    Returns:
        What stands in a model's place, and the processor.

    Raises:
        CommandError: If the engine is not installed.
        ModelError: If the checkpoint or device can't be used.
    """
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
