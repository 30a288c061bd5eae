"""The process that decodes pages for another: started by `isolation`, asked over its standard input.

A request is a line of JSON, followed by the file's bytes where it is no path; an answer is a line of JSON, followed by
the page's pixels. JSON and pixels, nothing that is executed when it is read: a decoder that a hostile file took over
can lie about a page, and no more. The system itself ends this process when a request takes too long or too much
memory, also when the process that asked is gone.
"""

import contextlib
import json
import logging
import os
import signal
import sys
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from PIL import Image

from .documents import DocumentReader
from .options import PageError, SourceOptions
from .pixels import load_file

READY = {"ready": True}


class _Notices(logging.Handler):
    """Collects what would be logged, for the process that asked."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        self.lines.append(record.getMessage())


class Worker:
    """Answers requests one after the other.

    Args:
        requests: Where they come from.
        answers: Where answers go.
    """

    def __init__(self, requests: IO[bytes], answers: IO[bytes]) -> None:
        self.requests = requests
        self.answers = answers
        self._key: int | None = None
        self._reader: DocumentReader | None = None
        self._notices = _Notices()
        logging.getLogger("got_ocr").addHandler(self._notices)

    def serve(self) -> None:
        """Answer until the other side is gone."""
        self._answer(READY)
        while line := self.requests.readline():
            request = json.loads(line)
            data = self.requests.read(request["length"]) if "length" in request else Path(request["path"])
            if isinstance(data, bytes) and len(data) < request["length"]:
                return
            self._notices.lines = []
            _limit_memory(request["options"]["max_memory_bytes"])
            _limit_time(request["options"]["page_timeout_s"])
            answer, pixels = self._handle(request, data)
            _limit_time(None)
            self._answer({**answer, "notices": self._notices.lines}, pixels)

    def _answer(self, answer: dict[str, Any], pixels: bytes = b"") -> None:
        self.answers.write(json.dumps({**answer, "length": len(pixels)}).encode() + b"\n")
        self.answers.write(pixels)
        self.answers.flush()

    def _handle(self, request: dict[str, Any], data: Path | bytes) -> tuple[dict[str, Any], bytes]:
        try:
            return self._work(request, data)
        except PageError as error:
            return {"error": str(error)}, b""
        except MemoryError:
            self._forget()
            return {"limit": "memory"}, b""

    def _work(self, request: dict[str, Any], data: Path | bytes) -> tuple[dict[str, Any], bytes]:
        options = SourceOptions.of(request["options"], spelled=request["spelled"])
        if request["do"] == "picture":
            return _with_pixels(load_file(data, request["name"], options, request["origin"]))
        if self._key != request["key"]:
            self._forget()
            self._reader = DocumentReader(data, request["name"], request["origin"], options)
            self._key = request["key"]
        reader = self._reader
        if reader is None:  # Set together with the key.
            raise PageError(f"{request['name']}: is not open.")
        if request["do"] == "list":
            listing = reader.list_pages(request["after"])
            return asdict(listing), b""
        if request["do"] == "letters":
            return {"letters": reader.count_letters(request["number"], request["page_name"])}, b""
        if request["do"] == "text":
            return {"text": reader.read_text(request["number"], request["page_name"])}, b""
        return _with_pixels(reader.load(request["number"], request["page_name"]))

    def _forget(self) -> None:
        if self._reader is not None:
            self._reader.close()
        self._reader = self._key = None


def _with_pixels(image: Image.Image) -> tuple[dict[str, Any], bytes]:
    dpi = image.info.get("dpi")
    with contextlib.suppress(TypeError, ValueError, ZeroDivisionError):  # Whatever a file says there.
        dpi = [float(value) for value in dpi] if dpi else None
    return {"size": image.size, "dpi": dpi if isinstance(dpi, list) else None}, image.tobytes()


def _limit_time(limit_s: float | None) -> None:
    """Let the system end this process after a while, whatever it is at then. None: not any more."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, limit_s or 0)


def _limit_memory(num_bytes: int | None) -> None:
    with contextlib.suppress(ImportError, OSError, ValueError):  # Windows; a stricter limit of somebody's.
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        wanted = resource.RLIM_INFINITY if num_bytes is None else int(num_bytes)
        if hard != resource.RLIM_INFINITY:
            wanted = hard if wanted == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))


def main() -> None:
    """Serve on standard input and output; whatever libraries print goes nowhere."""
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = None  # Our own limit is stricter and is checked before decoding.
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # A crash leaves no picture of a stranger's page on the disk.
    with contextlib.suppress(ValueError, AttributeError):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        Worker(requests, answers).serve()
    except (BrokenPipeError, KeyboardInterrupt):
        pass
    finally:
        os._exit(0)  # Documents that are still open need no closing, and decoders' threads no waiting for.


if __name__ == "__main__":
    main()
    sys.exit(0)
