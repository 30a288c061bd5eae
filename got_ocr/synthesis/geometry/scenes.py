r"""Scenes of plane geometry as TikZ: triangles, circles, quadrilaterals, polygons, parallels, mirror images.

Each scene is a function that draws on a `Paper`. Solids and graphs stand in `graphs.py`.
"""

from collections.abc import Callable
from itertools import pairwise
from math import hypot, sqrt

import numpy as np

from got_ocr.synthesis.geometry.graphs import draw_axes_points, draw_function, draw_number_line, draw_solid
from got_ocr.synthesis.geometry.labels import Point
from got_ocr.synthesis.geometry.paper import (
    Paper,
    along,
    center_of,
    crossing,
    direction,
    distance,
    draw_paper_style,
    foot,
    polar,
)

_GREEK = ("\\alpha", "\\beta", "\\gamma", "\\theta", "\\varphi")


def _length_text(rng: np.random.Generator) -> str:
    value = int(rng.integers(2, 21))
    forms = (f"${value}$", f"${value}$", f"{value} cm", f"${'abcdmnx'[rng.integers(7)]}$", f"${value}\\sqrt{{3}}$")
    return forms[rng.integers(len(forms))]


def _angle_text(rng: np.random.Generator, degrees: float) -> str:
    choice = rng.random()
    if choice < 0.5:
        return f"${round(degrees)}^\\circ$"
    return f"${_GREEK[rng.integers(len(_GREEK))]}$" if choice < 0.8 else f"${int(rng.integers(1, 4))}$"


def _opening(first: Point, corner: Point, last: Point) -> float:
    turn = (direction(corner, last) - direction(corner, first)) % 360
    return min(turn, 360 - turn)


def _triangle_points(rng: np.random.Generator) -> list[Point]:
    width = float(rng.uniform(3.0, 6.0))
    form = rng.integers(4)
    if form == 0:
        apex = (width / 2, float(rng.uniform(2.0, 4.5)))
    elif form == 1:
        apex = (0.0, float(rng.uniform(2.0, 4.5)))
    elif form == 2:
        apex = (width / 2, width * sqrt(3) / 2)
    else:
        apex = (float(rng.uniform(0.15, 0.85)) * width, float(rng.uniform(2.0, 4.5)))
    corners = [(0.0, 0.0), (width, 0.0), apex]
    if rng.random() < 0.3:
        angle, flip = float(rng.uniform(0, 360)), 1 if rng.random() < 0.5 else -1
        turned = [
            polar((0.0, 0.0), angle + flip * direction((0.0, 0.0), corner), hypot(*corner)) for corner in corners
        ]
        corners = turned
    return corners


def draw_triangle(paper: Paper) -> None:
    """Draw a triangle with one or two of its special lines."""
    rng = paper.rng
    corners = _triangle_points(rng)
    middle = center_of(corners)
    a, b, c = (paper.point(corner, middle) for corner in corners)
    if rng.random() < 0.15:
        paper.shade(a, b, c)
    paper.line(a, b, c, closed=True)
    for first, corner, last in ((b, a, c), (a, b, c), (a, c, b)):
        if abs(_opening(*(paper.place(name) for name in (first, corner, last))) - 90) < 0.3:
            paper.right_angle(first, corner, last)
    extras = [_altitude, _median, _bisector, _midsegment, _circumcircle, _incircle, _parallel]
    for index in rng.permutation(len(extras))[: rng.integers(0, 3)]:
        extras[index](paper, a, b, c)
    for first, second in ((a, b), (b, c), (c, a)):
        if rng.random() < 0.2:
            paper.side_text(first, second, _length_text(rng), middle)
    for first, corner, last in ((b, a, c), (a, b, c)):
        opening = _opening(*(paper.place(name) for name in (first, corner, last)))
        if rng.random() < 0.2 and 25 < opening < 150 and abs(opening - 90) > 2:
            paper.angle(first, corner, last, _angle_text(rng, opening))


def _altitude(paper: Paper, a: str, b: str, c: str) -> None:
    base = foot(paper.place(c), paper.place(a), paper.place(b))
    if min(distance(base, paper.place(a)), distance(base, paper.place(b))) < 0.5:
        return
    d = paper.point(base, paper.place(c), name=paper.free("H"))
    paper.line(c, d, auxiliary=True)
    paper.right_angle(b, d, c)


