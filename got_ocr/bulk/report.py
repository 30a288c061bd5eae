"""What came of a job: pages, failures by kind, tokens, time, cost and how sure the model was."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc

from .options import Outputs
from .output import OutputFolder, count_values

BINS = 10  # Of the confidence histogram.
BAR_LETTERS = 40
_COLUMNS = ("error_kind", "finish_reason", "num_tokens", "mean_probability", "seconds", "sha256")


@dataclass(frozen=True)
class RunFacts:
    """What a run knows of itself.

    Attributes:
        listed: Pages that its inputs have.
        read: Rows that it has written.
        begun_again: Pages that were begun again because a worker was lost.
        deaths: Of workers, over pages.
        seconds: It took, from the first look at the inputs on.
        reading_seconds: Of these, those of the stages that draw and read.
        left: Pages of its inputs that have no row even so.
    """

    listed: int
    read: int
    begun_again: int
    deaths: int
    seconds: float
    reading_seconds: float
    left: int = 0


def make_report(folder: OutputFolder, facts: RunFacts, outputs: Outputs, run: Mapping[str, Any]) -> dict[str, Any]:
    """Sum up the folder and this run.

    Args:
        folder: The output.
        facts: What the run knows of itself.
        outputs: The price of an hour.
        run: What decided the rows.

    Returns:
        What JSON can write.
    """
    rows = folder.read_columns(list(_COLUMNS))
    failures = count_values(rows["error_kind"])
    tokens = pc.sum(rows["num_tokens"]).as_py() or 0 if rows.num_rows else 0
    report: dict[str, Any] = {
        "pages": rows.num_rows,
        "listed": facts.listed,
        "left": facts.left,
        "besides": rows.num_rows - (facts.listed - facts.left),
        "documents": len(pc.unique(rows["sha256"])),
        "failed": sum(failures.values()),
        "failures": failures,
        "finish_reasons": count_values(rows["finish_reason"]),
        "tokens": int(tokens),
        "confidence": _histogram(rows["mean_probability"].drop_null().to_pylist()),
        "this_run": {
            "pages": facts.read,
            "seconds": round(facts.seconds, 1),
            "pages_per_second": round(facts.read / facts.reading_seconds, 3) if facts.reading_seconds else None,
            "begun_again": facts.begun_again,
            "workers_died_over_pages": facts.deaths,
        },
        "run": dict(run),
    }
    if outputs.price_per_hour is not None:
        cost = outputs.price_per_hour * facts.seconds / 3600
        report["this_run"]["cost"] = round(cost, 4)
        report["this_run"]["currency"] = outputs.currency
        if facts.read:
            report["this_run"]["cost_per_million_pages"] = round(cost / facts.read * 1e6, 2)
    return report


def _histogram(values: list[float]) -> list[int]:
    """Count probabilities in equal steps from 0 to 1."""
    counts = [0] * BINS
    for value in values:
        counts[min(int(value * BINS), BINS - 1)] += 1
    return counts


def write_as_text(report: Mapping[str, Any]) -> str:
    """Write a report for people.

    Args:
        report: Of :func:`make_report`.

    Returns:
        A few lines.
    """
    run = report["this_run"]
    there = report["listed"] - report["left"]
    besides = f", {report['besides']:,} more that are not among the inputs now" if report["besides"] else ""
    lines = [f"{there:,} of {report['listed']:,} pages{besides}, {report['failed']:,} of them failed"]
    lines += [f"  {count:8,}  {kind}" for kind, count in report["failures"].items()]
    lines.append("how reading ended: " + ", ".join(f"{k} {v:,}" for k, v in report["finish_reasons"].items()))
    lines.append(f"tokens: {report['tokens']:,}")
    speed = "" if run["pages_per_second"] is None else f", {run['pages_per_second']:g} pages/s"
    lines.append(f"this run: {run['pages']:,} pages in {run['seconds']:,g} s{speed}")
    if run["begun_again"]:
        died = run["workers_died_over_pages"]
        lines.append(f"  {run['begun_again']} pages begun again after workers were lost ({died} over their pages)")
    if "cost" in run:
        each = run.get("cost_per_million_pages")
        million = "" if each is None else f", {run['currency']}{each:,.2f} a million pages"
        lines.append(f"  cost: {run['currency']}{run['cost']:,.4f}{million}")
    most = max(report["confidence"]) or 1
    lines.append("confidence (mean probability of a page's tokens):")
    for place, count in enumerate(report["confidence"]):
        bar = "#" * round(BAR_LETTERS * count / most)
        lines.append(f"  {place / BINS:.1f}-{(place + 1) / BINS:.1f} {count:8,} {bar}".rstrip())
    return "\n".join(lines) + "\n"
