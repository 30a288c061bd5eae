"""`got-ocr data`: training data in the form of another trainer."""

import argparse
import sys
from pathlib import Path

from . import exit_codes
from .exit_codes import CommandError
from .progress import Progress

SUMMARY = """\
write training data in the form of another trainer

SOURCE is whatever `got-ocr train` takes: a folder of page.png + page.txt, a conversation file, messages of ms-swift,
LLaMA-Factory or OpenAI, CSV, metadata.jsonl, hub:owner/name. Pictures stay where they are.

  got-ocr data my_pages/ --to swift --output mine.jsonl            then: swift sft --dataset mine.jsonl ...
  got-ocr data my_pages/ --to llamafactory --output lf/mine.json   with dataset_info.json beside it
  got-ocr data mine.jsonl --to published --output mine.json        the form of GOT's own training code"""

BAD_SHOWN = 10
FORMS = ("swift", "llamafactory", "published")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("source", metavar="SOURCE", help="file, folder, or hub:owner/name")
    parser.add_argument("--to", required=True, choices=FORMS, help="whose form")
    parser.add_argument(
        "-o", "--output", required=True, type=Path, metavar="FILE", help=".jsonl for swift, else .json"
    )
    parser.add_argument("--images", metavar="DIR", help="folder that names of pictures start from (the file's own)")
    parser.add_argument("--force", action="store_true", help="write over a file that is there")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress and no notices")


def run(args: argparse.Namespace) -> int:
    """Write the file; returns the exit code."""
    from ..training.conversation_sets import open_set
    from ..training.exports import export_set

    if args.output.exists() and not args.force:
        raise ValueError(f"{args.output} is there already: give --force to write over it, or another name.")
    samples = open_set(args.source, args.images)
    with Progress(len(samples), unit="sample", show_bar=not args.quiet) as progress:
        try:
            report = export_set(samples, args.to, args.output, lambda number: progress.advance())
        except OSError as error:
            place = f"{error.filename or args.output}: {error.strerror or error}"
            raise CommandError(exit_codes.OUTPUT_FAILED, f"{place}.") from error
    for line in report.bad[:BAD_SHOWN]:
        print(f"got-ocr: left out: {line}", file=sys.stderr)
    if len(report.bad) > BAD_SHOWN:
        print(f"got-ocr: and {len(report.bad) - BAD_SHOWN} more.", file=sys.stderr)
    if not args.quiet:
        print(f"got-ocr: {report.count} of {len(samples)} samples.", file=sys.stderr)
    print(report.path)
    return exit_codes.SOME_PAGES_FAILED if report.bad else exit_codes.OK
