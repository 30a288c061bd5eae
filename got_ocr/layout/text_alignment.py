"""Which part of a text stands on which line: a hidden semi-Markov model of a page's lines, in reading order.

Each line shows some units of the text, or none (it is no text, or the answer lacks it); units between lines may stand
on none (the layout lacks their line). What a line may show is told by its width, by where its gaps between words
are, and by the text's own line ends. Forward and backward sums over all ways to part the text give each way its
probability, so a match that could as well be another says so. Two sums come first: they measure how wide the page's
(and each block's) type is set, and how often a line ends where the text's does.

Shape legend:
    N  lines
    M  units of the text
    D  units by which the parts that a line may show differ
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from .text_parts import Parts, find_best_way, leave_out_all, sum_up
from .text_thresholds import Alignment as At
from .text_units import TextUnits
from .time_limit import check_time


@dataclass(frozen=True)
class SeenLine:
    """What is seen of a line, and tells what text may stand there.

    Attributes:
        width_em: its width in its own font size.
        block: number of its block, whose lines are set alike.
        gaps: how well a gap between words fits at each place of the line: log of the ratio to any place, at
            `Alignment.GAP_STEPS` places an em; empty where that isn't known.
    """

    width_em: float
    block: int = 0
    gaps: np.ndarray = field(default_factory=lambda: np.zeros(0), compare=False)


@dataclass(frozen=True)
class Match:
    """What stands on a line.

    Attributes:
        begin: number of its first unit.
        end: behind its last; the same as `begin` where it shows nothing.
        certainty: probability that the line shows at least `Alignment.SAME_SHARE` of this, and no more of others.
    """

    begin: int
    end: int
    certainty: float


@dataclass(frozen=True)
class Setting:
    """How a text is set on lines.

    Attributes:
        scales: (N,) log of each line's width to the width that its text is set with in `text_units`.
        deviation: of that.
        at_end: how much better than chance it explains that the text's line ends where a line does, and that it does
            not; logs.
        inside: the same within a line.
    """

    scales: np.ndarray
    deviation: float
    at_end: tuple[float, float]
    inside: tuple[float, float]

    def take(self, begin: int, end: int) -> "Setting":
        """Take that of the lines from one to another."""
        return replace(self, scales=self.scales[begin:end])


@dataclass(frozen=True)
class TextAlignment:
    """What stands on lines.

    Attributes:
        matches: N, of parts that follow one another.
        gain: log of how much better they explain the text than lines that show none of it.
        setting: how the text is set.
    """

    matches: tuple[Match, ...] = ()
    gain: float = 0.0
    setting: Setting | None = None


def align_text(lines: Sequence[SeenLine], units: TextUnits, setting: Setting | None = None) -> TextAlignment:
    """Find what part of a text stands on each line.

    Args:
        lines: N, at least one, in the order that the text has them in.
        units: M, at least one, of the text.
        setting: how the text is set on these lines, where that is known; else it is measured.

    Returns:
        A match for each line.

    Raises:
        OutOfTimeError: The page has taken as long as it may.
    """
    if setting is None:
        tries = [_measure(lines, units, first) for first in _first_settings(lines, units)]
        parts, shares, _, setting = max(tries, key=lambda one: one[2])
    else:
        parts = [_find_parts(number, line, units, setting) for number, line in enumerate(lines)]
        _, shares = sum_up(parts)
    parts = [
        _look_closely(line, units, setting, number, part, share)
        for number, (line, part, share) in enumerate(zip(lines, parts, shares, strict=True))
    ]
    total, shares = sum_up(parts)
    way = find_best_way(parts)
    matches = [
        Match(begin, end, weight * _certainty(begin, end, units, part, share))
        for (begin, end), weight, part, share in zip(way, _weigh_gaps(lines, units, way), parts, shares, strict=True)
    ]
    return TextAlignment(tuple(matches), total - leave_out_all(len(lines), len(units)), setting)


def _measure(
    lines: Sequence[SeenLine], units: TextUnits, setting: Setting
) -> tuple[list[Parts], list[np.ndarray], float, Setting]:
    """Measure how a text is set. Returns: the parts that lines may show, their probabilities, the sum, the setting."""
    for number_of_round in range(At.ROUNDS + 1):
        parts = [_find_parts(number, line, units, setting) for number, line in enumerate(lines)]
        total, shares = sum_up(parts)
        if number_of_round < At.ROUNDS:
            setting = _measure_setting(lines, units, setting, parts, shares)
    return parts, shares, total, setting


def _first_settings(lines: Sequence[SeenLine], units: TextUnits) -> list[Setting]:
    """Guess how a text is set: from all of it, which missing lines mislead, and from its own lines, if it has any."""
    begins = units.begins_em
    widths = [line.width_em for line in lines]
    ratios = [sum(widths) / float(begins[-1] - begins[0])]
    ends = np.flatnonzero(units.ends_line) + 1
    text_widths = np.diff(np.concatenate([[begins[0]], begins[ends]]))
    ratios.append(float(np.percentile(widths, At.WIDE_PERCENT) / np.percentile(text_widths, At.WIDE_PERCENT)))
    at_end, inside = _compare(units, At.FIRST_AT_END), _compare(units, At.FIRST_INSIDE * float(units.ends_line.mean()))
    scales = [float(np.log(np.clip(ratio, *At.SCALES))) for ratio in ratios]
    if abs(scales[0] - scales[1]) < At.SAME_SCALE:
        del scales[0]
    return [Setting(np.full(len(lines), scale), At.FIRST_DEVIATION, at_end, inside) for scale in scales]


def _find_parts(number: int, line: SeenLine, units: TextUnits, setting: Setting) -> Parts:
    """Find the parts of a text that are about as wide as a line."""
    check_time()
    begins, count = units.begins_em, len(units)
    width = line.width_em / np.exp(setting.scales[number])
    spaces = units.space_em * np.append(units.has_space, False)
    left = begins + spaces
    reach = np.exp(At.REACH_DEVIATIONS * _deviation(line, setting))
    first = np.searchsorted(begins, left + width / reach)
    last = np.searchsorted(begins, left + width * reach, side="right")
    first = np.maximum(first, np.arange(count + 1) + 1)
    last = np.maximum(last, first + 1)  # A long word stands on a short line all the same.
    ends = first[:, None] + np.arange(int((last - first).max()))
    is_part = (ends < last[:, None]) & (ends <= count)
    ends = np.minimum(ends, count)
    widths = np.maximum(begins[ends] - left[:, None], At.LEAST_EM)
    fits = np.where(is_part, _score_width(np.log(widths / width), _deviation(line, setting)), -np.inf)
    crossed = np.maximum(_count_inner(units, ends), 0)
    inner = np.maximum(ends - 1 - np.arange(count + 1)[:, None], 0)
    at_end = np.where(np.append(units.ends_line, True)[ends - 1], *setting.at_end)
    return Parts(ends, fits + at_end + crossed * setting.inside[0] + (inner - crossed) * setting.inside[1])


def _count_inner(units: TextUnits, ends: np.ndarray) -> np.ndarray:
    """Count the text's line ends within parts. Takes and returns: (M + 1, D) int64."""
    counts = np.concatenate([[0], np.cumsum(units.ends_line)])
    return np.asarray(counts[ends - 1] - counts[:, None])


