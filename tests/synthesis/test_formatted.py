"""Formatted pages: the answer is Mathpix Markdown that reads back whole, and the picture shows it and nothing else."""

import dataclasses
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from got_ocr.processing.tokenizer import GotOcrTokenizer
from got_ocr.rendering import render
from got_ocr.rendering.browser import find_browser
from got_ocr.rendering.parsing import parse
from got_ocr.synthesis.drawing.browser_page import BrowserPage
from got_ocr.synthesis.formatted import kind as formatted_module
from got_ocr.synthesis.formatted.kind import FormattedDrawer, FormattedPages
from got_ocr.synthesis.formatted.source import (
    PIECE_BREAK,
    Piece,
    SourceWriter,
    draw_plan,
    estimate_tokens,
    join_pieces,
)
from got_ocr.synthesis.formatted.style import BrowserStyle, draw_style, style_sheet, web_families
from got_ocr.synthesis.formatted.with_browser import draw_pieces
from got_ocr.synthesis.formatted.with_latex import draw_latex_style, draw_pieces_latex
from got_ocr.synthesis.resources import Resources
from tests.support.vocabularies import genuine_vocabulary

PARAGRAPHS = (
    "The quick brown fox jumps over the lazy dog. Twenty hens look on from the fence of the neighbouring garden.",
    "Use *stars* and $dollars$ with care. Nobody writes a_b in prose. Plain sentences are kept, others are not.",
    "Every page has its number, its margins and its lines. A line has words, and a word has letters of one face.",
    "Whoever reads the instructions understands them. Nobody knows why they were written in such small letters.",
)
FAMILIES = ("DejaVu Sans", "DejaVu Serif", "Liberation Serif", "Liberation Sans")
needs_browser = pytest.mark.skipif(
    find_browser() is None or sys.platform == "win32", reason="no Chromium or Chrome on this machine"
)
needs_latex = pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on this machine")


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory) -> Resources:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("\n\n".join(f"{text} Number {number}." for number in range(9) for text in PARAGRAPHS), "utf-8")
    return Resources(corpus_files=(path,), font_families=FAMILIES)


def write(resources: Resources, seed: int, count: int = 14) -> list[Piece]:
    rng = np.random.default_rng((6, seed))
    writer = SourceWriter(rng, resources, draw_plan(rng))
    pieces: Iterator[Piece] = writer.pieces()
    return [*(next(pieces) for _ in range(count)), *writer.footnotes]


def a_style(**changes: object) -> BrowserStyle:
    rng = np.random.default_rng(1)
    style = draw_style(rng, {"DejaVu Serif": []}, shape=1.3, columns=1)
    plain = {"width_px": 500, "height_px": 650, "scale": 1.0, "margins_px": (30, 40, 30, 40), "size_px": 14.0}
    return dataclasses.replace(style, **{**plain, "family": "DejaVu Serif", **changes})  # type: ignore[arg-type]


def test_a_page_reads_back_piece_by_piece(resources: Resources) -> None:
    roles = set()
    for seed in range(20):
        pieces = write(resources, seed)
        roles |= {piece.role for piece in pieces}
        text = join_pieces(pieces)
        assert render(text).notes == []
        blocks, _ = parse(text)
        apart = [block for piece in pieces for block in parse(piece.source)[0]]
        assert [block.kind for block in blocks] == [block.kind for block in apart]
        assert [block.source.strip() for block in blocks] == [block.source.strip() for block in apart]
    assert roles >= {"title", "author", "abstract", "heading", "paragraph", "formula", "list", "table"}


def test_prose_has_no_markup_of_its_own(resources: Resources) -> None:
    rng = np.random.default_rng(2)
    plan = dataclasses.replace(draw_plan(rng), math=0.0, emphasis=0.0)
    text = SourceWriter(rng, resources, plan).prose(400)
    assert "fox" in text and "Plain sentences are kept" in text
    assert not re.search(r"[*_$\\]", text)


