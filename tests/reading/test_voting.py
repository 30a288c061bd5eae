"""Two readings that agree correct a third, and nothing else does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from got_ocr.reading.voting import correct_by_two

TEXTS = st.text("abc 01.", max_size=12)


@pytest.mark.parametrize(
    ("text", "first", "second", "corrected"),
    [
        ("1 D4 (3.10)", "1.04 (3.10)", "1.04 (3.10)", "1.04 (3.10)"),  # another letter
        ("Mumber of sampleswith", "Wumber of samples with", "t(umber of samples with", "Mumber of samples with"),
        ("0.33 0.40", "033 0.40", "033 040", "033 0.40"),  # has one too many
        ("Total 12.50", "Tota1 12.50", "Totai 12.50", "Total 12.50"),  # two that differ say nothing
        ("Total 12.50", "Total 12.80", "Total 12.50", "Total 12.50"),  # nor does one
        ("yes", "", "", ""),
        ("", "ab", "ab", "ab"),
        ("at the end", "at the end.", "at the end.", "at the end."),
        ("he beginning", "the beginning", "the beginning", "the beginning"),
    ],
)
def test_what_two_agree_on_is_taken_over(text: str, first: str, second: str, corrected: str) -> None:
    assert correct_by_two(text, first, second) == correct_by_two(text, second, first) == corrected


@given(text=TEXTS, other=TEXTS)
def test_two_equal_readings_win_and_one_alone_never_does(text: str, other: str) -> None:
    assert correct_by_two(text, other, other) == other
    assert correct_by_two(text, text, other) == correct_by_two(text, other, text) == text


@given(text=TEXTS, first=TEXTS, second=TEXTS)
def test_only_letters_of_the_three_are_written(text: str, first: str, second: str) -> None:
    corrected = correct_by_two(text, first, second)
    assert set(corrected) <= set(text) | (set(first) & set(second))
