"""Charts of the data engine: truth that can be read off, in OneChart's form, and the same bits in any process."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
pytest.importorskip("vl_convert")
pytest.importorskip("resvg_py")

from got_ocr.evaluation.charts import TITLES, TOLERANCES, chart_iou, parse_chart, title_score  # noqa: E402
from got_ocr.rendering.charts import read_chart  # noqa: E402
from got_ocr.synthesis.charts import with_matplotlib as charts_matplotlib  # noqa: E402
from got_ocr.synthesis.charts import with_vega as charts_vega  # noqa: E402
from got_ocr.synthesis.charts.data import FORMS, ChartData, NumberFormat, draw_data  # noqa: E402
from got_ocr.synthesis.charts.kind import Charts  # noqa: E402
from got_ocr.synthesis.charts.look import draw_look  # noqa: E402
from got_ocr.synthesis.drawing.svg_picture import scalable_families  # noqa: E402
from got_ocr.synthesis.resources import Resources  # noqa: E402

FONTS = Path(matplotlib.get_data_path(), "fonts", "ttf")
FONT_FILES = tuple(FONTS / name for name in ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSerif.ttf"))
SEEDS = (0, 1, 2, 3)
PROGRAM = """
import hashlib, sys
from pathlib import Path
import numpy as np
from got_ocr.synthesis.charts.kind import Charts
from got_ocr.synthesis.resources import Resources
kind = Charts(Resources(corpus_files=(Path(sys.argv[1]),), font_files=tuple(Path(name) for name in sys.argv[3:])))
for seed in map(int, sys.argv[2].split(",")):
    sample = kind.draw(np.random.default_rng(seed))
    print(hashlib.sha256(sample.images[0].tobytes() + sample.turns[0].answer.encode()).hexdigest())
