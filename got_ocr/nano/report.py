"""From answers to figures, and from figures to the tables of the model card.

The character error rate (CER) is the edit distance over the characters of the truth, summed over pictures, white space
as single blanks. Intervals are 95 % bootstrap intervals over pictures (documents).

A region counts as read if its own CER is at most 5 %: neither its text may lack nor the text around it come in. A
document counts as read if the answer, cut where a cheapest alignment with all pages' texts in order goes from one page
to the next, gives each page at most 10 % CER: a page that is missing, doubled, or in another place fails it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from got_ocr.evaluation.distances import edit_distance
from got_ocr.evaluation.hallucination import InventedText, find_invented
from got_ocr.evaluation.statistics import Interval, bootstrap
from got_ocr.nano.formatted import count_structure, sum_structure
from got_ocr.nano.run import Answer
from got_ocr.nano.tiers import Tier

REGION_LIMIT = 0.05
PAGE_LIMIT = 0.10


@dataclass(frozen=True)
class Scored:
    """An answer, counted.

    Attributes:
        answer: of the reader.
        errors: edit distance to the truth.
        characters: of the truth.
        passed: whether the region or document counts as read; for single texts whether there is no error.
        pages_read: pages of a document within the limit.
        invented: loops and words that the picture doesn't show.
    """

    answer: Answer
    errors: int
    characters: int
    passed: bool
    pages_read: int
    invented: InventedText

    @property
    def rate(self) -> float:
        """Errors by characters; by 1 where there are none."""
        return self.errors / max(self.characters, 1)


@dataclass(frozen=True)
class TierFigures:
    """What was measured on a tier with a reader.

    Attributes:
        tier: its key.
        name: its name.
        reader: `nano` or `tesseract`.
        pictures: questions asked; of a document all pages are one question.
        pages: pictures of them.
        characters: of all truths.
        error: CER with its interval; None where there is no text.
        passed: share read as the tier's measure has it, with its interval.
        exact: share of answers without an error.
        silent: share of empty answers.
        answer_characters: mean length of an answer, without white space.
        page_share: of all pages of documents, those read within the limit.
        unfinished: share of pictures with an answer at the length limit.
        cut_slices: share of slices that ended at the length limit or looped.
        looping: share of answers with a loop, cut ones included.
        invented_words: invented words by all words of 4 characters and more.
        failed: pictures that the reader refused.
        cpu_s_a_page: seconds of one core.
        structure: of format mode's answers: F1 of `headings`, list `items`, `formulas` and table `cells`, TEDS of
            tables, and the CER of the pages `without_formulas`; None for what no page has.
    """

    tier: str
    name: str
    reader: str
    pictures: int
    pages: int
    characters: int
    error: Interval | None
    passed: Interval
    exact: float
    silent: float
    answer_characters: float
    page_share: float
    unfinished: float
    cut_slices: float
    looping: float
    invented_words: float
    failed: int
    cpu_s_a_page: float
    structure: Mapping[str, float | None] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Turn the figures into what JSON can hold, NaN into None."""

        def clean(value: Any) -> Any:
            if isinstance(value, Mapping):
                return {key: clean(inner) for key, inner in value.items()}
            return None if isinstance(value, float) and math.isnan(value) else value

        plain: dict[str, Any] = clean(asdict(self))
        return plain


def single_blanks(text: str) -> str:
    """Write white space as single blanks."""
    return " ".join(text.split())


def single_line_ends(text: str) -> str:
    """Write white space as single blanks, and where it has line ends as one of these."""
    return "\n".join(line for line in map(single_blanks, text.splitlines()) if line)


def page_errors(texts: Sequence[str], answer: str) -> list[int]:
    """Cut an answer into its pages by a cheapest alignment with their texts, and count each page's errors.

    Args:
        texts: the pages' texts in order.
        answer: what was read of all pages.

    Returns:
        Edit distance of each page to its part of the answer. Their sum is the distance of the whole.
    """
    from rapidfuzz.distance import Levenshtein

    pages = [single_blanks(text) for text in texts]
    truth, answer = " ".join(pages), single_blanks(answer)
    # end[i]: where in the answer the truth's first i characters end.
    ends = np.zeros(len(truth) + 1, dtype=np.int64)
    for step in Levenshtein.opcodes(truth, answer):
        count = step.src_end - step.src_start
        if count:
            ends[step.src_start + 1 : step.src_end + 1] = np.minimum(
                step.dest_start + np.arange(1, count + 1), step.dest_end
            )
    ends[-1] = len(answer)
    errors, begin, start = [], 0, 0
    for page in pages:
        stop = begin + len(page)
        end = len(answer) if stop == len(truth) else int(ends[stop])
        errors.append(edit_distance(page, answer[start:end].strip()))
        begin, start = stop + 1, end
    return errors


