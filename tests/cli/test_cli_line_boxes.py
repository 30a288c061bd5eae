"""What the command line makes of a full model's answer: lines with boxes in every form that has them."""

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from got_ocr.cli import exit_codes
from got_ocr.reading.engine_model import EngineModel
from tests.layout.test_text_places import draw_page
from tests.reading.test_line_boxes import WritingEngine


@pytest.fixture
def page(run: Any, tiny_config: Any, tiny_processor: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A drawn page and its lines; the model writes just them, and one that is not there."""
    image, truth = draw_page()
    image.save("page.png")
    text = "\n".join([*(line.text for line in truth), "a line of which the page knows nothing at all, made up"])
    engine = EngineModel(WritingEngine(tiny_config, text))
    monkeypatch.setattr("got_ocr.cli.read._load", lambda choice, args: (engine, tiny_processor))
    return truth


def test_json_has_boxes(run: Any, page: Any) -> None:
    code, out, _ = run("page.png", "--json")
    (record,) = map(json.loads, out.splitlines())
    assert code == exit_codes.OK and record["size"] == [700, 620]
    assert [line["text"] for line in record["lines"][:-1]] == [line.text for line in page]
    assert [line["box"] is None for line in record["lines"]] == [False] * len(page) + [True]
    assert all(0 < line["mean_probability"] <= 1 for line in record["lines"])
    assert "tokens" not in record


def test_hocr_and_alto_have_boxes(run: Any, page: Any) -> None:
    for form, suffix in (("hocr", "hocr"), ("alto", "xml")):
        assert run("page.png", "--lines", form, "--output", form)[0] == exit_codes.OK
        root = ElementTree.parse(Path(form, f"page.{suffix}")).getroot()
        if form == "hocr":
            found = [
                element.get("title")
                for element in root.iter("{http://www.w3.org/1999/xhtml}span")
                if element.get("class") == "ocr_line"
            ]
            assert len(set(found)) == len(found) and found[-1] == "bbox 0 0 700 620"
        else:
            found = list(root.iter("{http://www.loc.gov/standards/alto/ns-v4#}TextLine"))
        assert len(found) == len(page) + 1


def test_a_searchable_pdf_has_the_lines_where_they_stand(run: Any, page: Any) -> None:
    pypdfium2 = pytest.importorskip("pypdfium2")
    pytest.importorskip("pikepdf")
    assert run("page.png", "--searchable", "found.pdf")[0] == exit_codes.OK
    document = pypdfium2.PdfDocument("found.pdf")
    _, height = document[0].get_size()
    text = document[0].get_textpage()
    for line in page:
        word = max(line.text.split(), key=len)
        index, _ = text.search(word).get_next()
        _, bottom, _, top = text.get_charbox(index, loose=True)
        middle = 620 * (1 - (bottom + top) / 2 / height)
        assert line.box[1] - 5 < middle < line.box[3] + 5
    assert text.search("knows nothing").get_next() is not None


def test_overlays_show_what_was_read_where(run: Any, page: Any) -> None:
    draw_page()[0].save("other.png")
    code, out, _ = run("page.png", "other.png", "--overlay", "over.png")
    assert code == exit_codes.OK and out.count(page[0].text) == 2
    drawn = np.asarray(Image.open("over.png"))
    assert Path("over-2.png").exists() and drawn.shape == (620, 1400, 3)
    original = np.asarray(Image.open("page.png").convert("RGB"))
    changed = (drawn[:, :700] != original).any(2)
    for line in page:
        x1, y1, x2, y2 = map(round, line.box)
        # A frame around the line on the left; on the right its text in the same place.
        assert changed[y1 - 6 : y2 + 6, x1 + 20 : x2 - 20].any(0).all()
        assert (drawn[y1:y2, 700 + x1 : 700 + x2] < 200).any(2).mean() > 0.03


def test_overlay_reads_back_what_an_earlier_run_kept(run: Any, page: Any) -> None:
    assert run("page.png", "--json", "--output", "all.jsonl")[0] == exit_codes.OK
    assert run("page.png", "--json", "--output", "all.jsonl", "--overlay", "over.png")[0] == exit_codes.OK
    assert Path("over.png").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--overlay", "over.txt"], "--overlay over.txt: a picture's name is wanted, such as over.png."),
        (["--overlay", "over.png", "--stream"], "leave out --stream."),
        (["--overlay", "over.png", "--multi-page"], "leave out --multi-page."),
        (["--overlay", "over.png", "--type", "format"], "leave out --type format."),
        (["--overlay", "page.png"], "--overlay names an input, page.png"),
    ],
)
def test_what_overlay_cannot_draw_is_said(run: Any, page: Any, arguments: list[str], said: str) -> None:
    code, _, err = run("page.png", *arguments)
    assert code == exit_codes.WRONG_USAGE and said in err


def test_text_alone_needs_no_layout(run: Any, page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any) -> None:
        raise AssertionError("boxes were looked for")

    monkeypatch.setattr("got_ocr.reading.line_boxes.box_lines", refuse)
    assert run("page.png")[0] == exit_codes.OK
