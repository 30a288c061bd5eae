"""`got-ocr` as a process of its own, with a reader that needs no model."""

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from PIL import Image

from got_ocr.cli import main

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in ("GOT_OCR_MODEL", "PYTHONUNBUFFERED")}
ENVIRONMENT |= {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}

# Reads a picture's size, as slowly as the environment says.
FAKE_READER = """
import os, sys, time
from types import SimpleNamespace
from got_ocr.cli import main, read

def answer(processor, images, **options):
    time.sleep(float(os.environ.get("FAKE_SECONDS", "0")))
    pages = [image if isinstance(image, list) else [image] for image in images]
    texts = [" ".join(f"{page.width}x{page.height}" for page in document) for document in pages]
    return [SimpleNamespace(text=os.environ.get("FAKE_TEXT", "") + text, finish_reason="stop", num_tokens=1,
                            mean_probability=float(os.environ.get("FAKE_PROBABILITY", "1")), min_probability=1.0,
                            error=None, limit=None, lines=()) for text in texts]

read._load = lambda choice, args: (
    SimpleNamespace(read=answer, config=SimpleNamespace(slicing=None), device="cpu"), None)
sys.exit(main())
"""


def start(*arguments: object, seconds: float = 0, fake: bool = True, **options: Any) -> "subprocess.Popen[str]":
    """Start a command; `seconds` is what a page takes."""
    environment = {**ENVIRONMENT, "FAKE_SECONDS": str(seconds), **options.pop("environment", {})}
    if fake:
        environment["GOT_OCR_MODEL"] = "org/unused"
    program = ["-c", FAKE_READER] if fake else ["-m", "got_ocr"]
    settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
    return subprocess.Popen([sys.executable, *program, *map(str, arguments)], env=environment, **settings)


def run(*arguments: object, seconds: float = 0, fake: bool = True, **options: Any) -> tuple[int, str, str]:
    """Run a command to its end. Returns: exit code, standard output, standard error."""
    with start(*arguments, seconds=seconds, fake=fake, **options) as process:
        out, err = process.communicate(timeout=300)
    return process.returncode, out or "", err or ""


class Forked:
    """A command in a process of its own that need not import all anew.

    Args:
        arguments: The command's.
        said: Where its standard error goes; here by default.
        limit_bytes: How large a file may become, as on a full disk.
        environment: What the process gets besides.
    """

    def __init__(
        self,
        arguments: list[str],
        said: Path | None = None,
        limit_bytes: int | None = None,
        environment: dict[str, str] | None = None,
    ) -> None:
        context = multiprocessing.get_context("fork")
        self._process = context.Process(target=self._run, args=(arguments, said, limit_bytes, environment or {}))
        self._process.start()

    @staticmethod
    def _run(arguments: list[str], said: Path | None, limit_bytes: int | None, environment: dict[str, str]) -> None:
        os.environ.update(environment)
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(1)  # Its other threads stayed behind.
        if said is not None:
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - for as long as the process lives
            sys.stderr = open(said, "w", buffering=1)  # noqa: SIM115
        if limit_bytes is not None:
            import resource

            resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))
        raise SystemExit(main(arguments))

    def poll(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    def wait(self) -> int:
        self._process.join()
        code = self._process.exitcode
        assert code is not None
        return code


def write_pictures(folder: Path, count: int, first_width: int = 20) -> None:
    """Write pictures of different widths, `0.png` ..."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        Image.new("L", (first_width + number, 10), 255).save(folder / f"{number}.png")
