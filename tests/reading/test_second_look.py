"""Doubtful lines are read once more, larger and smaller; the surest reading stays, and nothing else changes."""

from collections.abc import Callable

import pytest
from PIL import Image, ImageDraw, ImageFont

from got_ocr import BUILTIN_CHECKPOINT
from got_ocr.configuration.slicing import SlicingOptions
from got_ocr.light import open_light
from got_ocr.reading.answer import GotOcrAnswer, GotOcrLine
from got_ocr.reading.doubt import PieceReading, check_slice
from got_ocr.reading.options import ReadingOptions
from got_ocr.reading.second_look import SIZES, count_whole, look_again
from got_ocr.slices.joining import join_slices
from got_ocr.slices.sliced_page import SlicedPage
from got_ocr.slices.slicing import slice_lines, slice_page

CANVAS = 192
LINES = (
    "The first line of a page is long enough to be cut",
    "and so is",
    "the third one, which ends it after some words",
)


def draw(lines: tuple[str, ...] = LINES, size_px: int = 24) -> Image.Image:
    image = Image.new("RGB", (size_px * 30, 2 * size_px * (len(lines) + 1)), "white")
    font = ImageFont.load_default(size_px)
    for number, text in enumerate(lines):
        ImageDraw.Draw(image).text((size_px, size_px * (1 + 2 * number)), text, "black", font=font)
    return image


@pytest.fixture(scope="module")
def page() -> SlicedPage:
    cut = slice_page(draw(), SlicingOptions(rows=2, keep_natural=False), CANVAS)
    assert len(cut.line_boxes) == len(LINES) and len(cut.slices) > 2
    return cut


def answer(page: SlicedPage, number: int, text: str, probabilities: dict[int, float]) -> GotOcrAnswer:
    """Read `text` of each piece of a slice, by the probability of its line."""
    lines = tuple(
        GotOcrLine(f"{text}{piece.line}", probabilities[piece.line], probabilities[piece.line], False)
        for piece in page.pieces_of(number)
    )
    joined = "\n".join(line.text for line in lines)
    return GotOcrAnswer(joined, "stop", 1, min(probabilities.values()), min(probabilities.values()), lines=lines)


def read_first(page: SlicedPage, probabilities: dict[int, float]) -> list[list[PieceReading]]:
    answers = [answer(page, number, "aaa", probabilities) for number in range(len(page.slices))]
    return [check_slice(page, number, one, False) for number, one in enumerate(answers)]


def reading_again(
    page: SlicedPage, numbers: list[int], probabilities: list[float], seen: list[int], letters: str = "bc"
) -> Callable[[list[Image.Image]], list[GotOcrAnswer]]:
    """A reader of the lines `numbers` that is as sure as `probabilities` says of each look."""

    def read(slices: list[Image.Image]) -> list[GotOcrAnswer]:
        look = len(seen)
        cut = slice_lines(page, numbers, SIZES[look])
        assert [one.tobytes() for one in cut.slices] == [one.tobytes() for one in slices]
        seen.append(len(slices))
        sure = dict.fromkeys(range(len(LINES)), probabilities[look])
        return [answer(cut, number, letters[look] * 3, sure) for number in range(len(slices))]

    return read


def texts(checked: list[list[PieceReading]]) -> list[list[str]]:
    return [[piece.text for piece in pieces] for pieces in checked]


def test_what_was_read_surely_is_not_looked_at_again(page: SlicedPage) -> None:
    checked = read_first(page, {0: 0.97, 1: 0.99, 2: 0.98})
    seen: list[int] = []
    assert look_again(page, checked, 0, False, reading_again(page, [], [], seen)) == checked
    assert not seen


