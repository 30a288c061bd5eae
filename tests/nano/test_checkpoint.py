"""The shipped checkpoint: small, whole, and it reads."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFont

from got_ocr.evaluation.distances import edit_distance
from got_ocr.modeling.generation import RepetitionStop
from got_ocr.nano.batches import Vocabulary
from got_ocr.processing.processor import GotOcrProcessor
from got_ocr.reading.decoding import AnswerGenerator, Generation
from got_ocr.reading.model import GotOcrForConditionalGeneration
from tests.support.packaged_fonts import FONT_FOLDER

FOLDER = Path(__file__).parents[2] / "got_ocr" / "assets" / "nano"
LINES = ("Reading is simple", "the seventh of May", "with a quiet mind", "and a warm kettle")


@pytest.fixture(scope="module")
def model() -> GotOcrForConditionalGeneration:
    return GotOcrForConditionalGeneration.from_pretrained(FOLDER).eval()


@pytest.fixture(scope="module")
def processor() -> GotOcrProcessor:
    return GotOcrProcessor.from_pretrained(FOLDER)


def line_picture(text: str) -> Image.Image:
    image = Image.new("RGB", (192, 192), "white")
    font = ImageFont.truetype(str(FONT_FOLDER / "DejaVuSans.ttf"), 19)
    ImageDraw.Draw(image).text((8, 25), text, "black", font, anchor="ls")
    return image


def test_folder_is_under_15_megabytes_and_complete() -> None:
    sizes = {path.name: path.stat().st_size for path in FOLDER.iterdir()}
    assert sum(sizes.values()) < 15e6
    needed = {"config.json", "model.safetensors", "generation_config.json", "qwen.tiktoken", "tokenizer_config.json"}
    assert needed | {"preprocessor_config.json", "processor_config.json", "README.md"} <= sizes.keys()


def test_sizes_of_vocabulary_and_model_agree(model: GotOcrForConditionalGeneration) -> None:
    vocabulary = Vocabulary(FOLDER / "qwen.tiktoken")
    assert model.config.vocab_size == vocabulary.size
    special = [model.config.im_start_token, model.config.im_end_token, model.config.im_patch_token]
    assert special == [vocabulary.special[token] for token in ("<img>", "</img>", "<imgpad>")]
    assert model.config.turn_end_token_id == vocabulary.end_id
    assert json.loads((FOLDER / "generation_config.json").read_text())["eos_token_id"] == [
        vocabulary.special["<|endoftext|>"],
        vocabulary.end_id,
    ]


def test_it_reads_clean_lines_with_few_errors(
    model: GotOcrForConditionalGeneration, processor: GotOcrProcessor
) -> None:
    answers = model.chat(processor, [line_picture(text) for text in LINES])
    errors = sum(edit_distance(text, answer) for text, answer in zip(LINES, answers, strict=True))
    assert errors <= 0.05 * sum(map(len, LINES)), answers


def test_a_batch_that_goes_on_with_fewer_rows_gives_the_tokens_of_generate(
    model: GotOcrForConditionalGeneration, processor: GotOcrProcessor, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ("a", "We", "May", "over and", "a kettle", "with a quiet mind")
    inputs = processor([line_picture(text) for text in texts], return_tensors="pt")
    prompt_length = inputs["input_ids"].shape[1]
    expected = model.generate(**inputs, do_sample=False, max_new_tokens=40)[:, prompt_length:].tolist()
    plain = model.generate
    rows: list[int] = []

    def generate(**options: Any) -> Any:
        rows.append(len(options["input_ids"]))
        assert options["cache"].get_seq_length() > 0, "the prompt before the picture is computed once"
        return plain(**options)

    monkeypatch.setattr(model, "generate", generate)
    generator = AnswerGenerator(model, processor)
    found, log_probabilities = generator._generate_rows(inputs, Generation(40), RepetitionStop(prompt_length))
    assert rows[0] == len(texts) and rows == sorted(rows, reverse=True) and len(rows) > 1
    stops = set(model.config.stop_token_ids)
    for mine, theirs, logs in zip(found, expected, log_probabilities, strict=True):
        assert len(mine) == len(logs)
        end = next(place for place, token in enumerate(theirs) if token in stops)
        assert mine[: end + 1] == theirs[: end + 1]
        assert stops.issuperset(mine[end:]), "then only padding"


def test_a_row_that_is_cut_among_those_left_has_the_tokens_of_generate(
    model: GotOcrForConditionalGeneration, processor: GotOcrProcessor
) -> None:
    inputs = processor([line_picture(text) for text in ("a", "We", "with a quiet mind")], return_tensors="pt")
    answers = AnswerGenerator(model, processor).generate(inputs, Generation(max_new_tokens=8))
    assert [answer.finish_reason for answer in answers] == ["stop", "stop", "length"]
    assert answers[2].num_tokens == 8 and answers[2].text == "with a q"


def test_it_reads_low_canvases_with_beams_too(
    model: GotOcrForConditionalGeneration, processor: GotOcrProcessor
) -> None:
    heights = model.config.slicing["canvas_heights_px"]
    assert heights and set(heights) < set(model.config.vision_config.input_heights)
    training = json.loads((FOLDER.parents[2] / "configuration" / "nano" / "training.json").read_text())
    assert training["slicing"] == model.config.slicing
    low = [line_picture(text).crop((0, 0, 192, heights[0])) for text in LINES]
    inputs = processor(low, low_canvases=True)
    assert (inputs["input_ids"] == processor.image_token_id).sum(1).tolist() == [12] * len(LINES)
    new = model.generate(**inputs, num_beams=2, do_sample=False, max_new_tokens=30)[:, inputs["input_ids"].shape[1] :]
    answers = processor.batch_decode(new, skip_special_tokens=True)
    errors = sum(edit_distance(text, answer.strip()) for text, answer in zip(LINES, answers, strict=True))
    assert errors <= 0.05 * sum(map(len, LINES)), answers
