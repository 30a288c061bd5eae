"""Tables: spans add up, our own reader and LaTeX take them, and pictures show what answers say."""

import re
import shutil

import numpy as np
import pytest
from PIL import Image

from got_ocr.rendering import render
from got_ocr.rendering.browser import find_browser
from got_ocr.synthesis.drawing.browser_page import BrowserPage
from got_ocr.synthesis.drawing.latex_page import LatexPage
from got_ocr.synthesis.drawing.typeset import Style, Typesetter
from got_ocr.synthesis.resources import Resources
from got_ocr.synthesis.tables.kind import Tables, random_table
from got_ocr.synthesis.tables.kind import _css as table_css
from got_ocr.synthesis.text.corpus import Corpus

needs_browser = pytest.mark.skipif(find_browser() is None, reason="no Chromium or Chrome on this machine")
needs_latex = pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on this machine")
CORPUS = Corpus(("some plain words that stand for prose, and others", "numbers are drawn anew"), ("word", "other"))


def likeness(first: Image.Image, second: Image.Image) -> float:
    """Correlation of two pictures' ink, both cut to it and brought to one size."""
    inks = []
    for image in (first, second):
        pixels = np.asarray(image.convert("L"), np.float32)
        ink = np.abs(pixels - pixels[0, 0])
        rows, columns = np.flatnonzero(ink.max(1) > 30), np.flatnonzero(ink.max(0) > 30)
        cut = Image.fromarray(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
        inks.append(np.asarray(cut.resize((120, 80), Image.Resampling.BOX)).ravel())
    return float(np.corrcoef(inks)[0, 1])


def tables(count: int, first: int = 0):
    return [random_table(np.random.default_rng((5, seed)), CORPUS) for seed in range(first, first + count)]


def test_tables_are_read_as_one_table_without_a_note_and_every_place_is_covered_once():
    seen = ""
    for source in tables(500):
        document = render(source)
        assert document.notes == [], source
        assert [block.kind for block in document.blocks] == ["table"], source
        table = document.blocks[0].content
        assert 1 <= len(table.rows) <= 12 and 1 <= table.width <= 8
        covered = np.zeros((len(table.rows), table.width), int)
        for number, row in enumerate(table.rows):
            for cell in row:
                covered[number : number + cell.rows, cell.column : cell.column + cell.columns] += 1
        assert (covered == 1).all(), source
        seen += source
    for command in (r"\multicolumn", r"\multirow", r"\hline", r"\cline", "|c|", r"\( ", r"\%", r"\$", "& &"):
        assert command in seen, command


def test_rows_of_the_source_have_as_many_columns_as_their_specification():
    for source in tables(300):
        spec = re.match(r"\\begin\{tabular\}\{([|lcr]+)\}\n", source)[1]
        rows = [line for line in source.splitlines() if line.endswith(r" \\")]
        for row in rows:
            spans = [int(span) for span in re.findall(r"\\multicolumn\{(\d+)\}", row)]
            assert len(re.split(r"(?<!\\)&", row)) + sum(spans) - len(spans) == len(spec.replace("|", "")), source


def test_equal_generators_write_equal_tables():
    assert tables(30) == tables(15) + tables(15, first=15)
    small = [
        random_table(np.random.default_rng(seed), CORPUS, max_rows=3, max_columns=2, formulas=False)
        for seed in range(50)
    ]
    assert all(r"\( " not in source and source.count(r" \\") <= 3 for source in small)


@needs_latex
def test_latex_takes_thirty_tables_in_one_document():
    pdf = LatexPage().pdf("\n\n".join(tables(30)), packages=("multirow",))
    assert pdf.startswith(b"%PDF") and len(pdf) > 20_000


@needs_browser
@pytest.mark.parametrize("typesetter", ["browser", pytest.param("latex", marks=needs_latex)])
def test_equal_generators_draw_equal_samples_and_the_answer_draws_the_picture_again(tmp_path, typesetter):
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("".join(f"Prose is here, enough for tables, as paragraph {n}.\n\n" for n in range(200)), "utf-8")
    resources = Resources(corpus_files=(corpus,), typesetter=typesetter)
    kind = Tables(resources)
    samples = [kind.draw(np.random.default_rng((6, seed))) for seed in range(2)]
    again = kind.draw(np.random.default_rng((6, 0)))
    assert again.turns == samples[0].turns and again.images[0].tobytes() == samples[0].images[0].tobytes()
    for sample in samples:
        assert sample.turns[0].instruction == "OCR with format: "
        assert sample.source["latex"] == sample.turns[0].answer
        assert sample.source["redrawn"] == 0
    style = Style(24.0, "Latin Modern Math", "DejaVu Sans", "", "", "#000000", "#ffffff", 8, 30.0)
    picture = Typesetter(resources).picture(samples[0].turns[0].answer, style)
    assert picture.width > picture.height / 12


@needs_browser
def test_the_answer_renders_back_to_its_picture_and_to_no_other(tmp_path):
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("".join(f"Prose is here, enough for tables, as paragraph {n}.\n\n" for n in range(200)), "utf-8")
    resources = Resources(corpus_files=(corpus,))
    kind, page = Tables(resources), BrowserPage()
    samples = [kind.draw(np.random.default_rng((8, seed))) for seed in range(6)]
    alike = np.zeros((6, 6))
    for number, sample in enumerate(samples):
        answer, style = sample.turns[0].answer, Style(**sample.source["style"])
        spacing = {name: sample.source[name] for name in ("row_em", "column_em", "rule_px")}
        again = Typesetter(resources).picture(answer, style, css=table_css(spacing))
        assert again.tobytes() == sample.images[0].tobytes()
        # The renderer's own page of the answer, with this sample's fonts and room about cells.
        rules = (
            f"article {{ font-family: '{style.text_font}'; max-width: none; width: max-content }}"
            f" td {{ padding: {spacing['row_em']}em {spacing['column_em']}em }}"
        )
        html = render(answer).to_html().replace("</head>", f"<style>{rules}</style></head>")
        back = page.picture(html, width_px=3000, margin_px=8)
        alike[:, number] = [likeness(other.images[0], back) for other in samples]
    assert (alike.argmax(axis=1) == np.arange(6)).all()
    assert (alike.argmax(axis=0) == np.arange(6)).all()
    assert alike.diagonal().min() > 0.35


def test_no_row_lies_wholly_under_cells_of_several_rows():
    for source in tables(500, first=1000):
        for number, row in enumerate(render(source).blocks[0].content.rows):
            assert not row or any(cell.rows == 1 for cell in row), (number, source)
            assert row, (number, source)
