"""What a job is told: what decides its rows, what it skips on the way, and who does the work."""

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from ..hub.model_choice import ENGINES as MODEL_ENGINES
from ..processing.mode import Mode
from ..processing.options import SourceOptions

DEFAULT_ROWS_PER_FILE = 512  # A stop costs at most so many pages that were read and not yet written.
DEFAULT_READ_TIMEOUT_S = 600.0  # Many times what a page of 4096 tokens takes on a GPU.
ENGINES = (*MODEL_ENGINES, "vllm")
# Of the options of sources, those that change what is read; the others say how long and how much it may take.
_SOURCE_NAMES = ("dpi", "pages", "password")


@dataclass(frozen=True)
class Gates:
    """What of the pages is not sent to the model, and what is looked for on the way.

    Attributes:
        skip_blank: Whether pages without ink are not read.
        skip_duplicates: Whether a page whose pixels equal another's is not read again.
        keep_text_layer: Whether a page of a PDF with a good text layer keeps that text.
        turn: Whether a page that stands on its side is turned before it is read, for checkpoints that read whole
            pages; those that read slices turn pages by themselves.
        keep_images: Whether the picture of each page is kept with its row.
    """

    skip_blank: bool = True
    skip_duplicates: bool = False
    keep_text_layer: bool = False
    turn: bool = False
    keep_images: bool = False


@dataclass(frozen=True)
class BulkOptions:
    """What decides the rows of a job.

    Attributes:
        mode: What is read of each page.
        model: The checkpoint: folder or Hub id.
        dtype: Number format of the weights.
        max_new_tokens: Longest answer.
        engine: One of `ENGINES`.
        sources: How pages are found and loaded.
        gates: What is skipped.
        image_column: Where a table keeps its pictures.
        line_boxes: Whether lines of pages that are read whole get boxes, which takes a core part of a second a page.

    Raises:
        ValueError: If a value is not allowed.
    """

    mode: Mode
    model: str
    dtype: str = "auto"
    max_new_tokens: int = 4096
    engine: str = "auto"
    sources: SourceOptions = field(default_factory=SourceOptions)
    gates: Gates = field(default_factory=Gates)
    image_column: str = "image"
    line_boxes: bool = False

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise ValueError(f"the engine must be one of {', '.join(ENGINES)}, got {self.engine!r}.")
        if self.mode.multi_page:
            raise ValueError("bulk reads page by page: leave out --multi-page.")

    def describe(self) -> dict[str, Any]:
        """Give what changes the rows, as JSON can write it."""
        mode = {one.name: getattr(self.mode, one.name) for one in fields(self.mode)}
        sources = {name: getattr(self.sources, name) for name in _SOURCE_NAMES}
        sources["password"] = sources["password"] is not None  # That there is one; not which.
        return {
            "mode": {**mode, "box": None if mode["box"] is None else list(mode["box"])},
            "dtype": self.dtype,
            "max_new_tokens": self.max_new_tokens,
            "engine": self.engine,
            "sources": {**sources, "pages": None if sources["pages"] is None else [list(p) for p in sources["pages"]]},
            "gates": asdict(self.gates),
            **({"line_boxes": True} if self.line_boxes else {}),
        }


@dataclass(frozen=True)
class Workers:
    """Who does the work.

    Attributes:
        count: Workers that read; each holds the model.
        address: Ray cluster to join, such as `auto`; None starts one on this machine.
        gpus: GPUs of each worker; may be a fraction.
        cpus: Cores of each worker.
        renderers: Most tasks that draw pages at one time.
        device: Where each worker reads: `auto`, `cpu`, `cuda`.
        batch_size: Pages read at once; None chooses.
        rows_per_file: Rows of an output file, but for the last.
        read_timeout_s: Seconds that the model may take over a page.
        poison_after: On how many deaths of a worker over it a page is set aside.
        object_store_bytes: Memory for pages on their way, of a cluster that is started here; None: Ray's choice.
        show_dashboard: Whether a cluster that is started here has Ray's dashboard.

    Raises:
        ValueError: If a value is not allowed.
    """

    count: int = 1
    address: str | None = None
    gpus: float = 0.0
    cpus: float = 1.0
    renderers: int = 1
    device: str = "auto"
    batch_size: int | None = None
    rows_per_file: int = DEFAULT_ROWS_PER_FILE
    read_timeout_s: float = DEFAULT_READ_TIMEOUT_S
    poison_after: int = 2
    object_store_bytes: int | None = None
    show_dashboard: bool = True

    def __post_init__(self) -> None:
        for name in ("count", "renderers", "rows_per_file", "poison_after"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}.")
        if self.gpus < 0 or self.cpus < 0 or self.read_timeout_s <= 0:
            raise ValueError("GPUs and cores must not be negative, and the time for a page must be above 0.")


@dataclass(frozen=True)
class Outputs:
    """What is written besides the Parquet files.

    Attributes:
        jsonl: Whether each Parquet file gets a file of JSON lines.
        documents: Whether pages are also joined to documents as Dolma has them.
        sheet: How many of the least certain pages go onto the HTML sheet.
        price_per_hour: What all machines cost together an hour; None: not known.
        currency: What that is in.
    """

    jsonl: bool = False
    documents: bool = False
    sheet: int = 0
    price_per_hour: float | None = None
    currency: str = "$"
