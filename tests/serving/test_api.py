"""What each path answers, and what it refuses."""

import io
import json

import pytest
from PIL import Image, ImageDraw

from tests.serving.conftest import LINES, as_pdf, as_png, as_uri, draw_page, run

TEXT = "\n".join(LINES)


def messages(text, *uris):
    parts = [{"type": "image_url", "image_url": {"url": uri}} for uri in uris]
    return [{"role": "user", "content": [*parts, {"type": "text", "text": text}]}]


def error_of(response):
    body = response.json()
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert body["error"]["code"] == response.status_code
    assert "\n" not in body["error"]["message"]
    return body["error"]["message"]


def test_a_file_gives_text_lines_and_boxes(nano_server, page_png):
    with nano_server.client() as client:
        body = client.post("/v1/ocr", files={"file": ("page.png", page_png)}).json()

    assert body["text"] == TEXT
    (page,) = body["pages"]
    assert (page["width_px"], page["height_px"], page["finish_reason"]) == (600, 200, "stop")
    assert [line["text"] for line in page["lines"]] == list(LINES)
    for line in page["lines"]:
        x1, y1, x2, y2 = line["box"]
        assert 0 <= x1 < x2 <= 600 and 0 <= y1 < y2 <= 200
    assert body["usage"]["total_tokens"] == body["usage"]["prompt_tokens"] + page["num_tokens"]
    assert body["usage"]["prompt_tokens"] > 0


def test_base64_a_data_uri_and_a_form_field_say_the_same(nano_server, page_png):
    uri = as_uri(page_png)
    with nano_server.client() as client:
        answers = [
            client.post("/v1/ocr", json={"image": uri.split(",")[1]}),
            client.post("/v1/ocr", json={"image": uri}),
            client.post("/v1/ocr", files={"image": (None, uri)}),
        ]

    assert [answer.json()["text"] for answer in answers] == [TEXT] * 3


def test_box_colour_and_pages_reach_the_model(nano_server, page_png):
    framed = draw_page()
    ImageDraw.Draw(framed).rectangle((8, 58, 420, 104), outline=(255, 0, 0), width=3)
    pdf = as_pdf([draw_page([word]) for word in ("First page here", "Second page here", "Third page here")])
    with nano_server.client() as client:
        box = client.post("/v1/ocr", files={"file": page_png}, data={"box": "0,0,600,62"}).json()
        colour = client.post("/v1/ocr", json={"image": as_uri(as_png(framed)), "color": "red"}).json()
        pages = client.post("/v1/ocr", files={"file": pdf}, data={"pages": "1,3"}).json()

    assert box["text"] == LINES[0]
    assert colour["text"] == LINES[1]
    assert [page["page"] for page in pages["pages"]] == [1, 3]
    assert pages["text"] == "First page here\fThird page here"


def test_text_markdown_html_and_a_searchable_pdf(nano_server, page_png):
    pypdf = pytest.importorskip("pypdf")
    with nano_server.client() as client:
        answers = {
            output: client.post("/v1/ocr", files={"file": page_png}, data={"output": output})
            for output in ("text", "markdown", "html", "pdf")
        }

    assert answers["text"].text == TEXT
    assert LINES[1] in answers["markdown"].text
    assert LINES[1] in answers["html"].text and answers["html"].text.startswith("<!DOCTYPE html>")
    assert {name: answer.headers["content-type"].split(";")[0] for name, answer in answers.items()} == {
        "text": "text/plain",
        "markdown": "text/markdown",
        "html": "text/html",
        "pdf": "application/pdf",
    }
    (page,) = pypdf.PdfReader(io.BytesIO(answers["pdf"].content)).pages
    assert LINES[0] in page.extract_text()


def test_a_bad_page_among_good_ones_says_why_and_costs_only_itself(nano_server, page_png):
    with nano_server.client() as client:
        body = client.post("/v1/ocr", json={"image": [as_uri(page_png), as_uri(b"no picture"), as_uri(page_png)]})

    pages = body.json()["pages"]
    assert body.status_code == 200
    assert [page["finish_reason"] for page in pages] == ["stop", "error", "stop"]
    assert "image 2: is no picture" in pages[1]["error"]
    assert [page["source"] for page in pages] == [0, 1, 2]


