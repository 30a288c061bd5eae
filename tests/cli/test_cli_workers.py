"""`--workers N`: pages in order, one output, and what a process costs that ends over a page."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from got_ocr.cli import exit_codes, workers
from tests.support.processes import ENVIRONMENT, ROOT, write_pictures
from tests.support.processes import run as run_process

SAMPLE = ROOT / "examples" / "images" / "sample_page.png"
# A process of --workers whose model reads sizes. By a picture's width it is slow, raises, ends or is ended. Each page
# that it begins, and each process, is noted in a file.
FAKE_WORKER = """
import json, os, signal, sys, time
sys.path[:] = json.loads(sys.argv[1])
from types import SimpleNamespace
from got_ocr.cli import read_worker
from got_ocr.reading.answer import GotOcrAnswer

class Odd(Exception):
    def __init__(self, first, second):
        super().__init__(first)

def note(text):
    with open(os.environ["NOTES"], "a") as file:
        file.write(text + "\\n")

def read(processor, images, **options):
    width = images[0].width
    note(f"page {width}")
    if width == 13:
        os._exit(3)
    if width == 14:
        os.kill(os.getpid(), signal.SIGKILL)
    if width == 15:
        raise ValueError("a box outside of the picture")
    if width == 16:
        raise Odd("odd", 1)
    if width in (20, 17):
        time.sleep(float(os.environ.get("SLOW", "0.3")))
    return [GotOcrAnswer(f"{width}", "length" if width == 18 else "stop", 1, 1.0, 1.0)]

def load(*arguments):
    note(f"process {os.getpid()} {os.environ['OMP_NUM_THREADS']}")
    if os.environ.get("LOADS") == "dies":
        os._exit(9)
    if os.environ.get("LOADS") == "fails":
        from got_ocr.hub.errors import ModelError
        raise ModelError("it can't be loaded")
    return SimpleNamespace(read=read, config=SimpleNamespace(slicing={"rows": 2}), device="cpu"), None

