"""The gallery in Chromium without a network: nothing fails, nothing runs, and what should be there is drawn.

Set GOT_OCR_SCREENSHOTS to a folder to keep the pictures.
"""

import importlib.util
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from got_ocr.rendering import render, render_pages
from got_ocr.rendering.browser import Browser, find_browser

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        find_browser() is None or sys.platform == "win32", reason="no Chromium or Chrome on this machine"
    ),
]
HAS_PICTURES = all(importlib.util.find_spec(name) for name in ("verovio", "rdkit"))
# Elements that must be drawn, with their least number.
EXPECTED = {
    "01-paper": {"h1": 1, "h2": 2, "math[display=block]": 2, "math": 10, "li": 3, "em": 1},
    "02-long-formula": {
        "mtr": 3,
        "math[display=block]": 3,
        "munder": 2,
        "mrow.overbrace": 1,
        "mrow.underbrace": 1,
        "msqrt": 1,
    },
    "03-matrices-cases": {"mtable": 5, "mroot": 1, "mrow.boxed": 1, "mfrac": 6, "mtd.rule-right": 2},
    "04-table-multirow": {"table": 1, "td[rowspan='2']": 2, "td[colspan='2']": 2, "td[colspan='5']": 1, "strong": 4},
    "05-table-nested": {"table": 4, "table table": 4, "table table table": 1, "td": 12},
    "06-table-booktabs": {"td[colspan='2']": 1, "tr": 5, "td.bt": 8},
    "07-table-pipes": {"th": 3, "td.c": 3, "td.r": 3, "math": 1},
    "08-chinese": {"h1": 1, "math": 10, "ol > li": 2, "td": 9},
    "09-molecules": {"svg.molecule": 5, "p svg.molecule": 2, "svg path": 40},
    "10-molecule-stereo": {"svg.molecule": 1},
    "11-music-two-voices": {"svg.music": 1, "g.staff": 6, "g.layer": 9, "g.note": 20, "use": 30},
    "12-music-melody": {"svg.music": 1, "g.beam": 3, "g.note": 15, "g.chord": 1},
    "13-chart-bar": {"svg.chart rect": 15, "figure.chart table tr": 5},
    "14-chart-line": {"svg.chart polyline": 2, "svg.chart circle": 12, "figure.chart table tr": 7},
    "15-chart-pie": {"svg.chart path": 5, "figure.chart table tr": 5},
    "16-chart-rows": {"svg.chart rect": 10, "figure.chart table tr": 5},
    "17-geometry-circle": {"svg.geometry path": 6, "svg.geometry text": 5},
    "18-geometry-chinese": {"svg.geometry path": 5, "svg.geometry text": 7, "svg.geometry polygon": 2},
    "19-geometry-function": {"svg.geometry path": 10, "svg.geometry polygon": 2, "svg.geometry text": 9},
    "20-lists-quotes": {"blockquote": 1, "ol > li": 3, "ul > li": 2, "pre": 1, "hr": 1, "s": 1, "sub": 1, "sup": 1},
    "21-damaged": {"math": 3, "table": 1, "p.note": 3, "mtable": 1},
    "22-hostile": {"h1": 1, "math": 1, "svg.chart": 1, "table": 2},
    "23-mixed": {"svg.molecule": 1, "svg.geometry": 1, "svg.chart": 1, "math": 4, "figcaption": 1},
    "24-plain": {"br": 4},
    "25-scripts": {"p": 2},
}
SAMPLES = {
    path.stem: path.read_text(encoding="utf-8") for path in sorted((ROOT / "examples/gallery/samples").iterdir())
}
_COUNT = """(selector => [...document.querySelectorAll(selector)].filter(element => {
    const box = element.getBoundingClientRect(); return box.width > 0 || box.height > 0; }).length)"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser(timeout_s=120) as opened:
        yield opened


def keep(name: str, picture: bytes) -> Image.Image:
    folder = os.environ.get("GOT_OCR_SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        Path(folder, f"{name}.png").write_bytes(picture)
    return Image.open(io.BytesIO(picture)).convert("L")


def test_every_sample_has_its_expectations() -> None:
    assert SAMPLES.keys() == EXPECTED.keys()
    assert len(SAMPLES) >= 20


@pytest.mark.parametrize("name", EXPECTED)
def test_sample(name: str, browser: Browser) -> None:
    if not HAS_PICTURES and any("molecule" in key or "music" in key or "g." in key for key in EXPECTED[name]):
        pytest.skip("the extra `render` is not installed")
    browser.open_html(render(SAMPLES[name], geometry="python").to_html())
    found = {selector: browser.evaluate(f"{_COUNT}({selector!r})") for selector in EXPECTED[name]}
    short = {
        selector: (found[selector], least) for selector, least in EXPECTED[name].items() if found[selector] < least
    }
    assert short == {}
    assert browser.messages == []
    assert (
        browser.evaluate("document.querySelectorAll('script, iframe, object, embed, link[rel=stylesheet]').length")
        == 0
    )
    picture = keep(name, browser.screenshot(760))
    assert picture.getextrema()[0] < 60, "the page is blank"


def test_formulas_are_drawn_by_the_browser_itself(browser: Browser) -> None:
    browser.open_html(
        render(r"\[ \frac{a}{b} \sqrt{\frac{a}{b}} \left(\frac{\frac{a}{b}}{c}\right) \sum_{i=1}^{n} \]").to_html()
    )
    heights = {
        tag: browser.evaluate(f"document.querySelector('{tag}').getBoundingClientRect().height")
        for tag in ("mi", "mfrac", "msqrt", "munderover")
    }
    assert heights["mfrac"] > 1.6 * heights["mi"]
    assert heights["msqrt"] >= heights["mfrac"]
    assert heights["munderover"] > 2 * heights["mi"]


def test_braces_are_as_wide_as_what_they_hold(browser: Browser) -> None:
    browser.open_html(render(r"\[ \underbrace{a_{1}+\cdots+a_{n}}_{n} \overline{x+y} \]").to_html())
    for name in ("underbrace", "overline"):
        widths = browser.evaluate(
            f"(() => {{ const e = document.querySelector('mrow.{name}'); const first = e.querySelector('mi'), all = "
            "e.querySelectorAll('mi'); return [e.getBoundingClientRect().width, all[all.length - 1]"
            ".getBoundingClientRect().right - first.getBoundingClientRect().left]; })()"
        )
        assert widths[0] >= widths[1] > 20


def test_policy_stops_what_would_slip_through(browser: Browser) -> None:
    """Were there a hole in the writing, the page's own policy would still let nothing run or load."""
    page = render("text").to_html()
    injected = (
        '<script>document.title="run"</script><img src="http://example.com/a.png" onerror="document.title=\'run\'">'
    )
    browser.open_html(page.replace("</article>", f"{injected}<p style='position:fixed'>x</p></article>"))
    assert browser.evaluate("document.title") == "got-ocr"
    assert browser.evaluate("getComputedStyle(document.querySelector('p[style]')).position") == "static"
    said = " ".join(text for _, text in browser.messages)
    assert said.count("Content Security Policy") >= 3
    assert not any(level == "network" for level, _ in browser.messages)


