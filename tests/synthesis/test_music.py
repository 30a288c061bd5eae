"""Sheet music of the data engine: measures that add up, and truth that engraves to the same picture."""

import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("verovio")
pytest.importorskip("resvg_py")
matplotlib = pytest.importorskip("matplotlib")

from got_ocr.rendering.music import draw_music, fix_kern  # noqa: E402
from got_ocr.synthesis.drawing.svg_picture import crop_to_ink, draw_svg, use_family  # noqa: E402
from got_ocr.synthesis.music.engraver import Engraver  # noqa: E402
from got_ocr.synthesis.music.kern import alteration, compose, duration_text  # noqa: E402
from got_ocr.synthesis.music.kind import SheetMusic  # noqa: E402
from got_ocr.synthesis.resources import Resources  # noqa: E402
from got_ocr.synthesis.text.fonts import FontFace  # noqa: E402

FONTS = Path(matplotlib.get_data_path(), "fonts", "ttf")
NOTE = re.compile(r"[\[(]*(\d+)(\.*)(?:r|([a-gA-G])\3*[#n-]*)[\]_);'^~LJKk]*$")


@pytest.fixture(scope="module")
def kind():
    made = SheetMusic(Resources(font_files=(FONTS,)))
    yield made
    made.engraver.close()


def durations(kern):
    """Add up each staff's notes, measure by measure: a reader of kern of its own."""
    measures = []
    for line in kern.split("\n"):
        fields = line.split("\t")
        if line.startswith("="):
            measures.append([Fraction(0)] * len(fields))
        elif not line.startswith("*"):
            if not measures:
                measures.append([Fraction(0)] * len(fields))
            for staff, field in enumerate(fields):
                if field == ".":
                    continue
                lengths = set()
                for token in field.split(" "):
                    match = NOTE.match(token)
                    assert match, token
                    whole = Fraction(1, int(match[1]))
                    lengths.add(whole * (2 - Fraction(1, 2 ** len(match[2]))))
                assert len(lengths) == 1, f"a chord of unlike notes: {field}"
                measures[-1][staff] += lengths.pop()
    return [measure for measure in measures if any(measure)]


def likeness(one, other):
    arrays = []
    for image in (one, other):
        grey = crop_to_ink(image, (4, 4, 4, 4)).convert("L").resize((200, 60), Image.Resampling.BOX)
        arrays.append(np.asarray(grey, dtype=float).ravel())
    return float(np.corrcoef(*arrays)[0, 1])


def test_every_measure_adds_up():
    with_pickup = 0
    for seed in range(200):
        piece = compose(np.random.default_rng(seed))
        numerator, denominator = (int(part) for part in piece.meter.split("/"))
        measures = durations(piece.kern)
        assert len(measures) == piece.measures
        if measures[0][0] < Fraction(numerator, denominator):
            with_pickup += 1
            assert len(set(measures[0])) == 1
            measures = measures[1:]
        assert all(length == Fraction(numerator, denominator) for measure in measures for length in measure)
    assert 5 < with_pickup < 100


def test_pieces_are_well_formed_and_varied():
    seen = {"clefs": set(), "meter": set(), "key": set()}
    everything = ""
    for seed in range(200):
        piece = compose(np.random.default_rng(seed))
        lines = piece.kern.split("\n")
        assert lines[0] == "\t".join(["**kern"] * len(piece.clefs)) and lines[-1] == "\t".join(
            ["*-"] * len(piece.clefs)
        )
        assert {line.count("\t") for line in lines} == {len(piece.clefs) - 1}
        for staff in range(len(piece.clefs)):
            column = "\n".join(line.split("\t")[staff] for line in lines)
            body = "\n".join(line for line in column.split("\n") if line[0] not in "*=.")
            assert body.count("(") == body.count(")")
            assert body.count("[") == body.count("]")
            assert body.count("L") == body.count("J")
            depth = 0
            for letter in re.sub(r"[^LJ\n]", "", body):
                depth += (letter == "L") - (letter == "J")
                assert depth >= 0
        assert fix_kern(piece.kern)[1] == []
        for name, values in seen.items():
            values.add(getattr(piece, name))
        everything += piece.kern
    assert len(seen["clefs"]) >= 6 and len(seen["meter"]) >= 7 and len(seen["key"]) >= 9
    for mark in ("[", "(", "12", ".", "#", "-", "n", "r", " ", "LL", "'", ";", "=:|!"):
        assert mark in everything, mark