def _deviation(line: SeenLine, setting: Setting) -> float:
    return float(np.hypot(setting.deviation, At.EDGE_EM / max(line.width_em, At.LEAST_EM)))


def _score_width(ratio: np.ndarray, deviation: float) -> np.ndarray:
    """Log of how much better widths fit than any: a normal curve, and a floor."""
    peak = At.ANY_WIDTH / (deviation * np.sqrt(2 * np.pi))
    return np.asarray(np.log(At.FLOOR + (1 - At.FLOOR) * peak * np.exp(-((ratio / deviation) ** 2) / 2)))


def _measure_setting(
    lines: Sequence[SeenLine],
    units: TextUnits,
    setting: Setting,
    parts: Sequence[Parts],
    shares: Sequence[np.ndarray],
) -> Setting:
    """Measure how a text is set by what probably stands on each line."""
    left = units.begins_em + units.space_em * np.append(units.has_space, False)
    sums = np.zeros((len(lines), 3))  # of weights, of ratios, of their squares
    at_end = all_ends = inside = within = 0.0
    for number, (line, part, share) in enumerate(zip(lines, parts, shares, strict=True)):
        ratios = np.log(line.width_em / np.maximum(units.begins_em[part.ends] - left[:, None], At.LEAST_EM))
        weight = share * line.width_em
        sums[number] = weight.sum(), (weight * ratios).sum(), (weight * ratios**2).sum()
        at_end += float((share * units.ends_line[part.ends - 1]).sum())
        all_ends += float(share.sum())
        inside += float((share * np.maximum(_count_inner(units, part.ends), 0)).sum())
        within += float((share * (part.ends - np.arange(len(units) + 1)[:, None] - 1)).sum())
    weight, ratio, _ = sums.sum(0)
    if weight <= 0:
        return setting
    mean = float(np.clip(ratio / weight, *np.log(At.SCALES)))
    scales = np.full(len(lines), mean)
    blocks = np.array([line.block for line in lines])
    rest = 0.0
    for block in np.unique(blocks):
        own_weight, own_ratio, own_square = sums[blocks == block].sum(0)
        scale = (own_ratio + At.BLOCK_WEIGHT_EM * mean) / (own_weight + At.BLOCK_WEIGHT_EM)
        scales[blocks == block] = scale
        rest += own_square - 2 * scale * own_ratio + scale**2 * own_weight
    deviation = float(np.clip(np.sqrt(max(rest, 0.0) / weight), *At.DEVIATIONS))
    return replace(
        setting,
        scales=scales,
        deviation=deviation,
        at_end=_compare(units, (at_end + 1) / (all_ends + 2)),
        inside=_compare(units, (inside + 1) / (within + At.INSIDE_COUNT)),
    )


