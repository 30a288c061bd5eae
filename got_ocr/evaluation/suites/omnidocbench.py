r"""OmniDocBench (opendatalab/OmniDocBench): text, tables, formulas and reading order of page pictures.

The data: `OmniDocBench.json` (a list of pages with `layout_dets` and `page_info`) and a folder `images/` beside it.

A page's parts are scored as this package scores formatted pages; the official scorer first matches blocks one by one,
and draws formulas (CDM), for which it needs LaTeX and ImageMagick:

    text_block     normalised edit distance of the running text in reading order, white space made even
    table          TEDS of the page's tables, paired so as to be most similar
    display_formula   similarity of the formulas' canonical LaTeX tokens, paired likewise: stands for CDM
    reading_order  edit distance of the blocks' order
    overall        mean of 100 (1 - text_block), 100 table and 100 display_formula, as in version 1.5
"""

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..distances import normalized_edit_distance
from ..formulas import formulas_similarity
from ..reading_order import reading_order_distance
from ..samples import Sample
from ..sections import split_sections
from ..tables import tables_similarity
from .report import OVERALL, Failure, SuiteFigure, SuiteReport, mean_of_groups

DATASET_ID = "opendatalab/OmniDocBench"
DATA_FILE = "OmniDocBench.json"
IMAGE_FOLDER = "images"
# What counts as running text; headers, footers and page numbers are left out, as the official scorer does.
TEXT_KINDS = frozenset(
    {"title", "text_block", "reference", "code_txt", "code_algorithm", "list_group", "figure_caption"}
    | {"table_caption", "equation_caption", "figure_footnote", "table_footnote", "code_txt_caption"}
)
WORST_SHOWN = 20
NOTE = (
    "The running text is compared as a whole in reading order, and formulas by canonical LaTeX tokens instead of CDM: "
    "what the official scorer says of the answers' folder counts."
)
_MARKDOWN_FORMULA = re.compile(r"\$\$(.+?)\$\$", re.DOTALL)
_MARKDOWN_INLINE = re.compile(r"(?<![\\$])\$([^$\n]+?)\$")


@dataclass(frozen=True)
class PageTruth:
    """What stands on a page.

    Attributes:
        image: Name of its picture.
        blocks: Running text in reading order.
        tables: HTML.
        formulas: LaTeX of formulas of their own line.
    """

    image: str
    blocks: Sequence[str]
    tables: Sequence[str]
    formulas: Sequence[str]


class OmniDocBench:
    """The benchmark's pages.

    Args:
        data: The JSON file, or its folder.

    Attributes:
        samples: A sample a page.

    Raises:
        ValueError: If the file is not of this form, or a picture is missing; the message says where.
        FileNotFoundError: If there is no such file.
    """

    name = "omnidocbench"

    def __init__(self, data: str | Path) -> None:
        path = Path(data) / DATA_FILE if Path(data).is_dir() else Path(data)
        if not path.is_file():
            raise FileNotFoundError(
                f"{data} holds no {DATA_FILE}: hf download {DATASET_ID} --repo-type dataset --local-dir {data}"
            )
        self.pages = _read_pages(path)
        self.samples = []
        for index, page in enumerate(self.pages):
            picture = next((one for one in _places(path.parent, page.image) if one.is_file()), None)
            if picture is None:
                raise ValueError(f"{path.name}, page {index}: there is no {path.parent / IMAGE_FOLDER / page.image}.")
            self.samples.append(Sample(index, page.image, "", "", picture))

    def score(self, answers: Mapping[str, str]) -> SuiteReport:
        """Score the pages' answers.

        Args:
            answers: Markdown by the sample's `image`; pages that lack count as empty.

        Returns:
            The figures, `overall` in per cent, the others between 0 and 1 as the benchmark has them.
        """
        figures: dict[str, list[float]] = defaultdict(list)
        worst = []
        for page in self.pages:
            for name, value in score_page(page, answers.get(page.image, "")).items():
                figures[name].append(value)
                if name == "text_block":
                    worst.append((value, page.image))
        groups = {figure.name: figure for figure in mean_of_groups(figures) if figure.name != OVERALL}
        failures = [
            Failure(image, "text_block", f"edit distance {value:.3f}")
            for value, image in sorted(worst, reverse=True)[:WORST_SHOWN]
            if value > 0
        ]
        return SuiteReport(
            self.name,
            DATASET_ID,
            "text_block and reading_order: distance; the others: similarity",
            [_overall(groups), *groups.values()],
            failures,
            (NOTE,),
        )

    def write_answers(self, answers: Mapping[str, str], folder: Path) -> None:
        """Write the answers as the official scorer wants them: `NAME.md` for `NAME.png`.

        Args:
            answers: As :meth:`score` takes them.
            folder: Where to; made where it is missing.
        """
        for page in self.pages:
            target = folder / Path(page.image).with_suffix(".md")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(answers.get(page.image, ""), encoding="utf-8")


