"""Fetching URLs that clients name: public addresses only."""

import http.server
import threading

import pytest

from got_ocr.processing import fetching
from tests.serving.conftest import LINES, run


@pytest.fixture
def web(monkeypatch, page_png):
    """A server that stands for the public internet: its address counts as public, all others as they are."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            where = {"/away": "http://10.0.0.7/secret", "/moved": "/page.png"}
            if self.path in where:
                self.send_response(302)
                self.send_header("Location", where[self.path])
                self.end_headers()
                return
            self.send_response(404 if self.path == "/none" else 200)
            self.end_headers()
            self.wfile.write(page_png)

        def log_message(self, *args):
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    original = fetching.is_public
    monkeypatch.setattr(fetching, "is_public", lambda address: address == "127.0.0.1" or original(address))
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_a_server_that_may_fetch_reads_a_url(web, nano):
    with run(*nano, allow_urls=True, num_decoders=1) as server, server.client() as client:
        good = client.post("/v1/ocr", json={"url": f"{web}/page.png"})
        parts = [{"type": "image_url", "image_url": {"url": f"{web}/page.png"}}]
        chat = client.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": parts}]})
        private = ["http://10.0.0.7/secret", "http://[::1]/", "http://169.254.169.254/latest"]
        refused = [client.post("/v1/ocr", json={"url": url}) for url in [*private, f"{web}/away", f"{web}/none"]]
        others = [client.post("/v1/ocr", json={"url": url}) for url in ("file:///etc/passwd", "x", "http://")]
        large = client.post("/v1/ocr", json={"url": f"{web}/moved"})

    assert good.json()["text"] == large.json()["text"] == "\n".join(LINES)
    assert chat.json()["choices"][0]["message"]["content"] == "\n".join(LINES)
    # Whether there is something at an address that is not public, nobody learns from us.
    assert {answer.status_code for answer in refused} == {422}
    assert {answer.json()["error"]["message"] for answer in refused} == {"url: can't be fetched."}
    assert {answer.status_code for answer in others} == {422}
    assert all("only URLs of the form http(s)" in answer.json()["error"]["message"] for answer in others)
