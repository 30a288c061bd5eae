"""Killed, interrupted, cut off: whenever a command ends, what it wrote is whole, and the next run goes on."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from got_ocr.cli import exit_codes
from tests.support.hostile import nested_forms_pdf
from tests.support.processes import ENVIRONMENT, run, start, write_pictures

NUM_PAGES = 12
SECONDS_A_PAGE = 0.05
TARGETS = ("out/", "out.jsonl", "out.pdf")


def arguments(tmp_path: Path, target: str) -> list[object]:
    out = tmp_path / target.rstrip("/")
    if target.endswith(".pdf"):
        return ["in.pdf", "--searchable", out]
    return ["in", "--output", f"{out}/" if target.endswith("/") else out, *(["--json"] if "json" in target else [])]


def prepare(tmp_path: Path, target: str) -> None:
    write_pictures(tmp_path / "in", NUM_PAGES)
    if target.endswith(".pdf"):
        pypdf = pytest.importorskip("pypdf")
        pytest.importorskip("pikepdf")
        writer = pypdf.PdfWriter()
        for number in range(NUM_PAGES):
            writer.add_blank_page(width=72 + number, height=72)
        writer.write(tmp_path / "in.pdf")


def check_parts(tmp_path: Path, target: str) -> None:
    """What is there after a kill is whole: complete texts, no PDF but a complete one."""
    for path in (tmp_path / "out").glob("*.txt"):
        assert path.read_text().endswith("x10\n")
    if (tmp_path / "out.pdf").exists():
        check_whole(tmp_path, target)


def check_whole(tmp_path: Path, target: str) -> None:
    if target == "out/":
        names = {path.name: path.read_text() for path in (tmp_path / "out").iterdir() if path.name[0] != "."}
        assert names == {f"{number}.txt": f"{20 + number}x10\n" for number in range(NUM_PAGES)}
    elif target == "out.jsonl":
        lines = [json.loads(line)["text"] for line in (tmp_path / "out.jsonl").read_text().splitlines()]
        assert sorted(lines) == sorted(f"{20 + number}x10" for number in range(NUM_PAGES))
    else:
        pypdf = pytest.importorskip("pypdf")
        pages = pypdf.PdfReader(tmp_path / "out.pdf").pages
        assert len(pages) == NUM_PAGES
        assert all("x" in page.extract_text() for page in pages)


def kill_at_random(tmp_path: Path, target: str, num_kills: int, chance: random.Random) -> int:
    """Kill a run again and again, then let it end. Returns: how many kills came before its end."""
    prepare(tmp_path, target)
    hit = 0
    for _ in range(num_kills):
        process = start(*arguments(tmp_path, target), "-q", seconds=SECONDS_A_PAGE, cwd=tmp_path)
        time.sleep(0.1 + chance.random() * (SECONDS_A_PAGE * NUM_PAGES + 1.0))
        if process.poll() is None:
            hit += 1
            process.send_signal(signal.SIGKILL)
        process.communicate()
        check_parts(tmp_path, target)
        if (tmp_path / "out.pdf").exists():
            break
    more = ["--force"] if (tmp_path / "out.pdf").exists() else []
    code, _, err = run(*arguments(tmp_path, target), "-q", *more, cwd=tmp_path)
    assert code == 0, err
    check_whole(tmp_path, target)
    return hit


@pytest.mark.parametrize("target", TARGETS)
def test_kills(tmp_path: Path, target: str) -> None:
    kill_at_random(tmp_path, target, 3, random.Random(5))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("target", TARGETS)
def test_twenty_kills(tmp_path: Path, target: str) -> None:
    chance, hit, number = random.Random(20), 0, 0
    while hit < 20:
        number += 1
        hit += kill_at_random(tmp_path / str(number), target, 20, chance)


def interrupt(process: "subprocess.Popen[str]") -> tuple[float, int, str]:
    """Send Ctrl-C. Returns: seconds till the end, exit code, standard error."""
    begin = time.perf_counter()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    return time.perf_counter() - begin, process.returncode, err


def with_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.parametrize("after_s", [0.4, 0.9, 1.6, 2.5])
def test_ctrl_c_while_libraries_are_imported(tmp_path: Path, after_s: float) -> None:
    write_pictures(tmp_path / "in", 3)
    # By torch: without it three small pages are read before the signal comes.
    arguments = ("in", "--model", "nano", "--engine", "torch")
    process = start(*arguments, fake=False, cwd=tmp_path, preexec_fn=with_ctrl_c)
    time.sleep(after_s)
    seconds, code, err = interrupt(process)
    assert "Traceback" not in err
    assert code in (exit_codes.INTERRUPTED, -signal.SIGINT)  # Before Python has started, the system ends it.
    assert seconds < 2.5


def test_ctrl_c_before_the_command_line_listens() -> None:
    """While it is itself imported, which a busy machine makes long."""
    code = (
        "import runpy, sys\n"
        "class Finder:\n"
        "    @staticmethod\n"
        "    def find_spec(name, path, target=None):\n"
        "        if name == 'got_ocr.cli.dispatch':\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Finder)\n"
        "runpy.run_module('got_ocr', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (exit_codes.INTERRUPTED, "got-ocr: interrupted.\n")


def test_ctrl_c_while_a_page_is_decoded(tmp_path: Path) -> None:
    (tmp_path / "bomb.pdf").write_bytes(nested_forms_pdf())
    process = start("bomb.pdf", cwd=tmp_path, preexec_fn=with_ctrl_c)
    time.sleep(2)
    seconds, code, err = interrupt(process)
    assert (code, err.splitlines()[-1]) == (exit_codes.INTERRUPTED, "got-ocr: interrupted.")
    assert seconds < 2


def test_ctrl_c_while_c_code_does_not_listen(tmp_path: Path) -> None:
    """A call that holds the main thread for a minute, as a decoder or a matrix product may."""
    code = (
        "import ctypes, sys\nfrom got_ocr.cli import main, read\n"
        "read.run = lambda args: (print('on', flush=True), ctypes.PyDLL and ctypes.CDLL(None).sleep(60),"
        " ctypes.CDLL(None).sleep(60))\nsys.exit(main(['x.png']))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=with_ctrl_c,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "on\n"
    seconds, returned, err = interrupt(process)
    assert (returned, err) == (exit_codes.INTERRUPTED, "got-ocr: interrupted.\n")
    assert seconds < 2.5


def test_a_library_that_swallows_ctrl_c_does_not_change_the_exit_code(tmp_path: Path) -> None:
    code = (
        "import sys, time\nfrom got_ocr.cli import main, read\n"
        "def run(args):\n    print('on', flush=True)\n    try:\n        time.sleep(60)\n"
        "    except BaseException:\n        raise ImportError('torch is half there')\n"
        "read.run = run\nsys.exit(main(['x.png']))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=with_ctrl_c,
    )
    assert process.stdout is not None
    process.stdout.readline()
    _, returned, err = interrupt(process)
    assert (returned, err) == (exit_codes.INTERRUPTED, "got-ocr: interrupted.\n")


@pytest.mark.parametrize("target", ["out/", "out.jsonl", "out.txt", "out.pdf"])
def test_two_writers_at_one_time(tmp_path: Path, target: str) -> None:
    prepare(tmp_path, target)
    options = [*arguments(tmp_path, target), "-q"]
    processes = [start(*options, seconds=0.15, cwd=tmp_path) for _ in range(3)]
    ends = [(process.communicate(), process.returncode) for process in processes]
    codes = sorted(code for _, code in ends)
    assert codes[0] == 0
    assert set(codes) <= {0, exit_codes.OUTPUT_FAILED}
    for (_, err), code in ends:
        if code:
            assert "is being written by another got-ocr" in err or "exists already" in err
            assert err.count("\n") == 1
    assert not list(tmp_path.glob(".*"))
    if target != "out.txt":
        check_whole(tmp_path, target)
    else:
        assert (tmp_path / target).read_text() == "\f".join(f"{20 + number}x10\n" for number in range(NUM_PAGES))
