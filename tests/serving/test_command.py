"""`got-ocr serve`: what it refuses before it loads a model, and what it calls one."""

import builtins
import re
import socket
from pathlib import Path

import pytest

from got_ocr.cli import main
from got_ocr.cli.serve import name_model
from got_ocr.hub.cache import BUILTIN_CHECKPOINT
from got_ocr.hub.model_choice import ModelChoice
from got_ocr.serving.server import is_loopback

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["--port", "70000"], 2, "must be from 0 to 65535"),
        (["--port", "x"], 2, "must be from 0 to 65535"),
        (["--max-bytes", "0"], 2, "must be a whole number above 0"),
        (["--request-timeout", "-1"], 2, "must be a number above 0"),
        (["--host", "256.1.1.1"], 2, "can't listen on 256.1.1.1"),
        (["--model", "/nowhere/at-all"], 4, "no folder /nowhere/at-all"),
        (["--api-key-file", "/nowhere/key"], 2, "can't be read"),
    ],
)
def test_what_is_wrong_is_one_line(arguments, code, expected, capsys):
    assert main(["serve", *arguments]) == code
    error = capsys.readouterr().err.strip()
    assert expected in error and "\n" not in error


def test_a_port_that_is_taken_is_said_before_the_model_is_loaded(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["serve", "--port", str(taken.getsockname()[1])]) == 2
    assert "can't listen on 127.0.0.1" in capsys.readouterr().err


def test_an_empty_key_is_no_key(tmp_path, capsys):
    (tmp_path / "key").write_text("\n")
    assert main(["serve", "--api-key-file", str(tmp_path / "key")]) == 2
    assert "is empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "module", "missing", "extras"),
    [("serve", "serving.server", "uvicorn", ["serve"]), ("demo", "serving.demo.app", "gradio", ["demo", "serve"])],
)
def test_without_its_packages_it_says_what_to_install(command, module, missing, extras, monkeypatch, capsys):
    original = builtins.__import__

    def importer(name, globals_=None, locals_=None, fromlist=(), level=0):
        if name.endswith(module) and fromlist:
            raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)
        return original(name, globals_, locals_, fromlist, level)

    monkeypatch.setattr(builtins, "__import__", importer)
    assert main([command]) == 6
    error = capsys.readouterr().err
    assert f"needs the package {missing}: pip install " in error
    # All of them by their own names, since this package is on no index.
    tomllib = pytest.importorskip("tomllib", reason="Python 3.11 reads TOML")
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    needed = {re.split("[<>=]", one)[0] for extra in extras for one in declared[extra]} - {"got-ocr[serve]"}
    named = error.rstrip(".\n").partition("pip install ")[2].replace("'", "").split()
    assert {re.split("[<>=]", one)[0] for one in named} == needed


def test_names_of_models_tell_no_paths(tmp_path):
    assert name_model(ModelChoice(str(BUILTIN_CHECKPOINT), "")) == "got-ocr-nano"
    assert name_model(ModelChoice("me/my-got", "")) == "me/my-got"
    assert name_model(ModelChoice("/cache/models--stepfun-ai--GOT-OCR2_0/snapshots/1", "")) == "stepfun-ai/GOT-OCR2_0"
    assert name_model(ModelChoice(str(tmp_path), "")) == tmp_path.name


def test_which_hosts_others_reach():
    assert is_loopback("127.0.0.1") and is_loopback("localhost")
    assert not is_loopback("0.0.0.0")
