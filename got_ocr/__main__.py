"""`python -m got_ocr`: the same as `got-ocr`."""

import os
import sys


def run() -> int:
    """Run the process's command line.

    Returns:
        The exit code.
    """
    try:
        from .cli import main

        return main()
    except KeyboardInterrupt:  # Before the command line listens, or when it does no more.
        os.write(2, b"got-ocr: interrupted.\n")
        return 130


if __name__ == "__main__":
    sys.exit(run())
