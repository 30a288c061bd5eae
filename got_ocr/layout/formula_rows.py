r"""Keep formulas together that are higher than a line: fractions, and large signs with limits.

Lines are found by letters that stand side by side, so that a fraction falls into a numerator's line, a denominator's,
and one of what stands beside its bar. Here they become one line again, around the bar.

Shape legend:
    N  components
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from .ink import Components, weighted_median
from .reading_order import TextLine, box_array
from .rows import join_parts

BAR_WIDTH_EM, BAR_HEIGHT_EM = (0.3, 14.0), 0.14
SHORT_BAR_EM, SHORT_REACH_EM = 0.5, 0.3  # A shorter bar, as of one half in a line, has its figures this near.
LARGE_SIGN_EM = (1.15, 2.6)  # Height of sums, products and integrals that have limits above and below.
REACH_EM = 0.75  # From a bar to the bottom of a numerator's letters, and to the top of a denominator's.
LIMIT_EM = 0.62  # Limits are no higher than this.
BESIDE_EM = 1.6  # What goes on beside a bar begins no further away.
FORMULA_MEMBERS = 0.3  # Of a line's letters stand over, under or beside a bar, if its formula is what the line has.
AXIS_EM = 0.25  # Height of a fraction's bar over the baseline.

USUAL_SIZES = (0.75, 1.3)  # Of a formula's letters, by the page's usual ones.
SCRIPT_MEMBERS, SCRIPT_EM, SCRIPT_GAP_EM = 3, 0.72, 0.3  # Most letters of a power behind a line, height, distance.

_Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class _Stack:
    """Something that stands over something else, and what holds them together.

    Attributes:
        box: around all of it.
        axis_px: height of the bar's or the large sign's middle.
        lines: numbers of the lines that its parts fell into.
    """

    box: _Box
    axis_px: float
    lines: frozenset[int]


def join_stacks(components: Components, ink: Components, lines: list[TextLine]) -> list[TextLine]:
    """Make one line of the lines that a fraction or a sign with limits fell into.

    Args:
        components: the page's, whose numbers are the lines' members.
        ink: all components of the page, rules included.
        lines: of `find_lines`.

    Returns:
        The lines in the order that they came in, the joined ones in their first part's place; joined ones have
        `stacks`.
    """
    if not lines:
        return lines
    em = weighted_median(np.array([line.em_px for line in lines]), np.array([len(line.members) for line in lines]))
    owner = np.full(len(components.area), -1)
    for number, line in enumerate(lines):
        owner[line.members] = number
    finder = _Finder(components, ink, lines, owner, em)
    found = finder.stacks()
    leader = list(range(len(lines)))

    def top(number: int) -> int:
        while leader[number] != number:
            number = leader[number]
        return number

    ties = [stack.lines for stack in found] + [frozenset(pair) for pair in finder.scripts()]
    for tie in ties:
        first, *others = sorted({top(number) for number in tie})
        for number in others:
            leader[number] = first
    groups: dict[int, list[int]] = {}
    for number in range(len(lines)):
        groups.setdefault(top(number), []).append(number)
    own: dict[int, list[_Stack]] = {}
    for stack in found:
        own.setdefault(top(min(stack.lines)), []).append(stack)
    return [
        _joined([lines[number] for number in group], own[first], em)
        if first in own
        else join_parts([lines[number] for number in group], _largest([lines[number] for number in group]))
        for first, group in groups.items()
    ]


def _largest(parts: list[TextLine]) -> int:
    """The widest of a line's parts, its scripts being narrow."""
    return int(np.argmax([part.box[2] - part.box[0] for part in parts]))


def _joined(parts: list[TextLine], stacks: list[_Stack], em: float) -> TextLine:
    """Make one line of the parts that stacks hold together. `em` is the page's usual size."""
    boxes = np.concatenate([box_array(parts), np.array([stack.box for stack in stacks], float)])
    x1, y1 = boxes[:, :2].min(0).astype(int).tolist()
    x2, y2 = boxes[:, 2:].max(0).astype(int).tolist()
    places = tuple(stack.box for stack in stacks)
    sizes, weights = np.array([part.em_px for part in parts]), np.array([len(part.members) for part in parts])
    em_px = weighted_median(sizes, weights)
    if not USUAL_SIZES[0] < em_px / em < USUAL_SIZES[1]:  # a bar or a large sign was taken for letters
        em_px = em
    elif len(parts) == 1:
        return replace(parts[0], box=(x1, y1, x2, y2), stacks=places)
    axis_px = float(np.median([stack.axis_px for stack in stacks]))
    level = [part for part in parts if abs(part.baseline_px - axis_px - AXIS_EM * em_px) < 0.2 * em_px]
    baseline = max(level, key=lambda part: len(part.members)).baseline_px if level else axis_px + AXIS_EM * em_px
    members = np.concatenate([part.members for part in parts])
    return TextLine(members, (x1, y1, x2, y2), baseline, em_px, stacks=places)


