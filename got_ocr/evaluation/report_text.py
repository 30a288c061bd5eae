"""The report for the terminal, and as JSON."""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import mean
from typing import Any

from .results import Result
from .scoring import Scores, badness, length_bins, lower_is_better, mode_of
from .statistics import Comparison, Interval, as_json

SIGNIFICANT = 0.05
FORMAT_VERSION = 1


def format_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lay out a table: the first column to the left, the others to the right."""
    lines = [list(header), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    text = []
    for number, line in enumerate(lines):
        cells = [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        text.append("  ".join([line[0].ljust(widths[0]), *cells]).rstrip())
        if number == 0:
            text.append("  ".join("-" * width for width in widths))
    return "\n".join(text)


def figure(value: float | None) -> str:
    """Format a figure: four decimals, a dash for none."""
    return "-" if value is None or math.isnan(value) else f"{value:.4f}"


def interval_text(interval: Interval) -> str:
    """Format an interval's ends."""
    return "-" if math.isnan(interval.low) else f"{interval.low:.4f} .. {interval.high:.4f}"


def scores_table(scores: Scores, confidence: float = 0.95) -> str:
    """Lay out the figures of the whole."""
    rows = [
        (name + (" ↓" if lower_is_better(name) else " ↑"), figure(one.value), interval_text(one), str(one.count))
        for name, one in scores.summary.items()
    ]
    return format_table(("figure", "value", f"{confidence:.0%} interval", "samples"), rows)


def headline(scores: Scores) -> str:
    """Say in one line what was scored and how."""
    text = f"{len(scores.results)} samples, task {scores.task}, {scores.convention} convention"
    if scores.normalization != "none":
        text += f", white space and Unicode normalised ({scores.normalization})"
    if scores.num_empty:
        dropped = " (left out of the means by this convention)" if scores.convention == "published" else ""
        text += f"; {scores.num_empty} empty answers{dropped}"
    if scores.num_errors:
        text += f"; {scores.num_errors} could not be read"
    return text


def comparison_table(comparison: Mapping[str, Comparison], first: str, second: str) -> str:
    """Lay out a paired comparison; the better one of a significant difference is named."""
    rows = [
        (
            name + (" ↓" if lower_is_better(name) else " ↑"),
            figure(one.first),
            figure(one.second),
            f"{one.difference:+.4f}",
            f"{one.low:+.4f} .. {one.high:+.4f}",
            f"{one.p_value:.4f}",
            f"{one.p_adjusted:.4f}",
            verdict(name, one, first, second),
            str(one.count),
        )
        for name, one in comparison.items()
    ]
    header = ("figure", first, second, "difference", "interval", "p", "p (Holm)", "better", "samples")
    return format_table(header, rows)


def verdict(name: str, comparison: Comparison, first: str, second: str) -> str:
    """Name the better system where the difference is significant after Holm's correction, else a dash."""
    if comparison.p_adjusted >= SIGNIFICANT or not comparison.difference:
        return "-"
    return second if (comparison.difference < 0) == lower_is_better(name) else first


def timing(results: Sequence[Result]) -> dict[str, float | int] | None:
    """Sum up the seconds that samples took; None where nobody measured."""
    seconds = [result.seconds for result in results if result.seconds is not None]
    if not seconds:
        return None
    cpu = [result.cpu_seconds for result in results if result.cpu_seconds is not None]
    return {
        "samples": len(seconds),
        "total_s": math.fsum(seconds),
        "mean_s": mean(seconds),
        "max_s": max(seconds),
        "mean_cpu_s": mean(cpu) if cpu else math.nan,
    }


def group_means(scores: Scores, groups: Mapping[str, Sequence[int]]) -> list[dict[str, Any]]:
    """Average the badness (edit distance) of groups of samples."""
    return [
        {"name": name, "samples": len(places), "error": mean(badness(scores.figures[place]) for place in places)}
        for name, places in groups.items()
    ]


def by_length(scores: Scores) -> list[dict[str, Any]]:
    """Average the error by the length of the truth."""
    bins = length_bins(scores.results)
    groups: dict[str, list[int]] = {}
    for low, high, places in bins:
        groups.setdefault(f"{low} to {high}", []).extend(places)
    return group_means(scores, groups)


def by_mode(scores: Scores) -> list[dict[str, Any]]:
    """Average the error by the mode in which a sample was asked."""
    groups: dict[str, list[int]] = {}
    for place, result in enumerate(scores.results):
        groups.setdefault(mode_of(result, scores.task), []).append(place)
    return group_means(scores, dict(sorted(groups.items())))


def report_json(
    scores: Scores,
    *,
    run: Mapping[str, Any] | None = None,
    comparison: Mapping[str, Comparison] | None = None,
    confidence: float = 0.95,
) -> dict[str, Any]:
    """Put everything that depends on the answers alone into one JSON object.

    Args:
        scores: The figures.
        run: What was run (engine, model, data), as run.json has it.
        comparison: A paired comparison, if one was made.
        confidence: Of the intervals.

    Returns:
        The report; equal answers give an equal one, so times are elsewhere (timing.json).
    """
    report: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "run": dict(run or {}),
        "task": scores.task,
        "convention": scores.convention,
        "normalization": scores.normalization,
        "confidence": confidence,
        "samples": len(scores.results),
        "empty_answers": scores.num_empty,
        "errors": scores.num_errors,
        "figures": {name: as_json(interval) for name, interval in scores.summary.items()},
        "by_length": by_length(scores),
        "by_mode": by_mode(scores),
        "per_sample": [
            {
                "index": result.index,
                "image": result.image,
                "error": result.error,
                "figures": {name: [above, below] for name, (above, below) in figures.items()},
            }
            for result, figures in zip(scores.results, scores.figures, strict=True)
        ],
    }
    if comparison is not None:
        report["comparison"] = {name: as_json(one) for name, one in comparison.items()}
    return report
