"""An OCR engine of docling's standard pipeline: scanned parts of pages become cells with text, place and confidence.

docling lays pages out and tells tables by its own models; this reads what it asks for, line by line:

    options = PdfPipelineOptions(allow_external_plugins=True, ocr_options=GotOcrOptions(model="nano"))

The preset `got_ocr` of docling's other pipeline (VlmPipeline) needs no plugin: there GOT answers with a whole page.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, cast

from docling.datamodel.accelerator_options import AcceleratorOptions
from docling.datamodel.base_models import Page
from docling.datamodel.document import ConversionResult
from docling.datamodel.pipeline_options import OcrOptions
from docling.models.base_ocr_model import BaseOcrModel
from docling.utils.profiling import TimeRecorder
from docling_core.types.doc import BoundingBox, CoordOrigin
from docling_core.types.doc.page import BoundingRectangle, TextCell

from ..reading.answer import GotOcrAnswer, GotOcrLine

SCALE = 200 / 72  # of docling's points, 72 an inch, to the 200 dpi that PDFs are read at


class GotOcrOptions(OcrOptions):
    """Options of the engine.

    Attributes:
        lang: Kept for docling's interface; GOT is not told a language.
        model: A folder, a Hub id, `nano` or `full`, as `got-ocr --model` takes it.
        least_confidence: Lines of less are left out.
    """

    kind: ClassVar[Literal["got_ocr"]] = "got_ocr"
    lang: list[str] = ["en"]
    model: str = "nano"
    least_confidence: float = 0.0


class GotOcrDoclingModel(BaseOcrModel):
    """Reads what docling asks for; made by docling."""

    def __init__(
        self,
        enabled: bool,
        artifacts_path: Path | None,
        options: GotOcrOptions,
        accelerator_options: AcceleratorOptions,
    ) -> None:
        super().__init__(
            enabled=enabled, artifacts_path=artifacts_path, options=options, accelerator_options=accelerator_options
        )
        self.options: GotOcrOptions
        if enabled:
            device = accelerator_options.device  # a name, or one of docling's own
            self._read = _load(options.model, str(getattr(device, "value", device)))

    def __call__(self, conv_res: ConversionResult, page_batch: Iterable[Page]) -> Iterator[Page]:
        """Read the parts of pages that have no text. Yields: the pages, with cells."""
        for page in page_batch:
            backend = page._backend
            if self.enabled and backend is not None and backend.is_valid():
                with TimeRecorder(conv_res, "ocr"):
                    parts = [part for part in self.get_ocr_rects(page) if part.area() > 0]
                    cells: list[TextCell] = []
                    for part in parts:
                        with backend.get_page_image(scale=SCALE, cropbox=part) as picture:
                            answer = self._read(picture.convert("RGB"))
                        cells += make_cells(answer, (part.l, part.t), len(cells), self.options.least_confidence)
                    self.post_process_cells(cells, page, conv_res)
            yield page

    @classmethod
    def get_options_type(cls) -> type[OcrOptions]:
        """Tell which options are this engine's."""
        return GotOcrOptions


def _load(name: str, device: str) -> Callable[[Any], GotOcrAnswer]:
    """Load a model. Returns: a function from a picture to its answer."""
    from ..hub.model_choice import choose_model, load_model_for
    from ..processing.mode import Mode

    model, processor = load_model_for(choose_model(name), Mode(), device, show_downloads=False)

    def read(picture: Any) -> GotOcrAnswer:
        (answer,) = model.read(processor, [picture])
        return cast(GotOcrAnswer, answer)

    return read


def make_cells(
    answer: GotOcrAnswer, origin: tuple[float, float], first: int = 0, least_confidence: float = 0.0
) -> list[TextCell]:
    """Make docling's cells of an answer's lines.

    Args:
        answer: What was read, of a picture at SCALE.
        origin: Where the picture's upper left corner stands on the page, in points.
        first: Number of the first cell.
        least_confidence: Lines of less are left out.

    Returns:
        A cell a line. A line whose place isn't known has that of the line before it, so that its text stays in order.
    """
    cells: list[TextCell] = []
    place: tuple[int, int, int, int] | None = next((line.box for line in answer.lines if line.box is not None), None)
    for line in _sure(answer.lines, least_confidence):
        place = line.box or place
        if place is None:
            continue
        left, top, right, bottom = (edge / SCALE for edge in place)
        box = (left + origin[0], top + origin[1], right + origin[0], bottom + origin[1])
        cells.append(
            TextCell(
                index=first + len(cells),
                text=line.text,
                orig=line.text,
                from_ocr=True,
                confidence=line.confidence,
                rect=BoundingRectangle.from_bounding_box(BoundingBox.from_tuple(box, origin=CoordOrigin.TOPLEFT)),
            )
        )
    return cells


def _sure(lines: Sequence[GotOcrLine], least: float) -> Iterator[GotOcrLine]:
    for line in lines:
        if line.text.strip() and line.confidence >= least:
            yield line
