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


def row_of(*words: tuple[int, int]) -> np.ndarray:
    """Words of letters that are 8 wide and stand 2 apart, each (letters, white behind it)."""
    parts = [np.concatenate([np.tile([1] * 8 + [0] * 2, letters)[:-2], np.zeros(white)]) for letters, white in words]
    return np.concatenate(parts)


def test_wide_columns_do_not_hide_the_gaps_between_words() -> None:
    # A table's row: em 20, words 6 apart, columns 40 apart.
    cell = [(6, 6), (6, 6), (6, 40)]
    profile = np.trim_zeros(row_of(*cell * 5))
    for start, stop, joined in cut_line(profile, 0, 20.0, 150.0, 160.0):
        assert not joined
        assert start == 0 or not profile[start - 6 : start].any(), "cut at a word's beginning"
        assert stop == len(profile) or not profile[stop : stop + 6].any()


def test_a_run_of_letters_that_is_too_wide_is_cut_at_its_widest_white() -> None:
    # Typewriter's letters, whose gaps differ much, and one gap that parts words.
    letters = [np.ones(8), np.zeros(4)]
    profile = np.concatenate([*letters * 5, np.ones(8), np.zeros(14), *letters * 5, np.ones(8)])
    assert cut_line(profile, 0, 40.0, 100.0, 110.0) == [(0, 68, False), (82, 150, False)]


def test_letter_spaced_capitals_are_one_word_however_they_are_cut() -> None:
    profile = np.concatenate([np.ones(12), np.zeros(6)] * 16)[:-6]
    pieces = cut_line(profile, 0, 20.0, 100.0, 110.0)
    assert len(pieces) > 2 and all(joined for _, _, joined in pieces[1:])
