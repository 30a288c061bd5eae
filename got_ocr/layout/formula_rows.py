r"""Keep formulas together that are higher than a line: fractions, and large signs with limits.

Lines are found by letters that stand side by side, so that a fraction falls into a numerator's line, a denominator's,
and one of what stands beside its bar. Here they become one line again, around the bar.

Shape legend:
    N  components
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from .bands import Bands
from .components import Components, weighted_median
from .formula_thresholds import Formulas, Scripts
from .line import Box, Line, box_array, join_parts, outer_box
from .time_limit import check_time


@dataclass(frozen=True)
class _Stack:
    """Something that stands over something else, and what holds them together.

    Attributes:
        box: around all of it.
        axis_px: height of the bar's or the large sign's middle.
        lines: numbers of the lines that its parts fell into.
    """

    box: Box
    axis_px: float
    lines: frozenset[int]


def join_stacks(components: Components, ink: Components, lines: list[Line]) -> list[Line]:
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
    found = finder.find_stacks()
    leader = list(range(len(lines)))

    def top(number: int) -> int:
        while leader[number] != number:
            number = leader[number]
        return number

    ties = [stack.lines for stack in found] + [frozenset(pair) for pair in finder.find_scripts()]
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
        _join_formula([lines[number] for number in group], own[first], em)
        if first in own
        else join_parts([lines[number] for number in group], _largest([lines[number] for number in group]))
        for first, group in groups.items()
    ]


def _largest(parts: list[Line]) -> int:
    """The widest of a line's parts, its scripts being narrow."""
    return int(np.argmax([part.box[2] - part.box[0] for part in parts]))


def _join_formula(parts: list[Line], stacks: list[_Stack], em: float) -> Line:
    """Make one line of the parts that stacks hold together. `em` is the page's usual size."""
    boxes = np.concatenate([box_array(parts), np.array([stack.box for stack in stacks], float)])
    box = outer_box(boxes)
    places = tuple(stack.box for stack in stacks)
    sizes, weights = np.array([part.em_px for part in parts]), np.array([len(part.members) for part in parts])
    em_px = weighted_median(sizes, weights)
    if (
        not Formulas.USUAL_SIZES[0] < em_px / em < Formulas.USUAL_SIZES[1]
    ):  # a bar or a large sign was taken for letters
        em_px = em
    elif len(parts) == 1:
        return replace(parts[0], box=box, stacks=places)
    axis_px = float(np.median([stack.axis_px for stack in stacks]))
    baseline, off_px = axis_px + Formulas.AXIS_EM * em_px, Formulas.AXIS_OFF_EM * em_px
    level = [part for part in parts if abs(part.baseline_px - axis_px - Formulas.AXIS_EM * em_px) < off_px]
    if level:
        baseline = max(level, key=lambda part: len(part.members)).baseline_px
    members = np.concatenate([part.members for part in parts])
    return Line(box, baseline, em_px, members, stacks=places)


