"""Charts' data: what is shown, and the JSON that says so in OneChart's form.

**What can be read off.** Either every value is printed beside its mark, as exactly as the truth states it; or there is
a value axis whose ticks all have their number and their gridline, and every value is a multiple of a fifth of a tick's
interval. Stacked bars, pies and rings always have their values printed.

`x_title` is what stands along the horizontal axis of the picture, `y_title` along the vertical one; what a chart has
not is the text `None`, as published. Numbers are JSON numbers, without units or thousands' separators.
"""

import json
from dataclasses import dataclass

import numpy as np

from got_ocr.synthesis.charts.topics import (
    AGES,
    CITIES,
    COUNTRIES,
    GENDERS,
    MEDALS,
    MONTHS,
    QUARTERS,
    SOURCES,
    TOPICS,
    WEEKDAYS,
    YEARS,
    Topic,
    title_ending,
)

FORMS = ("bar", "horizontal bar", "stacked bar", "line", "pie", "donut", "scatter")
_FORM_WEIGHTS = (0.26, 0.14, 0.09, 0.26, 0.1, 0.06, 0.09)
# What stands in a fixed order: a run of it is taken.
_ORDERED = (MONTHS, WEEKDAYS, AGES, GENDERS, MEDALS)
_STEPS = (1, 2, 5, 10)
_MEASURES = ("Week", "Day", "Hour", "Age (years)", "Distance (km)", "Size (cm)", "Group size", "Experiment", "Trial")
MISSING = "None"


@dataclass(frozen=True)
class NumberFormat:
    """How numbers are written.

    Attributes:
        decimals: after the point.
        separator: between thousands: comma, space or nothing.
        prefix: before a number.
        suffix: after it.
    """

    decimals: int
    separator: str
    prefix: str = ""
    suffix: str = ""

    def text(self, value: float, decimals: int | None = None) -> str:
        """Write a number."""
        plain = f"{abs(value):,.{self.decimals if decimals is None else decimals}f}".replace(",", self.separator)
        return f"{'-' if value < 0 else ''}{self.prefix}{plain}{self.suffix}"


@dataclass(frozen=True)
class ChartData:
    """What a chart shows.

    Attributes:
        form: one of `FORMS`.
        title: its title; so `source`; empty for none.
        label_title: title of the labels' axis.
        value_title: title of the values' axis.
        labels: of the bars, points or slices; of a scatter chart its whole x.
        series: names and values, a value for each label; a lone series' name is shown nowhere.
        printed: whether values are printed.
        ticks: numbers of the value axis, its ends included.
        number: how values are written.
        tick_number: how ticks are written.
    """

    form: str
    title: str
    source: str
    label_title: str
    value_title: str
    labels: tuple[str, ...]
    series: dict[str, tuple[float, ...]]
    printed: bool
    ticks: tuple[float, ...]
    number: NumberFormat
    tick_number: NumberFormat

    @property
    def is_round(self) -> bool:
        """Whether it is a pie or ring, without axes."""
        return self.form in ("pie", "donut")

    def truth(self) -> str:
        """Write what a model is to answer.

        Returns:
            JSON text with `title`, `source`, `x_title`, `y_title`, `values`.
        """
        x_title, y_title = self.label_title or MISSING, self.value_title or MISSING
        if self.form == "horizontal bar":
            x_title, y_title = y_title, x_title
        if self.is_round:
            x_title = y_title = MISSING
        decimals = self.number.decimals
        rows = {
            name: {label: _plain(value, decimals) for label, value in zip(self.labels, values, strict=True)}
            for name, values in self.series.items()
        }
        values = rows if len(rows) > 1 else next(iter(rows.values()))
        chart = {
            "title": self.title or MISSING,
            "source": self.source or MISSING,
            "x_title": x_title,
            "y_title": y_title,
            "values": values,
        }
        return json.dumps(chart, ensure_ascii=False)


def _plain(value: float, decimals: int) -> int | float:
    return round(value) if decimals == 0 else round(value, decimals)


