"""All ways to part a text among lines: their sum, what each part has of it, and the best of them.

Each line takes a part of the text or nothing, in order; units of the text before, between and behind the parts may be
left out. Scores are logs; leaving out costs by `Alignment`, the first of a run more than those that follow.

Shape legend:
    N  lines
    M  units of the text
    D  parts that a line may take from one unit on
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .text_thresholds import Alignment as At
from .time_limit import check_time


@dataclass(frozen=True)
class Parts:
    """The parts of a text that a line may show.

    Attributes:
        ends: (M + 1, D) int64, where the parts that begin at each unit end.
        scores: (M + 1, D) float64, log of how much better each fits than any; -inf for none.
    """

    ends: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True)
class _Reached:
    """The best, or the sum, of the ways to the place behind a line.

    Attributes:
        shown: (M + 1,) float64, of those where the line took a part, by the units that are behind.
        empty: (M + 1,) float64, of those where it took nothing.
    """

    shown: np.ndarray
    empty: np.ndarray


def _leave_out(scores: np.ndarray, join: np.ufunc) -> np.ndarray:
    """Go on from each unit, or leave out some units first. Takes and returns: (M + 1,) float64."""
    costs = At.LEFT_OUT_UNIT * np.arange(len(scores))
    led = np.full(len(scores), -np.inf)
    led[1:] = join.accumulate(scores + costs)[:-1] - costs[1:] - At.LEFT_OUT_TEXT
    return np.asarray(join(scores, led))


def leave_out_all(num_lines: int, num_units: int) -> float:
    """Score the way that leaves out everything.

    Args:
        num_lines: N.
        num_units: M.

    Returns:
        Its log.
    """
    lines = At.LEFT_OUT_LINE + At.LEFT_OUT_NEXT_LINE * (num_lines - 1)
    return -(lines + At.LEFT_OUT_TEXT + At.LEFT_OUT_UNIT * num_units)


def _go_forward(parts: Sequence[Parts], join: np.ufunc) -> tuple[list[np.ndarray], list[_Reached]]:
    """Give parts to line after line.

    Args:
        parts: N.
        join: `np.logaddexp` to sum up, `np.maximum` for the best way.

    Returns:
        For each line what leads to it, (M + 1,); and what is reached behind 0 to N lines.
    """
    nowhere = np.full(len(parts[0].ends), -np.inf)
    begin = nowhere.copy()
    begin[0] = 0.0
    reached, led = [_Reached(begin, nowhere)], []
    for part in parts:
        check_time()
        last = reached[-1]
        led.append(_leave_out(join(last.shown, last.empty), join))
        ways = led[-1][:, None] + part.scores
        shown = nowhere.copy()
        highest = float(ways.max())
        if join is np.maximum:
            np.maximum.at(shown, part.ends, ways)
        elif highest > -np.inf:
            with np.errstate(divide="ignore"):
                sums = np.bincount(part.ends.ravel(), np.exp(ways - highest).ravel(), len(nowhere))
                shown = np.log(sums) + highest
        empty = join(last.shown - At.LEFT_OUT_LINE, last.empty - At.LEFT_OUT_NEXT_LINE)
        reached.append(_Reached(shown, np.asarray(empty)))
    return led, reached


def sum_up(parts: Sequence[Parts]) -> tuple[float, list[np.ndarray]]:
    """Sum over all ways.

    Args:
        parts: that each of N lines may show, N at least 1.

    Returns:
        The log of the sum; and of each line, (M + 1, D) as `Parts.scores`, the share of the ways with that part.

    Raises:
        OutOfTimeError: The page has taken as long as it may.
    """
    led, reached = _go_forward(parts, np.logaddexp)
    total = float(_leave_out(np.logaddexp(reached[-1].shown, reached[-1].empty), np.logaddexp)[-1])
    last = np.full(len(led[0]), -np.inf)
    last[-1] = 0.0
    # The same road backwards: what is behind a line that took a part, and behind one that took nothing.
    behind_shown = behind_empty = _leave_out(last[::-1], np.logaddexp)[::-1]
    shares: list[np.ndarray] = []
    for part, before in zip(reversed(parts), reversed(led), strict=True):
        check_time()
        going = part.scores + behind_shown[part.ends]
        shares.append(np.exp(np.minimum(before[:, None] + going - total, 0.0)))
        taken = _leave_out(np.logaddexp.reduce(going, axis=1)[::-1], np.logaddexp)[::-1]
        behind_shown = np.logaddexp(taken, behind_empty - At.LEFT_OUT_LINE)
        behind_empty = np.logaddexp(taken, behind_empty - At.LEFT_OUT_NEXT_LINE)
    return total, shares[::-1]


def find_best_way(parts: Sequence[Parts]) -> list[tuple[int, int]]:
    """Find the way of the highest score.

    Args:
        parts: that each of N lines may show, N at least 1.

    Returns:
        What each line shows, from its first unit to behind its last; nothing where both are the same.

    Raises:
        OutOfTimeError: The page has taken as long as it may.
    """
    led, reached = _go_forward(parts, np.maximum)
    place, is_shown = _step_back(reached[-1], len(led[0]) - 1)
    way: list[tuple[int, int]] = []
    for number in range(len(parts) - 1, -1, -1):
        before = reached[number]
        if is_shown:
            begins, places = np.nonzero(parts[number].ends == place)
            found = led[number][begins] + parts[number].scores[begins, places]
            begin = int(begins[int(np.argmax(found))])
            way.append((begin, place))
            place, is_shown = _step_back(before, begin)
        else:
            way.append((place, place))
            is_shown = bool(before.shown[place] - At.LEFT_OUT_LINE >= before.empty[place] - At.LEFT_OUT_NEXT_LINE)
    return way[::-1]


def _step_back(reached: _Reached, place: int) -> tuple[int, bool]:
    """Find from where the best way came to a place: over units that were left out? Behind a line that took a part?"""
    scores = np.maximum(reached.shown, reached.empty)
    costs = At.LEFT_OUT_UNIT * np.arange(len(scores))
    if place:
        origin = int(np.argmax(scores[:place] + costs[:place]))
        if scores[origin] + costs[origin] - costs[place] - At.LEFT_OUT_TEXT > scores[place]:
            place = origin
    return place, bool(reached.shown[place] >= reached.empty[place])
