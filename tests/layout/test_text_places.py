"""The text of a whole page gets the boxes of the lines that show it, or none."""

import itertools
import math
import random
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from got_ocr.evaluation.benchmarks.line_boxes import TruthLine, count_places, make_answer
from got_ocr.layout.line import Line
from got_ocr.layout.page import PageLayout, analyse_page
from got_ocr.layout.text_parts import Parts, find_best_way, sum_up
from got_ocr.layout.text_places import PlacedText, place_text
from got_ocr.layout.text_thresholds import Alignment
from got_ocr.layout.text_units import split_units
from got_ocr.layout.time_limit import OutOfTimeError, time_limit

PARAGRAPHS = (
    "The quick brown fox jumps over a lazy dog near the old stone bridge while rain falls on quiet fields and "
    "children watch from a window of the small red house",
    "A letter arrived on Tuesday from an uncle who had sailed to distant islands with nothing but a map some bread "
    "and an umbrella that leaked in every storm; he wrote of birds as large as sheep, of rivers that ran uphill after "
    "heavy rain, and of a market where stories were bought by weight and paid in songs nobody remembered next morning",
    "Numbers such as 1984 or 3.14 stand between words. Who knows why printers loved them so much",
)


def draw_page(columns: int = 1, px: int = 22) -> tuple[Image.Image, list[TruthLine]]:
    """Draw the paragraphs in Pillow's own face. Returns: the page and its lines in reading order."""
    page = Image.new("RGB", (700 * columns, 620), "white")
    pencil = ImageDraw.Draw(page)
    lines: list[TruthLine] = []
    for column in range(columns):
        y = 30
        for number, paragraph in enumerate(PARAGRAPHS):
            words = paragraph.split()[column:]
            while words:
                count = len(words)
                while pencil.textlength(" ".join(words[:count]), font_size=px) > 600:
                    count -= 1
                text, words = " ".join(words[:count]), words[count:]
                x = 40 + 700 * column
                pencil.text((x, y), text, "black", font_size=px)
                box = pencil.textbbox((x, y), text, font_size=px)
                lines.append(TruthLine(text, box, number + 10 * column))
                y += 30
            y += 40
    return page, lines


def boxes_of(layout: PageLayout, placed: list[PlacedText]) -> list[Any]:
    return [(part, None if part.line is None else layout.lines[part.line].box) for part in placed]


# These lines are nearly all of one width, the hardest case: where some lack or are swapped, gaps alone tell them.
@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize(
    ("case", "boxed", "right"),
    [
        ("as it is", 1.0, 1.0),
        ("5 % wrong", 0.95, 1.0),
        ("joined", 0.88, 0.97),
        ("20 % wrong, joined", 0.8, 0.95),
        ("lines lacking", 0.75, 0.7),
        ("lines invented", 0.85, 0.95),
        ("blocks swapped", 0.7, 0.7),
    ],
)
def test_lines_get_their_boxes(columns: int, case: str, boxed: float, right: float) -> None:
    page, truth = draw_page(columns)
    layout = analyse_page(page, keep_pixels=True)
    answer = make_answer(truth, case, random.Random(7))
    placed = place_text(layout, answer.text)
    counts = count_places(truth, answer, boxes_of(layout, placed))
    assert counts.boxed >= boxed * counts.characters
    assert counts.right >= right * counts.boxed, counts.wrong
    # All of the text is there, in order, but for white space.
    kept = "".join(answer.text[part.start : part.end] for part in placed)
    assert "".join(kept.split()) == "".join(answer.text.split())
    assert [part.start for part in placed] == sorted(part.start for part in placed)


def test_a_text_that_is_not_on_the_page_gets_no_box() -> None:
    page, _ = draw_page()
    layout = analyse_page(page, keep_pixels=True)
    for text in ("no", "42\n43\n44", "x " * 400):
        assert {part.line for part in place_text(layout, text)} == {None}


def test_chinese_is_parted_between_any_characters() -> None:
    lines = tuple(
        Line((40, 40 + 50 * row, 40 + 30 * count, 70 + 50 * row), em_px=30.0) for row, count in enumerate((20, 20, 7))
    )
    text = "".join(chr(0x4E00 + number) for number in range(47))
    placed = place_text(PageLayout(lines, (700, 300)), text)
    assert [(part.line, part.end - part.start) for part in placed] == [(0, 20), (1, 20), (2, 7)]


