"""The page of `got-ocr demo` in Chromium: upload, paste, a box drawn with the mouse, text, rendered view, files.

Set GOT_OCR_SCREENSHOTS to a folder to keep the pictures.
"""

import base64
import io
import json
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("gradio", reason="Gradio is not installed: make test-neighbours runs this")

from got_ocr.rendering.browser import find_browser
from got_ocr.serving.demo import create_demo_app
from got_ocr.serving.options import ServerOptions
from got_ocr.serving.server import make_server, open_socket
from tests.demo.driven_browser import DrivenBrowser
from tests.serving.conftest import as_pdf, draw_page, light  # noqa: F401 - a fixture

LINES = ("The quick brown fox", "jumps over the lazy dog.", "A third line of text.")
ANSWER = "document.querySelector('#answer textarea').value"
BOX = "document.querySelector('#box textarea, #box input').value"
INPUT = "#upload input[type=file]"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_browser() is None or os.name != "posix", reason="no Chromium or Chrome on this machine"),
]


@pytest.fixture(scope="module")
def url(light: Any) -> Iterator[str]:  # noqa: F811
    """The page of the built-in model, as `got-ocr demo` loads it."""
    listening = open_socket("127.0.0.1", 0)
    started = threading.Event()
    urls: list[str] = []

    def on_started(found: str) -> None:
        urls.append(found)
        started.set()

    options = ServerOptions(model_name="nano <b>", num_decoders=1, max_pages=3, max_bytes=2_000_000)
    server = make_server(*light, options, 5.0, on_started, create_demo_app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    assert started.wait(120)
    yield urls[0]
    server.should_exit = True
    thread.join(60)
    assert not thread.is_alive()


@pytest.fixture(scope="module")
def browser() -> Iterator[DrivenBrowser]:
    with DrivenBrowser(timeout_s=120) as opened:
        yield opened


@pytest.fixture
def page(browser: DrivenBrowser, url: str) -> Iterator[DrivenBrowser]:
    """The page, just opened. It must not have asked any other machine for anything."""
    browser.open_url(url)
    browser.wait_for(f"document.querySelector({json.dumps(INPUT)})")
    browser.wait_for("document.querySelector('.page-stage.is-empty')")
    yield browser
    assert browser.foreign_requests == []
    assert [text for level, text in browser.messages if level in ("exception", "error")] == []


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "a page.png"
    draw_page(LINES, (600, 240)).save(path)
    return path


def keep(name: str, picture: bytes) -> Image.Image:
    folder = os.environ.get("GOT_OCR_SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        Path(folder, f"demo-{name}.png").write_bytes(picture)
    return Image.open(io.BytesIO(picture)).convert("RGB")


def show(page: DrivenBrowser, file: Path) -> None:
    page.upload(INPUT, file)
    page.wait_for("document.querySelector('.page-stage img')?.complete", "the page's picture")


def read(page: DrivenBrowser, said: str = "tokens") -> str:
    page.click("#read")
    page.wait_for(f"document.querySelector('#status').innerText.includes({json.dumps(said)})", said)
    return str(page.evaluate(ANSWER))


def open_tab(page: DrivenBrowser, name: str) -> None:
    page.evaluate(
        f"[...document.querySelectorAll('#answer-tabs button[role=tab]')].find(e => e.innerText == '{name}').click()"
    )


def take_away(page: DrivenBrowser) -> dict[str, bytes]:
    """Click each button of a file and fetch what it would save. Returns: the files by their suffix."""
    count = page.evaluate(
        "(() => { window.taken = [];"
        "HTMLAnchorElement.prototype.click = function () { window.taken.push([this.download, this.href]); };"
        "const buttons = [...document.querySelectorAll('#downloads button')].filter(e => !e.disabled);"
        "buttons.forEach(e => e.click()); return buttons.length; })()"
    )
    links = page.wait_for(f"window.taken.length == {count} && window.taken", "the files")
    return {Path(name).suffix: urllib.request.urlopen(href, timeout=60).read() for name, href in links}


def test_upload_read_look_and_take_away(page: DrivenBrowser, picture: Path, url: str) -> None:
    show(page, picture)
    keep("uploaded", page.picture())
    assert read(page) == "\n".join(LINES)
    # The lines lie on the page where they stand in the picture.
    page.wait_for("document.querySelectorAll('rect.line').length == 3")
    tops = page.evaluate("[...document.querySelectorAll('rect.line')].map(e => +e.getAttribute('y'))")
    assert all(abs(top - (20 + 44 * number)) < 20 for number, top in enumerate(tops))
    titles = page.evaluate("[...document.querySelectorAll('rect.line title')].map(e => e.textContent)")
    assert [title.rpartition("  (")[0] for title in titles] == list(LINES)
    keep("read", page.picture())

    open_tab(page, "Rendered")
    frame = page.wait_for(
        "(() => { const f = document.querySelector('#rendered iframe');"
        "return f && [f.getAttribute('sandbox'), f.srcdoc]; })()"
    )
    assert frame[0] == "" and all(line in frame[1] for line in LINES)
    x, y, width, height = (int(value) for value in page.box_of("#rendered iframe"))
    page.wait_for("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")
    shown = keep("rendered", page.picture()).crop((x, y, x + width, y + height))
    assert (np.asarray(shown.convert("L")) < 100).sum() > 300, "the rendered view is blank"

    files = take_away(page)
    assert files[".txt"].decode() == "\n".join(LINES)
    assert json.loads(files[".json"])["lines"][2]["text"] == LINES[2]
    assert files[".pdf"].startswith(b"%PDF") and b"<html" in files[".html"] and LINES[0].encode() in files[".md"]


def test_a_box_is_drawn_with_the_mouse_and_read(page: DrivenBrowser, picture: Path) -> None:
    show(page, picture)
    x, y, width, height = page.box_of(".page-stage svg")
    page.drag((x + width * 0.01, y + height * 54 / 240), (x + width * 0.9, y + height * 102 / 240))
    page.wait_for(BOX, "the numbers of the box")
    drawn = [int(number) for number in str(page.evaluate(BOX)).split(",")]
    assert all(abs(a - b) <= 3 for a, b in zip(drawn, (6, 54, 540, 102), strict=True))
    assert read(page) == LINES[1]
    page.wait_for("document.querySelectorAll('rect.line').length == 1")
    assert page.evaluate("+document.querySelector('rect.box').getAttribute('width')") == drawn[2] - drawn[0]
    # Of a part of a page there is no searchable PDF.
    assert take_away(page).keys() == {".txt", ".md", ".html", ".json"}
    keep("box", page.picture())
    # A click takes the box away.
    page.click(".page-stage svg")
    page.wait_for(f"{BOX} === ''")


def test_a_picture_is_pasted(page: DrivenBrowser, picture: Path) -> None:
    data = base64.b64encode(picture.read_bytes()).decode()
    page.evaluate(
        f"window.paste = () => {{ const bytes = Uint8Array.from(atob('{data}'), c => c.charCodeAt(0));"
        "const held = new DataTransfer(); held.items.add(new File([bytes], 'pasted.png', {type: 'image/png'}));"
        "document.body.dispatchEvent(new ClipboardEvent('paste', {clipboardData: held, bubbles: true})); }; 1"
    )
    # Like a person: once more where nothing came of it, since the page may not have listened yet.
    shown = "document.querySelector('.page-stage img')"
    again = (
        "(!(performance.now() < window.pasted + 15000) && (window.pasted = performance.now(), window.paste(), false))"
    )
    page.wait_for(f"{shown} || {again}", "a pasted picture")
    assert page.evaluate("document.querySelector('.page-stage svg').getAttribute('viewBox')") == "0 0 600 240"


def test_a_pdf_has_pages_to_turn(page: DrivenBrowser, tmp_path: Path) -> None:
    file = tmp_path / "two.pdf"
    file.write_bytes(as_pdf([draw_page(("first",), (300, 100)), draw_page(("second",), (300, 140))]))
    show(page, file)
    first = page.evaluate("document.querySelector('.page-stage svg').getAttribute('viewBox')")
    slider = page.wait_for("document.querySelector('#page-number input[type=number]')?.max")
    assert slider == "2"
    page.evaluate(
        "(() => { const e = document.querySelector('#page-number input[type=range]'); e.value = 2;"
        "e.dispatchEvent(new Event('input', {bubbles: true})); e.dispatchEvent(new Event('change', {bubbles: true}));"
        "e.dispatchEvent(new PointerEvent('pointerup', {bubbles: true})); })()"
    )
    page.wait_for(f"document.querySelector('.page-stage svg').getAttribute('viewBox') != '{first}'", "page 2")
    assert read(page) == "second"


def test_what_is_no_picture_is_said(page: DrivenBrowser, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture <img src=x onerror=alert(1)>")
    page.upload(INPUT, broken)
    said = page.wait_for("document.querySelector('[data-testid=toast-body]')?.innerText", "an error")
    assert "broken.png" in said
    page.click("#read")
    page.wait_for(
        "[...document.querySelectorAll('[data-testid=toast-body]')].some(e => e.innerText.includes('broken.png'))"
    )


def test_it_keeps_to_itself(url: str) -> None:
    """Nothing of another machine in the document, no analytics, no API of Gradio's; the server answers beside it."""
    config = json.loads(urllib.request.urlopen(f"{url}/config", timeout=60).read())
    assert config["analytics_enabled"] is False
    assert config["footer_links"] == []
    assert "nano &lt;b&gt;" in json.dumps(config["components"])
    style = urllib.request.urlopen(f"{url}/theme.css", timeout=60).read().decode()
    # The name of SVG's namespace in a data: URL is nothing that is fetched.
    assert "//" not in style.replace("http://www.w3.org/2000/svg", "").replace("/*!", "")
    assert json.loads(urllib.request.urlopen(f"{url}/healthz", timeout=60).read()) == {"status": "ok"}
    named = json.loads(urllib.request.urlopen(f"{url}/gradio_api/info", timeout=60).read())
    assert named["named_endpoints"] == {}


def test_no_file_of_the_machine_is_served(url: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    for path in (secret, Path("/etc/passwd"), Path(__file__)):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{url}/gradio_api/file={path}", timeout=60)
        assert refused.value.code in (403, 404)
