"""What a public benchmark says of a system: figures with intervals, what failed, notes on how it was scored."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ..report_text import format_table
from ..statistics import RESAMPLES, SEED

OVERALL = "overall"


@dataclass(frozen=True)
class SuiteFigure:
    """One figure of a benchmark.

    Attributes:
        name: As the benchmark calls it: `overall`, or a category.
        value: In the benchmark's own unit.
        low: Lower end of its 95 % interval.
        high: Upper end.
        count: Tests or pages that it is made of.
    """

    name: str
    value: float
    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Failure:
    """A page that failed a test, or scored worst.

    Attributes:
        place: The page.
        what: The test's name.
        reason: Why it failed.
    """

    place: str
    what: str
    reason: str


@dataclass(frozen=True)
class SuiteReport:
    """All that is said.

    Attributes:
        suite: The benchmark's name.
        dataset_id: Its data set on the Hub, for the results that the Hub shows.
        unit: Of the figures, for people.
        figures: The headline first.
        failures: What to look at.
        notes: How this scorer differs from the official one.
    """

    suite: str
    dataset_id: str
    unit: str
    figures: Sequence[SuiteFigure]
    failures: Sequence[Failure] = ()
    notes: Sequence[str] = field(default_factory=tuple)

    def to_text(self, system: str) -> str:
        """Write it for people."""
        rows = [
            [figure.name, f"{figure.value:.3g}", f"{figure.low:.3g} to {figure.high:.3g}", str(figure.count)]
            for figure in self.figures
        ]
        parts = [
            f"{self.suite}: {system}",
            format_table([f"figure ({self.unit})", "value", "95 % interval", "of"], rows),
            *self.notes,
        ]
        if self.failures:
            lines = [f"{failure.place}  {failure.what}: {failure.reason}" for failure in self.failures]
            parts.append("\n".join(["What failed:", *lines]))
        return "\n\n".join(parts) + "\n"

    def to_json(self) -> str:
        """Write it as JSON, for programs."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=1) + "\n"

    def to_results(self) -> list[dict[str, Any]]:
        """Give the figures as entries of the Hub's `.eval_results/*.yaml`."""
        return [
            {"dataset": {"id": self.dataset_id, "task_id": figure.name}, "value": round(figure.value, 4)}
            for figure in self.figures
        ]


def write_results(report: SuiteReport) -> str:
    """Write figures as the Hub's `.eval_results/*.yaml`: YAML, of which JSON is a part."""
    entries = ",\n".join(f"  {json.dumps(entry)}" for entry in report.to_results())
    return f"[\n{entries}\n]\n"


def mean_of_groups(groups: dict[str, list[float]]) -> list[SuiteFigure]:
    """Average each group's values, and the groups' averages; intervals by resampling within each group.

    Args:
        groups: Values by group; empty groups are left out.

    Returns:
        `overall`, then each group in order of name.
    """
    generator = np.random.default_rng(SEED)
    drawn, figures = [], []
    for name, values in sorted(groups.items()):
        if not values:
            continue
        scores = np.asarray(values, dtype=np.float64)
        means = scores[generator.integers(0, len(scores), size=(RESAMPLES, len(scores)))].mean(axis=1)
        drawn.append(means)
        figures.append(_figure(name, float(scores.mean()), means, len(values)))
    if not figures:
        raise ValueError("nothing was scored: none of the benchmark's pages has an answer.")
    value = sum(figure.value for figure in figures) / len(figures)
    return [_figure(OVERALL, value, np.mean(drawn, axis=0), sum(figure.count for figure in figures)), *figures]


def _figure(name: str, value: float, means: Any, count: int) -> SuiteFigure:
    low, high = np.percentile(means, [2.5, 97.5])
    return SuiteFigure(name, value, float(low), float(high), count)