def _median(paper: Paper, a: str, b: str, c: str) -> None:
    m = paper.point(along(paper.place(b), paper.place(c), 0.5), paper.place(a), name=paper.free("M"))
    paper.line(a, m, auxiliary=True)
    if paper.rng.random() < 0.4:
        paper.ticks(b, m, 2)
        paper.ticks(m, c, 2)


def _bisector(paper: Paper, a: str, b: str, c: str) -> None:
    one, two = distance(paper.place(b), paper.place(a)), distance(paper.place(b), paper.place(c))
    d = paper.point(along(paper.place(a), paper.place(c), one / (one + two)), paper.place(b))
    paper.line(b, d, auxiliary=True)


def _midsegment(paper: Paper, a: str, b: str, c: str) -> None:
    middle = center_of([paper.place(name) for name in (a, b, c)])
    d = paper.point(along(paper.place(a), paper.place(c), 0.5), middle)
    e = paper.point(along(paper.place(b), paper.place(c), 0.5), middle)
    paper.line(d, e, auxiliary=True)


def _parallel(paper: Paper, a: str, b: str, c: str) -> None:
    share = float(paper.rng.uniform(0.3, 0.7))
    middle = center_of([paper.place(name) for name in (a, b, c)])
    d = paper.point(along(paper.place(c), paper.place(a), share), middle)
    e = paper.point(along(paper.place(c), paper.place(b), share), middle)
    paper.line(d, e)


def _circumcircle(paper: Paper, a: str, b: str, c: str) -> None:
    one, two, three = (paper.place(name) for name in (a, b, c))
    mid_one, mid_two = along(one, two, 0.5), along(two, three, 0.5)
    center = crossing(
        mid_one, polar(mid_one, direction(one, two) + 90, 1), mid_two, polar(mid_two, direction(two, three) + 90, 1)
    )
    if distance(center, one) < 6:
        o = paper.point(center, one, name=paper.free("O"), dot=True)
        paper.circle(o, distance(paper.place(o), one), auxiliary=True)


def _incircle(paper: Paper, a: str, b: str, c: str) -> None:
    one, two, three = (paper.place(name) for name in (a, b, c))
    sides = distance(two, three), distance(three, one), distance(one, two)
    center = (
        sum(side * point[0] for side, point in zip(sides, (one, two, three), strict=True)) / sum(sides),
        sum(side * point[1] for side, point in zip(sides, (one, two, three), strict=True)) / sum(sides),
    )
    i = paper.point(center, (center[0] - 1, center[1]), name=paper.free("I"), dot=True)
    paper.circle(i, distance(center, foot(center, one, two)), auxiliary=True)


def draw_circle(paper: Paper) -> None:
    """Draw a circle with chords, a diameter, tangents, angles at the centre or on the circle."""
    rng = paper.rng
    radius = round(float(rng.uniform(1.4, 2.6)), 1)
    o = paper.point((0.0, 0.0), (0.3, 1.0), name="O", dot=True)
    paper.circle(o, radius)
    scenes = (_inscribed, _central, _tangent, _two_tangents, _chord, _inscribed_quadrilateral, _sector, _secants)
    scenes[rng.integers(len(scenes))](paper, o, radius)


def _on_circle(paper: Paper, angle: float, radius: float) -> str:
    return paper.point(polar((0.0, 0.0), angle, radius), (0.0, 0.0))


def _inscribed(paper: Paper, o: str, radius: float) -> None:
    start = float(paper.rng.uniform(190, 230))
    a, b = _on_circle(paper, start, radius), _on_circle(paper, float(paper.rng.uniform(310, 350)), radius)
    c = _on_circle(paper, float(paper.rng.uniform(60, 120)), radius)
    paper.line(a, c, b)
    if paper.rng.random() < 0.6:
        paper.line(a, o, b, auxiliary=True)
    if paper.rng.random() < 0.5:
        paper.line(a, b)
    paper.angle(a, c, b, _angle_text(paper.rng, _opening(*(paper.place(name) for name in (a, c, b)))))


def _central(paper: Paper, o: str, radius: float) -> None:
    start, turn = float(paper.rng.uniform(0, 360)), float(paper.rng.uniform(40, 140))
    a, b = _on_circle(paper, start, radius), _on_circle(paper, start + turn, radius)
    paper.line(a, o, b)
    paper.line(a, b)
    paper.angle(a, o, b, _angle_text(paper.rng, turn))
    if paper.rng.random() < 0.5:
        paper.side_text(o, a, "$r$", paper.place(b))