read_worker.load_model_for = load
read_worker.main()
"""
PROGRAM = "import sys; from got_ocr.cli import main, workers; workers.START_CODE = open(sys.argv[1]).read();"
PROGRAM += "sys.exit(main(sys.argv[2:]))"


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], list[str]]:
    """Use the fake process. Gives a function that tells what was noted, by the first word of a line."""
    file = tmp_path / "notes"
    file.touch()
    monkeypatch.setattr(workers, "START_CODE", FAKE_WORKER)
    monkeypatch.setenv("NOTES", str(file))
    for name in workers.THREAD_VARIABLES:
        monkeypatch.delenv(name, raising=False)

    def tell(kind: str) -> list[str]:
        return [line.partition(" ")[2] for line in file.read_text().splitlines() if line.startswith(kind)]

    return tell


def records(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_pages_come_in_order_whoever_is_slow(run: Any, notes: Any, tmp_path: Path) -> None:
    write_pictures(tmp_path / "scans", 9)

    code, out, _ = run(tmp_path / "scans", "--workers", 3, "--json")
    assert code == exit_codes.OK
    assert [record["text"] for record in records(out)] == [str(width) for width in range(20, 29)]
    assert len(notes("process")) == 3
    assert len({line.split()[0] for line in notes("process")}) == 3
    cores = max(1, workers.count_cores() // 3)
    assert {line.split()[1] for line in notes("process")} == {str(cores)}


@pytest.mark.parametrize(("width", "reason"), [(13, "exit code 3"), (14, "SIGKILL, maybe for lack of memory")])
def test_a_process_that_ends_costs_one_page_and_is_replaced(
    width: int, reason: str, run: Any, notes: Any, picture: Any, tmp_path: Path
) -> None:
    write_pictures(tmp_path / "scans", 4)
    for name in ("a", "c"):
        picture(str(tmp_path / "scans" / f"{name}.png"), width)
    write_pictures(tmp_path / "scans" / "late", 5, first_width=30)

    code, _, err = run(tmp_path / "scans", tmp_path / "scans" / "late", "--workers", 2, "--output", "out")
    assert code == exit_codes.SOME_PAGES_FAILED
    lines = [line for line in err.splitlines() if "error" in line]
    assert len(lines) == 2
    assert all(f"the process that read it ended ({reason})" in line and ".png: " in line for line in lines)
    texts = {path.name: path.read_text().strip() for path in Path("out").glob("*.txt")}
    assert sorted(texts.values()) == sorted(map(str, [*range(20, 24), *range(30, 35)]))
    assert len(notes("process")) in (3, 4), "two, and one for each that ended unless no page came after it"

    before = len(notes("page"))
    code, _, _ = run(tmp_path / "scans", tmp_path / "scans" / "late", "--workers", 2, "--output", "out")
    assert code == exit_codes.SOME_PAGES_FAILED
    assert notes("page")[before:] == [str(width)] * 2, "what is written is not read again, what failed is"


def test_what_reading_raises_is_that_pages_own(run: Any, notes: Any, picture: Any) -> None:
    for number, width in enumerate((15, 16, 18, 40)):
        picture(f"scans/{number}.png", width)

    code, out, err = run("scans", "--workers", 2, "--json")
    assert code == exit_codes.SOME_PAGES_FAILED
    errors = [record["error"] for record in records(out)]
    assert errors[0] == "scans/0.png: a box outside of the picture"
    assert errors[1] is not None
    assert "Odd: odd" in errors[1]
    assert errors[2:] == [None, None]
    assert "2.png: cut at 4096 tokens" in err
    assert len(notes("process")) == 2


@pytest.mark.parametrize(
    ("loads", "message"), [("fails", "it can't be loaded"), ("dies", "while it loaded the model")]
)
def test_a_model_that_cannot_be_loaded(
    loads: str, message: str, run: Any, notes: Any, picture: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOADS", loads)
    code, out, err = run(picture("a.png"), "--workers", 2)

    assert (code, out) == (exit_codes.MODEL_FAILED, "")
    assert message in err.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--workers", "0"], "must be a whole number above 0"),
        (["--workers", "1000"], "at most 256"),
        (["--workers", "2", "--stream"], "--stream needs one process"),
        (["--workers", "2", "--multi-page"], "--multi-page needs one process"),
        (["--workers", "2", "--engine", "vllm"], "leave --workers out"),
        (["--workers", "2", "--device", "cuda:0,cuda:1"], "give one device"),
    ],
)
def test_arguments_that_do_not_go_together(
    arguments: list[str], message: str, run: Any, notes: Any, picture: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("got_ocr.cli.engines.find_spec", lambda name: name)  # As if vLLM were installed.
    code, _, err = run(picture("a.png"), *arguments)

    assert code == exit_codes.WRONG_USAGE
    assert message in err
    assert not notes("process")


def is_running(process_id: str) -> bool:
    try:
        os.kill(int(process_id), 0)
    except ProcessLookupError:
        return False
    return True


def wait_till(condition: Callable[[], bool]) -> None:
    """Wait as long as a very slow machine may take."""
    for _ in range(3000):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("it did not come to pass in 150 s")


@pytest.mark.parametrize(
    ("ending", "code"), [(signal.SIGINT, exit_codes.INTERRUPTED), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_no_process_outlives_the_program(
    ending: signal.Signals, code: int, run: Any, notes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written is kept, and the next run reads the rest."""
    write_pictures(tmp_path / "scans", 3, first_width=17)
    (tmp_path / "code").write_text(FAKE_WORKER)
    slow = {"GOT_OCR_MODEL": "org/unused", "NOTES": os.environ["NOTES"], "SLOW": "600" if ending == 2 else "3"}
    arguments = [tmp_path / "scans", "--workers", "2", "--output", "out", "--quiet"]
    command = [sys.executable, "-c", PROGRAM, tmp_path / "code", *arguments]
    with subprocess.Popen(
        list(map(str, command)),
        env={**ENVIRONMENT, **slow},
        stderr=subprocess.PIPE,
        # A shell starts what it runs in the background with the signal ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        wait_till(lambda: {"17", "18", "19"} <= set(notes("page")))
        process.send_signal(ending)
        process.communicate()
    assert process.returncode == code
    wait_till(lambda: not any(is_running(line.split()[0]) for line in notes("process")))

    monkeypatch.setenv("SLOW", "0")
    assert run(*arguments)[0] == exit_codes.OK
    assert sorted(path.read_text() for path in Path("out").glob("*.txt")) == ["17\n", "18\n", "19\n"]


def test_the_built_in_model() -> None:
    """The real process and model, twice the same page, as one process reads it."""
    arguments = ["--model", "nano", "--json", SAMPLE, SAMPLE]
    code, alone, _ = run_process(*arguments, fake=False)
    assert code == exit_codes.OK
    code, shared, _ = run_process(*arguments, "--workers", 2, fake=False)
    assert code == exit_codes.OK
    assert len(records(alone)) == 2
    for one, other in zip(records(alone), records(shared), strict=True):
        assert {**one, "seconds": 0} == {**other, "seconds": 0}