class _Finder:
    """Looks for stacks on one page."""

    def __init__(
        self, components: Components, ink: Components, lines: list[Line], owner: np.ndarray, em: float
    ) -> None:
        self.boxes = components.boxes.astype(float)
        self.middle_x = self.boxes[:, [0, 2]].mean(1)
        self.heights = components.height
        self.ink = ink
        self.lines, self.owner, self.em = lines, owner, em
        self.line_boxes = box_array(lines)
        owned = np.flatnonzero(owner >= 0)
        self._owned, self._owned_bands = owned, Bands(self.boxes[owned, 1], self.boxes[owned, 3], em)
        self._ink_bands = Bands(ink.boxes[:, 1].astype(float), ink.boxes[:, 3].astype(float), em)

    def _letters_near(self, top: float, bottom: float) -> np.ndarray:
        """Numbers of lines' letters that may overlap a stretch of the page's height."""
        found: np.ndarray = self._owned[self._owned_bands.near(top, bottom)]
        return found

    def find_stacks(self) -> list[_Stack]:
        """All stacks of the page."""
        found = list(self._find_fractions())
        width, height = self.ink.width, self.ink.height
        low, high = Formulas.SIGN_EM
        large = (height > low * self.em) & (height < high * self.em)
        large &= (width > Formulas.SIGN_LEAST_WIDTH_EM * self.em) & (width < Formulas.SIGN_WIDTH * height)
        for sign in np.flatnonzero(large):
            check_time()
            stack = self._find_limits(self.ink.boxes[sign].astype(float))
            if stack is not None:
                found.append(stack)
        return found

    def find_scripts(self) -> Iterator[tuple[int, int]]:
        """Lines that are a power or an index behind a letter of another, as (power, other)."""
        em = np.array([line.em_px for line in self.lines])
        baseline = np.array([line.baseline_px for line in self.lines])
        is_long = np.array([len(line.members) > Scripts.MOST_LETTERS for line in self.lines])
        x1, y1, _, y2 = self.line_boxes.T
        reach = Bands(baseline - Scripts.RAISED_EM[1] * em, baseline + Scripts.LOWERED_EM[1] * em, self.em)
        for number in np.flatnonzero(~is_long):
            check_time()
            near = reach.near(y2[number], y2[number])
            size = em[near]
            foot, top = baseline[near] - y2[number], baseline[near] - y1[number]
            raised = (foot > Scripts.RAISED_EM[0] * size) & (top < Scripts.RAISED_EM[1] * size)
            lowered = (-foot > Scripts.LOWERED_EM[0] * size) & (-foot < Scripts.LOWERED_EM[1] * size)
            lowered &= top < Scripts.LOWERED_TOP_EM * size
            # Of a script alone, one can't tell the size: it may be taken for small letters of the usual size.
            is_larger = (is_long[near] | (size > em[number])) & (y2[number] - y1[number] < Scripts.HIGHEST_EM * size)
            near = near[(raised | lowered) & is_larger]
            if not len(near):
                continue
            letters = np.sort(np.concatenate([self.lines[line].members for line in near]))
            lines = self.owner[letters]
            gap = x1[number] - self.boxes[letters, 2]
            behind = np.flatnonzero((gap > -Scripts.OVERLAP_EM * em[lines]) & (gap < Scripts.GAP_EM * em[lines]))
            if len(behind):
                yield int(number), int(lines[behind[np.argmin(gap[behind])]])

    def _find_fractions(self) -> Iterator[_Stack]:
        em = self.em
        width, height = self.ink.width, self.ink.height
        shortest, longest = Formulas.BAR_WIDTH_EM
        flat = height <= max(Formulas.BAR_HEIGHT_PX, Formulas.BAR_HEIGHT_EM * em)
        flat &= width >= Formulas.BAR_SHAPE * height
        bars = self.ink.boxes[flat & (width >= shortest * em) & (width <= longest * em)].astype(float)
        parts = [(bar, self._letters_over(bar, 1), self._letters_over(bar, -1)) for bar in bars]
        parts = [(bar, above, below) for bar, above, below in parts if len(above) and len(below)]
        covered = np.zeros(len(self.boxes), bool)
        for _, above, below in parts:
            covered[above] = covered[below] = True
        for bar, above, below in parts:
            lines = set(self.owner[np.concatenate([above, below])].tolist())
            # An underlined word stands over a line that goes on to both sides.
            if all(
                self._is_at(bar, self.lines[number].members, covered) or self._is_inline(number, bar)
                for number in lines
            ):
                yield self._grow(bar, np.concatenate([above, below]), lines)

    def _is_at(self, bar: np.ndarray, letters: np.ndarray, covered: np.ndarray) -> bool:
        """Whether enough of a line's letters stand over or under a bar, which `covered` tells, or at its height."""
        off = np.abs(self.boxes[letters][:, [1, 3]].mean(1) - bar[[1, 3]].mean())
        return bool((covered[letters] | (off < Formulas.LEVEL_EM * self.em)).mean() >= Formulas.MEMBERS)

    def _letters_over(self, bar: np.ndarray, side: int) -> np.ndarray:
        """Letters over a bar (side 1) or under it (-1), none where they reach beyond its ends or stand aside."""
        check_time()
        em = self.em
        is_short = bar[2] - bar[0] < Formulas.SHORT_BAR_EM * em
        reach = (Formulas.SHORT_REACH_EM if is_short else Formulas.REACH_EM) * em
        ends = Formulas.ENDS_EM * em
        touch = Formulas.TOUCH_EM * em
        span = (bar[1] - reach, bar[1] + touch) if side > 0 else (bar[3] - touch, bar[3] + reach)
        near = self._letters_near(*span)
        boxes, middle_x = self.boxes[near], self.middle_x[near]
        inside = (middle_x > bar[0] - ends) & (middle_x < bar[2] + ends)
        near_edge = boxes[:, 3] if side > 0 else boxes[:, 1]
        far_edge = boxes[:, 1] if side > 0 else boxes[:, 3]
        gap = side * ((bar[1] if side > 0 else bar[3]) - near_edge)
        clear = (gap > -touch) & (side * (bar[1] - far_edge) > Formulas.CLEAR_EM * em)
        chosen: np.ndarray = near[inside & clear & (gap < reach)]
        if not len(chosen) or (is_short and self.heights[chosen].max() < Formulas.SHORT_FIGURE_EM * em):
            return chosen[:0]
        left, right = self.boxes[chosen, 0].min(), self.boxes[chosen, 2].max()
        off = abs((left + right) / 2 - (bar[0] + bar[2]) / 2)
        beyond = Formulas.BEYOND_EM * em
        is_off = off > Formulas.CENTRED * (bar[2] - bar[0]) + Formulas.CENTRED_EM * em
        if is_off or left < bar[0] - beyond or right > bar[2] + beyond:
            return chosen[:0]
        aside = Formulas.ASIDE_EM * em
        beside = clear & ~inside & (gap < reach)
        beside &= self.heights[near] > Formulas.ASIDE_HEIGHT_EM * em
        beside &= (boxes[:, 2] > bar[0] - aside) & (boxes[:, 0] < bar[2] + aside)
        return chosen[:0] if beside.any() else chosen

    def _find_limits(self, sign: np.ndarray) -> _Stack | None:
        """Limits right above and below a large sign."""
        em = self.em
        middle = (sign[0] + sign[2]) / 2
        reach = max(Formulas.LIMIT_WIDTH * (sign[2] - sign[0]), Formulas.LIMIT_LEAST_EM * em)
        reach += Formulas.LIMIT_REACH_EM * em
        touch, furthest = Formulas.LIMIT_TOUCH_EM * em, Formulas.LIMIT_GAP_EM * em
        near = self._letters_near(sign[1] - furthest, sign[3] + furthest)
        near = near[(np.abs(self.middle_x[near] - middle) < reach) & (self.heights[near] < Formulas.LIMIT_EM * em)]
        top, bottom = self.boxes[near, 1], self.boxes[near, 3]
        above = near[(bottom <= sign[1] + touch) & (bottom > sign[1] - furthest)]
        below = near[(top >= sign[3] - touch) & (top < sign[3] + furthest)]
        for limits in (above, below):
            if not len(limits):
                return None
            centre = (self.boxes[limits, 0].min() + self.boxes[limits, 2].max()) / 2
            lines = set(self.owner[limits].tolist())
            is_off = abs(centre - middle) > Formulas.LIMIT_CENTRED_EM * em
            if is_off or any(self._is_wide(number, limits) for number in lines):
                return None
        letters = np.concatenate([above, below])
        return self._grow(sign, letters, set(self.owner[letters].tolist()))

    def _is_wide(self, number: int, letters: np.ndarray) -> bool:
        """Whether a line has much more than these letters."""
        return len(self.lines[number].members) > 2 * len(letters) + Formulas.WIDE_LETTERS

    def _is_inline(self, number: int, bar: np.ndarray) -> bool:
        """Whether a bar stands at the height of a line's small letters, as an inline fraction's does."""
        rise_em = (self.lines[number].baseline_px - bar[[1, 3]].mean()) / self.lines[number].em_px
        return bool(Formulas.INLINE_EM[0] < rise_em < Formulas.INLINE_EM[1])

    def _grow(self, core: np.ndarray, letters: np.ndarray, lines: set[int]) -> _Stack:
        """Add what stands beside a bar or a large sign at its height, such as brackets and the rest of an equation."""
        em, axis = self.em, float(core[[1, 3]].mean())
        region = _around(core, self.boxes[letters])
        low, high = Formulas.BRACKET_EM
        boxes = self.ink.boxes[self._ink_bands.near(axis, axis)].astype(float)
        width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
        tall = (boxes[:, 1] < axis) & (boxes[:, 3] > axis)
        tall &= (height > low * em) & (height < high * em)
        tall &= width < Formulas.BRACKET_WIDTH_EM * em
        aside, further = Formulas.BRACKET_GAP_EM * em, Formulas.BESIDE_EM * em
        for _ in range(Formulas.GROWTH_ROUNDS):
            beside = tall & (boxes[:, 2] > region[0] - aside) & (boxes[:, 0] < region[2] + aside)
            grown = _around(region, boxes[beside])
            level = np.abs(self.line_boxes[:, [1, 3]].mean(1) - axis) < Formulas.BESIDE_LEVEL_EM * em
            left, right = grown[0] - further, grown[2] + further
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
