"""Commands that documents show exist: options of `got-ocr`, modules of `python -m`, scripts, targets of make."""

import importlib.util
import re
from pathlib import Path

import pytest

from got_ocr.cli import COMMANDS
from tests.support.commands import got_ocr_arguments, is_form, parse, shell_lines
from tests.support.markdown import ROOT, code_blocks, code_spans, markdown_files

SHELL = {"bash", "sh", "shell", "console"}
# What is told of as it was when it was written.
HISTORY = {"LOG.md", "CHANGELOG.md"}
FILES = [file for file in markdown_files() if file.name not in HISTORY]
NAMED_FILE = re.compile(
    r"(got_ocr|tests|docs|configuration|modeling|processing|reading|layout|slices|examples)(/[\w.-]+)+/?"
)
MAKE_TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def name_of(file: Path) -> str:
    return str(file.relative_to(ROOT))


def commands_of(file: Path) -> list[str]:
    """Lines of shell blocks, and code of sentences and tables that is a command, not its name alone."""
    lines = [line for block in code_blocks(file) if block.language in SHELL for line in shell_lines(block.text)]
    spans = [
        span
        for span in code_spans(file)
        if re.match(r"(got-ocr|torchrun|accelerate|python|make) ", span)
        and not (span.startswith("got-ocr ") and span.split()[1:] in [[name] for name in COMMANDS])
    ]
    return lines + spans


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_options_of_got_ocr_exist(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = []
    for line in commands_of(file):
        if is_form(line):
            continue
        for arguments in got_ocr_arguments(line):
            try:
                parse(arguments)
            except SystemExit as leave:
                if leave.code:
                    wrong.append(f"{line}\n    {capsys.readouterr().err.strip().splitlines()[-1]}")
    assert not wrong, f"{name_of(file)}:\n" + "\n".join(wrong)


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_modules_scripts_and_targets_exist(file: Path) -> None:
    wrong = []
    text = file.read_text(encoding="utf-8")
    for module in re.findall(r"-m ((?:got_ocr|tests|docs)[\w.]*\w)", text):
        if importlib.util.find_spec(module) is None:
            wrong.append(f"python -m {module}: no such module")
    for line in commands_of(file):
        script = re.match(r"(?:\w+=\S+ )*python ([\w/.-]+\.py)", line)
        if script and not any((folder / script[1]).exists() for folder in (ROOT, file.parent)):
            wrong.append(f"{line}: no such script")
        target = re.match(r"make ([a-z-]+)", line)
        if target and target[1] not in MAKE_TARGETS:
            wrong.append(f"{line}: no such target")
    assert not wrong, f"{name_of(file)}:\n" + "\n".join(wrong)


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_files_that_are_named_exist(file: Path) -> None:
    """Code such as `got_ocr/hub/flatten.py` names a file of the repository, or of the file's own folder."""
    named = [span for span in code_spans(file) if NAMED_FILE.fullmatch(span)]
    places = [ROOT, ROOT / "got_ocr", file.parent]
    missing = [span for span in named if not any((place / span).exists() for place in places)]
    assert not missing, f"{name_of(file)} names files that are not there: {', '.join(missing)}"


def test_a_wrong_option_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    for line in ("got-ocr page.png --no-such-option", "cat a | got-ocr - --type colour", "got-ocr convert a b"):
        for arguments in got_ocr_arguments(line):
            with pytest.raises(SystemExit):
                parse(arguments)
    assert [list(got_ocr_arguments("curl -s x | got-ocr - > out; torchrun -m got_ocr train a.yaml"))] == [
        [["-"], ["train", "a.yaml"]]
    ]
