"""Draw charts by Matplotlib: by its Agg canvas, without pyplot, and with no setting of this process changed."""

import io
from math import cos, radians, sin
from typing import Any

from PIL import Image

from got_ocr.synthesis.charts.data import ChartData
from got_ocr.synthesis.charts.look import ChartLook, contrast

_DPI = 100
_MARKERS = {"circle": "o", "square": "s", "diamond": "D", "triangle": "^"}
_LEGENDS: dict[str, dict[str, Any]] = {
    "right": {"loc": "center left", "bbox_to_anchor": (1.01, 0.5)},
    "top": {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0)},
    "bottom": {"loc": "upper center", "bbox_to_anchor": (0.5, -0.2)},
}


def draw_chart(data: ChartData, look: ChartLook) -> Image.Image:
    """Draw a chart.

    Args:
        data: what it shows.
        look: how.

    Returns:
        RGB picture.

    Raises:
        ValueError: Matplotlib is missing.
    """
    try:
        import matplotlib
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.text import Text
    except ImportError as error:
        raise ValueError("charts need Matplotlib: pip install matplotlib") from error
    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # Whatever a user's matplotlibrc says.
        matplotlib.rcParams["text.parse_math"] = False
        matplotlib.rcParams["axes.unicode_minus"] = False
        figure = Figure(figsize=(look.width_px / _DPI, look.height_px / _DPI), dpi=_DPI, facecolor=look.paper)
        FigureCanvasAgg(figure)
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0), facecolor=look.plot_paper)
        painter = _Painter(data, look, figure, axes)
        painter.paint()
        for text in figure.findobj(Text):
            size = text.get_fontsize()
            text.set_fontproperties(painter.bold if text is painter.title else painter.plain)
            text.set_fontsize(size)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=_DPI, bbox_inches="tight", pad_inches=0.12, facecolor=look.paper)
    return Image.open(buffer).convert("RGB")


