"""Texts of slices go back to their pieces, and hyphens are joined when asked."""

import pytest

from got_ocr.slices.joining import spread_text


@pytest.mark.parametrize(
    ("text", "widths", "parts"),
    [
        ("one two\nthree", [70, 50], ["one two", "three"]),
        ("one two three", [70, 50], ["one two three", ""]),
        ("one\ntwo\nthree four", [70, 100], ["one two", "three four"]),
        ("", [70, 50], ["", ""]),
        ("a\n\nb", [1, 1], ["a", "b"]),
        ("long line of text", [20, 170], ["", "long line of text"]),
    ],
)
def test_text_is_spread_over_pieces(text: str, widths: list[int], parts: list[str]) -> None:
    assert spread_text(text, widths) == parts
