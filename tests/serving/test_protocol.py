"""OpenAI's fields that an OCR model honours or refuses, other methods, and clients that send nothing."""

import contextlib
import gzip
import json
import socket
import threading

import pytest

from got_ocr.serving.stopping import StopStrings
from tests.serving.conftest import LINES, as_uri, run

TEXT = "\n".join(LINES)


def ask(client, page_png, **fields):
    parts = [{"type": "image_url", "image_url": {"url": as_uri(page_png)}}]
    return client.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": parts}], **fields})


def test_stop_strings_cut_text_that_comes_in_any_pieces():
    text = "one and two and three"
    overlapping = (["nd t", "and two"], ["and two", "nd t"], ["e", "one"])
    for strings in (["and"], ["two", "and t"], ["threes", "three!"], ["absent"], ["o", "one"], [], *overlapping):
        ends = [(text.find(string) + len(string), text.find(string)) for string in strings if string in text]
        expected = text[: min(ends)[1]] if ends else text
        for length in range(1, len(text) + 1):
            stops = StopStrings(strings)
            given = [stops.push(text[start : start + length]) for start in range(0, len(text), length)]
            assert "".join(given) + stops.end() == expected
            assert stops.is_hit == bool(ends)
        assert StopStrings(strings).cut(text) == expected


def test_text_that_begins_no_stop_string_is_not_held_back():
    stops = StopStrings(["END"])
    assert [stops.push("a"), stops.push("E"), stops.push("N"), stops.push("x"), stops.end()] == [
        "a",
        "",
        "",
        "ENx",
        "",
    ]


@pytest.mark.parametrize("stop", ["fox\njumps", ["absent", "lazy"], [], None, "absent"])
def test_an_answer_ends_before_a_stop_string(nano_server, page_png, stop):
    strings = [stop] if isinstance(stop, str) else stop or []
    ends = [TEXT.find(string) for string in strings if string in TEXT]
    expected = TEXT[: min(ends)] if ends else TEXT
    with nano_server.client() as client:
        whole = ask(client, page_png, stop=stop).json()["choices"][0]
        lines = ask(client, page_png, stop=stop, stream=True).text.splitlines()
    events = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    pieces = [event["choices"][0]["delta"].get("content") or "" for event in events]
    assert whole["message"]["content"] == expected
    assert "".join(pieces).strip() == expected.strip()
    assert whole["finish_reason"] == events[-1]["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"stop": ["a"] * 5}, "stop"),
        ({"stop": [""]}, "stop.0"),
        ({"stop": 3}, "stop"),
        ({"n": 2}, "n"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, "tool_choice"),
        ({"function_call": {"name": "f"}}, "function_call"),
        ({"response_format": {"type": "json_object"}}, "response_format.type"),
        ({"logprobs": True}, "logprobs"),
        ({"modalities": ["text", "audio"]}, "modalities.1"),
        ({"max_tokens": 10**30}, "max_tokens"),
    ],
)
def test_what_can_not_be_done_is_refused(nano_server, page_png, fields, param):
    with nano_server.client() as client:
        answer = ask(client, page_png, **fields)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"] == param


def test_what_changes_nothing_is_left_aside(nano_server, page_png):
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    form = {"type": "text"}
    with nano_server.client() as client:
        answer = ask(
            client, page_png, tools=tools, tool_choice="auto", response_format=form, logprobs=False, temperature=1.5
        )
    assert answer.json()["choices"][0]["message"]["content"] == TEXT


def test_base64_with_foreign_letters_names_them(nano_server):
    parts = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0-Ggo_"}}]
    with nano_server.client() as client:
        answer = client.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": parts}]})
    assert answer.status_code == 400
    assert "'-' is no letter of base64" in answer.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/v1/ocr", "/v1/chat/completions"])
def test_a_packed_body_is_refused(nano_server, path):
    packed = gzip.compress(b"{}")
    head = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    with nano_server.client() as client:
        answer = client.post(path, content=packed, headers=head)
    assert answer.status_code == 415
    assert "without Content-Encoding, got gzip" in answer.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/v1/models", "/v1/models/nano", "/openapi.json"])
def test_head_is_answered_as_get_without_a_body(nano_server, path):
    with nano_server.client() as client:
        answer = client.head(path)
        assert (answer.status_code, answer.content) == (200, b"")
        assert int(answer.headers["content-length"]) > 0
        assert client.head("/v1/ocr").status_code == 405 and client.head("/nothing").status_code == 404


def test_other_methods_and_paths_say_what_there_is(nano_server):
    with nano_server.client() as client:
        wrong = client.put("/v1/ocr").json()["error"]
        options = client.options("/v1/models")
        nothing = client.get("/v2/ocr").json()["error"]
    assert wrong == {
        "message": "'PUT' is not allowed here: send POST.",
        "type": "invalid_request_error",
        "param": None,
        "code": 405,
    }
    assert options.status_code == 405 and options.headers["allow"] == "GET"
    assert nothing["message"] == "there is nothing at '/v2/ocr': /openapi.json tells what there is."


def test_clients_that_send_no_head_are_let_go_and_others_are_answered(nano, page_png):
    with run(*nano, upload_timeout_s=1, num_decoders=1) as server:
        host, port = server.url.removeprefix("http://").split(":")
        beginnings = (b"", b"GET", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        whole = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
        connections = [socket.create_connection((host, int(port)), timeout=60) for _ in range(40)]
        for number, connection in enumerate(connections):
            connection.sendall(beginnings[number % len(beginnings)])
        second = socket.create_connection((host, int(port)), timeout=60)
        second.sendall(whole)
        answer = b""
        while not answer.endswith(b"}"):
            answer += second.recv(65536)
        second.sendall(b"GET /heal")
        trickling = threading.Event()

        def trickle(connection):
            # A letter now and then buys no time.
            while not trickling.wait(0.2):
                try:
                    connection.sendall(b"a")
                except OSError:
                    return

        slow = connections[2]
        thread = threading.Thread(target=trickle, args=(slow,), daemon=True)
        thread.start()
        with server.client() as client:
            assert client.post("/v1/ocr", json={"image": as_uri(page_png)}).json()["text"] == TEXT
        for connection in (*connections, second):
            with connection, contextlib.suppress(ConnectionResetError):
                assert connection.recv(100) == b""  # Waits for the end.
        trickling.set()
        thread.join()
        assert server.metric("got_ocr_requests_in_progress") == 0
