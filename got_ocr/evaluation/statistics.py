"""How sure a figure is: bootstrap intervals, and the paired comparison of two result files.

Every figure is a ratio of two sums over samples: a mean has the values above and ones below (nothing for a sample
that has no such value), an error rate has errors above and lengths below. Seeds are fixed and samples stand in the
order of their keys, so the same answers give the same digits wherever and in whatever order they were computed.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
SEED = 20240903  # arXiv 2409.01704's day; any would do
BLOCK_CELLS = 4_000_000  # cells of one block of resampling weights: 32 MB

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A figure and the interval that holds it with the given confidence.

    Attributes:
        value: The figure.
        low: Lower end of the interval.
        high: Upper end.
        count: Samples that the figure is made of.
    """

    value: float
    low: float
    high: float
    count: int


@dataclass(frozen=True)
class Comparison:
    """Two systems on the same samples.

    Attributes:
        first: The first system's figure, over the shared samples.
        second: The second's.
        difference: Second minus first.
        low: Lower end of the difference's interval.
        high: Upper end.
        p_value: Chance of a difference at least as large if the systems were the same (permutation test).
        p_adjusted: The same after Holm's correction for the number of figures compared.
        count: Shared samples that the figure is made of.
    """

    first: float
    second: float
    difference: float
    low: float
    high: float
    p_value: float
    p_adjusted: float
    count: int


def ratio(numerators: Array, denominators: Array) -> float:
    """Divide the sums, each exact to the last bit so that the order of samples does not matter; NaN for no sample."""
    below = math.fsum(denominators.tolist())
    above = math.fsum(numerators.tolist())
    return above / below if below else math.nan


def bootstrap(
    numerators: Array, denominators: Array, *, confidence: float = 0.95, resamples: int = RESAMPLES
) -> list[Interval]:
    """Compute figures with percentile bootstrap intervals over samples.

    Args:
        numerators: (figures, samples).
        denominators: (figures, samples); 0 where a sample has no such figure.
        confidence: Of the intervals.
        resamples: How many; 0 for no intervals (their ends are NaN).

    Returns:
        An interval for each figure.
    """
    counts = (denominators > 0).sum(axis=1)
    values = [ratio(above, below) for above, below in zip(numerators, denominators, strict=True)]
    if not resamples or numerators.shape[1] < 2:
        return [Interval(value, math.nan, math.nan, int(count)) for value, count in zip(values, counts, strict=True)]
    drawn = _resample(numerators, denominators, resamples)
    lows, highs = _ends(drawn, confidence)
    return [
        Interval(value, float(low), float(high), int(count))
        for value, low, high, count in zip(values, lows, highs, counts, strict=True)
    ]


def _resample(numerators: Array, denominators: Array, resamples: int) -> Array:
    """Compute the figures of resampled sets: (resamples, figures), NaN where a set has no such figure."""
    samples = numerators.shape[1]
    generator = np.random.default_rng(SEED)
    block = max(1, BLOCK_CELLS // samples)
    drawn = []
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        picks = generator.integers(0, samples, size=(rows, samples))
        offsets = np.arange(rows)[:, None] * samples
        weights = np.bincount((picks + offsets).ravel(), minlength=rows * samples).reshape(rows, samples)
        drawn.append(_divide(weights @ numerators.T, weights @ denominators.T))
    return np.concatenate(drawn)


def _divide(above: Array, below: Array) -> Array:
    ratios: np.ndarray = np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
    return ratios


def _ends(drawn: Array, confidence: float) -> tuple[Array, Array]:
    edges = (1 - confidence) / 2 * 100
    low, high = np.full(drawn.shape[1], np.nan), np.full(drawn.shape[1], np.nan)
    for figure in range(drawn.shape[1]):
        known = drawn[:, figure][~np.isnan(drawn[:, figure])]
        if known.size:
            low[figure], high[figure] = np.percentile(known, [edges, 100 - edges])
    return low, high


def compare(
    first: tuple[Array, Array],
    second: tuple[Array, Array],
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
) -> list[Comparison]:
    """Compare two systems on the same samples, figure by figure.

    Args:
        first: Numerators and denominators of the first system, (figures, samples) each.
        second: The second's, samples in the same order.
        confidence: Of the intervals of the differences (paired bootstrap).
        resamples: Of the bootstrap, and permutations of the test; at least 1.

    Returns:
        A comparison for each figure.
    """
    both = (first[1] > 0) & (second[1] > 0)
    above_1, below_1, above_2, below_2 = (np.where(both, part, 0.0) for part in (*first, *second))
    samples = above_1.shape[1]
    observed = np.array(
        [
            ratio(two, under_two) - ratio(one, under_one)
            for one, under_one, two, under_two in zip(above_1, below_1, above_2, below_2, strict=True)
        ]
    )
    drawn = _resample(above_2, below_2, resamples) - _resample(above_1, below_1, resamples)  # same seed: same samples
    lows, highs = _ends(drawn, confidence)
    # Under the hypothesis that the systems are the same, which of them gave which answer is a coin's toss a sample.
    generator = np.random.default_rng(SEED + 1)
    extreme = np.zeros(len(observed))
    block = max(1, BLOCK_CELLS // max(1, samples))
    for start in range(0, resamples, block):
        swapped = generator.integers(0, 2, size=(min(block, resamples - start), samples)).astype(np.float64)
        kept = 1.0 - swapped
        figure_1 = _divide(kept @ above_1.T + swapped @ above_2.T, kept @ below_1.T + swapped @ below_2.T)
        figure_2 = _divide(kept @ above_2.T + swapped @ above_1.T, kept @ below_2.T + swapped @ below_1.T)
        extreme += (np.abs(figure_2 - figure_1) >= np.abs(observed) - 1e-12).sum(axis=0)
    p_values = (extreme + 1) / (resamples + 1)
    adjusted = holm(p_values.tolist())
    return [
        Comparison(
            first=ratio(above_1[place], below_1[place]),
            second=ratio(above_2[place], below_2[place]),
            difference=float(observed[place]),
            low=float(lows[place]),
            high=float(highs[place]),
            p_value=float(p_values[place]),
            p_adjusted=adjusted[place],
            count=int(both[place].sum()),
        )
        for place in range(len(observed))
    ]


def holm(p_values: list[float]) -> list[float]:
    """Correct p-values for their number by Holm's step-down method."""
    adjusted, running = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        running = max(running, min(1.0, p_values[place] * (len(p_values) - rank)))
        adjusted[place] = running
    return adjusted


def finite(value: float) -> float | None:
    """Turn NaN into None, for JSON."""
    return None if math.isnan(value) else value


def as_json(record: Interval | Comparison) -> dict[str, Any]:
    """Turn a record into what JSON can hold."""
    return {key: finite(value) if isinstance(value, float) else value for key, value in vars(record).items()}
