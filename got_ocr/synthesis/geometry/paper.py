"""Write TikZ as people do: points with names or numbers, labels beside them, marks of angles, styles."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from math import atan2, cos, degrees, hypot, radians, sin

import numpy as np

from got_ocr.synthesis.geometry.labels import Label, LabelPlacer, Point, sides_from

_NAMES = ("ABCDEFGHIJKLMN", "PQRSTUVWXYZ", "ABCDEFGHIJKLMN", "KLMNPQRSTUVW", "EFGHIJKLMN")
COLORS = ("blue", "red", "teal", "gray", "orange", "purple", "brown")


def number(value: float) -> str:
    """Write a number with at most two decimals."""
    text = f"{round(value, 2):g}"
    return "0" if text == "-0" else text


def pair(point: Point) -> str:
    """Write a point's coordinates."""
    return f"({number(point[0])},{number(point[1])})"


def along(first: Point, second: Point, share: float) -> Point:
    """Find the point at a share of the way from one to another."""
    return first[0] + share * (second[0] - first[0]), first[1] + share * (second[1] - first[1])


def polar(center: Point, angle: float, radius: float) -> Point:
    """Find the point at an angle in degrees and a distance."""
    return center[0] + radius * cos(radians(angle)), center[1] + radius * sin(radians(angle))


def direction(first: Point, second: Point) -> float:
    """Find the angle in degrees in which the second point lies."""
    return degrees(atan2(second[1] - first[1], second[0] - first[0]))


def distance(first: Point, second: Point) -> float:
    """Measure between two points."""
    return hypot(second[0] - first[0], second[1] - first[1])


def foot(point: Point, first: Point, second: Point) -> Point:
    """Drop a perpendicular from a point to a line."""
    across, up = second[0] - first[0], second[1] - first[1]
    share = ((point[0] - first[0]) * across + (point[1] - first[1]) * up) / (across**2 + up**2)
    return along(first, second, share)


def crossing(first: Point, second: Point, third: Point, fourth: Point) -> Point:
    """Find where the lines through two pairs of points cross."""
    ax, ay, bx, by = second[0] - first[0], second[1] - first[1], fourth[0] - third[0], fourth[1] - third[1]
    share = ((third[0] - first[0]) * by - (third[1] - first[1]) * bx) / (ax * by - ay * bx)
    return along(first, second, share)


def center_of(points: Sequence[Point]) -> Point:
    """Find the mean of points."""
    return sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)


@dataclass(frozen=True)
class PaperStyle:
    """How a drawing's source is written.

    Attributes:
        scale: of the picture.
        line: option of its lines, such as `thick`; empty for TikZ's own.
        accent: colour of helping lines; empty for black.
        auxiliary: option of helping lines: `dashed`, `densely dashed`, `dotted` or none.
        named: whether points are defined first and then named.
        label_form: `node` (own commands), `inline` (after the point's definition) or `option` (`label=...`).
        dots: whether points are dotted.
        point_names: letters to take in turn.
    """

    scale: float
    line: str
    accent: str
    auxiliary: str
    named: bool
    label_form: str
    dots: bool
    point_names: str


def draw_paper_style(rng: np.random.Generator) -> PaperStyle:
    """Draw a style.

    Args:
        rng: the source of chance.

    Returns:
        The style.
    """
    named = bool(rng.random() < 0.65)
    return PaperStyle(
        scale=1.0 if rng.random() < 0.5 else round(float(rng.uniform(0.7, 1.6)), 1),
        line=str(rng.choice(["", "", "thick", "line width=0.8pt", "very thick", "semithick"])),
        accent=COLORS[rng.integers(len(COLORS))] if rng.random() < 0.3 else "",
        auxiliary=str(rng.choice(["", "dashed", "dashed", "densely dashed", "dotted"])),
        named=named,
        label_form=str(rng.choice(["node", "inline", "option"])) if named else "node",
        dots=bool(rng.random() < 0.35),
        point_names=_NAMES[rng.integers(len(_NAMES))],
    )


