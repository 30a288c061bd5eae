r"""Formatted pages to measure the built-in checkpoint's format mode on, and how well an answer has their structure.

Pages come from the data engine's browser, not from anything that the reading path shares: one column of headings,
paragraphs, lists and small tables, ruled or with horizontal rules only, in fonts that training knows. The truth is the
Mathpix Markdown that the page was drawn from.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from got_ocr.evaluation.distances import normalized_edit_distance, pair_cheapest
from got_ocr.evaluation.sections import FORMULA, TABLE_SPAN, split_sections
from got_ocr.evaluation.tables import parse_table, tables_similarity
from got_ocr.nano.materials import Materials
from got_ocr.nano.pictures import Question
from got_ocr.synthesis.formatted.source import FormattedPage, Piece, Plan, SourceWriter, join_pieces
from got_ocr.synthesis.resources import Resources
from got_ocr.synthesis.tables.kind import random_table

ALIKE = 0.1  # Largest share of wrong characters of a heading, an item, a formula or a cell that counts as read.
_FORMULAS = (
    *("x^{2}", "a_{i}", "n+1", "x_{0}", "y=2x", "r^{3}", "a+b", "b_{n}", "x<y", "\\alpha", "\\pi r^{2}", "k=3"),
    *("\\frac{a}{b}", "\\frac{1}{2}"),
)
_HEADING = re.compile(r"\\(title|section\*|subsection\*)\{\s*(.*?)\s*\}", re.DOTALL)
_ITEM = re.compile(r"^(-|\d{1,3}\.) (.+)$", re.MULTILINE)
_MOST_PIECES, _MOST_TABLES_DRAWN = 14, 200


@dataclass(frozen=True)
class StructureCount:
    """How much of a page's structure an answer has.

    Attributes:
        true: parts of the truth by kind: `headings`, `items`, `formulas`, `cells`.
        answered: parts of the answer by kind.
        right: parts that both have, by kind.
        teds: similarity of the tables with their texts; None where neither has any.
    """

    true: Mapping[str, int]
    answered: Mapping[str, int]
    right: Mapping[str, int]
    teds: float | None


class _SimpleWriter(SourceWriter):
    """Writes pieces whose tables have plain cells and rules, and whose formulas are few and short."""

    def _sentences(self, words: int, math: float) -> str:
        drawn = self.prose(words).split()
        if self.plan.math and len(drawn) > 6 and self.rng.random() < 0.5:
            place = int(self.rng.integers(2, len(drawn)))
            drawn.insert(place, f"\\({_FORMULAS[self.rng.integers(len(_FORMULAS))]}\\)")
        return " ".join(drawn)

    def _theorem_piece(self) -> Piece:
        return self._paragraph()

    def _display(self) -> Piece:
        return self._paragraph()

    def _captioned_table(self) -> Piece:
        for _ in range(_MOST_TABLES_DRAWN):
            table = random_table(self.rng, self.corpus, max_rows=7, max_columns=5, formulas=False)
            rows = table.count("\\\\\n")
            if table.count("\\hline") > 1 and "\\multi" not in table and "&" in table and rows > 1:
                break
        self._tables += 1
        caption = f"Table {self._tables}: {self.prose(int(self.rng.integers(3, 10)))}"
        parts = [caption, table] if self.rng.random() < 0.5 else [table]
        return Piece("table", "\n\n".join(parts))


def _pieces(rng: np.random.Generator, resources: Resources) -> list[Piece]:
    plan = Plan(
        math=1.0 if rng.random() < 0.3 else 0.0,
        tables=float(rng.choice([0.1, 0.3])),
        lists=float(rng.choice([0.1, 0.25])),
        numbered_headings=bool(rng.random() < 0.4),
        numbered_formulas=0.0,
        emphasis=0.0,
        front=False,
        paragraph_words=float(rng.uniform(20.0, 60.0)),
    )
    writer = _SimpleWriter(rng, resources, plan)
    drawn = []
    if rng.random() < 0.3:
        drawn.append(Piece("title", f"\\title{{\n{writer._head(int(rng.integers(3, 8)))}\n}}"))
    source = writer.pieces()
    while len(drawn) < _MOST_PIECES:
        drawn.append(next(source))
    return drawn


def draw_formatted(materials: Materials, rng: np.random.Generator, number: int) -> Question:
    """Draw a formatted page of one column.

    Args:
        materials: fonts and text.
        rng: decides.
        number: the picture's.

    Returns:
        The question; its truth is Mathpix Markdown.

    Raises:
        OSError: there is no browser.
    """
    from got_ocr.synthesis.drawing.browser_page import BrowserPage
    from got_ocr.synthesis.formatted.style import draw_style, web_families
    from got_ocr.synthesis.formatted.with_browser import draw_pieces

    resources = materials.known
    page: FormattedPage | None = None
    while page is None:
        pieces = _pieces(rng, resources)
        style = draw_style(rng, web_families(resources), columns=1)
        page = draw_pieces(BrowserPage(), pieces, style)
    kept = [placed.piece for placed in page.placed]
    text = join_pieces(kept)
    facts = {
        "family": style.family,
        "size_px": round(style.size_px * style.scale, 1),
        "roles": sorted(Counter(piece.role for piece in kept).items()),
        "formulas": len(FORMULA.findall(text)),
        "look": {name: page.look[name] for name in ("indent", "justify", "head_scale", "head_bold", "head_align")},
    }
    return Question((page.image,), (text,), facts)


def structure_parts(page: str) -> dict[str, list[tuple[str, str]]]:
    """Take headings, list items and formulas out of a page.

    Args:
        page: Mathpix Markdown.

    Returns:
        (command, mark or nothing, text) of `headings`, `items` and `formulas`, the latter without spaces.
    """
    rest = TABLE_SPAN.sub(" ", page)
    headings = [(command, " ".join(text.split())) for command, text in _HEADING.findall(rest)]
    formulas = [("", "".join((inline or display).split())) for inline, display in FORMULA.findall(rest)]
    return {"headings": headings, "items": _ITEM.findall(rest), "formulas": formulas}


def count_structure(truth: str, answer: str) -> StructureCount:
    """Compare the structure of two pages.

    Args:
        truth: Mathpix Markdown of the page.
        answer: what was read.

    Returns:
        The counts.
    """
    ours, theirs = structure_parts(truth), structure_parts(answer)
    true = {kind: len(parts) for kind, parts in ours.items()}
    answered = {kind: len(parts) for kind, parts in theirs.items()}
    right = {kind: _count_alike(parts, theirs[kind]) for kind, parts in ours.items()}
    tables, others = split_sections(truth).tables, split_sections(answer).tables
    cells, other_cells = [_cells(one) for one in tables], [_cells(one) for one in others]
    costs = [[-float(_cells_alike(one, other)) for other in other_cells] for one in cells]
    true["cells"] = sum(map(len, cells))
    answered["cells"] = sum(map(len, other_cells))
    pairs = pair_cheapest(costs) if cells and other_cells else []
    right["cells"] = int(-sum(costs[row][column] for row, column in pairs))
    return StructureCount(true, answered, right, tables_similarity(tables, others))


def _alike(one: str, other: str) -> bool:
    return one == other or normalized_edit_distance(one, other) <= ALIKE


def _count_alike(parts: Sequence[tuple[str, str]], others: Sequence[tuple[str, str]]) -> int:
    left, count = list(others), 0
    for mark, text in parts:
        found = next((other for other in left if other[0] == mark and _alike(text, other[1])), None)
        if found is not None:
            left.remove(found)
            count += 1
    return count


def _cells(table: str) -> dict[tuple[int, int], str]:
    rows = enumerate(parse_table(table))
    return {(row, column): cell.text for row, cells in rows for column, cell in enumerate(cells)}


def _cells_alike(one: Mapping[tuple[int, int], str], other: Mapping[tuple[int, int], str]) -> int:
    return sum(place in other and _alike(text, other[place]) for place, text in one.items())


def sum_structure(counts: Sequence[StructureCount]) -> dict[str, Any]:
    """Sum up the structure of a tier's answers.

    Args:
        counts: one a page.

    Returns:
        F1 by kind, None where no page has any, and the mean `teds` of pages with tables.
    """
    figures: dict[str, Any] = {}
    for kind in ("headings", "items", "formulas", "cells"):
        both = sum(count.true[kind] + count.answered[kind] for count in counts)
        figures[kind] = 2 * sum(count.right[kind] for count in counts) / both if both else None
    similarities = [count.teds for count in counts if count.teds is not None]
    figures["teds"] = float(np.mean(similarities)) if similarities else None
    return figures
