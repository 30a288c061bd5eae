"""Signs in scenes and handwriting: the truth is drawn, whole, readable, and where the boxes say."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from got_ocr.synthesis.degradation.degradations import DEFAULT_DEGRADATIONS
from got_ocr.synthesis.resources import Resources
from got_ocr.synthesis.sample import Sample
from got_ocr.synthesis.scenes.backgrounds import draw_background
from got_ocr.synthesis.scenes.handwriting import Handwriting
from got_ocr.synthesis.scenes.kind import SceneText
from got_ocr.synthesis.scenes.warp import homography, move_points, project, rectangle, shift_columns
from got_ocr.synthesis.text.typesetting import union

PARAGRAPH = (
    "The shop around the corner sells bread, apples and 12 kinds of tea; it opens at nine (number {}) every day."
)


@pytest.fixture(scope="module")
def text_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("\n\n".join(PARAGRAPH.format(number) for number in range(40)), "utf-8")
    return path


@pytest.fixture(scope="module", params=[SceneText, Handwriting])
def kind(request: pytest.FixtureRequest, text_file: Path) -> SceneText | Handwriting:
    resources = Resources(corpus_files=(text_file,), degradations=DEFAULT_DEGRADATIONS)
    return make(request.param, resources)


def make(kind: type[SceneText] | type[Handwriting], resources: Resources) -> SceneText | Handwriting:
    try:
        return kind(resources)
    except ValueError as error:
        pytest.skip(f"no fonts for this kind: {error}")


def draw(kind: SceneText | Handwriting, seed: int) -> Sample:
    return kind.draw(np.random.default_rng((9, seed)))


def test_thirty_seeds(kind: SceneText | Handwriting) -> None:
    for seed in range(30):
        sample = draw(kind, seed)
        lines = [line["text"] for line in sample.source["lines"]]
        assert sample.turns[0].instruction == "OCR: "
        assert sample.turns[0].answer == "\n".join(lines)
        assert all(line and line == " ".join(line.split()) for line in lines)
        width, height = sample.images[0].size
        for line in sample.source["lines"]:
            x1, y1, x2, y2 = line["box"]
            assert -2 <= x1 < x2 <= width + 2 and -2 <= y1 < y2 <= height + 2


def test_equal_generators_draw_equal_samples(kind: SceneText | Handwriting) -> None:
    for seed in range(4):
        first, second = draw(kind, seed), draw(kind, seed)
        assert first.images[0].tobytes() == second.images[0].tobytes()
        assert first.turns == second.turns and first.source == second.source
    assert draw(kind, 1).images[0].tobytes() != draw(kind, 2).images[0].tobytes()


def test_text_stands_out_in_its_box(text_file: Path) -> None:
    for cls in (SceneText, Handwriting):
        kind = make(cls, Resources(corpus_files=(text_file,)))
        for seed in range(12):
            sample = draw(kind, seed)
            grey = np.asarray(sample.images[0].convert("L"), dtype=float)
            for line in sample.source["lines"]:
                x1, y1, x2, y2 = (round(value) for value in line["box"])
                inside = grey[max(y1, 0) : y2, max(x1, 0) : x2]
                assert np.percentile(inside, 99.5) - np.percentile(inside, 0.5) > 45, (cls, seed, line)


def test_handwriting_has_six_to_eight_lines_or_one(text_file: Path) -> None:
    kind = make(Handwriting, Resources(corpus_files=(text_file,)))
    counts = {draw(kind, seed).turns[0].answer.count("\n") + 1 for seed in range(16)}
    assert counts <= {1, 6, 7, 8} and 1 in counts and len(counts) > 2


def test_signs_stand_apart_and_are_read_from_the_top(text_file: Path) -> None:
    kind = make(SceneText, Resources(corpus_files=(text_file,)))
    for seed in range(16):
        signs: dict[int, list[tuple[float, float, float, float]]] = {}
        for line in draw(kind, seed).source["lines"]:
            signs.setdefault(line["sign"], []).append(tuple(line["box"]))
        boxes = [union(signs[number]) for number in range(len(signs))]
        for number, one in enumerate(boxes):
            for other in boxes[number + 1 :]:
                assert one[1] < other[3]  # no later sign lies wholly above an earlier one
                assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1]


def test_backgrounds_fill_the_scene() -> None:
    names = set()
    for seed in range(40):
        pixels, name = draw_background(np.random.default_rng(seed), 90, 160)
        assert pixels.shape == (90, 160, 3) and pixels.dtype == np.float32
        assert np.isfinite(pixels).all() and pixels.min() >= 0 and pixels.max() <= 255
        names.add(name)
    assert len(names) >= 8


def test_perspective_takes_corners_to_corners_and_ink_with_them() -> None:
    target = np.array([(20.0, 10.0), (180.0, 30.0), (170.0, 90.0), (10.0, 80.0)])
    matrix = homography(rectangle(100, 40), target)
    np.testing.assert_allclose(move_points(matrix, rectangle(100, 40)), target, atol=1e-9)
    mask = Image.new("L", (100, 40), 0)
    mask.paste(255, (48, 18, 53, 23))
    projected = np.asarray(project(mask, target, (200, 100)), dtype=float)
    ys, xs = np.nonzero(projected > 128)
    np.testing.assert_allclose((xs.mean() + 0.5, ys.mean() + 0.5), move_points(matrix, [(50.5, 20.5)])[0], atol=1.0)


def test_columns_move_and_keep_their_ink() -> None:
    mask = Image.new("L", (6, 20), 0)
    mask.paste(255, (0, 8, 6, 10))
    moved = np.asarray(shift_columns(mask, np.array([0.0, 1.0, 2.5, -3.0, -0.5, 4.0])), dtype=float)
    np.testing.assert_allclose(moved.sum(axis=0), 510.0, atol=2.0)
    centre = (moved * (np.arange(20)[:, None] + 0.5)).sum(axis=0) / moved.sum(axis=0)
    np.testing.assert_allclose(centre, 9.0 + np.array([0.0, 1.0, 2.5, -3.0, -0.5, 4.0]), atol=0.02)


def test_a_hand_without_the_letters_is_refused() -> None:
    with pytest.raises(ValueError, match="none of the"):
        Handwriting(Resources(font_families=("No Such Family",)))
