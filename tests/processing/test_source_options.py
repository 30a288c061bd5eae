"""One value of options for every call, errors that name only what the caller's call has, and all kinds of input."""

import base64
import contextlib
import io
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from got_ocr import SourceOptions
from got_ocr.processing.fetching import is_public
from got_ocr.processing.pages import FoundPage, PageError, content_digest, find_pages, iter_pages, load_image
from got_ocr.processing.sources import describe_source
from tests.processing.test_pages import EXACT, RAMP, RAMP_RGB, assert_looks_like, encode, failure, gray, pdf, rgb
from tests.support.web import QuietHandler, serve

COMMAND_LINE = {"password": "--password", "max_pixels": "--max-pixels", "timeout_s": "--timeout"}

# -------------------------------------------------------------------------------------------------------- one value


def test_a_value_and_names_say_the_same() -> None:
    options = SourceOptions(dpi=36, pages="2-")
    by_value, by_name = iter_pages(pdf(3), options), iter_pages(pdf(3), dpi=36, pages="2-")
    assert [page.image.size for page in by_value] == [page.image.size for page in by_name] == [(36, 72)] * 2
    assert [page.number for page in iter_pages(pdf(3), options, pages=1)] == [1]
    assert [page.number for page in iter_pages(pdf(3), {"pages": [1, 3]})] == [1, 3]
    assert SourceOptions.of(options) is not None and SourceOptions.of(options) == options
    assert SourceOptions(pages="1-3,7") == SourceOptions(pages=((1, 3), (7, 7)))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"dpi": 0}, PageError, "dpi must be a number above 0, got 0."),
        ({"max_pixels": True}, PageError, "max_pixels must be a number above 0, got True."),
        ({"page_timeout_s": -1}, PageError, "page_timeout_s must be a number above 0, got -1."),
        ({"timeout_s": None}, PageError, "timeout_s must be a number above 0, got None."),
        ({"password": b"x"}, PageError, "password must be a text, got bytes."),
        ({"pages": 3.5}, PageError, "pages must be like 1-3,7"),
        ({"pages": 0}, PageError, "pages must be like 1-3,7"),
        ({"passwort": "x"}, TypeError, "there is no option passwort for pages: allowed are dpi, pages, password,"),
        ({"options": "dpi=3"}, TypeError, "options must be a SourceOptions or a mapping, got str."),
    ],
)
@pytest.mark.parametrize("call", [find_pages, load_image])
def test_what_is_wrong_is_said_at_once(call: Any, options: dict[str, Any], error: type, message: str) -> None:
    with pytest.raises(error) as caught:
        call("gone.png", **options)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("spelled", "message"),
    [
        (None, "is an encrypted PDF: give its password, or save it without one."),
        (COMMAND_LINE, "is an encrypted PDF: give its --password, or save it without one."),
        ({}, "is an encrypted PDF: save it without."),
    ],
)
def test_a_password_is_asked_for_in_the_callers_words(spelled: Any, message: str) -> None:
    assert failure(pdf(1, password="x"), spelled=spelled).endswith(message)


@pytest.mark.parametrize(
    ("spelled", "message"),
    [
        (None, "at most 100 are allowed: lower dpi, or raise max_pixels."),
        (COMMAND_LINE, "at most 100 are allowed: raise --max-pixels."),
        ({}, "at most 100 are allowed."),
    ],
)
def test_sizes_are_explained_in_the_callers_words(spelled: Any, message: str) -> None:
    assert failure(pdf(1), max_pixels=100, spelled=spelled).endswith(message)


def test_a_pdf_without_pages_is_not_encrypted() -> None:
    message = failure(pdf(0))
    assert message.endswith("is a PDF without pages: get it anew.")


@pytest.mark.parametrize("timeout_s", [60, None])  # PDFium in a process of its own, and in this one.
def test_a_pdf_without_pages_is_told_from_the_file_before_it(timeout_s: float | None) -> None:
    for before in (b"%PDF-1.7 broken", pdf(1, password="x"), pdf(1)):
        with contextlib.suppress(PageError):
            list(iter_pages(before, page_timeout_s=timeout_s))
        assert failure(pdf(0), page_timeout_s=timeout_s).endswith("is a PDF without pages: get it anew.")


