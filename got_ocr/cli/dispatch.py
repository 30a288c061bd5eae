"""The door of `got-ocr`: finds the command, runs it, and turns every failure into one line and an exit code."""

import argparse
import errno
import importlib
import io
import os
import re
import sys
import traceback
from collections.abc import Sequence
from types import ModuleType
from typing import Any, NoReturn, TextIO

from ..hub.errors import ModelError, one_line
from . import exit_codes
from .exit_codes import CommandError
from .interrupt import InterruptGuard
from .terminal import printable

# Each module has SUMMARY: str, add_arguments(parser) and run(args) -> int, and imports what is heavy inside run.
COMMANDS = {
    "convert": "got_ocr.cli.convert",
    "export": "got_ocr.cli.export",
    "synth": "got_ocr.cli.synth",
    "train": "got_ocr.cli.train",
    "eval": "got_ocr.cli.evaluate",
    "score": "got_ocr.cli.score",
    "layout": "got_ocr.cli.layout",
    "render": "got_ocr.cli.render",
    "push": "got_ocr.cli.push",
    "bulk": "got_ocr.cli.bulk",
    "models": "got_ocr.cli.models",
    "serve": "got_ocr.cli.serve",
    "bench": "got_ocr.cli.bench",
    "demo": "got_ocr.cli.demo",
    "completion": "got_ocr.cli.completion",
}
READ = "got_ocr.cli.read"
PROGRAM = "got-ocr"
# Asks torch for pages of 2 MB where the system gives them on demand: memory is read half as fast again.
HUGE_PAGES_VARIABLE = "THP_MEM_ALLOC_ENABLE"
DEBUG_VARIABLE = "GOT_OCR_DEBUG"  # Set to anything, a failure shows its traceback.


