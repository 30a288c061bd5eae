"""Plain answers for whole pages have lines with boxes and the probabilities of their own tokens."""

import math
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest
from PIL import Image

from got_ocr import ReadingOptions
from got_ocr.layout.time_limit import time_limit
from got_ocr.processing.mode import Mode
from got_ocr.reading.answer import token_ends
from got_ocr.reading.generating import Generation, make_answer
from got_ocr.reading.line_boxes import box_lines
from got_ocr.reading.reader import Reader
from tests.layout.test_text_places import draw_page


class WritingEngine:
    """Answers each page with a given text, a token a character, ever less certain.

    Notes what it was asked.
    """

    calls_at_once = 1
    device = "nowhere"

    def __init__(self, config: Any, text: str) -> None:
        self.config = config
        self.text = text
        self.asked: list[Generation] = []

    def generate(self, inputs: Any, generation: Generation) -> list[Any]:
        self.asked.append(generation)
        tokens = [ord(character) for character in self.text]
        logs = [-number / 1000 for number in range(len(tokens) + 1)]
        answer = make_answer([*tokens, 0], logs, [0], _decode, generation.keep_tokens)
        return [answer] * len(inputs["input_ids"])


def _decode(tokens: list[int]) -> str:
    return "".join(map(chr, tokens))


@pytest.fixture
def read(tiny_config: Any, tiny_processor: Any) -> Callable[..., Any]:
    def read_page(text: str, page: Image.Image, mode: Mode | None = None, **options: Any) -> Any:
        reader = Reader(WritingEngine(tiny_config, text), tiny_processor, ReadingOptions(**options))
        (answer,) = reader.read_pages(page, mode or Mode())
        return answer

    return read_page


def overlaps(one: Any, other: Any) -> bool:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return width > 0.8 * (other[2] - other[0]) and height > 0.5 * (other[3] - other[1])


@pytest.mark.parametrize("glue", ["\n", " "])
def test_lines_have_boxes_and_their_own_tokens_probabilities(read: Any, glue: str) -> None:
    page, truth = draw_page()
    blocks: dict[int, list[str]] = {}
    for line in truth:
        blocks.setdefault(line.block, []).append(line.text)
    text = "\n".join(glue.join(lines) for lines in blocks.values())
    answer = read(text, page)
    assert answer.text == text and answer.tokens == ()
    assert len(answer.lines) == len(truth)
    start = 0
    for line, known in zip(answer.lines, truth, strict=True):
        assert line.text == known.text
        assert line.box is not None and overlaps(line.box, known.box)
        start = text.index(line.text, start)
        end = start + len(line.text)
        assert line.mean_probability == pytest.approx(math.exp(-(start + end - 1) / 2 / 1000))
        assert line.min_probability == pytest.approx(math.exp(-(end - 1) / 1000))
    assert len({line.block for line in answer.lines}) == 3


def test_boxes_are_those_of_the_picture_where_a_part_is_read(read: Any) -> None:
    page, truth = draw_page(2)
    second = [line for line in truth if line.block >= 10]
    answer = read("\n".join(line.text for line in second), page, Mode(box=(700, 0, 1400, 620)))
    assert [line.text for line in answer.lines] == [line.text for line in second]
    assert all(overlaps(line.box, known.box) for line, known in zip(answer.lines, second, strict=True))


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        (Mode("format"), {}),
        (Mode(instruction="What is it?"), {}),
        (Mode(color="red"), {}),  # A frame that the page has not.
        (Mode(multi_page=True), {}),
        (Mode(), {"line_boxes": False}),
    ],
    ids=str,
)
def test_where_there_are_no_boxes_lines_are_the_texts(read: Any, mode: Mode, options: Any) -> None:
    page, truth = draw_page()
    answer = read("\n".join(line.text for line in truth), [page, page] if mode.multi_page else page, mode, **options)
    assert [(line.text, line.box, line.block) for line in answer.lines] == [(line.text, None, None) for line in truth]
    assert answer.tokens == ()


def test_invented_lines_say_that_they_have_no_place(read: Any) -> None:
    page, truth = draw_page()
    texts = [line.text for line in truth]
    texts.insert(4, "and here stands a sentence which nobody has printed on it, at all")
    answer = read("\n".join(texts), page)
    assert [line.text for line in answer.lines] == texts
    assert [line.box is None for line in answer.lines] == [number == 4 for number in range(len(texts))]


def test_blank_pages_empty_answers_and_lying_pages_stay_as_they_are(read: Any) -> None:
    page, truth = draw_page()
    assert read("", page).lines == ()
    assert [line.box for line in read("a word", Image.new("RGB", (300, 200), "white")).lines] == [None]
    text = "\n".join(line.text for line in truth)
    assert {line.box for line in read(text, page.rotate(90, expand=True)).lines} == {None}


def test_when_the_pages_time_is_over_the_answer_is_kept() -> None:
    page, _ = draw_page()
    answer = make_answer([97, 98, 0], [-0.5, -0.25, 0.0], [0], _decode, keep_tokens=True)
    assert answer.tokens == ((1, -0.5), (2, -0.25))
    with time_limit(1e-9):
        found = box_lines(answer, page)
    assert (found.text, found.lines, found.tokens) == ("ab", answer.lines, ())


def test_chat_asks_for_boxes_only_where_lines_are_given(
    tiny_model: Any, tiny_processor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr("got_ocr.reading.line_boxes.box_lines", lambda answer, *rest: asked.append(rest) or answer)
    page = Image.new("RGB", (60, 40), "white")
    tiny_model.chat(tiny_processor, page, max_new_tokens=3)
    list(tiny_model.chat_stream(tiny_processor, page, max_new_tokens=3))
    assert not asked
    tiny_model.chat(tiny_processor, page, max_new_tokens=3, return_dict=True, line_boxes=False)
    assert not asked
    tiny_model.chat(tiny_processor, page, max_new_tokens=3, return_dict=True)
    tiny_model.read(tiny_processor, [page], max_new_tokens=3)
    assert len(asked) == 2


def test_tokens_are_nobodys_but_the_readers(tiny_model: Any, tiny_processor: Any) -> None:
    page, _ = draw_page()
    for mode in (Mode(), Mode("format"), Mode(slice_pages=True)):
        (answer,) = tiny_model.read(tiny_processor, [page], mode=mode, max_new_tokens=8)
        assert answer.tokens == () and all(part["tokens"] == () for part in asdict(answer)["slices"])


@pytest.mark.parametrize("value", [1, "yes", 0.0])
def test_line_boxes_is_a_switch(value: Any) -> None:
    with pytest.raises(ValueError, match="line_boxes must be True or False, got"):
        ReadingOptions(line_boxes=value)


def test_ends_of_tokens_whose_characters_are_split() -> None:
    # Two tokens make one character; each by itself is an unknown one.
    pieces = {1: "ab", 2: "\ufffd", 3: "\ufffd", 4: "c\n", 5: "d"}

    def decode(tokens: list[int]) -> str:
        return "".join(pieces[token] for token in tokens).replace("\ufffd\ufffd", "\u4e2d")

    ends = token_ends([1, 2, 3, 4, 5], decode)
    assert ends[-2:] == [5, 6] and ends == sorted(ends)
    assert token_ends([], decode) == []