def test_key_signatures_alter_the_right_letters():
    names = "cdefgab"
    assert [names[letter] for letter in range(7) if alteration(letter, 3) == 1] == ["c", "f", "g"]
    assert [names[letter] for letter in range(7) if alteration(letter, -2) == -1] == ["e", "b"]
    assert not any(alteration(letter, 0) for letter in range(7))


def test_durations_are_written_as_kern_writes_them():
    assert [duration_text(Fraction(*pair)) for pair in ((1, 4), (3, 8), (1, 12), (3, 4), (1, 1))] == [
        "4",
        "4.",
        "12",
        "2.",
        "1",
    ]
    with pytest.raises(ValueError, match="5/8 of a whole note is no single note: split and tie it"):
        duration_text(Fraction(5, 8))


def test_the_answer_engraves_to_the_same_picture(kind):
    for seed in range(4):
        sample = kind.draw(np.random.default_rng(seed))
        again = kind.engrave(sample.turns[0].answer, sample.source["engraving"], sample.source["picture"])
        assert again.tobytes() == sample.images[0].tobytes()
        assert sample.turns[0].instruction == "OCR with format: "


def test_equal_generators_give_equal_samples_in_any_order(kind):
    first = kind.draw(np.random.default_rng(11))
    kind.draw(np.random.default_rng(12))
    other = SheetMusic(Resources(font_files=(FONTS,)))
    again = other.draw(np.random.default_rng(11))
    other.engraver.close()
    assert first.images[0].tobytes() == again.images[0].tobytes()
    assert first.turns == again.turns and first.source == again.source


def test_the_renderer_of_answers_engraves_the_piece_and_no_other(kind):
    pieces = [compose(np.random.default_rng(seed)).kern for seed in range(6)]
    face = ["DejaVu Sans", str(FONTS / "DejaVuSans.ttf")]
    picture = {"zoom": 0.4, "face": face, "background": "#ffffff", "margins_px": [10, 10, 10, 10]}
    faces = [FontFace(face[0], "Book", face[1])]  # Without a face no bar number would be drawn.
    answers = [draw_svg(use_family(draw_music(kern)[0][0], face[0]), zoom=0.4, faces=faces) for kern in pieces]
    for options, least in (({}, 0.99), ({"font": "Bravura"}, 0.5)):  # Another font has wider clefs: notes move.
        own = [kind.engrave(kern, options, picture) for kern in pieces]
        table = np.array([[likeness(one, other) for other in answers] for one in own])
        assert np.diag(table).min() > least
        assert (table.argmax(axis=1) == np.arange(len(table))).all()


def test_a_note_changed_is_a_picture_changed(kind):
    kern = "**kern\n*clefG2\n*k[]\n*M4/4\n=1-\n4c\n4d\n2e\n==\n*-"
    engraver = kind.engraver
    plain = draw_svg(engraver.engrave(kern), zoom=0.5)
    assert draw_svg(engraver.engrave(kern.replace("4d", "4d#")), zoom=0.5).tobytes() != plain.tobytes()
    assert draw_svg(engraver.engrave(kern), zoom=0.5).tobytes() == plain.tobytes()


def test_the_engraver_survives_what_ends_its_process():
    engraver = Engraver()
    good = "**kern\n*clefG2\n=1-\n1c\n==\n*-"
    first = draw_svg(engraver.engrave(good), zoom=0.3)
    engraver._process.kill()
    engraver._process.wait()
    assert draw_svg(engraver.engrave(good), zoom=0.3).tobytes() == first.tobytes()
    with pytest.raises(ValueError, match="the music has 0 pages, and 1 is wanted"):
        engraver.engrave("no music at all")
    engraver.close()
