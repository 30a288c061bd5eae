"""Read one path of a TikZ picture: its points, the operations between them, the nodes on its way."""

import math
import re
from dataclasses import dataclass, field, replace
from typing import Protocol

from got_ocr.rendering.tikz_numbers import (
    UNIT_PX,
    closing_bracket,
    evaluate,
    read_length,
    read_number,
    split_commas,
    take_brackets,
)

EXPRESSION_CHARACTERS_PER_WORK = 5  # Of a curve's formula, worked out at each of its points.


@dataclass
class State:
    """What holds within a scope: transformation (a, b, c, d, e, f) and style."""

    matrix: tuple[float, float, float, float, float, float] = (1, 0, 0, 1, 0, 0)
    stroke: str = "#000"
    fill: str = "none"
    width_pt: float = 0.4
    dash: str = ""
    opacity: float = 1.0
    arrow_start: bool = False
    arrow_end: bool = False
    plot: str = ""  # Options of `plot` given to the path: domain, variable.
    styles: dict[str, str] = field(default_factory=dict)

    def transform(self, x: float, y: float) -> tuple[float, float]:
        """Place a point of the scope on the page, in centimetres."""
        a, b, c, d, e, f = self.matrix
        return a * x + c * y + e, b * x + d * y + f

    def compose(self, other: tuple[float, float, float, float, float, float]) -> None:
        """Put another transformation before the scope's own."""
        a, b, c, d, e, f = self.matrix
        g, h, i, j, k, m = other
        self.matrix = (
            a * g + c * h,
            b * g + d * h,
            a * i + c * j,
            b * i + d * j,
            a * k + c * m + e,
            b * k + d * m + f,
        )


class Canvas(Protocol):
    """The picture that a path is drawn on (`tikz.Picture`)."""

    notes: list[str]
    points: dict[str, tuple[float, float]]

    def spend(self, work: int) -> None:
        """Count what is drawn."""

    def arrow(self, tip: tuple[float, float], tail: tuple[float, float], state: State) -> None:
        """Draw an arrow's head."""

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Turn centimetres into pixels."""
        ...

    def reach(self, px: float, py: float) -> None:
        """Remember that the picture reaches a point."""

    def label(self, at: tuple[float, float], text: str, options: str, state: State) -> None:
        """Write a node's text."""

    def coordinate(self, text: str, state: State, raw: bool = False) -> tuple[float, float]:
        """Read a coordinate."""
        ...

    def named(self, name: str) -> tuple[float, float]:
        """Find a named point."""
        ...


