r"""Draw the part of TikZ that geometry problems use as SVG, without LaTeX.

Lines, polygons, rectangles, grids, circles, ellipses, arcs, curves, nodes and labels, named points, polar, relative
and calculated coordinates, `scale`, `rotate`, `shift`, dashes, widths, colours, arrows, `scope` and simple `\foreach`.
What it doesn't know is named in the drawing's notes; nothing is guessed.
"""

import math
import re
from dataclasses import replace
from html import escape

from got_ocr.rendering.svg import DrawingError
from got_ocr.rendering.tikz_numbers import (
    ANCHORS,
    COMPASS,
    DASHES,
    LENGTH_CM,
    UNIT_PX,
    WIDTHS_PT,
    closing_bracket,
    label_text,
    loop_values,
    read_color,
    read_length,
    read_number,
    scope_end,
    split_commas,
    statement_end,
    take_brackets,
    text_width_px,
)
from got_ocr.rendering.tikz_path import PathReader, State

# A picture may draw as many lines as its length lets expect, and a grid or a few curves beside.
MIN_WORK = 3000
WORK_PER_CHARACTER = 4
CHARACTERS_PER_WORK = 100  # Text that a loop spreads.
MAX_LOOP_NAMES = 8
MAX_BODY_CHARACTERS = 20000
_LOOP_NAMES = re.compile(r"(?:\\[A-Za-z]+\s*(?:/\s*)?)+")
_LOOP_VALUES = re.compile(r"(?:\[[^\]]{0,200}\])?\s*in\s*\{")
_FULL_WIDTH = str.maketrans("（），；：＝－＋．［］｛｝", "(),;:=-+.[]{}")


def draw_tikz(source: str) -> tuple[str, list[str]]:
    r"""Draw a TikZ picture.

    Args:
        source: From ``\begin{tikzpicture}`` to its end, or its inside.

    Returns:
        An SVG, and the commands that were not drawn.

    Raises:
        DrawingError: If nothing in it could be drawn.
    """
    fixed = fix_tikz(source)
    picture = Picture(MIN_WORK + WORK_PER_CHARACTER * len(fixed))
    try:
        picture.read(fixed)
    except (ValueError, IndexError, OverflowError, ZeroDivisionError, RecursionError) as error:
        picture.notes.append(
            f"the drawing stops at a fault: {error}" if str(error) else "the drawing stops at a fault"
        )
    if not picture.parts:
        raise DrawingError("nothing of this picture could be drawn without LaTeX")
    return picture.svg(), list(dict.fromkeys(picture.notes))


def fix_tikz(source: str) -> str:
    """Map full-width punctuation to ASCII, drop comments, end each command by its semicolon, close the picture."""
    source = source.translate(_FULL_WIDTH)
    lines = [re.sub(r"(?<!\\)%.*", "", line).strip() for line in source.split("\n")]
    text = "\n".join(line for line in lines if line)
    text = re.sub(
        r"(?<=[)\]}\w])\s*\n\s*(?=\\(?:draw|fill|filldraw|path|node|coordinate|foreach|end|clip)\b)", ";\n", text
    )
    text = re.sub(r"(\\(?:begin|end)\s*\{[a-z]+\}(?:\s{0,4}\[[^\]]{0,300}\])?);", r"\1", text)
    if "\\begin{tikzpicture}" in text and "\\end{tikzpicture}" not in text:
        text += ";\n\\end{tikzpicture}"
    return text


def _filled(body: str, names: list[str], value: str) -> str:
    """Put one value of a loop, `a/b` where it has several names, into its body."""
    values = [part.strip() for part in value.split("/")]
    given = {name: values[min(index, len(values) - 1)] for index, name in enumerate(names)}
    filled = re.sub(r"\\([A-Za-z]+)", lambda match: given.get(match[1], match[0]), body)
    if len(filled) > MAX_BODY_CHARACTERS:
        raise ValueError("the loop's body is too long")
    return filled


