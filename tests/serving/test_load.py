"""Many clients at once, clients that go away, limits of time, and the end of the server."""

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest
from PIL import Image

from got_ocr.processing import isolation
from tests.serving.conftest import LINES, RunningServer, as_pdf, as_png, as_uri, draw_page, run

TEXT = "\n".join(LINES)
ROOT = Path(__file__).resolve().parents[2]


def wait_until(condition, timeout_s=20.0):
    """Wait for something; fails when it does not come."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def gated(nano):
    """A server whose reading waits for a gate; with a list of the sizes of its batches."""
    with run(*nano, batch_size=4, max_waiting=6, request_timeout_s=60, num_decoders=1) as server:
        reading = server.server.config.app.state.service.reading
        server.gate, server.batches = threading.Event(), []
        original = reading._read

        def read(batch):
            server.batches.append(len(batch))
            server.gate.wait(30)
            return original(batch)

        reading._read = read
        yield server
        server.gate.set()


def post(server, answers, **body):
    def send():
        with server.client() as client:
            answers.append(client.post("/v1/ocr", json=body))

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    return thread


def test_a_full_queue_answers_429_and_those_that_wait_are_read(gated, page_png):
    answers = []
    threads = [post(gated, answers, image=as_uri(page_png)) for _ in range(6)]
    wait_until(lambda: gated.metric("got_ocr_requests_in_progress") == 6)
    with gated.client() as client:
        refused = client.post("/v1/ocr", json={"image": as_uri(page_png)})
        chat = client.post("/v1/chat/completions", json={"messages": []})
        healthy = client.get("/healthz")
    gated.gate.set()
    for thread in threads:
        thread.join(150)

    assert refused.status_code == chat.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 120
    assert refused.json()["error"]["type"] == "overloaded_error"
    assert healthy.status_code == 200
    assert [answer.json()["text"] for answer in answers] == [TEXT] * 6
    assert gated.metric("got_ocr_requests_in_progress") == 0


def test_requests_that_wait_are_read_as_a_batch_with_the_same_answers(gated, page_png):
    answers = []
    first = post(gated, answers, image=as_uri(page_png))
    wait_until(lambda: gated.batches == [1])
    threads = [post(gated, answers, image=as_uri(page_png), slice=False, max_new_tokens=12) for _ in range(4)]
    wait_until(lambda: gated.metric("got_ocr_requests_in_progress") == 5)
    wait_until(lambda: len(gated.server.config.app.state.service.reading._waiting) == 4)
    gated.gate.set()
    for thread in [first, *threads]:
        thread.join(150)

    assert gated.batches == [1, 4]
    texts = [answer.json()["text"] for answer in answers if answer.json()["text"] != TEXT]
    with gated.client() as client:
        alone = client.post("/v1/ocr", json={"image": as_uri(page_png), "slice": False, "max_new_tokens": 12}).json()
    assert texts == [alone["text"]] * 4
    usages = [answer.json()["usage"] for answer in answers if answer.json()["text"] != TEXT]
    assert usages == [alone["usage"]] * 4


@pytest.mark.parametrize("is_stream", [False, True])
def test_a_client_that_goes_away_is_not_read_for(gated, page_png, is_stream):
    body = {
        "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": as_uri(page_png)}}]}],
        "stream": is_stream,
    }
    with gated.client() as client:
        for _ in range(3):
            with pytest.raises(httpx.ReadTimeout):
                client.post("/v1/chat/completions", json=body, timeout=0.7)
        wait_until(lambda: gated.metric("got_ocr_requests_in_progress") == 0)
        gated.gate.set()
        good = client.post("/v1/ocr", json={"image": as_uri(page_png)})

    assert good.json()["text"] == TEXT
    assert gated.metric("got_ocr_requests_cancelled_total") == 3
    # Of the three the first may have been begun; the others were never read.
    assert gated.batches in ([1], [1, 1])


def test_a_stream_whose_client_goes_away_midway_frees_its_place(gated, page_png):
    gated.gate.set()
    images = [{"type": "image_url", "image_url": {"url": as_uri(page_png)}}] * 20
    body = {"messages": [{"role": "user", "content": images}], "stream": True}
    with gated.client() as client, client.stream("POST", "/v1/chat/completions", json=body) as answer:
        for line in answer.iter_lines():
            if "brown" in line or "jumps" in line:
                break
    wait_until(lambda: gated.metric("got_ocr_requests_in_progress") == 0)

    assert sum(gated.batches) < 20


def test_a_request_that_takes_too_long_is_given_up(nano, page_png):
    with run(*nano, request_timeout_s=0.3, num_decoders=1) as server:
        reading = server.server.config.app.state.service.reading
        original, gate = reading._read, threading.Event()
        reading._read = lambda batch: (gate.wait(10), original(batch))[1]
        with server.client() as client:
            slow = client.post("/v1/ocr", json={"image": as_uri(page_png)})
            gate.set()
        assert slow.status_code == 504
        assert slow.json()["error"]["type"] == "timeout_error"
        wait_until(lambda: server.metric("got_ocr_requests_in_progress") == 0)


def test_a_body_that_never_ends_is_given_up(nano, page_png):
    with run(*nano, upload_timeout_s=1, num_decoders=1) as server:
        host, port = server.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(
                b"POST /v1/ocr HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n{"
            )
            answer = connection.recv(65536)
        assert b" 408 " in answer.splitlines()[0]
        with server.client() as client:
            assert client.post("/v1/ocr", json={"image": as_uri(page_png)}).json()["text"] == TEXT


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_decoder_that_hangs_or_dies_costs_at_most_its_own_request(nano, page_png):
    def pid():
        return isolation._pool._idle[-1]._process.pid

    with run(*nano, decode_timeout_s=1, num_decoders=1) as server, server.client() as client:
        assert client.post("/v1/ocr", json={"image": as_uri(page_png)}).status_code == 200
        os.kill(pid(), signal.SIGSTOP)
        hung = client.post("/v1/ocr", json={"image": as_uri(page_png)})
        after = client.post("/v1/ocr", json={"image": as_uri(page_png)})
        os.kill(pid(), signal.SIGKILL)
        answers = [client.post("/v1/ocr", json={"image": as_uri(page_png)}) for _ in range(2)]

    assert hung.status_code == 422
    assert "image: " in hung.json()["error"]["message"]
    assert after.json()["text"] == TEXT
    assert answers[-1].json()["text"] == TEXT
    assert all(answer.status_code in (200, 422) for answer in answers)


def test_a_mistake_of_ours_is_one_line_and_the_next_request_is_read(nano, page_png):
    with run(*nano, num_decoders=1) as server:
        reading = server.server.config.app.state.service.reading
        original = reading._read

        def fail(batch):
            reading._read = original
            raise KeyError("secret")

        reading._read = fail
        with server.client() as client:
            broken = client.post("/v1/ocr", json={"image": as_uri(page_png)})
            good = client.post("/v1/ocr", json={"image": as_uri(page_png)})

    assert broken.status_code == 500
    assert "secret" not in broken.text
    assert good.json()["text"] == TEXT


def start_command(*options):
    """Run `got-ocr serve` as people do. Returns: the process and its URL."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "got_ocr", "serve", "--port", "0", "--decoders", "1", *options],
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    for line in process.stderr:
        if "listening on" in line:
            return process, line.split()[-1]
    raise AssertionError("the server did not start")


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_sigterm_under_load_finishes_what_runs():
    process, url = start_command()
    answers = []

    def ask(number):
        image = draw_page([f"Client number {number}", "asks for this page."])
        answers.append((number, httpx.post(f"{url}/v1/ocr", files={"file": as_png(image)}, timeout=150)))

    threads = [threading.Thread(target=ask, args=(number,), daemon=True) for number in range(11, 17)]
    try:
        for thread in threads:
            thread.start()
        server = RunningServer(url, None)
        wait_until(
            lambda: (
                server.metric("got_ocr_requests_in_progress")
                + server.metric('got_ocr_requests_total{endpoint="/v1/ocr",status="200"}')
                == 6
            )
        )
        process.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join(150)
        code = process.wait(30)
        rest = process.stderr.read()
    finally:
        process.kill()

    assert code == 0
    assert "Traceback" not in rest and "stopped." in rest
    assert len(answers) == 6
    for number, answer in answers:
        assert answer.json()["text"] == f"Client number {number}\nasks for this page."
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/healthz")