class OneLineParser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def _print_message(self, message: str, file: Any = None) -> None:
        # argparse's own says nothing of a full disk or a closed pipe behind a long text.
        if message:
            (file or sys.stderr).write(message)

    def error(self, message: str) -> NoReturn:
        """Leave with `message` on stderr."""
        self.exit(exit_codes.WRONG_USAGE, f"{PROGRAM}: error: {printable(message)} (see {self.prog} --help)\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line.

    Args:
        argv: The arguments, without the program's name; those of the process by default.

    Returns:
        The exit code: one of :mod:`got_ocr.cli.exit_codes`.
    """
    os.environ.setdefault(HUGE_PAGES_VARIABLE, "1")
    _open_standard_streams()
    with InterruptGuard() as guard:
        try:
            code = _dispatch(list(sys.argv[1:] if argv is None else argv))
            if sys.stdout is not None:
                sys.stdout.flush()
            return code
        except SystemExit as leave:  # argparse, after --help, --version or a wrong argument
            return _flush_after_help(leave.code)
        except KeyboardInterrupt:
            _say("interrupted.")
            return exit_codes.INTERRUPTED
        except BrokenPipeError:
            _discard(sys.stdout)
            return exit_codes.BROKEN_PIPE
        except Exception as error:
            if os.environ.get(DEBUG_VARIABLE):
                traceback.print_exc()
            if guard.was_interrupted:  # A library made something else of it.
                _say("interrupted.")
                return exit_codes.INTERRUPTED
            return _report(error)


def _open_standard_streams() -> None:
    """Keep files from getting the numbers of standard streams that somebody closed (`got-ocr ... >&-`)."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # Gets the lowest number that is free: this one.
    if isinstance(sys.stdout, io.TextIOWrapper):  # A name that is no UTF-8, or a letter that a locale lacks.
        sys.stdout.reconfigure(errors="backslashreplace")
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - for as long as the process lives


def _join_values(argv: list[str]) -> list[str]:
    """Join `--box -10,...`, whose value argparse takes for an option, to `--box=-10,...`."""
    joined: list[str] = []
    for word in argv:
        if joined and joined[-1] == "--box" and re.match(r"-[\d.]", word):
            joined[-1] = f"--box={word}"
        else:
            joined.append(word)
    return joined


def _dispatch(argv: list[str]) -> int:
    if argv and argv[0] in COMMANDS:
        command = _command(argv[0], COMMANDS[argv[0]])
        parser = _parser(f"{PROGRAM} {argv[0]}", command.SUMMARY)
        command.add_arguments(parser)
        return int(command.run(parser.parse_args(argv[1:])))
    read = importlib.import_module(READ)
    parser = _parser(PROGRAM, read.SUMMARY)
    read.add_arguments(parser)
    wants_help = bool({"-h", "--help"} & set(argv))
    parser.epilog = f"{_list_commands() if wants_help else ''}{read.EXAMPLES}\n\n{exit_codes.DESCRIPTION}"
    if not argv:
        parser.error("nothing to read: give a picture, a folder, a PDF or a URL")
    return int(read.run(parser.parse_intermixed_args(_join_values(argv))))


def _parser(prog: str, summary: str) -> OneLineParser:
    return OneLineParser(
        prog=prog, description=summary, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )


def _command(name: str, module: str) -> ModuleType:
    """Import a command; says plainly what is not installed."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = error.name or module
        if missing.startswith("got_ocr."):
            message = f"the command {name!r} is not part of this installation: install a newer or complete got-ocr."
        else:
            message = f"the command {name!r} needs the package {missing}: pip install {missing}."
        raise CommandError(exit_codes.PART_MISSING, message) from error


def _list_commands() -> str:
    """The other commands, those that are installed."""
    lines = []
    for name, module in COMMANDS.items():
        try:
            summary = importlib.import_module(module).SUMMARY
        except ImportError:
            continue
        lines.append(f"  {PROGRAM} {name:<10} {summary.splitlines()[0]}")
    return "other commands (each has --help):\n" + "\n".join(lines) + "\n\n" if lines else ""


def _report(error: Exception) -> int:
    """Say what failed; returns the exit code."""
    if isinstance(error, CommandError):
        message, code = str(error), error.exit_code
    elif isinstance(error, ModelError):
        message, code = one_line(error), exit_codes.MODEL_FAILED
    elif isinstance(error, MemoryError):
        message = "there is not enough memory: free some, or raise the limit that this process has (ulimit -v)."
        code = exit_codes.MODEL_FAILED
    elif isinstance(error, ImportError):
        message, code = one_line(error), exit_codes.PART_MISSING
    elif isinstance(error, ValueError):
        message, code = one_line(error), exit_codes.WRONG_USAGE
    elif isinstance(error, OSError):
        message, code = describe_os_error(error), exit_codes.OUTPUT_FAILED
    else:
        message = f"internal error: {type(error).__name__}: {one_line(error)} ({DEBUG_VARIABLE}=1 shows where)"
        code = exit_codes.INTERNAL_ERROR
    _say(f"error: {message}")
    # What still waits in a buffer would fail again, with a traceback, when Python shuts down.
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError):
        _discard(sys.stdout)
    return code


def describe_os_error(error: OSError) -> str:
    """What the system says, with the file's name; the whole text where the system said nothing."""
    if error.strerror is None:
        return one_line(error)
    if error.filename is None and error.errno == errno.ENOENT:  # Of `getcwd`, which relative names need.
        return "the working folder is not there any more: go to another."
    return f"{error.filename or 'standard output'}: {error.strerror}."


def _flush_after_help(code: Any) -> int:
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        _discard(sys.stdout)
        return exit_codes.BROKEN_PIPE
    except OSError as error:
        return _report(error)
    return code if isinstance(code, int) else exit_codes.OK if code is None else exit_codes.WRONG_USAGE


def _say(message: str) -> None:
    try:
        print(f"{PROGRAM}: {printable(message)}", file=sys.stderr, flush=True)
    except (OSError, ValueError):  # Nobody listens there either.
        _discard(sys.stderr)


def _discard(stream: TextIO) -> None:
    """Point a broken stream at nothing, so that Python's own flush at the end is silent."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except (OSError, ValueError):  # Not a real file: a test's buffer.
        return