def score(tier: Tier, answer: Answer) -> Scored:
    """Count the errors of an answer.

    Args:
        tier: the question's.
        answer: to it.

    Returns:
        The counts.
    """
    clean = single_line_ends if tier.measure == "markdown" else single_blanks
    truth, text = clean("\n".join(answer.texts)), clean(answer.answer)
    errors, pages_read = edit_distance(truth, text), 0
    if tier.measure == "documents":
        limits = [PAGE_LIMIT * len(single_blanks(page)) for page in answer.texts]
        found = page_errors(answer.texts, text)
        pages_read = sum(count <= limit for count, limit in zip(found, limits, strict=True))
        passed = pages_read == len(answer.texts)
    elif tier.measure == "regions":
        passed = errors <= REGION_LIMIT * len(truth)
    else:
        passed = errors == 0
    return Scored(answer, errors, len(truth), passed, pages_read, find_invented(truth, text))


def summarise(tier: Tier, reader: str, scored: Sequence[Scored]) -> TierFigures:
    """Sum up a tier.

    Args:
        tier: which.
        reader: who read.
        scored: its answers, at least one.

    Returns:
        The figures.
    """
    above = np.array([[one.errors for one in scored], [one.passed for one in scored]], dtype=np.float64)
    below = np.array([[one.characters for one in scored], [1] * len(scored)], dtype=np.float64)
    error, passed = bootstrap(above, below)
    answers = [one.answer for one in scored]
    pages = sum(len(answer.texts) for answer in answers)
    words = sum(one.invented.words for one in scored)
    slices = sum(answer.slices for answer in answers)

    def share(test: Callable[[Scored], bool]) -> float:
        return sum(test(one) for one in scored) / len(scored)

    return TierFigures(
        tier=tier.key,
        name=tier.name,
        reader=reader,
        pictures=len(scored),
        pages=pages,
        characters=sum(one.characters for one in scored),
        error=None if tier.measure == "silence" else error,
        passed=passed,
        exact=share(lambda one: one.errors == 0),
        silent=share(lambda one: not one.answer.answer.strip()),
        answer_characters=sum(len("".join(answer.answer.split())) for answer in answers) / len(answers),
        page_share=sum(one.pages_read for one in scored) / pages if tier.measure == "documents" else math.nan,
        unfinished=share(lambda one: one.answer.reason == "length"),
        cut_slices=sum(answer.cut_slices for answer in answers) / slices if slices else math.nan,
        looping=share(lambda one: bool(one.invented.loops) or one.answer.reason == "repetition"),
        invented_words=sum(len(one.invented.invented) for one in scored) / words if words else 0.0,
        failed=sum(answer.reason == "error" for answer in answers),
        cpu_s_a_page=sum(answer.cpu_s for answer in answers) / pages,
        structure=_structure(scored) if tier.measure == "markdown" else {},
    )


def _structure(scored: Sequence[Scored]) -> dict[str, float | None]:
    counts = [count_structure("\n\n".join(one.answer.texts), one.answer.answer) for one in scored]
    plain = [one for one in scored if not one.answer.facts.get("formulas")]
    characters = sum(one.characters for one in plain)
    errors = sum(one.errors for one in plain) / characters if characters else None
    return {**sum_structure(counts), "without_formulas": errors}


def describe_structure(structure: Mapping[str, float | None]) -> str:
    """Write the figures of format mode as a line; empty without any."""
    names = {
        "headings": "F1 of headings",
        "items": "list items",
        "formulas": "formulas",
        "cells": "cells",
        "teds": "TEDS",
    }
    parts = [f"{name} {value:.3f}" for key, name in names.items() if (value := structure.get(key)) is not None]
    plain = structure.get("without_formulas")
    return ", ".join([*parts, f"CER without formulas {100 * plain:.2f} %"] if plain is not None else parts)


def _percent(interval: Interval, digits: int = 2) -> str:
    if math.isnan(interval.low):
        return f"{100 * interval.value:.{digits}f} %"
    low, high = 100 * interval.low, 100 * interval.high
    return f"{100 * interval.value:.{digits}f} % ({low:.{digits}f} to {high:.{digits}f})"


