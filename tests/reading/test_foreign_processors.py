"""Whatever a folder's own files name, every call reads with it: layout x Auto class x mode."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import transformers
from PIL import Image
from transformers import AutoModel, AutoProcessor, AutoTokenizer, pipeline

from got_ocr import GotOcrProcessor
from got_ocr.processing.adapting import adapt_processor
from got_ocr.processing.mode import Mode
from tests.support.folders import FOLDERS, write_folder

SHORT = {"max_new_tokens": 5}
MODES: list[dict[str, Any]] = [
    {},
    {"ocr_type": "format"},
    {"box": [10, 10, 100, 60]},
    {"color": "red", "ocr_type": "format"},
    {"crop": True, "max_tiles": 2},
    {"multi_page": True},
    {"slice_pages": True},
    {"instruction": "Chart to table"},
]
MODEL_CLASSES = [
    name
    for name in (
        "AutoModel",
        "AutoModelForCausalLM",
        "AutoModelForImageTextToText",
        "AutoModelForMultimodalLM",
        "AutoModelForVision2Seq",
    )
    if hasattr(transformers, name)
]


@pytest.fixture(scope="module")
def page() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (120, 300, 3), dtype=np.uint8))


@pytest.fixture(scope="module", params=FOLDERS)
def folder(request: Any, tiny_model: Any, nano_vocabulary: Path, tiny_checkpoint: Path, tmp_path_factory: Any) -> Path:
    path = tmp_path_factory.mktemp("folders") / request.param
    return write_folder(request.param, tiny_model, nano_vocabulary, path, tiny_checkpoint)


@pytest.mark.parametrize("options", MODES, ids=str)
@pytest.mark.parametrize("auto_class", [AutoProcessor, AutoTokenizer, GotOcrProcessor])
def test_chat_read_and_stream_take_what_the_folder_names(
    folder: Path, auto_class: Any, options: dict, tiny_model: Any, tiny_processor: Any, page: Image.Image
) -> None:
    given = auto_class.from_pretrained(folder)
    expected = tiny_model.read(tiny_processor, page, mode=Mode.from_options(**options), **SHORT)[0].text

    assert tiny_model.read(given, page, **options, **SHORT)[0].text == expected
    streamed = "".join(tiny_model.chat_stream(given, page, **options, **SHORT))
    assert streamed.strip() == expected
    if not options.get("crop"):
        assert tiny_model.chat(given, page, **_published(options), **SHORT) == expected
    else:
        assert tiny_model.chat_crop(given, page, max_tiles=2, **SHORT) == expected


def _published(options: dict) -> dict:
    return {{"box": "ocr_box", "color": "ocr_color"}.get(name, name): value for name, value in options.items()}


@pytest.mark.parametrize("options", MODES, ids=str)
def test_pipelines_read_in_every_mode(
    folder: Path, options: dict, tiny_model: Any, tiny_processor: Any, page: Image.Image
) -> None:
    read = pipeline("image-text-to-text", model=str(folder))
    expected = tiny_model.read(tiny_processor, page, mode=Mode.from_options(**options), **SHORT)[0].text
    assert read(page, **options, **SHORT) == [{"generated_text": expected}]


@pytest.mark.parametrize("name", MODEL_CLASSES)
def test_every_auto_class_builds_a_model_that_reads(
    folder: Path, name: str, tiny_model: Any, tiny_processor: Any, page: Image.Image
) -> None:
    model = getattr(transformers, name).from_pretrained(folder)
    processor = AutoProcessor.from_pretrained(folder)
    expected = tiny_model.chat(tiny_processor, page, "format", **SHORT)
    assert model.chat(processor, page, "format", **SHORT) == expected


def test_what_is_no_processor_is_refused_in_one_line(tiny_model: Any, tiny_processor: Any, page: Image.Image) -> None:
    for wrong, message in (
        ("some/folder", r"got the name 'some/folder': give what AutoProcessor.from_pretrained\(FOLDER\)"),
        (None, "got NoneType, which has no tokenizer"),
        (tiny_processor.image_processor, "got GotOcrImageProcessor, which has no tokenizer"),
    ):
        with pytest.raises(TypeError, match=message):
            tiny_model.chat(wrong, page)


def test_a_processor_of_another_checkpoint_is_refused(tiny_model: Any, tiny_processor: Any) -> None:
    small = GotOcrProcessor(tiny_processor.image_processor, tiny_processor.tokenizer, image_token_len=9)
    with pytest.raises(ValueError, match="another checkpoint: image_token_len is 9, the model's is 4"):
        adapt_processor(small, tiny_model.config)
    config = type(tiny_model.config).from_dict({**tiny_model.config.to_dict(), "im_patch_token": 7})
    with pytest.raises(ValueError, match="the id of <imgpad> is"):
        adapt_processor(tiny_processor.tokenizer, config)


def test_a_model_of_the_folder_by_transformers_5_names(folder: Path, page: Image.Image) -> None:
    model, tokenizer = AutoModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    assert isinstance(model.chat(tokenizer, page, **SHORT), str)
