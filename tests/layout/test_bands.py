"""What stands at a height is found without looking at all; cost grows with what is near, not with all pairs."""

import itertools

import numpy as np
import pytest
from PIL import Image

from got_ocr.layout import analyse_page, bands, reading_order
from got_ocr.layout.bands import Bands
from got_ocr.layout.line import Line
from got_ocr.layout.reading_order import order_lines
from got_ocr.layout.thresholds import Order


@pytest.mark.parametrize("seed", range(5))
def test_all_that_overlap_are_named(seed: int) -> None:
    chance = np.random.default_rng(seed)
    top = chance.uniform(-50, 500, 200)
    bottom = top + chance.choice([0, 5, 20, 400], 200)
    found = Bands(top, bottom, float(chance.choice([0.1, 7, 30, 1000])))
    for low in chance.uniform(-100, 700, 50):
        high = low + chance.choice([0.0, 15.0, 300.0])
        near = found.near(low, high)
        assert (np.diff(near) > 0).all()
        assert set(np.flatnonzero((bottom >= low) & (top <= high))) <= set(near.tolist())
    assert len(Bands(top[:0], bottom[:0], 5).near(0, 100)) == 0


@pytest.mark.parametrize("seed", range(5))
def test_what_spans_two_lines_is_found_as_by_comparing_all(seed: int) -> None:
    chance = np.random.default_rng(seed)
    x1 = chance.integers(0, 60, 40).astype(float)
    x2, y = x1 + chance.integers(1, 40, 40), chance.integers(0, 15, 40).astype(float)  # Some as high as others.
    spanned = reading_order._spanned(x1, x2, y)
    for a, b in itertools.product(range(40), repeat=2):
        if x2[a] <= x1[b]:
            low, high = sorted((y[a], y[b]))
            assert spanned[a, b] == ((x1 < x2[a]) & (x2 > x1[b]) & (y > low) & (y < high)).any()


def test_more_lines_than_any_page_has_are_read_row_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Order, "MOST_LINES", 30)
    lines = [Line((x, y, x + 50, y + 10), y + 10.0, 12.0) for x in (0, 100) for y in range(0, 400, 20)]
    ordered = order_lines(lines)
    assert [line.box[:2] for line in ordered] == sorted((line.box[:2] for line in lines), key=lambda box: box[::-1])


def strewn(side_px: int) -> Image.Image:
    chance = np.random.default_rng(0)
    pixels = np.full((side_px, side_px), 255, np.uint8)
    count = side_px**2 // 600
    y, x = chance.integers(0, side_px - 8, (2, count))
    for down, right in itertools.product(range(5), repeat=2):
        pixels[y + down, x + right] = 0
    return Image.fromarray(pixels)


def test_strewn_dots_are_not_compared_in_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = [0]
    look = Bands.near

    def count(self: Bands, top: float, bottom: float) -> np.ndarray:
        found = look(self, top, bottom)
        compared[0] += len(found)
        return found

    monkeypatch.setattr(bands.Bands, "near", count)
    totals = []
    for side_px in (400, 800):
        compared[0] = 0
        analyse_page(strewn(side_px))
        totals.append(compared[0])
    assert totals[0] > 1000  # They are counted at all.
    assert (
        totals[1] < 12 * totals[0]
    )  # Of four times the dots, twice as many stand at each height; pairs are 16 times.
