"""Pages: equal generators draw equal pages, boxes are where the ink is, and the truth is what is printed."""

import unicodedata
from pathlib import Path

import numpy as np
import pytest

from got_ocr.synthesis.pages.drawing import LAYOUTS, PageDrawing, TextBlock, TextLine, draw_page
from got_ocr.synthesis.pages.kind import PageSlices, PlainPages, find_slice
from got_ocr.synthesis.resources import Resources
from got_ocr.synthesis.text.fonts import FontFace, can_draw
from got_ocr.synthesis.text.typesetting import Typeface, Word, break_lines, choose_typeface

PARAGRAPHS = (
    "The quick brown fox jumps over the lazy dog, and 27 hens look on from the fence of the neighbouring garden.",
    "Documentation describes extraordinary circumstances; nevertheless, characteristic misunderstandings are "
    "particularly uncomfortable. Whoever reads well-established instructions, understands them (mostly).",
    'She said: "It\'s naïve to expect a résumé for 3.50 €", and went on with the work of the day in the old café.',
    "Every page has its number, its margins and its lines. A line has words, and a word has letters of one face.",
)


def upright_faces() -> dict[str, list[FontFace]]:
    families = {}
    for family, faces in Resources().text_families.items():
        if family in ("DejaVu Sans", "DejaVu Serif", "Liberation Serif", "Liberation Sans", "Nimbus Roman"):
            families[family] = list(faces)
    return families


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory) -> Resources:
    if not upright_faces():
        pytest.skip("none of the usual font families is installed")
    text = tmp_path_factory.mktemp("text") / "text.txt"
    text.write_text(
        "\n\n".join(f"{paragraph} ({number})" for number in range(12) for paragraph in PARAGRAPHS), "utf-8"
    )
    return Resources(corpus_files=(text,), font_families=tuple(upright_faces()))


def page(resources: Resources, seed: int, **options: object) -> PageDrawing:
    return draw_page(np.random.default_rng((3, seed)), resources, **options)  # type: ignore[arg-type]


def ink(page: PageDrawing) -> np.ndarray:
    """Pixels that are not paper. Returns: (H, W) bool."""
    pixels = np.asarray(page.image).astype(int)
    return np.abs(pixels - pixels[0, 0]).max(axis=2) > 12


def cover(boxes: list[tuple[float, float, float, float]], shape: tuple[int, ...]) -> np.ndarray:
    covered = np.zeros(shape, dtype=bool)
    for x1, y1, x2, y2 in boxes:
        covered[int(np.floor(y1)) : int(np.ceil(y2)), int(np.floor(x1)) : int(np.ceil(x2))] = True
    return covered


def test_equal_generators_draw_equal_pages(resources: Resources) -> None:
    for seed in range(3):
        first, second = page(resources, seed), page(resources, seed)
        assert first.image.tobytes() == second.image.tobytes()
        assert first.blocks == second.blocks
        assert first.image.tobytes() != page(resources, seed + 100).image.tobytes()


def test_ink_lies_in_the_boxes_of_lines_or_in_decorations(resources: Resources) -> None:
    for seed in range(8):
        drawing = page(resources, seed, dpi=110.0)
        dark = ink(drawing)
        boxes = [line.box for line in drawing.all_lines()]
        assert not (dark & ~cover([*boxes, *drawing.decorations], dark.shape)).any()
        for x1, y1, x2, y2 in boxes:
            assert 0 <= x1 < x2 <= drawing.image.width and 0 <= y1 < y2 <= drawing.image.height
            inside = dark[int(y1) : int(np.ceil(y2)), int(x1) : int(np.ceil(x2))]
            # The box is tight: ink touches (nearly, where half pixels were reduced) all of its sides.
            rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
            assert rows[0] <= 1 and columns[0] <= 1
            assert rows[-1] >= inside.shape[0] - 2 and columns[-1] >= inside.shape[1] - 2


def test_lines_do_not_overlap(resources: Resources) -> None:
    for seed in range(8):
        boxes = [line.box for line in page(resources, seed, dpi=120.0).all_lines()]
        for number, one in enumerate(boxes):
            for other in boxes[number + 1 :]:
                width = min(one[2], other[2]) - max(one[0], other[0])
                height = min(one[3], other[3]) - max(one[1], other[1])
                assert width <= 0 or height <= 1.5


def test_two_columns_are_read_one_after_the_other(resources: Resources) -> None:
    drawing = page(resources, 5, layout="two-columns", size_px=(1400, 1100), dpi=110.0)
    middle = drawing.image.width / 2
    body = [block for block in drawing.blocks if block.kind in ("paragraph", "list", "quote")]
    sides = [int((block.box[0] + block.box[2]) / 2 > middle) for block in body]
    assert sides == sorted(sides) and set(sides) == {0, 1}
    for side in (0, 1):
        tops = [block.box[1] for block, on in zip(body, sides, strict=True) if on == side]
        assert tops == sorted(tops)
    assert all(block.box[2] < middle + 20 for block, on in zip(body, sides, strict=True) if on == 0)


def test_truth_is_the_printed_lines(resources: Resources) -> None:
    for seed in range(6):
        drawing = page(resources, seed)
        lines = drawing.text.split("\n")
        assert lines == [line.text for line in drawing.all_lines()]
        assert all(line and line == " ".join(line.split()) for line in lines)
        assert unicodedata.is_normalized("NFC", drawing.text)


