"""Draw charts by Vega-Lite, as vl-convert bundles it: no browser, no network, the same SVG everywhere."""

from typing import Any

from PIL import Image

from got_ocr.synthesis.charts.data import ChartData
from got_ocr.synthesis.charts.look import ChartLook, contrast
from got_ocr.synthesis.drawing.svg_picture import draw_svg
from got_ocr.synthesis.text.fonts import FontFace

VERSION = "5.20"
_SHAPES = {"circle": "circle", "square": "square", "diamond": "diamond", "triangle": "triangle-up"}


def draw_chart(data: ChartData, look: ChartLook) -> Image.Image:
    """Draw a chart.

    Args:
        data: what it shows.
        look: how.

    Returns:
        RGB picture.

    Raises:
        ValueError: vl-convert is missing, or refuses the chart.
    """
    try:
        import vl_convert
    except ImportError as error:
        raise ValueError("charts need vl-convert: pip install vl-convert-python") from error
    svg = vl_convert.vegalite_to_svg(specification(data, look), vl_version=VERSION)
    faces = [FontFace(*face) for face in dict.fromkeys((look.face, look.bold))]
    return draw_svg(svg, zoom=1.0, background=look.paper, faces=faces)


def specification(data: ChartData, look: ChartLook) -> dict[str, Any]:
    """Write a chart's Vega-Lite.

    Args:
        data: what it shows.
        look: how.

    Returns:
        The specification, JSON-ready.
    """
    layers = {
        "line": _points,
        "scatter": _points,
        "stacked bar": _stacks,
        "horizontal bar": _bars,
        "bar": _bars,
        "pie": _slices,
        "donut": _slices,
    }[data.form](data, look)
    chart: dict[str, Any] = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "data": {"values": _rows(data, look)},
        "layer": layers,
        "width": look.width_px,
        "height": look.height_px,
        "background": look.paper,
        "padding": 14,
        "config": _configuration(look),
    }
    if data.is_round:
        chart["width"] = chart["height"] = min(look.width_px, look.height_px)
    if data.title:
        chart["title"] = {"text": data.title, "anchor": look.title_place, "offset": 14}
    return _with_source(chart, data, look) if data.source else chart


def _with_source(chart: dict[str, Any], data: ChartData, look: ChartLook) -> dict[str, Any]:
    """Put a line below a chart: Vega-Lite has no place for it but a second chart."""
    outside = {name: chart.pop(name) for name in ("$schema", "config", "background", "padding")}
    text = {"value": look.source_words + data.source}
    mark = {"type": "text", "align": "left", "baseline": "top", "fontSize": look.text_px * 0.9, "color": "#444444"}
    line = {
        "data": {"values": [{}]},
        "mark": mark,
        "encoding": {"text": text, "x": {"value": 0}, "y": {"value": 0}},
        "width": chart["width"],
        "height": look.text_px,
        "view": {"stroke": None, "fill": None},
    }
    return {**outside, "spacing": 10, "vconcat": [chart, line]}


def _rows(data: ChartData, look: ChartLook) -> list[dict[str, Any]]:
    rows = []
    heights = [0.0] * len(data.labels)
    for number, (name, values) in enumerate(data.series.items()):
        for index, (label, value) in enumerate(zip(data.labels, values, strict=True)):
            color = look.colors[(index if data.is_round else number) % len(look.colors)]
            rows.append(
                {
                    "label": float(label) if data.form == "scatter" else label,
                    "series": name,
                    "value": value,
                    "middle": heights[index] + value / 2,
                    "text": data.number.text(value),
                    "order": index if data.is_round else number,
                    "ink": contrast(color),
                }
            )
            heights[index] += value
    return rows


def _configuration(look: ChartLook) -> dict[str, Any]:
    family = look.face[0]
    weight = "bold" if look.bold != look.face else "normal"
    letters = {
        "labelFont": family,
        "titleFont": family,
        "labelFontSize": look.text_px,
        "titleFontSize": look.text_px * 1.05,
    }
    return {
        "font": family,
        "axis": {
            **letters,
            "titleFontSize": look.text_px * 1.05,
            "titleFontWeight": "normal",
            "titleLimit": 0,
            "domain": look.frame != "none",
            "gridColor": look.grid or "#ffffff",
            "gridDash": [4, 3] if look.grid_dashed else [],
            "titlePadding": 8,
        },
        "legend": {
            **letters,
            "orient": look.legend,
            "direction": "vertical" if look.legend == "right" else "horizontal",
            "columns": 1 if look.legend == "right" else 4,
        },
        "title": {"font": family, "fontSize": look.title_px, "fontWeight": weight, "limit": 0},
        "view": {"stroke": "#888888" if look.frame == "box" else None, "fill": look.plot_paper},
    }


