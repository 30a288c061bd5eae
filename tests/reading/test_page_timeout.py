"""One time for a page: layout and reading end when it is over, what was read is kept, the next page is read.

The clock is the tests' own, so that nothing here depends on how fast a machine is.
"""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFont

from got_ocr.layout import analyse_page, time_limit
from got_ocr.processing.mode import Mode
from got_ocr.processing.options import PageError
from got_ocr.processing.processor import GotOcrProcessor
from got_ocr.reading.model import GotOcrForConditionalGeneration
from got_ocr.reading.options import CallOptions, ReadingHooks, ReadingOptions
from got_ocr.reading.reader import Reader

NANO = Path(__file__).parents[2] / "got_ocr" / "assets" / "nano"
FONT = ImageFont.load_default(20)
WHOLE, SLICED = Mode(), Mode(slice_pages=True)


def page(lines: int = 14) -> Image.Image:
    image = Image.new("RGB", (900, 40 + 34 * lines), "white")
    for row in range(lines):
        ImageDraw.Draw(image).text((30, 20 + 34 * row), f"line {row} of words that fill the page", "black", font=FONT)
    return image


class Clock:
    """Each question takes a second."""

    def __init__(self) -> None:
        self.now = 0.0
        self.step_s = 1.0

    def monotonic(self) -> float:
        self.now += self.step_s
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    own = Clock()
    monkeypatch.setattr(time_limit, "time", SimpleNamespace(monotonic=own.monotonic))
    return own


def reader_of(model: Any, processor: Any, limit_s: float | None, **options: Any) -> Reader:
    return Reader(model, processor, ReadingOptions(max_new_tokens=30, page_timeout_s=limit_s, **options))


def test_a_whole_page_keeps_what_was_read(tiny_model: Any, tiny_processor: Any, clock: Clock) -> None:
    (full,) = reader_of(tiny_model, tiny_processor, None).read([page()], WHOLE)
    (cut,) = reader_of(tiny_model, tiny_processor, 10.5).read([page()], WHOLE)
    assert full.error is None and full.num_tokens == 30
    assert 5 < cut.num_tokens < 15
    assert full.text.startswith(cut.text)
    assert (cut.finish_reason, cut.limit) == ("error", "time")
    assert cut.error == "takes longer than 10.5 seconds to read: raise page_timeout_s."


@pytest.mark.parametrize("kind", ["ocr", "format"])
def test_a_page_in_slices_keeps_its_first_lines(clock: Clock, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the built-in model, whose answers are text."""
    monkeypatch.setattr("got_ocr.reading.slice_reading.MAX_SLICES_PER_BATCH", 2)
    monkeypatch.setattr("got_ocr.reading.slice_reading.FIRST_SLICES", 2)
    clock.step_s = 0.0
    model = GotOcrForConditionalGeneration.from_pretrained(NANO).eval()
    reader = Reader(model, GotOcrProcessor.from_pretrained(NANO), ReadingOptions(page_timeout_s=60))
    generate, pieces = reader._engine.generate, []  # type: ignore[var-annotated]

    def generate_and_slow_down(*arguments: Any) -> Any:
        answers = generate(*arguments)
        clock.step_s += 1.0
        return answers

    monkeypatch.setattr(reader._engine, "generate", generate_and_slow_down)
    (cut,) = reader.read([page()], Mode(kind), ReadingHooks(on_text=pieces.append))
    assert (cut.finish_reason, cut.limit) == ("error", "time")
    assert cut.text.startswith("line 0 of words that fill the page")
    assert 4 <= len(cut.lines) < 14
    assert len(cut.lines) + len(cut.unread) == 14
    assert "".join(pieces).strip() == cut.text


def test_a_page_whose_layout_takes_too_long_is_empty(tiny_model: Any, tiny_processor: Any, clock: Clock) -> None:
    (cut,) = reader_of(tiny_model, tiny_processor, 5).read([page()], SLICED)
    assert (cut.text, cut.limit, cut.lines) == ("", "time", ())
    with time_limit.time_limit(5), pytest.raises(time_limit.OutOfTimeError):
        analyse_page(page())
    with time_limit.time_limit(None) as limit:
        assert len(analyse_page(page()).lines) == 14
    assert not limit.was_hit


@pytest.mark.parametrize("mode", [WHOLE, SLICED])
def test_each_page_has_its_own_time(tiny_model: Any, tiny_processor: Any, clock: Clock, mode: Mode) -> None:
    small = Image.new("RGB", (60, 40), "white")
    clock.step_s = 0.0

    def on_answer(number: int, _: Any) -> None:
        clock.step_s = 1.0 if number == 0 else 0.0  # The second page alone takes long.

    reader = reader_of(tiny_model, tiny_processor, 12, batch_size=1)
    answers = reader.read([small, page(), small], mode, ReadingHooks(on_answer=on_answer))
    assert [answer.limit for answer in answers] == [None, "time", None]
    assert answers[0].text == answers[2].text


def test_time_that_loading_took_counts(tiny_model: Any, tiny_processor: Any, clock: Clock) -> None:
    reader = reader_of(tiny_model, tiny_processor, 100)
    (fast,), (slow,) = reader.read([page()], WHOLE), reader.read([page()], WHOLE, spent_s=95)
    assert fast.error is None
    assert slow.limit == "time"


def test_chat_raises_or_returns(tiny_model: Any, tiny_processor: Any, clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "page.png"
    page().save(path)
    with pytest.raises(PageError, match=r"page\.png: takes longer than 9 seconds to read: raise page_timeout_s\.$"):
        tiny_model.chat(tiny_processor, str(path), page_timeout_s=9)
    (answer,) = tiny_model.chat(tiny_processor, [path], page_timeout_s=9, on_error="return", return_dict=True)
    assert (answer["limit"], answer["num_tokens"] > 0) == ("time", True)
    assert "page.png: takes longer" in answer["error"]


def test_samples_and_beams_end_too(tiny_model: Any, tiny_processor: Any, clock: Clock) -> None:
    for options in ({"num_beams": 2}, {"temperature": 0.7}):
        answer = reader_of(tiny_model, tiny_processor, 9, generation=options).read([page()], WHOLE)[0]
        assert answer.limit == "time" and answer.num_tokens < 20


def test_none_lifts_the_limit_and_other_values_are_refused() -> None:
    assert CallOptions.sort({}).reading.page_timeout_s == 600
    assert CallOptions.sort({}).reading.source.page_timeout_s == 60
    both = CallOptions.sort({"page_timeout_s": 7}).reading
    assert (both.page_timeout_s, both.source.page_timeout_s) == (7, 7)
    none = CallOptions.sort({"page_timeout_s": None, "max_memory_bytes": None}).reading
    assert (none.page_timeout_s, none.source.page_timeout_s, none.source.max_memory_bytes) == (None, None, None)
    with pytest.raises(ValueError, match="page_timeout_s must be a number above 0, got 0"):
        ReadingOptions(page_timeout_s=0)