def test_the_estimate_of_tokens_is_near_the_vocabulary(resources: Resources) -> None:
    tokenizer = GotOcrTokenizer(str(genuine_vocabulary()))
    for seed in range(20):
        text = join_pieces(write(resources, seed))
        assert 0.6 < len(tokenizer(text)["input_ids"]) / estimate_tokens(text) < 1.1


def test_a_page_of_pieces_with_an_unknown_typesetter_or_no_browser_is_refused(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match="typesetter must be one of browser, latex, got 'word'"):
        FormattedPages(dataclasses.replace(resources, typesetter="word"))
    monkeypatch.setattr(formatted_module, "find_browser", lambda: None)
    with pytest.raises(ValueError, match=r"needs Chromium or Chrome.*choose the typesetter 'latex'"):
        FormattedPages(resources)


# ---- by the browser


def blurred_ink(image: Image.Image) -> np.ndarray:
    grey = np.abs(np.asarray(image.convert("L")).astype(float) - float(image.convert("L").getpixel((0, 0))))
    small = Image.fromarray(np.minimum(grey, 255).astype(np.uint8)).resize((160, 160), Image.Resampling.BOX)
    return np.asarray(small.filter(ImageFilter.GaussianBlur(2.0)), dtype=float)


def likeness(first: Image.Image, second: Image.Image) -> float:
    return float(np.corrcoef(blurred_ink(first).ravel(), blurred_ink(second).ravel())[0, 1])


@pytest.mark.browser
@needs_browser
def test_the_answer_renders_back_to_the_picture(resources: Resources) -> None:
    """The renderer's own page of the answer, in the sample's style: pieces stand where they stood."""
    kind, page = FormattedPages(resources), BrowserPage()
    alike, pictures, renderings = [], [], []
    for seed in range(3):
        sample = kind.draw(np.random.default_rng((7, seed)))
        (turn,) = sample.turns
        assert turn.instruction == "OCR with format: "
        document = render(turn.answer)
        assert document.notes == []
        look = {name: value for name, value in sample.source["look"].items() if name != "typesetter"}
        style = BrowserStyle(**look)
        fragment = re.sub(r"</?article>", "", document.to_html_fragment())
        html = f"<style>{style_sheet(style)}</style><main><div class=flow>{fragment}</div></main>"
        back = page.picture(html, width_px=style.width_px, scale=style.scale, margin_px=None)
        pictures.append(sample.images[0])
        renderings.append(back)
        alike.append(likeness(sample.images[0], back))
    others = [likeness(picture, renderings[index - 1]) for index, picture in enumerate(pictures)]
    assert np.mean(alike) > 0.6
    assert np.mean(alike) > np.mean(others) + 0.2


@pytest.mark.browser
@needs_browser
def test_equal_generators_draw_equal_pages(resources: Resources) -> None:
    kind, other = FormattedPages(resources), FormattedPages(resources)
    first = [kind.draw(np.random.default_rng((8, seed))) for seed in (0, 1)]
    second = [other.draw(np.random.default_rng((8, seed))) for seed in (1, 0)][::-1]
    for one, two in zip(first, second, strict=True):
        assert one.images[0].tobytes() == two.images[0].tobytes()
        assert one.turns == two.turns and one.source == two.source


@pytest.mark.browser
@needs_browser
def test_what_does_not_fit_is_not_in_the_answer() -> None:
    page = BrowserPage()
    wide = "\\[\n" + " + ".join(f"x_{{{number}}} y_{{{number}}}" for number in range(60)) + "\n\\]"
    words = " ".join(f"word{number}" for number in range(40))
    lines = [Piece("paragraph", f"Paragraph number {number}: {words}.") for number in range(12)]
    drawn = draw_pieces(page, [lines[0], Piece("formula", wide), *lines[1:]], a_style())
    assert drawn is not None
    assert drawn.left_out == 1
    assert 2 < drawn.taken < 13
    assert "x_{1}" not in drawn.text
    assert drawn.text.startswith(lines[0].source + PIECE_BREAK + lines[1].source)
    bottom = max(box[3] for placed in drawn.placed for box in placed.boxes)
    assert bottom <= drawn.image.height - 30 + 1
    # A title higher than the page is not shown, nor cut.
    title = Piece("title", "\\title{\n" + " ".join(f"Title{n}" for n in range(90)) + "\n}")
    short = draw_pieces(page, [title, Piece("paragraph", "A line.")], a_style(height_px=120))
    assert short is None or [placed.piece.role for placed in short.placed] == ["paragraph"]


