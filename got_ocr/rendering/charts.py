"""Read charts (GOT's and OneChart's dict or JSON, PP-Chart2Table's rows) and draw them as SVG."""

import itertools
import math
import re
from dataclasses import dataclass, field
from html import escape
from typing import Any

from got_ocr.rendering.blocks import Cell, Inline, Table, is_padded

MAX_DEPTH = 8
MAX_POINTS = 2000
MAX_NUMBER, MIN_NUMBER = 1e15, 1e-250  # What can be set on an axis of floats.
COLORS = ("#3b6fb6", "#d9822b", "#4a9a5b", "#b0413e", "#7a5ea8", "#8c6d4f", "#c76aa0", "#7f7f7f", "#a8a83a", "#3aa6b9")


class Quantity(float):
    """A number that remembers how it was written ("12%", "1,200")."""

    raw = ""


@dataclass
class Chart:
    """A chart's data.

    Attributes:
        kind: bar, line or pie.
        title: Its title; so `source`, `x_title`, `y_title`.
        series: Name of each series -> label -> number, or text where the model wrote no number.
    """

    kind: str
    title: str = ""
    source: str = ""
    x_title: str = ""
    y_title: str = ""
    series: dict[str, dict[str, float | str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def labels(self) -> list[str]:
        """All labels of the x axis, in order."""
        return list(dict.fromkeys(label for values in self.series.values() for label in values))


_FIELDS = frozenset(
    {"title", "source", "x_title", "y_title", "type", "chart_type", "values", "data", "series", "x_axis", "y_axis"}
)


class _Literal:
    """Reader of a dict or list in Python's or JSON's notation that forgives truncation and stray commas."""

    def __init__(self, text: str) -> None:
        self.text, self.position, self.notes = text, 0, []  # type: tuple[str, int, list[str]]

    def _space(self) -> str:
        while self.position < len(self.text) and self.text[self.position].isspace():
            self.position += 1
        return self.text[self.position : self.position + 1]

    def value(self, depth: int = 0) -> Any:
        mark = self._space()
        if depth > MAX_DEPTH:
            raise ValueError("nested too deeply")
        if mark == "{":
            return self._mapping(depth)
        if mark in ("[", "("):
            return self._sequence(depth, "]" if mark == "[" else ")")
        if mark and mark in "'\"":
            return self._string(mark)
        match = re.compile(r"[^,:{}\[\]()'\"\n]+").match(self.text, self.position)
        if not match:
            raise ValueError("no value")
        self.position = match.end()
        word = match[0].strip()
        return {"None": None, "null": None, "True": True, "true": True, "False": False, "false": False}.get(word, word)

    def _string(self, quote: str) -> str:
        self.position += 1
        parts = []
        while self.position < len(self.text):
            character = self.text[self.position]
            if character == "\\" and self.position + 1 < len(self.text):
                escaped = self.text[self.position + 1]
                parts.append({"n": "\n", "t": " ", "u": "\\u"}.get(escaped, escaped))
                self.position += 2
                continue
            self.position += 1
            if character == quote:
                # A quote inside the text, as in 'People's choice', is not followed by what ends a value.
                following = re.compile(r"\s*([,:}\])]|$)").match(self.text, self.position)
                if following:
                    break
            parts.append(character)
        else:
            self.notes.append("the chart's text was truncated")
        return "".join(parts)

    def _mapping(self, depth: int) -> dict[str, Any]:
        self.position += 1
        result: dict[str, Any] = {}
        while True:
            mark = self._space()
            if mark in ("", "}"):
                if not mark:
                    self.notes.append("the chart's data was truncated")
                self.position += 1
                return result
            if mark == ",":
                self.position += 1
                continue
            try:
                key = self.value(depth + 1)
            except ValueError:
                self.position += 1
                raise
            if self._space() == ":":
                self.position += 1
                result[str(key)] = self.value(depth + 1) if self._space() not in ("", ",", "}") else None
            else:
                result[str(key)] = None
            if len(result) > MAX_POINTS:
                raise ValueError("too many values")

    def _sequence(self, depth: int, close: str) -> list[Any]:
        self.position += 1
        result: list[Any] = []
        while True:
            mark = self._space()
            if mark in ("", close):
                if not mark:
                    self.notes.append("the chart's data was truncated")
                self.position += 1
                return result
            if mark == ",":
                self.position += 1
                continue
            result.append(self.value(depth + 1))
            if len(result) > MAX_POINTS:
                raise ValueError("too many values")


def read_chart(text: str, start: int = 0) -> tuple[Chart, int] | None:
    """Read the dict that begins at `start`.

    Returns:
        The chart and the position after it, or None where there is no chart.
    """
    literal = _Literal(text)
    literal.position = start
    try:
        data = literal.value()
    except ValueError:
        return None
    chart = _chart(data) if isinstance(data, dict) else None
    if chart is None:
        return None
    chart.notes += list(dict.fromkeys(literal.notes))
    return chart, min(literal.position, len(text))


def _chart(data: dict[str, Any]) -> Chart | None:
    plain = {key.lower().replace("-", "_").replace(" ", "_"): value for key, value in data.items()}

    def text(*names: str) -> str:
        for name in names:
            if isinstance(plain.get(name), str | int | float) and str(plain[name]) not in ("None", "null"):
                return str(plain[name])
        return ""

    values = next(
        (plain[name] for name in ("values", "data", "series") if isinstance(plain.get(name), dict | list)), None
    )
    if values is None:
        rest = {key: value for key, value in data.items() if key.lower().replace(" ", "_") not in _FIELDS}
        values = (
            rest if any(not isinstance(value, str) or _number(value) is not None for value in rest.values()) else None
        )
    series = _series(values)
    if not any(isinstance(value, float) for item in series.values() for value in item.values()):
        return None
    chart = Chart(
        "bar",
        text("title"),
        text("source"),
        text("x_title", "x_axis", "x_label", "xlabel"),
        text("y_title", "y_axis", "y_label", "ylabel"),
        series,
    )
    chart.kind = _guess_kind(chart, text("type", "chart_type").lower())
    return chart


def _series(values: Any) -> dict[str, dict[str, float | str]]:
    if isinstance(values, list):
        merged: dict[str, dict[str, float | str]] = {}
        for position, item in enumerate(values):
            if isinstance(item, dict):
                name = str(item.get("name") or item.get("label") or item.get("series") or f"{position + 1}")
                inner = item.get("values") or item.get("data") or item.get("value")
                if isinstance(inner, dict):
                    merged[name] = {str(key): _value(value) for key, value in inner.items()}
                elif isinstance(inner, list):
                    merged[name] = {str(index + 1): _value(value) for index, value in enumerate(inner)}
                elif inner is not None:
                    merged.setdefault("", {})[name] = _value(inner)
        return merged
    if not isinstance(values, dict) or not values:
        return {}
    if all(isinstance(value, dict) for value in values.values()):
        rows = {str(key): {str(inner): _value(value) for inner, value in item.items()} for key, item in values.items()}
        return {key: item for key, item in rows.items() if item}
    if any(isinstance(value, list) for value in values.values()):
        return {
            str(key): {str(index + 1): _value(value) for index, value in enumerate(item)}
            for key, item in values.items()
            if isinstance(item, list)
        }
    return {"": {str(key): _value(value) for key, value in values.items() if not isinstance(value, dict | list)}}


def _value(value: Any) -> float | str:
    number = _number(value)
    if number is None:
        return str(value if value is not None else "")
    quantity = Quantity(number)
    quantity.raw = str(value).strip()
    return quantity


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    match = re.fullmatch(
        r"\s*[$€£¥]?\s*([-−+]?[\d,]*\.?\d+(?:[eE][-+]?\d{1,3})?)\s*(%|‰|[A-Za-z]{0,3})?\s*", str(value)[:60]
    )
    if not match:
        return None
    try:
        number = float(match[1].replace(",", "").replace("−", "-"))
    except ValueError:
        return None
    if not math.isfinite(number) or abs(number) >= MAX_NUMBER:
        return None
    return number if abs(number) >= MIN_NUMBER else 0.0


def _guess_kind(chart: Chart, said: str) -> str:
    for kind in ("pie", "line", "bar"):
        if kind in said:
            return kind
    labels = chart.labels
    numbers = [value for values in chart.series.values() for value in values.values() if isinstance(value, float)]
    shares = len(chart.series) == 1 and 2 <= len(labels) <= 12 and all(number >= 0 for number in numbers)
    if shares and abs(sum(numbers) - 100) < 1.5 and not chart.x_title:
        return "pie"
    ordered = [_number(label) for label in labels]
    if len(labels) >= 4 and all(number is not None for number in ordered):
        steps = [
            second - first for first, second in itertools.pairwise(ordered) if first is not None and second is not None
        ]
        if all(step > 0 for step in steps):
            return "line"
    return "bar"


def read_chart_rows(lines: list[str]) -> Chart | None:
    """Read PP-Chart2Table's form: rows of cells between bars, the series' names in the first row."""
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines if line.strip()]
    title = ""
    if rows and rows[0][0].lower() in ("title", "title:"):
        title = " ".join(rows.pop(0)[1:]).strip()
    rows = [row for row in rows if any(cell.strip("-: ") for cell in row)]
    if len(rows) < 2 or len({len(row) for row in rows}) != 1 or len(rows[0]) < 2 or len(rows) > MAX_POINTS:
        return None
    names = rows[0][1:]
    if not any(isinstance(_value(cell), float) for row in rows[1:] for cell in row[1:]):
        return None
    series: dict[str, dict[str, float | str]] = {}
    for column, name in enumerate(names, start=1):
        series[name or str(column)] = {row[0]: _value(row[column]) for row in rows[1:]}
    chart = Chart("bar", title=title, x_title=rows[0][0], series=series)
    chart.kind = _guess_kind(chart, "")
    return chart


def chart_table(chart: Chart) -> Table:
    """Put a chart's data into a table: a row a label, a column a series.

    Where the series have few labels in common, so that most cells would be empty, each value has a row.
    """
    names = list(chart.series)
    labels = chart.labels
    num_values = sum(len(values) for values in chart.series.values())
    if not is_padded(len(labels), len(names), num_values):
        rows = [
            [_table_cell(label, 0), _table_cell(name, 1), _table_cell(format_value(value), 2, "r")]
            for name, values in chart.series.items()
            for label, value in values.items()
        ]
        return Table(rows, 3)
    heading = [_table_cell(chart.x_title, 0, heading=True)]
    for column, name in enumerate(names, start=1):
        heading.append(_table_cell(name or chart.y_title, column, "r", heading=True))
    headed = any(one.inlines for one in heading)
    rows = [heading] if headed else []
    for label in labels:
        row = [_table_cell(label, 0)]
        for column, name in enumerate(names, start=1):
            row.append(_table_cell(format_value(chart.series[name].get(label, "")), column, "r"))
        rows.append(row)
    return Table(rows, len(names) + 1, header_rows=int(headed))


def _table_cell(text: str, column: int, align: str = "l", heading: bool = False) -> Cell:
    pieces = [Inline("text", text)] if text else []
    return Cell(pieces, column=column, align=align, rules={"bottom", "top"} if heading else {"bottom"})


def format_value(value: float | str) -> str:
    """Write a number as it was read."""
    if isinstance(value, Quantity) and value.raw:
        return value.raw
    return f"{value:.12g}" if isinstance(value, float) else value


WIDTH, HEIGHT = 560, 340
MAX_LABELS = 40  # Of the x axis; of more, every second, third ... is written.
MAX_LEGEND = 24
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 16, 44, 78


def draw_chart(chart: Chart) -> str:
    """Draw a chart as SVG."""
    parts = _draw_pie(chart) if chart.kind == "pie" else _draw_axes(chart)
    size = 15 if len(chart.title) < 62 else 12
    title = _text(WIDTH / 2, 22, _short(chart.title, 90), "middle", size=size, weight="bold") if chart.title else ""
    label = escape(f"{chart.kind} chart {_short(chart.title, 200)}".strip(), quote=True)
    title = f"<title>{escape(chart.title)}</title>{title}" if chart.title else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'class="chart" role="img" aria-label="{label}" font-family="sans-serif" font-size="12">'
        f"{title}{''.join(parts)}</svg>"
    )


