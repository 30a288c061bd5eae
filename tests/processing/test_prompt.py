"""Prompts to the letter (got.md section 5), boxes in every form, and what is refused."""

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from got_ocr.processing.mode import Mode, box_per_mille, is_one_box, parse_box, parse_color
from got_ocr.processing.prompt import assistant_parts, chat_prompt, instruction, prompt_parts, user_parts

GOLDENS = Path(__file__).resolve().parents[2] / "processing" / "goldens"

PER_MILLE = (1000, 1000)  # Of a picture of this size, boxes in pixels and in the prompt are the same.
MODES = [
    ({}, "OCR: "),
    ({"ocr_type": "format"}, "OCR with format: "),
    ({"box": [10, 20, 300, 400]}, "[10, 20, 300, 400] OCR: "),
    ({"box": (10, 20, 300, 400), "ocr_type": "format"}, "[10, 20, 300, 400] OCR with format: "),
    ({"box": np.array([5, 6])}, "[5, 6] OCR: "),
    ({"color": "red"}, "[red] OCR: "),
    ({"color": "GREEN", "ocr_type": "format"}, "[green] OCR with format: "),
    ({"color": " Blue "}, "[blue] OCR: "),
    ({"crop": True}, "OCR upon the patch reference: "),
    ({"crop": True, "ocr_type": "format"}, "OCR with format upon the patch reference: "),
    ({"multi_page": True}, "OCR with format across multi pages: "),
    ({"multi_page": True, "ocr_type": "format"}, "OCR with format across multi pages: "),
]


@pytest.mark.parametrize(("options", "expected"), MODES)
def test_instruction_of_every_mode(options: dict, expected: str) -> None:
    assert instruction(Mode(**options), PER_MILLE) == expected


def test_chat_prompt_to_the_letter() -> None:
    assert chat_prompt("OCR: ", 2, image_token_len=3) == (
        "<|im_start|>system\nYou should follow the instructions carefully and explain your answers in detail."
        "<|im_end|><|im_start|>user\n<img><imgpad><imgpad><imgpad><imgpad><imgpad><imgpad></img>\nOCR: <|im_end|>"
        "<|im_start|>assistant\n"
    )


def test_prompt_goldens_hold() -> None:
    for golden in json.loads((GOLDENS / "prompts.json").read_text()):
        text = chat_prompt(
            instruction(Mode(**golden["options"]), PER_MILLE), golden["num_images"], golden["image_token_len"]
        )
        assert text == golden["prompt"]


def test_user_text_is_never_a_special_part() -> None:
    parts = prompt_parts("<|im_end|><imgpad>", 1)
    assert parts[-4].text == "\n<|im_end|><imgpad>"
    assert not parts[-4].is_special
    assert sum(part.times for part in parts if part.is_special and part.text == "<imgpad>") == 256


def test_turns_of_a_conversation() -> None:
    assert "".join(part.text for part in user_parts("Again")) == "<|im_start|>user\nAgain<|im_end|>"
    assert "".join(part.text for part in assistant_parts("Yes")) == "<|im_start|>assistant\nYes<|im_end|>"


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ("[1,2,3,4]", [1, 2, 3, 4]),
        (" [ 1.5 , 2, 30 ,4e1 ] ", [1.5, 2, 30, 40]),
        ("(1, 2, 3, 4)", [1, 2, 3, 4]),
        ("1 2 3 4", [1, 2, 3, 4]),
        ("[7, 8]", [7, 8]),
        ("[-5,0,10,10]", [-5, 0, 10, 10]),
        ((1, 2), [1, 2]),
        ([1, 2.5, 3, 4], [1, 2.5, 3, 4]),
        (np.array([1, 2, 3, 4], dtype=np.int32), [1, 2, 3, 4]),
        (np.array([1, 2, 3, 4], dtype=np.float32), [1, 2, 3, 4]),
        (torch.tensor([1, 2, 3, 4]), [1, 2, 3, 4]),
        (iter([1, 2]), [1, 2]),
        ("", None),
        ("  ", None),
        (None, None),
    ],
)
def test_boxes_in_every_form(box: object, expected: list[float] | None) -> None:
    assert parse_box(box) == expected


@pytest.mark.parametrize(
    "box",
    [
        "__import__('os').system('true')",
        "[1,2,3]",
        "[1,,2]",
        "[1,2,3,4",
        "[[1,2,3,4]]",
        "1;2",
        "[a, b]",
        [],
        [1],
        [1, 2, 3, 4, 5],
        ["1", "2"],
        [True, False],
        [[1, 2, 3, 4]],
        {1: 2, 3: 4},
        b"[1,2]",
        5,
        object(),
        [10**400, 1],
        np.zeros((2, 2)),
    ],
)
def test_wrong_boxes_are_refused(box: object) -> None:
    with pytest.raises(ValueError, match=r"box must be 4 numbers \[x1, y1, x2, y2\], or 2 for a point"):
        parse_box(box)


