"""Figures of a result file: each sample's own, then all samples' with intervals.

Every figure of a sample is a pair (above, below); a figure of the whole is the ratio of the sums, see statistics.py.
"""

import json
import math
import multiprocessing
import os
import re
import sys
import unicodedata
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import Any, Literal

import numpy as np

from . import charts, formulas, reading_order, sections, statistics, tables, words
from .results import Result
from .samples import TASKS
from .text_metrics import CONVENTIONS, FOX_METRICS, Convention, character_errors, fox_metrics, word_errors

Normalization = Literal["none", "space"]
NORMALIZATIONS: tuple[Normalization, ...] = ("none", "space")
Figures = dict[str, tuple[float, float]]

SMALL_WORK = 3_000_000  # characters up to which one process is quicker than starting more
PUBLISHED_PARTS = ("all", "formula", "table")

LOWER_IS_BETTER = frozenset({"edit_distance", "cer", "wer", "reading_order"})


@dataclass(frozen=True)
class Scores:
    """The figures of a result file.

    Attributes:
        task: One of TASKS.
        convention: `right` or `published`.
        normalization: What was done to both texts first.
        results: The results, in order.
        figures: Each sample's figures, in the same order.
        summary: The whole's, by name, in the order of the report.
    """

    task: str
    convention: Convention
    normalization: Normalization
    results: tuple[Result, ...]
    figures: tuple[Figures, ...]
    summary: dict[str, statistics.Interval]

    @property
    def num_errors(self) -> int:
        """How many samples could not be read at all."""
        return sum(bool(result.error) for result in self.results)

    @property
    def num_empty(self) -> int:
        """How many answers are empty, those with an error included."""
        return sum(not result.answer for result in self.results)


def lower_is_better(name: str) -> bool:
    """Tell whether a figure, with or without its part's name before it, is an error rather than a score."""
    return name.rpartition("/")[2] in LOWER_IS_BETTER


def normalize(text: str, normalization: Normalization) -> str:
    """Prepare a text: `none` leaves it, `space` composes it (NFC) and makes each run of white space one blank."""
    if normalization == "none":
        return text
    return " ".join(unicodedata.normalize("NFC", text).split())


def score_sample(
    result: Result, task: str = "plain", convention: Convention = "right", normalization: Normalization = "none"
) -> Figures:
    """Compute the figures of one result.

    Args:
        result: Truth and answer.
        task: One of TASKS; it chooses the figures.
        convention: `right` or `published`.
        normalization: What is done to both texts first; ignored for charts, and for `format`'s parts.

    Returns:
        (above, below) by name. What a sample has no figure of is not there.
    """
    if task == "chart":
        return _chart_figures(result, convention)
    truth, answer = normalize(result.label, normalization), normalize(result.answer, normalization)
    if task == "format":
        return _format_figures(result.label, result.answer, convention, normalization)
    split = words.split_characters if task == "scene" else words.split_words
    figures = _fox("", truth, answer, split, convention)
    if convention == "right":
        figures["cer"] = _rate(character_errors(truth, answer))
        if task != "scene":
            figures["wer"] = _rate(word_errors(truth, answer))
            _add_mean(figures, "reading_order", reading_order.reading_order_distance(result.label, result.answer))
    return figures


def _fox(prefix: str, truth: str, answer: str, split: Any, convention: Convention) -> Figures:
    figures = fox_metrics(truth, answer, split=split, convention=convention)
    return {} if figures is None else {prefix + name: (figures[name], 1.0) for name in FOX_METRICS}


def _rate(errors_and_length: tuple[int, int]) -> tuple[float, float]:
    """Make a rate's figure; what is read where nothing stands counts as if one character or word stood there."""
    errors, length = errors_and_length
    return float(errors), float(length or bool(errors))


def _add_mean(figures: Figures, name: str, value: float | None) -> None:
    if value is not None:
        figures[name] = (value, 1.0)


def _format_figures(truth: str, answer: str, convention: Convention, normalization: Normalization) -> Figures:
    true_page = sections.split_sections(truth, convention)
    read_page = sections.split_sections(answer, convention)
    figures: Figures = {}
    for part in sections.PARTS if convention == "right" else PUBLISHED_PARTS:
        one = normalize(getattr(true_page, part), normalization)
        other = normalize(getattr(read_page, part), normalization)
        if convention == "published" or part == "all" or one or other:  # a part that neither page has is no success
            figures.update(_fox(f"{part}/", one, other, words.split_words, convention))
    if convention == "right":
        one, other = normalize(true_page.all, normalization), normalize(read_page.all, normalization)
        figures["cer"] = _rate(character_errors(one, other))
        figures["wer"] = _rate(word_errors(one, other))
        _add_mean(figures, "reading_order", reading_order.reading_order_distance(truth, answer))
        _add_mean(figures, "formula_similarity", formulas.formulas_similarity(true_page.formulas, read_page.formulas))
        _add_mean(figures, "teds", tables.tables_similarity(true_page.tables, read_page.tables))
        structure = tables.tables_similarity(true_page.tables, read_page.tables, structure_only=True)
        _add_mean(figures, "teds_structure", structure)
    return figures


