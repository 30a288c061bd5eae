"""chat, chat_crop, chat_stream and read, with the tiny random model or with scripted answers."""

import copy
import inspect
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont

from got_ocr.configuration.config import GotOcrConfig
from got_ocr.configuration.slicing import SlicingOptions
from got_ocr.layout.line import Line
from got_ocr.layout.page import PageLayout
from got_ocr.processing.processor import GotOcrProcessor
from got_ocr.reading.answer import GotOcrAnswer, lines_of_tokens
from got_ocr.reading.decoding import AnswerGenerator, Generation
from got_ocr.reading.model import GotOcrForConditionalGeneration
from got_ocr.slices.sliced_page import Piece, SlicedPage
from got_ocr.slices.slicing import slice_page

SHORT = {"max_new_tokens": 12}
BLANK = Image.new("RGB", (80, 80), "white")


def picture(seed: int = 0, width: int = 90, height: int = 70) -> Image.Image:
    """A picture unlike the others."""
    noise = torch.randint(0, 255, (height, width, 3), generator=torch.Generator().manual_seed(seed))
    return Image.fromarray(noise.byte().numpy())


@pytest.fixture
def model(tiny_model: GotOcrForConditionalGeneration) -> GotOcrForConditionalGeneration:
    return copy.deepcopy(tiny_model)