"""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus") / "words.txt"
    paragraphs = (
        f"The {letter}{other} word stands here among others of its kind." for letter in "bcdf" for other in "aeiou"
    )
    path.write_text("\n\n".join(paragraphs), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def kind(corpus):
    return Charts(Resources(corpus_files=(corpus,), font_files=FONT_FILES))


@pytest.fixture(scope="module")
def families():
    return scalable_families(Resources(font_files=FONT_FILES))


def many_data(count):
    return [draw_data(np.random.default_rng(seed), ()) for seed in range(count)]


@pytest.mark.parametrize("convention", ["right", "published"])
def test_the_truth_scores_full_marks_against_itself(convention):
    for data in many_data(100):
        text = data.truth()
        chart = parse_chart(text, convention)
        assert chart is not None
        assert chart_iou(chart["values"], chart["values"], TOLERANCES["strict"], convention) == 1.0
        for name in TITLES:
            assert title_score(chart[name], chart[name], convention) in (None, 1.0)


def test_the_truth_has_onecharts_form():
    forms = set()
    for data in many_data(100):
        forms.add(data.form)
        chart = json.loads(data.truth())
        assert list(chart) == ["title", "source", "x_title", "y_title", "values"]
        assert all(isinstance(chart[name], str) and chart[name] for name in TITLES)
        values = chart["values"]
        rows = values.values() if len(data.series) > 1 else [values]
        numbers = [value for row in rows for value in row.values()]
        assert len(numbers) == len(data.labels) * len(data.series)
        assert all(isinstance(value, int | float) and value > 0 for value in numbers)
        assert len({label.lower() for label in data.labels}) == len(data.labels) >= 2
        assert len({name.lower() for name in data.series}) == len(data.series)
        found = read_chart(data.truth())
        assert found is not None and len(found[0].labels) == len(data.labels)
    assert forms == set(FORMS)


def test_values_can_be_read_off():
    unprinted = 0
    for data in many_data(400):
        numbers = [value for values in data.series.values() for value in values]
        for value in numbers:
            assert abs(float(f"{value:.{data.number.decimals}f}") - value) < 1e-9
        if data.is_round:
            assert data.printed
            if data.number.suffix == "%":
                assert abs(sum(numbers) - 100) < 1e-6
            continue
        step = data.ticks[1] - data.ticks[0]
        tallest = (
            max(map(sum, zip(*data.series.values(), strict=True))) if data.form == "stacked bar" else max(numbers)
        )
        assert data.ticks[-1] >= tallest and data.ticks[0] <= min(numbers) and 3 <= len(data.ticks) <= 14
        if not data.printed:
            unprinted += 1
            fifths = np.array(numbers) / (step / 5)
            assert np.abs(fifths - np.round(fifths)).max() < 1e-6
    assert unprinted > 100


def test_unprinted_values_have_gridlines(families):
    for seed in range(60):
        rng = np.random.default_rng(seed)
        data = draw_data(rng, ())
        assert data.printed or draw_look(rng, families, data).grid


def test_horizontal_bars_name_the_axes_as_they_lie():
    number = NumberFormat(0, ",")
    shared = ("Population", "", "Country", "Millions", ("Chad", "Peru"), {"": (17.0, 33.0)}, True, (0.0, 20.0, 40.0))
    lying = json.loads(ChartData("horizontal bar", *shared, number, number).truth())
    assert (lying["x_title"], lying["y_title"], lying["source"]) == ("Millions", "Country", "None")
    assert lying["values"] == {"Chad": 17, "Peru": 33}
    assert json.loads(ChartData("bar", *shared, number, number).truth())["x_title"] == "Country"


def test_numbers_are_written_as_asked():
    assert NumberFormat(1, ",", "$").text(12345.67) == "$12,345.7"
    assert NumberFormat(0, " ", "", "%").text(1200) == "1 200%"
    assert NumberFormat(2, "").text(-1234.5) == "-1234.50"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("drawer", [charts_matplotlib, charts_vega])
def test_each_library_draws_each_form(form, drawer, families):
    rng = np.random.default_rng(3)
    data = draw_data(rng, ())
    while data.form != form:
        data = draw_data(rng, ())
    image = drawer.draw_chart(data, draw_look(rng, families, data))
    pixels = np.asarray(image)
    assert image.mode == "RGB" and 200 < image.width < 2000 and 200 < image.height < 2000
    assert (pixels != pixels[0, 0]).any(axis=2).mean() > 0.02
    # Nothing is cut off: the paper goes all around.
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    assert (border == pixels[0, 0]).all()


@pytest.mark.parametrize("drawer", [charts_matplotlib, charts_vega])
def test_a_changed_value_is_a_changed_picture(drawer, families):
    rng = np.random.default_rng(8)
    data = draw_data(rng, ())
    while data.printed or data.form != "bar":
        data = draw_data(rng, ())
    look = draw_look(rng, families, data)
    name, values = next(iter(data.series.items()))
    lower = (values[0] - (data.ticks[1] - data.ticks[0]) / 5, *values[1:])
    other = ChartData(**{**vars(data), "series": {**data.series, name: lower}})
    first = np.asarray(drawer.draw_chart(data, look)).astype(int)
    second = np.asarray(drawer.draw_chart(other, look)).astype(int)
    assert first.shape == second.shape and (np.abs(first - second).max(axis=2) > 60).sum() > 20


def test_matplotlibs_settings_are_left_as_they_were(kind, families):
    rng = np.random.default_rng(1)
    data = draw_data(rng, ())
    look = draw_look(rng, families, data)
    plain = charts_matplotlib.draw_chart(data, look)
    with matplotlib.rc_context({"font.size": 31.0, "axes.facecolor": "red", "text.color": "green"}):
        before = dict(matplotlib.rcParams)
        assert charts_matplotlib.draw_chart(data, look).tobytes() == plain.tobytes()
        assert dict(matplotlib.rcParams) == before


def test_two_processes_draw_the_same_bits(kind, corpus, tmp_path):
    own = []
    for seed in reversed(SEEDS):  # In another order, after other charts.
        sample = kind.draw(np.random.default_rng(seed))
        own.append(hashlib.sha256(sample.images[0].tobytes() + sample.turns[0].answer.encode()).hexdigest())
    libraries = {kind.draw(np.random.default_rng(seed)).source["library"] for seed in SEEDS}
    assert libraries == {"matplotlib", "vega"}
    environment = {**os.environ, "MPLCONFIGDIR": str(tmp_path), "PYTHONHASHSEED": "1"}
    command = [sys.executable, "-c", PROGRAM, str(corpus), ",".join(map(str, SEEDS)), *map(str, FONT_FILES)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.split() == own[::-1]


def test_samples_are_conversations(kind):
    sample = kind.draw(np.random.default_rng(0))
    assert sample.kind == "charts" and sample.turns[0].instruction == "OCR with format: "
    json.dumps(sample.source)
    assert sample.source["redrawn"] == 0 and sample.source["degradations"] == []
