"""The house: imports go down, never in a circle, and files, functions and calls stay small."""

import ast

import pytest

from got_ocr.hub.flatten import ROOMS
from tests.support.rooms import HUB_ROOMS, circles, listing, modules, upward_arrows

LONGEST_FILE_LINES = 500
LONGEST_FUNCTION_LINES = 60
MOST_ARGUMENTS = 8
# Call shapes that others made: the published model's and processor's, and transformers' own.
PUBLISHED_CALLS = {"chat", "chat_crop", "forward", "__init__", "__call__"}


def test_every_import_goes_down():
    wrong = upward_arrows()

    assert not wrong, "\n".join(wrong) + "\n\n" + listing()


def test_no_circle_of_imports():
    assert not circles()


def test_the_rooms_that_are_flattened_are_the_lowest():
    assert set(ROOMS) == set(HUB_ROOMS)


@pytest.mark.parametrize("module", modules())
def test_files_and_functions_are_short(module):
    file = modules()[module]
    text = file.read_text(encoding="utf-8")
    assert text.count("\n") <= LONGEST_FILE_LINES, f"{file} has {text.count(chr(10))} lines"
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        # The docstring tells of arguments; what counts is the code.
        first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
        length = (node.end_lineno or 0) - first.lineno + 1
        assert length <= LONGEST_FUNCTION_LINES, f"{file}, line {node.lineno}: {node.name} has {length} lines"
        count = len([*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs])
        own = count - (bool(node.args.args) and node.args.args[0].arg in ("self", "cls"))
        if node.name not in PUBLISHED_CALLS:
            assert own <= MOST_ARGUMENTS, f"{file}, line {node.lineno}: {node.name} takes {own} arguments"