def test_the_openai_client_reads_plain_format_box_several_pages_and_streams(nano_server, page_png):
    openai = pytest.importorskip("openai")
    client = openai.OpenAI(base_url=f"{nano_server.url}/v1", api_key="none", max_retries=0)
    uri = as_uri(page_png)

    def ask(text, *uris, **options):
        return client.chat.completions.create(model="nano", messages=messages(text, *uris), **options)

    assert [model.id for model in client.models.list()] == ["nano"]
    assert ask("", uri).choices[0].message.content == TEXT
    assert ask("OCR with format: ", uri).choices[0].message.content == TEXT.replace("\n", " ")
    assert ask("box: 0,0,600,62", uri).choices[0].message.content == LINES[0]
    assert ask("", uri, uri).choices[0].message.content == f"{TEXT}\f{TEXT}"
    assert ask("multi_page", uri, uri).choices[0].message.content == f"{TEXT}\n{TEXT}"
    chunks = list(ask("", uri, uri, stream=True, stream_options={"include_usage": True}))
    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(pieces) == f"{TEXT}\f{TEXT}"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage.completion_tokens > 0
    by_fields = ask("", uri, extra_body={"got_ocr": {"box": [0, 0, 600, 62]}})
    assert by_fields.choices[0].message.content == LINES[0]
    assert by_fields.model_extra["got_ocr"]["pages"][0]["lines"][0]["text"] == LINES[0]
    with pytest.raises(openai.BadRequestError, match="did you mean box"):
        ask("bix: 1,2,3,4", uri)
    with pytest.raises(openai.NotFoundError, match="this server has 'nano'"):
        client.chat.completions.create(model="gpt-9", messages=messages("", uri))


def test_a_stream_that_fails_before_its_text_has_the_status_of_the_error(nano_server):
    with nano_server.client() as client:
        body = {"messages": messages("", as_uri(b"no picture")), "stream": True}
        answer = client.post("/v1/chat/completions", json=body)

    assert answer.status_code == 422
    assert "is no picture" in error_of(answer)


def test_a_later_message_reads_the_pictures_of_an_earlier_one_again(nano_server, page_png):
    history = [
        *messages("", as_uri(page_png)),
        {"role": "assistant", "content": TEXT},
        {"role": "user", "content": "box: 0,0,600,62"},
    ]
    with nano_server.client() as client:
        answer = client.post("/v1/chat/completions", json={"messages": history}).json()

    assert answer["choices"][0]["message"]["content"] == LINES[0]


