"""`got-ocr models`: which checkpoints are on this machine, and which one reads."""

import argparse
import json
import os
import sys

from ..hub.errors import ModelError
from ..hub.model_choice import FULL_MODEL, MODEL_VARIABLE, choose_model
from . import exit_codes
from .terminal import check_standard_output, printable

SUMMARY = f"""\
list the models that are on this machine, and which one reads

Nothing is loaded, and the network is not asked. Without --model the one of ${MODEL_VARIABLE} reads, else nano.

  got-ocr models
  got-ocr models --json"""

UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--json", action="store_true", help="one JSON object a model")


def run(args: argparse.Namespace) -> int:
    """Print the list. Returns the exit code."""
    from ..hub.cached_models import list_models

    check_standard_output()
    default, trouble = None, None
    try:
        default = choose_model(None).location
    except ModelError as error:
        trouble = str(error)
    named = os.environ.get(MODEL_VARIABLE)
    for model in list_models():
        reads = default in (model.name, str(model.location))
        if args.json:
            entry = {
                "name": model.name,
                "location": None if model.location is None else str(model.location),
                "bytes": model.num_bytes,
                "complete": model.is_complete,
                "reads": reads,
            }
            sys.stdout.write(json.dumps(entry) + "\n")
            continue
        if model.location is None:
            where = f"not downloaded: --model {model.name} loads {FULL_MODEL}, 1.4 GB"
        else:
            where = f"{_size(model.num_bytes or 0)}  {model.location}" if model.is_complete else "incomplete"
        sys.stdout.write(f"{'*' if reads else ' '} {printable(model.name):<28} {printable(where)}\n")
    if named and default is not None:
        sys.stderr.write(f"got-ocr: reads: {printable(default)} ({MODEL_VARIABLE})\n")
    if trouble is not None:
        sys.stderr.write(f"got-ocr: error: {printable(trouble)}\n")
        return exit_codes.MODEL_FAILED
    return exit_codes.OK


def _size(num_bytes: int) -> str:
    for unit, name in UNITS:
        if num_bytes >= unit:
            return f"{num_bytes / unit:.3g} {name}"
    return f"{num_bytes} bytes"