# ---------------------------------------------------------------------------------------------------- kinds of input


@pytest.mark.parametrize(
    ("source", "tolerance"),
    [
        pytest.param({"bytes": encode(rgb(), "PNG"), "path": None}, EXACT, id="bytes-of-a-data-set"),
        pytest.param({"bytes": encode(rgb(), "PNG"), "path": "gone.png"}, EXACT, id="bytes-before-path"),
        pytest.param({"bytes": bytearray(encode(rgb(), "PNG"))}, EXACT, id="bytearray"),
        pytest.param("data:image/png;base64," + base64.b64encode(encode(rgb(), "PNG")).decode(), EXACT, id="data-url"),
        pytest.param(
            "data:;base64," + base64.urlsafe_b64encode(encode(rgb(), "PNG")).decode().rstrip("="), EXACT, id="url-safe"
        ),
        pytest.param(
            "DATA:image/png;charset=x;base64,\n" + base64.encodebytes(encode(rgb(), "PNG")).decode(), EXACT, id="lines"
        ),
        pytest.param(
            "data:image/png," + "".join(f"%{byte:02x}" for byte in encode(rgb(), "PNG")), EXACT, id="percent"
        ),
        pytest.param(torch.from_numpy(RAMP_RGB.copy()), EXACT, id="tensor-hwc"),
        pytest.param(torch.from_numpy(RAMP_RGB.copy()).permute(2, 0, 1), EXACT, id="tensor-chw"),
        pytest.param(torch.from_numpy(RAMP_RGB.copy()).permute(2, 0, 1)[None], EXACT, id="tensor-of-one"),
        pytest.param(torch.from_numpy(RAMP.copy()), EXACT, id="tensor-gray"),
        pytest.param((torch.from_numpy(RAMP.copy()).double() / 255).requires_grad_(), EXACT, id="tensor-that-learns"),
        pytest.param((torch.from_numpy(RAMP.copy()) / 255).to(torch.bfloat16), 1, id="tensor-bfloat16"),
        pytest.param(np.stack([RAMP, np.full_like(RAMP, 255)], axis=-1), EXACT, id="gray-and-opaque"),
        pytest.param(np.stack([RAMP * 0, 255 - RAMP], axis=-1), EXACT, id="black-through-alpha"),
    ],
)
def test_every_kind_of_input(source: Any, tolerance: int) -> None:
    assert_looks_like(load_image(source), RAMP_RGB, tolerance)
    (page,) = iter_pages([source])
    assert_looks_like(page.image, RAMP_RGB, tolerance)


def test_a_data_set_may_hold_documents(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf(2))
    assert len(list(iter_pages({"bytes": None, "path": str(tmp_path / "a.pdf")}))) == 2
    pages = list(iter_pages({"bytes": pdf(2), "path": "a.pdf"}))
    assert [page.source for page in pages] == ["a.pdf", "a.pdf"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({}, "got the keys of an empty one."),
        ({"bytes": None, "path": None}, 'must hold a picture\'s "bytes" or its "path", got the keys bytes, path.'),
        ({"bytes": b"", "path": "x.png"}, "is empty (0 bytes)"),
        ("data:image/png;base64,@@@@", "its base64 is damaged"),
        ("data:image/png;base64,A", "its base64 is damaged"),
        ("data:image/png;base64", "a data: URL has a comma before its data"),
        ("data:text/plain,hello", "is no picture that can be read"),
        (torch.zeros(4, 3, 9, 9), "holds 4 pictures: give them as a list, one picture each."),
        (torch.zeros(7, 9, 9), "(height, width) or (height, width, 1 to 4), got shape (7, 9, 9)."),
        (torch.zeros(0, 9), "a picture must have pixels, got 9 x 0."),
        (torch.zeros(9, 9, dtype=torch.complex64), "got dtype complex64."),
        (np.zeros((2, 9, 9)), "got (2, 9, 9): move the channels to the end."),
        ("file:///C:/a%20b.png", "give the path itself, "),
        ("http://host:port/a.png", "is no URL that can be understood: Port could not be cast"),
        ("http://[::1/a.png", "is no URL that can be understood"),
        ("a\0b.png", "is no name of a file"),
        ("ab:\0", "only URLs of the form http(s)"),
    ],
)
def test_bad_input_of_every_kind(source: Any, message: str) -> None:
    assert message in failure(source)