def _tangent(paper: Paper, o: str, radius: float) -> None:
    angle = float(paper.rng.uniform(0, 360))
    t = _on_circle(paper, angle, radius)
    tip = paper.place(t)
    paper.line(polar(tip, angle + 90, 2.2), polar(tip, angle - 90, 2.2))
    paper.line(o, t, auxiliary=True)
    paper.right_angle(o, t, polar(tip, angle + 90, 1))
    paper.text(polar(tip, angle + 90, 2.5), f"${paper.rng.choice(['l', 't', 'm'])}$")


def _two_tangents(paper: Paper, o: str, radius: float) -> None:
    far = radius * float(paper.rng.uniform(1.7, 2.4))
    angle = float(paper.rng.choice([0, 180, 90]))
    p = paper.point(polar((0.0, 0.0), angle, far), (0.0, 0.0), name=paper.free("P"))
    half = float(np.degrees(np.arccos(radius / far)))
    a, b = _on_circle(paper, angle + half, radius), _on_circle(paper, angle - half, radius)
    paper.line(p, a)
    paper.line(p, b)
    paper.line(o, a, auxiliary=True)
    paper.line(o, b, auxiliary=True)
    if paper.rng.random() < 0.5:
        paper.line(o, p, auxiliary=True)
    if paper.rng.random() < 0.6:
        paper.right_angle(o, a, p)
        paper.right_angle(o, b, p)


def _chord(paper: Paper, o: str, radius: float) -> None:
    height = radius * float(paper.rng.uniform(0.3, 0.7))
    half = sqrt(radius**2 - height**2)
    a, b = paper.point((-half, -height), (0.0, 0.0)), paper.point((half, -height), (0.0, 0.0))
    m = paper.point((0.0, -height), (0.0, 0.0), name=paper.free("M"))
    paper.line(a, b)
    paper.line(o, m, auxiliary=True)
    paper.line(o, a)
    paper.right_angle(o, m, b)


def _inscribed_quadrilateral(paper: Paper, o: str, radius: float) -> None:
    angles = [float(paper.rng.uniform(base, base + 60)) for base in (100, 190, 280, 370)]
    a, b, c, d = (_on_circle(paper, angle, radius) for angle in angles)
    paper.line(a, b, c, d, closed=True)
    if paper.rng.random() < 0.5:
        paper.line(a, c, auxiliary=True)
        paper.line(b, d, auxiliary=True)


def _sector(paper: Paper, o: str, radius: float) -> None:
    start, turn = float(round(paper.rng.uniform(0, 300))), float(round(paper.rng.uniform(40, 120)))
    a, b = _on_circle(paper, start, radius), _on_circle(paper, start + turn, radius)
    color = f"{paper.style.accent or 'gray'}!30"
    arc = f"arc ({start:g}:{start + turn:g}:{radius:g})"
    paper.fills.append(f"\\fill[{color}] (0,0) -- ({start:g}:{radius:g}) {arc} -- cycle;")
    paper.line(o, a)
    paper.line(o, b)


def _secants(paper: Paper, o: str, radius: float) -> None:
    first, second = float(paper.rng.uniform(20, 60)), float(paper.rng.uniform(120, 160))
    a, b = _on_circle(paper, first, radius), _on_circle(paper, first + 180 + float(paper.rng.uniform(-25, 25)), radius)
    c, d = (
        _on_circle(paper, second, radius),
        _on_circle(paper, second + 180 + float(paper.rng.uniform(-25, 25)), radius),
    )
    paper.line(a, b)
    paper.line(c, d)
    e = crossing(*(paper.place(name) for name in (a, b, c, d)))
    if distance(e, (0.0, 0.0)) > 0.35:
        paper.point(e, (e[0], e[1] + 1), name=paper.free("E"))