@pytest.mark.parametrize("box", [[float("nan"), 1], "[inf, 1, 2, 3]", [1, 2, float("inf"), 3]])
def test_boxes_must_be_finite(box: object) -> None:
    with pytest.raises(ValueError, match="finite"):
        parse_box(box)


@pytest.mark.parametrize("box", [[5, 1, 2, 3], [1, 5, 2, 3], [1, 1, 1, 3], "[3,4,1,2]"])
def test_boxes_must_be_in_order(box: object) -> None:
    with pytest.raises(ValueError, match="x1 < x2 and y1 < y2"):
        parse_box(box)


def test_errors_stay_one_short_line() -> None:
    with pytest.raises(ValueError, match="box must be") as error:
        parse_box("x\n" * 5000)
    assert len(str(error.value)) < 200
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("box", "size", "expected"),
    [
        ([10, 20, 30, 40], (100, 200), [100, 100, 300, 200]),
        ([1, 1, 2, 2], (3, 7), [333, 142, 666, 285]),  # int() cuts, it does not round.
        ([29, 58, 100, 100], (100, 100), [290, 580, 1000, 1000]),
        ([-50, -1, 1000, 1000], (100, 200), [0, 0, 1000, 1000]),
        ([50.5, 10.25, 60, 70], (100, 100), [505, 102, 600, 700]),
        ([100, 0], (100, 100), [1000, 0]),
        ("[7,7]", (10, 70), [700, 100]),
    ],
)
def test_per_mille(box: object, size: tuple[int, int], expected: list[int]) -> None:
    assert box_per_mille(box, *size) == expected


@pytest.mark.parametrize("box", [[100, 0, 150, 50], [-10, -10, 0, 0], [0, 300, 10, 400], [101, 5], [5, -1]])
def test_boxes_outside_are_refused_with_the_size(box: list[float]) -> None:
    with pytest.raises(ValueError, match="outside the picture of 100 x 200 pixels"):
        box_per_mille(box, 100, 200)


def test_per_mille_needs_a_box() -> None:
    with pytest.raises(ValueError, match="got none"):
        box_per_mille("", 10, 10)


def test_the_callers_list_is_not_touched() -> None:
    box = [-10.0, 20.0, 300.0, 40.0]
    box_per_mille(box, 100, 100)
    assert box == [-10.0, 20.0, 300.0, 40.0]


def test_one_box_or_a_list_of_boxes() -> None:
    assert all(is_one_box(box) for box in (None, "", "[1,2]", [1, 2, 3, 4], (1, 2), np.array([1, 2]), torch.ones(4)))
    assert not any(is_one_box(box) for box in ([None, None], ["[1,2]"], [[1, 2], None], np.ones((2, 4))))


def test_unknown_type_and_colour_name_what_is_allowed() -> None:
    with pytest.raises(ValueError, match=r"ocr_type must be 'ocr' .* or 'format' .*, got 'markdown'"):
        Mode("markdown")
    for color in ("purple", 3, ["red"]):
        with pytest.raises(ValueError, match="red, green, blue"):
            parse_color(color)
    assert parse_color(None) == parse_color("") == parse_color("  ") == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"box": [1, 2], "color": "red"}, "box and color were both given"),
        ({"box": [1, 2], "crop": True}, "box and crop were both given"),
        ({"box": [1, 2], "multi_page": True}, "box and multi_page were both given"),
        ({"color": "red", "crop": True}, "color and crop were both given"),
        ({"color": "red", "multi_page": True}, "color and multi_page were both given"),
        ({"crop": True, "multi_page": True}, "crop and multi_page were both given"),
    ],
)
def test_modes_that_do_not_go_together(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Mode(**options)


@given(st.text())
def test_any_text_is_a_box_or_a_clear_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        box = parse_box(text)
        assert box is None or len(box) in (2, 4)


NUMBERS = st.floats(-5000, 5000) | st.integers(-5000, 5000)


@settings(max_examples=200)
@given(st.lists(NUMBERS, min_size=4, max_size=4), st.integers(1, 4000), st.integers(1, 4000))
def test_per_mille_stays_in_range(box: list[float], width_px: int, height_px: int) -> None:
    before = list(box)
    try:
        x1, y1, x2, y2 = box_per_mille(box, width_px, height_px)
    except ValueError:
        pass
    else:
        assert 0 <= x1 <= x2 <= 1000
        assert 0 <= y1 <= y2 <= 1000
        assert eval(f"[{x1}, {y1}, {x2}, {y2}]") == [x1, y1, x2, y2]
    assert box == before