def _number_expression(data: ChartData) -> str:
    """Write how ticks are written: each by its own text, so that both libraries write alike."""
    pairs = [f"datum.value == {tick!r} ? '{data.tick_number.text(tick)}'" for tick in data.ticks]
    return " : ".join([*pairs, "''"])


def _value_axis(data: ChartData, look: ChartLook) -> dict[str, Any]:
    return {
        "field": "value",
        "type": "quantitative",
        "title": data.value_title or None,
        "stack": None,
        "scale": {"domain": [data.ticks[0], data.ticks[-1]], "nice": False, "zero": False},
        "axis": {
            "values": list(data.ticks),
            "labelExpr": _number_expression(data),
            "grid": bool(look.grid),
            "labelOverlap": False,
            "labelFlush": False,
        },
    }


def _label_axis(data: ChartData, look: ChartLook) -> dict[str, Any]:
    axis: dict[str, Any] = {"labelAngle": 0, "labelOverlap": False, "grid": False}
    if data.form == "scatter":
        places = [float(label) for label in data.labels]
        axis |= {"values": places, "format": "d"}
        scale = {"domain": [places[0] - 0.6, places[-1] + 0.6], "nice": False, "zero": False}
        return {
            "field": "label",
            "type": "quantitative",
            "title": data.label_title or None,
            "axis": axis,
            "scale": scale,
        }
    room_px = look.width_px / len(data.labels)
    if data.form != "horizontal bar" and max(map(len, data.labels)) * look.text_px * 0.6 > room_px * 0.95:
        axis |= {"labelAngle": -90 if room_px < 26 else -40, "labelAlign": "right", "labelBaseline": "middle"}
    encoding: dict[str, Any] = {"field": "label", "type": "nominal", "sort": None, "title": data.label_title or None}
    if data.form in ("bar", "horizontal bar", "stacked bar"):
        encoding["scale"] = {"paddingInner": round(1 - look.bar_share, 2), "paddingOuter": 0.15}
    return encoding | {"axis": axis}


def _colors(data: ChartData, look: ChartLook) -> dict[str, Any]:
    names = list(data.labels if data.is_round else data.series)
    shown = len(data.series) > 1 or (data.is_round and not look.slice_names)
    return {
        "field": "label" if data.is_round else "series",
        "type": "nominal",
        "sort": None,
        "scale": {"domain": names, "range": [look.colors[index % len(look.colors)] for index in range(len(names))]},
        "legend": {"title": None} if shown else None,
    }


def _outline(look: ChartLook) -> dict[str, Any]:
    return {"stroke": "#333333", "strokeWidth": 0.8} if look.outline else {}


def _fit(data: ChartData, look: ChartLook, room_px: float) -> float:
    longest = max(len(data.number.text(value)) for values in data.series.values() for value in values)
    return max(min(look.text_px * 0.92, room_px / (0.6 * longest)), 8.0)


def _bars(data: ChartData, look: ChartLook) -> list[dict[str, Any]]:
    lying = data.form == "horizontal bar"
    label, value, offset = ("y", "x", "yOffset") if lying else ("x", "y", "xOffset")
    places: dict[str, Any] = {label: _label_axis(data, look), value: _value_axis(data, look)}
    if len(data.series) > 1:
        places[offset] = {"field": "series", "sort": list(data.series)}
    layers = [{"mark": {"type": "bar", **_outline(look)}, "encoding": {**places, "color": _colors(data, look)}}]
    if data.printed:
        room_px = look.width_px / len(data.labels) / len(data.series) * 0.92
        mark: dict[str, Any] = {"type": "text", "fontSize": _fit(data, look, 999 if lying else room_px)}
        mark |= {"align": "left", "dx": 3, "baseline": "middle"} if lying else {"baseline": "bottom", "dy": -2}
        layers.append({"mark": mark, "encoding": {**places, "text": {"field": "text"}}})
    return layers


