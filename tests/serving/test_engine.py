"""A server whose reading is an engine's that takes several calls: each gets its own answer, side by side."""

import threading
from concurrent.futures import ThreadPoolExecutor

from got_ocr.reading.decoding import AnswerGenerator
from got_ocr.reading.engine_model import EngineModel
from tests.serving.conftest import as_png, draw_page, run

CALLS = 3
WORDS = ("First words", "Other words", "Third words")


class MeetingEngine:
    """Generates no batch before as many calls as it takes have come: with fewer threads it would wait for ever."""

    def __init__(self, model, processor):
        self.inner = AnswerGenerator(model, processor)
        self.config, self.device, self.calls_at_once = model.config, "cpu", CALLS
        self.meeting = threading.Barrier(CALLS)
        self.one_by_one = threading.Lock()
        self.has_met = threading.Event()

    def generate(self, inputs, generation):
        if not self.has_met.is_set():
            self.meeting.wait(120)
            self.has_met.set()
        with self.one_by_one:
            return self.inner.generate(inputs, generation)


def test_an_engine_is_called_by_as_many_threads_as_it_takes(nano):
    model, processor = nano
    engine = MeetingEngine(model, processor)
    with run(EngineModel(engine), processor, model_name="nano", num_decoders=1) as server:

        def read(word):
            with server.client() as client:
                return client.post("/v1/ocr", files={"file": ("page.png", as_png(draw_page([word])))}).json()

        with ThreadPoolExecutor(CALLS) as clients:
            answers = list(clients.map(read, WORDS))
        alone = read(WORDS[0])
    assert [answer["text"] for answer in answers] == list(WORDS)
    assert answers[0]["usage"] == alone["usage"] and alone["usage"]["prompt_tokens"] > 0
    assert engine.has_met.is_set()
