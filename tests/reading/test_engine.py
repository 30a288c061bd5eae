"""The seam between reading and what generates: whoever has an engine reads with it as with a model."""

from dataclasses import replace
from typing import Any

import pytest
from PIL import Image, ImageDraw

from got_ocr.processing.mode import Mode
from got_ocr.reading.decoding import AnswerGenerator
from got_ocr.reading.engine_model import EngineModel
from got_ocr.reading.generating import Generation
from got_ocr.reading.options import ReadingHooks, ReadingOptions
from got_ocr.reading.reader import Reader


class CountingEngine:
    """Generates with a model that it was not given as one, and notes what it was asked."""

    def __init__(self, model: Any, processor: Any) -> None:
        self.inner = AnswerGenerator(model, processor)
        self.config = model.config
        self.calls_at_once = 3
        self.device = "elsewhere"
        self.asked: list[tuple[int, Generation]] = []

    def generate(self, inputs: Any, generation: Generation) -> Any:
        self.asked.append((len(inputs["input_ids"]), generation))
        return self.inner.generate(inputs, generation)


@pytest.fixture
def engine(tiny_model: Any, tiny_processor: Any) -> CountingEngine:
    return CountingEngine(tiny_model, tiny_processor)


def picture(seed: int = 0) -> Image.Image:
    page = Image.new("RGB", (200, 70), "white")
    for row in range(2):
        ImageDraw.Draw(page).text((10, 8 + 28 * row), f"line {row} of {seed}", fill="black", font_size=20)
    return page


@pytest.mark.parametrize(
    "mode", [Mode(), Mode("format"), Mode(box=(1, 2, 60, 50)), Mode(crop=True), Mode(slice_pages=True)], ids=str
)
def test_an_engine_reads_as_its_model(tiny_model: Any, tiny_processor: Any, engine: Any, mode: Mode) -> None:
    options = ReadingOptions(max_new_tokens=6, batch_size=2)
    pages = [picture(seed) for seed in range(3)]
    by_model = Reader(tiny_model, tiny_processor, options).read(pages, mode)
    assert Reader(engine, tiny_processor, options).read(pages, mode) == by_model
    assert engine.asked and all(not one.options for _, one in engine.asked)


def test_an_engine_learns_what_a_mode_asks_of_generation(tiny_processor: Any, engine: Any) -> None:
    pieces: list[str] = []
    reader = Reader(engine, tiny_processor, ReadingOptions(max_new_tokens=5, generation={"num_beams": 2}))
    reader.read([picture()], Mode(crop=True))
    plain = Reader(engine, tiny_processor, ReadingOptions(max_new_tokens=5))
    plain.read([picture()], hooks=ReadingHooks(on_text=pieces.append))
    (_, beams), (rows, streamed) = engine.asked
    assert (beams.ngram_size, beams.options) == (0, {"num_beams": 2})
    assert (rows, streamed.ngram_size, streamed.max_new_tokens) == (1, 20, 5)
    assert streamed.on_text is not None


def test_an_engine_with_a_model_s_calls_reads_alike(tiny_model: Any, tiny_processor: Any, engine: Any) -> None:
    model = EngineModel(engine)
    pages, options = [picture(seed) for seed in range(2)], {"max_new_tokens": 6, "box": [1, 2, 60, 50]}
    assert model.read(tiny_processor, pages, **options) == tiny_model.read(tiny_processor, pages, **options)
    assert (model.device, model.config, model.calls_at_once) == ("elsewhere", tiny_model.config, 3)
    with pytest.raises(ValueError, match="mode and box were both given"):
        model.read(tiny_processor, pages, mode=Mode(), box=[1, 2, 30, 40])
    (answer,) = Reader(model, tiny_processor, ReadingOptions(6)).read(pages[:1])
    assert replace(answer) == tiny_model.read(tiny_processor, pages[:1], max_new_tokens=6)[0]
