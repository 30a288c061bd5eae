"""What a program started ends with it, however that ended."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from got_ocr.bulk.reaper import MARK, end_with_us, find_marked

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are found in /proc")
ROOT = Path(__file__).resolve().parents[2]
SOON_S = 240  # What a loaded machine may take for something that takes seconds.
# The command's exit code and its last line, by what ended it.
ENDS = {
    signal.SIGKILL: (-signal.SIGKILL, ""),
    signal.SIGTERM: (143, "stopped: the same command goes on where it was."),
    signal.SIGINT: (130, "interrupted."),
}

# A program that starts a process which starts another, both in sessions of their own, and deaf to SIGTERM.
PROGRAM = """
    import os, signal, subprocess, sys, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    from got_ocr.bulk.reaper import end_with_us
    CHILD = (
        "import subprocess, sys, time; "
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True); "
        "time.sleep(600)"
    )
    with end_with_us():
        subprocess.Popen([sys.executable, "-c", CHILD], start_new_session=True)
        print(os.environ["GOT_OCR_BULK_CLUSTER"], flush=True)
        time.sleep(600)
"""


def start(code: str, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", textwrap.dedent(code), *arguments]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What a shell starts in the background is told not to listen to Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def wait_for_some(mark: str, least: int) -> list[int]:
    deadline = time.monotonic() + SOON_S
    while len(found := find_marked(mark)) < least and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def wait_for(mark: str, count: int) -> list[int]:
    deadline = time.monotonic() + SOON_S
    while len(found := find_marked(mark)) != count and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def test_what_was_started_ends_with_a_program_that_was_killed():
    program = start(PROGRAM)
    try:
        mark = program.stdout.readline().strip()
        started = wait_for(mark, 2)
    finally:
        program.kill()
        program.communicate()

    assert len(started) == 2
    assert wait_for(mark, 0) == []


def test_what_is_left_ends_with_the_context_and_nothing_else():
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        with end_with_us():
            mark = os.environ[MARK]
            left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])

        assert left.wait(SOON_S) == -signal.SIGKILL
        assert other.poll() is None and MARK not in os.environ and find_marked(mark) == []
    finally:
        other.kill()
        other.wait()


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["Ray starts", "pages are read"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_process_of_ray_outlives_the_command(tmp_path, number, moment):
    """`got-ocr bulk` with a Ray of its own, ended at any time: one line, and all of its processes are gone soon."""
    pytest.importorskip("ray.data", reason="bulk reading on Ray needs the extra bulk")
    from got_ocr.bulk.benchmarks.materials import write_small_pages

    write_small_pages(tmp_path / "in", 400)
    code = """
        import contextlib, os, sys
        from got_ocr.bulk import cluster
        from got_ocr.cli import main
        with_us = cluster.end_with_us
        @contextlib.contextmanager
        def telling():
            with with_us():
                print(os.environ["GOT_OCR_BULK_CLUSTER"], flush=True)
                yield
        cluster.end_with_us = telling
        sys.exit(main(["bulk", *sys.argv[1:]]))
    """
    output = tmp_path / "out"
    options = ("--model", "nano", "--device", "cpu", "--rows-per-file", "8", "--object-store-memory", "0.15")
    program = start(code, str(tmp_path / "in"), "--output", str(output), "--no-dashboard", *options)
    try:
        mark = program.stdout.readline().strip()
        deadline = time.monotonic() + SOON_S
        if moment == "Ray starts":
            at_work = wait_for_some(mark, 2)
        else:
            while not list(output.glob("pages/*.parquet")) and program.poll() is None and time.monotonic() < deadline:
                time.sleep(0.1)
            at_work = find_marked(mark)
        program.send_signal(number)
        _, said = program.communicate(timeout=SOON_S)
    finally:
        program.kill()
        program.wait()

    assert len(at_work) > (1 if moment == "Ray starts" else 5)
    code, line = ENDS[number]
    assert program.returncode == code
    assert [one for one in said.splitlines() if one.startswith("got-ocr: ")][-1:] == [f"got-ocr: {line}"] or not line
    assert "Traceback" not in said
    assert wait_for(mark, 0) == []