def test_hostile_page_stays_text(browser: Browser) -> None:
    browser.open_html(render(SAMPLES["22-hostile"], geometry="python").to_html())
    assert browser.messages == []
    text = browser.evaluate("document.body.textContent")
    for number in (1, 2, 4, 6, 7, 8, 9, 10):
        assert f"alert({number})" in text or f"alert({number}" in text
    assert browser.evaluate("document.querySelectorAll('[onerror], [onload], [onclick], [style], a').length") == 0


def test_pages_stand_beside_their_pictures(browser: Browser) -> None:
    pictures = [Image.new("RGB", (300, 400), "navy"), Image.new("RGB", (300, 400), "maroon")]
    document = render_pages([(pictures[0], "# One"), (pictures[1], "# Two"), (None, "three")])
    browser.open_html(document.to_html())
    boxes = browser.evaluate(
        "[...document.querySelectorAll('article.side')].map(a => [a.querySelector('img').getBoundingClientRect().right,"  # noqa: E501
        "a.querySelector('h1').getBoundingClientRect().left, a.querySelector('img').naturalWidth])"
    )
    assert len(boxes) == 2
    browser.screenshot(1200)
    boxes = browser.evaluate(
        "[...document.querySelectorAll('article.side')].map(a => [a.querySelector('img').getBoundingClientRect().right,"  # noqa: E501
        "a.querySelector('h1').getBoundingClientRect().left, a.querySelector('img').naturalWidth])"
    )
    assert all(right <= left and width == 300 for right, left, width in boxes)
    assert browser.messages == []
    assert browser.evaluate("document.querySelectorAll('article').length") == 3


def test_print_and_picture(browser: Browser) -> None:
    browser.open_html(render("# Heading\n\n第一章").to_html())
    assert browser.print_pdf().startswith(b"%PDF")
    assert Image.open(io.BytesIO(browser.screenshot(500))).width == 500
