"""Regions: a box holds just the lines of its answer, in pixels and in thousandths; frames have their colour."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from got_ocr.rendering.browser import find_browser
from got_ocr.slices.region import FRAME_RGB, FRAME_TOLERANCE, find_region
from got_ocr.synthesis.degradation.degradations import DEGRADATIONS
from got_ocr.synthesis.pages import regions as regions_module
from got_ocr.synthesis.pages.drawing import draw_page
from got_ocr.synthesis.pages.region_boxes import Item, RegionPage, draw_box, find_room, plain_page
from got_ocr.synthesis.pages.regions import Boxes, Colors
from got_ocr.synthesis.resources import Resources
from got_ocr.synthesis.sample import Sample

SEEDS = range(20)
PARAGRAPHS = (
    "The quick brown fox jumps over the lazy dog, and 27 hens look on from the fence of the neighbouring garden.",
    "Documentation describes extraordinary circumstances; nevertheless, misunderstandings are uncomfortable.",
    "Every page has its number, its margins and its lines. A line has words, and a word has letters of one face.",
    "Whoever reads the instructions understands them. Nobody knows why they were written in such small letters.",
)
FAMILIES = ("DejaVu Sans", "DejaVu Serif", "Liberation Serif", "Liberation Sans", "Nimbus Roman")
needs_browser = pytest.mark.skipif(
    find_browser() is None or sys.platform == "win32", reason="no Chromium or Chrome on this machine"
)


@pytest.fixture(scope="module")
def text_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text(
        "\n\n".join(f"{paragraph} ({number})" for number in range(12) for paragraph in PARAGRAPHS), "utf-8"
    )
    return path


@pytest.fixture(scope="module")
def resources(text_file: Path) -> Resources:
    """Plain pages alone: those that LaTeX sets don't tell where their text stands."""
    return Resources(corpus_files=(text_file,), font_families=FAMILIES, typesetter="latex")


def draw(kind: Boxes | Colors, seed: int) -> Sample:
    return kind.draw(np.random.default_rng((5, seed)))


def whole_pixels(box: list[float]) -> tuple[int, int, int, int]:
    x1, y1, x2, y2 = box
    return int(np.floor(x1)), int(np.floor(y1)), int(np.ceil(x2)), int(np.ceil(y2))


def is_inside(box: list[float], outer: list[float]) -> bool:
    return box[0] >= outer[0] and box[1] >= outer[1] and box[2] <= outer[2] and box[3] <= outer[3]


def meets(box: list[float], other: list[float]) -> bool:
    return box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3]


def check_box(sample: Sample, chosen: list[int], box: list[float], answer: str) -> None:
    """The items inside the box are the chosen ones, and there is no ink but theirs."""
    items = sample.source["items"]
    held = [number for number, item in enumerate(items) if all(is_inside(one, box) for one in item["boxes"])]
    assert held == chosen
    joint = "\n" if sample.source["ocr_type"] == "ocr" else "\n\n"
    assert answer == joint.join(items[number]["text"] for number in held)
    pixels = np.asarray(sample.images[0]).astype(int)
    ink = np.abs(pixels - pixels[0, 0]).max(axis=2) > 12
    for number in held:
        for one in items[number]["boxes"]:
            x1, y1, x2, y2 = whole_pixels(one)
            ink[y1:y2, x1:x2] = False
    x1, y1, x2, y2 = whole_pixels(box)
    assert not ink[y1:y2, x1:x2].any()


def check_boxes(sample: Sample) -> int:
    """Check every box of four numbers, as it was drawn and as the prompt rounds it. Returns: how many there were."""
    width, height = sample.images[0].size
    count = 0
    for turn, region in zip(sample.turns, sample.source["regions"], strict=True):
        match = re.match(r"(\[[\d, ]+\]) OCR(?: with format)?: $", turn.instruction)
        assert match
        numbers = json.loads(match[1])
        assert all(0 <= number <= 1000 for number in numbers)
        back = [number * side / 1000 for number, side in zip(numbers, (width, height) * 2, strict=False)]
        steps = [side / 1000 for side in (width, height) * 2]
        assert all(0 <= pixel - one < step for pixel, one, step in zip(region["box"], back, steps, strict=False))
        if len(numbers) == 4:
            check_box(sample, region["items"], region["box"], turn.answer)
            check_box(sample, region["items"], back, turn.answer)
            count += 1
    return count


def test_a_box_holds_the_lines_of_its_answer_and_no_other_ink(resources: Resources) -> None:
    kind = Boxes(resources)
    samples = [draw(kind, seed) for seed in SEEDS]
    assert sum(check_boxes(sample) for sample in samples) >= 15
    assert all(turn.answer for sample in samples for turn in sample.turns)
    assert any(len(sample.turns) > 1 for sample in samples)
    for sample in samples:
        assert len({turn.instruction for turn in sample.turns}) == len(sample.turns)