class Crowd:
    """Clients of all kinds, so many at once."""

    def __init__(self, url, at_once):
        self.url, self.at_once = url, at_once
        self.good, self.wrong, self.statuses = 0, [], []
        self.pixels = as_png(Image.new("L", (9000, 9000)))
        self.pdf = as_pdf([draw_page([word]) for word in ("Alpha page", "Beta page")])

    async def run(self, kinds):
        """Send a client of each kind; returns when all are done."""
        limit = asyncio.Semaphore(self.at_once)
        async with httpx.AsyncClient(base_url=self.url, timeout=240) as client:

            async def one(number, kind):
                async with limit:
                    await getattr(self, kind)(client, number)

            await asyncio.gather(*(one(number, kind) for number, kind in enumerate(kinds)))

    async def _post(self, client, **options):
        """Send until there is room."""
        while True:
            answer = await client.post("/v1/ocr", **options)
            self.statuses.append(answer.status_code)
            if answer.status_code != 429:
                return answer
            await asyncio.sleep(0.2)

    def _check(self, found, expected):
        if found == expected:
            self.good += 1
        else:
            self.wrong.append((found, expected))

    async def page(self, client, number):
        image = draw_page([f"Page {number + 100} of many"], (400, 80))
        answer = await self._post(client, files={"file": as_png(image)})
        self._check(answer.json().get("text"), f"Page {number + 100} of many")

    async def document(self, client, number):
        answer = await self._post(client, files={"file": self.pdf})
        self._check(answer.json().get("text"), "Alpha page\fBeta page")

    async def streamed(self, client, number):
        image = draw_page([f"Stream {number + 100} runs"], (400, 80))
        parts = [{"type": "image_url", "image_url": {"url": as_uri(as_png(image))}}]
        body = {"messages": [{"role": "user", "content": parts}], "stream": True}
        while True:
            text = ""
            async with client.stream("POST", "/v1/chat/completions", json=body) as answer:
                self.statuses.append(answer.status_code)
                async for line in answer.aiter_lines():
                    if line.startswith("data: {"):
                        choices = json.loads(line[6:]).get("choices") or [{}]
                        text += choices[0].get("delta", {}).get("content") or ""
            if answer.status_code != 429:
                break
            await asyncio.sleep(0.2)
        self._check(text.strip(), f"Stream {number + 100} runs")

    async def bad(self, client, number):
        content = random.Random(number).randbytes(2000)
        answer = await self._post(client, files={"file": content})
        self._check(answer.status_code, 422)

    async def huge(self, client, number):
        answer = await self._post(client, files={"file": self.pixels})
        self._check(answer.status_code, 422)

    async def hangs_up(self, client, number):
        body = json.dumps({"image": as_uri(as_png(draw_page()))}).encode()
        host, port = self.url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        lines = ("POST /v1/ocr HTTP/1.1", "Host: x", "Content-Type: application/json", f"Content-Length: {len(body)}")
        head = "\r\n".join(lines) + "\r\n\r\n"
        # Some go away within the body, others while they wait.
        writer.write(head.encode() + body[: len(body) // (1 + number % 2)])
        await writer.drain()
        await asyncio.sleep(0.05 * (number % 7))
        writer.close()


def crowd_kinds(count):
    """Name so many clients: half of them good, the rest bad, huge, and gone."""
    kinds = ["page", "bad", "streamed", "hangs_up", "document", "huge", "page", "hangs_up", "page", "bad"]
    return [kinds[number % len(kinds)] for number in range(count)]


def check_crowd(server, crowd, kinds):
    assert not crowd.wrong
    assert crowd.good == sum(kind != "hangs_up" for kind in kinds)
    assert set(crowd.statuses) <= {200, 422, 429}
    wait_until(lambda: server.metric("got_ocr_requests_in_progress") == 0)
    with server.client() as client:
        answer = client.post("/v1/ocr", files={"file": as_png(draw_page())})
    assert answer.json()["text"] == TEXT


def test_a_small_crowd_is_answered_right(light):
    kinds = crowd_kinds(20)
    with run(*light, max_waiting=8, num_decoders=2) as server:
        crowd = Crowd(server.url, at_once=12)
        asyncio.run(crowd.run(kinds))
        check_crowd(server, crowd, kinds)


@pytest.mark.slow
def test_two_hundred_clients_are_answered_right_in_flat_memory(light):
    kinds = crowd_kinds(200)
    with run(*light, max_waiting=16, num_decoders=2) as server:
        warm = Crowd(server.url, at_once=24)
        asyncio.run(warm.run(kinds[:20]))
        before = server.metric("process_resident_memory_bytes")
        crowd = Crowd(server.url, at_once=24)
        asyncio.run(crowd.run(kinds))
        check_crowd(server, crowd, kinds)
        after = server.metric("process_resident_memory_bytes")
        handles = server.metric("process_open_fds")
    print(f"resident before {before / 1e6:.0f} MB, after {after / 1e6:.0f} MB; {handles:.0f} open files")
    assert after < before * 1.1 + 30e6
    assert handles < 60
