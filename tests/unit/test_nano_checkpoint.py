"""The shipped checkpoint: small, whole, and it reads."""

import json
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from got_ocr.evaluation.distances import edit_distance
from got_ocr.modeling_got_ocr import GotOcrForConditionalGeneration
from got_ocr.processing_got_ocr import GotOcrProcessor
from got_ocr.synthesis.fonts import installed_faces
from got_ocr.training.nano_batches import Vocabulary

FOLDER = Path(__file__).parents[2] / "got_ocr" / "assets" / "nano"
LINES = ("Reading is simple", "the seventh of May", "with a quiet mind", "and a warm kettle")


@pytest.fixture(scope="module")
def model() -> GotOcrForConditionalGeneration:
    return GotOcrForConditionalGeneration.from_pretrained(FOLDER).eval()


@pytest.fixture(scope="module")
def processor() -> GotOcrProcessor:
    return GotOcrProcessor.from_pretrained(FOLDER)


def line_picture(text: str) -> Image.Image:
    faces = {face.family: face for face in installed_faces() if face.style in ("Regular", "Book")}
    for family in ("DejaVu Sans", "Liberation Sans", "DejaVu Serif", "Liberation Serif"):
        if family in faces:
            image = Image.new("RGB", (192, 192), "white")
            font = ImageFont.truetype(faces[family].path, 19)
            ImageDraw.Draw(image).text((8, 25), text, "black", font, anchor="ls")
            return image
    pytest.skip("neither DejaVu nor Liberation is installed")


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