def _compare(units: TextUnits, probability: float) -> tuple[float, float]:
    """Logs of the ratios of a probability that the text's line ends at a place, and that it does not, to chance."""
    least = 1 / (len(units) + 2)
    usual = min(max(float(units.ends_line.mean()), least), 1 - least)
    return float(np.log(probability / usual)), float(np.log((1 - probability) / (1 - usual)))


def _look_closely(
    line: SeenLine, units: TextUnits, setting: Setting, number: int, part: Parts, share: np.ndarray
) -> Parts:
    """Add to the parts that may be shown how well their gaps between words fit those of the line; drop the others."""
    scores = np.where(share > At.LEAST_SHARE * share.max(), part.scores, -np.inf)
    begins = units.begins_em
    # That some end fits tells nothing: so many do by chance. Which one does counts, and if it is the text's own.
    unit_em = float(begins[-1] - begins[0]) / len(units)
    width = line.width_em / float(np.exp(setting.scales[number]))
    scores -= np.log(max(1.0, At.ANY_WIDTH * width / unit_em))
    if not len(line.gaps):
        return Parts(part.ends, scores)
    for begin, place in zip(*np.nonzero(scores > -np.inf), strict=True):
        scores[begin, place] += _compare_gaps(line, units, int(begin), int(part.ends[begin, place])).sum()
    return Parts(part.ends, scores)


def _compare_gaps(line: SeenLine, units: TextUnits, begin: int, end: int) -> np.ndarray:
    """How much better each gap of a part fits the line than chance. Returns: (gaps,) float64, logs."""
    begins = units.begins_em
    left = begins[begin] + units.space_em * units.has_space[begin]
    inner = np.arange(begin + 1, end)[units.has_space[begin + 1 : end]]
    middles = (begins[inner] + units.space_em / 2 - left) / max(begins[end] - left, At.LEAST_EM)
    return line.gaps[(middles * (len(line.gaps) - 1)).astype(np.int64)] if len(line.gaps) else np.zeros(0)


def _weigh_gaps(lines: Sequence[SeenLine], units: TextUnits, way: Sequence[tuple[int, int]]) -> list[float]:
    """Tell by the gaps of each line, and of those beside it, whether its text may stand there. Returns: 1 or 0."""
    gaps = [
        _compare_gaps(line, units, begin, end) if end > begin else np.zeros(0)
        for line, (begin, end) in zip(lines, way, strict=True)
    ]
    means = [found.mean() for found in gaps if len(found) >= At.GAP_COUNT]
    usual = float(np.percentile(means, 75)) if means else 0.0
    if usual < At.GAP_MEAN:
        return [1.0] * len(lines)  # A face with other letters than those that were reckoned with.
    near = [
        np.concatenate(
            [
                gaps[other]
                for other in range(max(number - 1, 0), min(number + 2, len(lines)))
                if lines[other].block == line.block
            ]
        )
        for number, line in enumerate(lines)
    ]
    least = At.GAP_SHARE * usual
    return [0.0 if len(found) >= At.GAP_COUNT and found.mean() < least else 1.0 for found in near]


def _certainty(begin: int, end: int, units: TextUnits, part: Parts, share: np.ndarray) -> float:
    """How probable it is that a line shows about what it shows in the best way."""
    if begin == end:
        return 0.0
    begins = units.begins_em
    inner = np.minimum(begins[part.ends], begins[end]) - np.maximum(begins, begins[begin])[:, None]
    outer = np.maximum(begins[part.ends], begins[end]) - np.minimum(begins, begins[begin])[:, None]
    return float(min(1.0, share[inner >= At.SAME_SHARE * outer].sum()))