def _main_figure(figures: TierFigures | None, measure: str) -> str:
    if figures is None:
        return "-"
    if measure == "silence":
        return f"{100 * figures.silent:.1f} % empty, {figures.answer_characters:.2f} characters a picture"
    if measure == "markdown" and figures.error is not None:
        return f"{_percent(figures.error)}; {describe_structure(figures.structure)}"
    return _percent(figures.passed, 1) if measure != "errors" or figures.error is None else _percent(figures.error)


Results = Mapping[str, Mapping[str, TierFigures]]


def table_of_tiers(tiers: Sequence[Tier], results: Results) -> str:
    """Lay out the main table: each tier's figure beside Tesseract's, the mark and the floor.

    Args:
        tiers: the rows.
        results: figures by the tier's key and the reader.

    Returns:
        Markdown. Where a share is measured, the CER stands with it.
    """
    lines = [
        "| pictures | nano | without an error | Tesseract on the same | without an error | mark | floor "
        "| CPU seconds a page: nano, Tesseract |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for tier in tiers:
        found = results.get(tier.key, {})
        own, other = found.get("nano"), found.get("tesseract")
        any_figures = own or other
        if any_figures is None:
            continue
        cells = [f"{any_figures.pictures} x {tier.name}"]
        for place, figures in enumerate((own, other)):
            text = _main_figure(figures, tier.measure)
            if place == 0:
                text = f"**{text.split(' (')[0]}**{text[len(text.split(' (')[0]) :]}"
            if figures is not None and tier.measure in ("regions", "documents") and figures.error is not None:
                text += f"; CER {100 * figures.error.value:.2f} %"
            exact = "-" if figures is None or tier.measure == "silence" else f"{100 * figures.exact:.0f} %"
            cells += [text, exact]
        times = ", ".join("-" if one is None else f"{one.cpu_s_a_page:.2f}" for one in (own, other))
        lines.append("| " + " | ".join([*cells, tier.mark or "-", tier.floor or "-", times]) + " |")
    return "\n".join(lines) + "\n"


def table_of_inventions(tiers: Sequence[Tier], results: Results) -> str:
    """Lay out repetition and hallucination.

    Args:
        tiers: the rows.
        results: figures by the tier's key and the reader.

    Returns:
        Markdown; where two figures stand, the second is Tesseract's.
    """
    lines = [
        "| pictures | at the length limit | slices cut or looping | answers with a loop | invented words |",
        "|---|---|---|---|---|",
    ]
    for tier in tiers:
        found = results.get(tier.key, {})
        own, other = found.get("nano"), found.get("tesseract")
        if own is None:
            continue

        def both(value: Callable[[TierFigures], float], other: TierFigures | None = other, own: Any = own) -> str:
            text = f"{100 * value(own):.2f} %"
            return text if other is None else f"{text}, {100 * value(other):.2f} %"

        cut = "-" if math.isnan(own.cut_slices) else f"{100 * own.cut_slices:.2f} %"
        lines.append(
            f"| {own.pictures} x {tier.name} | {100 * own.unfinished:.2f} % | {cut} | "
            f"{both(lambda figures: figures.looping)} | {both(lambda figures: figures.invented_words)} |"
        )
    return "\n".join(lines) + "\n"


def group_errors(
    scored: Sequence[Scored], key: Callable[[Scored], str | None], least_characters: int = 0
) -> dict[str, Interval]:
    """Compute the CER of groups of answers.

    Args:
        scored: the answers.
        key: names an answer's group; None leaves it out.
        least_characters: groups with fewer are left out.

    Returns:
        CER with its interval by group, best first.
    """
    groups: dict[str, list[Scored]] = {}
    for one in scored:
        name = key(one)
        if name is not None:
            groups.setdefault(name, []).append(one)
    errors = {}
    for name, members in groups.items():
        below = np.array([[one.characters for one in members]], dtype=np.float64)
        if below.sum() >= max(least_characters, 1):
            errors[name] = bootstrap(np.array([[one.errors for one in members]], dtype=np.float64), below)[0]
    return dict(sorted(errors.items(), key=lambda item: item[1].value))


def table_of_groups(title: str, groups: Mapping[str, Mapping[str, Interval]]) -> str:
    """Lay out the CER of groups.

    Args:
        title: of the first column.
        groups: by reader, then by group.

    Returns:
        Markdown, in the order of the first reader's groups.
    """
    readers = list(groups)
    lines = [f"| {title} | " + " | ".join(readers) + " | pictures |", "|---" * (len(readers) + 2) + "|"]
    for name, interval in groups[readers[0]].items():
        cells = [_percent(groups[reader][name]) if name in groups[reader] else "-" for reader in readers]
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {interval.count} |")
    return "\n".join(lines) + "\n"
