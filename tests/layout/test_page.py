"""The room's door: lines, blocks, columns and tables in px of the picture given, drawn and written."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from got_ocr.cli import main
from got_ocr.layout import analyse_page
from got_ocr.layout.orientation import turn_clockwise
from got_ocr.layout.overlay import describe_layout, draw_layout

FONT = ImageFont.load_default(22)


def page() -> Image.Image:
    image = Image.new("RGB", (900, 600), "white")
    pen = ImageDraw.Draw(image)
    pen.text((60, 40), "A heading over both of the columns of this page", "black", font=FONT)
    for x in (60, 500):
        for row in range(12):
            pen.text((x, 120 + 34 * row), "words that fill the column", "black", font=FONT)
    return image


def test_a_page_has_lines_blocks_and_columns() -> None:
    layout = analyse_page(page())
    assert len(layout.lines) == 25
    assert [len(column.lines) for column in layout.columns] == [1, 12, 12]
    assert sum(len(block.lines) for block in layout.blocks) == 25
    assert layout.pixels is None and layout.tables == ()


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_boxes_lie_in_the_picture_given(turn: int) -> None:
    given = turn_clockwise(page(), -turn % 360)
    layout = analyse_page(given, rotation=turn)
    ink = np.asarray(given.convert("L")) < 128
    covered = np.zeros_like(ink)
    for line in layout.lines:
        x1, y1, x2, y2 = line.box
        covered[y1:y2, x1:x2] = True
    assert (ink & covered).sum() > 0.99 * ink.sum()
    assert covered.mean() < 0.4


def test_kept_pixels_say_whose_ink_is_whose() -> None:
    pixels = analyse_page(page(), keep_pixels=True).pixels
    assert pixels is not None and len(pixels.lines) == 25
    x1, y1, x2, y2 = pixels.lines[3].box
    assert set(np.unique(pixels.line_map[y1:y2, x1:x2])) == {0, 4}


def test_the_layout_is_drawn_and_written() -> None:
    image = page()
    layout = analyse_page(image)
    drawn = draw_layout(image, layout)
    assert drawn.size == image.size and np.asarray(image).tobytes() != np.asarray(drawn).tobytes()
    assert draw_layout(Image.new("L", (50, 50), 255), analyse_page(Image.new("L", (50, 50), 255))).mode == "RGB"
    written = json.loads(json.dumps(describe_layout(layout)))
    assert written["lines"][0] == {"box": list(layout.lines[0].box), "em_px": written["lines"][0]["em_px"], "block": 0}
    assert [len(column["lines"]) for column in written["columns"]] == [1, 12, 12]


def test_a_blank_page_and_one_px_have_no_lines() -> None:
    for size in ((300, 200), (1, 1)):
        layout = analyse_page(Image.new("RGB", size, "white"))
        assert layout.lines == layout.blocks == layout.columns == ()


def test_the_command_draws_and_writes_without_torch(tmp_path: Path) -> None:
    page().save(tmp_path / "page.png")
    code = (
        "import sys; from got_ocr.cli.dispatch import main; code = main(sys.argv[1:]); "
        "sys.exit(99 if 'torch' in sys.modules else code)"
    )
    arguments = ["layout", str(tmp_path / "page.png"), "--json", "--overlay", str(tmp_path / "drawn.png")]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(json.loads(done.stdout)["lines"]) == 25
    assert Image.open(tmp_path / "drawn.png").size == (900, 600)
    wrong = subprocess.run(
        [sys.executable, "-c", code, "layout", str(tmp_path / "page.png"), "--overlay", "drawn.txt"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert wrong.returncode == 2
    assert wrong.stderr == "got-ocr: error: --overlay drawn.txt: a picture's name is wanted, such as drawn.png.\n"
    missing = subprocess.run(
        [sys.executable, "-c", code, "layout", "no.png"], capture_output=True, text=True, check=False
    )
    assert missing.returncode == 3 and missing.stderr.count("\n") == 1


def test_the_command_goes_on_behind_a_page_that_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "1.png").write_bytes(b"no picture")
    page().save(folder / os.fsdecode(b"2\xff\x1b.png"), "PNG")
    page().save(folder / "3.png")
    assert main(["layout", str(folder), "--json", "--overlay", str(tmp_path / "out.png")]) == 1
    out, err = capsys.readouterr()
    entries = [json.loads(line) for line in out.splitlines()]
    assert [os.fsencode(entry["input"])[-8:] for entry in entries] == [b"/2\xff\x1b.png", b"in/3.png"]
    assert err.count("\n") == 1 and f"{folder / '1.png'}: is no picture" in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out-2.png", "out-3.png"]
    assert main(["layout", str(folder)]) == 1
    assert "2\\xff\\x1b.png: 25 lines" in capsys.readouterr().out


def test_a_page_without_an_end_is_one_that_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        page().save(tmp_path / f"{number}.png")
    monkeypatch.setattr("got_ocr.processing.options.DEFAULT_READING_TIMEOUT_S", 0.0)
    assert main(["layout", str(tmp_path)]) == 3
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 2
    assert f"error: {tmp_path / '2.png'}: takes longer than 0 s: scale it down." in err


def framed_page(frames: int, below: str) -> Image.Image:
    image = Image.new("RGB", (60 + 300 * frames, 420), "white")
    pen = ImageDraw.Draw(image)
    for frame in range(frames):
        x = 30 + 300 * frame
        pen.rectangle((x, 40, x + 270, 300), outline=("red", "green", "blue")[frame % 3], width=3)
        for row in range(3):
            pen.text((x + 20, 70 + 40 * row), f"box {frame} row {row} here", "black", font=FONT)
    pen.text((40, 340), below, "black", font=FONT)
    return image


@pytest.mark.parametrize("frames", [2, 3, 4])
@pytest.mark.parametrize("below", ["short", "a line that stands below and reaches under some of them"])
def test_framed_boxes_beside_each_other_are_read_one_after_the_other(frames: int, below: str) -> None:
    layout = analyse_page(framed_page(frames, below))
    assert len(layout.lines) == 3 * frames + 1
    assert [line.box[0] // 300 for line in layout.lines[:-1]] == [frame for frame in range(frames) for _ in range(3)]
    assert layout.lines[-1].box[1] > 320


def test_a_frame_around_the_whole_page_changes_nothing() -> None:
    image = page()
    plain = [line.box for line in analyse_page(image).lines]
    ImageDraw.Draw(image).rectangle((10, 10, 890, 590), outline="black", width=3)
    assert [line.box for line in analyse_page(image).lines] == plain


def test_dark_text_on_a_tint_is_found_and_its_ground_is_paper() -> None:
    image = Image.new("RGB", (700, 200), "white")
    pen = ImageDraw.Draw(image)
    pen.text((40, 30), "a line of text as black as any", "black", font=FONT)
    pen.rectangle((30, 80, 460, 130), fill=(255, 190, 150))
    pen.text((40, 92), "a line of text that was marked", "black", font=FONT)
    layout = analyse_page(image, keep_pixels=True)
    assert len(layout.lines) == 2 and layout.pixels is not None
    ink = np.asarray(layout.pixels.ink)
    assert ink[83:88, 60:400].max() == 0, "the tint is gone"
    assert ink[92:125, 40:340].max() > 100, "its text is not"


def test_pale_rows_between_rules_and_bold_words_are_found() -> None:
    image = Image.new("L", (600, 400), 255)
    pen = ImageDraw.Draw(image)
    for row in range(8):
        bold, level = row % 2 == 0, 0 if row % 2 == 0 else 185
        pen.text((40, 40 + 40 * row), "a row of words in it", level, FONT, stroke_width=int(bold))
        pen.rectangle((30, 68 + 40 * row, 570, 69 + 40 * row), 0)
    assert len(analyse_page(image, structured=False).lines) == 8


@pytest.mark.parametrize("slope", [-0.4, -0.15, 0.2, 0.5])
def test_a_word_of_a_sign_is_levelled_and_its_box_lies_in_the_picture(slope: float) -> None:
    word = Image.new("L", (260, 130), 90)
    ImageDraw.Draw(word).text((30, 50), "HARBOUR", 230, ImageFont.load_default(40))
    seen = word.transform(word.size, Image.Transform.AFFINE, (1, 0, 0, -slope, 1, slope * 130), fillcolor=90)
    layout = analyse_page(seen)
    assert layout.is_crop and layout.slope == pytest.approx(slope, abs=0.06)
    (line,) = layout.lines
    letters = np.argwhere(np.asarray(seen) > 200)
    (top, left), (bottom, right) = letters.min(0), letters.max(0)
    x1, y1, x2, y2 = line.box
    assert x1 <= left + 2 and y1 <= top + 2 and x2 >= right - 1 and y2 >= bottom - 1


@pytest.mark.parametrize(("ground", "pen"), [(255, 0), (120, 60), (60, 130), (0, 255)])
@pytest.mark.parametrize("height_px", [9, 14, 30])
def test_a_tight_crop_of_a_word_is_one_line(ground: int, pen: int, height_px: int) -> None:
    font = ImageFont.load_default(height_px)
    left, top, right, bottom = font.getbbox("yourself")
    image = Image.new("L", (int(right - left) + 2, int(bottom - top) + 2), ground)
    ImageDraw.Draw(image).text((1 - left, 1 - top), "yourself", pen, font)
    assert len(analyse_page(image, structured=False).lines) == 1
