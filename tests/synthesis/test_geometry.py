"""Geometry of the data engine: TikZ that draws without a remainder, and the same picture again."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("resvg_py")
matplotlib = pytest.importorskip("matplotlib")

from got_ocr.rendering.tex import find_latex, unsafe_command  # noqa: E402
from got_ocr.rendering.tikz import draw_tikz  # noqa: E402
from got_ocr.synthesis.drawing.svg_picture import crop_to_ink, draw_svg, use_family  # noqa: E402
from got_ocr.synthesis.geometry.kind import Geometry  # noqa: E402
from got_ocr.synthesis.geometry.labels import LabelPlacer  # noqa: E402
from got_ocr.synthesis.geometry.paper import Paper, PaperStyle, crossing, foot, number  # noqa: E402
from got_ocr.synthesis.geometry.scenes import SCENES, draw_scene  # noqa: E402
from got_ocr.synthesis.resources import Resources  # noqa: E402
from got_ocr.synthesis.text.fonts import FontFace  # noqa: E402

FONTS = Path(matplotlib.get_data_path(), "fonts", "ttf")


@pytest.fixture(scope="module")
def kind():
    return Geometry(Resources(font_files=(FONTS / "DejaVuSans.ttf", FONTS / "DejaVuSerif.ttf")))


def likeness(one, other):
    arrays = []
    for image in (one, other):
        grey = crop_to_ink(image, (4, 4, 4, 4)).convert("L").resize((96, 96), Image.Resampling.BOX)
        arrays.append(np.asarray(grey, dtype=float).ravel())
    return float(np.corrcoef(*arrays)[0, 1])


def test_every_scene_is_drawn_without_a_remainder():
    kinds = set()
    for seed in range(400):
        scene, tikz = draw_scene(np.random.default_rng(seed))
        kinds.add(scene)
        assert tikz.startswith("\\begin{tikzpicture}") and tikz.endswith("\\end{tikzpicture}")
        _, missing = draw_tikz(tikz)
        assert missing == [], tikz
        assert unsafe_command(tikz) == "", tikz
    assert kinds == set(SCENES)


def test_all_points_stay_on_a_page():
    for seed in range(200):
        svg, _ = draw_tikz(draw_scene(np.random.default_rng(seed))[1])
        width, height = (float(value) for value in svg.split('viewBox="')[1].split('"')[0].split()[2:])
        assert 30 < width < 1200 and 20 < height < 1200


def test_the_answer_draws_the_same_picture_again(kind):
    for seed in range(8):
        sample = kind.draw(np.random.default_rng(seed))
        assert sample.turns[0].instruction == "OCR with format: "
        assert sample.turns[0].answer == sample.source["tikz"]
        again = kind.typeset(sample.turns[0].answer, sample.source["style"])
        assert again.tobytes() == sample.images[0].tobytes()


def test_the_renderer_of_answers_draws_the_scene_and_no_other(kind):
    samples = [kind.draw(np.random.default_rng(seed)) for seed in range(12)]
    answers = []
    for sample in samples:
        style = sample.source["style"]
        faces = [FontFace(*face) for face in style["faces"]]  # Without a face no label would be drawn.
        svg = use_family(draw_tikz(sample.turns[0].answer)[0], faces[0].family)
        answers.append(draw_svg(svg, zoom=style["zoom"], faces=faces))
    table = np.array([[likeness(sample.images[0], answer) for answer in answers] for sample in samples])
    assert np.diag(table).min() > 0.7
    assert (table.argmax(axis=1) == np.arange(len(table))).all()


def test_equal_generators_give_equal_samples_whatever_was_drawn_before(kind):
    first = kind.draw(np.random.default_rng(21))
    kind.draw(np.random.default_rng(22))
    again = Geometry(kind.resources).draw(np.random.default_rng(21))
    assert first.images[0].tobytes() == again.images[0].tobytes()
    assert first.turns == again.turns and first.source == again.source


@pytest.mark.skipif(find_latex() is None, reason="no LaTeX on this machine")
def test_latex_draws_what_the_browser_typesetter_draws(kind):
    latex = Geometry(Resources(font_files=kind.resources.font_files, typesetter="latex"))
    seeds = [2, 3, 4]
    style = kind.draw(np.random.default_rng(0)).source["style"]
    sources = [draw_scene(np.random.default_rng(seed))[1] for seed in seeds]
    own = [kind.typeset(tikz, style) for tikz in sources]
    set_by_latex = [latex.typeset(tikz, style) for tikz in sources]
    table = np.array([[likeness(one, other) for other in set_by_latex] for one in own])
    assert (table.argmax(axis=1) == np.arange(len(seeds))).all()
    assert latex.typeset(sources[0], style).tobytes() == set_by_latex[0].tobytes()


def test_an_unknown_typesetter_is_refused():
    with pytest.raises(ValueError, match="typesetter must be 'browser' or 'latex', got 'word'"):
        Geometry(Resources(typesetter="word"))


def test_a_label_that_the_font_lacks_is_refused(kind):
    style = kind.draw(np.random.default_rng(0)).source["style"]
    tikz = "\\begin{tikzpicture}\\draw (0,0) -- (2,1); \\node at (1,1) {中};\\end{tikzpicture}"
    with pytest.raises(ValueError, match="has no '中'"):
        kind.typeset(tikz, style)


def test_numbers_and_constructions():
    assert [number(value) for value in (2.0, -0.001, 1.255, 0.5)] == ["2", "0", "1.25", "0.5"]
    assert foot((1.0, 2.0), (0.0, 0.0), (4.0, 0.0)) == (1.0, 0.0)
    assert crossing((0.0, 0.0), (2.0, 2.0), (0.0, 2.0), (2.0, 0.0)) == (1.0, 1.0)


def test_points_are_written_by_name_or_by_number():
    for named, line in ((True, "\\draw (A) -- (B);"), (False, "\\draw (0,0) -- (2,1);")):
        style = PaperStyle(1.0, "", "", "dashed", named, "node", False, "AB")
        paper = Paper(np.random.default_rng(0), style)
        paper.line(paper.point((0, 0), (1, 1)), paper.point((2, 1), (0, 0)))
        assert line in paper.source()
        assert "\\node[below left] at" in paper.source()


def labels_of(paper):
    return re.findall(r"\\node\[([a-z ]+)\] at .* \{\$(.)\$\};", paper.source())


def test_labels_keep_off_lines_and_off_each_other():
    style = PaperStyle(1.0, "", "", "dashed", True, "node", False, "AB")
    paper = Paper(np.random.default_rng(0), style)
    paper.point((0.0, 0.0), (0.0, -1.0))
    assert labels_of(paper) == [("above", "A")]
    paper.line("A", (0.0, 1.0))
    assert labels_of(paper) == [("above left", "A")]
    paper.point((0.6, 0.0), (0.6, -1.0))
    paper.line((-1.0, 0.3), (1.0, 0.3))  # Over both points: below is free.
    sides = labels_of(paper)
    assert [name for _, name in sides] == ["A", "B"]
    assert all("above" not in side for side, _ in sides)
    assert paper.source() == paper.source()


def test_a_side_text_goes_where_there_is_room():
    paper = Paper(np.random.default_rng(0), PaperStyle(1.0, "", "", "dashed", True, "node", False, "AB"))
    paper.line((0.0, 0.0), (4.0, 0.0))
    paper.side_text((0.0, 0.0), (4.0, 0.0), "$3$", (2.0, 1.0))
    assert "\\node[below] at (2,0) {$3$};" in paper.source()
    paper.line((2.0, 0.0), (2.0, -2.0))
    assert "\\node[below] at (1.6,0) {$3$};" in paper.source()


def test_few_labels_of_scenes_touch_anything(monkeypatch):
    rooms = []
    put = LabelPlacer.put

    def watch(placer, label):
        source = put(placer, label)
        box = placer._boxes.pop()
        rooms.append(placer._room(box))
        placer._boxes.append(box)
        return source

    monkeypatch.setattr(LabelPlacer, "put", watch)
    for seed in range(200):
        draw_scene(np.random.default_rng(seed))
    assert len(rooms) > 500
    assert np.mean(np.array(rooms) < 0) < 0.02
