"""Exit codes of `got-ocr`, and the error that carries one."""

from ..hub.errors import one_line

__all__ = ["CommandError", "one_line"]

OK = 0
SOME_PAGES_FAILED = 1  # The other pages were read and written.
WRONG_USAGE = 2  # An argument that does not exist, or is not allowed.
NO_PAGE_READ = 3  # Every page failed: missing, damaged, encrypted ...
MODEL_FAILED = 4  # The checkpoint or the device can't be used.
OUTPUT_FAILED = 5  # A file can't be read or written: disk full, read-only, in the way.
PART_MISSING = 6  # An optional part of got-ocr, or a package it needs, is not installed.
PROCESS_LOST = 7  # Another process of a distributed training ended, or does not answer.
INTERNAL_ERROR = 70  # A mistake of ours (EX_SOFTWARE of sysexits.h).
INTERRUPTED = 130  # Ctrl-C, as shells count it.
BROKEN_PIPE = 141  # The reader of our output went away, as shells count it.
STOPPED = 143  # SIGTERM, as shells count it.

DESCRIPTION = f"""\
exit codes:
  {OK}    every page was read
  {SOME_PAGES_FAILED}    some pages could not be read; the others were
  {WRONG_USAGE}    wrong arguments
  {NO_PAGE_READ}    no page could be read
  {MODEL_FAILED}    the model could not be loaded
  {OUTPUT_FAILED}    a file could not be written
  {PART_MISSING}    an optional part of got-ocr is not installed
  {PROCESS_LOST}    another process of a distributed training was lost
  {INTERNAL_ERROR}   a mistake in got-ocr itself
  {INTERRUPTED}  interrupted by Ctrl-C
  {BROKEN_PIPE}  the reader of standard output went away
  {STOPPED}  stopped by SIGTERM"""


class CommandError(Exception):
    """What ends a command: one line for the user.

    Args:
        exit_code: One of the codes of this module.
        message: The line, without the program's name.
    """

    def __init__(self, exit_code: int, message: str) -> None:
        super().__init__(message)
        self.exit_code = exit_code