@pytest.mark.browser
@needs_browser
@pytest.mark.parametrize("columns", [1, 2])
def test_a_page_as_high_as_its_text_is_shown_whole(columns: int) -> None:
    lines = [
        Piece("paragraph", f"Paragraph number {number}. " + " ".join(f"It goes on to {word}." for word in range(12)))
        for number in range(6)
    ]
    drawn = draw_pieces(BrowserPage(), lines, a_style(height_px=None, columns=columns))
    assert drawn is not None
    assert (drawn.taken, drawn.left_out) == (6, 0)
    bottom = max(box[3] for placed in drawn.placed for box in placed.boxes)
    assert bottom > 300
    assert bottom == pytest.approx(drawn.image.height - 30, abs=15)


@pytest.mark.browser
@needs_browser
def test_fonts_of_ones_own_are_drawn(resources: Resources) -> None:
    face = next(iter(web_families(resources).values()))[0]
    own = Resources(corpus_files=resources.corpus_files, font_files=(Path(face.path),))
    drawer = FormattedDrawer(own)
    page = drawer.page(np.random.default_rng(3), most_tokens=120)
    assert page.look["family"] == face.family
    assert "loaded" in drawer._page.ask("Array.from(document.fonts).map(font => font.status)")


# ---- by LaTeX


def test_latex_takes_no_larger_paper_than_the_tokens_fill() -> None:
    for seed in range(20):
        usual, small = (draw_latex_style(np.random.default_rng(seed), tokens=tokens) for tokens in (None, 630))
        assert draw_latex_style(np.random.default_rng(seed), tokens=100_000) == usual
        assert small == dataclasses.replace(usual, width_pt=small.width_pt, height_pt=small.height_pt)
        assert small.width_pt <= usual.width_pt
        assert small.height_pt / small.width_pt == pytest.approx(usual.height_pt / usual.width_pt, abs=0.01)
        measure_em = (small.width_pt - 2 * small.margins_pt[1]) / small.size_pt
        assert measure_em >= min(
            (24, 36)[small.columns - 1], (usual.width_pt - 2 * usual.margins_pt[1]) / usual.size_pt
        )


@needs_latex
def test_latex_sets_the_same_pieces(resources: Resources) -> None:
    pytest.importorskip("pypdfium2")
    pieces = write(resources, 3, count=40)
    style = draw_latex_style(np.random.default_rng(5), columns=1)
    first, second = (draw_pieces_latex(pieces, style) for _ in range(2))
    assert first is not None and second is not None
    assert first.image.tobytes() == second.image.tobytes()
    shown = [placed.piece for placed in first.placed if placed.piece.role != "footnote"]
    offered = [piece for piece in pieces if piece.role != "footnote"]
    assert len(shown) == first.taken - first.left_out < len(offered)
    assert all(piece in offered for piece in shown)
    assert first.text == join_pieces([placed.piece for placed in first.placed])
    grey = np.asarray(first.image.convert("L"))
    assert (grey < 128).mean() > 0.01
    assert (grey[[0, -1]] > 200).all() and (grey[:, [0, -1]] > 200).all()


@pytest.mark.slow
@pytest.mark.browser
@needs_browser
def test_twenty_pages_are_drawn(resources: Resources) -> None:
    kind = FormattedPages(resources)
    for seed in range(20):
        sample = kind.draw(np.random.default_rng((9, seed)))
        assert sample.turns[0].answer
        assert render(sample.turns[0].answer).notes == []
