"""The options of slicing: what a config.json may say, and what is refused."""

import pytest

from got_ocr.configuration.slicing import SlicingOptions

OPTIONS = SlicingOptions()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"text_height": 21}, "unknown slicing options: text_height; there are text_height_px"),
        ({"text_height_px": 0}, "text_height_px must be a number from 4 to 512, got 0"),
        ({"text_height_px": float("nan")}, "text_height_px must be a number"),
        ({"rows": 1.5}, "rows must be a whole number, got 1.5"),
        ({"rows": True}, "rows must be a number"),
        ({"margin_px": "8"}, "margin_px must be a number from 0 to 256, got '8'"),
        ({"join_hyphens": 1}, "join_hyphens must be true or false, got 1"),
        ({"line_separator": None}, "line_separator must be a string, got None"),
        ({"min_text_height_px": 30}, "min_text_height_px .30. must not be larger than text_height_px"),
        ({"canvas_heights_px": [96, 64]}, r"canvas_heights_px must be .* from low to high, got \(96, 64\)"),
        ({"canvas_heights_px": [64.0]}, "canvas_heights_px must be a list of whole numbers"),
        ({"canvas_heights_px": 64}, "canvas_heights_px must be a list of whole numbers"),
        ([1], "slicing must be a dictionary of options, got list"),
    ],
)
def test_wrong_options_are_refused(values: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SlicingOptions.from_dict(values)


def test_options_come_from_a_dictionary_nothing_or_options() -> None:
    assert SlicingOptions.from_dict(None) == OPTIONS
    assert SlicingOptions.from_dict({"rows": 5}).rows == 5
    assert SlicingOptions.from_dict(OPTIONS) is OPTIONS
