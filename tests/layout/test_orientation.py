"""Text on its side or its head: found by its ink, read as surely as upright text; upright text stays as it is."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont, ImageOps

from got_ocr.configuration.slicing import SlicingOptions
from got_ocr.evaluation.distances import edit_distance
from got_ocr.layout.orientation import turn_clockwise, turned_back
from got_ocr.processing.processor import GotOcrProcessor
from got_ocr.reading.answer import GotOcrAnswer
from got_ocr.reading.model import GotOcrForConditionalGeneration
from got_ocr.reading.slice_reading import _read_upright
from got_ocr.reading.turning import certainty, is_better_turned, put_on_head, turns_to_try
from got_ocr.slices.sliced_page import SlicedPage
from got_ocr.slices.slicing import slice_page
from got_ocr.synthesis.text.fonts import installed_faces

FOLDER = Path(__file__).parents[2] / "got_ocr" / "assets" / "nano"
TEXT = "the river stood higher than last year and nobody knew why it rose so late in that quiet spring"
WORDS = TEXT.split()
TURNS = (0, 90, 180, 270)
OPTIONS = SlicingOptions()


@pytest.fixture(scope="module")
def font() -> ImageFont.FreeTypeFont:
    faces = {face.family: face for face in installed_faces() if face.style in ("Regular", "Book")}
    for family in ("DejaVu Serif", "Liberation Serif", "DejaVu Sans", "Liberation Sans"):
        if family in faces:
            return ImageFont.truetype(faces[family].path, 24)
    pytest.skip("neither DejaVu nor Liberation is installed")


def draw(rows: list[str], font: ImageFont.FreeTypeFont, width: int, pitch: int = 34) -> Image.Image:
    image = Image.new("RGB", (width, 40 + pitch * len(rows)), "white")
    for number, row in enumerate(rows):
        ImageDraw.Draw(image).text((20, 20 + pitch * number), row, "black", font)
    return image


def page(font: ImageFont.FreeTypeFont) -> Image.Image:
    return draw([" ".join(WORDS[start : start + 6]) for start in range(0, 12, 2)], font, 560)


def table(font: ImageFont.FreeTypeFont) -> Image.Image:
    image = Image.new("RGB", (520, 400), "white")
    for row in range(8):
        for column, text in enumerate((f"item {row}", f"{row * 7}.50", str(row))):
            ImageDraw.Draw(image).text((30 + 190 * column, 20 + 45 * row), text, "black", font)
            ImageDraw.Draw(image).rectangle(
                (15 + 190 * column, 12 + 45 * row, 190 + 190 * column, 57 + 45 * row), outline=0
            )
    return image


def is_sideways(image: Image.Image, turn: int = 0) -> bool:
    return slice_page(image, OPTIONS, 192, turn).is_sideways


@pytest.mark.parametrize("turn", TURNS)
def test_lines_that_run_up_or_down_are_found(turn: int, font: ImageFont.FreeTypeFont) -> None:
    whole = page(font)
    line = draw([" ".join(WORDS[:9])], font, 700)
    skewed = whole.rotate(1.5, Image.Resampling.BICUBIC, fillcolor="white")
    grain = np.random.default_rng(0).normal(0, 9, (whole.height, whole.width, 1))
    worn = Image.fromarray((np.asarray(whole) * 0.6 + 80 + grain).clip(0, 255).astype(np.uint8))
    small = whole.resize((whole.width // 2, whole.height // 2), Image.Resampling.LANCZOS)
    for picture in (whole, line, ImageOps.invert(whole), skewed, worn, small, table(font)):
        assert is_sideways(picture, turn) == (turn in (90, 270))


def test_tall_narrow_upright_pictures_are_not_sideways(font: ImageFont.FreeTypeFont) -> None:
    words = draw(WORDS, font, 160)
    digits = draw([str(number % 10) for number in range(20)], font, 60, pitch=30)
    numbers = draw([str(number * 37) for number in range(20)], font, 120, pitch=28)
    marks = draw(["i", "ii", "I", "l", "-", "-", ":", "="] * 3, font, 60, pitch=30)
    for picture in (words, digits, numbers, marks, Image.new("RGB", (60, 600), "white"), Image.new("L", (3, 900))):
        assert not is_sideways(picture)


def test_corners_lie_in_the_picture_as_it_came(font: ImageFont.FreeTypeFont) -> None:
    upright = page(font)
    boxes = slice_page(upright, OPTIONS, 192).line_boxes
    for turn in TURNS:
        given = turn_clockwise(upright, -turn % 360)
        cut = slice_page(given, OPTIONS, 192, turn)
        assert (cut.line_boxes, cut.rotation, cut.size) == (boxes, turn, upright.size)
        ink = np.asarray(given.convert("L")) < 128
        covered = np.zeros_like(ink)
        for box in boxes:
            x, y = zip(*cut.corners(box), strict=True)
            covered[round(min(y)) : round(max(y)), round(min(x)) : round(max(x))] = True
        assert (ink & covered).sum() > 0.99 * ink.sum()
        spot = Image.new("L", (7, 5))
        spot.putpixel((1, 3), 255)
        x, y = np.argwhere(np.asarray(turn_clockwise(spot, turn)).T == 255)[0] + 0.5
        assert turned_back(x, y, turn_clockwise(spot, turn).size, turn) == (1.5, 3.5)


def test_a_picture_is_turned_only_where_that_makes_the_model_much_surer() -> None:
    def answer(text: str, probability: float) -> GotOcrAnswer:
        return GotOcrAnswer(text, "stop", 5, probability, probability)

    assert certainty([]) is None
    assert certainty([answer("ab", 0.9), answer("cd", 0.9)]) == pytest.approx(0.9)
    assert certainty([answer("ab", 0.9), answer("", 0.99)]) == pytest.approx(0.45)
    assert certainty([answer("", 0.99)]) == 0.0
    assert turns_to_try(sideways=False, upright=0.95) == turns_to_try(sideways=True, upright=0.95) == ()
    assert turns_to_try(sideways=False, upright=0.7) == (180,)
    assert turns_to_try(sideways=True, upright=0.7) == turns_to_try(sideways=True, upright=None) == (90, 270)
    assert turns_to_try(sideways=False, upright=None) == ()
    assert is_better_turned(None, 0.9) and is_better_turned(0.7, 0.95) and is_better_turned(0.0, 0.8)
    assert not (is_better_turned(0.8, 0.85) or is_better_turned(None, 0.6) or is_better_turned(0.2, None))


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_slice_on_its_head_begins_where_slices_begin(mode: str) -> None:
    image = Image.new(mode, (192, 64), "white")
    for x, y, grey in ((30, 9, 0), (31, 9, 120), (150, 40, 60)):
        image.putpixel((x, y), grey if mode == "L" else (grey,) * 3)
    turned = put_on_head(image, 5)
    assert (turned.mode, turned.size) == (image.mode, image.size)
    grey = np.asarray(turned.convert("L"))
    assert {(x, y): int(grey[y, x]) for y, x in np.argwhere(grey < 255)} == {(5, 5): 60, (124, 36): 120, (125, 36): 0}
    blank = Image.new(mode, (192, 64), "white")
    assert put_on_head(blank, 5).tobytes() == blank.tobytes()


@pytest.mark.parametrize(
    ("on_head", "turned", "cuts", "rotation"),
    [(0.4, 0.99, 1, 0), (0.8, 0.97, 2, 180), (0.8, 0.72, 2, 0), (None, 0.99, 1, 0)],
)
def test_a_page_is_cut_on_its_head_only_where_its_slices_read_better_so(
    on_head: float | None, turned: float, cuts: int, rotation: int, font: ImageFont.FreeTypeFont
) -> None:
    """Read with a probability of .7 as it is, on_head and turned otherwise."""
    upright = draw([" ".join(WORDS[:6]), " ".join(WORDS[6:12])], font, 560)
    made = []

    def cut(rotation: int = 0) -> SlicedPage:
        made.append(slice_page(upright, OPTIONS, 192, rotation))
        return made[-1]

    def read(slices: list[Image.Image]) -> list[GotOcrAnswer]:
        def tell(image: Image.Image) -> GotOcrAnswer:
            of = [any(image is one for one in page.slices) for page in made]
            sure = (0.7, turned)[of.index(True)] if any(of) else on_head
            return GotOcrAnswer("ab" if sure else "", "stop", 3, sure, sure)

        return [tell(image) for image in slices]

    page, answers = _read_upright(cut, read, 8)
    assert (len(made), page.rotation) == (cuts, rotation)
    assert len(answers) == min(8, len(page.slices))


@pytest.fixture(scope="module")
def reader() -> tuple[GotOcrForConditionalGeneration, GotOcrProcessor]:
    return GotOcrForConditionalGeneration.from_pretrained(FOLDER).eval(), GotOcrProcessor.from_pretrained(FOLDER)


def test_turned_pages_lines_and_regions_read_like_upright_ones(
    reader: tuple[GotOcrForConditionalGeneration, GotOcrProcessor], font: ImageFont.FreeTypeFont
) -> None:
    model, processor = reader
    upright = draw([" ".join(WORDS[:6]), " ".join(WORDS[6:12]), " ".join(WORDS[12:])], font, 560)
    wanted = model.chat(processor, upright, return_dict=True)
    assert wanted["rotations"] == (0,)
    truth = TEXT
    for turn in (90, 180, 270):
        given = turn_clockwise(upright, -turn % 360)
        answer = model.chat(processor, given, return_dict=True)
        assert answer["rotations"] == (turn,)
        assert edit_distance(truth, " ".join(answer["text"].split())) <= 0.03 * len(truth)
        ink = np.asarray(given.convert("L")) < 128
        for line in answer["lines"]:
            x1, y1, x2, y2 = line["box"]
            assert (x2 - x1 > y2 - y1) == (turn == 180)
            assert ink[y1:y2, x1:x2].any()
    # A region of an upright page may be on its side, and so may one page of a document.
    sideways = turn_clockwise(upright, 90)
    both = Image.new("RGB", (upright.width + 40 + sideways.width, 640), "white")
    both.paste(upright, (0, 0))
    both.paste(sideways, (upright.width + 40, 30))
    box = [upright.width + 40, 30, both.width, 30 + sideways.height]
    answer = model.chat(processor, both, ocr_box=box, return_dict=True)
    assert (answer["text"], answer["rotations"]) == (wanted["text"], (270,))
    assert all(line["box"][0] >= box[0] and line["box"][1] >= 30 for line in answer["lines"])
    pieces: list[str] = []
    (document,) = model.read(processor, [upright, sideways], multi_page=True, on_text=pieces.append)
    assert (document.text, document.rotations) == (wanted["text"] + "\n" + wanted["text"], (0, 270))
    assert "".join(pieces) == document.text
