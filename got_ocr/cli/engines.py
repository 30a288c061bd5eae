"""What computes for the command line, by `--engine`: torch, or another runtime in its place."""

import argparse
import os
from importlib.util import find_spec
from typing import Any

from ..configuration.installing import how_to_install
from ..hub.errors import ModelError, one_line
from ..hub.model_choice import ModelChoice
from . import exit_codes
from .exit_codes import CommandError

GRAPH_ENGINES = ("onnx", "openvino")  # As got_ocr.graphs.folder has them.
ENGINES = ("torch", "vllm", *GRAPH_ENGINES)
VLLM = "'vllm>=0.32,<0.34'"  # As pyproject.toml has it.
VLLM_BATCH_SIZE = 16  # Pages that a call hands over; vLLM adds and drops them as they come and end.
VLLM_DEVICES = ("auto", "cpu", "cuda")


def add_engine_argument(model: Any) -> None:
    """Declare `--engine`.

    Args:
        model: The parser's group to add to.
    """
    model.add_argument(
        "--engine",
        choices=ENGINES,
        default="torch",
        help="what computes: torch (default); vllm, which reads many pages at once (needs vLLM installed); onnx or "
        "openvino, for what got-ocr export wrote (which is read so anyway)",
    )


def check_engine(args: argparse.Namespace) -> None:
    """Refuse early what an engine can't do.

    Args:
        args: `engine` and `device` of the command line.

    Raises:
        CommandError: If the engine is not installed.
        ValueError: If an option does not go with it.
    """
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


def load_engine(choice: ModelChoice, args: argparse.Namespace) -> tuple[Any, Any] | None:
    """Load what computes in the place of torch.

    Args:
        choice: The checkpoint.
        args: `engine`, `device` and `dtype` of the command line.

    Returns:
        What stands in a model's place, and the processor; None where torch computes.

    Raises:
        CommandError: If the engine is not installed.
        ModelError: If the checkpoint or device can't be used.
    """
    if args.engine != "vllm":
        return _load_graphs(choice, args)
    check_engine(args)
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    from ..reading.calls import EngineModel
    from ..serving.vllm.engine import VllmEngine

    try:
        engine = VllmEngine(os.path.expanduser(choice.location), args.dtype)
    except ImportError as error:
        raise CommandError(
            exit_codes.PART_MISSING, f"--engine vllm: vLLM can't be imported ({one_line(error)})."
        ) from error
    except Exception as error:  # vLLM fails in any way: memory, devices, a checkpoint that it does not take.
        raise ModelError(f"{choice.location} can't be loaded by vLLM: {one_line(error)}") from error
    return EngineModel(engine), engine.processor


def _load_graphs(choice: ModelChoice, args: argparse.Namespace) -> tuple[Any, Any] | None:
    """Load graphs that were exported for another runtime; None where the checkpoint is none of these."""
    from ..graphs.folder import PACKAGES, find_runtime

    folder = os.path.expanduser(choice.location)
    runtime = find_runtime(folder)
    if runtime is None and args.engine in GRAPH_ENGINES:
        raise ModelError(
            f"{choice.location} holds no graphs for --engine {args.engine}: got-ocr export {choice.location} "
            f"--to {args.engine} --output DIR writes them, and --model DIR reads with them."
        )
    if runtime is None:
        return None
    if args.engine not in ("torch", runtime):
        raise ModelError(f"{choice.location} was exported for {runtime}: leave out --engine {args.engine}.")
    if args.device not in ("auto", "cpu") or args.dtype not in ("auto", "float32"):
        raise ValueError(
            f"{choice.location} was exported for {runtime}, on the CPU and in float32: leave out --device and --dtype."
        )
    from ..graphs.model import load_graphs

    try:
        return load_graphs(folder)
    except ImportError as error:
        raise CommandError(
            exit_codes.PART_MISSING,
            f"{choice.location} was exported for {runtime}: {how_to_install(PACKAGES[runtime])} ({one_line(error)}).",
        ) from error
    except ValueError as error:
        raise ModelError(str(error)) from error
