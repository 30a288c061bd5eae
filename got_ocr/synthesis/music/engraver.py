"""Verovio in a process of its own that stays: music in, pages out. Damaged music ends that process, not this one."""

import atexit
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from got_ocr.rendering.music import OPTIONS

TIMEOUT_S = 30.0
MAX_PAGES = 1


class Engraver:
    """Engraves `**kern` as SVG; the process starts on first use, and again where a piece ended it."""

    def __init__(self) -> None:
        """Get ready; nothing is started yet."""
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.close)

    def engrave(self, kern: str, options: dict[str, Any] | None = None) -> str:
        """Engrave a piece on one page.

        Args:
            kern: its `**kern`.
            options: of Verovio, over those that GOT's renderer has (`got_ocr.rendering.music.OPTIONS`).

        Returns:
            The page's SVG.

        Raises:
            ValueError: Verovio can't read it, needs more than a page, or is missing.
        """
        process = self._running()
        job = {"piece": kern, "options": OPTIONS | (options or {}), "max_pages": MAX_PAGES + 1}
        assert process.stdin is not None and process.stdout is not None  # They are pipes.
        try:
            process.stdin.write(json.dumps(job).encode() + b"\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except OSError:
            line = b""
        if not line:
            self.close()
            raise ValueError("Verovio could not read this music: its process ended")
        answer = json.loads(line)
        if "missing" in answer:
            self.close()
            raise ValueError("music needs Verovio: pip install verovio")
        pages = answer["pages"]
        if len(pages) != 1:
            raise ValueError(f"the music has {len(pages)} pages, and 1 is wanted")
        return str(pages[0])

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None or self._process.poll() is not None:
            command = [sys.executable, str(Path(__file__)), str(os.getpid())]
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        return self._process

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            if self._process.stdin is not None:
                self._process.stdin.close()
            self._process.terminate()
            self._process.wait()
            if self._process.stdout is not None:
                self._process.stdout.close()
            self._process = None


def main() -> None:
    """Engrave pieces, a JSON line each on stdin, until it ends."""
    try:
        import verovio
    except ImportError:
        sys.stdout.write('{"missing": true}\n')
        return
    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    for line in sys.stdin:
        job = json.loads(line)
        toolkit.resetOptions()
        toolkit.setOptions(job["options"])
        pages = []
        if toolkit.loadData(job["piece"]):
            pages = [toolkit.renderToSVG(page + 1) for page in range(min(toolkit.getPageCount(), job["max_pages"]))]
        sys.stdout.write(json.dumps({"pages": pages}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
