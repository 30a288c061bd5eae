"""Completion of the command line by Tab: scripts for shells, written by shtab from the parsers and kept here.

`python -m got_ocr.cli.completions` writes them anew (needs shtab); `got-ocr completion SHELL` prints one.
"""

import argparse
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
SHELLS = ("bash", "zsh", "tcsh")
# Options whose value is a file or a folder.
FILE_OPTIONS = {"--output", "--render", "--searchable", "--model", "--overlay", "--pictures", "--data", "--config"}
FILE_ARGUMENTS = {"inputs", "input", "files"}


def whole_parser() -> argparse.ArgumentParser:
    """Make one parser of reading and all other commands, for a program that looks at it.

    Returns:
        The parser; nothing is ever parsed by it.
    """
    from importlib import import_module

    from ..dispatch import COMMANDS, PROGRAM, READ

    read = import_module(READ)
    parser = argparse.ArgumentParser(PROGRAM, description=read.SUMMARY)
    commands = parser.add_subparsers(dest="command")
    read.add_arguments(parser)
    for name, module in COMMANDS.items():
        command = import_module(module)
        summary = command.SUMMARY.splitlines()[0]
        command.add_arguments(commands.add_parser(name, help=summary, description=summary))
    return parser


def write_scripts(folder: Path) -> None:
    """Write a script for each shell.

    Args:
        folder: Where to.

    Raises:
        ImportError: If shtab is not installed.
    """
    import shtab

    parser = whole_parser()
    for one in _parsers(parser):
        for action in one._actions:
            if action.dest in FILE_ARGUMENTS or FILE_OPTIONS & set(action.option_strings):
                action.complete = shtab.FILE  # type: ignore[attr-defined]
    for shell in SHELLS:
        script = shtab.complete(parser, shell=shell)
        # Where no command begins so, a file's name may: bash then completes that.
        script = script.replace("complete -o bashdefault -F", "complete -o bashdefault -o default -F")
        (folder / f"got-ocr.{shell}").write_text(script, encoding="utf-8")


def _parsers(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    inner = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return [parser, *(one for action in inner for one in action.choices.values())]