def test_an_answer_that_is_cut_says_so(nano_server, page_png):
    with nano_server.client() as client:
        body = {"messages": messages("", as_uri(page_png)), "max_tokens": 2}
        answer = client.post("/v1/chat/completions", json=body).json()

    assert answer["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        ({}, 400, "nothing to read"),
        ({"image": ""}, 400, "image is empty"),
        ({"image": []}, 400, "nothing to read"),
        ({"image": "/etc/passwd"}, 400, "names of files are not opened"),
        ({"image": "file:///etc/passwd"}, 400, "names of files are not opened"),
        ({"image": "data:image/png,abc"}, 400, "must be base64"),
        ({"url": "http://127.0.0.1/a.png"}, 400, "fetches no URLs"),
        ({"image": as_uri(b"RIFF....")}, 422, "is no picture"),
        ({"image": as_uri(b"%PDF-1.7\nnothing")}, 422, "is a damaged PDF"),
        ({"image": as_uri(as_png(draw_page())), "box": [5000, 5000, 6000, 6000]}, 422, "lies outside the picture"),
        ({"image": as_uri(as_png(draw_page())), "color": "blue"}, 422, "no blue frame"),
        ({"image": as_uri(as_png(draw_page())), "box": "1,2,3"}, 400, "4 numbers"),
        ({"image": as_uri(as_png(draw_page())), "box": [1, 2, 3, 4], "color": "red"}, 400, "both given"),
        ({"image": as_uri(as_png(draw_page())), "type": "poem"}, 400, "or 'format', got 'poem'."),
        (
            {"image": as_uri(as_png(draw_page())), "tipe": "ocr"},
            400,
            "tipe: there is no such field: did you mean type?",
        ),
        ({"image": as_uri(as_png(draw_page())), "a\nb": 1}, 400, "a\\nb: is none of box"),
        ({"image": as_uri(as_png(draw_page())), "zzz": 1}, 400, "zzz: is none of box, color, crop, dpi, "),
        ({"image": as_uri(as_png(draw_page())), "dpi": 9}, 400, "greater than or equal to 36, got 9."),
        ({"image": as_uri(as_png(draw_page())), "instruction": "y" * 30_000}, 400, f"got '{'y' * 40}'."),
        ({"image": as_uri(as_pdf([draw_page()])), "pages": "2"}, 422, "has 1 page, but page 2"),
        ({"image": as_uri(as_pdf([draw_page()])), "pages": "x"}, 400, "pages must be like 1-3"),
        ({"image": as_uri(as_png(draw_page())), "output": "pdf", "box": [1, 2, 30, 40]}, 400, "whole text"),
        ({"image": as_uri(as_png(draw_page())), "model": "other"}, 404, "this server has 'nano'"),
    ],
)
def test_what_is_refused_is_said_in_one_line(nano_server, body, status, expected):
    with nano_server.client() as client:
        answer = client.post("/v1/ocr", json=body)

    assert answer.status_code == status, answer.text
    assert expected in error_of(answer)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"image": 1}', b'{"image": "\\ud800"}', b"[" * 9999])
def test_a_body_that_is_no_request_is_refused(nano_server, content):
    with nano_server.client() as client:
        for path in ("/v1/ocr", "/v1/chat/completions"):
            answer = client.post(path, content=content, headers={"Content-Type": "application/json"})
            assert answer.status_code == 400, answer.text
            error_of(answer)


@pytest.mark.parametrize("media_type", ["", "text/plain", "application/xml", "application/x-www-form-urlencoded"])
def test_another_kind_of_body_is_refused(nano_server, media_type):
    with nano_server.client() as client:
        answer = client.post("/v1/ocr", content=b"a=b", headers={"Content-Type": media_type})

    assert answer.status_code == 415
    assert "multipart/form-data or application/json" in error_of(answer)


@pytest.mark.parametrize(
    "media_type",
    ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=x; charset=never"],
)
def test_a_broken_form_is_refused(nano_server, media_type):
    broken = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a\r\n\r\nabc'
    with nano_server.client() as client:
        answer = client.post("/v1/ocr", content=broken, headers={"Content-Type": media_type})

    assert answer.status_code == 400
    error_of(answer)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ([{"role": "system", "content": "x"}], "no message of the role user"),
        ([{"role": "user", "content": "format"}], "no picture to read"),
        ([{"role": "user", "content": [{"type": "image_url"}]}], "must hold its picture"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "/etc/passwd"}}]}], "not opened"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a/b"}}]}], "no URLs"),
        ([{"role": "user", "content": [{"type": "audio"}]}], "type"),
        ([], "messages"),
    ],
)
def test_a_chat_that_can_not_be_read_is_refused(nano_server, asked, expected):
    with nano_server.client() as client:
        answer = client.post("/v1/chat/completions", json={"messages": asked})

    assert answer.status_code == 400
    assert expected in error_of(answer)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"n": 2}, "n: Input should be less than or equal to 1, got 2."),
        ({"n": int("9" * 4000)}, f"equal to 1, got {'9' * 40}."),
        ({"logprobs": True}, "logprobs: Input should be False, got True."),
        ({"got_ocr": {"tipe": "ocr"}}, "got_ocr.tipe: there is no such field: did you mean type?"),
        ({"files": {"zzz": "1"}}, "files.zzz: is none of dpi, pages, password."),
        ({"files": {"pages": "x"}}, "pages must be like 1-3,7"),
    ],
)
def test_a_field_of_a_chat_that_is_wrong_is_said_with_what_is_allowed(nano_server, page_png, fields, expected):
    part = {"type": "image_url", "image_url": {"url": as_uri(page_png)}}
    with nano_server.client() as client:
        answer = client.post(
            "/v1/chat/completions", json={"messages": [{"role": "user", "content": [part]}], **fields}
        )

    assert answer.status_code == 400, answer.text
    assert expected in error_of(answer)


