import json

import numpy as np
import pytest
import transformers.pipelines
from PIL import Image
from transformers import AutoModel, AutoTokenizer, pipeline

from got_ocr import GotOcrPipeline
from tests.support.layouts import write_checkpoint

TASKS = ("image-to-text", "image-text-to-text")
SHORT = {"max_new_tokens": 8}


@pytest.fixture(autouse=True)
def no_warnings(monkeypatch):
    # Transformers 5.23 says that image-to-text has another name now, by a record that logging can't format.
    monkeypatch.setattr(transformers.pipelines.logger, "warning_once", lambda *args: None)


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    generator = np.random.default_rng(0)
    for index in range(3):
        pixels = generator.integers(0, 255, (80 + 40 * index, 200, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.png")
    return sorted(str(path) for path in folder.iterdir())


@pytest.fixture(scope="module")
def read(tiny_checkpoint):
    return pipeline("image-text-to-text", model=str(tiny_checkpoint))


def one(text):
    return [{"generated_text": text}]


@pytest.mark.parametrize("task", TASKS)
def test_both_tasks_choose_ours_with_no_remote_code(task, tiny_checkpoint, tiny_model, tiny_processor, pages):
    read = pipeline(task, model=str(tiny_checkpoint), device="cpu")

    assert type(read) is GotOcrPipeline
    assert read(pages[0], **SHORT) == one(tiny_model.chat(tiny_processor, pages[0], **SHORT))


@pytest.mark.parametrize("task", TASKS)
def test_a_folder_of_the_original_without_processor_files(task, tiny_model, nano_vocabulary, pages, tmp_path):
    folder = write_checkpoint(tiny_model, tmp_path, "got")
    (folder / "qwen.tiktoken").write_bytes(nano_vocabulary.read_bytes())
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "QWenTokenizer"}))

    assert pipeline(task, model=str(folder))(pages[0], **SHORT)[0].keys() == {"generated_text"}


def test_a_model_and_its_tokenizer(tiny_checkpoint, tiny_model, tiny_processor, pages):
    model = AutoModel.from_pretrained(tiny_checkpoint)
    tokenizer = AutoTokenizer.from_pretrained(tiny_checkpoint)

    read = pipeline("image-text-to-text", model=model, tokenizer=tokenizer, processor=tiny_processor)
    assert read(pages[0], **SHORT) == one(tiny_model.chat(tiny_processor, pages[0], **SHORT))
    assert GotOcrPipeline(model=model, tokenizer=tokenizer)(pages[0], **SHORT) == read(pages[0], **SHORT)


@pytest.mark.parametrize(
    "options",
    [{"ocr_type": "format"}, {"box": [10, 10, 100, 60]}, {"color": "red", "ocr_type": "format"}],
)
def test_modes(options, read, tiny_model, tiny_processor, pages):
    names = {"box": "ocr_box", "color": "ocr_color"}
    chat_options = {names.get(name, name): value for name, value in options.items()}

    expected = tiny_model.chat(tiny_processor, pages[0], **chat_options, **SHORT)
    assert read(pages[0], **options, **SHORT) == one(expected)


def test_crop_and_pages(read, tiny_model, tiny_processor, pages):
    assert read(pages[0], crop=True, **SHORT) == one(tiny_model.chat_crop(tiny_processor, pages[0], **SHORT))
    document = tiny_model.chat(tiny_processor, pages, ocr_type="format", multi_page=True, **SHORT)
    options = {"multi_page": True, "ocr_type": "format", **SHORT}
    assert read(pages, **options) == one(document)
    assert read([pages, pages[:2]], **options)[0] == one(document)


def test_batches_and_streams(read, tiny_model, tiny_processor, pages):
    expected = [one(text) for text in tiny_model.chat(tiny_processor, pages, **SHORT)]

    assert read(pages, batch_size=2, **SHORT) == expected
    assert read([Image.open(page) for page in pages], **SHORT) == expected
    stream = read((page for page in pages), batch_size=2, **SHORT)
    assert not isinstance(stream, list) and list(stream) == expected


def test_options_of_the_pipeline_are_defaults_of_its_calls(tiny_checkpoint, read, pages):
    formatted = pipeline(
        "image-text-to-text", model=str(tiny_checkpoint), ocr_type="format", max_new_tokens=8, batch_size=3
    )

    assert formatted(pages) == read(pages, ocr_type="format", **SHORT)
    assert formatted(pages[0], ocr_type="ocr") == read(pages[0], generate_kwargs={"max_new_tokens": 8})


def test_return_dict(read, pages):
    (answer,) = read(pages[0], return_dict=True, **SHORT)

    assert answer["finish_reason"] in ("stop", "length") and 0 < answer["mean_probability"] <= 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (({}), "Give a picture"),
        ({"images": "missing.png"}, "missing.png"),
        ({"images": "PAGE", "temprature": 2}, "Unknown pipeline options temprature: allowed are ocr_type, box"),
        ({"images": "PAGE", "ocr_type": "html"}, "ocr_type must be"),
        (
            {"images": "PAGE", "text": ["What?", "Why?"]},
            "text must be one instruction, or one for each of the 1 pictures",
        ),
    ],
)
def test_errors(call, message, read, pages):
    call = {name: pages[0] if value == "PAGE" else value for name, value in call.items()}
    with pytest.raises(ValueError, match=message):
        read(**call)


def test_text_that_is_the_modes_own(read, pages):
    assert read(pages[0], text="OCR with format:", ocr_type="format", **SHORT) == read(
        pages[0], ocr_type="format", **SHORT
    )


def test_other_models_keep_the_stock_pipeline():
    from transformers.pipelines import PIPELINE_REGISTRY
    from transformers.pipelines.image_text_to_text import ImageTextToTextPipeline

    chosen = PIPELINE_REGISTRY.supported_tasks["image-text-to-text"]["impl"]
    assert issubclass(chosen, ImageTextToTextPipeline)
