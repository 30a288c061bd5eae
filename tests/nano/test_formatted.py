"""The tier of format mode: its pages, and how much of their structure an answer has."""

import sys
from pathlib import Path

import numpy as np
import pytest

from got_ocr.nano.config import NanoTrainingConfig
from got_ocr.nano.formatted import count_structure, structure_parts, sum_structure
from got_ocr.nano.materials import Materials
from got_ocr.nano.report import describe_structure, score, summarise
from got_ocr.nano.run import Answer, can_read
from got_ocr.nano.tiers import find_tiers
from got_ocr.rendering.browser import find_browser

CONFIG = Path(__file__).parents[2] / "configuration" / "training" / "nano.yaml"
RUNG = find_tiers(["format"])[0]
TABLE = "\\begin{tabular}{lr}\n\\hline\nName & Sum \\\\\n\\hline\ntea & 12\\% \\\\\n\\hline\n\\end{tabular}"
LIST = "- one leaf\n- two leaves"
PAGE = f"\\title{{\nOn tea\n}}\n\n\\section*{{1 Leaves}}\n\nGreen and black \\(x^{{2}} + 1\\).\n\n{LIST}\n\n{TABLE}"


def test_parts_are_told_by_their_marks() -> None:
    parts = structure_parts(PAGE)
    assert parts == {
        "headings": [("title", "On tea"), ("section*", "1 Leaves")],
        "items": [("-", "one leaf"), ("-", "two leaves")],
        "formulas": [("", "x^{2}+1")],
    }


def test_an_equal_answer_has_all_of_the_structure() -> None:
    count = count_structure(PAGE, PAGE)
    assert count.true == count.answered == count.right == {"headings": 2, "items": 2, "formulas": 1, "cells": 4}
    assert count.teds == 1.0
    assert set(sum_structure([count, count]).values()) == {1.0}


def test_levels_marks_and_places_must_be_right_but_not_each_letter() -> None:
    other = PAGE.replace("section*", "subsection*").replace("- two", "2. two").replace("x^", "y^")
    other = other.replace("tea & 12", "12 & tea")
    count = count_structure(PAGE, other)
    assert count.right == {"headings": 1, "items": 1, "formulas": 0, "cells": 2}
    assert count.answered == count.true
    long = "\\section*{A heading of many letters}"
    assert count_structure(long, long.replace("many", "nany")).right["headings"] == 1
    plain = sum_structure([count_structure(PAGE, "Green and black.")])
    assert plain == {"headings": 0.0, "items": 0.0, "formulas": 0.0, "cells": 0.0, "teds": 0.0}
    assert set(sum_structure([count_structure("Green.", "Green.")]).values()) == {None}


def test_figures_name_the_structure_and_the_pages_without_formulas() -> None:
    answers = [
        Answer(0, 1, [PAGE], PAGE, facts={"formulas": 0}),
        Answer(1, 1, ["one \\(x\\)\n\ntwo"], "one x two", facts={"formulas": 1}),
    ]
    scored = [score(RUNG, answer) for answer in answers]
    assert [one.errors for one in scored] == [0, 5], "brackets, and a paragraph's end"
    figures = summarise(RUNG, "nano", scored)
    assert figures.structure["without_formulas"] == 0.0
    assert figures.error is not None
    assert figures.error.value > 0
    assert describe_structure(figures.structure) == (
        "F1 of headings 1.000, list items 1.000, formulas 0.667, cells 1.000, TEDS 1.000, CER without formulas 0.00 %"
    )
    assert describe_structure({}) == ""


def test_tesseract_is_not_asked_for_markdown() -> None:
    assert can_read("nano", RUNG)
    assert not can_read("tesseract", RUNG)
    assert can_read("tesseract", find_tiers(["lines"])[0])


@pytest.mark.skipif(find_browser() is None or sys.platform == "win32", reason="no Chromium or Chrome on this machine")
def test_a_page_depends_on_its_number_alone_and_has_headings_and_tables(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    words = ["river", "stone", "under", "the", "quiet", "bridge", "never", "asks", "why", "morning", "comes", "slowly"]
    corpus = tmp_path / "corpus.txt"
    sentences = [" ".join(rng.choice(words, 8)).capitalize() + "." for _ in range(2400)]
    corpus.write_text("\n".join(" ".join(sentences[start : start + 4]) for start in range(0, 2400, 4)), "utf-8")
    materials = Materials(NanoTrainingConfig.read(CONFIG), corpus)
    first, again, other = (RUNG.question(materials, number) for number in (2, 2, 3))
    assert first.texts == again.texts
    assert first.pages[0].tobytes() == again.pages[0].tobytes()
    assert first.texts != other.texts
    parts = structure_parts("\n\n".join([*first.texts, *other.texts]))
    assert parts["headings"]
    assert "\\multi" not in first.texts[0] + other.texts[0]
