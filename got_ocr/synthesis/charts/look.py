"""The look of a chart, whatever library draws it: sizes, fonts, colours, grid, legend."""

from dataclasses import dataclass

import numpy as np

from got_ocr.synthesis.charts.data import ChartData
from got_ocr.synthesis.text.fonts import FontFace

PALETTES = (
    ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2"),
    ("#4c72b0", "#dd8452", "#55a868", "#c44e52", "#8172b3", "#937860", "#da8bc3"),
    ("#5470c6", "#91cc75", "#fac858", "#ee6666", "#73c0de", "#3ba272", "#fc8452"),
    ("#4e79a7", "#f28e2b", "#e15759", "#76b7b2", "#59a14f", "#edc948", "#b07aa1"),
    ("#66c2a5", "#fc8d62", "#8da0cb", "#e78ac3", "#a6d854", "#ffd92f", "#e5c494"),
    ("#264653", "#2a9d8f", "#e9c46a", "#f4a261", "#e76f51", "#8ab17d", "#6d597a"),
    ("#003f5c", "#58508d", "#bc5090", "#ff6361", "#ffa600", "#7aa6c2", "#9e9ac8"),
    ("#222222", "#777777", "#aaaaaa", "#cccccc", "#555555", "#999999", "#bbbbbb"),
    ("#08519c", "#3182bd", "#6baed6", "#9ecae1", "#c6dbef", "#08306b", "#4292c6"),
    ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442"),
)

_GRIDS = ("#d0d0d0", "#b8b8b8", "#e2e2e2", "#999999")


@dataclass(frozen=True)
class ChartLook:
    """How a chart looks.

    Attributes:
        library: `matplotlib` or `vega`.
        width_px: of the plot, roughly.
        height_px: of the plot, roughly.
        face: family, style and file of its letters.
        bold: the same of the title's letters; the plain face where there is no bold one.
        text_px: size of ticks and values.
        title_px: size of the title.
        colors: of the series or slices, one after the other.
        paper: colour of the picture.
        plot_paper: colour of the plot.
        grid: colour of gridlines; empty for none.
        grid_dashed: whether they are dashed.
        frame: `box`, `axes` or `none`.
        legend: `right`, `top`, `bottom`.
        title_place: `middle` or `start`.
        source_words: what stands before the source.
        bar_share: width of bars as a share of their room.
        outline: whether bars and slices have dark outlines.
        line_px: width of lines.
        marker: `circle`, `square`, `diamond`, `triangle` or none.
        slice_names: whether slices are named at their place, else by a legend.
        start_angle: of the first slice, degrees.
    """

    library: str
    width_px: int
    height_px: int
    face: tuple[str, str, str]
    bold: tuple[str, str, str]
    text_px: float
    title_px: float
    colors: tuple[str, ...]
    paper: str
    plot_paper: str
    grid: str
    grid_dashed: bool
    frame: str
    legend: str
    title_place: str
    source_words: str
    bar_share: float
    outline: bool
    line_px: float
    marker: str
    slice_names: bool
    start_angle: float


def draw_look(rng: np.random.Generator, families: dict[str, list[FontFace]], data: ChartData) -> ChartLook:
    """Draw a look that lets the data be read.

    Args:
        rng: the source of chance.
        families: fonts, each family's plain face first.
        data: what is shown; where it isn't printed there are gridlines.

    Returns:
        The look.
    """
    faces = families[list(families)[rng.integers(len(families))]]
    heavy = next((face for face in faces if face.style.lower().split()[-1:] == ["bold"]), faces[0])
    bold = heavy if rng.random() < 0.5 else faces[0]
    text_px = round(float(rng.uniform(11.0, 16.0)), 1)
    palette = PALETTES[rng.integers(len(PALETTES))]
    first = int(rng.integers(len(palette))) if len(data.series) == 1 and not data.is_round else 0
    white = rng.random() < 0.75
    paper = "#ffffff" if white else "#{:02x}{:02x}{:02x}".format(*(int(value) for value in rng.integers(236, 256, 3)))
    marks = len(data.labels) * (1 if data.form in ("line", "scatter", "stacked bar") else len(data.series))
    lengthwise = max(300, round(marks * rng.uniform(30, 44) + 80))
    across = round(rng.uniform(260, 420))
    wide = data.form != "horizontal bar"
    return ChartLook(
        library="matplotlib" if rng.random() < 0.5 else "vega",
        width_px=(max(lengthwise, round(across * rng.uniform(1.1, 1.6))) if wide else round(across * 1.4)),
        height_px=across if wide else lengthwise,
        face=(faces[0].family, faces[0].style, faces[0].path),
        bold=(bold.family, bold.style, bold.path),
        text_px=text_px,
        title_px=round(text_px * float(rng.uniform(1.15, 1.6)), 1),
        colors=palette[first:] + palette[:first],
        paper=paper,
        plot_paper=paper if rng.random() < 0.85 else "#f2f2f2",
        grid=""
        if data.printed and rng.random() < 0.5
        else str(rng.choice(["#d0d0d0", "#b8b8b8", "#e2e2e2", "#999999"])),
        grid_dashed=bool(rng.random() < 0.3),
        frame=str(rng.choice(["box", "axes", "axes", "none"])),
        legend=str(rng.choice(["right", "top", "bottom"])),
        title_place=str(rng.choice(["middle", "middle", "start"])),
        source_words=str(rng.choice(["Source: ", "Source: ", "Source - ", "Data source: ", "Sources: "])),
        bar_share=round(float(rng.uniform(0.6, 0.92)), 2),
        outline=bool(rng.random() < 0.2),
        line_px=round(float(rng.uniform(1.4, 3.2)), 1),
        marker=str(rng.choice(["circle", "circle", "square", "diamond", "triangle"])),
        slice_names=bool(rng.random() < 0.55),
        start_angle=float(rng.integers(0, 360)),
    )


def contrast(color: str) -> str:
    """Choose black or white letters for a ground.

    Args:
        color: `#rrggbb`.

    Returns:
        `#000000` or `#ffffff`.
    """
    red, green, blue = (int(color[place : place + 2], 16) for place in (1, 3, 5))
    return "#000000" if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else "#ffffff"
