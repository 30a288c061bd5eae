"""What goes to a terminal: one line, without anything that a terminal would obey."""

import sys

from ..processing.options import printable as show_escapes
from . import exit_codes
from .exit_codes import CommandError

LONGEST_LINE = 2000


def check_standard_output(advice: str = "leave it open") -> None:
    """See that what a command has to say has a place to go, before it works for it.

    Args:
        advice: What to do.

    Raises:
        CommandError: If standard output is closed.
    """
    if sys.stdout is None:
        raise CommandError(exit_codes.OUTPUT_FAILED, f"standard output is closed: {advice}.")


def printable(message: str) -> str:
    r"""Make a message safe to print.

    Control characters, marks that turn the direction of writing and bytes that are no text are written as escapes,
    `\x1b`; letters that the terminal's encoding does not know too. A long message is cut.

    Args:
        message: What is to be said.

    Returns:
        One printable line.
    """
    if len(message) > LONGEST_LINE:
        message = f"{message[: LONGEST_LINE - 4]} ..."
    message = show_escapes(message)
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    return message.encode(encoding, "backslashreplace").decode(encoding)
