"""Lines of documents and their slices: what is drawn is what the answer says, where its boxes say."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from got_ocr.synthesis.documents.lines import (
    COLUMN_GAP,
    LEVEL,
    LINE_KINDS,
    LOWERED,
    RAISED,
    DocumentText,
    parse_grammar,
    plain_text,
    read_grammar,
)
from got_ocr.synthesis.documents.printing import (
    BELOW_EM,
    PROCESSES,
    PrintStyle,
    draw_style,
    pad_em,
    print_row,
    set_words,
    word_width_em,
)
from got_ocr.synthesis.documents.sheet import Sheet, Type
from got_ocr.synthesis.documents.slices import DocumentSliceSource
from got_ocr.synthesis.kinds import make_kind
from got_ocr.synthesis.resources import Resources
from got_ocr.synthesis.text.corpus import Corpus, TextSource
from got_ocr.synthesis.text.fonts import FontFace, can_draw
from got_ocr.synthesis.text.text_image import TextImageSource
from tests.support.packaged_fonts import FONT_FILES, packaged_faces

CORPUS = Corpus(
    ("The quick brown fox jumps over the lazy dog, and 27 hens look on.",), ("quartz", "vexing", "Jumbo", "Nancy")
)
ALPHABET = frozenset(map(chr, range(32, 127))) | frozenset("£€¥°±×§©®™µ†‡•–—−‘’“”≤≥→✓")


@pytest.fixture(scope="module")
def face() -> FontFace:
    for face in packaged_faces():
        if face.style in ("Regular", "Book") and all(can_draw(face, character) for character in "AZaz09.,:%$"):
            return face
    pytest.skip("no font is installed")


@pytest.fixture(scope="module")
def text() -> DocumentText:
    return DocumentText(CORPUS, ALPHABET)


def style(process: str, em_px: float = 24.0, damage: float = 0.0) -> PrintStyle:
    dots = {"screen": em_px, "matrix": 12.0}.get(process, 2 * em_px)
    return PrintStyle(process, em_px, dots, tracking_em=0.0, stretch=1.0, damage=damage)


def test_every_kind_of_line_stays_within_the_alphabet(text: DocumentText) -> None:
    for kind in LINE_KINDS:
        lines = [text.line(np.random.default_rng((3, number)), kind) for number in range(60)]
        assert all(plain_text(line) and ALPHABET.issuperset(plain_text(line)) for line in lines)
        assert kind == "prose" or len(set(lines)) > 20  # the grammar is not exhausted, nor the fallback its rule
        assert all(line.count(RAISED) + line.count(LOWERED) <= line.count(LEVEL) for line in lines)


def test_a_line_out_of_the_alphabet_is_written_anew() -> None:
    digits_only = DocumentText(CORPUS, frozenset("0123456789./-: "))
    for number in range(30):
        read = plain_text(digits_only.line(np.random.default_rng(number), "date"))
        assert set(read) <= set("0123456789./-: ") or read == "No. 1"


def test_the_same_generator_writes_the_same_line(text: DocumentText) -> None:
    for number in range(40):
        assert text.line(np.random.default_rng(number)) == text.line(np.random.default_rng(number))


def test_marks_are_no_text() -> None:
    assert plain_text(f"x{RAISED}2{LEVEL}{COLUMN_GAP}H{LOWERED}2{LEVEL}O  7") == "x2 H2O 7"


def test_a_grammar_that_names_no_rule_is_refused() -> None:
    with pytest.raises(ValueError, match=r"rule 'cell' of the grammar names 'prize'"):
        DocumentText(CORPUS, ALPHABET, "cell\n{prize}")
    with pytest.raises(ValueError, match="is there twice"):
        parse_grammar("cell\na\n\ncell\nb")
    assert parse_grammar("cell\n3* a | b\nc")["cell"].weights.tolist() == pytest.approx([3 / 7, 3 / 7, 1 / 7])
    assert set(LINE_KINDS) - {"prose"} <= set(parse_grammar(read_grammar()))


def test_superscripts_are_smaller_and_higher(face: FontFace) -> None:
    row = set_words(face, [(0.0, f"m{RAISED}2{LEVEL}"), (0.3, "4")], style("render"))
    assert row.text == "m2 4"
    (_, _, size, rise), (_, _, script_size, script_rise), (_, _, last_size, last_rise) = row.runs
    assert (size, rise) == (last_size, last_rise) == (1.0, 0.0)
    assert script_size < 0.8 and script_rise > 0.2
    assert row.width_em == pytest.approx(
        word_width_em(face, f"m{RAISED}2{LEVEL}", style("render")) + 0.3 + word_width_em(face, "4", style("render"))
    )


@pytest.mark.parametrize("process", PROCESSES)
def test_ink_stands_where_the_row_says(process: str, face: FontFace) -> None:
    one = style(process)
    row = set_words(face, [(0.0, "HAM"), (0.9, "12")], one)
    ink = print_row(np.random.default_rng(4), row, face, one)
    assert ink.min() >= 0.0 and ink.max() <= 1.0
    dark = ink > 0.4
    columns = np.flatnonzero(dark.any(0)) / one.em_px - pad_em(one)
    gap = row.stops[3]  # the space between the words
    assert abs(columns.min() - row.stops[0, 0]) < 0.2 and abs(columns.max() - row.width_em) < 0.2
    middle = dark[
        :, round((gap[0] + 0.25 + pad_em(one)) * one.em_px) : round((gap[1] - 0.25 + pad_em(one)) * one.em_px)
    ]
    assert not middle.any()
    rows = np.flatnonzero(dark.any(1))
    assert ink.shape[0] - 1 - rows.max() > 0.5 * BELOW_EM * one.em_px  # capitals stand on the baseline


def test_styles_are_drawn_within_their_sizes() -> None:
    drawn = [draw_style(np.random.default_rng(number)) for number in range(400)]
    assert {one.process for one in drawn} == set(PROCESSES)
    for one in drawn:
        low, high = PROCESSES[one.process][2]
        assert low - 0.5 <= one.em_px <= high + 0.5


def test_a_slice_reads_its_rows_and_boxes_hold_their_ink(face: FontFace, text: DocumentText) -> None:
    source = DocumentSliceSource({face.family: [face]}, {}, text)
    covered, wordless = [], 0
    for number in range(60):
        drawn = source.sample(np.random.default_rng(number), 64, 192, 2)
        again = source.sample(np.random.default_rng(number), 64, 192, 2)
        np.testing.assert_array_equal(drawn.ink, again.ink)
        assert drawn.text == again.text
        if not drawn.text:  # dashes, rules, a curve
            assert drawn.ink.max() > 100 and not len(drawn.boxes)
            wordless += 1
            continue
        assert "  " not in drawn.text and not set(drawn.text) & {COLUMN_GAP, RAISED, LOWERED, LEVEL}
        assert drawn.ink.shape == (64, 192) and len(drawn.boxes) == len(drawn.text)
        assert drawn.boxes[:, 0].min() > 0 and drawn.boxes[:, 2].max() <= 192
        inside = np.zeros(drawn.ink.shape, dtype=bool)
        for x1, y1, x2, y2 in drawn.boxes:
            inside[max(0, int(y1) - 2) : int(y2) + 3, max(0, int(x1) - 2) : int(x2) + 3] = True
        ink = np.maximum(drawn.ink - 100.0, 0.0)  # paler are patches of paper
        covered.append(ink[inside].sum() / max(ink.sum(), 1.0))
    assert np.median(covered) > 0.97
    assert 0 < wordless < 12


def test_shares_of_documents(face: FontFace, text: DocumentText) -> None:
    documents = DocumentSliceSource({face.family: [face]}, {}, text)

    def draw(share: float, slices: bool = True) -> list[str]:
        source = TextImageSource(
            {face.family: [face]}, TextSource(CORPUS), empty_share=0.0, documents=documents, document_share=share
        )
        return [source.sample(number, 64, 192, 2, slices=slices).text for number in range(8)]

    without = TextImageSource({face.family: [face]}, TextSource(CORPUS), empty_share=0.0)
    former = [without.sample(number, 64, 192, 2).text for number in range(8)]
    assert draw(1.0, slices=False) == former  # documents are shown as slices only
    assert draw(1.0) != draw(0.0)


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory) -> Resources:
    names = ["Harbour", "maple", "Quentin", "invoice", "ledger", "garden", "Florence", "copper", "window", "paper"]
    path = tmp_path_factory.mktemp("corpus") / "words.txt"
    path.write_text("\n\n".join(" ".join(names[n:] + names[:n]) for n in range(len(names))), encoding="utf-8")
    return Resources(corpus_files=(path,), font_files=FONT_FILES)


@pytest.mark.parametrize("name", ["receipts", "forms", "screens"])
def test_documents_read_what_they_show(name: str, resources: Resources) -> None:
    kind = make_kind(name, resources)
    for number in range(6):
        sample = kind.draw(np.random.default_rng((2, number)))
        image, answer = np.asarray(sample.images[0].convert("L"), dtype=float), sample.turns[0].answer
        lines = sample.source["lines"]
        rows: dict[int, list[dict[str, Any]]] = {}
        for line in lines:
            rows.setdefault(line["row"], []).append(line)
            x1, y1, x2, y2 = line["box"]
            assert 0 <= x1 < x2 <= image.shape[1] + 2 and 0 <= y1 < y2 <= image.shape[0]
            inside = image[y1:y2, max(x1, 0) : x2]
            assert inside.max() - inside.min() > 25  # something is printed there, on whatever colour
        assert answer.splitlines() == [
            " ".join(one["text"] for one in sorted(row, key=lambda one: one["box"][0])) for row in rows.values()
        ]
        for row in rows.values():  # what stands side by side doesn't touch
            ordered = sorted(one["box"] for one in row)
            assert all(left[2] < right[0] for left, right in pairwise(ordered))
        again = kind.draw(np.random.default_rng((2, number)))
        assert again.turns == sample.turns and again.images[0].tobytes() == sample.images[0].tobytes()


def test_words_that_do_not_fit_are_left_out_of_sheet_and_truth(face: FontFace) -> None:
    sheet = Sheet(200, (255, 255, 255), (0, 0, 0))
    kind = Type(face, style("render", 20.0))
    sheet.begin_row()
    assert sheet.print(np.random.default_rng(0), "Mississippi", kind, (10.0, 40.0)) is None
    placed = sheet.print(np.random.default_rng(0), "one two three four five six seven", kind, (10.0, 120.0))
    assert placed is not None and "one two three four five six seven".startswith(placed.text)
    assert sheet.text() == placed.text and placed.box[2] <= 121