class _Finder:
    """Looks for stacks on one page."""

    def __init__(
        self, components: Components, ink: Components, lines: list[TextLine], owner: np.ndarray, em: float
    ) -> None:
        self.boxes = components.boxes.astype(float)
        self.middle_x = self.boxes[:, [0, 2]].mean(1)
        self.heights = components.height
        self.ink = ink
        self.lines, self.owner, self.em = lines, owner, em
        self.line_boxes = box_array(lines)

    def stacks(self) -> list[_Stack]:
        """All stacks of the page."""
        found = list(self._fractions())
        width, height = self.ink.width, self.ink.height
        low, high = LARGE_SIGN_EM
        large = (height > low * self.em) & (height < high * self.em) & (width > 0.3 * self.em) & (width < 2.2 * height)
        for sign in np.flatnonzero(large):
            stack = self._limits(self.ink.boxes[sign].astype(float))
            if stack is not None:
                found.append(stack)
        return found

    def scripts(self) -> Iterator[tuple[int, int]]:
        """Lines that are a power or an index behind a letter of another, as (power, other)."""
        em = np.array([line.em_px for line in self.lines])
        baseline = np.array([line.baseline_px for line in self.lines])
        is_long = np.array([len(line.members) > SCRIPT_MEMBERS for line in self.lines])
        x1, y1, _, y2 = self.line_boxes.T
        letters = np.flatnonzero(self.owner >= 0)
        lines = self.owner[letters]
        for number in np.flatnonzero(~is_long):
            gap = x1[number] - self.boxes[letters, 2]
            behind = (gap > -0.1 * em[lines]) & (gap < SCRIPT_GAP_EM * em[lines])
            if not behind.any():
                continue
            raised = (baseline - y2[number] > 0.22 * em) & (baseline - y1[number] < 1.25 * em)
            lowered = (y2[number] - baseline > 0.08 * em) & (y1[number] - baseline > -0.45 * em)
            lowered &= y2[number] - baseline < 0.5 * em
            # Of a script alone, one can't tell the size: it may be taken for small letters of the usual size.
            is_larger = (is_long | (em > em[number])) & (y2[number] - y1[number] < SCRIPT_EM * em)
            owners = np.flatnonzero(behind & ((raised | lowered) & is_larger)[lines])
            if len(owners):
                yield int(number), int(lines[owners[np.argmin(gap[owners])]])

    def _fractions(self) -> Iterator[_Stack]:
        em = self.em
        width, height = self.ink.width, self.ink.height
        shortest, longest = BAR_WIDTH_EM
        flat = (height <= max(2.0, BAR_HEIGHT_EM * em)) & (width >= 3 * height)
        bars = self.ink.boxes[flat & (width >= shortest * em) & (width <= longest * em)].astype(float)
        parts = [(bar, self._over(bar, 1), self._over(bar, -1)) for bar in bars]
        parts = [(bar, above, below) for bar, above, below in parts if len(above) and len(below)]
        covered = np.zeros(len(self.boxes), bool)
        for _, above, below in parts:
            covered[above] = covered[below] = True
        for bar, above, below in parts:
            lines = set(self.owner[np.concatenate([above, below])].tolist())
            # An underlined word stands over a line that goes on to both sides.
            at_bar = covered | (np.abs(self.boxes[:, [1, 3]].mean(1) - bar[[1, 3]].mean()) < 0.4 * em)
            if all(
                at_bar[self.lines[number].members].mean() >= FORMULA_MEMBERS or self._level(number, bar)
                for number in lines
            ):
                yield self._grown(bar, np.concatenate([above, below]), lines)

    def _over(self, bar: np.ndarray, side: int) -> np.ndarray:
        """Letters over a bar (side 1) or under it (-1), none where they reach beyond its ends or stand aside."""
        em = self.em
        is_short = bar[2] - bar[0] < SHORT_BAR_EM * em
        reach = (SHORT_REACH_EM if is_short else REACH_EM) * em
        inside = (self.middle_x > bar[0] - 0.1 * em) & (self.middle_x < bar[2] + 0.1 * em) & (self.owner >= 0)
        near_edge = self.boxes[:, 3] if side > 0 else self.boxes[:, 1]
        far_edge = self.boxes[:, 1] if side > 0 else self.boxes[:, 3]
        gap = side * ((bar[1] if side > 0 else bar[3]) - near_edge)
        clear = (gap > -0.06 * em) & (side * (bar[1] - far_edge) > 0.1 * em)
        chosen = np.flatnonzero(inside & clear & (gap < reach))
        if not len(chosen) or (is_short and self.heights[chosen].max() < 0.25 * em):
            return chosen[:0]
        left, right = self.boxes[chosen, 0].min(), self.boxes[chosen, 2].max()
        off = abs((left + right) / 2 - (bar[0] + bar[2]) / 2)
        if off > 0.12 * (bar[2] - bar[0]) + 0.2 * em or left < bar[0] - 0.25 * em or right > bar[2] + 0.25 * em:
            return chosen[:0]
        beside = clear & ~inside & (gap < reach) & (self.heights > 0.25 * em) & (self.owner >= 0)
        beside &= (self.boxes[:, 2] > bar[0] - 0.4 * em) & (self.boxes[:, 0] < bar[2] + 0.4 * em)
        return chosen[:0] if beside.any() else chosen

    def _limits(self, sign: np.ndarray) -> _Stack | None:
        """Limits right above and below a large sign."""
        em = self.em
        middle = (sign[0] + sign[2]) / 2
        reach = max(0.5 * (sign[2] - sign[0]), 0.5 * em) + 0.9 * em
        near = (np.abs(self.middle_x - middle) < reach) & (self.heights < LIMIT_EM * em)
        near &= self.owner >= 0
        above = np.flatnonzero(
            near & (self.boxes[:, 3] <= sign[1] + 0.05 * em) & (self.boxes[:, 3] > sign[1] - 0.45 * em)
        )
        below = np.flatnonzero(
            near & (self.boxes[:, 1] >= sign[3] - 0.05 * em) & (self.boxes[:, 1] < sign[3] + 0.45 * em)
        )
        for limits in (above, below):
            if not len(limits):
                return None
            centre = (self.boxes[limits, 0].min() + self.boxes[limits, 2].max()) / 2
            lines = set(self.owner[limits].tolist())
            if abs(centre - middle) > 0.35 * em or any(self._wide(number, limits) for number in lines):
                return None
        letters = np.concatenate([above, below])
        return self._grown(sign, letters, set(self.owner[letters].tolist()))

    def _wide(self, number: int, letters: np.ndarray) -> bool:
        """Whether a line has much more than these letters."""
        return len(self.lines[number].members) > 2 * len(letters) + 2

    def _level(self, number: int, bar: np.ndarray) -> bool:
        """Whether a bar stands at the height of a line's small letters, as an inline fraction's does."""
        rise_em = (self.lines[number].baseline_px - bar[[1, 3]].mean()) / self.lines[number].em_px
        return bool(0.1 < rise_em < 0.45)

    def _grown(self, core: np.ndarray, letters: np.ndarray, lines: set[int]) -> _Stack:
        """Add what stands beside a bar or a large sign at its height, such as brackets and the rest of an equation."""
        em, boxes = self.em, self.ink.boxes.astype(float)
        axis = float(core[[1, 3]].mean())
        region = _around(core, self.boxes[letters])
        tall = (boxes[:, 1] < axis) & (boxes[:, 3] > axis) & (self.ink.height > 0.9 * em) & (self.ink.height < 5 * em)
        tall &= self.ink.width < 3 * em
        for _ in range(4):
            beside = tall & (boxes[:, 2] > region[0] - 0.6 * em) & (boxes[:, 0] < region[2] + 0.6 * em)
            grown = _around(region, boxes[beside])
            level = np.abs(self.line_boxes[:, [1, 3]].mean(1) - axis) < 0.45 * em
            left, right = grown[0] - BESIDE_EM * em, grown[2] + BESIDE_EM * em
            near = (self.line_boxes[:, 2] > left) & (self.line_boxes[:, 0] < right)
            lines = lines | set(np.flatnonzero(level & near).tolist())
            if (grown == region).all():
                break
            region = grown
        x1, y1, x2, y2 = (int(edge) for edge in region)
        return _Stack((x1, y1, x2, y2), axis, frozenset(lines))


def _around(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """A box around a box and (N, 4) others."""
    every = np.vstack([box[None], others])
    return np.concatenate([every[:, :2].min(0), every[:, 2:].max(0)])
