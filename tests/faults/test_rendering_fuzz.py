"""Grammar fuzzing of the rendering room: nothing raises, every target is written, in time that fits its length.

The short part runs by default; `make test-all` runs 100 000 strings (GOT_OCR_FUZZ sets how many, GOT_OCR_FUZZ_SEED
from which on).
"""

import os
import time
import xml.etree.ElementTree as ElementTree

import pytest

from got_ocr.rendering import drawing, render
from tests.faults.rendering_grammar import generate

NUM_SHORT = 300
NUM_LONG = int(os.environ.get("GOT_OCR_FUZZ", "100000"))
FIRST_SEED = int(os.environ.get("GOT_OCR_FUZZ_SEED", "1000000"))
MAX_S_PER_CHARACTER = 1 / 40_000
MIN_S = 0.25  # Of processor time, that any string may take: a garbage collection, a busy machine.


@pytest.fixture(autouse=True)
def _no_engraver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Verovio is a process of its own with a time of its own."""

    def refuse() -> tuple[list[str], list[str]]:
        raise drawing.DrawingError("not drawn")

    monkeypatch.setattr(drawing.music, "draw_all_music", lambda sources: dict.fromkeys(sources, refuse))


def write_every_target(text: str) -> None:
    document = render(text, geometry="python")
    html = document.to_html()
    assert "<script" not in html
    assert html.endswith("</html>\n")
    ElementTree.fromstring(f"<a>{_as_xml(document.to_html_fragment())}</a>")
    document.to_markdown()
    document.to_markdown(tables="html")
    assert document.to_latex().endswith("\\end{document}\n")
    document.to_text()
    document.to_json()
    controls = [letter for letter in document.title if ord(letter) < 32 or 127 <= ord(letter) < 160]
    assert controls == []


def _as_xml(fragment: str) -> str:
    for tag in ("br", "hr"):
        fragment = fragment.replace(f"<{tag}>", f"<{tag}/>")
    return fragment


@pytest.mark.parametrize("part", range(10))
def test_strings_by_grammar(part: int) -> None:
    for seed in range(part, NUM_SHORT, 10):
        write_every_target(generate(seed, 300))


def length_of(index: int) -> int:
    """About how many characters a string of the long run has: mostly lines and paragraphs, seldom a long page."""
    if index % 2000 == 0:
        return 40_000
    return 2500 if index % 20 == 0 else (40, 150, 600)[index % 3]


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_a_hundred_thousand_strings_by_grammar(capsys: pytest.CaptureFixture[str]) -> None:
    """Lengths from a line to a long page; processor time is bounded by the length."""
    slow: list[tuple[int, int, float]] = []
    failed: list[tuple[int, int, str]] = []
    for index in range(NUM_LONG):
        seed, length = FIRST_SEED + index, length_of(index)
        text = generate(seed, length)
        start = time.process_time()
        try:
            write_every_target(text)
        except Exception as error:
            failed.append((seed, length, repr(error)[:200]))
        seconds = time.process_time() - start
        if seconds > 2 * (MIN_S + MAX_S_PER_CHARACTER * len(text)):  # Twice: every target, and a second fragment.
            slow.append((seed, length, seconds))
        if index % 1000 == 999:
            with capsys.disabled():
                print(
                    f"{index + 1} strings, {len(failed)} failed {failed[-3:]}, {len(slow)} slow {slow[-3:]}",
                    flush=True,
                )
    assert (failed, slow) == ([], [])
