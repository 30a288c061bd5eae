"""Ends the processes of a cluster when the program that started it is gone, however it went.

Ray's processes look for that by themselves, in their own time: its agents need a minute, and a worker that was being
started just then may wait for its cluster for longer. So what the cluster starts bears a mark in its environment, and
a process outside of the cluster waits for the end of the program and then ends what bears the mark.

This file is also that process, run by itself: the standard library only.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

MARK = "GOT_OCR_BULK_CLUSTER"
LOOK_S = 0.1
LOOKS = 3  # In a row that find nobody, since a process that ends may have started another.
LONGEST_S = 60.0
_PROCESSES = Path("/proc")


@contextlib.contextmanager
def end_with_us() -> Iterator[None]:
    """Have all end with this program that is started within, and with this context at the latest.

    On Linux only: elsewhere nothing tells which processes those are.
    """
    if not sys.platform.startswith("linux"):
        yield
        return
    mark = uuid.uuid4().hex
    # In a session of its own: Ctrl-C in a terminal is for the program.
    reaper = subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, mark], stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        os.environ[MARK] = mark
        yield
    finally:
        os.environ.pop(MARK, None)
        if reaper.stdin is not None:
            reaper.stdin.close()
        reaper.wait()


def find_marked(mark: str) -> list[int]:
    """Find the processes that bear a mark, but for this one. Returns: their numbers."""
    sought = f"{MARK}={mark}".encode()
    found = []
    for entry in _PROCESSES.iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):  # It ended meanwhile, or is another user's.
                if sought in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found


def main() -> None:
    """Wait until whoever started this is gone, then end what bears the mark."""
    mark = sys.argv[1]
    sys.stdin.buffer.read()
    end = time.monotonic() + LONGEST_S
    looks = 0
    while looks < LOOKS and time.monotonic() < end:
        found = find_marked(mark)
        looks = 0 if found else looks + 1
        for process in found:
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)
        time.sleep(LOOK_S)


if __name__ == "__main__":
    main()
