"""A line of text: one shape of it, from the letters that are found on a page to the line that is read and answered.

Shape legend:
    N  lines
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

Box = tuple[int, int, int, int]


def _no_members() -> np.ndarray:
    return np.zeros(0, np.int64)


@dataclass(frozen=True)
class Line:
    """A line of text. Lengths are px of the picture whose lines they are: each list of lines says which one that is.

    Attributes:
        box: (x1, y1, x2, y2), ends exclusive.
        baseline_px: height of the baseline.
        em_px: estimated font size.
        members: (n,) int64, its connected components on the page that was looked at.
        is_even: whether its letters are all of one height: capitals, digits, or small letters without ascenders.
        block: number of the paragraph or column piece that it belongs to, in reading order.
        stacks: boxes of its fractions and signs with limits: all ink in them is the line's.
        frame: number of the frame that stands around it, -1 outside of all.
        stroke_em: mean width of its strokes along rows, in em; 0.0 where it was not measured.
        end_stroke_em: the same of its right half.
        gap_em: widest white between two of its letters, in em; 0.0 where it was not measured.
        bullet_px: where the item begins behind a bullet or dash, from the left edge of the page; 0.0 without one.
        is_dot: whether that bullet is a filled dot or square, which is nothing else and is not shown to the model.
        table: number of its table, -1 outside of tables.
        row: of its cell.
        column: of its cell.
        columns: how many its cell spans.
        text: what it reads, once it is read.
    """

    box: Box
    baseline_px: float = 0.0
    em_px: float = 0.0
    members: np.ndarray = field(default_factory=_no_members, compare=False)
    is_even: bool = False
    block: int = 0
    stacks: tuple[Box, ...] = ()
    frame: int = -1
    stroke_em: float = 0.0
    end_stroke_em: float = 0.0
    gap_em: float = 0.0
    bullet_px: float = 0.0
    is_dot: bool = False
    table: int = -1
    row: int = 0
    column: int = 0
    columns: int = 1
    text: str = ""

    @property
    def width_px(self) -> int:
        """Width of the box."""
        return self.box[2] - self.box[0]

    @property
    def height_px(self) -> int:
        """Height of the box."""
        return self.box[3] - self.box[1]


def box_array(lines: Sequence[Line]) -> np.ndarray:
    """Boxes of lines. Returns: (N, 4) float64."""
    return np.array([line.box for line in lines], dtype=np.float64).reshape(-1, 4)


def join_parts(lines: Sequence[Line], sizes_from: int) -> Line:
    """Make one line of several.

    Args:
        lines: its parts.
        sizes_from: number of the part that tells baseline and size.

    Returns:
        The line, with all members and a box around all parts.
    """
    return replace(
        lines[sizes_from], members=np.concatenate([line.members for line in lines]), box=outer_box(box_array(lines))
    )


def outer_box(boxes: np.ndarray) -> Box:
    """The smallest box around (N, 4) boxes, at least one."""
    x1, y1 = boxes[:, :2].min(0).astype(int).tolist()
    x2, y2 = boxes[:, 2:].max(0).astype(int).tolist()
    return x1, y1, x2, y2
