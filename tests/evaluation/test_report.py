"""The report page: hostile text stays text, nothing is fetched, and it looks like something in a browser."""

import html.parser
import json
import re
import shutil
import socketserver
import subprocess
import threading
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from got_ocr.evaluation.report_html import content_security_policy, difference, escape, render_report
from got_ocr.evaluation.report_text import format_table, report_json
from got_ocr.evaluation.results import Result
from got_ocr.evaluation.scoring import Scores, compare_results, score

PROBE = "got-ocr-probe.example"
HOSTILE = (
    "<script>document.title='HACKED'</script>",
    f"<img src=http://{PROBE}/a.png onerror=\"document.title='HACKED'\">",
    f"</pre></div></article></body><iframe src='http://{PROBE}/'></iframe><style>@import 'http://{PROBE}/s'</style>",
    f"\"'><svg onload=document.title='HACKED'><use href='http://{PROBE}/u#x'/></svg>",
    r"\left( \begin{tabular}{l \[ \( $$ \end{document} & unclosed {{{",
    "]]></script><!-- <base href=http://got-ocr-probe.example/> &lt;b&gt; &#x3c;script>",
    "left \u202e right \u2066 \x00 \x1b[31m \ud800 zero\u200bwidth",
)


def hostile_scores() -> Scores:
    results = [
        Result(f"{number} {text}.png", text, f"the page number {number}", text, number, finish_reason=text)
        for number, text in enumerate(HOSTILE)
    ]
    results.append(Result("good.png", "OCR: ", "all is well here", "all is well here", len(HOSTILE)))
    results.append(Result("close.png", "OCR: ", "one word is\nwrong", "one wurd is wrong", len(HOSTILE) + 1))
    return score(results, resamples=100)


def picture(result: Result) -> Image.Image:
    if result.image.startswith("0"):
        raise ValueError(f"cannot open {HOSTILE[0]}")
    image = Image.new("RGB", (400, 120), "white")
    ImageDraw.Draw(image).text((10, 10), "a page", fill="black")
    return image


def hostile_page() -> str:
    scores = hostile_scores()
    comparison = compare_results(scores.results, scores.results, resamples=50)
    return render_report(
        scores, title=HOSTILE[0], run={"model": HOSTILE[1]}, load_picture=picture, comparison=comparison,
        systems=(HOSTILE[2], "second"),
    )  # fmt: skip


class Tags(html.parser.HTMLParser):
    """Collects elements, attributes and text as a browser would see them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_hostile_text_makes_no_element_and_no_attribute() -> None:
    found = Tags(hostile_page())
    assert not {"script", "iframe", "base", "object", "embed", "form", "use", "link", "a"} & set(found.tags)
    assert found.tags.count("style") == found.tags.count("title") == found.tags.count("body") == 1
    assert not [name for name, _ in found.attributes if name.startswith("on") or name in ("style", "href", "srcset")]
    assert all(
        (value or "").startswith("data:image/jpeg;base64,") for name, value in found.attributes if name == "src"
    )
    text = "".join(found.text)
    for hostile in HOSTILE[:6]:
        assert re.sub(r"\s", "", hostile) in re.sub(r"\s", "", text)


def test_hidden_characters_are_shown_by_number() -> None:
    page = hostile_page()
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08\x1b\u200b\ud800-\udfff]", page)
    assert "U+202E" in page
    assert "U+0000" in page
    assert escape("a\u202e<b>\x07") == 'a<span class="hidden">U+202E</span>&lt;b&gt;<span class="hidden">U+0007</span>'


def test_policy_allows_nothing_but_the_page_itself() -> None:
    page = hostile_page()
    assert f'content="{content_security_policy()}"' in page
    assert "default-src 'none'" in content_security_policy()
    assert "unsafe" not in content_security_policy()
    style = page[page.index("<style>") : page.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


def test_difference_marks_characters_on_both_sides() -> None:
    assert difference("abc<", "axc<") == ("a<del>b</del>c&lt;", "a<ins>x</ins>c&lt;")
    assert difference("a\nb", "a b") == ("a<del>↵\n</del>b", "a<ins> </ins>b")
    assert difference("", "x") == ("", "<ins>x</ins>")


def test_worst_samples_come_first_and_are_counted() -> None:
    page = hostile_page()
    assert page.index("close.png") < page.index("good.png")
    assert page.index("0 &lt;script&gt;") < page.index("close.png")
    few = render_report(hostile_scores(), max_samples=2)
    assert few.count("<article>") == 2
    assert "(2 of 9)" in few


def test_report_json_is_json_and_the_same_each_time() -> None:
    one, other = (json.dumps(report_json(hostile_scores()), allow_nan=False) for _ in range(2))
    assert one == other
    assert json.loads(one)["samples"] == 9


def test_published_convention_with_nothing_left_is_still_a_report() -> None:
    scores = score([Result("a", "", "x", "")], convention="published")
    assert scores.summary == {}
    assert "<article>" in render_report(scores)
    assert json.dumps(report_json(scores), allow_nan=False)


def test_table_layout() -> None:
    assert format_table(("a", "bb"), [("ccc", "1")]) == "a    bb\n---  --\nccc   1"


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Recorder(socketserver.BaseRequestHandler):
    """A proxy that answers nothing and remembers what it was asked for."""

    asked: list[bytes]

    def handle(self) -> None:
        self.asked.append(self.request.recv(4096))


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not on this machine")
def test_page_in_chromium_offline(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_bytes(hostile_page().encode("utf-8", "replace"))
    shot = tmp_path / "report.png"
    handler = type("Handler", (Recorder,), {"asked": []})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        command = [
            str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            f"--proxy-server=http://127.0.0.1:{proxy.server_address[1]}", "--proxy-bypass-list=<-loopback>",
            "--force-color-profile=srgb", "--window-size=1400,2600",
        ]  # fmt: skip
        steps = (["--dump-dom"], [f"--screenshot={shot}"])
        outputs = []
        for number, step in enumerate(steps):
            profile = f"--user-data-dir={tmp_path / f'profile{number}'}"
            done = subprocess.run(
                [*command, profile, *step, page.as_uri()], capture_output=True, timeout=240, check=False
            )
            outputs.append(done.stdout.decode("utf-8", "replace"))
        proxy.shutdown()
    assert not [asked for asked in handler.asked if PROBE.encode() in asked]
    dom = Tags(outputs[0])
    assert "HACKED" not in "".join(re.findall(r"<title>.*?</title>", outputs[0])).replace("&#39;", "'").replace(
        "&lt;script&gt;document.title='HACKED'&lt;/script&gt;", ""
    )
    assert "script" not in dom.tags
    assert dom.tags.count("article") == 9
    with Image.open(shot) as image:
        colors = {color for _, color in image.convert("RGB").getcolors(2**24) or []}
    # The style sheet passed its policy: marks of the difference and bars of the histograms have their colours.
    assert (0xFD, 0xE3, 0xE1) in colors
    assert (0xD9, 0xF2, 0xDF) in colors
    assert (0x1F, 0x5F, 0xBF) in colors


def test_side_by_side_table() -> None:
    from got_ocr.nano.benchmarks.side_by_side import table

    report = report_json(hostile_scores(), run={"version": "5.3.0"})
    report |= {"timing": {"mean_cpu_s": 0.156}, "exact": 0.25}
    last = table([("scanned lines", "tesseract", report)]).splitlines()[-1]
    assert last.startswith("| scanned lines (9) | Tesseract 5.3.0 | ")
    assert last.endswith(" | 25% | 0.16 |")
