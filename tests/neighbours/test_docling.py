"""docling's preset `got_ocr`, by docling's own engine and pipeline, reads with our classes."""

import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("docling", reason="docling is not installed: make test-neighbours runs this")

from docling.datamodel.accelerator_options import AcceleratorDevice, AcceleratorOptions
from docling.datamodel.base_models import ConversionStatus, DocumentStream, InputFormat
from docling.datamodel.pipeline_options import VlmConvertOptions, VlmPipelineOptions
from docling.datamodel.vlm_engine_options import VlmEngineType
from docling.document_converter import DocumentConverter, ImageFormatOption
from docling.models.stages.vlm_convert.vlm_convert_model import VlmConvertModel
from docling.pipeline.vlm_pipeline import VlmPipeline

from got_ocr import BUILTIN_CHECKPOINT, GotOcrForConditionalGeneration
from tests.serving.conftest import as_png, draw_page
from tests.support.folders import write_folder

ON_CPU = AcceleratorOptions(num_threads=1, device=AcceleratorDevice.CPU)
# docling leaves the stop string in the text by default.
END = "<|im_end|>"


def artifacts(checkpoint: Path, place: Path) -> Path:
    """A folder of models as docling has them, with a checkpoint as the one that the preset names."""
    name = VlmConvertOptions.from_preset("got_ocr").model_spec.default_repo_id.replace("/", "--")
    shutil.copytree(checkpoint, place / name)
    return place


def test_the_preset_reads_with_the_built_in_checkpoint(tmp_path: Path) -> None:
    model = VlmConvertModel(
        True, False, artifacts(BUILTIN_CHECKPOINT, tmp_path), VlmConvertOptions.from_preset("got_ocr"), ON_CPU
    )
    assert isinstance(model.engine.vlm_model, GotOcrForConditionalGeneration)
    pages = [draw_page((text,), (190, 190)) for text in ("one two", "three")]
    assert [one.text.removesuffix(END) for one in model.process_images(pages, "")] == ["one two", "three"]


def test_the_whole_pipeline_makes_a_document(tmp_path: Path) -> None:
    options = VlmConvertOptions.from_preset("got_ocr")
    options.model_spec.engine_overrides[VlmEngineType.TRANSFORMERS].extra_config["transformers_strip_stop_strings"] = (
        True
    )
    pipeline = VlmPipelineOptions(
        vlm_options=options, artifacts_path=artifacts(BUILTIN_CHECKPOINT, tmp_path), accelerator_options=ON_CPU
    )
    converter = DocumentConverter(
        format_options={InputFormat.IMAGE: ImageFormatOption(pipeline_cls=VlmPipeline, pipeline_options=pipeline)}
    )
    page = as_png(draw_page(("one two",), (190, 190)))
    result = converter.convert(DocumentStream(name="page.png", stream=io.BytesIO(page)))
    assert result.status == ConversionStatus.SUCCESS
    assert result.document.export_to_markdown().strip() == "one two"


def test_a_folder_of_the_original_layout(tiny_model: Any, nano_vocabulary: Path, tmp_path: Path) -> None:
    folder = write_folder("got", tiny_model, nano_vocabulary, tmp_path / "tiny")
    tiny_model.generation_config.save_pretrained(folder)
    options = VlmConvertOptions.from_preset("got_ocr")
    options.model_spec.max_new_tokens = 12
    model = VlmConvertModel(True, False, artifacts(folder, tmp_path / "artifacts"), options, ON_CPU)
    ours = model.engine.vlm_model
    assert isinstance(ours, GotOcrForConditionalGeneration)
    noise = np.random.default_rng(0).integers(0, 255, (2, 128, 128, 3), dtype=np.uint8)
    pages = [Image.fromarray(pixels) for pixels in noise]
    expected = ours.read(model.engine.processor, pages, ocr_type="format", max_new_tokens=12)
    texts = [one.text.removesuffix(END) for one in model.process_images(pages, "")]
    assert [text.strip() for text in texts] == [answer.text for answer in expected]
