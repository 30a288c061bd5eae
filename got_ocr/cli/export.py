"""`got-ocr export`: a checkpoint as graphs for ONNX Runtime or OpenVINO."""

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path

from ..configuration.installing import how_to_install
from . import exit_codes
from .exit_codes import CommandError

SUMMARY = """\
export a checkpoint as graphs for ONNX Runtime or OpenVINO

CHECKPOINT is a folder or Hub id that got-ocr reads, or nano. DIR gets the tower's and the decoder's graph in float32,
configuration and processor, and reads as any model does; it takes a minute or two.

  got-ocr export nano --to onnx --output nano-onnx
  got-ocr page.png --model nano-onnx"""
# What writes for each runtime, beside torch.
WRITERS = {"onnx": ("onnx", "onnxscript"), "openvino": ("onnx", "onnxscript", "openvino")}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="a folder or Hub id, or nano for the built-in model")
    parser.add_argument("--to", required=True, choices=tuple(WRITERS), help="the runtime that is to read")
    parser.add_argument("-o", "--output", required=True, metavar="DIR", help="the folder to make")
    parser.add_argument("--force", action="store_true", help="write into a folder that holds something already")
    parser.add_argument("-q", "--quiet", action="store_true", help="no notices; errors are said")


def run(args: argparse.Namespace) -> int:
    """Export; returns the exit code."""
    from ..hub.model_choice import choose_model, load_model, silence_libraries

    missing = [name for name in WRITERS[args.to] if find_spec(name) is None]
    if missing:
        raise CommandError(
            exit_codes.PART_MISSING,
            f"--to {args.to} needs {' and '.join(missing)}: {how_to_install(*missing)}.",
        )
    target = Path(args.output).expanduser()
    if target.is_file():
        raise ValueError(f"--output {args.output} is a file: give the folder to make.")
    if target.is_dir() and any(target.iterdir()) and not args.force:
        raise CommandError(exit_codes.OUTPUT_FAILED, f"{args.output} holds something already: --force writes into it.")
    choice = choose_model(args.checkpoint)
    from ..graphs.exporting import export_graphs

    silence_libraries(show_downloads=not args.quiet)
    _say(args, f"loading {choice.location}")
    model, processor = load_model(choice, "cpu", "float32")
    _say(args, f"writing graphs for {args.to}, a minute or two")
    export_graphs(model, processor, target, args.to)
    _say(args, f"wrote {args.output}: got-ocr page.png --model {args.output}")
    return exit_codes.OK


def _say(args: argparse.Namespace, text: str) -> None:
    if not args.quiet:
        print(f"got-ocr: {text}", file=sys.stderr, flush=True)
