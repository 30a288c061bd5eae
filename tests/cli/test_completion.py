"""Completion by Tab: the scripts that are kept know every command and option."""

import argparse
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from got_ocr.cli.completions import FOLDER, SHELLS, whole_parser, write_scripts
from got_ocr.cli.dispatch import COMMANDS

TRY = """
source "$1"
work=$(complete -p got-ocr | sed 's/.*-F \\([^ ]*\\).*/\\1/')
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
$work got-ocr "${@: -1}" x
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize("shell", SHELLS)
def test_scripts_are_as_new_as_the_parsers(shell: str, tmp_path: Path) -> None:
    kept = (FOLDER / f"got-ocr.{shell}").read_text(encoding="utf-8")
    for name in COMMANDS:
        assert name in kept
    actions = [action for action in whole_parser()._actions if action.help != argparse.SUPPRESS]
    options = {option for action in actions for option in action.option_strings}
    assert [option for option in sorted(options) if option.lstrip("-") not in kept] == []
    pytest.importorskip("shtab")
    write_scripts(tmp_path)
    assert (tmp_path / f"got-ocr.{shell}").read_text(encoding="utf-8") == kept


@pytest.mark.parametrize("shell", SHELLS)
def test_the_command_prints_them(run: Any, shell: str) -> None:
    code, out, _ = run("completion", shell)
    assert (code, out) == (0, (FOLDER / f"got-ocr.{shell}").read_text(encoding="utf-8"))
    code, _, err = run("completion", "powershell")
    assert code == 2
    assert "invalid choice: 'powershell'" in err


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--pa"], {"--pages", "--password", "--page-timeout"}),
        (["ren"], {"render"}),
        (["render", "--ti"], {"--title"}),
        (["a.png", "--type", ""], {"ocr", "format"}),
        (["a.png", "--colo"], {"--color"}),
        (["--model", "exam"], {"examples"}),
        (["layout", "exam"], {"examples"}),
    ],
)
def test_bash_completes(words: list[str], expected: set[str]) -> None:
    script = FOLDER / "got-ocr.bash"
    done = subprocess.run(
        ["bash", "-c", TRY, "bash", script, "got-ocr", *words], capture_output=True, text=True, cwd=FOLDER.parents[2]
    )
    assert set(done.stdout.split()) == expected, done.stderr