def test_every_character_is_one_that_the_faces_have(resources: Resources) -> None:
    faces = {f"{face.family} {face.style}": face for faces in resources.text_families.values() for face in faces}
    for seed in range(6):
        drawing = page(resources, seed)
        for character in set(drawing.text) - {"\n", " "}:
            assert any(can_draw(faces[name], character) for name in drawing.faces)


def test_layout_size_and_length_are_as_asked(resources: Resources) -> None:
    for layout in LAYOUTS:
        assert page(resources, 1, layout=layout).layout == layout
    assert page(resources, 2, size_px=(500, 900)).image.size == (900, 500)
    for seed in range(8):
        assert len(page(resources, seed, max_characters=300).text) <= 320
    small, large = (page(resources, 4, size_px=(1200, 900), text_scale=scale).body_px for scale in (1.0, 1.5))
    assert large > 1.2 * small


def test_arguments_out_of_range_are_refused(resources: Resources) -> None:
    with pytest.raises(ValueError, match="layout must be one of one-column, two-columns"):
        page(resources, 0, layout="four-columns")
    with pytest.raises(ValueError, match="size_px must be"):
        page(resources, 0, size_px=(40, 900))
    with pytest.raises(ValueError, match="max_characters must be at least 20, got 3"):
        page(resources, 0, max_characters=3)


def test_running_text_undoes_line_breaks_and_hyphens() -> None:
    lines = (TextLine("a well-", (0, 0, 9, 9), "nothing"), TextLine("known docu-", (0, 9, 9, 18), "hyphen"))
    lines += (TextLine("ment of", (0, 18, 9, 27), "space"), TextLine("old", (0, 27, 9, 36), "end"))
    block = TextBlock("paragraph", lines)
    assert block.flowing_text == "a well-known document of old"
    assert block.text == "a well-\nknown docu-\nment of\nold"
    assert block.box == (0, 0, 9, 36)


def test_lines_break_between_words_and_at_hyphens(resources: Resources) -> None:
    typeface: Typeface = choose_typeface(np.random.default_rng(1), resources.text_families)
    words = [Word(part) for part in PARAGRAPHS[1].split()]
    lines = break_lines(words, typeface, 16.0, 150.0, hyphenate=True)
    assert any(line.end == "hyphen" and line.text.endswith("-") for line in lines)
    assert all(line.width_px <= 150.0 for line in lines)
    joints = {"space": " ", "nothing": "", "end": ""}
    text = "".join(line.text[:-1] if line.end == "hyphen" else line.text + joints[line.end] for line in lines)
    assert text == PARAGRAPHS[1]
    long_word = break_lines([Word("x" * 60)], typeface, 16.0, 100.0)
    assert "".join(line.text for line in long_word) == "x" * 60 and len(long_word) > 2


def test_thirty_pages_and_slices(resources: Resources) -> None:
    degraded = Resources(
        resources.corpus_files, font_families=resources.font_families, degradations=("shadow", "skew")
    )
    for kind, name in ((PlainPages(degraded), "pages"), (PageSlices(degraded), "slices")):
        for seed in range(30):
            sample = kind.draw(np.random.default_rng((7, seed)))
            assert sample.kind == name and sample.turns[0].instruction == "OCR: "
            assert sample.turns[0].answer == "\n".join(line["text"] for line in sample.source["lines"])
            assert sample.images[0].mode == "RGB"


def test_slices_hold_their_lines_whole_and_no_other(resources: Resources) -> None:
    found = 0
    for seed in range(14):
        drawing = page(resources, seed, dpi=100.0, max_characters=900)
        result = find_slice(np.random.default_rng(seed), drawing)
        if result is None:
            continue
        found += 1
        lines, (x1, y1, x2, y2) = result
        assert 0 <= x1 < x2 <= drawing.image.width and 0 <= y1 < y2 <= drawing.image.height
        for line in drawing.all_lines():
            inside = line.box[0] >= x1 and line.box[1] >= y1 and line.box[2] <= x2 and line.box[3] <= y2
            outside = line.box[0] >= x2 or line.box[1] >= y2 or line.box[2] <= x1 or line.box[3] <= y1
            assert inside if line in lines else outside
        tops = [line.box[1] for line in lines]
        assert tops == sorted(tops)
    assert found >= 10


def test_chinese_pages(tmp_path: Path) -> None:
    pytest.importorskip("jieba")
    text = tmp_path / "text.txt"
    paragraph = "今天天气很好，我们一起去公园散步。路边的花都开了，孩子们在草地上跑来跑去；老人坐在树下读报、下棋。"
    text.write_text("\n\n".join(f"{paragraph}第{number}天" for number in range(40)), "utf-8")
    resources = Resources(corpus_files=(text,), language="zh")
    try:
        assert resources.text_families
    except ValueError:
        pytest.skip("no font with simplified Chinese is installed")
    drawing = page(resources, 1)
    chinese = [character for character in drawing.text if "\u4e00" <= character <= "\u9fff"]
    assert len(chinese) > 0.5 * len(drawing.text)
    assert not any(line.text[0] in "，。；、" for line in drawing.all_lines())
    dark = ink(drawing)
    boxes = [line.box for line in drawing.all_lines()]
    assert not (dark & ~cover([*boxes, *drawing.decorations], dark.shape)).any()