class PathReader:
    """Reader of one path: points, the operations between them, and the nodes on the way."""

    def __init__(self, text: str, picture: Canvas, state: State, outer: State) -> None:
        self.text, self.picture, self.state, self.outer = text, picture, state, outer
        self.position = 0
        self.segments: list[str] = []
        self.here: tuple[float, float] | None = None
        self.before: tuple[float, float] | None = None
        self.start: tuple[float, float] | None = None
        self.second: tuple[float, float] | None = None
        self.operation = "move"
        self.corner = ""

    def read(self) -> None:
        """Read the whole path."""
        while self.position < len(self.text):
            if not self._step():
                rest = self.text[self.position :].strip()
                if rest:
                    self.picture.notes.append(f"not drawn: {rest[:30]}")
                break
        if self.state.arrow_end and self.here and self.before:
            self.picture.arrow(self.here, self.before, self.state)
        if self.state.arrow_start and self.start and self.second:
            self.picture.arrow(self.start, self.second, self.state)

    def _match(self, pattern: str) -> re.Match[str] | None:
        match = re.compile(r"\s*(?:" + pattern + ")").match(self.text, self.position)
        if match:
            self.position = match.end()
        return match

    def _step(self) -> bool:
        if self._match(r"$"):
            self.position = len(self.text)
            return True
        if self._match(r"--"):
            self.operation = "line"
            return True
        corner = self._match(r"(\|-|-\|)")
        if corner:
            self.operation, self.corner = "line", corner[1]
            return True
        if self._match(r"cycle\b"):
            self.segments.append("Z")
            self.before, self.here = self.here, self.start
            return True
        if self._match(r"\.\."):
            return self._curve()
        for word in (
            "circle",
            "ellipse",
            "arc",
            "rectangle",
            "grid",
            "node",
            "coordinate",
            "to",
            "edge",
            "plot",
            "pic",
        ):
            if self._match(word + r"(?![A-Za-z])"):
                return bool(getattr(self, f"_{word}")())
        if re.compile(r"\s*\+{0,2}\(").match(self.text, self.position):
            self._go(self._point())
            return True
        if re.compile(r"\s*\[").match(self.text, self.position):
            self._options()
            return True
        return False

    def _options(self) -> str:
        while self.text[self.position : self.position + 1].isspace():
            self.position += 1
        options, self.position = take_brackets(self.text, self.position)
        return options

    def _point(self) -> tuple[float, float]:
        match = self._match(r"(\+{0,2})\(")
        if not match:
            raise ValueError(f"a point was expected at {self.text[self.position : self.position + 20]!r}")
        end = closing_bracket(self.text, self.position - 1, "(", ")")
        inside = self.text[self.position : end]
        self.position = end + 1
        if match[1]:
            x, y = self.picture.coordinate(inside, self.state, raw=True)
            a, b, c, d, _, _ = self.state.matrix
            base = self.here or (0.0, 0.0)
            return base[0] + a * x + c * y, base[1] + b * x + d * y
        return self.picture.coordinate(inside, self.state)

    def _go(self, point: tuple[float, float]) -> None:
        x, y = self.picture.place(*point)
        if self.operation == "line" and self.here is not None:
            if self.corner:
                turn = (self.here[0], point[1]) if self.corner == "|-" else (point[0], self.here[1])
                self.segments.append("L{:.2f} {:.2f}".format(*self.picture.place(*turn)))
                self.here = turn
            self.segments.append(f"L{x:.2f} {y:.2f}")
            self.second = self.second or point
        else:
            self.segments.append(f"M{x:.2f} {y:.2f}")
            self.start, self.second = point, None
        self.before, self.here = self.here, point
        self.operation, self.corner = "move", ""

    def _curve(self) -> bool:
        if not self._match(r"controls"):
            return False
        first = self._point()
        second = self._point() if self._match(r"and") else first
        if not self._match(r"\.\."):
            return False
        end = self._point()
        points = [self.picture.place(*point) for point in (first, second, end)]
        self.segments.append("C" + " ".join(f"{x:.2f} {y:.2f}" for x, y in points))
        self.second = self.second or first
        self.before, self.here = second, end
        return True

    def _scale(self) -> tuple[float, float]:
        a, b, c, d, _, _ = self.state.matrix
        return math.hypot(a, b), math.hypot(c, d)

    def _radius(self, text: str, factor: float) -> float:
        text = text.strip()
        has_unit = re.search(r"(pt|mm|cm|em|ex|in)$", text) is not None
        return read_length(text, "cm") * (1.0 if has_unit and "cm" not in text else factor)

    def _ellipse(self) -> bool:
        return self._circle()

    def _circle(self) -> bool:
        options = self._options()
        scale_x, scale_y = self._scale()
        radius = re.search(r"(?<![xy] )radius\s*=\s*([^,]+)", options)
        radius_x, radius_y = (re.search(rf"{axis} radius\s*=\s*([^,]+)", options) for axis in "xy")
        if self._match(r"\("):
            end = closing_bracket(self.text, self.position - 1, "(", ")")
            inside = self.text[self.position : end]
            self.position = end + 1
            first, _, second = inside.partition(" and ")
            horizontal = self._radius(first, scale_x)
            vertical = self._radius(second or first, scale_y)
        elif radius_x and radius_y:
            horizontal, vertical = self._radius(radius_x[1], scale_x), self._radius(radius_y[1], scale_y)
        elif radius:
            horizontal, vertical = self._radius(radius[1], scale_x), self._radius(radius[1], scale_y)
        else:
            return False
        if self.here is None:
            return False
        x, y = self.picture.place(*self.here)
        horizontal, vertical = abs(horizontal) * UNIT_PX, abs(vertical) * UNIT_PX
        self.picture.reach(x - horizontal, y - vertical)
        self.picture.reach(x + horizontal, y + vertical)
        self.segments.append(
            f"M{x - horizontal:.2f} {y:.2f}a{horizontal:.2f} {vertical:.2f} 0 1 0 {2 * horizontal:.2f} 0"
            f"a{horizontal:.2f} {vertical:.2f} 0 1 0 {-2 * horizontal:.2f} 0Z"
        )
        return True

    def _arc(self) -> bool:
        options = self._options()
        scale_x, scale_y = self._scale()
        if self._match(r"\("):
            end = closing_bracket(self.text, self.position - 1, "(", ")")
            parts = self.text[self.position : end].split(":")
            self.position = end + 1
            if len(parts) != 3:
                return False
            first, last, radius = parts
            across, _, up = radius.partition(" and ")
        else:
            values = dict(re.findall(r"((?:start|end|delta) angle|(?:[xy] )?radius)\s*=\s*([^,\]]+)", options))
            first = values.get("start angle", "0")
            delta = values.get("delta angle")
            last = values.get("end angle") or f"{read_number(first) + read_number(delta or '0')}"
            across = values.get("radius") or values.get("x radius", "1")
            up = values.get("y radius", "")
        if self.here is None:
            return False
        horizontal = self._radius(across, scale_x)
        vertical = self._radius(up, scale_y) if up else self._radius(across, scale_y)
        start, end_angle = math.radians(read_number(first)), math.radians(read_number(last))
        turn = math.atan2(self.state.matrix[1], self.state.matrix[0])
        start, end_angle = start + turn, end_angle + turn
        center = self.here[0] - horizontal * math.cos(start), self.here[1] - vertical * math.sin(start)
        steps = max(1, min(math.ceil(abs(end_angle - start) / (math.pi / 2)), 40))
        for index in range(1, steps + 1):
            angle = start + (end_angle - start) * index / steps
            point = center[0] + horizontal * math.cos(angle), center[1] + vertical * math.sin(angle)
            x, y = self.picture.place(*point)
            sweep = int(end_angle < start)
            self.segments.append(
                f"A{abs(horizontal) * UNIT_PX:.2f} {abs(vertical) * UNIT_PX:.2f} 0 0 {sweep} {x:.2f} {y:.2f}"
            )
            almost = angle - (end_angle - start) / steps * 0.1
            self.before = center[0] + horizontal * math.cos(almost), center[1] + vertical * math.sin(almost)
            self.here = point
        return True

    def _rectangle(self) -> bool:
        if self.here is None:
            return False
        corner, other = self.here, self._point()
        a, b, c, d, _, _ = self.state.matrix
        determinant = a * d - b * c
        delta = other[0] - corner[0], other[1] - corner[1]
        along = (d * delta[0] - c * delta[1]) / determinant  # In the scope's own axes, so that rotation holds.
        second = corner[0] + a * along, corner[1] + b * along
        fourth = other[0] - a * along, other[1] - b * along
        points = [self.picture.place(*point) for point in (corner, second, other, fourth)]
        self.segments.append("M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in points) + "Z")
        self.before, self.here = self.here, other
        return True

    def _grid(self) -> bool:
        options = self._options()
        if self.here is None:
            return False
        step = re.search(r"step\s*=\s*([^,\]]+)", options)
        scale_x, scale_y = self._scale()
        width = max(read_length(step[1], "cm") if step else 1.0, 0.05)
        low, high = self.here, self._point()
        for axis, scale in ((0, scale_x), (1, scale_y)):
            first, last = sorted((low[axis], high[axis]))
            pace = max(width * scale, (last - first) / 200, 1e-3)
            steps = range(math.ceil(first / pace - 1e-6), math.floor(last / pace + 1e-6) + 1)
            self.picture.spend(len(steps))
            for index in steps:
                at = index * pace
                ends = [(at, low[1]), (at, high[1])] if axis == 0 else [(low[0], at), (high[0], at)]
                points = [self.picture.place(*point) for point in ends]
                self.segments.append("M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in points))
        self.here = high
        return True

    def _node(self) -> bool:
        options, name, at = "", "", None
        while True:
            if re.compile(r"\s*\[").match(self.text, self.position):
                options += "," + self._options()
            elif found := self._match(r"\(([^()]*)\)"):
                name = found[1].strip()
            elif self._match(r"at\b"):
                at = self._point()
            else:
                break
        if not self._match(r"\{"):
            return False
        end = closing_bracket(self.text, self.position - 1, "{", "}")
        text = self.text[self.position : end]
        self.position = end + 1
        share = 1.0
        for word, value in (
            ("midway", 0.5),
            ("near start", 0.25),
            ("near end", 0.75),
            ("very near end", 0.875),
            ("at start", 0.0),
        ):
            share = value if re.search(rf"(^|,)\s*{word}\s*(,|$)", options) else share
        pos = re.search(r"(?<![a-z])pos\s*=\s*([\d.]+)", options)
        share = float(pos[1]) if pos else share
        base, ahead = self.before or self.here or (0.0, 0.0), self.here or (0.0, 0.0)
        if self.operation == "line":  # The node stands before the point its line goes to.
            following = re.compile(r"\s*\+{0,2}\(").match(self.text, self.position)
            if following and at is None:
                saved = self.position
                ahead, base = self._point(), self.here or (0.0, 0.0)
                self.position = saved
                share = 0.5 if share == 1.0 else share
        point = at or (base[0] + (ahead[0] - base[0]) * share, base[1] + (ahead[1] - base[1]) * share)
        if name:
            self.picture.points[name] = point
        color_state = replace(self.state, stroke=self.outer.stroke)
        self.picture.label(point, text, options, color_state)
        return True

    def _coordinate(self) -> bool:
        options, name, at = "", "", None
        while True:
            if re.compile(r"\s*\[").match(self.text, self.position):
                options += self._options()
            elif self._match(r"at\b"):
                at = self._point()
            elif not name and (found := self._match(r"\(([^()]*)\)")):
                name = found[1].strip()
            else:
                break
        point = at or self.here or (0.0, 0.0)
        if name:
            self.picture.points[name] = point
        if "label" in options:
            self.picture.label(point, "", options, replace(self.state, stroke=self.outer.stroke))
        return bool(name)

    def _to(self) -> bool:
        options = self._options()
        bend = re.search(r"bend (left|right)\s*(?:=\s*(-?[\d.]+))?", options)
        if not bend or self.here is None:
            self.operation = "line"
            return True
        if re.compile(r"\s*node\b").match(self.text, self.position):
            self._match(r"node")
            self._node()
        first, last = self.here, self._point()
        angle = math.tan(math.radians(float(bend[2] or 30))) / 2 * (1 if bend[1] == "left" else -1)
        middle = (
            (first[0] + last[0]) / 2 - (last[1] - first[1]) * angle,
            (first[1] + last[1]) / 2 + (last[0] - first[0]) * angle,
        )
        points = [self.picture.place(*point) for point in (middle, last)]
        self.segments.append("Q" + " ".join(f"{x:.2f} {y:.2f}" for x, y in points))
        self.second = self.second or middle
        self.before, self.here = middle, last
        return True

    def _edge(self) -> bool:
        return self._to()

    def _plot(self) -> bool:
        options = self._options() + self.state.plot
        listed = self._match(r"coordinates\s*\{")
        if listed:
            end = closing_bracket(self.text, self.position - 1, "{", "}")
            points = re.findall(r"\(([^()]*)\)", self.text[self.position : end])
            self.position = end + 1
            self.picture.spend(2 * len(points[:500]))
            for point in points[:500]:
                self._go(self.picture.coordinate(point, self.state))
                self.operation = "line"
            self.operation = "move"
            return True
        if not self._match(r"\("):
            return False
        end = closing_bracket(self.text, self.position - 1, "(", ")")
        expression = split_commas(self.text[self.position : end])
        self.position = end + 1
        if len(expression) != 2:
            return False
        domain = re.search(r"domain\s*=\s*([^:,]+):([^,\]]+)", options)
        low, high = (read_number(domain[1]), read_number(domain[2])) if domain else (-5.0, 5.0)
        variable = re.search(r"variable\s*=\s*\\?([A-Za-z]+)", options)
        names = {variable[1] if variable else "x": 0.0}
        self.picture.spend(81 + 81 * sum(len(part) for part in expression) // EXPRESSION_CHARACTERS_PER_WORK)
        for index in range(81):
            names[next(iter(names))] = low + (high - low) * index / 80
            x, y = (evaluate(part.strip(" {}"), names) for part in expression)
            self._go(self.state.transform(x, y))
            self.operation = "line"
        self.operation = "move"
        return True

    def _pic(self) -> bool:
        """Draw an angle's arc or right-angle mark between three points."""
        options = self._options()
        found = self._match(r"\{\s*(right angle|angle)\s*=\s*([^{}]*)\}")
        if not found:
            return False
        names = [name.strip() for name in re.split(r"--|-+", found[2]) if name.strip()]
        if len(names) != 3:
            return False
        first, corner, last = (self.picture.named(name) for name in names)
        size = re.search(r"angle radius\s*=\s*([^,\]]+)", options)
        radius = read_length(size[1], "cm") if size else (0.25 if found[1] == "right angle" else 0.5)
        start, end = (math.atan2(point[1] - corner[1], point[0] - corner[0]) for point in (first, last))
        if end < start:
            end += 2 * math.pi

        def at(angle: float, length: float) -> tuple[float, float]:
            return self.picture.place(corner[0] + length * math.cos(angle), corner[1] + length * math.sin(angle))

        if found[1] == "right angle":
            points = [at(start, radius), at((start + end) / 2, radius * math.sqrt(2)), at(end, radius)]
            self.segments.append("M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in points))
        else:
            x, y = at(end, radius)
            large = int(end - start > math.pi)
            self.segments.append("M{:.2f} {:.2f}".format(*at(start, radius)))
            self.segments.append(f"A{radius * UNIT_PX:.2f} {radius * UNIT_PX:.2f} 0 {large} 0 {x:.2f} {y:.2f}")
        name = re.search(r'"([^"]*)"', options)
        if name:
            middle = (start + end) / 2
            spot = corner[0] + radius * 1.5 * math.cos(middle), corner[1] + radius * 1.5 * math.sin(middle)
            self.picture.label(spot, name[1], "font=\\small", replace(self.state, stroke="#000"))
        self.state.stroke = "#000" if "draw" in options or self.state.stroke == "none" else self.state.stroke
        return True