class Picture:
    """A picture in the making: what is drawn, the named points, how far it reaches, what was not understood."""

    def __init__(self, work: int = MIN_WORK) -> None:
        self.work_left = work
        self.parts: list[str] = []
        self.notes: list[str] = []
        self.points: dict[str, tuple[float, float]] = {}
        self.bounds = [math.inf, math.inf, -math.inf, -math.inf]

    def spend(self, work: int) -> None:
        """Count what is drawn: lines of a grid, points of a curve, passes of a loop.

        Args:
            work: About as many steps as a line takes.

        Raises:
            ValueError: If the picture wants more than its length allows.
        """
        self.work_left -= work
        if self.work_left < 0:
            raise ValueError("there is too much to draw")

    # ---- statements

    def read(self, text: str) -> None:
        """Read a whole picture."""
        match = re.search(r"\\begin\s*\{tikzpicture\}", text)
        state = State()
        if match:
            options, position = take_brackets(text, match.end())
            end = text.rfind("\\end{tikzpicture}")
            text = text[position : end if end > position else len(text)]
            self._apply(options, state)
        self._statements(text, state, 0)

    def _statements(self, text: str, state: State, depth: int) -> None:
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
                options, inside = take_brackets(text, scope.end())
                end = scope_end(text, inside)
                inner = replace(state, styles=dict(state.styles))
                self._apply(options, inner)
                self._statements(text[inside:end], inner, depth + 1)
                position = end + len("\\end{scope}")
                continue
            loop = re.compile(r"\\foreach\s*").match(text, position)
            if loop:
                position = self._loop(text, loop.end(), state, depth)
                continue
            end = statement_end(text, position)
            self._statement(text[position:end].strip(), state)
            position = end + 1

    def _loop(self, text: str, position: int, state: State, depth: int) -> int:
        head = _LOOP_NAMES.match(text, position)
        values = _LOOP_VALUES.match(text, head.end()) if head else None
        end = closing_bracket(text, values.end() - 1, "{", "}") if values else -1
        if head is None or values is None:
            self.notes.append("not drawn: \\foreach")
            return statement_end(text, position) + 1
        names = re.findall(r"\\([A-Za-z]+)", head[0])[:MAX_LOOP_NAMES]
        given = text[values.end() : end]
        space = re.compile(r"\s*").match(text, end + 1)
        position = space.end() if space else end + 1
        if text[position : position + 1] == "{":
            end = closing_bracket(text, position, "{", "}")
            body, after = text[position + 1 : end], end + 1
        else:
            end = statement_end(text, position)
            body, after = text[position:end], end + 1
        if len(body) > MAX_BODY_CHARACTERS:
            raise ValueError("the loop's body is too long")
        for value in loop_values(given):
            self.spend(1 + len(body) // CHARACTERS_PER_WORK)
            self._statements(_filled(body, names, value), state, depth + 1)
        return after

    def _statement(self, text: str, state: State) -> None:
        self.spend(1)
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
        options, position = take_brackets(text, position)
        self._apply(options, inner, filled=name in ("fill", "filldraw", "shade"), drawn=name != "fill")
        self._path(text[position:], inner, state)

    # ---- style

    def _apply(self, options: str, state: State, filled: bool = False, drawn: bool = True) -> None:
        for option in split_commas(options):
            key, _, value = (part.strip() for part in option.partition("="))
            if key.endswith("/.style"):
                state.styles[key[: -len("/.style")].strip()] = value.strip("{}")
            elif key in state.styles and not value:
                style = state.styles.pop(key)
                self._apply(style, state, filled, drawn)
                state.styles[key] = style
            else:
                self._apply_one(key, value.strip("{}"), state, filled, drawn)

    def _apply_one(self, key: str, value: str, state: State, filled: bool, drawn: bool) -> None:
        if key in ("scale", "xscale", "yscale"):
            factor = read_number(value)
            state.compose((factor if key != "yscale" else 1, 0, 0, factor if key != "xscale" else 1, 0, 0))
        elif key == "rotate":
            angle = math.radians(read_number(value))
            state.compose((math.cos(angle), math.sin(angle), -math.sin(angle), math.cos(angle), 0, 0))
        elif key in ("shift", "xshift", "yshift"):
            if key == "shift":
                x, y = self.coordinate(value.strip("{}() "), state, raw=True)
            else:
                length = read_length(value, "pt")
                x, y = (length, 0.0) if key == "xshift" else (0.0, length)
            state.compose((1, 0, 0, 1, x, y))
        elif key in ("x", "y") and value and not value.startswith("("):
            factor = read_length(value, "cm")
            state.compose((factor if key == "x" else 1, 0, 0, factor if key == "y" else 1, 0, 0))
        elif key in ("domain", "variable"):
            state.plot += f",{key}={value}"
        elif key in WIDTHS_PT:
            state.width_pt = WIDTHS_PT[key]
        elif key == "line width":
            state.width_pt = max(0.1, min(read_length(value, "pt") / LENGTH_CM["pt"], 20))
        elif key in DASHES:
            state.dash = DASHES[key]
        elif key == "solid":
            state.dash = ""
        elif key in ("draw", "color", "fill"):
            color = "none" if value == "none" else read_color(value) if value else "#000"
            if key == "fill":
                state.fill = color
            else:
                state.stroke = color
                if key == "color" and filled:
                    state.fill = color
                if key == "color" and not drawn:
                    state.stroke = "none"
        elif key in ("opacity", "fill opacity", "draw opacity"):
            state.opacity = max(0.0, min(read_number(value), 1.0))
        elif read_color(key, "") and not value:
            if filled:
                state.fill = read_color(key)
            if drawn:
                state.stroke = read_color(key)
        elif (
            re.fullmatch(
                r"[<|]?[-a-z{}. ]*-[-a-z{}. ]*[>|]?|[lL]atex-.*|.*-\{?([sS]tealth|[lL]atex|>|Triangle).*|<.*", key
            )
            and "-" in key
        ):
            left, _, right = key.partition("-")
            state.arrow_start = bool(left.strip())
            state.arrow_end = bool(right.strip("-"))

    # ---- paths

    def _path(self, text: str, state: State, outer: State) -> None:
        reader = PathReader(text, self, state, outer)
        reader.read()
        self._draw(reader.segments, state)

    def _draw(self, segments: list[str], state: State) -> None:
        path = " ".join(segments)
        if not path or (state.stroke == "none" and state.fill == "none"):
            return
        width = state.width_pt * 1.6
        attributes = f'fill="{state.fill}" stroke="{state.stroke}" stroke-width="{width:.2f}"'
        attributes += f' stroke-dasharray="{state.dash}"' if state.dash else ""
        attributes += f' opacity="{state.opacity:g}"' if state.opacity < 1 else ""
        self.parts.append(f'<path d="{path}" {attributes} stroke-linejoin="round"/>')

    def arrow(self, tip: tuple[float, float], tail: tuple[float, float], state: State) -> None:
        """Draw an arrow's head at `tip`, pointing away from `tail`."""
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
        """Remember that the picture reaches this point, in pixels."""
        low_x, low_y, high_x, high_y = self.bounds
        self.bounds = [min(low_x, px), min(low_y, py), max(high_x, px), max(high_y, py)]

    def label(self, at: tuple[float, float], text: str, options: str, state: State) -> None:
        """Write a node's text at a point, beside it as its options say, with its frame."""
        text = label_text(text)
        direction: tuple[float, float] = (0, 0)
        distance_px, size, fill, framed, circled = 7.0, 15, "", False, False
        color = state.stroke if state.stroke != "none" else "#000"
        for option in split_commas(options):
            key, _, value = (part.strip() for part in option.partition("="))
            if key in state.styles and not value:
                options_of_style = state.styles[key]
                framed = framed or "draw" in options_of_style
                circled = circled or "circle" in options_of_style
            if key in ANCHORS:
                direction = ANCHORS[key]
                distance_px += read_length(value, "pt") * UNIT_PX if value and not value.startswith("of") else 0
            elif key == "anchor":
                direction = COMPASS.get(value, (0.0, 0.0))
            elif key == "label":
                side, _, name = value.strip("{}").partition(":")
                turned = ANCHORS.get(side.strip())
                if name and re.fullmatch(r"-?[\d.]+", side.strip()):
                    turned = (math.cos(math.radians(float(side))), math.sin(math.radians(float(side))))
                self._write(at, turned or (0, 1), 11.0, label_text(name or side), 15, color)
            elif key == "font":
                size = (
                    11 if "script" in value or "tiny" in value else 13 if "small" in value or "foot" in value else size
                )
            elif key == "fill":
                fill = read_color(value) if value else ""
            elif key == "draw":
                framed = value != "none"
            elif key == "circle":
                circled = True
            elif read_color(key, "") and not value:
                color = read_color(key)
            elif key == "color" or key == "text":
                color = read_color(value)
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
        padding = read_length(sep[1], "pt") * UNIT_PX if sep else 6.0
        least = re.search(r"minimum size\s*=\s*([\d.]+\s*[a-z]*)", options)
        half_width = max(
            text_width_px(text, size) / 2 + padding, read_length(least[1], "pt") * UNIT_PX / 2 if least else 0, 1.2
        )
        half_height = max(size * 0.6 + padding if text else padding, 1.2)
        if circled:
            radius = max(half_width, half_height)
            self.parts.append(
                f'<circle cx="{x:.2f}" cy="{y:.2f}" r="{radius:.2f}" fill="{fill or "none"}" stroke="{stroke}"/>'
            )
            half_width = half_height = radius
        else:
            self.parts.append(
                f'<rect x="{x - half_width:.2f}" y="{y - half_height:.2f}" width="{2 * half_width:.2f}" '
                f'height="{2 * half_height:.2f}" fill="{fill or "none"}" stroke="{stroke}"/>'
            )
        self.reach(x - half_width, y - half_height)
        self.reach(x + half_width, y + half_height)

    def _write(
        self,
        at: tuple[float, float],
        direction: tuple[float, float],
        distance_px: float,
        text: str,
        size: int,
        color: str,
    ) -> None:
        x, y = self.place(*at)
        width = text_width_px(text, size)
        x += direction[0] * (distance_px * 0.7 + (width / 2 if direction[0] else 0))
        y -= direction[1] * (distance_px * 0.7 + size * 0.45)
        self.reach(x - width / 2, y - size * 0.6)
        self.reach(x + width / 2, y + size * 0.6)
        style = ' font-style="italic"' if re.fullmatch(r"[A-Za-z][₀-₉′'\d]*", text) else ""
        self.parts.append(
            f'<text x="{x:.2f}" y="{y + size * 0.34:.2f}" text-anchor="middle" font-size="{size}" '
            f'fill="{color}"{style}>'
            f"{escape(text)}</text>"
        )

    def coordinate(self, text: str, state: State, raw: bool = False) -> tuple[float, float]:
        """Read what stands between the parentheses of a coordinate."""
        text = text.strip()
        calculated = re.fullmatch(r"\$(.*)\$", text, re.DOTALL)
        if calculated:
            return self._calculate(calculated[1], state)
        polar = re.fullmatch(r"([^:,]+):([^:,]+)", text)
        if polar:
            angle, radius = math.radians(read_number(polar[1])), read_length(polar[2], "cm")
            x, y = radius * math.cos(angle), radius * math.sin(angle)
            return (x, y) if raw else state.transform(x, y)
        parts = split_commas(text)
        if len(parts) >= 2:
            x, y = read_length(parts[0], "cm"), read_length(parts[1], "cm")
            return (x, y) if raw else state.transform(x, y)
        crossing = re.fullmatch(r"([\w' .]+?)\s*(\|-|-\|)\s*([\w' .]+)", text)
        if crossing:
            first, second = self.named(crossing[1]), self.named(crossing[3])
            return (first[0], second[1]) if crossing[2] == "|-" else (second[0], first[1])
        return self.named(text)

    def named(self, name: str) -> tuple[float, float]:
        """Find a named point, or the node that an anchor belongs to."""
        name = name.strip()
        if name in self.points:
            return self.points[name]
        base = name.split(".")[0].strip()
        if base in self.points:
            return self.points[base]
        raise ValueError(f"the point {name[:20]} is not defined")

    def _calculate(self, text: str, state: State) -> tuple[float, float]:
        """Read a sum of points, and points between two (``(A)!0.5!(B)``)."""
        between = re.fullmatch(
            r"\s*\(([^()]*)\)\s*!\s*([^!()]+?|\([^()!]*\))\s*!\s*(?:(-?[\d.]+)\s*:)?\s*\(([^()]*)\)\s*", text
        )
        if between:
            first, second = self.coordinate(between[1], state), self.coordinate(between[4], state)
            factor = between[2].strip()
            delta_x, delta_y = second[0] - first[0], second[1] - first[1]
            if between[3]:
                angle = math.radians(float(between[3]))
                delta_x, delta_y = (
                    delta_x * math.cos(angle) - delta_y * math.sin(angle),
                    delta_x * math.sin(angle) + delta_y * math.cos(angle),
                )
            if factor.startswith("("):  # The foot of the perpendicular from a third point.
                third = self.coordinate(factor[1:-1], state)
                along = (third[0] - first[0]) * delta_x + (third[1] - first[1]) * delta_y
                share = along / (delta_x**2 + delta_y**2)
            elif re.search(r"[a-z]{2}$", factor):
                share = read_length(factor, "cm") / math.hypot(delta_x, delta_y)
            else:
                share = read_number(factor)
            return first[0] + share * delta_x, first[1] + share * delta_y
        total_x = total_y = 0.0
        found = False
        for sign, factor, point in re.findall(r"([-+]?)\s*(?:([\d.]+)\s*\*\s*)?\(([^()]*)\)", text):
            x, y = self.coordinate(point, state)
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
