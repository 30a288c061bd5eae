"""How sure the built-in model says that it is, beside how much is right: bins, table and picture."""

import numpy as np
import pytest

from got_ocr.nano.benchmarks.confidence import put_in_bins, reliability
from got_ocr.nano.plots import draw_reliability


def test_bins_weigh_lines_by_their_characters() -> None:
    first, last = put_in_bins([(0.97, 10, 10), (0.975, 30, 0), (0.999, 5, 5)])
    assert (first.low, first.high, first.lines, first.right) == (0.96, 0.98, 2, 0.25)
    assert first.right < first.told < last.told < 1.0
    assert (last.lines, last.right) == (1, 1.0)
    assert put_in_bins([]) == []
    assert "| 0.96 to 0.98 | 2 | 25.0% |" in reliability([first, last])


def test_the_curve_shows_each_bin_where_it_belongs() -> None:
    bins = [[(0.8, 0.2), (0.9, 0.2), (0.95, 0.2)], [(0.1, 0.9), (0.2, 0.9), (0.25, 0.9)]]
    plots = [np.asarray(draw_reliability("t", some).convert("RGB"), dtype=int) for some in bins]
    places = [np.argwhere(plot[..., 0] - plot[..., 2] > 60).mean(0) for plot in plots]
    assert places[0][0] > places[1][0] + 100, "what is less right stands lower"
    assert places[0][1] > places[1][1] + 100, "what was told as surer stands further right"
    with pytest.raises(ValueError, match="nothing to plot"):
        draw_reliability("t", [])