@pytest.mark.parametrize(
    ("looks", "count", "kept"),
    [
        ((0.8, 0.9), 2, "c"),
        ((0.9, 0.8), 2, "b"),
        ((0.98, 0.99), 1, "b"),
        ((0.5, 0.6), 2, "a"),
        ((0.1, 0.9), 2, "c"),
    ],
)
def test_the_surest_reading_of_a_doubtful_line_stays(
    page: SlicedPage, looks: tuple[float, float], count: int, kept: str
) -> None:
    checked = read_first(page, {0: 0.97, 1: 0.99, 2: 0.7})
    seen: list[int] = []
    again = look_again(page, checked, 0, False, reading_again(page, [2], list(looks), seen))
    assert len(seen) == count
    rows = join_slices(page, texts(again)).split("\n")
    rows = [row for row in rows if row]
    assert rows[:2] == join_slices(page, texts(checked)).replace("\n\n", "\n").split("\n")[:2]
    assert set(rows[2].split()) == {f"{3 * kept}2"}
    lines = [line for pieces in again for piece in pieces for line in piece.lines if line.text == f"{3 * kept}2"]
    assert lines and all(line.mean_probability == dict(zip("abc", (0.7, *looks), strict=True))[kept] for line in lines)


@pytest.mark.parametrize(("letters", "read"), [("bb", "b"), ("bc", "a"), ("ab", "a"), ("\\\\", "a")])
def test_two_looks_that_agree_correct_the_surest_one(page: SlicedPage, letters: str, read: str) -> None:
    checked = read_first(page, {0: 0.97, 1: 0.99, 2: 0.7})
    again = look_again(page, checked, 0, False, reading_again(page, [2], [0.5, 0.6], [], letters))
    rows = [row for row in join_slices(page, texts(again)).split("\n") if row]
    assert set(rows[2].split()) == {f"{3 * read}2"}
    probabilities = {line.mean_probability for pieces in again for piece in pieces for line in piece.lines}
    assert probabilities == {0.97, 0.99, 0.7}


def test_lines_of_which_nothing_was_read_stay_unread(page: SlicedPage) -> None:
    checked = read_first(page, {0: 0.97, 1: 0.99, 2: 0.2})  # worse than noise
    seen: list[int] = []
    assert look_again(page, checked, 0, False, reading_again(page, [2], [0.9, 0.9], seen)) == checked
    assert not seen


def test_slices_whose_last_line_goes_on_wait(page: SlicedPage) -> None:
    whole = len(page.slices)
    assert count_whole(page, whole) == whole
    for read in range(whole):
        done = count_whole(page, read)
        assert done <= read
        before = {piece.line for piece in page.pieces if piece.slice_index < done}
        assert before.isdisjoint(piece.line for piece in page.pieces if piece.slice_index >= read)


@pytest.mark.parametrize(("usual_px", "least_px", "size"), [(12, 4, 0.9), (512, 500, 1.12)])
def test_lines_of_the_least_and_the_greatest_text_are_cut_once_more(
    usual_px: float, least_px: float, size: float
) -> None:
    options = SlicingOptions(rows=1, keep_natural=False, text_height_px=usual_px, min_text_height_px=least_px)
    cut = slice_page(draw(), options, 4 * CANVAS if usual_px < 100 else 1100)
    again = slice_lines(cut, [1], size)
    assert again.slices and {piece.line for piece in again.pieces} == {1}
    assert 4 <= again.options.min_text_height_px <= again.options.text_height_px <= 512


def test_a_page_that_is_shown_as_it_is_has_no_lines_to_cut() -> None:
    natural = slice_page(draw(("few words",), 20).crop((0, 0, 190, 60)), SlicingOptions(), CANVAS)
    assert natural.natural
    with pytest.raises(ValueError, match="shown as it is"):
        slice_lines(natural, [0], 1.1)


@pytest.mark.parametrize("size_px", [9, 30])
def test_streams_and_batches_of_any_size_give_the_same_text(size_px: int) -> None:
    """Small pale print is doubtful; whether a line is looked at again must not hang on where a batch ends."""
    text = "Invoices of 31.10.2024 come to 1,204.55 in all; (7.8) and (12.3) are left, see notes"
    words = text.split()
    lines = tuple(" ".join(words[start % 9 : start % 9 + 7]) for start in range(6))
    image = draw(lines, size_px).point(lambda value: 120 + value // 2)
    model = open_light(BUILTIN_CHECKPOINT)
    reader = model.reader()
    whole = next(iter(reader.read_pages(image))).text
    assert len(whole) > 60
    assert "".join(reader.stream(image)).strip() == whole
    for batch_size in (1, 2):
        again = model.reader(ReadingOptions(batch_size=batch_size))
        assert next(iter(again.read_pages(image))).text == whole
