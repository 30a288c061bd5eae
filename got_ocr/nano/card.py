"""The tables and plots of the built-in checkpoint's model card."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path

from got_ocr.evaluation.statistics import Interval
from got_ocr.nano.plots import draw_bars
from got_ocr.nano.report import (
    Results,
    Scored,
    group_errors,
    table_of_groups,
    table_of_inventions,
    table_of_tiers,
)
from got_ocr.nano.tiers import Tier

ScoredTiers = Mapping[str, Mapping[str, Sequence[Scored]]]

# Tiers whose pictures are in one face, of all sizes or of all conditions.
FONT_TIERS = ("lines", "paragraphs", "paragraphs-unseen", "lines-unseen")
SIZE_TIERS = ("lines-sizes",)
STYLE_TIERS = ("lines", "paragraphs")
LEAST_FONT_CHARACTERS = 300
_SIZE_EDGES = (10, 12, 14, 16, 18, 20, 24, 28, 32, 40, 48)
_PAGE_EDGES = (8, 12, 16, 20, 24, 28, 32, 48)


def _bucket(value: float, edges: Sequence[int]) -> str | None:
    for low, high in pairwise(edges):
        if low <= value < high or (high == edges[-1] and value == high):
            return f"{low} to {high} px"
    return None


def _style(one: Scored) -> str | None:
    facts = one.answer.facts
    return str(facts["style"]) + (", monospaced" if facts.get("mono") else "")


def _named(name: str, one: Scored) -> str:
    return name


def _length(one: Scored) -> str:
    return f"{len(one.answer.texts)} pages"


_Key = Callable[[Scored], str | None]
# Title, file of the plot, tiers, group of an answer.
GROUPINGS: tuple[tuple[str, str, tuple[str, ...], _Key], ...] = (
    ("font family", "font", FONT_TIERS, lambda one: one.answer.facts["family"]),
    ("size, single lines", "size", SIZE_TIERS, lambda one: _bucket(one.answer.facts["size_px"], _SIZE_EDGES)),
    ("style", "style", STYLE_TIERS, _style),
    ("degradation", "degradation", ("paragraphs-degraded",), lambda one: one.answer.facts["degradation"]),
    ("layout of a page", "layout", ("pages",), lambda one: one.answer.facts["layout"]),
    (
        "size of a page's letters",
        "page_size",
        ("pages",),
        lambda one: _bucket(one.answer.facts["size_px"], _PAGE_EDGES),
    ),
    ("length of a document", "length", ("multi-page",), _length),
)
_IN_ORDER = ("size", "page_size", "length")


def grouped(scored: ScoredTiers, tiers: Sequence[str], key: _Key, least: int) -> dict[str, dict[str, Interval]]:
    """Compute the CER of groups over several tiers.

    Args:
        scored: answers by tier and reader.
        tiers: keys.
        key: names an answer's group.
        least: characters that a group must have.

    Returns:
        CER by reader and group.
    """
    found = {}
    for reader in ("nano", "tesseract"):
        answers = [one for tier in tiers for one in scored.get(tier, {}).get(reader, ())]
        groups = group_errors(answers, key, least)
        if groups:
            found[reader] = groups
    return found


def _by_number(groups: dict[str, Interval]) -> dict[str, Interval]:
    return dict(sorted(groups.items(), key=lambda item: int(item[0].split()[0])))


def _groupings(scored: ScoredTiers) -> list[tuple[str, str, dict[str, dict[str, Interval]]]]:
    found = []
    for title, file, tiers, key in GROUPINGS:
        groups = grouped(scored, tiers, key, LEAST_FONT_CHARACTERS)
        if file in _IN_ORDER:
            groups = {reader: _by_number(intervals) for reader, intervals in groups.items()}
        if groups:
            found.append((title, file, groups))
    return found


def card_tables(tiers: Sequence[Tier], results: Results, scored: ScoredTiers) -> str:
    """Write the card's tables.

    Args:
        tiers: in order.
        results: figures by tier and reader.
        scored: answers by tier and reader.

    Returns:
        Markdown: the tiers, repetition and hallucination, and errors by style, size, degradation, layout. Fonts, which
        are many, are left to the plot but for the best and worst.
    """
    parts = ["### Tiers\n", table_of_tiers(tiers, results)]
    parts += ["### Repetition and hallucination\n", table_of_inventions(tiers, results)]
    for title, file, groups in _groupings(scored):
        if file == "font":
            first = next(iter(groups))
            names = list(groups[first])
            chosen = names if len(names) <= 14 else names[:4] + names[-10:]
            groups = {reader: {n: own[n] for n in chosen if n in own} for reader, own in groups.items()}
            parts += [f"### By {title} (the best and the worst of {len(names)})\n", table_of_groups(title, groups)]
        else:
            parts += [f"### By {title}\n", table_of_groups(title, groups)]
    return "\n".join(parts)


def write_plots(folder: Path, scored: ScoredTiers, unseen: frozenset[str]) -> list[Path]:
    """Draw the plots.

    Args:
        folder: where to.
        scored: answers by tier and reader.
        unseen: families that training never sees.

    Returns:
        The files: `error_by_font.png` and so on, and `error_by_mode.png` over the tiers.
    """
    files = []
    for title, file, groups in _groupings(scored):
        first = next(iter(groups))
        path = folder / f"error_by_{file}.png"
        label = "unseen in training"
        plot = draw_bars(f"Character error rate by {title}", list(groups[first]), groups, unseen, label)
        plot.save(path, optimize=True)
        files.append(path)
    modes: dict[str, dict[str, Interval]] = {}
    for tier, found in scored.items():
        for reader, answers in found.items():
            modes.setdefault(reader, {}).update(group_errors(answers, partial(_named, tier)))
    names = list(modes[next(iter(modes))]) if modes else []
    if names:  # pictures without text have no error rate
        path = folder / "error_by_mode.png"
        draw_bars("Character error rate by kind of picture", names, modes).save(path, optimize=True)
        files.append(path)
    return files
