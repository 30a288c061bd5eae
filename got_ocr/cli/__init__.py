"""The command line `got-ocr`. Importing it loads nothing heavy: `--help` must answer at once."""

from .dispatch import COMMANDS, main

__all__ = ["COMMANDS", "main"]
