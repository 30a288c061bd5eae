"""Connected components: joined at corners, painted back, told apart into letters and rules."""

import numpy as np

from got_ocr.layout.components import (
    find_components,
    find_letters,
    measure_letter_height,
    paint_runs,
    remove_rules,
    weighted_median,
)


def test_components_touch_at_corners_and_runs_are_painted_back() -> None:
    mask = np.random.default_rng(1).random((60, 70)) < 0.3
    found = find_components(mask)
    labels = paint_runs(found, (found.run_label + 1).astype(np.int32), mask.shape)
    assert ((labels > 0) == mask).all()
    assert found.area.sum() == mask.sum()
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        a, b = labels[: 60 - dy, max(0, -dx) : 70 - max(0, dx)], labels[dy:, max(0, dx) : 70 + min(0, dx)]
        both = (a > 0) & (b > 0)
        assert (a[both] == b[both]).all()
    for number, (x1, y1, x2, y2) in enumerate(found.boxes):
        rows, columns = np.nonzero(labels == number + 1)
        assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == (x1, y1, x2, y2)


def test_rules_and_frames_are_removed_and_letters_stay() -> None:
    mask = np.zeros((120, 400), bool)
    mask[5:115, 5:395] = True
    mask[8:112, 8:392] = False  # a frame
    mask[100, 20:380] = True  # a rule that touches letters
    for x in range(20, 380, 30):
        mask[80:101, x : x + 4] = True
    left = remove_rules(find_components(mask), 20.0, mask.shape[1])
    assert len(left.area) == 12
    assert set(left.height.tolist()) == {20}


def test_specks_long_strokes_and_thin_drawings_are_no_letters() -> None:
    mask = np.zeros((100, 400), bool)
    mask[2:4, 2:4] = True  # a speck
    mask[10:90, 20:22] = True  # a stroke much higher than wide
    mask[40:60, 100:112] = True  # a letter
    components = find_components(mask)
    assert [components.boxes[number].tolist() for number in find_letters(components)] == [[100, 40, 112, 60]]
    assert measure_letter_height(components) == 20.0
    assert measure_letter_height(find_components(np.zeros((9, 9), bool))) == 0.0


def test_the_weighted_median_is_where_the_share_of_the_weight_lies() -> None:
    values, weights = np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 6.0])
    assert weighted_median(values, weights) == 2.0
    assert weighted_median(values, weights, 0.95) == 3.0