class Paper:
    """A drawing's source in the making. Labels find their places when all lines are known."""

    def __init__(self, rng: np.random.Generator, style: PaperStyle) -> None:
        """Begin a drawing.

        Args:
            rng: the source of chance.
            style: how to write.
        """
        self.rng, self.style = rng, style
        self.points: dict[str, Point] = {}
        self.fills: list[str] = []
        self.heads: list[str | Label] = []
        self.body: list[str] = []
        self.tails: list[str | Label] = []
        self.placer = LabelPlacer(style.scale)
        self._names = iter(style.point_names)

    def name(self) -> str:
        """Take the next letter that no point has."""
        return next(letter for letter in self._names if letter not in self.points)

    def free(self, letter: str) -> str:
        """Give a letter back if no point has it, else nothing: `point` then takes the next."""
        return "" if letter in self.points else letter

    def point(self, place: Point, away_from: Point | None = None, name: str = "", dot: bool = False) -> str:
        """Define a point, with its label on the side that looks away from another, or near it where there is room.

        Args:
            place: where it is.
            away_from: what the label keeps clear of; None for no label.
            name: its name; the next letter where empty.
            dot: whether it is dotted in any style.

        Returns:
            Its name.
        """
        name = name or self.name()
        place = (round(place[0], 2), round(place[1], 2))
        self.points[name] = place
        label = f"${name}$"
        if away_from is None:
            return self._plain_point(name, place, dot)
        preferred = round(direction(away_from, place) / 45) % 8
        choices = [(place, side) for side in sides_from(preferred)]
        form = self.style.label_form
        at = self.at(name)
        if self.style.named and form == "option":
            self.heads.append(
                Label(label, choices, lambda _, side: f"\\coordinate[label={side}:{label}] ({name}) at {pair(place)};")
            )
            return self._dot(name, dot or self.style.dots)
        if self.style.named:
            self.heads.append(f"\\coordinate ({name}) at {pair(place)};")
        if form == "inline":
            self.tails.append(Label(label, choices, lambda _, side: f"\\draw {at} node[{side}] {{{label}}};"))
        else:
            self.tails.append(Label(label, choices, lambda _, side: f"\\node[{side}] at {at} {{{label}}};"))
        return self._dot(name, dot or self.style.dots)

    def _plain_point(self, name: str, place: Point, dot: bool) -> str:
        if self.style.named:
            self.heads.append(f"\\coordinate ({name}) at {pair(place)};")
        return self._dot(name, dot)

    def _dot(self, name: str, is_wanted: bool) -> str:
        if is_wanted:
            self.tails.append(f"\\fill {self.at(name)} circle (1.5pt);")
        return name

    def at(self, place: str | Point) -> str:
        """Write a point: its name where points are named, else its numbers."""
        if isinstance(place, str):
            return f"({place})" if self.style.named else pair(self.points[place])
        return pair(place)

    def place(self, point: str | Point) -> Point:
        """Tell where a point is."""
        return self.points[point] if isinstance(point, str) else point

    def line(self, *points: str | Point, closed: bool = False, options: str = "", auxiliary: bool = False) -> None:
        """Draw a line through points."""
        path = " -- ".join(self.at(point) for point in points) + (" -- cycle" if closed else "")
        self.placer.keep_clear(*(self.place(point) for point in (*points, *points[: int(closed)])))
        self.body.append(f"\\draw{self._options(options, auxiliary)} {path};")

    def circle(self, center: str | Point, radius: float, options: str = "", auxiliary: bool = False) -> None:
        """Draw a circle."""
        self._keep_off_arc(self.place(center), 0, 360, radius)
        self.body.append(f"\\draw{self._options(options, auxiliary)} {self.at(center)} circle ({number(radius)});")

    def shade(self, *points: str | Point) -> None:
        """Fill a polygon with a light colour, below the lines."""
        color = f"{self.style.accent or 'gray'}!{self.rng.choice([10, 20, 30])}"
        path = " -- ".join(pair(self.place(point)) for point in points)
        self.fills.append(f"\\fill[{color}] {path} -- cycle;")

    def text(self, place: Point, text: str, side: str = "") -> None:
        """Write a text."""
        self.placer.keep_off_text(text, place, side)
        self.tails.append(f"\\node{f'[{side}]' if side else ''} at {pair(place)} {{{text}}};")

    def side_text(self, first: str | Point, second: str | Point, text: str, away_from: Point) -> None:
        """Write a text beside the middle of a line, if no point's label stands there."""
        middle = along(self.place(first), self.place(second), 0.5)
        if any(distance(middle, point) < 0.6 for point in self.points.values()):
            return
        normal = direction(self.place(first), self.place(second)) + 90
        ahead, behind = polar(middle, normal, 0.1), polar(middle, normal, -0.1)
        outside = normal if distance(ahead, away_from) > distance(behind, away_from) else normal + 180
        spots = [along(self.place(first), self.place(second), share) for share in (0.5, 0.4, 0.6, 0.3, 0.7)]
        spots = [(round(x, 2), round(y, 2)) for x, y in spots]
        preferred = round(outside / 45) % 8
        self.tails.append(
            Label(
                text,
                [(spot, side) for side in (preferred, (preferred + 4) % 8) for spot in spots],
                lambda place, side: f"\\node[{side}] at {pair(place)} {{{text}}};",
            )
        )

    def angle(self, first: str | Point, corner: str | Point, last: str | Point, text: str = "") -> None:
        """Mark the smaller angle between two legs by an arc, and write a text in it."""
        tip = self.place(corner)
        start, end = direction(tip, self.place(first)), direction(tip, self.place(last))
        if (end - start) % 360 > 180:
            start, end, first, last = end, start, last, first
        end = start + (end - start) % 360
        radius = round(float(self.rng.choice([0.4, 0.5, 0.6])), 1)
        reach = radius + 0.32 + 8.0 / max(end - start, 20.0) * 0.4
        self._keep_off_arc(tip, start, end, radius)
        names = [point for point in (first, corner, last) if isinstance(point, str)]
        if self.style.named and len(names) == 3 and self.style.label_form == "option":
            self.body.append(f"\\draw pic[draw, angle radius={number(10 * radius)}mm] {{angle = {'--'.join(names)}}};")
        else:
            begin = polar(tip, start, radius)
            self.body.append(f"\\draw {pair(begin)} arc ({number(start)}:{number(end)}:{number(radius)});")
        if text:
            spots = [
                polar(tip, start + share * (end - start), reach + further)
                for further in (0.0, 0.2, 0.4)
                for share in (0.5, 0.4, 0.6, 0.3, 0.7)
            ]
            self.tails.append(
                Label(text, [(spot, None) for spot in spots], lambda place, _: f"\\node at {pair(place)} {{{text}}};")
            )

    def right_angle(self, first: str | Point, corner: str | Point, last: str | Point) -> None:
        """Mark a right angle by a small square."""
        tip, size = self.place(corner), 0.25
        one, two = direction(tip, self.place(first)), direction(tip, self.place(last))
        begin, end = polar(tip, one, size), polar(tip, two, size)
        self.line(begin, (begin[0] + end[0] - tip[0], begin[1] + end[1] - tip[1]), end, options="thin")

    def ticks(self, first: str | Point, second: str | Point, count: int = 1) -> None:
        """Mark a line as of equal length by short strokes across its middle."""
        one, two = self.place(first), self.place(second)
        angle = direction(one, two)
        for index in range(count):
            middle = polar(along(one, two, 0.5), angle, 0.09 * (index - (count - 1) / 2))
            self.line(polar(middle, angle + 90, 0.1), polar(middle, angle - 90, 0.1), options="thin")

    def _keep_off_arc(self, center: Point, start: float, end: float, radius: float) -> None:
        turns = np.linspace(start, end, 49)
        self.placer.keep_clear(*(polar(center, float(turn), radius) for turn in turns))

    def _options(self, options: str, auxiliary: bool) -> str:
        wanted = [self.style.line] if self.style.line and "thin" not in options else []
        if auxiliary:
            wanted += [option for option in (self.style.auxiliary, self.style.accent) if option]
        wanted += [options] if options else []
        return f"[{', '.join(wanted)}]" if wanted else ""

    def source(self) -> str:
        """Write the drawing.

        Returns:
            From `tikzpicture`'s beginning to its end.
        """
        placer = copy.deepcopy(self.placer)  # Labels that find their places here are in the way of no other source.
        scale = f"[scale={number(self.style.scale)}]" if self.style.scale != 1.0 else ""
        lines = [
            f"\\begin{{tikzpicture}}{scale}",
            *self.fills,
            *(placer.put(line) if isinstance(line, Label) else line for line in self.heads),
            *self.body,
            *(placer.put(line) if isinstance(line, Label) else line for line in self.tails),
            "\\end{tikzpicture}",
        ]
        return "\n".join(lines)