def test_other_paths_and_methods(nano_server):
    with nano_server.client() as client:
        assert client.get("/healthz").json() == {"status": "ok"}
        assert client.get("/v1/models/nano").json()["id"] == "nano"
        assert client.get("/v1/models/other").status_code == 404
        assert client.get("/v1/nothing").status_code == 404
        wrong = client.get("/v1/ocr")
        assert wrong.status_code == 405 and wrong.headers["allow"] == "POST"
        assert client.get("/docs").status_code == 404
        assert "got_ocr_requests_total" in client.get("/metrics").text
        description = client.get("/openapi.json").json()
    assert set(description["paths"]) >= {"/v1/ocr", "/v1/chat/completions", "/v1/models", "/healthz", "/metrics"}
    assert json.dumps(description).count('"$ref": "#/components/schemas/OcrForm"') == 1


def test_limits_of_bytes_pages_and_pixels(nano, page_png):
    many = as_pdf([draw_page()] * 4)
    bomb = as_png(Image.new("1", (4000, 4000)))
    # The header says 60000 x 60000 pixels, in a few bytes.
    monster = bytearray(bomb)
    monster[16:24] = (60_000).to_bytes(4, "big") * 2
    with (
        run(*nano, max_bytes=100_000, max_pages=3, max_pixels=10_000_000, num_decoders=1) as server,
        server.client() as client,
    ):
        large = client.post("/v1/ocr", files={"file": b"x" * 200_000})
        chunked = client.post(
            "/v1/ocr",
            content=(b'{"image": "' if not number else b"A" * 50_000 for number in range(5)),
            headers={"Content-Type": "application/json"},
        )
        pages = client.post("/v1/ocr", files={"file": many})
        chosen = client.post("/v1/ocr", files={"file": many}, data={"pages": "2-4"})
        pixels = client.post("/v1/ocr", files={"file": bomb})
        monstrous = client.post("/v1/ocr", files={"file": bytes(monster)})
        good = client.post("/v1/ocr", files={"file": page_png})

    assert large.status_code == chunked.status_code == 413
    assert "100,000 bytes" in error_of(chunked)
    assert pages.status_code == 413 and "more than 3 pages" in error_of(pages)
    assert chosen.status_code == 200 and len(chosen.json()["pages"]) == 3
    assert pixels.status_code == monstrous.status_code == 422
    assert "at most 10,000,000 are allowed" in error_of(pixels)
    assert "max_pixels" not in error_of(pixels) + error_of(monstrous)
    assert good.json()["text"] == TEXT


def test_a_key_is_asked_for_everywhere_but_for_health(nano, page_png):
    with run(*nano, api_key="sesame", num_decoders=1) as server, server.client() as client:
        for headers in ({}, {"Authorization": "Bearer open"}, {"Authorization": "sesame"}, {"X-API-Key": "sesam"}):
            for path in ("/v1/models", "/metrics", "/openapi.json", "/v1/nothing"):
                answer = client.get(path, headers=headers)
                assert answer.status_code == 401
                assert answer.headers["www-authenticate"] == "Bearer"
                assert "sesame" not in error_of(answer)
            refused = client.post("/v1/ocr", files={"file": page_png}, headers=headers)
            assert refused.status_code == 401
        assert client.get("/healthz").status_code == 200
        for headers in ({"Authorization": "Bearer sesame"}, {"X-API-Key": "sesame"}):
            assert client.get("/v1/models", headers=headers).status_code == 200


def test_the_key_is_not_in_what_the_options_say_of_themselves():
    from got_ocr.serving.options import ServerOptions

    assert "sesame" not in repr(ServerOptions(api_key="sesame"))
    with pytest.raises(ValueError, match="max_waiting must be a number above 0, got 0"):
        ServerOptions(max_waiting=0)
