"""`got-ocr completion`: a script that completes the command line by Tab."""

import argparse
import sys

from . import exit_codes
from .completions import FOLDER, SHELLS
from .terminal import check_standard_output

SUMMARY = """\
print a script that completes got-ocr by Tab

  got-ocr completion bash > ~/.local/share/bash-completion/completions/got-ocr
  got-ocr completion zsh > ~/.zfunc/_got-ocr            with ~/.zfunc in $fpath"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("shell", choices=SHELLS, help="whose script")


def run(args: argparse.Namespace) -> int:
    """Print the script. Returns the exit code."""
    check_standard_output()
    sys.stdout.write((FOLDER / f"got-ocr.{args.shell}").read_text(encoding="utf-8"))
    return exit_codes.OK
