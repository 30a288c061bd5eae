"""Draw the part of TikZ that geometry problems use as SVG, without LaTeX.

Lines, polygons, rectangles, grids, circles, ellipses, arcs, curves, nodes and labels, named points, polar, relative and
calculated coordinates, `scale`, `rotate`, `shift`, dashes, widths, colours, arrows, `scope` and simple `\\foreach`.
What it doesn't know is named in the drawing's notes; nothing is guessed.
"""

import math
import re
from dataclasses import dataclass, field, replace
from html import escape

from got_ocr.rendering.formula_latex import formula_to_text
from got_ocr.rendering.formulas import parse_formula, plain_text
from got_ocr.rendering.svg import DrawingError

UNIT_PX = 38.0  # One centimetre.
MAX_STATEMENTS = 3000
_FULL_WIDTH = str.maketrans("（），；：＝－＋．［］｛｝", "(),;:=-+.[]{}")
_COLORS = {
    "black": "#000", "white": "#fff", "red": "#d00", "green": "#0a0", "blue": "#00d", "cyan": "#0bb", "magenta": "#d0d",
    "yellow": "#dd0", "gray": "#888", "grey": "#888", "lightgray": "#ccc", "darkgray": "#555", "orange": "#f80",
    "purple": "#808", "brown": "#852", "teal": "#088", "violet": "#80a", "pink": "#fac", "lime": "#8d0", "olive": "#880",
}  # fmt: skip
_WIDTHS_PT = {
    "ultra thin": 0.1, "very thin": 0.2, "thin": 0.4, "semithick": 0.6, "thick": 0.8, "very thick": 1.2,
    "ultra thick": 1.6,
}  # fmt: skip
_DASHES = {
    "dashed": "5 4", "densely dashed": "4 2.5", "loosely dashed": "6 7", "dotted": "1 3", "densely dotted": "1 2",
    "loosely dotted": "1 5", "dash dot": "5 3 1 3", "dashdotted": "5 3 1 3",
}  # fmt: skip
_ANCHORS = {
    "above": (0, 1), "below": (0, -1), "left": (-1, 0), "right": (1, 0), "above left": (-1, 1), "above right": (1, 1),
    "below left": (-1, -1), "below right": (1, -1), "left above": (-1, 1), "right above": (1, 1),
    "left below": (-1, -1), "right below": (1, -1),
}  # fmt: skip
_COMPASS = {
    "north": (0, -1), "south": (0, 1), "east": (-1, 0), "west": (1, 0), "north east": (-1, -1), "north west": (1, -1),
    "south east": (-1, 1), "south west": (1, 1), "center": (0, 0), "base": (0, 0),
}  # fmt: skip
_LENGTH_CM = {"cm": 1.0, "mm": 0.1, "pt": 0.03515, "ex": 0.15, "em": 0.35, "in": 2.54, "": 1.0}


@dataclass
class _State:
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
        a, b, c, d, e, f = self.matrix
        return a * x + c * y + e, b * x + d * y + f

    def compose(self, other: tuple[float, float, float, float, float, float]) -> None:
        a, b, c, d, e, f = self.matrix
        g, h, i, j, k, m = other
        self.matrix = (a * g + c * h, b * g + d * h, a * i + c * j, b * i + d * j, a * k + c * m + e, b * k + d * m + f)


def draw_tikz(source: str) -> tuple[str, list[str]]:
    """Draw a TikZ picture.

    Args:
        source: From ``\\begin{tikzpicture}`` to its end, or its inside.

    Returns:
        An SVG, and the commands that were not drawn.

    Raises:
        DrawingError: If nothing in it could be drawn.
    """
    picture = _Picture()
    try:
        picture.read(mend_tikz(source))
    except (ValueError, IndexError, OverflowError, ZeroDivisionError, RecursionError) as error:
        picture.notes.append(f"the drawing stops at a fault: {error}" if str(error) else "the drawing stops at a fault")
    if not picture.parts:
        raise DrawingError("nothing of this picture could be drawn without LaTeX")
    return picture.svg(), list(dict.fromkeys(picture.notes))