def _text(x: float, y: float, text: str, anchor: str, size: int = 12, weight: str = "", turn: float = 0) -> str:
    extra = f' font-weight="{weight}"' if weight else ""
    extra += f' transform="rotate({turn:g} {x:.1f} {y:.1f})"' if turn else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"{extra}>{escape(text)}</text>'


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _ticks(low: float, high: float) -> list[float]:
    span = high - low or abs(high) or 1.0
    rough = span / 5
    scale = 10 ** math.floor(math.log10(rough))
    step = next(factor * scale for factor in (1, 2, 2.5, 5, 10) if factor * scale >= rough * 0.999)
    first = math.floor(low / step)
    return [round((first + index) * step, 10) for index in range(math.ceil(high / step - 1e-9) - first + 1)]


@dataclass
class _Axes:
    """Where a chart with axes is drawn: its edges in px, the range of its values, the width of a label's place."""

    labels: dict[str, int]
    top: float
    height: float
    low: float
    high: float
    slot: float

    def x_of(self, index: float) -> float:
        """The place of a label, or of a part of it, in px."""
        return _LEFT + self.slot * index

    def y_of(self, value: float) -> float:
        """The place of a value in px."""
        return self.top + self.height * (1 - (value - self.low) / (self.high - self.low))


def _draw_axes(chart: Chart) -> list[str]:
    labels = {label: index for index, label in enumerate(chart.labels)}
    numbers = [value for values in chart.series.values() for value in values.values() if isinstance(value, float)]
    ticks = _ticks(
        min([0.0, *numbers] if chart.kind == "bar" else numbers or [0.0]),
        max([0.0, *numbers] if chart.kind == "bar" else numbers or [1.0]),
    )
    low, high = ticks[0], ticks[-1] if ticks[-1] > ticks[0] else ticks[0] + 1
    legend = [name for name in chart.series if name][:MAX_LEGEND]
    top = _TOP + (18 * math.ceil(len(legend) / 4) if len(legend) > 1 else 0)
    slot = (WIDTH - _LEFT - _RIGHT) / max(1, len(labels))
    turned = any(len(label) * 6.5 > slot for label in labels)
    axes = _Axes(labels, top, HEIGHT - top - (_BOTTOM if turned else 48), low, high, slot)
    parts = []
    for tick in ticks:
        y = axes.y_of(tick)
        parts.append(f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{WIDTH - _RIGHT}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(_text(_LEFT - 6, y + 4, f"{tick:g}", "end", size=11))
    parts += _label_axis(axes, turned)
    for position, values in enumerate(chart.series.values()):
        color = COLORS[position % len(COLORS)]
        if chart.kind == "line":
            parts += _draw_line(axes, values, color)
        else:
            parts += _draw_bars(axes, values, color, position, len(chart.series))
    parts += _draw_legend(legend)
    base = axes.top + axes.height
    parts.append(f'<path d="M{_LEFT} {top}V{base:.1f}H{WIDTH - _RIGHT}" fill="none" stroke="#555"/>')
    if chart.x_title:
        parts.append(_text((_LEFT + WIDTH - _RIGHT) / 2, HEIGHT - 8, _short(chart.x_title, 60), "middle"))
    if chart.y_title:
        parts.append(_text(14, top + axes.height / 2, _short(chart.y_title, 40), "middle", turn=-90))
    return parts


def _label_axis(axes: _Axes, turned: bool) -> list[str]:
    parts = []
    every = max(1, math.ceil(len(axes.labels) / MAX_LABELS))
    for label, index in axes.labels.items():
        if index % every:
            continue
        x, y = axes.x_of(index + 0.5), axes.top + axes.height + 16
        if turned:
            parts.append(_text(x + 3, y - 4, _short(label, 14), "end", size=11, turn=-38))
        else:
            parts.append(_text(x, y, label, "middle", size=11))
    return parts


def _draw_line(axes: _Axes, values: dict[str, float | str], color: str) -> list[str]:
    places = sorted((axes.labels[label], value) for label, value in values.items() if isinstance(value, float))
    points = [(axes.x_of(index + 0.5), axes.y_of(value)) for index, value in places]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    parts = [f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>']
    return parts + [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}"/>' for x, y in points]


def _draw_bars(axes: _Axes, values: dict[str, float | str], color: str, position: int, num_series: int) -> list[str]:
    parts = []
    width = axes.slot * 0.76 / num_series
    for label, value in values.items():
        if isinstance(value, float):
            x = axes.x_of(axes.labels[label] + 0.12) + width * position
            edges = sorted((axes.y_of(value), axes.y_of(min(max(0.0, axes.low), axes.high))))
            size = f'width="{width:.1f}" height="{max(edges[1] - edges[0], 0.5):.1f}"'
            parts.append(f'<rect x="{x:.1f}" y="{edges[0]:.1f}" {size} fill="{color}"/>')
    return parts


def _draw_legend(names: list[str]) -> list[str]:
    parts = []
    for position, name in enumerate(names if len(names) > 1 else []):
        column, row = position % 4, position // 4
        x, y = _LEFT + column * 124, _TOP - 8 + row * 18
        parts.append(f'<rect x="{x}" y="{y - 9}" width="11" height="11" fill="{COLORS[position % len(COLORS)]}"/>')
        parts.append(_text(x + 15, y + 1, _short(name, 16), "start", size=11))
    return parts


def _draw_pie(chart: Chart) -> list[str]:
    values = [
        (label, value)
        for series in chart.series.values()
        for label, value in series.items()
        if isinstance(value, float) and value > 0
    ]
    total = sum(value for _, value in values) or 1.0
    center_x, center_y, radius = 180.0, 190.0, 125.0
    parts, angle = [], -math.pi / 2
    for index, (label, value) in enumerate(values):
        turn = 2 * math.pi * value / total
        color = COLORS[index % len(COLORS)]
        if turn > 2 * math.pi - 1e-6:
            parts.append(f'<circle cx="{center_x}" cy="{center_y}" r="{radius}" fill="{color}"/>')
        else:
            x1, y1 = center_x + radius * math.cos(angle), center_y + radius * math.sin(angle)
            x2, y2 = center_x + radius * math.cos(angle + turn), center_y + radius * math.sin(angle + turn)
            arc = f"A{radius:g} {radius:g} 0 {int(turn > math.pi)} 1 {x2:.1f} {y2:.1f}"
            parts.append(
                f'<path d="M{center_x:g} {center_y:g}L{x1:.1f} {y1:.1f}{arc}Z" fill="{color}" stroke="white"/>'
            )
        angle += turn
        y = 74 + 20 * index
        if y < HEIGHT - 10:
            parts.append(f'<rect x="340" y="{y - 10}" width="12" height="12" fill="{color}"/>')
            parts.append(_text(358, y, f"{_short(label, 20)}  {format_value(value)}", "start"))
    return parts