def draw_quadrilateral(paper: Paper) -> None:
    """Draw a square, rectangle, rhombus, parallelogram, trapezium or kite."""
    rng = paper.rng
    width, height, shift = float(rng.uniform(3.0, 5.5)), float(rng.uniform(2.0, 3.5)), float(rng.uniform(0.5, 1.4))
    forms: list[list[Point]] = [
        [(0, 0), (height, 0), (height, height), (0, height)],
        [(0, 0), (width, 0), (width, height), (0, height)],
        [(0, 0), (width, 0), (width + shift, height), (shift, height)],
        [(0, 0), (width, 0), (width - shift, height), (shift * 0.6, height)],
        [(-width / 2, 0), (0, -height / 2), (width / 2, 0), (0, height / 2)],
        [(0, -height), (height * 0.7, 0), (0, height * 0.6), (-height * 0.7, 0)],
    ]
    form = int(rng.integers(len(forms)))
    middle = center_of(forms[form])
    a, b, c, d = (paper.point(corner, middle) for corner in forms[form])
    if rng.random() < 0.15:
        paper.shade(a, b, c)
    paper.line(a, b, c, d, closed=True)
    if form < 2 and rng.random() < 0.6:
        paper.right_angle(b, a, d)
    if rng.random() < 0.55:
        paper.line(a, c, auxiliary=True)
        if rng.random() < 0.7:
            paper.line(b, d, auxiliary=True)
            cut = crossing(*(paper.place(name) for name in (a, c, b, d)))
            paper.point(cut, (cut[0], cut[1] + 1), name=paper.free("O"))
    elif rng.random() < 0.5:
        e = paper.point(along(paper.place(c), paper.place(d), float(rng.uniform(0.3, 0.7))), middle)
        paper.line(a, e)
        if rng.random() < 0.5:
            paper.line(b, e)
    if form == 2 and rng.random() < 0.4:
        h = paper.point((paper.place(d)[0], 0.0), (paper.place(d)[0], 1.0), name=paper.free("H"))
        paper.line(d, h, auxiliary=True)
        paper.right_angle(b, h, d)
    for first, second in ((a, b), (b, c)):
        if rng.random() < 0.3:
            paper.side_text(first, second, _length_text(rng), middle)


def draw_polygon(paper: Paper) -> None:
    """Draw a regular polygon, in a circle or with diagonals."""
    rng = paper.rng
    count, radius = int(rng.integers(5, 9)), round(float(rng.uniform(1.6, 2.4)), 1)
    corners = [polar((0.0, 0.0), 90 + 360 * index / count, radius) for index in range(count)]
    names = [paper.point(corner, (0.0, 0.0)) for corner in corners]
    paper.line(*names, closed=True)
    choice = rng.random()
    if choice < 0.3:
        paper.circle((0.0, 0.0), radius, auxiliary=True)
    elif choice < 0.6:
        for other in names[2:-1]:
            paper.line(names[0], other, auxiliary=True)
    elif choice < 0.8:
        o = paper.point((0.0, 0.0), (0.0, 1.0), name="O", dot=True)
        paper.line(names[0], o, names[1], auxiliary=True)
        paper.angle(names[0], o, names[1], f"${360 // count}^\\circ$" if 360 % count == 0 else "")


def draw_parallels(paper: Paper) -> None:
    """Draw parallel lines that another line crosses, with numbered angles."""
    rng = paper.rng
    gap, angle, width = float(rng.uniform(1.3, 2.0)), float(rng.uniform(45, 135)), float(rng.uniform(3.5, 5.5))
    count = 2 if rng.random() < 0.8 else 3
    names = ["a", "b", "c"] if rng.random() < 0.5 else ["l_1", "l_2", "l_3"]
    label = 1
    for index in range(count):
        height = gap * index
        paper.line((0.0, height), (width, height))
        paper.text((width, height), f"${names[index]}$", "right")
        cut = width / 2 + (height - gap * (count - 1) / 2) / np.tan(np.radians(angle))
        for turn in (angle / 2, (angle + 180) / 2, (angle + 360) / 2 + 0, (angle + 540) / 2):
            if rng.random() < 0.55:
                paper.text(polar((float(cut), height), turn, 0.42), f"${label}$")
                label += 1
    middle = (width / 2, gap * (count - 1) / 2)
    reach = (gap * (count - 1) / 2 + 0.8) / np.sin(np.radians(angle))
    top, bottom = polar(middle, angle, float(reach)), polar(middle, angle + 180, float(reach))
    paper.line(bottom, top)
    paper.text(top, f"${rng.choice(['t', 'd', 'm', 'n'])}$", "above")


