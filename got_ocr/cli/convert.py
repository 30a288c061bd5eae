"""`got-ocr convert`: a checkpoint from one published layout to another."""

import argparse
import sys

from . import exit_codes

SUMMARY = """\
convert a checkpoint between the original's layout and transformers'; exact to the bit

SRC is a folder or Hub id of any published GOT checkpoint: stepfun-ai/GOT-OCR2_0, stepfun-ai/GOT-OCR-2.0-hf, their
fine-tunes, mlx-community/GOT-OCR2_0-bf16. Tokenizer, processor and configuration come along.

  got-ocr convert stepfun-ai/GOT-OCR-2.0-hf got --layout got
  got-ocr convert my-finetune my-finetune-hf --layout transformers"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("source", metavar="SRC", help="the checkpoint: a folder or a Hub id")
    parser.add_argument("destination", metavar="DST", help="the folder to make")
    parser.add_argument(
        "--layout",
        required=True,
        choices=("got", "transformers"),
        help="got: the original's, read by this package and, with the code put beside it, by trust_remote_code=True; "
        "transformers: that of GotOcr2ForConditionalGeneration",
    )
    parser.add_argument(
        "--dtype",
        default="keep",
        choices=("keep", "bfloat16", "float16", "float32"),
        help="of the weights; keep leaves every bit as it is (%(default)s)",
    )
    parser.add_argument("--force", action="store_true", help="replace DST, if it is a checkpoint")
    parser.add_argument("--quiet", action="store_true", help="no progress and no notices")


def run(args: argparse.Namespace) -> int:
    """Convert; returns the exit code."""
    import torch

    from ..checkpoints.convert import convert

    progress = _Progress(args.quiet)
    convert(
        args.source,
        args.destination,
        args.layout,
        dtype=None if args.dtype == "keep" else getattr(torch, args.dtype),
        force=args.force,
        on_bytes=progress.show,
        on_notice=progress.say,
    )
    progress.end()
    progress.say(f"wrote {args.destination} ({args.layout} layout)")
    return exit_codes.OK


class _Progress:
    """Percent of the weights written, on stderr: one line, rewritten on a terminal."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self.is_terminal = sys.stderr.isatty()
        self.percent = -1

    def show(self, done: int, total: int) -> None:
        percent = 100 * done // max(total, 1)
        if self.quiet or percent == self.percent:
            return
        self.percent = percent
        if self.is_terminal:
            print(f"\rgot-ocr: {percent:3d} % of {total / 1e6:.0f} MB", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        if self.is_terminal and not self.quiet:
            print(file=sys.stderr)

    def say(self, text: str) -> None:
        if not self.quiet:
            print(f"got-ocr: {text}", file=sys.stderr)