@pytest.fixture
def scripted(model: GotOcrForConditionalGeneration, tiny_processor: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make the model answer with given texts, in order; `None` as the end leaves an answer unfinished."""
    calls: list[dict[str, Any]] = []

    def script(*answers: str | tuple[str, None]) -> list[dict[str, Any]]:
        waiting = list(answers)

        def generate(**inputs: Any) -> torch.Tensor:
            calls.append(inputs)
            rows = []
            for _ in range(len(inputs["input_ids"])):
                answer = waiting.pop(0)
                text, end = answer if isinstance(answer, tuple) else (answer, model.config.turn_end_token_id)
                rows.append(tiny_processor.encode_text(text) + ([end] if end is not None else []))
            length = max(map(len, rows))
            padded = [row + [model.config.pad_token_id] * (length - len(row)) for row in rows]
            for step in range(length):
                scores = torch.zeros(len(rows), 2)
                scores[:, 0] = float(step)  # ever more certain
                for processor in inputs["logits_processor"]:
                    processor(inputs["input_ids"], scores)
            return torch.cat([inputs["input_ids"], torch.tensor(padded)], dim=1)

        monkeypatch.setattr(model, "generate", generate)
        return calls

    return script


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take pictures as they stand, for a model that isn't sure of anything."""
    monkeypatch.setattr("got_ocr.reading.turning.SURE_PROBABILITY", 0.0)
    monkeypatch.setattr("got_ocr.reading.second_look.DOUBTFUL_LINE", 0.0)
    monkeypatch.setattr("got_ocr.reading.doubt.SLIGHT_PIECE", 0.0)


def test_published_signatures_are_unchanged() -> None:
    chat = "self tokenizer image_file ocr_type ocr_box ocr_color render save_render_file print_prompt gradio_input"
    crop = "self tokenizer image_file ocr_type render save_render_file print_prompt gradio_input"
    for method, names in [("chat", chat), ("chat_crop", crop)]:
        parameters = inspect.signature(getattr(GotOcrForConditionalGeneration, method)).parameters.values()
        positional = [parameter.name for parameter in parameters if parameter.kind is parameter.POSITIONAL_OR_KEYWORD]
        assert positional == [*names.split(), "stream_flag"]


@pytest.mark.parametrize("options", [{}, {"ocr_type": "format"}, {"ocr_color": "red"}, {"multi_page": False}])
def test_a_batch_of_four_gives_the_four_single_answers(model: Any, tiny_processor: Any, options: dict) -> None:
    pictures = [picture(seed) for seed in range(4)]
    together = model.chat(tiny_processor, pictures, return_dict=True, **options, **SHORT)
    alone = [model.chat(tiny_processor, one, return_dict=True, **options, **SHORT) for one in pictures]
    assert [answer["text"] for answer in together] == [answer["text"] for answer in alone]
    assert [answer["num_tokens"] for answer in together] == [answer["num_tokens"] for answer in alone]
    for several, single in zip(together, alone, strict=True):
        assert several["mean_probability"] == pytest.approx(single["mean_probability"], rel=1e-3)
    ids = [tiny_processor(one)["input_ids"] for one in pictures]
    assert len({tuple(row[0].tolist()) for row in ids}) == 1, "the prompts are equal, only the pixels differ"


def test_a_batch_of_different_lengths_gives_the_single_answers(model: Any, tiny_processor: Any) -> None:
    wide, tall, square = picture(1, 400, 90), picture(2, 80, 500), picture(3)
    together = model.chat_crop(tiny_processor, [wide, tall, square], return_dict=True, **SHORT)
    alone = [model.chat_crop(tiny_processor, one, return_dict=True, **SHORT) for one in (wide, tall, square)]
    assert [answer["text"] for answer in together] == [answer["text"] for answer in alone]
    boxes = ["[1,2,30,40]", [5, 5, 200, 60], None]
    together_boxes = model.read(tiny_processor, [wide, tall, square], box=boxes, **SHORT)
    alone_boxes = [
        model.read(tiny_processor, one, box=box, **SHORT)[0]
        for one, box in zip([wide, tall, square], boxes, strict=True)
    ]
    assert [answer.text for answer in together_boxes] == [answer.text for answer in alone_boxes]


def test_every_mode_asks_its_published_question(model: Any, tiny_processor: Any, scripted: Any) -> None:
    calls = scripted(*["x"] * 7)
    page, tokenizer = picture(width=100, height=200), tiny_processor.tokenizer
    model.chat(tokenizer, page)
    model.chat(tokenizer, page, ocr_type="format")
    model.chat(tokenizer, page, ocr_box="[10,20,50,100]")
    model.chat(tokenizer, page, "format", (10, 20))
    model.chat(tokenizer, page, ocr_color="blue")
    model.chat_crop(tokenizer, page)
    model.chat(tokenizer, [page, page, page], ocr_type="format", multi_page=True)
    prompts = [tokenizer.decode(call["input_ids"][0]) for call in calls]
    asked = [prompt.split("</img>\n")[1].split("<|im_end|>")[0] for prompt in prompts]
    assert asked == [
        "OCR: ",
        "OCR with format: ",
        "[100, 100, 500, 500] OCR: ",
        "[100, 100] OCR with format: ",
        "[blue] OCR: ",
        "OCR upon the patch reference: ",
        "OCR with format across multi pages: ",
    ]
    images = [len(call["pixel_values"]) for call in calls]
    assert images == [1, 1, 1, 1, 1, 3, 3]  # 1 x 2 tiles and the overview
    ngram_sizes = [call["no_repeat_ngram_size"] for call in calls]
    assert ngram_sizes == [20] * 5 + [0, 0]
    assert all(call["do_sample"] is False for call in calls)


def test_answers_say_how_they_ended(model: Any, tiny_processor: Any, scripted: Any) -> None:
    scripted("Hello.\n", ("Hel", None), ("Dots: " + "ab" * 200, None), "  ")
    answers = model.read(tiny_processor, [picture(seed) for seed in range(4)], batch_size=1)
    assert [answer.finish_reason for answer in answers] == ["stop", "length", "repetition", "stop"]
    assert [answer.text for answer in answers] == ["Hello.", "Hel", "Dots: ab", ""]
    assert [answer.num_tokens for answer in answers] == [8, 3, 406, 3]
    # The script's certainty rises from 1/2; the mean is geometric over the answer's own tokens.
    certain = torch.tensor([0.0, 1.0, 2.0]).sigmoid()
    assert answers[1].min_probability == pytest.approx(0.5)
    assert answers[1].mean_probability == pytest.approx(certain.log().mean().exp().item())
    json.dumps(model.chat(tiny_processor, picture(), return_dict=True) if scripted("x") else None)


def test_a_short_answer_in_a_batch_does_not_count_its_padding(model: Any, tiny_processor: Any, scripted: Any) -> None:
    scripted("a", "abcdefgh")
    short, long = model.read(tiny_processor, [picture(0), picture(1)])
    assert (short.num_tokens, long.num_tokens) == (2, 9)
    assert short.mean_probability < long.mean_probability


def test_stream_pieces_join_to_the_text(model: Any, tiny_processor: Any, capsys: pytest.CaptureFixture) -> None:
    text = model.chat(tiny_processor, picture(), **SHORT)
    assert capsys.readouterr().out == "", "nothing is printed unasked"
    assert "".join(model.chat_stream(tiny_processor, picture(), **SHORT)).strip() == text
    assert model.chat(tiny_processor, picture(), stream_flag=True, **SHORT) == text
    assert capsys.readouterr().out.strip() == text
    model.chat(tiny_processor, picture(), print_prompt=True, **SHORT)
    assert "<imgpad></img>\nOCR: <|im_end|>" in capsys.readouterr().out


def test_stream_hands_on_errors_and_stops_when_left(model: Any, tiny_processor: Any) -> None:
    with pytest.raises(ValueError, match="no such file"):
        next(model.chat_stream(tiny_processor, "missing.png"))
    import threading

    stream = model.chat_stream(tiny_processor, picture(), max_new_tokens=400)
    next(stream)
    stream.close()
    for thread in threading.enumerate():
        if thread.name == "got-ocr-stream":
            thread.join(timeout=20)
            assert not thread.is_alive()


def test_bad_pictures_among_good_ones(model: Any, tiny_processor: Any, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    sources = [picture(0), str(broken), "missing.png", picture(1)]
    with pytest.raises(ValueError, match=r"broken\.png"):
        model.chat(tiny_processor, sources, **SHORT)
    answers = model.chat(tiny_processor, sources, on_error="return", return_dict=True, **SHORT)
    assert [answer["finish_reason"] for answer in answers] == ["length", "error", "error", "length"]
    assert "broken.png" in answers[1]["error"]
    assert "missing.png" in answers[2]["error"]
    assert answers[3]["text"] == model.chat(tiny_processor, picture(1), **SHORT)


def test_pages_from_a_folder_and_a_tiff(model: Any, tiny_processor: Any, tmp_path: Path) -> None:
    for number in (10, 9, 1):
        picture(number).save(tmp_path / f"page-{number}.png")
    expected = [model.chat(tiny_processor, picture(number), **SHORT) for number in (1, 9, 10)]
    assert model.chat(tiny_processor, tmp_path, **SHORT) == expected, "natural order"
    tiff = io.BytesIO()
    picture(1).save(tiff, format="TIFF", save_all=True, append_images=[picture(9), picture(10)])
    assert model.chat(tiny_processor, tiff.getvalue(), **SHORT) == expected
    together = model.chat(tiny_processor, tmp_path, multi_page=True, **SHORT)
    assert isinstance(together, str)
    assert together == model.read(tiny_processor, [picture(n) for n in (1, 9, 10)], multi_page=True, **SHORT)[0].text


def test_render_writes_one_page_or_several_with_their_pictures(
    model: Any, tiny_processor: Any, scripted: Any, tmp_path: Path
) -> None:
    scripted("# Title", "one", "<b>two</b>")
    options = {"render": True, "save_render_file": str(tmp_path / "page.html")}
    model.chat(tiny_processor, picture(), "format", **options)
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Title</h1>" in html
    assert "data:image" not in html
    model.chat(tiny_processor, [picture(0), "missing.png", picture(1)], "format", on_error="return", **options)
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert html.count("data:image") == 2
    assert "one" in html
    assert "<b>two</b>" not in html, "what the model wrote is escaped"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ocr_type": "html"}, "ocr_type must be 'ocr'"),
        ({"ocr_box": "__import__('os')"}, "box must be 4 numbers"),
        ({"ocr_box": [1, 2, 3]}, "box must be 4 numbers"),
        ({"ocr_color": "pink"}, "color must be one of red, green, blue"),
        ({"ocr_box": [1, 2, 30, 40], "ocr_color": "red"}, "both given"),
        ({"render": True}, "needs save_render_file"),
        ({"on_error": "ignore"}, "on_error must be"),
        ({"batch_size": 0}, "at least 1, got 0"),
    ],
)
def test_wrong_arguments_get_one_clear_line(model: Any, tiny_processor: Any, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        model.chat(tiny_processor, picture(), **options)
    assert "\n" not in str(caught.value)


def test_one_box_each_must_match_the_pictures(model: Any, tiny_processor: Any) -> None:
    with pytest.raises(ValueError, match="one for each of the 2 pictures, got 3"):
        model.read(tiny_processor, [picture(), picture()], box=[[1, 2, 3, 4]] * 3)


def test_the_callers_box_stays_as_it_is(model: Any, tiny_processor: Any) -> None:
    box = [10, 20, 50, 60]
    model.chat(tiny_processor, picture(), ocr_box=box, **SHORT)
    assert box == [10, 20, 50, 60]


def test_too_many_pages_for_the_decoder_are_refused(model: Any, tiny_processor: Any) -> None:
    with pytest.raises(ValueError, match=r"512 positions: read at most \d+ pages"):
        model.chat(tiny_processor, [picture()] * 120, multi_page=True)
    answer = model.chat(tiny_processor, [picture()] * 90, multi_page=True, return_dict=True)
    assert answer["num_tokens"] < 512


def lines_picture() -> Image.Image:
    """A green frame around two of three lines of text."""
    image = Image.new("RGB", (300, 200), "white")
    draw = ImageDraw.Draw(image)
    for row, text in enumerate(["first line of text", "second line of it", "third line of all"]):
        draw.text((30, 30 + 50 * row), text, fill="black", font_size=22)
    draw.rectangle((10, 70, 290, 190), outline=(0, 255, 0), width=4)
    return image


@pytest.mark.usefixtures("untrained")
def test_a_checkpoint_for_slices_reads_slices_and_joins_them(model: Any, tiny_processor: Any, scripted: Any) -> None:
    model.config.slicing = {"rows": 1, "keep_natural": False, "text_height_px": 20.0}
    sliced_calls = scripted("first line", "of text", "second line", "of it", "third line", "of all")
    seen: list[tuple[int, GotOcrAnswer]] = []
    page = lines_picture().crop((20, 20, 280, 69))
    answers = model.read(tiny_processor, [page], on_answer=lambda index, answer: seen.append((index, answer)))
    assert len(answers) == 1
    assert answers[0].text.startswith("first line")
    assert "\n" not in answers[0].text, "one line on the page"
    assert len(answers[0].slices) == len(sliced_calls[0]["input_ids"])
    assert answers[0].num_tokens == sum(part.num_tokens for part in answers[0].slices)
    assert seen == [(0, answers[0])]
    assert sliced_calls[0]["max_new_tokens"] == 4 * model.config.image_token_len


@pytest.mark.usefixtures("untrained")
def test_a_checkpoint_for_slices_cuts_regions_out(model: Any, tiny_processor: Any, monkeypatch: Any) -> None:
    model.config.slicing = {"rows": 1}
    sizes = []

    def measure(page: Image.Image, *rest: Any, **options: Any) -> SlicedPage:
        sizes.append(page.size)
        return slice_page(BLANK, *rest, **options)

    monkeypatch.setattr("got_ocr.reading.slice_reading.slice_page", measure)
    model.chat(tiny_processor, lines_picture(), ocr_box=[20, 10, 120, 60])
    model.chat(tiny_processor, lines_picture(), ocr_color="green")
    assert sizes == [(100, 50), (273, 113)]
    with pytest.raises(ValueError, match="no red frame"):
        model.chat(tiny_processor, lines_picture(), ocr_color="red")
    empty = model.chat(tiny_processor, BLANK, return_dict=True)
    assert (empty["text"], empty["finish_reason"], empty["mean_probability"]) == ("", "stop", None)


def test_a_line_with_an_uncertain_token_is_marked(model: Any, tiny_processor: Any, scripted: Any) -> None:
    scripted("ab\ncdef\n\n gh")
    (answer,) = model.read(tiny_processor, [picture()])
    assert [line.text for line in answer.lines] == ["ab", "cdef", "gh"]
    # The script's certainty rises from 1/2, token by token.
    certain = torch.arange(12.0).sigmoid()
    assert [line.min_probability for line in answer.lines] == pytest.approx(certain[[0, 3, 9]].tolist(), rel=1e-5)
    assert answer.lines[1].mean_probability == pytest.approx(certain[3:8].log().mean().exp().item())
    assert [line.box for line in answer.lines] == [None] * 3
    (doubtful,) = lines_of_tokens([65], [math.log(0.69)], lambda tokens: "".join(map(chr, tokens)))
    (certain_line,) = lines_of_tokens([65], [math.log(0.71)], lambda tokens: "".join(map(chr, tokens)))
    assert (doubtful.is_low_confidence, certain_line.is_low_confidence) == (True, False)


@pytest.mark.usefixtures("untrained")
def test_lines_of_a_sliced_page_have_boxes_in_the_picture_and_their_pieces_certainty(
    model: Any, tiny_processor: Any, scripted: Any
) -> None:
    model.config.slicing = {"rows": 1, "keep_natural": False, "min_text_height_px": 8, "text_height_px": 12}
    page = lines_picture()
    whole = model.read(tiny_processor, [page], max_new_tokens=1)[0]
    scripted(*[f"w{number}" for number in range(len(whole.slices))])
    (answer,) = model.read(tiny_processor, [page], batch_size=1)
    assert " ".join(line.text for line in answer.lines).split() == [f"w{n}" for n in range(len(whole.slices))]
    assert answer.text.split("\n") == [line.text for line in answer.lines] or "\n\n" in answer.text
    ink = np.asarray(page.convert("L")) < 128
    for line in answer.lines:
        x1, y1, x2, y2 = line.box
        assert 0 <= x1 < x2 <= page.width and 0 <= y1 < y2 <= page.height
        assert ink[y1:y2, x1:x2].any()
    slices = iter(answer.slices)
    for line in answer.lines:
        own = [next(slices) for _ in line.text.split()]
        assert line.min_probability == pytest.approx(min(part.min_probability for part in own), rel=1e-5)
    scripted(*["x"] * len(whole.slices))
    (moved,) = model.read(tiny_processor, [page], box=[20, 10, 273, 113], batch_size=1)
    assert all(line.box[0] >= 20 and line.box[1] >= 10 for line in moved.lines)


@pytest.mark.usefixtures("untrained")
@pytest.mark.parametrize(("slicing", "word"), [({"rows": 1, "keep_natural": False}, "Issue"), (None, "lssue")])
def test_letters_are_settled_for_small_models_alone(
    model: Any, tiny_processor: Any, scripted: Any, slicing: dict[str, Any] | None, word: str
) -> None:
    """A full model may well read Polish, where a word begins with `lg`."""
    model.config.slicing = slicing
    page = Image.new("RGB", (200, 60), "white")
    ImageDraw.Draw(page).text((10, 20), "Issue", "black", font=ImageFont.load_default(20))
    scripted(*["lssue"] * 8)
    (answer,) = model.read(tiny_processor, [page], slice_pages=True)
    assert set(answer.text.split()) == {word} == {part for line in answer.lines for part in line.text.split()}


@pytest.mark.usefixtures("untrained")
def test_a_sliced_page_streams_its_lines_as_they_are_done(model: Any, tiny_processor: Any, scripted: Any) -> None:
    model.config.slicing = {"rows": 1, "keep_natural": False, "text_height_px": 20.0}
    page = Image.new("RGB", (300, 700), "white")
    for row in range(12):
        ImageDraw.Draw(page).text((30, 20 + 50 * row), f"line {row} of it all", fill="black", font_size=22)
    count = len(model.read(tiny_processor, [page], max_new_tokens=1)[0].slices)
    scripted(*[f"w{number}" for number in range(count)])
    pieces: list[str] = []
    (answer,) = model.read(tiny_processor, [page], on_text=pieces.append, batch_size=1)
    assert len(pieces) > 1
    assert "".join(pieces) == answer.text
    assert 0 < len(pieces[0].split()) <= 8
    assert "".join(pieces).split() == [f"w{number}" for number in range(count)]


@pytest.mark.usefixtures("untrained")
def test_format_mode_of_a_sliced_page_writes_paragraphs_and_streams_them(
    model: Any, tiny_processor: Any, scripted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"rows": 1, "keep_natural": False, "text_height_px": 20.0}
    model.config.slicing = options
    page = Image.new("RGB", (300, 700), "white")
    for row in range(12):
        y = 20 + 34 * row + 60 * (row // 3)
        ImageDraw.Draw(page).text((30, y), f"line {row} of it all", fill="black", font_size=22)
    count = len(model.read(tiny_processor, [page], max_new_tokens=1)[0].slices)
    words = [f"w{number}" for number in range(count)]
    monkeypatch.setattr("got_ocr.reading.formulas.PLAIN_SLICE", 0.0)  # nothing is read a second time for formulas
    scripted(*words)
    pieces: list[str] = []
    (answer,) = model.read(tiny_processor, [page], ocr_type="format", on_text=pieces.append, batch_size=1)
    assert [len(part.split()) for part in answer.text.split("\n\n")] == [count // 4] * 4
    assert len(pieces) > 1
    assert "".join(pieces) == answer.text
    assert answer.text.split() == " ".join(line.text for line in answer.lines).split() == words
    scripted(*words)
    (plain,) = model.read(tiny_processor, [page], batch_size=1)
    assert [line.text for line in plain.lines] == [line.text for line in answer.lines]
    model.config.slicing = None
    scripted(*words)
    (sliced,) = model.read(tiny_processor, [page], ocr_type="format", slice_pages=True, max_new_tokens=1)
    assert len(sliced.lines) <= 1 or "\n" in sliced.text, "not made for slices: joined as plain text"


@pytest.mark.usefixtures("untrained")
def test_a_sliced_page_read_by_guessing_has_no_text(
    model: Any, tiny_processor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model.config.slicing = {"rows": 1, "keep_natural": False, "text_height_px": 20.0}
    guess = {"finish_reason": "stop", "num_tokens": 4}
    pieces: list[str] = []
    for certainty, text in ((0.45, ""), (0.7, "noise")):  # of a crop as low as a line more is believed than of a page
        answer = GotOcrAnswer("noise", mean_probability=certainty, min_probability=0.1, **guess)
        monkeypatch.setattr(
            AnswerGenerator, "generate", lambda _, inputs, *__, one=answer: [one] * len(inputs["input_ids"])
        )
        (read,) = model.read(
            tiny_processor, [lines_picture().crop((20, 20, 280, 69))], on_text=pieces.append, batch_size=1
        )
        assert set(read.text.split()) == set(text.split())
        assert bool("".join(pieces)) == bool(text)
        assert read.slices, "what was guessed can still be looked at"


@pytest.mark.usefixtures("untrained")
def test_slices_of_several_heights_are_read_by_height_and_answered_in_order(
    tiny_config: Any, tiny_processor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = tiny_config.to_dict()
    fields["vision_config"] |= {"use_rel_pos": False, "window_size": 4, "patch_size": 8}
    fields |= {"image_token_len": None, "slicing": {"rows": 1, "keep_natural": False, "canvas_heights_px": [32, 96]}}
    torch.manual_seed(0)
    low_model = GotOcrForConditionalGeneration(GotOcrConfig(**fields)).eval()
    with torch.no_grad():
        for parameter in low_model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    processor = GotOcrProcessor(tiny_processor.image_processor, tiny_processor.tokenizer, image_token_len=16)
    canvases = [picture(seed, width=128, height=(96, 32, 128, 32, 96)[seed % 5]) for seed in range(10)]
    pieces = [Piece(number, number, False, (0, 0, 9, 9), (0, 0, 9, 9)) for number in range(10)]
    layout = PageLayout(tuple(Line(piece.box) for piece in pieces), (9, 9))
    cut = SlicedPage(canvases, pieces, layout, False, SlicingOptions())
    monkeypatch.setattr("got_ocr.reading.slice_reading.slice_page", lambda *_, **__: cut)
    monkeypatch.setattr("got_ocr.reading.slice_reading.DOUBTFUL_PAGE", 0.0)
    shapes: list[tuple[int, ...]] = []
    plain = AnswerGenerator.generate

    def generate(own: AnswerGenerator, inputs: Any, generation: Generation) -> list[GotOcrAnswer]:
        shapes.append((*inputs["pixel_values"].shape, int((inputs["input_ids"][0] == processor.image_token_id).sum())))
        return plain(own, inputs, generation)

    monkeypatch.setattr(AnswerGenerator, "generate", generate)
    (together,) = low_model.read(processor, [BLANK], max_new_tokens=8)
    assert shapes == [(4, 3, 32, 128, 4), (4, 3, 96, 128, 12), (2, 3, 128, 128, 16)]
    assert len(together.slices) == 10
    for canvas, answer in zip(canvases, together.slices, strict=True):
        (alone,) = plain(AnswerGenerator(low_model, processor), processor(canvas, low_canvases=True), Generation(8))
        assert (answer.text, answer.num_tokens) == (alone.text, alone.num_tokens)
        assert answer.mean_probability == pytest.approx(alone.mean_probability, rel=1e-4)
    assert len({answer.text for answer in together.slices}) > 1, "they can be told apart"
    pieces_given: list[str] = []
    (streamed,) = low_model.read(processor, [BLANK], max_new_tokens=8, on_text=pieces_given.append)
    assert "".join(pieces_given) == streamed.text == together.text
