"""The room's door: lines, blocks, columns and tables in px of the picture given, drawn and written."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

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
