"""A server that computes in numpy, as `got-ocr serve` does for the built-in model: torch's answers, without torch."""

import json
import subprocess
import sys

import pytest

from got_ocr.hub.cache import BUILTIN_CHECKPOINT
from got_ocr.hub.model_choice import ModelChoice, load_model_for
from got_ocr.light import LightModel
from tests.serving.conftest import as_pdf, as_png, as_uri, draw_page, run

CHOICE = ModelChoice(str(BUILTIN_CHECKPOINT), "")
TABLE = draw_page(("Name      Count", "Bolts      17", "Nuts       230"), (700, 220))


@pytest.fixture(scope="module")
def light_server(light):
    model, processor = light
    assert isinstance(model, LightModel) and processor is None
    with run(model, processor, model_name="nano", num_decoders=1) as running:
        yield running


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"type": "format"},
        {"box": [10, 10, 500, 60]},
        {"slice": False, "max_new_tokens": 12},
        {"slice": False, "crop": True, "max_tiles": 2, "max_new_tokens": 6},
    ],
)
def test_answers_are_those_of_torch(light_server, nano_server, body):
    asked = {"image": [as_uri(as_png(TABLE)), as_uri(as_pdf([draw_page(), TABLE]), "application/pdf")], **body}
    with light_server.client() as client, nano_server.client() as other:
        by_numpy, by_torch = (one.post("/v1/ocr", json=asked).json() for one in (client, other))
    assert by_numpy["text"] == by_torch["text"] and by_numpy["text"].strip()
    assert by_numpy["usage"] == by_torch["usage"] and by_numpy["usage"]["prompt_tokens"] > 0
    for one, other in zip(by_numpy["pages"], by_torch["pages"], strict=True):
        assert one["finish_reason"] == other["finish_reason"]
        assert [line["box"] for line in one["lines"]] == [line["box"] for line in other["lines"]]


def test_text_streams_as_it_is_read(light_server):
    lines = [f"Line {number} of the page" for number in range(10, 40)]
    parts = [{"type": "image_url", "image_url": {"url": as_uri(as_png(draw_page(lines, (600, 1360))))}}]
    body = {"messages": [{"role": "user", "content": parts}], "stream": True}
    with light_server.client() as client, client.stream("POST", "/v1/chat/completions", json=body) as answer:
        events = [json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: {")]
    pieces = [event["choices"][0]["delta"].get("content") or "" for event in events if event["choices"]]
    assert "".join(pieces).strip() == "\n".join(lines)
    assert sum(map(bool, pieces)) > 1


def test_numpy_alone_says_what_it_can_not_read(page_png):
    model, processor = load_model_for(CHOICE, None, engine="numpy")
    with run(model, processor, num_decoders=1) as server, server.client() as client:
        whole = client.post("/v1/ocr", json={"image": as_uri(page_png), "slice": False})
        sliced = client.post("/v1/ocr", json={"image": as_uri(page_png)})
    assert whole.status_code == 422 and sliced.status_code == 200
    message = whole.json()["error"]["message"]
    assert "neither whole pictures" in message and "let pages be cut" in message


def test_the_command_reads_without_torch(tmp_path, page_png):
    (tmp_path / "page.png").write_bytes(page_png)
    script = f"""
import sys, threading, urllib.request
from got_ocr.cli.engines import load_for
from got_ocr.hub.model_choice import choose_model
from got_ocr.serving.options import ServerOptions
from got_ocr.serving.server import make_server, open_socket
from types import SimpleNamespace

args = SimpleNamespace(device="auto", dtype="auto", engine="auto", quiet=True, quantize=None)
started, urls = threading.Event(), []
server = make_server(
    *load_for(choose_model("nano"), None, args), ServerOptions(num_decoders=1), 20.0,
    lambda url: (urls.append(url), started.set()),
)
thread = threading.Thread(target=server.run, kwargs={{"sockets": [open_socket("127.0.0.1", 0)]}}, daemon=True)
thread.start()
started.wait()
data = open({str(tmp_path / "page.png")!r}, "rb").read()
head = {{"Content-Type": "multipart/form-data; boundary=b"}}
body = b'--b\\r\\nContent-Disposition: form-data; name="file"; filename="a"\\r\\n\\r\\n' + data + b"\\r\\n--b--\\r\\n"
print(urllib.request.urlopen(urllib.request.Request(urls[0] + "/v1/ocr", body, head)).read().decode())
print(*[name for name in ("torch", "transformers") if name in sys.modules])
server.should_exit = True
thread.join()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
    answer, imported = done.stdout.split("\n")[:2]
    assert json.loads(answer)["text"].startswith("The quick brown fox"), done.stderr
    assert imported == ""