def mend_tikz(source: str) -> str:
    """Map full-width punctuation to ASCII, drop comments, end each command by its semicolon, close the picture."""
    source = source.translate(_FULL_WIDTH)
    lines = [re.sub(r"(?<!\\)%.*", "", line).strip() for line in source.split("\n")]
    text = "\n".join(line for line in lines if line)
    text = re.sub(r"(?<=[)\]}\w])\s*\n\s*(?=\\(?:draw|fill|filldraw|path|node|coordinate|foreach|end|clip)\b)", ";\n", text)
    text = re.sub(r"(\\(?:begin|end)\s*\{[a-z]+\}(?:\s*\[[^\]]*\])?);", r"\1", text)
    if "\\begin{tikzpicture}" in text and "\\end{tikzpicture}" not in text:
        text += ";\n\\end{tikzpicture}"
    return text


class _Picture:
    def __init__(self) -> None:
        self.parts: list[str] = []
        self.notes: list[str] = []
        self.points: dict[str, tuple[float, float]] = {}
        self.bounds = [math.inf, math.inf, -math.inf, -math.inf]
        self.statements = 0

    # ---- statements

    def read(self, text: str) -> None:
        match = re.search(r"\\begin\s*\{tikzpicture\}", text)
        state = _State()
        if match:
            options, position = _brackets(text, match.end())
            end = text.rfind("\\end{tikzpicture}")
            text = text[position : end if end > position else len(text)]
            self._apply(options, state)
        self._statements(text, state, 0)

    def _statements(self, text: str, state: _State, depth: int) -> None:
        if depth > 6:
            raise ValueError("nested too deeply")
        position = 0
        while position < len(text):
            match = re.compile(r"[\s;]*").match(text, position)
            position = match.end() if match else position
            if position >= len(text):
                return
            scope = re.compile(r"\\begin\s*\{scope\}").match(text, position)
            if scope:
                options, inside = _brackets(text, scope.end())
                end = _matching_end(text, inside)
                inner = replace(state, styles=dict(state.styles))
                self._apply(options, inner)
                self._statements(text[inside:end], inner, depth + 1)
                position = end + len("\\end{scope}")
                continue
            loop = re.compile(r"\\foreach\s*").match(text, position)
            if loop:
                position = self._loop(text, loop.end(), state, depth)
                continue
            end = _statement_end(text, position)
            self._statement(text[position:end].strip(), state)
            position = end + 1

    def _loop(self, text: str, position: int, state: _State, depth: int) -> int:
        match = re.compile(r"((?:\\[A-Za-z]+\s*/?\s*)+)(?:\[[^\]]*\])?\s*in\s*\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}\s*").match(text, position)
        if not match:
            self.notes.append("not drawn: \\foreach")
            return _statement_end(text, position) + 1
        names = re.findall(r"\\([A-Za-z]+)", match[1])
        position = match.end()
        if text[position : position + 1] == "{":
            end = _closing(text, position, "{", "}")
            body, after = text[position + 1 : end], end + 1
        else:
            end = _statement_end(text, position)
            body, after = text[position:end], end + 1
        for value in _loop_values(match[2]):
            values = value.split("/")
            piece = body
            for index, name in enumerate(names):
                replacement = values[min(index, len(values) - 1)].strip()
                piece = re.sub(rf"\\{name}(?![A-Za-z])", lambda _, text=replacement: text, piece)
            if len(piece) > 20000:
                raise ValueError("the loop's body is too long")
            self._statements(piece, state, depth + 1)
        return after

    def _statement(self, text: str, state: _State) -> None:
        self.statements += 1
        if self.statements > MAX_STATEMENTS:
            raise ValueError("too many commands")
        match = re.match(r"\\([A-Za-z]+)\s*", text)
        if not match:
            if text:
                self.notes.append(f"not drawn: {text[:30]}")
            return
        name, position = match[1], match.end()
        if name in ("tikzstyle", "tikzset", "usetikzlibrary", "definecolor", "clip", "useasboundingbox", "centering"):
            style = re.match(r"\\tikzstyle\s*\{?([\w ]+)\}?\s*=\s*\[([^\]]*)\]", text)
            if style:
                state.styles[style[1]] = style[2]
            for key, value in re.findall(r"([\w ]+)/\.style\s*=\s*\{([^{}]*)\}", text):
                state.styles[key.strip()] = value
            return
        inner = replace(state, arrow_start=False, arrow_end=False)
        if name not in ("draw", "fill", "filldraw", "path", "node", "coordinate", "shade", "shadedraw"):
            self.notes.append(f"not drawn: \\{name}")
            return
        if name in ("fill", "filldraw", "shade", "shadedraw"):
            inner.fill = inner.stroke
        inner.stroke = inner.stroke if name in ("draw", "filldraw", "shadedraw") else "none"
        if name in ("node", "coordinate"):
            position -= 0
            self._path(name + " " + text[position:], replace(inner, stroke="none"), state)
            return
        options, position = _brackets(text, position)
        self._apply(options, inner, filled=name in ("fill", "filldraw", "shade"), drawn=name != "fill")
        self._path(text[position:], inner, state)

    # ---- style

    def _apply(self, options: str, state: _State, filled: bool = False, drawn: bool = True) -> None:
        for option in _split(options):
            key, _, value = (part.strip() for part in option.partition("="))
            if key.endswith("/.style"):
                state.styles[key[: -len("/.style")].strip()] = value.strip("{}")
            elif key in state.styles and not value:
                style = state.styles.pop(key)
                self._apply(style, state, filled, drawn)
                state.styles[key] = style
            else:
                self._apply_one(key, value.strip("{}"), state, filled, drawn)

    def _apply_one(self, key: str, value: str, state: _State, filled: bool, drawn: bool) -> None:
        if key in ("scale", "xscale", "yscale"):
            factor = _number(value)
            state.compose((factor if key != "yscale" else 1, 0, 0, factor if key != "xscale" else 1, 0, 0))
        elif key == "rotate":
            angle = math.radians(_number(value))
            state.compose((math.cos(angle), math.sin(angle), -math.sin(angle), math.cos(angle), 0, 0))
        elif key in ("shift", "xshift", "yshift"):
            if key == "shift":
                x, y = self._coordinate(value.strip("{}() "), state, raw=True)
            else:
                length = _length(value, "pt")
                x, y = (length, 0.0) if key == "xshift" else (0.0, length)
            state.compose((1, 0, 0, 1, x, y))
        elif key in ("x", "y") and value and not value.startswith("("):
            factor = _length(value, "cm")
            state.compose((factor if key == "x" else 1, 0, 0, factor if key == "y" else 1, 0, 0))
        elif key in ("domain", "variable"):
            state.plot += f",{key}={value}"
        elif key in _WIDTHS_PT:
            state.width_pt = _WIDTHS_PT[key]
        elif key == "line width":
            state.width_pt = max(0.1, min(_length(value, "pt") / _LENGTH_CM["pt"], 20))
        elif key in _DASHES:
            state.dash = _DASHES[key]
        elif key == "solid":
            state.dash = ""
        elif key in ("draw", "color", "fill"):
            color = "none" if value == "none" else _color(value) if value else "#000"
            if key == "fill":
                state.fill = color
            else:
                state.stroke = color
                if key == "color" and filled:
                    state.fill = color
                if key == "color" and not drawn:
                    state.stroke = "none"
        elif key in ("opacity", "fill opacity", "draw opacity"):
            state.opacity = max(0.0, min(_number(value), 1.0))
        elif _color(key, "") and not value:
            if filled:
                state.fill = _color(key)
            if drawn:
                state.stroke = _color(key)
        elif re.fullmatch(r"[<|]?[-a-z{}. ]*-[-a-z{}. ]*[>|]?|[lL]atex-.*|.*-\{?([sS]tealth|[lL]atex|>|Triangle).*|<.*", key) and "-" in key:
            left, _, right = key.partition("-")
            state.arrow_start = bool(left.strip())
            state.arrow_end = bool(right.strip("-"))

    # ---- paths

    def _path(self, text: str, state: _State, outer: _State) -> None:
        reader = _PathReader(text, self, state, outer)
        reader.read()
        self._draw(reader.segments, state)

    def _draw(self, segments: list[str], state: _State) -> None:
        path = " ".join(segments)
        if not path or (state.stroke == "none" and state.fill == "none"):
            return
        width = state.width_pt * 1.6
        attributes = f'fill="{state.fill}" stroke="{state.stroke}" stroke-width="{width:.2f}"'
        attributes += f' stroke-dasharray="{state.dash}"' if state.dash else ""
        attributes += f' opacity="{state.opacity:g}"' if state.opacity < 1 else ""
        self.parts.append(f'<path d="{path}" {attributes} stroke-linejoin="round"/>')

    def arrow(self, tip: tuple[float, float], tail: tuple[float, float], state: _State) -> None:
        x, y = self.place(*tip)
        back_x, back_y = self.place(*tail)
        length = math.hypot(x - back_x, y - back_y)
        if length < 1e-6:
            return
        cos, sin = (x - back_x) / length, (y - back_y) / length
        size = 6 + state.width_pt
        corners = [(0.0, 0.0), (-size, size * 0.42), (-size * 0.7, 0.0), (-size, -size * 0.42)]
        points = " ".join(f"{x + a * cos - b * sin:.2f},{y + a * sin + b * cos:.2f}" for a, b in corners)
        self.parts.append(f'<polygon points="{points}" fill="{state.stroke}"/>')

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Turn centimetres, y up, into pixels, y down, and remember how far the picture reaches."""
        if not (math.isfinite(x) and math.isfinite(y)) or max(abs(x), abs(y)) > 500:
            raise ValueError("a point lies outside any page")
        px, py = x * UNIT_PX, -y * UNIT_PX
        self.reach(px, py)
        return px, py

    def reach(self, px: float, py: float) -> None:
        low_x, low_y, high_x, high_y = self.bounds
        self.bounds = [min(low_x, px), min(low_y, py), max(high_x, px), max(high_y, py)]

    def label(self, at: tuple[float, float], text: str, options: str, state: _State) -> None:
        text = _label(text)
        direction, distance_px, size, fill, framed, circled = (0.0, 0.0), 7.0, 15, "", False, False
        color = state.stroke if state.stroke != "none" else "#000"
        for option in _split(options):
            key, _, value = (part.strip() for part in option.partition("="))
            if key in state.styles and not value:
                options_of_style = state.styles[key]
                framed = framed or "draw" in options_of_style
                circled = circled or "circle" in options_of_style
            if key in _ANCHORS:
                direction = _ANCHORS[key]
                distance_px += _length(value, "pt") * UNIT_PX if value and not value.startswith("of") else 0
            elif key == "anchor":
                direction = _COMPASS.get(value, (0, 0))
            elif key == "label":
                side, _, name = value.strip("{}").partition(":")
                turned = _ANCHORS.get(side.strip())
                if name and re.fullmatch(r"-?[\d.]+", side.strip()):
                    turned = (math.cos(math.radians(float(side))), math.sin(math.radians(float(side))))
                self._write(at, turned or (0, 1), 11.0, _label(name or side), 15, color)
            elif key == "font":
                size = 11 if "script" in value or "tiny" in value else 13 if "small" in value or "foot" in value else size
            elif key == "fill":
                fill = _color(value) if value else ""
            elif key == "draw":
                framed = value != "none"
            elif key == "circle":
                circled = True
            elif _color(key, "") and not value:
                color = _color(key)
            elif key == "color" or key == "text":
                color = _color(value)
        if framed or fill or circled:
            self._frame(at, text, size, fill, framed, circled, options)
        if text:
            self._write(at, direction, distance_px, text, size, color)

    def _frame(
        self, at: tuple[float, float], text: str, size: int, fill: str, framed: bool, circled: bool, options: str
    ) -> None:
        x, y = self.place(*at)
        stroke = "#000" if framed else "none"
        sep = re.search(r"inner sep\s*=\s*([\d.]+\s*[a-z]*)", options)
        padding = _length(sep[1], "pt") * UNIT_PX if sep else 6.0
        least = re.search(r"minimum size\s*=\s*([\d.]+\s*[a-z]*)", options)
        half_width = max(_width_px(text, size) / 2 + padding, _length(least[1], "pt") * UNIT_PX / 2 if least else 0, 1.2)
        half_height = max(size * 0.6 + padding if text else padding, 1.2)
        if circled:
            radius = max(half_width, half_height)
            self.parts.append(f'<circle cx="{x:.2f}" cy="{y:.2f}" r="{radius:.2f}" fill="{fill or "none"}" stroke="{stroke}"/>')
            half_width = half_height = radius
        else:
            self.parts.append(
                f'<rect x="{x - half_width:.2f}" y="{y - half_height:.2f}" width="{2 * half_width:.2f}" '
                f'height="{2 * half_height:.2f}" fill="{fill or "none"}" stroke="{stroke}"/>'
            )
        self.reach(x - half_width, y - half_height)
        self.reach(x + half_width, y + half_height)

    def _write(
        self, at: tuple[float, float], direction: tuple[float, float], distance_px: float, text: str, size: int, color: str
    ) -> None:
        x, y = self.place(*at)
        width = _width_px(text, size)
        x += direction[0] * (distance_px * 0.7 + (width / 2 if direction[0] else 0))
        y -= direction[1] * (distance_px * 0.7 + size * 0.45)
        self.reach(x - width / 2, y - size * 0.6)
        self.reach(x + width / 2, y + size * 0.6)
        style = ' font-style="italic"' if re.fullmatch(r"[A-Za-z][₀-₉′'\d]*", text) else ""
        self.parts.append(
            f'<text x="{x:.2f}" y="{y + size * 0.34:.2f}" text-anchor="middle" font-size="{size}" fill="{color}"{style}>'
            f"{escape(text)}</text>"
        )

    def _coordinate(self, text: str, state: _State, raw: bool = False) -> tuple[float, float]:
        """Read what stands between the parentheses of a coordinate."""
        text = text.strip()
        calculated = re.fullmatch(r"\$(.*)\$", text, re.DOTALL)
        if calculated:
            return self._calculate(calculated[1], state)
        polar = re.fullmatch(r"([^:,]+):([^:,]+)", text)
        if polar:
            angle, radius = math.radians(_number(polar[1])), _length(polar[2], "cm")
            x, y = radius * math.cos(angle), radius * math.sin(angle)
            return (x, y) if raw else state.transform(x, y)
        parts = _split(text)
        if len(parts) >= 2:
            x, y = _length(parts[0], "cm"), _length(parts[1], "cm")
            return (x, y) if raw else state.transform(x, y)
        crossing = re.fullmatch(r"([\w' .]+?)\s*(\|-|-\|)\s*([\w' .]+)", text)
        if crossing:
            first, second = self._named(crossing[1]), self._named(crossing[3])
            return (first[0], second[1]) if crossing[2] == "|-" else (second[0], first[1])
        return self._named(text)

    def _named(self, name: str) -> tuple[float, float]:
        name = name.strip()
        if name in self.points:
            return self.points[name]
        base = name.split(".")[0].strip()
        if base in self.points:
            return self.points[base]
        raise ValueError(f"the point {name[:20]} is not defined")

    def _calculate(self, text: str, state: _State) -> tuple[float, float]:
        """Read a sum of points, and points between two (``(A)!0.5!(B)``)."""
        between = re.fullmatch(r"\s*\(([^()]*)\)\s*!\s*([^!()]+?|\([^()!]*\))\s*!\s*(?:(-?[\d.]+)\s*:)?\s*\(([^()]*)\)\s*", text)
        if between:
            first, second = self._coordinate(between[1], state), self._coordinate(between[4], state)
            factor = between[2].strip()
            delta_x, delta_y = second[0] - first[0], second[1] - first[1]
            if between[3]:
                angle = math.radians(float(between[3]))
                delta_x, delta_y = (
                    delta_x * math.cos(angle) - delta_y * math.sin(angle),
                    delta_x * math.sin(angle) + delta_y * math.cos(angle),
                )
            if factor.startswith("("):  # The foot of the perpendicular from a third point.
                third = self._coordinate(factor[1:-1], state)
                along = (third[0] - first[0]) * delta_x + (third[1] - first[1]) * delta_y
                share = along / (delta_x**2 + delta_y**2)
            elif re.search(r"[a-z]{2}$", factor):
                share = _length(factor, "cm") / math.hypot(delta_x, delta_y)
            else:
                share = _number(factor)
            return first[0] + share * delta_x, first[1] + share * delta_y
        total_x = total_y = 0.0
        found = False
        for sign, factor, point in re.findall(r"([-+]?)\s*(?:([\d.]+)\s*\*\s*)?\(([^()]*)\)", text):
            x, y = self._coordinate(point, state)
            weight = (float(factor) if factor else 1.0) * (-1 if sign == "-" else 1)
            total_x, total_y, found = total_x + weight * x, total_y + weight * y, True
        if not found:
            raise ValueError(f"the point {text[:20]} is not understood")
        return total_x, total_y

    def svg(self) -> str:
        """Write the drawing."""
        low_x, low_y, high_x, high_y = self.bounds
        if not math.isfinite(low_x):
            low_x = low_y = high_x = high_y = 0.0
        margin = 6
        width, height = high_x - low_x + 2 * margin, high_y - low_y + 2 * margin
        shown = min(1.0, 640 / width)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{low_x - margin:.1f} {low_y - margin:.1f} {width:.1f} '
            f'{height:.1f}" width="{width * shown:.0f}" height="{height * shown:.0f}" font-family="serif">'
            f"{''.join(self.parts)}</svg>"
        )


class _PathReader:
    """Reader of one path: points, the operations between them, and the nodes on the way."""

    def __init__(self, text: str, picture: _Picture, state: _State, outer: _State) -> None:
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
        for word in ("circle", "ellipse", "arc", "rectangle", "grid", "node", "coordinate", "to", "edge", "plot", "pic"):
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
        options, self.position = _brackets(self.text, self.position)
        return options

    def _point(self) -> tuple[float, float]:
        match = self._match(r"(\+{0,2})\(")
        if not match:
            raise ValueError(f"a point was expected at {self.text[self.position : self.position + 20]!r}")
        end = _closing(self.text, self.position - 1, "(", ")")
        inside = self.text[self.position : end]
        self.position = end + 1
        if match[1]:
            x, y = self.picture._coordinate(inside, self.state, raw=True)
            a, b, c, d, _, _ = self.state.matrix
            base = self.here or (0.0, 0.0)
            return base[0] + a * x + c * y, base[1] + b * x + d * y
        return self.picture._coordinate(inside, self.state)

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
        return _length(text, "cm") * (1.0 if has_unit and "cm" not in text else factor)

    def _ellipse(self) -> bool:
        return self._circle()

    def _circle(self) -> bool:
        options = self._options()
        scale_x, scale_y = self._scale()
        radius = re.search(r"(?<![xy] )radius\s*=\s*([^,]+)", options)
        radius_x, radius_y = (re.search(rf"{axis} radius\s*=\s*([^,]+)", options) for axis in "xy")
        if self._match(r"\("):
            end = _closing(self.text, self.position - 1, "(", ")")
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
            end = _closing(self.text, self.position - 1, "(", ")")
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
            last = values.get("end angle") or f"{_number(first) + _number(delta or '0')}"
            across = values.get("radius") or values.get("x radius", "1")
            up = values.get("y radius", "")
        if self.here is None:
            return False
        horizontal = self._radius(across, scale_x)
        vertical = self._radius(up, scale_y) if up else self._radius(across, scale_y)
        start, end_angle = math.radians(_number(first)), math.radians(_number(last))
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
        width = max(_length(step[1], "cm") if step else 1.0, 0.05)
        low, high = self.here, self._point()
        for axis, scale in ((0, scale_x), (1, scale_y)):
            first, last = sorted((low[axis], high[axis]))
            pace = max(width * scale, (last - first) / 200, 1e-3)
            for index in range(math.ceil(first / pace - 1e-6), math.floor(last / pace + 1e-6) + 1):
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
        end = _closing(self.text, self.position - 1, "{", "}")
        text = self.text[self.position : end]
        self.position = end + 1
        share = 1.0
        for word, value in (("midway", 0.5), ("near start", 0.25), ("near end", 0.75), ("very near end", 0.875), ("at start", 0.0)):
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
            end = _closing(self.text, self.position - 1, "{", "}")
            points = re.findall(r"\(([^()]*)\)", self.text[self.position : end])
            self.position = end + 1
            for point in points[:500]:
                self._go(self.picture._coordinate(point, self.state))
                self.operation = "line"
            self.operation = "move"
            return True
        if not self._match(r"\("):
            return False
        end = _closing(self.text, self.position - 1, "(", ")")
        expression = _split(self.text[self.position : end])
        self.position = end + 1
        if len(expression) != 2:
            return False
        domain = re.search(r"domain\s*=\s*([^:,]+):([^,\]]+)", options)
        low, high = (_number(domain[1]), _number(domain[2])) if domain else (-5.0, 5.0)
        variable = re.search(r"variable\s*=\s*\\?([A-Za-z]+)", options)
        names = {variable[1] if variable else "x": 0.0}
        for index in range(81):
            names[next(iter(names))] = low + (high - low) * index / 80
            x, y = (_expression(part.strip(" {}"), names) for part in expression)
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
        first, corner, last = (self.picture._named(name) for name in names)
        size = re.search(r"angle radius\s*=\s*([^,\]]+)", options)
        radius = _length(size[1], "cm") if size else (0.25 if found[1] == "right angle" else 0.5)
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


# ---- small readers


def _brackets(text: str, position: int) -> tuple[str, int]:
    """Take ``[...]`` at `position`, if it stands there."""
    match = re.compile(r"\s*\[").match(text, position)
    if not match:
        return "", position
    end = _closing(text, match.end() - 1, "[", "]")
    return text[match.end() : end], end + 1


def _closing(text: str, position: int, opening: str, closing: str) -> int:
    depth = 0
    for index in range(position, len(text)):
        if text[index] == opening:
            depth += 1
        elif text[index] == closing:
            depth -= 1
            if depth == 0:
                return index
    raise ValueError(f"{closing} is missing")


def _statement_end(text: str, position: int) -> int:
    depth = 0
    for index in range(position, len(text)):
        if text[index] == "{":
            depth += 1
        elif text[index] == "}":
            depth -= 1
        elif text[index] == ";" and depth <= 0:
            return index
    return len(text)


def _matching_end(text: str, position: int) -> int:
    depth = 1
    for match in re.compile(r"\\(begin|end)\s*\{scope\}").finditer(text, position):
        depth += 1 if match[1] == "begin" else -1
        if depth == 0:
            return match.start()
    return len(text)


def _split(text: str) -> list[str]:
    """Cut at commas that stand in no bracket."""
    parts, depth, start = [], 0, 0
    for index, character in enumerate(text):
        depth += (character in "{[(") - (character in "}])")
        if character == "," and depth == 0:
            parts.append(text[start:index].strip())
            start = index + 1
    parts.append(text[start:].strip())
    return [part for part in parts if part]


def _loop_values(text: str) -> list[str]:
    values = _split(text)
    dots = [index for index, value in enumerate(values) if value in ("...", "\\ldots", "\\dots")]
    for index in reversed(dots):
        if not 0 < index < len(values) - 1:
            continue
        first, last = values[index - 1], values[index + 1]
        if len(first) == len(last) == 1 and first.isalpha() and last.isalpha():
            values[index : index + 1] = [chr(code) for code in range(ord(first) + 1, ord(last))]
            continue
        start, stop = _number(first), _number(last)
        step = start - _number(values[index - 2]) if index >= 2 else math.copysign(1, stop - start)
        count = int((stop - start) / step + 1e-6) if step else 0
        values[index : index + 1] = [f"{start + step * number:g}" for number in range(1, min(count, 400))]
    return values[:400]


def _number(text: str) -> float:
    return _expression(text, {})


def _length(text: str, unit: str) -> float:
    """Read a length in centimetres; a bare number has `unit`."""
    match = re.fullmatch(r"\s*(.*?)\s*(cm|mm|pt|ex|em|in)?\s*", text)
    if not match or not match[1]:
        raise ValueError(f"no length: {text[:20]}")
    return _expression(match[1], {}) * _LENGTH_CM[match[2] or unit]


_FUNCTIONS = {
    "sin": lambda value: math.sin(math.radians(value)),
    "cos": lambda value: math.cos(math.radians(value)),
    "tan": lambda value: math.tan(math.radians(value)),
    "asin": lambda value: math.degrees(math.asin(value)),
    "acos": lambda value: math.degrees(math.acos(value)),
    "atan": lambda value: math.degrees(math.atan(value)),
    "sqrt": math.sqrt,
    "abs": abs,
    "exp": math.exp,
    "ln": math.log,
    "log10": math.log10,
    "rad": math.radians,
    "deg": math.degrees,
    "floor": math.floor,
    "ceil": math.ceil,
    "round": round,
}
_EXPRESSION_TOKEN = re.compile(r"\s*(?:(\d+\.?\d*(?:[eE][-+]?\d{1,2})?|\.\d+)|\\?([A-Za-z_]\w*)|(.))")


def _expression(text: str, names: dict[str, float]) -> float:
    """Work out an arithmetic expression as TikZ writes it (angles in degrees); no `eval`."""
    if len(text) > 300:
        raise ValueError("an expression is too long")
    tokens = [match.groups() for match in _EXPRESSION_TOKEN.finditer(text.strip().strip("{}"))]
    position = 0

    def peek() -> str:
        return tokens[position][2] or "" if position < len(tokens) else ""

    def total(depth: int) -> float:
        nonlocal position
        value = product(depth)
        while peek() in ("+", "-") and peek():
            sign = 1 if peek() == "+" else -1
            position += 1
            value += sign * product(depth)
        return value

    def product(depth: int) -> float:
        nonlocal position
        value = power(depth)
        while peek() in ("*", "/") and peek():
            times = peek() == "*"
            position += 1
            other = power(depth)
            value = value * other if times else value / other
        return value

    def power(depth: int) -> float:
        nonlocal position
        if peek() in ("-", "+") and peek():
            sign = -1 if peek() == "-" else 1
            position += 1
            return sign * power(depth)
        value = atom(depth)
        if peek() == "^":
            position += 1
            exponent = power(depth)
            if abs(exponent) > 50:
                raise ValueError("an exponent is too large")
            value = value**exponent
        if peek() == "r" or (position < len(tokens) and tokens[position][1] == "r"):
            position += 1
            value = math.degrees(value)
        if isinstance(value, complex):
            raise ValueError("a root of a negative number")
        return value

    def atom(depth: int) -> float:
        nonlocal position
        if depth > 20 or position >= len(tokens):
            raise ValueError(f"not a number: {text[:20]}")
        number, name, mark = tokens[position]
        position += 1
        if number:
            return float(number)
        if name:
            if name in names:
                return names[name]
            if name == "pi":
                return math.pi
            if name == "e":
                return math.e
            if name in _FUNCTIONS and peek() == "(":
                return float(_FUNCTIONS[name](atom(depth + 1)))
        if mark in ("(", "{"):
            value = total(depth + 1)
            if peek() in (")", "}"):
                position += 1
            return value
        raise ValueError(f"not a number: {text[:20]}")

    value = total(0)
    if position < len(tokens):
        raise ValueError(f"not a number: {text[:20]}")
    return value


def _color(name: str, missing: str = "#000") -> str:
    match = re.fullmatch(r"([a-z]+)(?:!(\d{1,3}))?(?:!([a-z]+))?", name.strip())
    if not match or match[1] not in _COLORS:
        return missing
    if not match[2]:
        return _COLORS[match[1]]
    share = min(int(match[2]), 100) / 100
    first, second = (_COLORS.get(color, "#fff")[1:] for color in (match[1], match[3] or "white"))
    mixed = (round((int(a, 16) * share + int(b, 16) * (1 - share)) * 17) for a, b in zip(first, second, strict=True))
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def _label(text: str) -> str:
    """Turn a label with formulas into a line of text."""
    parts = re.split(r"\$([^$]*)\$", text)
    for index, part in enumerate(parts):
        if index % 2 or re.search(r"\\[a-z]+|[_^]", part):
            parts[index] = formula_to_text(parse_formula(part))
        else:
            parts[index] = plain_text(part)
    line = "".join(parts).replace("^∘", "°").replace("\\\\", " ")
    line = re.sub(r"(?<![\w)])-(?=\d)", "−", line)
    return re.sub(r"_(\d)", lambda match: match[1].translate(_SUBSCRIPTS), line).strip()


def _width_px(text: str, size: int) -> float:
    return sum(size * (1.0 if ord(character) > 0x2E7F else 0.55) for character in text)
