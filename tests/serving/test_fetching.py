"""Fetching URLs that clients name: public addresses only."""

import asyncio
import http.server
import socket
import threading

import pytest

from got_ocr.serving import fetching
from got_ocr.serving.errors import ApiError
from tests.serving.conftest import LINES, run


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.9.1", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1",
        "224.0.0.1", "255.255.255.255", "198.18.0.1", "::1", "::", "fe80::1%eth0", "fc00::1", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public(address):
    assert not fetching.is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_addresses_that_are_public(address):
    assert fetching.is_public(address)


def fetch(url, timeout_s=5.0, max_bytes=1000):
    return asyncio.run(fetching.fetch(url, timeout_s, max_bytes))


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:{port}/a", "http://localhost:{port}/a", "http://[::1]:{port}/a", "http://2130706433:{port}/a",
     "http://0x7f.1:{port}/a", "http://0:{port}/"],
)  # fmt: skip
def test_no_spelling_of_this_machine_is_connected_to(url):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.2)
        with pytest.raises(ApiError) as caught:
            fetch(url.format(port=listening.getsockname()[1]))
        with pytest.raises(TimeoutError):
            listening.accept()
    assert caught.value.status in (400, 422)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://example.com/a", "http://", "http://a:b@example.com/", "http://x:99999/", "x"]
)
def test_other_urls_are_refused(url):
    with pytest.raises(ApiError) as caught:
        fetch(url)
    assert caught.value.status == 400


@pytest.fixture
def web(monkeypatch, page_png):
    """A server that stands for the public internet: its address counts as public, all others as they are."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            where = {"/away": "http://10.0.0.7/secret", "/round": "/round", "/moved": "/page.png"}
            if self.path in where:
                self.send_response(302)
                self.send_header("Location", where[self.path])
                self.end_headers()
                return
            if self.path == "/slow":
                stop.wait(10)
            self.send_response(404 if self.path == "/none" else 200)
            self.end_headers()
            self.wfile.write(page_png)

        def log_message(self, *args):
            return

    stop = threading.Event()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    original = fetching.is_public
    monkeypatch.setattr(fetching, "is_public", lambda address: address == "127.0.0.1" or original(address))
    yield f"http://127.0.0.1:{server.server_address[1]}"
    stop.set()
    server.shutdown()
    server.server_close()


def test_limits_of_time_size_and_redirects(web, page_png):
    assert fetch(f"{web}/moved", max_bytes=10**6) == page_png
    for path, expected, options in (
        ("/away", "not on the public internet", {}),
        ("/round", "redirects more than 5 times", {}),
        ("/none", "answered 404", {}),
        ("/page.png", "more than 100 bytes", {"max_bytes": 100}),
        ("/slow", "within 0.5 seconds", {"timeout_s": 0.5}),
    ):
        with pytest.raises(ApiError, match=expected):
            fetch(web + path, **options)


def test_a_server_that_may_fetch_reads_a_url(web, nano):
    with run(*nano, allow_urls=True, num_decoders=1) as server, server.client() as client:
        good = client.post("/v1/ocr", json={"url": f"{web}/page.png"})
        parts = [{"type": "image_url", "image_url": {"url": f"{web}/page.png"}}]
        chat = client.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": parts}]})
        private = client.post("/v1/ocr", json={"url": "http://10.0.0.7/secret"})

    assert good.json()["text"] == "\n".join(LINES)
    assert chat.json()["choices"][0]["message"]["content"] == "\n".join(LINES)
    assert private.status_code == 400
    assert "not on the public internet" in private.json()["error"]["message"]
