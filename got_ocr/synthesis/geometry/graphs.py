r"""Scenes of solids, graphs of functions and coordinate systems as TikZ."""

from math import cos, pi, sin

import numpy as np

from got_ocr.synthesis.geometry.labels import Point
from got_ocr.synthesis.geometry.paper import COLORS, Paper, center_of, number, pair, polar

Space = tuple[float, float, float]


class _Projection:
    """An oblique view: x to the right, y up, z towards the viewer, down to the left."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.depth, self.angle = float(rng.uniform(0.35, 0.6)), float(rng.uniform(30, 50)) * pi / 180

    def __call__(self, point: Space) -> Point:
        x, y, z = point
        return x - self.depth * z * cos(self.angle), y - self.depth * z * sin(self.angle)


def draw_solid(paper: Paper) -> None:
    """Draw a box, prism, pyramid, tetrahedron, cylinder, cone or sphere; hidden edges are dashed."""
    solids = (_box, _box, _prism, _pyramid, _tetrahedron, _cylinder, _cone, _sphere)
    solids[paper.rng.integers(len(solids))](paper)


def _edges(paper: Paper, names: list[str], edges: str, hidden: str) -> None:
    """Draw edges given as pairs of digits, such as `01 12`."""
    for edge in edges.split():
        paper.line(names[int(edge[0])], names[int(edge[1])])
    for edge in hidden.split():
        paper.line(names[int(edge[0])], names[int(edge[1])], options="dashed")


def _view(paper: Paper, points: list[Space]) -> list[str]:
    view = _Projection(paper.rng)
    projected = [view(point) for point in points]
    middle = center_of(projected)
    return [paper.point(point, middle) for point in projected]


def _box(paper: Paper) -> None:
    rng = paper.rng
    width, height, depth = (float(value) for value in rng.uniform(2.0, 4.0, 3))
    if rng.random() < 0.4:
        width = height = depth
    points: list[Space] = [(x, y, z) for y in (0, height) for x, z in ((0, depth), (width, depth), (width, 0), (0, 0))]
    view = _Projection(rng)
    projected = [view(point) for point in points]
    middle = center_of(projected)
    names = [paper.point(point, middle) for point in projected[:4]]
    names += [paper.point(point, middle, name=f"{name}_1") for point, name in zip(projected[4:], names, strict=True)]
    _edges(paper, names, "01 12 45 56 67 74 04 15 26", "23 30 37")
    if rng.random() < 0.4:
        paper.line(names[0], names[6], auxiliary=True)


def _prism(paper: Paper) -> None:
    rng = paper.rng
    width, height = float(rng.uniform(2.2, 3.4)), float(rng.uniform(2.0, 3.6))
    base: list[Space] = [(0, 0, 0), (width, 0, 0), (width * 0.4, 0, float(rng.uniform(1.6, 2.6)))]
    names = _view(paper, [*base, *((x, height, z) for x, _, z in base)])
    _edges(paper, names, "12 02 34 45 53 03 14 25", "01")


def _pyramid(paper: Paper) -> None:
    rng = paper.rng
    side, height = float(rng.uniform(2.4, 3.6)), float(rng.uniform(2.4, 3.8))
    names = _view(paper, [(0, 0, side), (side, 0, side), (side, 0, 0), (0, 0, 0), (side / 2, height, side / 2)])
    _edges(paper, names, "01 12 04 14 24", "23 30 34")
    if rng.random() < 0.5:
        center = center_of([paper.place(name) for name in names[:4]])
        o = paper.point(center, (center[0] - 0.3, center[1] + 1), name=paper.free("O"))
        paper.line(names[4], o, options="dashed")


def _tetrahedron(paper: Paper) -> None:
    rng = paper.rng
    width = float(rng.uniform(3.0, 4.4))
    apex = (width * float(rng.uniform(0.3, 0.7)), float(rng.uniform(2.4, 3.6)))
    front = (width * float(rng.uniform(0.3, 0.7)), -float(rng.uniform(0.8, 1.4)))
    corners = [(0.0, 0.0), front, (width, 0.0), apex]
    names = [paper.point(corner, center_of(corners)) for corner in corners]
    _edges(paper, names, "01 12 03 13 23", "02")


def _half_ellipses(paper: Paper, center: Point, across: float, up: float, hidden: bool) -> None:
    left, right = pair((center[0] - across, center[1])), pair((center[0] + across, center[1]))
    size = f"{number(across)} and {number(up)}"
    line = paper.style.line
    paper.body.append(f"\\draw{f'[{line}]' if line else ''} {left} arc (180:360:{size});")
    dashed = ", ".join(option for option in (line, "dashed" if hidden else "") if option)
    paper.body.append(f"\\draw{f'[{dashed}]' if dashed else ''} {right} arc (0:180:{size});")


def _cylinder(paper: Paper) -> None:
    rng = paper.rng
    radius, height = float(rng.uniform(1.0, 1.8)), float(rng.uniform(2.0, 3.8))
    flat = radius * float(rng.uniform(0.25, 0.4))
    _half_ellipses(paper, (0.0, 0.0), radius, flat, hidden=True)
    _half_ellipses(paper, (0.0, height), radius, flat, hidden=False)
    paper.line((-radius, 0.0), (-radius, height))
    paper.line((radius, 0.0), (radius, height))
    o = paper.point((0.0, 0.0), (0.0, 1.0), name="O", dot=True)
    if rng.random() < 0.7:
        paper.line(o, (radius, 0.0), options="dashed")
        paper.text((radius / 2, 0.0), "$r$", "above")
    if rng.random() < 0.7:
        paper.text((radius, height / 2), "$h$", "right")


def _cone(paper: Paper) -> None:
    rng = paper.rng
    radius, height = float(rng.uniform(1.2, 2.0)), float(rng.uniform(2.4, 3.8))
    flat = radius * float(rng.uniform(0.25, 0.4))
    _half_ellipses(paper, (0.0, 0.0), radius, flat, hidden=True)
    s = paper.point((0.0, height), (0.0, 0.0), name="S" if rng.random() < 0.5 else "P")
    paper.line((-radius, 0.0), s, (radius, 0.0))
    o = paper.point((0.0, 0.0), (1.0, 1.0), name="O", dot=True)
    paper.line(s, o, (radius, 0.0), options="dashed")
    if rng.random() < 0.6:
        paper.text((radius / 2, 0.0), "$r$", "above")
    if rng.random() < 0.6:
        paper.text((radius / 2, height / 2), "$l$", "right")


def _sphere(paper: Paper) -> None:
    rng = paper.rng
    radius = round(float(rng.uniform(1.4, 2.2)), 1)
    paper.circle((0.0, 0.0), radius)
    _half_ellipses(paper, (0.0, 0.0), radius, radius * float(rng.uniform(0.2, 0.35)), hidden=True)
    o = paper.point((0.0, 0.0), (0.3, -1.0), name="O", dot=True)
    if rng.random() < 0.7:
        paper.line(o, polar((0.0, 0.0), 0, radius), options="dashed")
        paper.text((radius / 2, 0.0), "$R$", "above")


def _axes(paper: Paper, low: Point, high: Point, ticks: bool) -> None:
    line = paper.style.line + ", " if paper.style.line else ""
    arrow = str(paper.rng.choice(["->", "->", "-stealth"]))
    paper.body.append(f"\\draw[{line}{arrow}] {pair((low[0], 0))} -- {pair((high[0], 0))} node[right] {{$x$}};")
    paper.body.append(f"\\draw[{line}{arrow}] {pair((0, low[1]))} -- {pair((0, high[1]))} node[above] {{$y$}};")
    paper.body.append("\\node[below left] at (0,0) {$O$};")
    paper.placer.keep_clear((low[0], 0), (high[0], 0))
    paper.placer.keep_clear((0, low[1]), (0, high[1]))
    if not ticks:
        return
    across = [str(value) for value in range(int(np.ceil(low[0] + 0.3)), int(np.floor(high[0] - 0.3)) + 1) if value]
    up = [str(value) for value in range(int(np.ceil(low[1] + 0.3)), int(np.floor(high[1] - 0.3)) + 1) if value]
    paper.body.append(
        f"\\foreach \\x in {{{','.join(across)}}} \\draw (\\x,0.08) -- (\\x,-0.08) node[below] {{$\\x$}};"
    )
    for value in across:
        paper.placer.keep_off_text(value, (float(value), -0.08), "below")
    for value in up:
        paper.placer.keep_off_text(value, (-0.08, float(value)), "left")
    paper.body.append(f"\\foreach \\y in {{{','.join(up)}}} \\draw (0.08,\\y) -- (-0.08,\\y) node[left] {{$\\y$}};")


def _signed(value: float) -> str:
    return f"{'-' if value < 0 else '+'}{number(abs(value))}"


def _functions(rng: np.random.Generator) -> list[tuple[str, str, float, float, float, float]]:
    """List functions: as TikZ computes them, as a label, ends of the domain, ends of the range."""
    slope = float(rng.choice([-2, -1, -0.5, 0.5, 1, 2]))
    shift = float(rng.choice([-1, -0.5, 0.5, 1]))
    factor = float(rng.choice([0.5, 1.0]))
    lead = "" if slope == 1 else "-" if slope == -1 else number(slope)
    square_lead = "" if factor == 1 else number(factor)
    reach = min(2.6, 2.6 / abs(slope))
    square, square_label = f"{number(factor)}*\\x*\\x", f"{square_lead}x^2"
    lowest = min(-1.6, shift - 0.6)
    return [
        (f"{number(slope)}*\\x{_signed(shift)}", f"{lead}x{_signed(shift)}", -reach, reach, -3.4, 3.4),
        (f"{square}{_signed(shift)}", f"{square_label}{_signed(shift)}", -2, 2, lowest, 4.0 * factor + shift + 0.4),
        (f"-{square}+2", f"-{square_label}+2", -2.2, 2.2, 1.4 - factor * 4.84, 2.8),
        ("sin(\\x r)", "\\sin x", -3.4, 3.4, -1.6, 1.8),
        ("cos(\\x r)", "\\cos x", -3.4, 3.4, -1.6, 1.8),
        ("exp(\\x)", "e^x", -2.6, 1.15, -0.8, 3.6),
        ("ln(\\x)", "\\ln x", 0.12, 3.4, -2.4, 2.0),
        ("sqrt(\\x)", "\\sqrt{x}", 0, 3.6, -0.8, 2.6),
        ("abs(\\x)", "|x|", -2.4, 2.4, -0.8, 3.0),
        ("0.3*\\x*\\x*\\x-\\x", "0.3x^3-x", -2.4, 2.4, -2.2, 2.4),
        ("1/\\x", "1/x", 0.32, 3.2, -0.8, 3.4),
    ]


def draw_function(paper: Paper) -> None:
    """Draw the graph of one or two functions in a coordinate system."""
    rng = paper.rng
    functions = _functions(rng)
    chosen = [functions[index] for index in rng.permutation(len(functions))[: 1 if rng.random() < 0.75 else 2]]
    low = (min(function[2] for function in chosen) - 0.6, min(function[4] for function in chosen))
    high = (max(function[3] for function in chosen) + 0.6, max(function[5] for function in chosen))
    if rng.random() < 0.25:
        first, last = (
            (float(np.floor(low[0])), float(np.floor(low[1]))),
            (float(np.ceil(high[0])), float(np.ceil(high[1]))),
        )
        paper.fills.append(f"\\draw[gray!40, very thin] {pair(first)} grid {pair(last)};")
    _axes(paper, (min(low[0], -0.8), low[1]), high, bool(rng.random() < 0.6))
    labelled = rng.random() < 0.7
    for expression, label, start, end, _, _ in chosen:
        color = COLORS[rng.integers(len(COLORS))] if rng.random() < 0.6 else ""
        options = ", ".join(
            option
            for option in (
                color,
                str(rng.choice(["thick", "very thick", ""])),
                f"domain={number(start)}:{number(end)}",
                "smooth" if rng.random() < 0.5 else "",
                f"samples={rng.choice([50, 80, 100])}",
            )
            if option
        )
        node = f" node[right] {{$y={label}$}}" if labelled else ""
        paper.body.append(f"\\draw[{options}] plot (\\x,{{{expression}}}){node};")


def draw_axes_points(paper: Paper) -> None:
    """Draw a coordinate system with a polygon or points at whole numbers."""
    rng = paper.rng
    if rng.random() < 0.5:
        paper.fills.append("\\draw[gray!40, very thin] (-3,-3) grid (4,4);")
    _axes(paper, (-3.5, -3.5), (4.5, 4.5), True)
    count = int(rng.integers(2, 5))
    turns = np.sort(rng.uniform(0, 360, count))
    places = []
    for turn in turns:
        x, y = polar((0.5, 0.5), float(turn), float(rng.uniform(1.6, 3.2)))
        places.append((float(round(x)), float(round(y))))
    places = list(dict.fromkeys(places))
    names = [paper.point(place, (0.4, 0.4), dot=True) for place in places]
    if len(names) >= 2:
        paper.line(*names, closed=len(names) > 2)


def draw_number_line(paper: Paper) -> None:
    """Draw a number line with points on it."""
    rng = paper.rng
    low, high = int(rng.integers(-6, -1)), int(rng.integers(2, 7))
    paper.body.append(f"\\draw[->] ({low - 0.5:g},0) -- ({high + 0.7:g},0);")
    values = ",".join(str(value) for value in range(low, high + 1))
    paper.body.append(f"\\foreach \\x in {{{values}}} \\draw (\\x,0.1) -- (\\x,-0.1) node[below] {{$\\x$}};")
    for place in sorted({int(value) for value in rng.integers(low, high + 1, int(rng.integers(1, 4)))}):
        paper.point((float(place), 0.0), (float(place), -1.0), dot=True)