@pytest.mark.parametrize("text", ["", " \n\t ", "word", "a\x00b", "\N{COMBINING ACUTE ACCENT}" * 5, "\n\nword\n\n"])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_any_text_and_page_are_taken(text: str, count: int) -> None:
    lines = tuple(Line((0, 20 * row, row, 20 * row), em_px=0.0) for row in range(count))  # The first has no width.
    placed = place_text(PageLayout(lines, (100, 100)), text)
    assert "".join(text[part.start : part.end] for part in placed).split() == text.split()


def test_the_pages_time_ends_it() -> None:
    page, truth = draw_page()
    layout = analyse_page(page, keep_pixels=True)
    with time_limit(1e-9), pytest.raises(OutOfTimeError):
        place_text(layout, "\n".join(line.text for line in truth))


def test_a_page_of_thousands_of_words_ends_at_once() -> None:
    lines = tuple(Line((40, 20 * row, 340, 20 * row + 14), em_px=14.0, block=row) for row in range(900))
    text = "\n".join(["eight words of which this line is made"] * 900)
    placed = place_text(PageLayout(lines, (400, 18000)), text)
    assert [part.line for part in placed] == [None] * 900


def test_units_know_their_places_and_ends() -> None:
    text = "Two words,\n\u4e2d\u6587 x\n"
    units = split_units(text)
    spelled = [text[start:end] for start, end in zip(units.starts, units.ends, strict=True)]
    assert spelled == ["Two", "words,", "\u4e2d", "\u6587", "x"]
    assert units.ends_line.tolist() == [False, True, False, False, True]
    assert units.has_space.tolist() == [True, True, True, False, True]
    assert np.diff(units.begins_em)[3] == 1.0


def all_ways(parts: list[Parts], num_units: int) -> dict[tuple[tuple[int, int], ...], float]:
    """Score each way by the definition: what lines take, and what is left out before, between and behind."""
    choices = [
        [(begin, int(end), float(score)) for begin in range(num_units + 1)
         for end, score in zip(part.ends[begin], part.scores[begin], strict=True) if score > -math.inf]
        + [None] for part in parts
    ]  # fmt: skip
    found = {}
    for way in itertools.product(*choices):
        score, place, was_empty = 0.0, 0, False
        for taken in way:
            if taken is None:
                score -= Alignment.LEFT_OUT_NEXT_LINE if was_empty else Alignment.LEFT_OUT_LINE
                was_empty = True
                continue
            was_empty = False
            left_out = taken[0] - place
            if left_out < 0:
                break
            score += taken[2] - (Alignment.LEFT_OUT_TEXT + Alignment.LEFT_OUT_UNIT * left_out if left_out else 0.0)
            place = taken[1]
        else:
            left_out = num_units - place
            score -= Alignment.LEFT_OUT_TEXT + Alignment.LEFT_OUT_UNIT * left_out if left_out else 0.0
            found[tuple((0, 0) if taken is None else taken[:2] for taken in way)] = score
    return found


@pytest.mark.parametrize("seed", range(20))
def test_sums_and_the_best_way_are_those_of_all_ways(seed: int) -> None:
    rng = np.random.default_rng(seed)
    num_lines, num_units, width = int(rng.integers(1, 4)), int(rng.integers(1, 5)), int(rng.integers(1, 3))
    parts = []
    for _ in range(num_lines):
        ends = np.minimum(np.arange(num_units + 1)[:, None] + 1 + np.arange(width), num_units)
        scores = rng.normal(3, 6, ends.shape)
        scores[ends <= np.arange(num_units + 1)[:, None]] = -np.inf
        scores[:, 1:][ends[:, 1:] == ends[:, :-1]] = -np.inf  # Each part once.
        parts.append(Parts(ends, scores))
    ways = all_ways(parts, num_units)
    total, shares = sum_up(parts)
    assert total == pytest.approx(float(np.logaddexp.reduce(list(ways.values()))))
    for line, (part, share) in enumerate(zip(parts, shares, strict=True)):
        for begin, place in zip(*np.nonzero(part.scores > -np.inf), strict=True):
            through = [score for way, score in ways.items() if way[line] == (begin, int(part.ends[begin, place]))]
            expected = math.exp(float(np.logaddexp.reduce(through)) - total) if through else 0.0
            assert share[begin, place] == pytest.approx(expected, abs=1e-9)
    best = tuple((0, 0) if begin == end else (begin, end) for begin, end in find_best_way(parts))
    assert ways[best] == pytest.approx(max(ways.values()))
