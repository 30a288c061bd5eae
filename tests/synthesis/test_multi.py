"""Pages for tiles, and documents of several pages."""

import sys
from pathlib import Path

import numpy as np
import pytest

from got_ocr.processing.image_processor import GotOcrImageProcessor, crop_grid
from got_ocr.rendering import render
from got_ocr.rendering.browser import find_browser
from got_ocr.synthesis.formatted.source import estimate_tokens
from got_ocr.synthesis.pages import multi_crop
from got_ocr.synthesis.pages.drawing import draw_page
from got_ocr.synthesis.pages.multi_crop import MOST_TOKENS, MultiCrop
from got_ocr.synthesis.pages.multi_page import FEWEST_PAGES, MOST_PAGE_TOKENS, MOST_PAGES, MultiPage
from got_ocr.synthesis.resources import Resources
from got_ocr.synthesis.sample import Sample

PARAGRAPHS = (
    "The quick brown fox jumps over the lazy dog. Twenty hens look on from the fence of the neighbouring garden.",
    "Every page has its number, its margins and its lines. A line has words, and a word has letters of one face.",
    "Whoever reads the instructions understands them. Nobody knows why they were written in such small letters.",
)
FAMILIES = ("DejaVu Sans", "DejaVu Serif", "Liberation Serif", "Liberation Sans")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        find_browser() is None or sys.platform == "win32", reason="no Chromium or Chrome on this machine"
    ),
]


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory) -> Resources:
    path: Path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("\n\n".join(f"{text} Number {number}." for number in range(9) for text in PARAGRAPHS), "utf-8")
    return Resources(corpus_files=(path,), font_families=FAMILIES)


def draw(kind: MultiCrop | MultiPage, seed: int) -> Sample:
    return kind.draw(np.random.default_rng((10, seed)))


def check_crop(sample: Sample) -> None:
    (image,), (turn,) = sample.images, sample.turns
    form = {"ocr": "OCR upon the patch reference: ", "format": "OCR with format upon the patch reference: "}
    assert turn.instruction == form[sample.source["ocr_type"]]
    columns, rows = crop_grid(*image.size)
    assert [columns, rows] == sample.source["grid"]
    assert 2 <= columns * rows <= 6
    assert 0 < estimate_tokens(turn.answer) <= MOST_TOKENS
    if sample.source["ocr_type"] == "format":
        assert render(turn.answer).notes == []


def check_pages(sample: Sample) -> None:
    (turn,) = sample.turns
    assert turn.instruction == "OCR with format across multi pages: "
    assert FEWEST_PAGES <= len(sample.images) <= MOST_PAGES
    texts = sample.source["pages"]
    assert len(texts) == len(sample.images)
    assert turn.answer == "\n\n".join(texts)
    assert render(turn.answer).notes == []
    for text in texts:
        # A single piece may be longer than a page should be; a page of several never is.
        assert estimate_tokens(text) <= MOST_PAGE_TOKENS or text.count("\n\n") <= 2
    assert len({image.size for image in sample.images}) == 1 or sample.source["look"]["height_px"] is None


def test_pages_for_tiles_have_several(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = MultiCrop(resources)
    monkeypatch.setattr(multi_crop, "_FORMATTED_SHARE", 0.0)
    grids = set()
    for seed in range(8):
        sample = draw(kind, seed)
        check_crop(sample)
        grids.add(tuple(sample.source["grid"]))
    assert len(grids) >= 4
    tiles = GotOcrImageProcessor().crop_to_tiles(sample.images[0])
    assert len(tiles) == sample.source["grid"][0] * sample.source["grid"][1] + 1
    monkeypatch.setattr(multi_crop, "_FORMATTED_SHARE", 1.0)
    for seed in range(2):
        check_crop(draw(kind, seed))


def test_documents_have_pages_of_one_look(resources: Resources) -> None:
    kind = MultiPage(resources)
    for seed in range(2):
        check_pages(draw(kind, seed))


def test_equal_generators_draw_equal_samples(resources: Resources) -> None:
    for make in (MultiCrop, MultiPage):
        first, second = draw(make(resources), 3), draw(make(resources), 3)
        assert [one.tobytes() for one in first.images] == [two.tobytes() for two in second.images]
        assert first.turns == second.turns and first.source == second.source


@pytest.mark.slow
def test_twenty_of_each_are_drawn(resources: Resources) -> None:
    crop, pages = MultiCrop(resources), MultiPage(resources)
    for seed in range(20):
        check_crop(draw(crop, 100 + seed))
        check_pages(draw(pages, 100 + seed))


def test_a_title_or_an_address_may_fill_a_page(resources: Resources) -> None:
    for layout in ("letter", "one-column", "two-columns"):
        for seed in range(8):
            rng = np.random.default_rng(seed)
            drawing = draw_page(rng, resources, layout=layout, size_px=(500, 620), dpi=100.0, text_scale=5.0)
            assert all(line.box[1] < 620 for block in drawing.blocks for line in block.lines)
