"""Command lines that documents show, as the package's own parsers see them."""

import importlib
import re
import shlex
from argparse import ArgumentParser
from collections.abc import Iterator

from got_ocr.cli.dispatch import COMMANDS, READ

PLACEHOLDER = re.compile(r"\.\.\.|\[--|[A-Z]+\.\.\.|…")  # A form, not a command: `got-ocr train CONFIG [--set ...]`.


def shell_lines(text: str) -> Iterator[str]:
    """Yield the commands of a shell block: continued lines joined, comments and prompts gone."""
    for line in text.replace("\\\n", " ").splitlines():
        line = line.strip().removeprefix("$ ")
        if line and not line.startswith("#"):
            yield line


def got_ocr_arguments(line: str) -> Iterator[list[str]]:
    """Yield the arguments of each `got-ocr` in a command line, however it is started."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, ";"]:
        if word and set(word) <= set("|&;<>"):
            yield from _started(words)
            words = []
        else:
            words.append(word)


def _started(words: list[str]) -> Iterator[list[str]]:
    for position, word in enumerate(words):
        if word == "got-ocr" or word.endswith("/got-ocr"):
            yield words[position + 1 :]
            return
        if word == "-m" and words[position + 1 : position + 2] == ["got_ocr"]:
            yield words[position + 2 :]
            return
        if word == "-m" and words[position + 1 : position + 2] == ["got_ocr.cli.evaluate"]:
            yield ["eval", *words[position + 2 :]]
            return


def parse(arguments: list[str]) -> None:
    """Parse arguments as the command would.

    Raises:
        SystemExit: with what is wrong on standard error.
    """
    if arguments and arguments[0] in COMMANDS:
        module, rest = COMMANDS[arguments[0]], arguments[1:]
    else:
        module, rest = READ, arguments
    parser = ArgumentParser(prog=module, allow_abbrev=False)
    importlib.import_module(module).add_arguments(parser)
    if module == READ:
        parser.parse_intermixed_args(rest)
    else:
        parser.parse_args(rest)


def is_form(line: str) -> bool:
    """Tell a form with placeholders from a command that can be run."""
    return bool(PLACEHOLDER.search(line))
