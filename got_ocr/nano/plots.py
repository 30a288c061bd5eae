"""Plots of the built-in checkpoint's errors for its card: bars with intervals, nano beside Tesseract.

Drawn with Pillow, as the learning curve: small files, and no further package for two kinds of picture.
"""

import math
from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw, ImageFont

from got_ocr.evaluation.statistics import Interval

SCALE = 2  # drawn larger and reduced, for smooth edges
WIDTH_PX = 720
ROW_PX = 17
COLOURS = {"nano": (180, 40, 40), "tesseract": (90, 140, 200)}
LABELS = {"nano": "nano", "tesseract": "Tesseract, same pictures"}
GRID = (222, 222, 222)
_TICKS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)


def draw_bars(
    title: str,
    names: Sequence[str],
    series: Mapping[str, Mapping[str, Interval]],
    marked: frozenset[str] = frozenset(),
    mark_label: str = "",
) -> Image.Image:
    """Draw a row for each group: a dot at its CER and a line over its interval, on a logarithmic axis.

    Args:
        title: over the plot.
        names: groups, from the top.
        series: reader to group to CER.
        marked: groups whose names are set apart.
        mark_label: says what is apart with them.

    Returns:
        The plot.

    Raises:
        ValueError: there are no groups.
    """
    if not names:
        raise ValueError("there is nothing to plot: no group has enough text, read more pictures (--count)")
    values = [100 * series[reader][name].value for reader in series for name in names if name in series[reader]]
    positive = [value for value in values if value > 0] or [1.0]
    lowest = max(tick for tick in _TICKS if tick <= max(min(positive), _TICKS[0]))
    highest = min(tick for tick in _TICKS if tick >= min(max(positive), _TICKS[-1]))
    lowest, highest = (lowest / 2, highest) if lowest == highest else (lowest, highest)
    font = ImageFont.load_default(12 * SCALE)
    small = ImageFont.load_default(11 * SCALE)
    left = round(max(font.getlength(name) for name in names)) + 14 * SCALE
    top, right, bottom = 46 * SCALE, 24 * SCALE, 24 * SCALE
    width, height = WIDTH_PX * SCALE, top + bottom + len(names) * ROW_PX * SCALE
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)

    def place(percent: float) -> float:
        share = math.log(max(percent, lowest) / lowest) / math.log(highest / lowest)
        return left + (width - left - right) * min(max(share, 0.0), 1.0)

    for tick in _TICKS:
        if lowest <= tick <= highest:
            draw.line([(place(tick), top), (place(tick), height - bottom)], GRID, SCALE)
            draw.text((place(tick), height - bottom + 4 * SCALE), f"{tick:g} %", "black", small, anchor="mt")
    for row, name in enumerate(names):
        y = top + (row + 0.5) * ROW_PX * SCALE
        draw.text((left - 8 * SCALE, y), name, (150, 90, 0) if name in marked else "black", font, anchor="rm")
        for number, reader in enumerate(series):
            interval = series[reader].get(name)
            if interval is None:
                continue
            shift = (number - (len(series) - 1) / 2) * 5 * SCALE
            ends = [place(100 * interval.low), place(100 * interval.high)]
            pale = tuple((value + 2 * 255) // 3 for value in COLOURS[reader])
            draw.line([(ends[0], y + shift), (ends[1], y + shift)], pale, 2 * SCALE)
            x, radius = place(100 * interval.value), 3 * SCALE
            draw.ellipse((x - radius, y + shift - radius, x + radius, y + shift + radius), COLOURS[reader])
    draw.text((left, 6 * SCALE), title, "black", font, anchor="lt")
    x = left
    for reader in series:
        draw.ellipse((x, 27 * SCALE, x + 6 * SCALE, 33 * SCALE), COLOURS[reader])
        draw.text((x + 10 * SCALE, 30 * SCALE), LABELS[reader], "black", small, anchor="lm")
        x += round(small.getlength(LABELS[reader])) + 26 * SCALE
    if marked & set(names):
        draw.text((x, 30 * SCALE), mark_label, (150, 90, 0), small, anchor="lm")
    return image.reduce(SCALE).quantize(48)


def draw_reliability(title: str, bins: Sequence[tuple[float, float]]) -> Image.Image:
    """Draw how much was right of what was read with which confidence; on the diagonal it is as told.

    Args:
        title: over the plot.
        bins: of each bin of lines the confidence that was told and the share that was right, 0 to 1.

    Returns:
        The plot.

    Raises:
        ValueError: there are no bins.
    """
    if not bins:
        raise ValueError("there is nothing to plot: no line was read whose text is known")
    side, left, top, bottom = 320 * SCALE, 60 * SCALE, 40 * SCALE, 46 * SCALE
    image = Image.new("RGB", (left + side + 24 * SCALE, top + side + bottom), "white")
    draw, font, small = ImageDraw.Draw(image), ImageFont.load_default(12 * SCALE), ImageFont.load_default(11 * SCALE)

    def place(told: float, right: float) -> tuple[float, float]:
        return left + told * side, top + (1.0 - right) * side

    for tick in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
        draw.line([place(tick, 0.0), place(tick, 1.0)], GRID, SCALE)
        draw.line([place(0.0, tick), place(1.0, tick)], GRID, SCALE)
        x, y = place(tick, 0.0)
        draw.text((x, y + 4 * SCALE), f"{tick:.0%}", "black", small, anchor="mt")
        x, y = place(0.0, tick)
        draw.text((x - 6 * SCALE, y), f"{tick:.0%}", "black", small, anchor="rm")
    draw.line([place(0.0, 0.0), place(1.0, 1.0)], (150, 150, 150), SCALE)
    draw.line([place(*one) for one in bins], COLOURS["nano"], 2 * SCALE)
    for x, y in (place(*one) for one in bins):
        radius = 3 * SCALE
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), COLOURS["nano"])
    draw.text((left, 10 * SCALE), title, "black", font, anchor="lt")
    draw.text((left + side / 2, top + side + 24 * SCALE), "confidence of the line", "black", small, anchor="mt")
    return image.reduce(SCALE).quantize(32)
