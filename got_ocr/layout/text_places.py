"""Where a text that was read of a whole page stands on it: each line of the page gets its part of the text.

For models that answer with text alone. What is known of the page is its layout; no letter is read here. Lines are
matched in reading order first; what is left of the text and of the lines then, run by run, in any order, so that a
column or heading that the text has elsewhere finds its place too. A doubtful match gives no place rather than a wrong
one: see `text_alignment` for what is doubtful, and evaluation/benchmarks/line_boxes.py for how often a match is right.

Shape legend:
    H, W  height and width in px of a line's box in working px
    G     places of a line where a gap is looked for
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from .page import PageLayout, PagePixels
from .text_alignment import Match, SeenLine, TextAlignment, align_text
from .text_thresholds import Alignment as At
from .text_units import TextUnits, split_units

_Run = tuple[int, int]


@dataclass(frozen=True)
class PlacedText:
    """A part of a text, and where it stands.

    Attributes:
        start: where it begins in the text.
        end: where it ends.
        line: number of its line in the layout; None for a part whose line isn't known.
        certainty: probability that it stands there; 0 without a line.
    """

    start: int
    end: int
    line: int | None = None
    certainty: float = 0.0


def place_text(layout: PageLayout, text: str) -> list[PlacedText]:
    """Find where the parts of a text stand on a page.

    Args:
        layout: of the page, best with its pixels.
        text: what was read of it, whole.

    Returns:
        Parts in the text's order that hold all of it but white space: one for each line that was matched with some
        certainty, and the rest as the text's own lines have it; all of it on a page of more lines and words than are
        matched in seconds.

    Raises:
        OutOfTimeError: The page has taken as long as it may.
    """
    lines = see_lines(layout)
    units = split_units(text)
    if not lines or not len(units) or len(lines) * len(units) > At.MOST_WORK:
        return list(_part_text(units, np.full(len(units), -1), {}))
    # Of two kinds of faces, the one that explains the page better.
    units, first = max(
        ((units, align_text(lines, units)) for units in (units, split_units(text, is_fixed=True))),
        key=lambda one: one[1].gain,
    )
    found = _match_runs(lines, units, first)
    owner = np.full(len(units), -1)
    for number, match in found.items():
        owner[match.begin : match.end] = number
    return list(_part_text(units, owner, found))


def see_lines(layout: PageLayout) -> list[SeenLine]:
    """Take of a page's lines what tells their text.

    Args:
        layout: of the page.

    Returns:
        One for each of its lines, their sizes evened out within a block, which is set in one size.
    """
    sizes: dict[int, float] = {}
    for block, members in groupby(sorted(layout.upright_lines, key=lambda line: line.block), lambda line: line.block):
        sizes[block] = float(np.median([line.em_px for line in members]))
    pixels = layout.pixels
    seen = []
    for number, line in enumerate(layout.upright_lines):
        em_px = max(sizes[line.block], 1.0)
        gaps = np.zeros(0) if pixels is None else _find_gaps(pixels, number)
        seen.append(SeenLine(max(line.width_px / em_px, At.LEAST_EM), line.block, gaps))
    return seen


def _find_gaps(pixels: PagePixels, number: int) -> np.ndarray:
    """Tell where a line's gaps between words may be. Returns: (G,) as `SeenLine.gaps`; empty where there is none."""
    line = pixels.lines[number]
    x1, y1, x2, y2 = line.box
    inked = np.flatnonzero((pixels.line_map[y1:y2, x1:x2] == number + 1).any(0))
    if len(inked) < 2 or line.em_px <= 0:
        return np.zeros(0)
    widths = np.diff(inked) - 1
    wide = np.flatnonzero(widths >= max(At.GAP_FROM_EM * line.em_px, 1.0))
    length_px = int(inked[-1] - inked[0]) + 1
    if not len(wide):
        return np.zeros(0)
    middles = (inked[wide] + 1 + widths[wide] / 2 - inked[0]) / line.em_px
    places = np.linspace(0.0, length_px / line.em_px, max(int(At.GAP_STEPS * length_px / line.em_px), 2))
    # Gaps between words are the wider ones: a narrow one counts by its width.
    weights = np.minimum(widths[wide] / float(np.percentile(widths[wide], 75)), 1.0)
    curve = (weights * np.exp(-(((places[:, None] - middles) / At.GAP_REACH_EM) ** 2) / 2)).max(1)
    return np.asarray(np.log(At.GAP_FLOOR + (1 - At.GAP_FLOOR) * curve / max(float(curve.mean()), 1e-9)))


def _match_runs(lines: Sequence[SeenLine], units: TextUnits, first: TextAlignment) -> dict[int, Match]:
    """Match what is left of lines and units by a match in order. Returns: all certain matches by their lines."""
    found = {number: match for number, match in enumerate(first.matches) if match.certainty >= At.CERTAIN}
    if first.setting is None or not found:
        return found
    tried: dict[tuple[_Run, _Run], TextAlignment] = {}
    for _ in range(At.MOST_MOVED):
        pairs = [
            (gap, run)
            for gap in _cut_at_blocks(_free_runs([number in found for number in range(len(lines))]), lines)
            for run in _free_runs(_used_units(units, found))
        ]
        for gap, run in pairs[: At.MOST_PAIRS]:
            if (gap, run) not in tried:
                tried[gap, run] = align_text(lines[slice(*gap)], units.take(*run), first.setting.take(*gap))
        best = max((pair for pair in pairs if pair in tried), key=lambda pair: tried[pair].gain, default=None)
        if best is None or tried[best].gain < At.MOVED_GAIN:
            break
        (begin_line, _), (begin_unit, _) = best
        moved = {
            begin_line + number: Match(begin_unit + match.begin, begin_unit + match.end, match.certainty)
            for number, match in enumerate(tried[best].matches)
            if match.certainty >= At.CERTAIN
        }
        if not moved:
            tried[best] = TextAlignment()
        found |= moved
    return found


def _used_units(units: TextUnits, found: dict[int, Match]) -> list[bool]:
    used = np.zeros(len(units), dtype=bool)
    for match in found.values():
        used[match.begin : match.end] = True
    return list(used)


def _free_runs(used: Sequence[bool]) -> list[_Run]:
    """Find the runs of what is not used. Returns: where each begins and ends."""
    edges = np.flatnonzero(np.diff(np.concatenate([[True], np.asarray(used, dtype=bool), [True]]).astype(np.int8)))
    return [(int(begin), int(end)) for begin, end in edges.reshape(-1, 2)]


def _cut_at_blocks(runs: Sequence[_Run], lines: Sequence[SeenLine]) -> Iterator[_Run]:
    """Cut runs of lines where blocks end."""
    for begin, end in runs:
        for _, group in groupby(range(begin, end), key=lambda number: lines[number].block):
            numbers = list(group)
            yield numbers[0], numbers[-1] + 1


def _part_text(units: TextUnits, owner: np.ndarray, found: dict[int, Match]) -> Iterator[PlacedText]:
    """Yield the parts of a text whose units have each a line, or -1."""
    begin = 0
    for place in range(1, len(units) + 1):
        goes_on = place < len(units) and owner[place] == owner[begin]
        if goes_on and (owner[begin] >= 0 or not units.ends_line[place - 1]):
            continue
        number = int(owner[begin])
        start, end = int(units.starts[begin]), int(units.ends[place - 1])
        yield PlacedText(start, end) if number < 0 else PlacedText(start, end, number, found[number].certainty)
        begin = place
