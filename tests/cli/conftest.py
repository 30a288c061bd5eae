"""A model that reads nothing but sizes, so that tests of the command line take no time."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from got_ocr.cli import main
from got_ocr.reading.answer import GotOcrAnswer


class FakeModel:
    """Answers `WIDTHxHEIGHT`; a picture 13 pixels wide is one it can't read, one of 16 takes too long.

    Notes how it was called.
    """

    def __init__(self, slicing: Any = None) -> None:
        self.config = SimpleNamespace(slicing=slicing)
        self.device = "cpu"
        self.calls: list[dict[str, Any]] = []

    def read(self, processor: Any, images: Any, **options: Any) -> list[GotOcrAnswer]:
        self.calls.append({"num_images": len(images), **options, **vars(options["mode"])})
        answers = []
        for image in images:
            pages = image if isinstance(image, list) else [image]
            if any(page.width == 13 for page in pages):
                raise ValueError("The box lies outside the picture of 13 pixels.")
            if any(page.width == 14 for page in pages):
                raise RuntimeError("CUDA out of memory. Tried to allocate 20 GiB.")
            text = " ".join(f"{page.width}x{page.height}" for page in pages)
            if options["on_text"] is not None:
                for letter in text:
                    options["on_text"](letter)
            if pages[0].width == 16:
                answers.append(GotOcrAnswer("half", "error", num_tokens=3, error="takes too long.", limit="time"))
                continue
            reason = "length" if pages[0].width == 15 else "stop"
            answers.append(GotOcrAnswer(text, reason, num_tokens=7, mean_probability=0.5, min_probability=0.25))
        return answers


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> FakeModel:
    fake = FakeModel()
    monkeypatch.setattr("got_ocr.cli.read._load", lambda choice, args: (fake, None))
    monkeypatch.delenv("GOT_OCR_MODEL", raising=False)
    return fake


@pytest.fixture
def run(model: FakeModel, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a command line in an empty folder; gives exit code, standard output and standard error."""
    checkpoint = tmp_path / "checkpoint"
    checkpoint.mkdir()
    (checkpoint / "config.json").write_text("{}")
    monkeypatch.setenv("GOT_OCR_MODEL", str(checkpoint))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)

    def run_command(*argv: Any) -> tuple[int, str, str]:
        code = main([str(argument) for argument in argv])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run_command


@pytest.fixture
def picture() -> Callable[..., Path]:
    """Write a picture of a size into the working folder."""

    def write(name: str, width: int = 20, height: int = 10) -> Path:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (width, height), "white").save(path)
        return path

    return write