def _chart_figures(result: Result, convention: Convention) -> Figures:
    truth = json.loads(result.label)
    chart = charts.parse_chart(result.answer, convention)
    figures: Figures = {"parsed": (float(chart is not None), 1.0)}
    true_values = truth.get("values") or {}
    ious = {
        name: 0.0 if chart is None else charts.chart_iou(true_values, chart["values"], tolerance, convention)
        for name, tolerance in charts.TOLERANCES.items()
    }
    shares = charts.average_precisions(ious, convention)
    if convention == "published":
        # The script's last lines: mAP, over charts that parse, times their share; equal to the mean over all charts.
        for name in charts.TOLERANCES:
            figures[f"final_{name}"] = (shares[f"map_{name}"] if chart is not None else 0.0, 1.0)
        if chart is None:
            return figures
    figures.update({name: (share, 1.0) for name, share in shares.items()})
    for title in charts.TITLES:
        read = None if chart is None else chart.get(title)
        _add_mean(figures, title, charts.title_score(truth.get(title, "None"), read, convention))
    return figures


def score(
    results: Sequence[Result],
    *,
    task: str = "plain",
    convention: Convention = "right",
    normalization: Normalization = "none",
    confidence: float = 0.95,
    resamples: int = statistics.RESAMPLES,
    workers: int | None = None,
) -> Scores:
    """Compute the figures of results.

    Args:
        results: Truths and answers, in any order.
        task: One of TASKS.
        convention: `right` or `published`.
        normalization: `none` or `space`.
        confidence: Of the intervals.
        resamples: Of the bootstrap; 0 for no intervals.
        workers: Processes; by default one for little work, else one a core.

    Returns:
        The figures: the same to the last digit for any order of results and any number of workers.

    Raises:
        ValueError: If there are no results, or an argument is not allowed.
    """
    for name, value, allowed in (
        ("task", task, TASKS),
        ("convention", convention, CONVENTIONS),
        ("normalization", normalization, NORMALIZATIONS),
    ):
        if value not in allowed:
            raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {value!r}.")
    if not results:
        raise ValueError("there are no results to score")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence}.")
    ordered = sorted(results, key=lambda result: result.order)
    if task == "chart":
        _check_charts(ordered)
    compute = partial(score_sample, task=task, convention=convention, normalization=normalization)
    size = sum(len(result.label) + len(result.answer) for result in ordered)
    if workers is None:
        workers = 1 if size < SMALL_WORK else os.cpu_count() or 1
    if workers > 1 and len(ordered) > 1:
        # A fork of a process in which torch's threads run may hang.
        context = multiprocessing.get_context("spawn" if "torch" in sys.modules else None)
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            figures = list(pool.map(compute, ordered, chunksize=max(1, len(ordered) // (8 * workers))))
    else:
        figures = [compute(result) for result in ordered]
    names = figure_names(figures)
    above, below = as_arrays(figures, names)
    intervals = statistics.bootstrap(above, below, confidence=confidence, resamples=resamples)
    return Scores(
        task=task,
        convention=convention,
        normalization=normalization,
        results=tuple(ordered),
        figures=tuple(figures),
        summary=dict(zip(names, intervals, strict=True)),
    )


def _check_charts(results: Sequence[Result]) -> None:
    for result in results:
        try:
            truth = json.loads(result.label)
        except ValueError:
            truth = None
        if not isinstance(truth, dict) or not isinstance(truth.get("values") or {}, dict):
            raise ValueError(
                f"{result.image}: the truth of a chart must be JSON with its 'values', got {result.label[:80]!r}: "
                "score OneChart's predictions with --data GROUND_TRUTH.json"
            )


def figure_names(figures: Sequence[Figures]) -> list[str]:
    """List the names of all samples' figures, in the order of first sight that fits all samples."""
    names: dict[str, None] = {}
    for sample in sorted(figures, key=len, reverse=True):
        names.update(dict.fromkeys(sample))
    order = {part: place for place, part in enumerate(sections.PARTS)}
    return sorted(names, key=lambda name: order.get(name.partition("/")[0], len(order)) if "/" in name else len(order))


def as_arrays(figures: Sequence[Figures], names: Sequence[str]) -> tuple[statistics.Array, statistics.Array]:
    """Put figures into arrays (figures, samples) of what stands above and below."""
    pairs = np.array([[sample.get(name, (0.0, 0.0)) for sample in figures] for name in names], dtype=np.float64)
    pairs = pairs.reshape(len(names), len(figures), 2)
    return pairs[:, :, 0], pairs[:, :, 1]


def badness(figures: Figures) -> float:
    """Rank a sample: its edit distance, or for charts 1 - mAP; a sample without figures is the worst."""
    for name in ("edit_distance", "all/edit_distance"):
        if name in figures:
            return figures[name][0]
    shares = [value for name, (value, _) in figures.items() if name.startswith("map_")]
    return 1.0 - sum(shares) / len(shares) if shares else 1.0


def pair_results(first: Sequence[Result], second: Sequence[Result]) -> list[tuple[Result, Result]]:
    """Pair two systems' answers to the same picture, question and truth.

    Args:
        first: A system's results.
        second: Another's.

    Returns:
        The pairs; what only one has is left out, repeated samples are paired in turn.
    """

    def key(result: Result) -> tuple[str, str, str]:
        # Systems word their questions otherwise; the truth tells samples of one picture apart.
        return result.image, result.label, " ".join(re.findall(r"\[[^\]]*\]", result.question))

    def group(results: Sequence[Result]) -> dict[tuple[str, str, str], list[Result]]:
        ordered = sorted(results, key=lambda result: (key(result), result.order))
        return {name: list(members) for name, members in groupby(ordered, key)}

    ones, others = group(first), group(second)
    return [pair for name in sorted(ones) for pair in zip(ones[name], others.get(name, []), strict=False)]


def compare_results(
    first: Sequence[Result],
    second: Sequence[Result],
    *,
    task: str = "plain",
    convention: Convention = "right",
    normalization: Normalization = "none",
    confidence: float = 0.95,
    resamples: int = statistics.RESAMPLES,
) -> dict[str, statistics.Comparison]:
    """Compare two systems' answers to the same samples.

    Args:
        first: A system's results.
        second: Another's.
        task: One of TASKS.
        convention: `right` or `published`.
        normalization: `none` or `space`.
        confidence: Of the intervals of the differences.
        resamples: Of the bootstrap and of the permutation test.

    Returns:
        A comparison for each figure that both have.

    Raises:
        ValueError: If the two have no sample in common.
    """
    pairs = pair_results(first, second)
    if not pairs:
        raise ValueError(
            "the two result files have no sample in common: samples are paired by 'image', 'label' and the box in "
            "'question'"
        )
    figures = [
        [score_sample(result, task, convention, normalization) for result in side] for side in zip(*pairs, strict=True)
    ]
    names = [name for name in figure_names(figures[0]) if any(name in sample for sample in figures[1])]
    sides = [as_arrays(side, names) for side in figures]
    compared = statistics.compare(sides[0], sides[1], confidence=confidence, resamples=max(1, resamples))
    return dict(zip(names, compared, strict=True))


def join_truth(results: Sequence[Result], truths: Sequence[Result]) -> list[Result]:
    """Give results their truth from ground truth, by picture and question or by picture alone.

    Args:
        results: Answers, such as OneChart's predictions, whose label may lack.
        truths: The ground truth: results without answers.

    Returns:
        A result for each truth; one that nobody answered has an empty answer and an error.
    """
    by_question = {(result.image, result.question): result for result in results}
    by_image = {result.image: result for result in results}
    joined = []
    for truth in truths:
        found = by_question.get((truth.image, truth.question)) or by_image.get(truth.image)
        if found is None:
            joined.append(
                Result(truth.image, truth.question, truth.label, "", truth.index, "no answer to it in the results")
            )
        else:
            joined.append(
                replace(found, image=truth.image, question=truth.question, label=truth.label, index=truth.index)
            )
    return joined


def mode_of(result: Result, task: str) -> str:
    """Name the mode in which a sample was asked: by its question, else by the task."""
    question = result.question.lower()
    kinds = []
    if re.search(r"\[\s*\d[\d\s.,]*\]", question):
        kinds.append("box")
    elif re.search(r"\[\s*(?:red|green|blue)\s*\]", question):
        kinds.append("colour")
    if "across multi pages" in question:
        kinds.append("multi-page")
    elif "upon the patch reference" in question:
        kinds.append("multi-crop")
    kinds.append("format" if "with format" in question else task)
    return " ".join(kinds)


def length_bins(results: Sequence[Result], count: int = 6) -> list[tuple[int, int, list[int]]]:
    """Sort samples into bins of about equal number by the length of their truth.

    Args:
        results: The results.
        count: How many bins at most.

    Returns:
        (shortest length, longest length, places of the samples) for each bin.
    """
    places = sorted(range(len(results)), key=lambda place: (len(results[place].label), place))
    size = max(1, math.ceil(len(places) / count))
    bins = []
    for start in range(0, len(places), size):
        members = places[start : start + size]
        bins.append((len(results[members[0]].label), len(results[members[-1]].label), sorted(members)))
    return bins