def draw_two_circles(paper: Paper) -> None:
    """Draw two circles that touch or cross."""
    rng = paper.rng
    one, two = round(float(rng.uniform(1.2, 2.0)), 1), round(float(rng.uniform(0.8, 1.8)), 1)
    touching = rng.random() < 0.45
    apart = one + two if touching else round(float(rng.uniform(max(one, two) + 0.2, one + two - 0.3)), 2)
    first = paper.point((0.0, 0.0), (0.0, 1.0), name="O_1", dot=True)
    second = paper.point((apart, 0.0), (apart, 1.0), name="O_2", dot=True)
    paper.circle(first, one)
    paper.circle(second, two)
    paper.line(first, second, auxiliary=True)
    if touching:
        paper.point((one, 0.0), (one - 0.5, -0.5), dot=True)
        if rng.random() < 0.6:
            paper.line((one, -2.0), (one, 2.0))
        return
    along_x = (apart**2 + one**2 - two**2) / (2 * apart)
    height = sqrt(max(one**2 - along_x**2, 0.01))
    a, b = paper.point((along_x, height), (along_x, 0.0)), paper.point((along_x, -height), (along_x, 0.0))
    paper.line(a, b, auxiliary=rng.random() < 0.5)
    if rng.random() < 0.5:
        paper.line(first, a, second)


def draw_mirror(paper: Paper) -> None:
    """Draw a triangle and its mirror image, rotation or translation."""
    rng = paper.rng
    corners = [(0.5, 0.3), (2.5, float(rng.uniform(-0.3, 0.6))), (float(rng.uniform(0.8, 2.2)), 2.2)]
    kind = rng.random()
    if kind < 0.5:
        images = [(-x, y) for x, y in corners]
        paper.line((0.0, -0.8), (0.0, 2.8), auxiliary=True)
        paper.text((0.0, 2.8), f"${rng.choice(['l', 'm'])}$", "above")
    elif kind < 0.75:
        images = [(-x, -y) for x, y in corners]
        paper.point((0.0, 0.0), (-1.0, 1.0), name="O", dot=True)
    else:
        shift = (float(rng.uniform(2.6, 3.4)), float(rng.uniform(-0.8, 0.8)))
        images = [(x + shift[0], y + shift[1]) for x, y in corners]
    names = [paper.point(corner, center_of(corners)) for corner in corners]
    mirrored = [
        paper.point(image, center_of(images), name=f"{name}'") for name, image in zip(names, images, strict=True)
    ]
    paper.line(*names, closed=True)
    paper.line(*mirrored, closed=True)
    if rng.random() < 0.4:
        for name, image in zip(names, mirrored, strict=True):
            paper.line(name, image, options="dotted")


def draw_angles(paper: Paper) -> None:
    """Draw rays from one point, with their angles."""
    rng = paper.rng
    o = paper.point((0.0, 0.0), (0.5, 1.0), name="O")
    count = int(rng.integers(2, 5))
    turns = np.cumsum(rng.uniform(28, 60, count)) - rng.uniform(0, 40)
    names = []
    for turn in turns:
        names.append(paper.point(polar((0.0, 0.0), float(turn), float(rng.uniform(2.4, 3.2))), (0.0, 0.0)))
        paper.line(o, names[-1], options="->" if rng.random() < 0.3 else "")
    for first, last in pairwise(names):
        if rng.random() < 0.75:
            opening = _opening(paper.place(first), (0.0, 0.0), paper.place(last))
            paper.angle(first, o, last, _angle_text(rng, opening))


SCENES: dict[str, tuple[Callable[[Paper], None], float]] = {
    "triangle": (draw_triangle, 0.24),
    "circle": (draw_circle, 0.19),
    "quadrilateral": (draw_quadrilateral, 0.13),
    "polygon": (draw_polygon, 0.05),
    "parallels": (draw_parallels, 0.06),
    "two circles": (draw_two_circles, 0.05),
    "mirror": (draw_mirror, 0.04),
    "angles": (draw_angles, 0.04),
    "solid": (draw_solid, 0.08),
    "function": (draw_function, 0.08),
    "axes": (draw_axes_points, 0.03),
    "number line": (draw_number_line, 0.01),
}


def draw_scene(rng: np.random.Generator) -> tuple[str, str]:
    """Draw a scene.

    Args:
        rng: the source of chance.

    Returns:
        Its kind, one of `SCENES`, and its TikZ.
    """
    weights = np.array([weight for _, weight in SCENES.values()])
    kind = list(SCENES)[rng.choice(len(SCENES), p=weights / weights.sum())]
    paper = Paper(rng, draw_paper_style(rng))
    SCENES[kind][0](paper)
    return kind, paper.source()