class _Painter:
    """Paints one chart on Matplotlib's axes."""

    def __init__(self, data: ChartData, look: ChartLook, figure: Any, axes: Any) -> None:
        from matplotlib.font_manager import FontProperties

        self.data, self.look, self.figure, self.axes = data, look, figure, axes
        self.plain, self.bold = FontProperties(fname=look.face[2]), FontProperties(fname=look.bold[2])
        self.size = look.text_px * 72 / _DPI
        self.edge = {"edgecolor": "#333333", "linewidth": 0.8} if look.outline else {}
        self.title: Any = None

    def paint(self) -> None:
        data = self.data
        if data.is_round:
            self._slices()
        else:
            {"line": self._lines, "scatter": self._points, "stacked bar": self._stacks}.get(data.form, self._bars)()
            self._dress()
        if len(data.series) > 1 or (data.is_round and not self.look.slice_names):
            self._legend()
        self._words()

    # ---- marks

    def _bars(self) -> None:
        lying = self.data.form == "horizontal bar"
        count = len(self.data.series)
        width = self.look.bar_share / count
        for number, (name, values) in enumerate(self.data.series.items()):
            places = [index + (number - (count - 1) / 2) * width for index in range(len(values))]
            color = self.look.colors[number % len(self.look.colors)]
            if lying:
                bars = self.axes.barh(places, values, width, label=name, color=color, zorder=2, **self.edge)
            else:
                bars = self.axes.bar(places, values, width, label=name, color=color, zorder=2, **self.edge)
            if self.data.printed:
                self.axes.bar_label(
                    bars, [self.data.number.text(value) for value in values], padding=2, fontsize=self._fit()
                )

    def _fit(self) -> float:
        """Size of printed values: what a bar's room holds, if that is legible."""
        if self.data.form == "horizontal bar":
            return self.size * 0.9
        room_px = self.look.width_px / len(self.data.labels) / len(self.data.series) * 0.92
        longest = max(len(self.data.number.text(value)) for values in self.data.series.values() for value in values)
        return max(min(self.size * 0.92, room_px / (0.6 * longest) * 72 / _DPI), 5.6)

    def _stacks(self) -> None:
        heights = [0.0] * len(self.data.labels)
        for number, (name, values) in enumerate(self.data.series.items()):
            color = self.look.colors[number % len(self.look.colors)]
            bars = self.axes.bar(
                range(len(values)),
                values,
                self.look.bar_share,
                heights,
                label=name,
                color=color,
                zorder=2,
                **self.edge,
            )
            texts = [self.data.number.text(value) for value in values]
            self.axes.bar_label(bars, texts, label_type="center", fontsize=self._fit_stack(), color=contrast(color))
            heights = [height + value for height, value in zip(heights, values, strict=True)]

    def _fit_stack(self) -> float:
        room_px = self.look.width_px / len(self.data.labels) * self.look.bar_share
        longest = max(len(self.data.number.text(value)) for values in self.data.series.values() for value in values)
        return max(min(self.size * 0.9, room_px / (0.6 * longest) * 72 / _DPI), 5.6)

    def _lines(self) -> None:
        for number, (name, values) in enumerate(self.data.series.items()):
            color = self.look.colors[number % len(self.look.colors)]
            marker = _MARKERS[self.look.marker] if number == 0 else list(_MARKERS.values())[number % 4]
            self.axes.plot(
                range(len(values)), values, label=name, color=color, linewidth=self.look.line_px, marker=marker,
                markersize=self.look.line_px * 2 + 2, zorder=3,
            )  # fmt: skip
            self._print(values, above=number == 0)

    def _points(self) -> None:
        for number, (name, values) in enumerate(self.data.series.items()):
            color = self.look.colors[number % len(self.look.colors)]
            places = [float(label) for label in self.data.labels]
            marker = list(_MARKERS.values())[number % 4] if number else _MARKERS[self.look.marker]
            self.axes.scatter(places, values, label=name, color=color, marker=marker, s=36, zorder=3)
            self._print(values, above=True, places=places)

    def _print(self, values: tuple[float, ...], above: bool, places: list[float] | None = None) -> None:
        if not self.data.printed:
            return
        for place, value in zip(places or range(len(values)), values, strict=True):
            self.axes.annotate(
                self.data.number.text(value), (place, value), (0, 6 if above else -6), textcoords="offset points",
                ha="center", va="bottom" if above else "top", fontsize=self.size * 0.9, zorder=4,
            )  # fmt: skip

    def _slices(self) -> None:
        values = next(iter(self.data.series.values()))
        texts = [self.data.number.text(value) for value in values]
        ring = 0.42 if self.data.form == "donut" else 1.0
        side = min(self.look.width_px, self.look.height_px)
        self.figure.set_size_inches(side / _DPI, side / _DPI)
        wedges = self.axes.pie(
            values,
            labels=self.data.labels if self.look.slice_names else None,
            colors=self.look.colors[: len(values)],
            startangle=self.look.start_angle,
            counterclock=False,
            wedgeprops={"width": ring, "edgecolor": "#333333" if self.look.outline else "white", "linewidth": 1},
            textprops={"fontsize": self.size},
        )[0]
        for wedge, name, text, color in zip(wedges, self.data.labels, texts, self.look.colors, strict=False):
            wedge.set_label(name)
            middle = (wedge.theta1 + wedge.theta2) / 2
            self._put(middle, 1 - ring / 2 if ring < 1 else 0.66, text, contrast(color))

    def _put(self, angle: float, radius: float, text: str, color: str) -> None:
        place = radius * cos(radians(angle)), radius * sin(radians(angle))
        self.axes.text(*place, text, ha="center", va="center", fontsize=self.size * 0.95, color=color)

    # ---- what stands about them

    def _dress(self) -> None:
        axes, data = self.axes, self.data
        lying = data.form == "horizontal bar"
        values, labels = (axes.xaxis, axes.yaxis) if lying else (axes.yaxis, axes.xaxis)
        values.set_ticks(data.ticks, [data.tick_number.text(tick) for tick in data.ticks], fontsize=self.size)
        places = [float(label) for label in data.labels] if data.form == "scatter" else list(range(len(data.labels)))
        labels.set_ticks(places, data.labels, fontsize=self.size)
        limits = (data.ticks[0], data.ticks[-1])
        ends = (places[0] - 0.6, places[-1] + 0.6)
        (axes.set_xlim if lying else axes.set_ylim)(*limits)
        (axes.set_ylim if lying else axes.set_xlim)(*(reversed(ends) if lying else ends))
        room_px = self.look.width_px / len(data.labels)
        longest = max(map(len, data.labels)) * self.look.text_px * 0.6
        if not lying and longest > room_px * 0.95:
            steep = room_px < 26
            turned: dict[str, Any] = {"rotation": 90, "ha": "center"}
            if not steep:
                turned = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
            for text in axes.get_xticklabels():
                text.set(**turned)
        if self.look.grid:
            values.grid(
                visible=True, color=self.look.grid, linestyle="--" if self.look.grid_dashed else "-", linewidth=0.8
            )
            axes.set_axisbelow(True)
        hidden = {"box": (), "axes": ("top", "right"), "none": ("top", "right", "left", "bottom")}[self.look.frame]
        for side in hidden:
            axes.spines[side].set_visible(False)
        titles = (data.value_title, data.label_title) if lying else (data.label_title, data.value_title)
        axes.set_xlabel(titles[0], fontsize=self.size * 1.05, labelpad=6)
        axes.set_ylabel(titles[1], fontsize=self.size * 1.05, labelpad=6)

    def _legend(self) -> None:
        place = dict(_LEGENDS[self.look.legend])
        if self.look.legend != "right":
            place["ncols"] = min(4, len(self.data.labels if self.data.is_round else self.data.series))
        if self.look.legend == "bottom":
            self.figure.draw_without_rendering()
            extent = self.axes.get_tightbbox().transformed(self.axes.transAxes.inverted())
            place["bbox_to_anchor"] = (0.5, extent.y0 - 0.02)
        self.axes.legend(fontsize=self.size, frameon=self.look.outline, **place)

    def _words(self) -> None:
        self.figure.draw_without_rendering()
        extent = self.axes.get_tightbbox().transformed(self.axes.transAxes.inverted())
        middle = self.look.title_place == "middle"
        if self.data.title:
            place = (0.5 if middle else min(extent.x0, 0.0), extent.y1 + 0.04)
            self.title = self.axes.text(
                *place, self.data.title, transform=self.axes.transAxes, ha="center" if middle else "left", va="bottom",
                fontsize=self.look.title_px * 72 / _DPI,
            )  # fmt: skip
        if self.data.source:
            self.axes.text(
                min(extent.x0, 0.0), extent.y0 - 0.04, self.look.source_words + self.data.source, ha="left", va="top",
                transform=self.axes.transAxes, fontsize=self.size * 0.9, color="#444444",
            )  # fmt: skip