def test_a_data_url_of_many_bytes_is_refused_before_it_is_decoded() -> None:
    assert "is larger than 100 bytes" in failure("data:image/png;base64," + "A" * 400, max_bytes=100)


def test_what_is_said_of_a_source_is_short_and_printable() -> None:
    assert len(describe_source("x" * 60_000 + ".png")) < 320
    assert describe_source("x" * 60_000 + ".png").endswith(".png")
    assert len(describe_source("data:image/png;base64," + "A" * 10**6)) < 100
    for name in ("a\x1b[31mb", "a\x9bb", "a\u202eb", b"\xff\xfe".decode("utf-8", "surrogateescape"), "a\nb\r"):
        assert describe_source(name).isprintable()
    assert describe_source("a\x1b.png") == r"a\x1b.png"
    assert describe_source(b"\xff.png".decode("utf-8", "surrogateescape")) == r"\xff.png"
    assert "secret" not in describe_source("https://me:secret@host/a.png")


def test_names_are_bytes(tmp_path: Path) -> None:
    names = [b"a\xff.png", b"a\xfe.png", b"a?.png", b"a\x1b.png", "a\ufffd.png".encode()]
    for name in names:
        (Path(str(tmp_path)) / Path(name.decode("utf-8", "surrogateescape"))).write_bytes(encode(gray(), "PNG"))
    found = list(find_pages(tmp_path))
    assert len({page.source for page in found}) == len(names)
    assert {Path(page.source).name.encode("utf-8", "surrogateescape") for page in found} == set(names)
    assert [page.load().image.size for page in found] == [(256, 64)] * len(names)


def test_the_identity_of_a_page_is_what_it_is_made_of(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode(gray(), "PNG"))
    (found,) = find_pages(tmp_path)
    assert isinstance(found, FoundPage) and found.data is not None
    first = content_digest(found.data)
    assert first == content_digest(encode(gray(), "PNG"))
    (tmp_path / "a.png").write_bytes(encode(rgb(), "PNG"))
    assert content_digest(found.data) != first


def test_heic_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    head = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100)
    try:
        import pillow_heif  # noqa: F401
    except ImportError:
        assert "is a HEIC picture, which needs pillow-heif: pip install pillow-heif" in failure(head)
    else:
        assert "is no picture that can be read" in failure(head) or "damaged" in failure(head)


def test_heic_is_read_with_its_extra() -> None:
    heif = pytest.importorskip("pillow_heif")
    buffer = io.BytesIO()
    heif.from_pillow(rgb()).save(buffer, quality=100)
    assert_looks_like(load_image(buffer.getvalue()), RAMP_RGB, 12)


# -------------------------------------------------------------------------------------------------------------- web


class Handler(QuietHandler):
    """Answers with the status that the path names, and notes what it was asked."""

    asked: list[tuple[str, str | None]] = []

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers.get("Authorization")))
        code, _, rest = self.path.strip("/").partition("/")
        if code == "inside":
            self.send_response(302)
            self.send_header("Location", f"http://{rest}")
            self.end_headers()
            return
        if code == "slow":
            time.sleep(4)
            return
        if code == "escape":
            self.wfile.write(b"HTTP/1.0 404 \x1b[31mred\x07\r\n\r\n")
            return
        self.send_response(int(code))
        if code == "429":
            self.send_header("Retry-After", "120")
        if code == "503":
            self.send_header("Retry-After", "Fri, 31 Dec 1999 23:59:59 GMT")
        body = encode(rgb(), "PNG") if code == "200" else b""
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serve(Handler) as address:
        yield address


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("429", "answered 429 Too Many Requests: it is busy: wait 120 seconds, as it says, and try again."),
        ("503", "503 Service Unavailable: it is busy: wait till Fri, 31 Dec 1999 23:59:59 GMT, as it says, and try"),
        ("504", "504 Gateway Timeout: it is busy: wait a while, and try again."),
        ("500", "500 Internal Server Error: it is in trouble: try again later."),
        ("401", "it asks who you are: http(s)://user:password@host/..."),
        ("403", "403 Forbidden: it gives this to nobody, or not to programs"),
        ("410", "410 Gone: check the address."),
        ("escape", r"404 \x1b[31mred\x07: check the address."),
        ("inside/[::1", "can't be fetched: Invalid IPv6 URL: check the address and the connection."),
    ],
)
def test_what_a_server_answers_gets_its_line(server: str, path: str, message: str) -> None:
    assert message in failure(f"http://{server}/{path}")