def _stacks(data: ChartData, look: ChartLook) -> list[dict[str, Any]]:
    value = _value_axis(data, look)
    order = {"field": "order", "type": "quantitative"}
    bars = {"x": _label_axis(data, look), "y": value | {"stack": "zero"}, "order": order, "color": _colors(data, look)}
    room_px = look.width_px / len(data.labels) * look.bar_share
    return [
        {"mark": {"type": "bar", **_outline(look)}, "encoding": bars},
        {
            "mark": {"type": "text", "fontSize": _fit(data, look, room_px), "baseline": "middle"},
            "encoding": {
                "x": _label_axis(data, look),
                "y": value | {"field": "middle"},
                "text": {"field": "text"},
                "color": {"field": "ink", "type": "nominal", "scale": None, "legend": None},
            },
        },
    ]


def _points(data: ChartData, look: ChartLook) -> list[dict[str, Any]]:
    places = {"x": _label_axis(data, look), "y": _value_axis(data, look)}
    point: dict[str, Any] = {"filled": True, "size": 30 + look.line_px * 14, "opacity": 1}
    shapes = [_SHAPES[look.marker], *(shape for name, shape in _SHAPES.items() if name != look.marker)]
    names = list(data.series)
    shape = {
        "field": "series",
        "type": "nominal",
        "sort": None,
        "scale": {"domain": names, "range": [shapes[index % 4] for index in range(len(names))]},
        "legend": {"title": None} if len(names) > 1 else None,
    }
    colors = _colors(data, look)
    layers: list[dict[str, Any]] = []
    if data.form == "line":
        layers.append({"mark": {"type": "line", "strokeWidth": look.line_px}, "encoding": {**places, "color": colors}})
    layers.append({"mark": {"type": "point", **point}, "encoding": {**places, "color": colors, "shape": shape}})
    if data.printed:
        for number, name in enumerate(names):
            above = number == 0
            mark = {
                "type": "text",
                "fontSize": look.text_px * 0.9,
                "dy": -7 if above else 7,
                "baseline": "bottom" if above else "top",
            }
            layers.append(
                {
                    "transform": [{"filter": {"field": "series", "equal": name}}],
                    "mark": mark,
                    "encoding": {**places, "text": {"field": "text"}},
                }
            )
    return layers


def _slices(data: ChartData, look: ChartLook) -> list[dict[str, Any]]:
    radius = min(look.width_px, look.height_px) / 2 * (0.8 if look.slice_names else 0.98)
    inner = radius * 0.58 if data.form == "donut" else 0
    middle = (radius + inner) / 2 if inner else radius * 0.68
    turn = look.start_angle * 3.141592653589793 / 180
    theta = {
        "field": "value",
        "type": "quantitative",
        "stack": True,
        "scale": {"range": [round(turn, 4), round(turn + 2 * 3.141592653589793, 4)]},
    }
    shared = {"theta": theta, "order": {"field": "order", "type": "quantitative"}}
    edge = {"stroke": "#333333" if look.outline else "#ffffff", "strokeWidth": 1}
    ink = {"field": "ink", "type": "nominal", "scale": None, "legend": None}
    layers: list[dict[str, Any]] = [
        {
            "mark": {"type": "arc", "outerRadius": radius, "innerRadius": inner, **edge},
            "encoding": {**shared, "color": _colors(data, look)},
        },
        {
            "mark": {
                "type": "text",
                "radius": middle,
                "fontSize": look.text_px * 0.95,
            },
            "encoding": {**shared, "text": {"field": "text"}, "color": ink},
        },
    ]
    if look.slice_names:
        # Names are set one by one: on the left they end at the ring, on the right they begin there.
        values = next(iter(data.series.values()))
        total, before = sum(values), 0.0
        for label, value in zip(data.labels, values, strict=True):
            share = (look.start_angle / 360 + (before + value / 2) / total) % 1
            before += value
            mark = {
                "type": "text",
                "radius": radius + 8,
                "fontSize": look.text_px,
                "align": "left" if share < 0.5 else "right",
            }
            layers.append(
                {
                    "transform": [{"calculate": f"datum.label == {label!r} ? datum.label : ''", "as": "name"}],
                    "mark": mark,
                    "encoding": {**shared, "text": {"field": "name"}},
                }
            )
    return layers