def _overall(groups: Mapping[str, SuiteFigure]) -> SuiteFigure:
    """Mean of what there is of text, tables and formulas; ends of intervals are averaged likewise (too wide)."""
    parts = []
    if "text_block" in groups:
        text = groups["text_block"]
        parts.append((1 - text.value, 1 - text.high, 1 - text.low))
    for name in ("table", "display_formula"):
        if name in groups:
            parts.append((groups[name].value, groups[name].low, groups[name].high))
    value, low, high = (100 * float(mean) for mean in np.mean(parts, axis=0)) if parts else (0.0, 0.0, 0.0)
    return SuiteFigure(OVERALL, value, low, high, max((figure.count for figure in groups.values()), default=0))


def score_page(page: PageTruth, answer: str) -> dict[str, float]:
    r"""Score one page.

    Args:
        page: What stands there.
        answer: Markdown of any flavour: `$` and `\(` formulas, HTML, LaTeX and pipe tables.

    Returns:
        The figures that the page has anything for.
    """
    sections = split_sections(_MARKDOWN_FORMULA.sub(r"\\[\1\\]", answer))
    text = _MARKDOWN_INLINE.sub(r"\1", sections.text)
    displayed = re.findall(r"\\\[(.+?)\\\]", _MARKDOWN_FORMULA.sub(r"\\[\1\\]", answer), re.DOTALL)
    figures: dict[str, float] = {}
    if page.blocks:
        figures["text_block"] = normalized_edit_distance(_even("\n".join(page.blocks)), _even(text))
        order = reading_order_distance("\n\n".join(page.blocks), text)
        if order is not None:
            figures["reading_order"] = order
    if page.tables:
        figures["table"] = tables_similarity(page.tables, sections.tables) or 0.0
    if page.formulas:
        figures["display_formula"] = formulas_similarity(page.formulas, displayed) or 0.0
    return figures


def _even(text: str) -> str:
    return " ".join(text.split())


def _places(folder: Path, image: str) -> tuple[Path, ...]:
    return folder / IMAGE_FOLDER / image, folder / image, folder / IMAGE_FOLDER / Path(image).name


def _read_pages(path: Path) -> list[PageTruth]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no JSON: {error}.") from None
    if not isinstance(entries, list) or not entries:
        raise ValueError(f"{path} must hold a list of pages, got {type(entries).__name__} of {len(entries)}.")
    return [_read_page(entry, f"{path.name}, page {index}") for index, entry in enumerate(entries)]


def _read_page(entry: Any, where: str) -> PageTruth:
    try:
        image = str(entry["page_info"]["image_path"])
        found = [one for one in entry["layout_dets"] if not one.get("ignore")]
        # Blocks without an order (figures, what stands beside the text) come last, as they are listed.
        found.sort(key=lambda one: (one.get("order") is None, one.get("order") or 0))
    except (KeyError, TypeError, AttributeError):
        raise ValueError(f"{where} must have page_info.image_path and a list layout_dets of objects.") from None
    return PageTruth(
        image,
        [_even(str(one["text"])) for one in found if one.get("category_type") in TEXT_KINDS and one.get("text")],
        [str(one["html"]) for one in found if one.get("category_type") == "table" and one.get("html")],
        [
            re.sub(r"^\s*(?:\$\$|\\\[)|(?:\$\$|\\\])\s*$", "", str(one["latex"])).strip()
            for one in found
            if one.get("category_type") in ("equation_isolated", "display_formula") and one.get("latex")
        ],
    )
