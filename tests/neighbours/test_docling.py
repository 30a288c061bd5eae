"""docling's preset `got_ocr`, by its own engine and pipeline, reads with our classes; its plugin manager finds us."""

import io
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("docling", reason="docling is not installed: make test-neighbours runs this")

from docling.backend.image_backend import ImageDocumentBackend
from docling.datamodel.accelerator_options import AcceleratorDevice, AcceleratorOptions
from docling.datamodel.base_models import ConversionStatus, DocumentStream, InputFormat, Page
from docling.datamodel.document import ConversionResult, InputDocument
from docling.datamodel.pipeline_options import OcrMode, VlmConvertOptions, VlmPipelineOptions
from docling.datamodel.vlm_engine_options import VlmEngineType
from docling.document_converter import DocumentConverter, ImageFormatOption
from docling.models.factories import get_ocr_factory
from docling.models.stages.vlm_convert.vlm_convert_model import VlmConvertModel
from docling.pipeline.vlm_pipeline import VlmPipeline

from got_ocr import BUILTIN_CHECKPOINT, GotOcrForConditionalGeneration
from tests.serving.conftest import as_png, draw_page
from tests.support.folders import write_folder

ROOT = Path(__file__).resolve().parents[2]
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


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry point as an installed wheel declares it: this environment may hold another checkout."""
    tomllib = pytest.importorskip("tomllib", reason="Python 3.10 has no tomllib")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [f"{name} = {module}" for name, module in project["entry-points"]["docling"].items()]
    info = tmp_path / "site" / "got_ocr_here-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "entry_points.txt").write_text("\n".join(["[docling]", *lines, ""]))
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: got-ocr-here\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    get_ocr_factory.cache_clear()


def read_cells(page: bytes, **options: Any) -> tuple[Page, ConversionResult]:
    """Let docling's factory make the engine, and the engine read a picture by docling's own backend."""
    document = InputDocument(
        path_or_stream=io.BytesIO(page), format=InputFormat.IMAGE, filename="page.png", backend=ImageDocumentBackend
    )
    result = ConversionResult(input=document)
    asked = Page(page_no=1)
    asked._backend = document._backend.load_page(0)
    asked.size = asked._backend.get_size()
    factory = get_ocr_factory(allow_external_plugins=True)
    wanted = factory.create_options(kind="got_ocr", mode=OcrMode.FULL_PAGE, **options)
    engine = factory.create_instance(options=wanted, enabled=True, artifacts_path=None, accelerator_options=ON_CPU)
    (read,) = list(engine(result, [asked]))
    return read, result


@pytest.mark.usefixtures("installed")
def test_docling_finds_the_engine_and_gets_cells_in_their_places() -> None:
    with Image.open(ROOT / "examples" / "images" / "sample_page.png") as picture:
        whole = picture.convert("RGB")
    page, result = read_cells(as_png(whole))
    cells = page.cells
    assert [cell.index for cell in cells] == list(range(len(cells)))
    assert cells[0].text == "The Lamp Room" and "keeper climbed" in cells[1].text
    assert all(cell.from_ocr and 0 < cell.confidence <= 1 for cell in cells)
    # The heading's place on the page, in docling's units, is where it stands in the picture.
    assert page.size is not None
    share = whole.width / page.size.width
    box = cells[0].rect.to_bounding_box()
    assert [round(share * edge) for edge in (box.l, box.t, box.r, box.b)] == pytest.approx([100, 57, 318, 86], abs=4)
    assert result.confidence.pages[1].ocr_score > 0.8
    fewer, _ = read_cells(as_png(whole), least_confidence=0.985)
    assert 0 < len(fewer.cells) < len(cells)


def test_a_line_without_a_place_stays_with_the_one_before() -> None:
    from got_ocr.integrations.docling_engine import SCALE, make_cells
    from got_ocr.reading.answer import GotOcrAnswer, make_line

    def line(text: str, box: tuple[int, int, int, int] | None) -> Any:
        return replace(make_line(text, [-0.01]), box=box)

    lines = (line("first", None), line("second", (0, 0, 100, 20)), line("third", None), line(" ", (0, 0, 1, 1)))
    answer = GotOcrAnswer("first\nsecond\nthird", "stop", lines=lines)
    cells = make_cells(answer, (10, 20), first=5)
    assert [(cell.index, cell.text) for cell in cells] == [(5, "first"), (6, "second"), (7, "third")]
    box = cells[0].rect.to_bounding_box()
    assert (box.l, box.t, box.r) == pytest.approx((10, 20, 10 + 100 / SCALE))
    assert len({cell.rect.to_bounding_box().as_tuple() for cell in cells}) == 1
    assert make_cells(GotOcrAnswer("x", "stop", lines=(line("x", None),)), (0, 0)) == []