def test_user_and_password_go_to_their_host_only(server: str) -> None:
    Handler.asked.clear()
    load_image(f"http://me:pass%40word@{server}/inside/{server}/200")
    assert [asked[1] for asked in Handler.asked] == ["Basic " + base64.b64encode(b"me:pass@word").decode(), None]


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "0x7f.1", "2130706433", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"]
)
def test_private_addresses_are_refused_in_every_spelling(server: str, host: str) -> None:
    port = server.partition(":")[2]
    Handler.asked.clear()
    for path in ("200", "404", "slow"):
        url = f"http://{host}:{port}/{path}"
        assert failure(url, allow_private_addresses=False) == f"{url}: can't be fetched."
    assert Handler.asked == []


def test_private_addresses_are_refused_at_a_redirect(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A public server that sends on to a private one; its address is made public here."""
    from got_ocr.processing import fetching

    port = server.partition(":")[2]
    monkeypatch.setattr(fetching, "is_public", lambda address: address == "127.0.0.1")
    Handler.asked.clear()
    for place in (f"127.0.0.2:{port}/200", "127.0.0.3:9/", "[::1]:9/", "0.0.0.0:9/"):
        url = f"http://{server}/inside/{place}"
        assert failure(url, allow_private_addresses=False) == f"{url}: can't be fetched."
    assert len(Handler.asked) == 4
    assert load_image(f"http://{server}/inside/{server}/200", allow_private_addresses=False).size == (256, 64)
    assert failure(f"http://{server}/404", allow_private_addresses=False).endswith("404: can't be fetched.")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("::ffff:93.184.216.34", True),
        ("64:ff9b::5db8:d822", True),
        ("10.0.0.1", False),
        ("172.16.9.9", False),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("0.0.0.0", False),
        ("::", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("ff02::1", False),
        ("::ffff:10.0.0.1", False),
        ("::127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("2001:0:7f00:1::80ff:fffe", False),
        # Translated by a network's own rules (RFC 2765, RFC 8215), or of no network at all.
        ("::ffff:0:127.0.0.1", False),
        ("::ffff:0:10.0.0.1", False),
        ("64:ff9b:1::7f00:1", False),
        ("64:ff9b:1::a00:1", False),
        ("fec0::1", False),
        ("::5efe:7f00:1", False),
        ("4000::1", False),
    ],
)
def test_public_addresses(address: str, expected: bool) -> None:
    assert is_public(address) is expected


def test_the_thread_of_a_slow_url_ends_with_its_error(server: str) -> None:
    assert "did not arrive within 0.3 seconds" in failure(f"http://{server}/slow", timeout_s=0.3)
    end = time.monotonic() + 1
    while time.monotonic() < end and any(thread.name == "got-ocr-fetch" for thread in threading.enumerate()):
        time.sleep(0.02)
    assert not [thread for thread in threading.enumerate() if thread.name == "got-ocr-fetch"]


def test_neither_pdfium_nor_decoders_are_loaded_here() -> None:
    """The process that asks for pages holds no decoder's state."""
    code = (
        "import sys; from got_ocr.processing.pages import iter_pages\n"
        "print([page.image.size for page in iter_pages(sys.argv[1])], 'pypdfium2' in sys.modules)"
    )
    path = Path("examples/images/sample.pdf").resolve()
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("] False\n")


def test_a_picture_of_a_picture_is_one() -> None:
    assert isinstance(load_image(gray()), Image.Image)
