"""vLLM's processes end when the one that started them is killed; the pipe that all write to tells when."""

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from got_ocr.serving.vllm.parent_watch import PARENT_VARIABLE, watch_parent

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import multiprocessing, os, signal, sys, time
from got_ocr.serving.vllm.parent_watch import announce_parent, watch_parent

def serve(context, ready, depth):
    for _ in range(2):
        assert watch_parent()
    if depth:  # As vLLM's engine starts its workers.
        context.Process(target=serve, args=(context, ready, depth - 1)).start()
    else:
        ready.set()
    time.sleep(3600)

if __name__ == "__main__":
    announce_parent()
    context = multiprocessing.get_context(sys.argv[1])
    ready = context.Event()
    context.Process(target=serve, args=(context, ready, int(sys.argv[2]))).start()
    ready.wait()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("depth", [0, 1, 2])
@pytest.mark.parametrize("how", ["spawn", "fork"])
def test_all_below_end_with_a_killed_process(tmp_path, how, depth):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, script, how, str(depth)], capture_output=True, env=environment, timeout=600)
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_processes_of_others_are_left_alone(monkeypatch):
    monkeypatch.setenv(PARENT_VARIABLE, str(os.getpid()))
    assert multiprocessing.parent_process() is not None or not watch_parent()
    other = type("Parent", (), {"pid": os.getpid() + 1, "join": lambda self: None})()
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: other)
    assert not watch_parent()
    monkeypatch.delenv(PARENT_VARIABLE)
    assert not watch_parent()
