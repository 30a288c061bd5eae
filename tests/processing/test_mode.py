"""One value says what to read: its names in every spelling, its checks, and what goes with what."""

from dataclasses import FrozenInstanceError, make_dataclass

import numpy as np
import pytest
import torch

from got_ocr.processing.mode import FIELDS, Mode, as_mode, spread_modes
from got_ocr.processing.prompt import instruction

SIZE = (200, 100)  # height, width


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, Mode()),
        ({"ocr_type": "format"}, Mode("format")),
        ({"type": "format"}, Mode("format")),
        ({"type": "plain"}, Mode("ocr")),
        ({"format": True}, Mode("format")),
        ({"format": False, "ocr_type": "format"}, Mode("format")),
        ({"ocr_box": "[1,2,30,40]"}, Mode(box=(1, 2, 30, 40))),
        ({"box": np.array([1, 2, 30, 40])}, Mode(box=(1, 2, 30, 40))),
        ({"box": torch.tensor([5, 6])}, Mode(box=(5, 6))),
        ({"box": [1, 2, 30, 40], "ocr_box": (1, 2, 30, 40)}, Mode(box=(1, 2, 30, 40))),
        ({"box": [1, 2, 30, 40], "ocr_box": ""}, Mode(box=(1, 2, 30, 40))),
        ({"ocr_color": "RED", "ocr_type": None}, Mode(color="red")),
        ({"color": ""}, Mode()),
        ({"crop_to_patches": True, "max_patches": 3}, Mode(crop=True, max_tiles=3)),
        ({"crop": True, "crop_to_patches": False}, Mode(crop=True)),
        ({"slice": False}, Mode(slice_pages=False)),
        ({"instruction": "Chart to table"}, Mode(instruction="Chart to table")),
    ],
)
def test_either_spelling_of_a_call(options: dict, expected: Mode) -> None:
    assert Mode.from_options(**options) == expected


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"colour": "red"}, TypeError, "no option 'colour': did you mean color"),
        ({"zoom": 2}, TypeError, "no option 'zoom' among ocr_type, box"),
        ({"box": [1, 2, 3, 4], "ocr_box": [1, 2, 3, 5]}, ValueError, "box and ocr_box are two names of one option"),
        ({"color": "red", "ocr_color": "blue"}, ValueError, "different things: 'red' and 'blue'"),
        ({"crop": "yes"}, ValueError, "crop must be True or False, got 'yes'"),
        ({"max_tiles": 0, "crop": True}, ValueError, "max_tiles must be a whole number above 0, got 0"),
        ({"max_tiles": 4}, ValueError, "max_tiles is for pages read in tiles"),
        ({"crop": True, "slice_pages": True}, ValueError, "crop and slice_pages were both given"),
        ({"instruction": " "}, ValueError, "instruction must be a text that is not empty"),
        ({"instruction": 3}, ValueError, "instruction must be a text"),
        ({"box": {"x1": 1, "y1": 2, "x2": 3, "y2": 4}}, ValueError, "as a list, not by name"),
        ({"box": ["350", "1", "400", "2"]}, ValueError, "its items must be numbers, not text"),
        ({"box": [0.1, 0.2, 0.5, 1.0]}, ValueError, "look like fractions of the page: multiply them"),
        ({"box": [0.5, 0.5]}, ValueError, "fractions of the page"),
    ],
)
def test_wrong_options_get_one_clear_line(options: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        Mode.from_options(**options)
    assert "\n" not in str(caught.value)


def test_a_mode_is_a_value() -> None:
    assert Mode(box=[1, 2, 30, 40]) == Mode(box="1,2,30,40")
    assert len({Mode(), Mode(color=""), Mode("plain")}) == 1
    with pytest.raises(FrozenInstanceError):
        Mode().color = "red"  # type: ignore[misc]


def test_the_points_of_a_corner_are_pixels() -> None:
    assert Mode(box=[0, 0]).box == (0.0, 0.0)
    assert Mode(box=[0, 1]).box == (0.0, 1.0)


def test_own_words_stand_behind_the_region() -> None:
    assert instruction(Mode(instruction="Chart to table")) == "Chart to table"
    assert instruction(Mode(box=[10, 20, 50, 100], instruction="Total? "), SIZE) == "[100, 100, 500, 500] Total? "
    assert instruction(Mode(color="red", instruction="Total? ")) == "[red] Total? "
    with pytest.raises(ValueError, match="needs the picture's size"):
        instruction(Mode(box=[1, 2, 30, 40]))


def test_one_mode_each() -> None:
    boxes = [[1, 2, 30, 40], None]
    assert spread_modes(2, ocr_box=boxes, type="format") == [Mode("format", box=(1, 2, 30, 40)), Mode("format")]
    assert spread_modes(2, color=["red", ""]) == [Mode(color="red"), Mode()]
    assert spread_modes(2, Mode("format")) == [Mode("format")] * 2
    with pytest.raises(ValueError, match="one for each of the 3 pictures, got 2"):
        spread_modes(3, box=boxes)
    with pytest.raises(ValueError, match="one for each of the 3 pictures, got 1"):
        spread_modes(3, [Mode()])
    with pytest.raises(ValueError, match="mode and color were both given"):
        spread_modes(1, Mode(), color="red")
    with pytest.raises(TypeError, match="mode must be a Mode"):
        spread_modes(1, "format")  # type: ignore[arg-type]


def test_a_mode_of_another_copy_of_the_code_is_one() -> None:
    """The Hub's loader makes one copy of the code for the model and another for the processor."""
    theirs = make_dataclass("Mode", FIELDS)(**vars(Mode("format", box=(1, 2, 30, 40))))
    assert as_mode(theirs) == Mode("format", box=(1, 2, 30, 40))
