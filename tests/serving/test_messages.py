"""The grammar of chat messages."""

import pytest

from got_ocr.processing.mode import Mode
from got_ocr.processing.prompt import instruction
from got_ocr.serving.messages import make_mode, parse_message_text


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ("", Mode()),
        ("  \n ", Mode()),
        ("plain", Mode()),
        ("OCR", Mode()),
        ("ocr:", Mode()),
        ("format", Mode("format")),
        ("Format\n", Mode("format")),
        ("type: format", Mode("format")),
        ("type=plain", Mode()),
        ("box: 100,200,800,400", Mode(box=(100, 200, 800, 400))),
        ("box=[100, 200, 800, 400]", Mode(box=(100, 200, 800, 400))),
        ("box 10 , 20", Mode(box=(10, 20))),
        ("format; box: 1,2,30,40", Mode("format", box=(1, 2, 30, 40))),
        ("box: 1,2,30,40\nformat\n", Mode("format", box=(1, 2, 30, 40))),
        ("color: RED", Mode(color="red")),
        ("colour blue; format", Mode("format", color="blue")),
        ("crop", Mode(crop=True)),
        ("crop: yes; max_tiles: 4", Mode(crop=True, max_tiles=4)),
        ("multi_page", Mode(multi_page=True)),
        ("slice: no", Mode(slice_pages=False)),
        ("instruction: Read: all; of it\n\nplease", Mode(instruction="Read: all; of it\n\nplease")),
        ("format; instruction = box: 1,2", Mode("format", instruction="box: 1,2")),
        ("What does it say?", Mode(instruction="What does it say?")),
        ("format\nRead the table; then the notes.", Mode("format", instruction="Read the table; then the notes.")),
        ("Format this page as Markdown", Mode(instruction="Format this page as Markdown")),
        ("Please note: read all", Mode(instruction="Please note: read all")),
        ("color of the sky", Mode(instruction="color of the sky")),
    ],
)
def test_a_text_chooses_a_mode(text, mode):
    assert make_mode(parse_message_text(text)) == mode


@pytest.mark.parametrize(
    "mode",
    [
        Mode(),
        Mode("format"),
        Mode(color="green"),
        Mode("format", color="blue"),
        Mode(crop=True),
        Mode("format", crop=True),
        Mode("format", multi_page=True),
    ],
)
def test_each_published_prompt_chooses_the_mode_that_writes_it(mode):
    read = make_mode(parse_message_text(instruction(mode)))

    assert instruction(read) == instruction(mode)
    assert read == mode


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[100, 200, 300, 400] OCR: ", "in pixels"),
        ("[purple] OCR: ", "red, green, blue"),
        ("bix: 1,2,3,4", "did you mean box"),
        ("colr: red", "did you mean color"),
        ("boks: 1,2,3,4", "did you mean box"),
        ("format; colo = blue", "did you mean color"),
        ("boxed: [100, 200]", "did you mean box"),
        ("box: 1,2\nbox: 3,4", "box was given twice"),
        ("box:", "needs a value"),
        ("box: 1,2,3", "4 numbers"),
        ("type: poem", "must be 'ocr'"),
        ("color: violet", "red, green, blue"),
        ("crop: perhaps", "yes or no"),
        ("max_tiles: 0; crop", "above 0"),
        ("max_tiles: 99999999999999999999; crop", "above 0"),
        ("max_tiles: 3", "crop=True"),
        ("box: 1,2,3,4; color: red", "both"),
        ("crop; multi_page", "both"),
        ("x" * 20_001, "20,000"),
    ],
)
def test_what_is_wrong_is_said(text, expected):
    with pytest.raises(ValueError, match=r".") as caught:
        make_mode(parse_message_text(text))
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
