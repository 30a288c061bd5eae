"""Where the labels of a drawing go: clear of its lines and of one another, as near to where people put them as can be.

Lengths are units of the drawing; a letter is as large as TikZ sets it whatever the drawing's scale.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, hypot

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]
SIDES = ("right", "above right", "above", "above left", "left", "below left", "below", "below right")
_STEPS = ((1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1))
_LETTER_CM = (0.22, 0.26)  # Of ten-point letters: width and height.
_GAP_CM = 0.12  # TikZ's own between a place and its label.
_ROOM_CM = 0.04  # As much white is enough.
_STROKE_STEP_CM = 0.05


@dataclass(frozen=True)
class Label:
    """A label that has not found its place yet.

    Attributes:
        text: its LaTeX.
        choices: where it may stand, best first: a place and the side of it, an index of `SIDES`; None is right on it.
        write: gives the source from a place and the name of a side, empty for None.
    """

    text: str
    choices: Sequence[tuple[Point, int | None]]
    write: Callable[[Point, str], str]


@dataclass(frozen=True)
class _Box:
    """What a label covers: its middle, and half of its width and height."""

    middle: Point
    half: Point


class LabelPlacer:
    """Puts labels where there is room.

    Args:
        scale: centimetres that a unit of the drawing has.
    """

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale
        self._ink: list[NDArray[np.float64]] = []
        self._boxes: list[_Box] = []

    def keep_clear(self, *points: Point) -> None:
        """Keep labels off a line through points."""
        for (x1, y1), (x2, y2) in pairwise(points):
            count = ceil(hypot(x2 - x1, y2 - y1) * self.scale / _STROKE_STEP_CM) + 1
            self._ink.append(np.stack([np.linspace(x1, x2, count), np.linspace(y1, y2, count)], axis=1))

    def keep_off_text(self, text: str, place: Point, side: str = "") -> None:
        """Keep labels off a text that stands already."""
        self._boxes.append(self._box(text, place, SIDES.index(side) if side else None))

    def put(self, label: Label) -> str:
        """Put a label at the first of its choices that has room, else where it has most.

        Args:
            label: the label, which later ones keep clear of.

        Returns:
            Its source.
        """
        boxes = [self._box(label.text, place, side) for place, side in label.choices]
        rooms = [self._room(box) for box in boxes]
        best = next((index for index, room in enumerate(rooms) if room * self.scale >= _ROOM_CM), None)
        best = int(np.argmax(rooms)) if best is None else best
        self._boxes.append(boxes[best])
        place, side = label.choices[best]
        return label.write(place, "" if side is None else SIDES[side])

    def _box(self, text: str, place: Point, side: int | None) -> _Box:
        letters = len(re.sub(r"\\[a-zA-Z]+|\S", "x", re.sub(r"[${}^_]|\\circ", "", text)))
        half = tuple(size / 2 / self.scale for size in (_LETTER_CM[0] * max(letters, 1), _LETTER_CM[1]))
        step = (0, 0) if side is None else _STEPS[side]
        x, y = (at + way * (reach + _GAP_CM / self.scale) for at, way, reach in zip(place, step, half, strict=True))
        return _Box((x, y), (half[0], half[1]))

    def _room(self, box: _Box) -> float:
        """The white around a box; below zero where something runs into it."""
        rooms = [
            max(abs(box.middle[axis] - other.middle[axis]) - box.half[axis] - other.half[axis] for axis in (0, 1))
            for other in self._boxes
        ]
        if self._ink:
            away = np.abs(np.concatenate(self._ink) - box.middle) - box.half
            rooms.append(float(away.max(axis=1).min()))
        return min(rooms, default=float("inf"))


def sides_from(preferred: int) -> list[int]:
    """Order the sides by how far they are turned from a preferred one, an index of `SIDES`."""
    return [(preferred + turn) % 8 for turn in (0, 1, -1, 2, -2, 3, -3, 4)]