def test_a_point_is_answered_by_the_block_that_it_lies_in(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(regions_module, "_POINT_SHARE", 1.0)
    kind = Boxes(resources)
    for seed in SEEDS:
        sample = draw(kind, seed)
        items, (width, height) = sample.source["items"], sample.images[0].size
        for turn, region in zip(sample.turns, sample.source["regions"], strict=True):
            x, y = (int(number) for number in re.findall(r"\d+", turn.instruction))
            x_px, y_px = x * width / 1000, y * height / 1000
            hit = [item for item in items if is_inside([x_px, y_px, x_px, y_px], item["boxes"][0])]
            assert {item["block"] for item in hit} == {items[region["items"][0]]["block"]}
            assert turn.answer == "\n".join(item["text"] for item in items if item["block"] == hit[0]["block"])


def test_equal_generators_draw_equal_regions(resources: Resources) -> None:
    for make in (Boxes, Colors):
        kind, other = make(resources), make(resources)
        draw(other, 99)  # What was drawn before makes no difference.
        for seed in range(6):
            first, second = draw(kind, seed), draw(other, seed)
            assert first.images[0].tobytes() == second.images[0].tobytes()
            assert first.turns == second.turns
            assert json.dumps(first.source) == json.dumps(second.source)


def test_a_frame_has_its_colour_and_encloses_its_answer(resources: Resources) -> None:
    kind = Colors(resources)
    widths, counts = set(), set()
    for seed in SEEDS:
        sample = draw(kind, seed)
        pixels, items = np.asarray(sample.images[0]), sample.source["items"]
        frames = sample.source["frames"]
        asked = [frame for frame in frames if frame["asked"]]
        assert len({frame["color"] for frame in frames}) == len(frames)
        assert [turn.instruction for turn in sample.turns] == [f"[{frame['color']}] OCR: " for frame in asked]
        counts.add(len(frames))
        for frame in frames:
            (x1, y1, x2, y2), width = frame["box"], frame["width_px"]
            widths.add(width)
            line = np.zeros(pixels.shape[:2], dtype=bool)
            line[y1 - width : y2 + width, x1 - width : x2 + width] = True
            line[y1:y2, x1:x2] = False
            assert (pixels[line] == frame["rgb"]).all()
            assert np.abs(np.subtract(frame["rgb"], FRAME_RGB[frame["color"]])).max() <= FRAME_TOLERANCE
            outside = [x1 - width, y1 - width, x2 + width, y2 + width]
            for number, item in enumerate(items):
                held = number in frame["items"]
                assert is_inside(item["boxes"][0], frame["box"]) if held else not meets(item["boxes"][0], outside)
        for turn, frame in zip(sample.turns, asked, strict=True):
            assert turn.answer == "\n".join(items[number]["text"] for number in frame["items"])
            assert find_region(sample.images[0], color=frame["color"]) == tuple(frame["box"])
    assert len(widths) >= 3
    assert counts >= {1, 2}


def test_nothing_that_moves_ink_degrades_a_page_with_regions(text_file: Path) -> None:
    everything = Resources(
        corpus_files=(text_file,), font_families=FAMILIES, typesetter="latex", degradations=tuple(DEGRADATIONS)
    )
    applied = [one["name"] for seed in SEEDS for one in draw(Boxes(everything), seed).source["degradations"]]
    assert applied
    assert not any(DEGRADATIONS[name].moves_ink for name in applied)


def test_lines_that_a_box_cannot_part_have_no_room(resources: Resources) -> None:
    page = plain_page(draw_page(np.random.default_rng(4), resources, layout="one-column"))
    assert find_room(page, (0, len(page.items) - 1), (0, 1, 2, 3)) is None
    touching = np.zeros((60, 100), dtype=bool)
    touching[10:20, 10:60] = touching[20:30, 10:60] = True
    items = (Item("a", 0, ((10.0, 10.0, 60.0, 20.0),)), Item("b", 1, ((10.0, 20.0, 60.0, 30.0),)))
    narrow = RegionPage(page.image, items, "ocr", touching)
    assert find_room(narrow, (0,), (0, 1, 2, 3)) is None
    room = find_room(narrow, (0, 1), (0, 1, 2, 3))
    assert room is not None
    assert room.inner == (10, 10, 60, 30)
    box = draw_box(np.random.default_rng(0), room, (100, 60))
    assert box is not None
    assert box[0] <= 10 and box[1] <= 10 and box[2] >= 60 and box[3] >= 30


@pytest.mark.browser
@needs_browser
def test_a_box_on_a_formatted_page_holds_its_pieces(text_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regions_module, "_FORMATTED_SHARE", 1.0)
    resources = Resources(corpus_files=(text_file,), font_families=FAMILIES)
    boxes, colors = Boxes(resources), Colors(resources)
    count = 0
    for seed in range(5):
        sample = draw(boxes, seed)
        assert all(turn.instruction.endswith("OCR with format: ") for turn in sample.turns)
        count += check_boxes(sample)
    assert count >= 3
    sample = draw(colors, 1)
    frame = next(frame for frame in sample.source["frames"] if frame["asked"])
    assert find_region(sample.images[0], color=frame["color"]) == tuple(frame["box"])
