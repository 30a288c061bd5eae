"""A server on a port of this machine, in a thread, with the built-in model or a tiny random one."""

import base64
import contextlib
import io
import threading
from collections.abc import Iterator

import pytest
from PIL import Image, ImageDraw, ImageFont

pytest.importorskip("fastapi")

import httpx
import torch

from got_ocr.hub.cache import BUILTIN_CHECKPOINT
from got_ocr.hub.model_choice import ModelChoice, load_model, load_model_for
from got_ocr.serving import server as serving_server
from got_ocr.serving.options import ServerOptions

LINES = ("The quick brown fox", "jumps over the lazy dog.")


def draw_page(lines=LINES, size=(600, 200)) -> Image.Image:
    """Black print on white."""
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        draw.text((20, 20 + 44 * number), line, fill="black", font=ImageFont.load_default(28))
    return image


def as_png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def as_uri(data: bytes, media_type: str = "image/png") -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def as_pdf(images) -> bytes:
    buffer = io.BytesIO()
    images[0].save(buffer, "PDF", save_all=True, append_images=images[1:], resolution=200)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def page_png() -> bytes:
    return as_png(draw_page())


@pytest.fixture(scope="session")
def nano():
    """The built-in model and its processor."""
    # Two threads of OpenMP on a busy machine wait for each other most of the time.
    torch.set_num_threads(1)
    return load_model(ModelChoice(str(BUILTIN_CHECKPOINT), ""), "cpu")


@pytest.fixture(scope="session")
def light():
    """The built-in model as `got-ocr serve` loads it: in numpy."""
    return load_model_for(ModelChoice(str(BUILTIN_CHECKPOINT), ""), None)


class RunningServer:
    """A server and how to reach it."""

    def __init__(self, url, server):
        self.url = url
        self.server = server

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=150)

    def metric(self, name: str, key: str = "") -> float:
        """Sum the samples of a metric."""
        headers = {"X-API-Key": key} if key else {}
        text = httpx.get(f"{self.url}/metrics", headers=headers, timeout=30).text
        found = [line.rsplit(" ", 1)[1] for line in text.splitlines() if line.startswith((f"{name} ", f"{name}{{"))]
        return sum(map(float, found))


@contextlib.contextmanager
def run(model, processor, **options) -> Iterator[RunningServer]:
    """Run a server in a thread."""
    listening = serving_server.open_socket("127.0.0.1", 0)
    started = threading.Event()
    urls = []

    def on_started(url):
        urls.append(url)
        started.set()

    server = serving_server.make_server(model, processor, ServerOptions(**options), 20.0, on_started)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    assert started.wait(30)
    try:
        yield RunningServer(urls[0], server)
    finally:
        server.should_exit = True
        thread.join(60)
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def nano_server(nano):
    """A server of the built-in model, with one decoding process to start."""
    with run(*nano, model_name="nano", num_decoders=1) as running:
        yield running