def draw_data(rng: np.random.Generator, words: tuple[str, ...]) -> ChartData:
    """Make a chart's data up.

    Args:
        rng: the source of chance.
        words: to name some labels and series with.

    Returns:
        The data.
    """
    form = str(rng.choice(FORMS, p=_FORM_WEIGHTS))
    topic = TOPICS[rng.integers(len(TOPICS))]
    names = _names(rng, topic.series, _series_count(rng, form), words)
    series_count = len(names)
    label_title, labels = _labels(rng, form, topic, series_count, words)
    scale = float(rng.choice(topic.scales)) * float(rng.uniform(0.6, 1.0))
    if form == "stacked bar":
        scale /= series_count
    printed = form in ("pie", "donut", "stacked bar") or bool(
        rng.random() < _print_share(form, series_count, len(labels))
    )
    step = _nice_step(scale, int(rng.integers(4, 8)))
    decimals = _decimals(rng, step, printed)
    if form in ("pie", "donut"):
        table = _shares(rng, len(labels), decimals, topic.unit == "%" or rng.random() < 0.4, scale)
        topic_unit = "%" if abs(sum(table[0]) - 100) < 1e-6 else topic.unit.replace("%", "")
    else:
        table = [_values(rng, form, len(labels), scale, step, decimals, printed) for _ in range(series_count)]
        topic_unit = topic.unit
    if form == "line" and printed and series_count == 2:
        table = _parted(table, step, decimals)
    number, tick_number = _formats(rng, topic_unit, decimals, step)
    top = max(sum(column) for column in zip(*table, strict=True)) if form == "stacked bar" else max(map(max, table))
    return ChartData(
        form=form,
        title=_title(rng, topic, form) if rng.random() < 0.9 else "",
        source=str(rng.choice(SOURCES)) + (f" {rng.integers(2005, 2026)}" if rng.random() < 0.3 else "")
        if rng.random() < 0.4
        else "",
        label_title=label_title if rng.random() < 0.7 or form == "scatter" else "",
        value_title=topic.value_title if rng.random() < 0.8 else "",
        labels=labels,
        series=dict(zip(names, table, strict=True)),
        printed=printed,
        ticks=_ticks(rng, form, min(map(min, table)), top, step),
        number=number,
        tick_number=tick_number,
    )


def _series_count(rng: np.random.Generator, form: str) -> int:
    if form in ("pie", "donut"):
        return 1
    if form == "stacked bar":
        return int(rng.integers(2, 5))
    return int(rng.choice([1, 2, 3, 4], p=[0.45, 0.3, 0.17, 0.08] if form != "scatter" else [0.6, 0.3, 0.1, 0.0]))


def _labels(
    rng: np.random.Generator, form: str, topic: Topic, series_count: int, words: tuple[str, ...]
) -> tuple[str, tuple[str, ...]]:
    """Choose what a chart's labels are, and them."""
    most = (
        7
        if form in ("pie", "donut")
        else 12
        if series_count == 1 or form in ("line", "scatter")
        else 14 // series_count
    )
    count = int(rng.integers(3, most + 1))
    if form == "scatter":
        first = int(rng.integers(0, 12))
        title = _MEASURES[rng.integers(len(_MEASURES))]
        return title, tuple(str(first + index) for index in range(count))
    if form != "line" or topic.labels in (*_ORDERED, YEARS, QUARTERS):
        return topic.label_title, _names(rng, topic.labels, count, words if form != "line" else ())
    if rng.random() < 0.7 and (series_count == 1 or topic.series != YEARS):
        return "Year", _names(rng, YEARS, count, ())
    return "Month", _names(rng, MONTHS, count, ())


def _names(rng: np.random.Generator, pool: tuple[str, ...], count: int, words: tuple[str, ...]) -> tuple[str, ...]:
    """Take different names from a pool, or sometimes words."""
    if pool == YEARS:
        first = int(rng.integers(1970, 2026 - count))
        return tuple(str(first + index) for index in range(count))
    if pool == QUARTERS:
        year, first = int(rng.integers(2005, 2024)), int(rng.integers(4))
        return tuple(f"Q{(first + index) % 4 + 1} {year + (first + index) // 4}" for index in range(count))
    if len(words) >= 500 and rng.random() < 0.25:
        found: dict[str, str] = {}
        while len(found) < count:
            word = words[rng.integers(len(words))]
            if 3 <= len(word) <= 12 and word.isascii() and word.isalpha():
                found.setdefault(word.lower(), word.capitalize())
        return tuple(found.values())
    count = min(count, len(pool))
    if pool in _ORDERED:
        first = int(rng.integers(len(pool) - count + 1))
        return pool[first : first + count]
    return tuple(pool[index] for index in rng.permutation(len(pool))[:count])


def _print_share(form: str, series_count: int, label_count: int) -> float:
    if form in ("pie", "donut", "stacked bar"):
        return 1.0
    if form == "line":
        return 0.45 if series_count == 1 else 0.3 if series_count == 2 else 0.0
    if form == "scatter":
        return 0.6 if series_count == 1 else 0.0
    return 0.6 if series_count * label_count <= 12 else 0.25 if series_count == 1 else 0.0


