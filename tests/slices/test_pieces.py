"""Lines are cut at word gaps into few even pieces, and wide gaps are narrowed."""

import numpy as np

from got_ocr.slices.pieces import cut_line, find_spare_columns


def test_a_line_is_cut_at_word_gaps_into_few_even_pieces() -> None:
    # Six words of 30 columns with gaps of 8 inside which letters stand 2 apart.
    word = np.tile([1, 1, 1, 0, 0], 6)
    profile = np.concatenate([np.concatenate([word, np.zeros(6)]) for _ in range(6)])[:-8]
    pieces = cut_line(profile, 100, 20.0, 112.0, 120.0)
    assert [joined for _, _, joined in pieces] == [False, False]
    assert pieces[0][0] == 100
    assert pieces[1] == (100 + 3 * 36, 100 + len(profile), False)


def test_spare_columns_are_the_middle_of_wide_gaps() -> None:
    profile = np.array([3] * 10 + [0] * 4 + [3] * 10 + [0] * 61 + [3] * 10)
    assert not find_spare_columns(profile[:40], 20.0)[:24].any(), "a word gap stays as it is"
    for step in (1, 2, 4):
        spare = find_spare_columns(profile, 20.0, step)
        runs = np.flatnonzero(np.diff(spare.astype(int), prepend=0, append=0))
        assert len(runs) == 2 and not (runs % step).any()
        assert 14 <= 61 - spare.sum() <= 14 + 2 * step, "seven tenths of an em are left of the gap"
        assert not spare[:31].any() and not spare[79:].any()
