"""PP-Chart2Table: the port's layout under a model type of its own, asked for one thing."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from transformers import AutoModel, AutoProcessor, AutoTokenizer, pipeline

from got_ocr import GotOcrConfig, GotOcrForConditionalGeneration, GotOcrProcessor
from tests.support.folders import write_folder

PAGE = Image.radial_gradient("L").convert("RGB")
SHORT = {"max_new_tokens": 5}


@pytest.fixture
def chart_folder(tiny_model: Any, nano_vocabulary: Path, tmp_path: Path) -> Path:
    folder = write_folder("transformers", tiny_model, nano_vocabulary, tmp_path / "chart")
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"model_type": "pp_chart2table"}))
    (folder / "processor_config.json").write_text('{"processor_class": "PPChart2TableProcessor"}')
    path = folder / "preprocessor_config.json"
    options = {"image_processor_type": "PPChart2TableImageProcessor", "processor_class": "PPChart2TableProcessor"}
    path.write_text(json.dumps(json.loads(path.read_text()) | options))
    return folder


def asked(processor: Any, inputs: Any) -> str:
    return processor.tokenizer.decode(inputs["input_ids"][0]).split("</img>\n")[1].split("<|im_end|>")[0]


def test_it_is_asked_for_a_table_by_default(chart_folder: Path, tiny_model: Any, tiny_processor: Any) -> None:
    model = AutoModel.from_pretrained(chart_folder)
    assert type(model) is GotOcrForConditionalGeneration
    assert model.config.default_instruction == "Chart to table"
    expected = tiny_model.chat(tiny_processor, PAGE, instruction="Chart to table", **SHORT)
    for given in (AutoProcessor.from_pretrained(chart_folder), AutoTokenizer.from_pretrained(chart_folder)):
        assert model.chat(given, PAGE, **SHORT) == expected
    assert pipeline("image-text-to-text", model=str(chart_folder))(PAGE, **SHORT)[0]["generated_text"] == expected


def test_it_may_be_asked_for_something_else(chart_folder: Path) -> None:
    processor = GotOcrProcessor.from_pretrained(chart_folder)
    assert asked(processor, processor(PAGE)) == "Chart to table"
    assert asked(processor, processor(PAGE, instruction="OCR: ")) == "OCR: "
    message = [{"role": "user", "content": [{"type": "image", "image": PAGE}]}]
    options = {"tokenize": True, "return_dict": True, "return_tensors": "pt", "add_generation_prompt": True}
    assert asked(processor, processor.apply_chat_template(message, **options)) == "Chart to table"
    assert asked(processor, processor.apply_chat_template(message, instruction="Hm?", **options)) == "Hm?"


def test_the_default_is_saved(chart_folder: Path, tmp_path: Path) -> None:
    model, processor = AutoModel.from_pretrained(chart_folder), GotOcrProcessor.from_pretrained(chart_folder)
    model.save_pretrained(tmp_path / "saved")
    processor.save_pretrained(tmp_path / "saved")
    again = GotOcrProcessor.from_pretrained(tmp_path / "saved")
    assert asked(again, again(PAGE)) == "Chart to table"
    assert GotOcrConfig.from_pretrained(tmp_path / "saved").default_instruction == "Chart to table"


@pytest.mark.parametrize("name", ["model_state.pdparams", "inference.pdiparams"])
def test_weights_of_paddle_alone_get_one_clear_line(chart_folder: Path, name: str) -> None:
    (chart_folder / "model.safetensors").unlink()
    (chart_folder / name).write_bytes(b"x")
    with pytest.raises(OSError, match=rf"weights of PaddlePaddle \({name}\).*PP-Chart2Table_safetensors") as caught:
        AutoModel.from_pretrained(chart_folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["model_state.pdparams", "inference.pdiparams"])
def test_a_repository_with_weights_of_paddle_alone_gets_the_same_line(
    chart_folder: Path, tmp_path: Path, name: str
) -> None:
    """As it lies in the Hub's cache."""
    repository = tmp_path / "models--org--chart"
    snapshot = repository / "snapshots" / ("0" * 40)
    snapshot.parent.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0" * 40)
    (chart_folder / "model.safetensors").unlink()
    chart_folder.rename(snapshot)
    (snapshot / name).write_bytes(b"x")
    where = {"cache_dir": tmp_path, "local_files_only": True}
    with pytest.raises(OSError, match=rf"org/chart holds weights of PaddlePaddle \({name}\)") as caught:
        GotOcrForConditionalGeneration.from_pretrained("org/chart", **where)
    assert "\n" not in str(caught.value)
    (snapshot / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(Exception) as other:  # noqa: PT011 - whatever transformers says of that file
        GotOcrForConditionalGeneration.from_pretrained("org/chart", **where)
    assert "PaddlePaddle" not in str(other.value)
