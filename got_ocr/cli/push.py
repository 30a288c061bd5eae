"""`got-ocr push`: a checkpoint as a whole Hub repository."""

import argparse
import contextlib
import sys
import tempfile
from pathlib import Path
from typing import Any

from ..hub.model_choice import DTYPES, MODEL_HELP, ModelChoice, choose_model, load_model, silence_libraries
from . import exit_codes
from .exit_codes import CommandError, one_line

SUMMARY = """\
publish a checkpoint on the Hub: weights, code, processor, card, results of benchmarks, endpoint handler

The code goes along as flat files, so that trust_remote_code=True loads the model where got-ocr is not installed.
Log in first by `hf auth login`, or set HF_TOKEN. A model card that the repository has already stays.

  got-ocr push me/my-got --model runs/my-got --dry-run out/    write the repository, upload nothing
  got-ocr push me/my-got --model runs/my-got --language en --base-model stepfun-ai/GOT-OCR2_0"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments.

    Args:
        parser: The parser to add to.
    """
    parser.add_argument("repository", metavar="OWNER/NAME", help="the repository; made if it isn't there")
    parser.add_argument("--model", metavar="NAME", help=MODEL_HELP)
    parser.add_argument("--dry-run", metavar="DIR", help="write the repository into this folder, and upload nothing")
    parser.add_argument("--private", action="store_true", help="make a new repository a private one")
    parser.add_argument("--revision", metavar="BRANCH", help="push to this branch; made if it isn't there")
    parser.add_argument("--message", default="Upload GOT-OCR model", metavar="TEXT", help="the commit's (%(default)s)")
    parser.add_argument("--license", metavar="ID", help="of the weights, as the Hub spells it (default: the card's)")
    parser.add_argument("--language", action="append", default=[], metavar="CODE", help="that it reads, such as en")
    parser.add_argument("--base-model", metavar="ID", help="the checkpoint that it was trained from")
    parser.add_argument("--tag", action="append", default=[], metavar="TAG", help="one more tag of the card")
    parser.add_argument(
        "--eval-results",
        action="append",
        default=[],
        metavar="FILE.yaml",
        help="results of a benchmark, in the Hub's form",
    )
    parser.add_argument("--replace-card", action="store_true", help="replace the card that the repository has")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress and no notices")


def run(args: argparse.Namespace) -> int:
    """Write the repository, and upload it.

    Args:
        args: The arguments of :func:`add_arguments`.

    Returns:
        The exit code.

    Raises:
        CommandError: If the Hub does not take it.
        ValueError: If an argument is not allowed.
    """
    from ..hub.repository import check_repository, read_results

    check_repository(args.repository)
    results = [Path(file) for file in args.eval_results]
    for file in results:
        read_results(file)
    choice = choose_model(args.model)

    def say(text: str) -> None:
        if not args.quiet:
            print(f"got-ocr: {text}", file=sys.stderr, flush=True)

    say(choice.notice)
    silence_libraries(show_downloads=not args.quiet)
    if args.dry_run:
        for name in _build(args, choice, Path(args.dry_run).expanduser(), results):
            print(name)
        say(f"wrote {args.dry_run}; nothing was uploaded.")
        return exit_codes.OK
    with tempfile.TemporaryDirectory(prefix="got-ocr-push-") as folder:
        _build(args, choice, Path(folder), results)
        print(_upload(args, Path(folder)))
    return exit_codes.OK


def _build(args: argparse.Namespace, choice: ModelChoice, folder: Path, results: list[Path]) -> list[str]:
    from ..hub.repository import CardFacts, build_repository

    model, processor = load_model(choice, "cpu", _published_dtype(choice))
    source = Path(choice.location).expanduser()
    return build_repository(
        model,
        processor,
        folder,
        args.repository,
        facts=CardFacts(args.license, args.language, args.base_model, args.tag),
        results=results,
        source=source if source.is_dir() else None,
    )


def _published_dtype(choice: ModelChoice) -> str:
    """Name the number format of the weights as they are, so that none is changed."""
    from ..configuration.config import GotOcrConfig

    location = Path(choice.location).expanduser()
    with contextlib.suppress(OSError, ValueError):  # Loading the model says what is wrong.
        config: Any = GotOcrConfig.from_pretrained(str(location) if location.is_dir() else choice.location)
        name = str(config.dtype).removeprefix("torch.")
        return name if name in DTYPES else "auto"
    return "auto"


def _upload(args: argparse.Namespace, folder: Path) -> str:
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

    from ..hub.export import Upload
    from ..hub.repository import upload_repository

    upload = Upload(private=True if args.private else None, revision=args.revision, commit_message=args.message)
    try:
        return upload_repository(folder, args.repository, upload, replace_card=args.replace_card)
    except (HfHubHTTPError, LocalTokenNotFoundError, ConnectionError, OSError) as error:
        raise CommandError(
            exit_codes.OUTPUT_FAILED, f"the Hub did not take it: {one_line(error)} (log in by `hf auth login`)."
        ) from error
