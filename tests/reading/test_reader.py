"""The reader by itself: one way from pages and a mode to answers, for everything that calls it."""

import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from got_ocr.processing.mode import Mode
from got_ocr.reading import rendering
from got_ocr.reading.answer import GotOcrAnswer
from got_ocr.reading.options import CallOptions, ReadingHooks, ReadingOptions
from got_ocr.reading.reader import PAGE_BREAK, Reader

SHORT = ReadingOptions(max_new_tokens=6)


def picture(seed: int = 0) -> Image.Image:
    noise = torch.randint(0, 255, (70, 90, 3), generator=torch.Generator().manual_seed(seed))
    return Image.fromarray(noise.byte().numpy())


@pytest.fixture
def reader(tiny_model: Any, tiny_processor: Any) -> Reader:
    return Reader(tiny_model, tiny_processor, SHORT)


def test_a_mode_each_in_one_call_equals_single_calls(reader: Reader) -> None:
    modes = [Mode(), Mode("format", box=(1, 2, 60, 50)), Mode(crop=True), Mode(color="red"), Mode(instruction="Hm?")]
    pictures = [picture(seed) for seed in range(len(modes))]
    together = reader.read(pictures, modes)
    alone = [reader.read(one, mode)[0] for one, mode in zip(pictures, modes, strict=True)]
    assert [answer.text for answer in together] == [answer.text for answer in alone]


@pytest.mark.parametrize(
    "options", [{"ocr_box": [1, 2, 60, 50]}, {"box": [1, 2, 60, 50]}, {"ocr_color": "red"}, {"type": "format"}, {}]
)
def test_every_call_takes_every_name(tiny_model: Any, tiny_processor: Any, options: dict) -> None:
    (read,) = tiny_model.read(tiny_processor, picture(), max_new_tokens=6, **options)
    streamed = "".join(tiny_model.chat_stream(tiny_processor, picture(), max_new_tokens=6, **options))
    (by_mode,) = tiny_model.read(tiny_processor, picture(), mode=Mode.from_options(**options), max_new_tokens=6)
    assert read.text == streamed.strip() == by_mode.text


def test_unknown_names_are_said_at_once(tiny_model: Any, tiny_processor: Any) -> None:
    with pytest.raises(TypeError, match="no option 'colour': did you mean color"):
        tiny_model.chat_stream(tiny_processor, picture(), colour="red")
    with pytest.raises(TypeError, match="no option 'temprature'"):
        tiny_model.read(tiny_processor, picture(), temprature=1)
    with pytest.raises(ValueError, match="mode and box were both given"):
        tiny_model.read(tiny_processor, picture(), mode=Mode(), box=[1, 2, 30, 40])
    with pytest.raises(ValueError, match="max_new_tokens must be a whole number of at least 1, got 0"):
        tiny_model.read(tiny_processor, picture(), max_new_tokens=0)


def test_streamed_pages_have_a_form_feed_between_them(reader: Reader) -> None:
    pages = [picture(seed) for seed in range(3)]
    texts = "".join(reader.stream(pages)).split(PAGE_BREAK)
    assert [text.strip() for text in texts] == [answer.text for answer in reader.read(pages)]
    pieces: list[str] = []
    reader.read(pages, hooks=ReadingHooks(on_text=pieces.append))
    assert "".join(pieces).count(PAGE_BREAK) == 2


def test_pages_are_loaded_a_batch_at_a_time(tiny_model: Any, tiny_processor: Any, tmp_path: Path) -> None:
    for number in range(5):
        picture(number).save(tmp_path / f"{number}.png")
    (tmp_path / "2.png").write_bytes(b"no picture")
    reader = Reader(tiny_model, tiny_processor, ReadingOptions(max_new_tokens=6, batch_size=2))
    loaded: list[Image.Image | None] = []
    seen: list[int] = []
    hooks = ReadingHooks(on_answer=lambda index, _: seen.append(index))
    answers = reader.read_pages(tmp_path, hooks=hooks, on_error="return", on_page=lambda _, page: loaded.append(page))
    first = next(answers)
    assert len(loaded) == 2, "the other pages wait on disk"
    rest = list(answers)
    assert seen == [0, 1, 2, 3, 4]
    assert [answer.finish_reason == "error" for answer in [first, *rest]] == [False, False, True, False, False]
    assert "2.png" in str(rest[1].error)
    assert loaded[2] is None
    assert first.text == reader.read(picture(0))[0].text
    with pytest.raises(ValueError, match=r"2\.png"):
        list(reader.read_pages(tmp_path))


def test_a_stop_event_ends_an_answer(tiny_model: Any, tiny_processor: Any) -> None:
    event = threading.Event()
    event.set()
    (answer,) = Reader(tiny_model, tiny_processor).read(picture(), hooks=ReadingHooks(stop_event=event))
    assert answer.num_tokens == 1


def test_arguments_are_sorted() -> None:
    call = CallOptions.sort({"batch_size": 2, "on_text": print, "box": [1, 2], "max_new_tokens": None})
    assert call.reading == ReadingOptions(batch_size=2)
    assert call.hooks.on_text is print
    assert call.mode == {"box": [1, 2]}


def test_rendering_is_handed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    import got_ocr

    assert rendering._renderers == [got_ocr._save_rendered], "the package hands it in when reading is imported"
    monkeypatch.setattr(rendering, "_renderers", [])
    with pytest.raises(ValueError, match="pip install pikepdf rdkit verovio"):
        rendering.save_pages([(None, GotOcrAnswer("x", "stop").text)], "page.html")
