"""`transformers serve`, the program itself, answers OpenAI's client for what we save and for every public layout."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

pytest.importorskip("fastapi", reason="transformers' server needs FastAPI")
pytest.importorskip("uvicorn", reason="transformers' server needs uvicorn")
pytest.importorskip("openai", reason="OpenAI's client is not installed")
pytest.importorskip(
    "transformers.cli.serving.model_manager", reason="this transformers has no such server", exc_type=ImportError
)

import openai
from transformers.cli.serving.model_manager import ModelManager

from got_ocr import BUILTIN_CHECKPOINT, GotOcrForConditionalGeneration, GotOcrProcessor, export_for_hub
from got_ocr.configuration.slicing import SlicingOptions
from got_ocr.slices.slicing import slice_page
from tests.serving.conftest import as_png, as_uri, draw_page
from tests.support.folders import FOLDERS, write_folder

START_S, POLL_S = 400, 0.2
# `transformers serve ...` where got_ocr is not installed.
ALONE = "import sys; sys.modules['got_ocr'] = None; from transformers.cli.transformers import app; app()"


@pytest.fixture(scope="module")
def nano() -> tuple[Any, Any]:
    model = GotOcrForConditionalGeneration.from_pretrained(BUILTIN_CHECKPOINT).eval()
    return model, GotOcrProcessor.from_pretrained(BUILTIN_CHECKPOINT)


@pytest.fixture(scope="module")
def canvas(nano: tuple[Any, Any]) -> Image.Image:
    """A picture of the kind that the built-in checkpoint reads in one go: a slice of a page on a square."""
    config = nano[0].config
    side_px = config.vision_config.image_size
    sliced = slice_page(draw_page(), SlicingOptions.from_dict(config.slicing), side_px).slices[0]
    square = Image.new("RGB", (side_px, side_px), "white")
    square.paste(sliced, (0, 0))
    return square


class Running:
    """A server, and a client of it."""

    def __init__(self, url: str, model: str) -> None:
        self.model = model
        self.client = openai.OpenAI(base_url=f"{url}/v1", api_key="none", timeout=150, max_retries=0)

    def ask(self, picture: Image.Image, text: str = "", **options: Any) -> Any:
        content = [{"type": "image_url", "image_url": {"url": as_uri(as_png(picture))}}]
        content += [{"type": "text", "text": text}] if text else []
        return self.client.chat.completions.create(
            model=self.model, messages=[{"role": "user", "content": content}], max_tokens=40, **options
        )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@pytest.fixture(scope="module")
def alone(nano: tuple[Any, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The built-in checkpoint, exported, served by the code in its folder."""
    place = tmp_path_factory.mktemp("alone")
    folder = export_for_hub(*nano, place / "nano")
    port = free_port()
    command = [sys.executable, "-c", ALONE, "serve", str(folder), "--trust-remote-code"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    environment = {**os.environ, "HF_HOME": str(place / "hf"), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONPATH", None)
    log = place / "log"
    with (
        log.open("w") as out,
        subprocess.Popen(command, cwd=place, env=environment, stdout=out, stderr=out) as process,
    ):
        try:
            wait_until_healthy(f"http://127.0.0.1:{port}", process, log)
            yield Running(f"http://127.0.0.1:{port}", str(folder))
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_until_healthy(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_S
    while True:
        assert process.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < deadline, f"not started: {log.read_text()[-3000:]}"
        try:
            urllib.request.urlopen(f"{url}/health", timeout=5).read()
            return
        except OSError:
            time.sleep(POLL_S)


def test_a_saved_folder_answers_with_its_own_code(alone: Running, nano: tuple[Any, Any], canvas: Image.Image) -> None:
    model, processor = nano
    expected = model.read(processor, canvas, slice_pages=False)[0].text
    assert "brown fox" in expected
    assert alone.ask(canvas).choices[0].message.content == expected
    assert alone.ask(canvas, "OCR: ").choices[0].message.content == expected
    assert [one.id for one in alone.client.models.list()] == [alone.model]


def test_it_streams(alone: Running, canvas: Image.Image) -> None:
    whole = alone.ask(canvas)
    chunks = [chunk.choices[0] for chunk in alone.ask(canvas, stream=True)]
    pieces = [chunk.delta.content for chunk in chunks if chunk.delta.content]
    assert "".join(pieces) == whole.choices[0].message.content
    assert len(pieces) > 3 and chunks[-1].finish_reason == "stop"


def test_a_published_instruction_chooses_the_mode(alone: Running, nano: tuple[Any, Any], canvas: Image.Image) -> None:
    model, processor = nano
    for text in ("OCR with format: ", "Read this aloud"):
        inputs = processor(images=canvas, text=text, return_tensors="pt")
        answer = alone.ask(canvas, text)
        assert answer.usage.prompt_tokens == inputs["input_ids"].shape[1], text
        with torch.no_grad():
            made = model.generate(**inputs, max_new_tokens=40)[0, inputs["input_ids"].shape[1] :]
        assert answer.choices[0].message.content == processor.decode(made, skip_special_tokens=True)


@pytest.mark.parametrize("layout", FOLDERS)
def test_the_server_takes_every_layout(
    layout: str, tiny_model: Any, nano_vocabulary: Path, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    folder = write_folder(layout, tiny_model, nano_vocabulary, tmp_path / layout, tiny_checkpoint)
    made = ModelManager(device="cpu", model_timeout=-1)
    try:
        model, processor = made.load_model_and_processor(made.process_model_name(str(folder)))
        assert isinstance(model, GotOcrForConditionalGeneration)
        assert made.get_model_modality(model, processor).name in ("VLM", "MULTIMODAL")
    finally:
        made.shutdown()


@pytest.fixture
def in_this_process(tiny_checkpoint: Path, tmp_path: Path) -> Iterator[Running]:
    """A folder without code of its own, in a server that imports got_ocr."""
    from transformers.cli.serve import Serve
    from transformers.utils import logging

    folder = tmp_path / "tiny"
    shutil.copytree(tiny_checkpoint, folder, ignore=shutil.ignore_patterns("*.py"))
    level = logging.get_verbosity()
    port = free_port()
    server = Serve(force_model=str(folder), host="127.0.0.1", port=port, device="cpu", non_blocking=True)
    try:
        yield Running(f"http://127.0.0.1:{port}", str(folder))
    finally:
        server.kill_server()
        logging.set_verbosity(level)


def test_several_pictures_with_got_ocr_imported(
    in_this_process: Running, tiny_model: Any, tiny_processor: Any
) -> None:
    pages = [draw_page(), draw_page(("another page",))]
    content = [{"type": "image_url", "image_url": {"url": as_uri(as_png(page))}} for page in pages]
    answer = in_this_process.client.chat.completions.create(
        model=in_this_process.model, messages=[{"role": "user", "content": content}], max_tokens=6
    )
    messages = [{"role": "user", "content": [{"type": "image", "image": page} for page in pages]}]
    inputs = tiny_processor.apply_chat_template(
        messages, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
    )
    with torch.no_grad():
        made = tiny_model.generate(**inputs, max_new_tokens=6)[0, inputs["input_ids"].shape[1] :]
    assert answer.usage.prompt_tokens == inputs["input_ids"].shape[1]
    assert answer.choices[0].message.content == tiny_processor.decode(made, skip_special_tokens=True)