def _nice_step(scale: float, ticks: int) -> float:
    rough = scale / ticks
    power = 10.0 ** np.floor(np.log10(rough))
    return float(next(step * power for step in _STEPS if step * power >= rough * 0.999))


def _decimals(rng: np.random.Generator, step: float, printed: bool) -> int:
    """Choose how many decimals values have: what a fifth of a tick needs, where they aren't printed."""
    finest = step / 5
    needed = 0
    while abs(round(finest, needed) - finest) > 1e-9:
        needed += 1
    if not printed:
        return needed
    return max(0, min(2, needed + int(rng.integers(0, 2)) - int(step >= 50)))


def _values(
    rng: np.random.Generator, form: str, count: int, scale: float, step: float, decimals: int, printed: bool
) -> tuple[float, ...]:
    if form == "line" and rng.random() < 0.7:
        walk = np.cumsum(rng.normal(rng.uniform(-0.06, 0.08), 0.12, count)) + rng.uniform(0.35, 0.8)
        shares = np.clip(walk, 0.08, 1.0)
    else:
        shares = rng.uniform(0.1, 1.0, count)
        if rng.random() < 0.25 and form != "scatter":
            shares = np.sort(shares)[::-1]
    values = shares * scale
    if not printed:
        values = np.maximum(np.round(values / (step / 5)), 1) * (step / 5)
    return tuple(float(max(round(value, decimals), 10.0**-decimals)) for value in values)


def _parted(table: list[tuple[float, ...]], step: float, decimals: int) -> list[tuple[float, ...]]:
    """Keep two lines apart, so that each one's numbers stand on its own side."""
    lower, upper = table
    raised = tuple(round(max(high, low + 1.2 * step), decimals) for low, high in zip(lower, upper, strict=True))
    return [raised, lower]


def _shares(
    rng: np.random.Generator, count: int, decimals: int, percent: bool, scale: float
) -> list[tuple[float, ...]]:
    """Part a whole; the smallest slice has room for its number."""
    parts = rng.uniform(0.25, 1.0, count)
    if not percent:
        return [tuple(float(max(round(part * scale, decimals), 10.0**-decimals)) for part in parts)]
    units = 100 * 10**decimals
    counts = np.floor(parts / parts.sum() * units).astype(int)
    counts[0] += units - counts.sum()
    return [tuple(float(round(int(part) / 10**decimals, decimals)) for part in counts)]


def _ticks(rng: np.random.Generator, form: str, lowest: float, highest: float, step: float) -> tuple[float, ...]:
    last = int(np.ceil(highest / step + (0.15 if rng.random() < 0.7 else 0.35)))
    first = 0
    if form in ("line", "scatter") and lowest > 2 * step and rng.random() < 0.4:
        first = int(np.floor(lowest / step)) - 1
    while step * (last - first) / step > 12:  # Stacks may reach far up.
        step *= 2
        first, last = 0, int(np.ceil(highest / step + 0.15))
    return tuple(round(step * index, 6) for index in range(first, last + 1))


def _formats(rng: np.random.Generator, unit: str, decimals: int, step: float) -> tuple[NumberFormat, NumberFormat]:
    prefix, suffix = (unit, "") if unit in ("$", "€") else ("", unit)
    separator = str(rng.choice([",", ",", " ", ""]))
    tick_decimals = 0
    while abs(round(step, tick_decimals) - step) > 1e-9:
        tick_decimals += 1
    bare = rng.random() < 0.4
    ticks = NumberFormat(tick_decimals, separator, "" if bare else prefix, "" if bare else suffix)
    return NumberFormat(decimals, separator, prefix, suffix), ticks


def _title(rng: np.random.Generator, topic: Topic, form: str) -> str:
    title = topic.title
    pools = (topic.labels, topic.series)
    if COUNTRIES not in pools and CITIES not in pools and rng.random() < 0.5:
        place = COUNTRIES if rng.random() < 0.6 else CITIES
        title += " " + title_ending(place[rng.integers(len(place))], int(rng.integers(4)) if form != "pie" else 0)
    if YEARS not in pools and rng.random() < 0.5:
        title += f", {rng.integers(1990, 2026)}" if rng.random() < 0.7 else f" ({rng.integers(1990, 2026)})"
    return title if rng.random() < 0.85 else title.upper() if rng.random() < 0.4 else title.title()
