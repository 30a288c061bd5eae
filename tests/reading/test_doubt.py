"""What of a page is text is told piece by piece: sure lines of a doubtful page stay, noise of a sure one goes."""

from dataclasses import replace

import pytest
from PIL import Image

from got_ocr.configuration.slicing import SlicingOptions
from got_ocr.layout.line import Line
from got_ocr.layout.page import PageLayout
from got_ocr.reading.answer import GotOcrAnswer, GotOcrLine, calibrate
from got_ocr.reading.doubt import DOUBTFUL_PAGE, check_piece, check_slice, is_doubtful, is_mixed_up, is_screen
from got_ocr.reading.formulas import choose_plain
from got_ocr.reading.slice_reading import _page_lines
from got_ocr.reading.turning import choose_sample
from got_ocr.slices.joining import join_slices
from got_ocr.slices.sliced_page import Piece, SlicedPage


def line(text: str, probability: float) -> GotOcrLine:
    return GotOcrLine(text, probability, probability, probability < 0.7)


def answer(*lines: tuple[str, float]) -> GotOcrAnswer:
    least = min((probability for _, probability in lines), default=1.0)
    text = "\n".join(text for text, _ in lines)
    return GotOcrAnswer(text, "stop", len(text) + 1, least, least, lines=tuple(line(*one) for one in lines))


def page(rows: int) -> SlicedPage:
    boxes = [(0, 20 * row, 100, 20 * row + 15) for row in range(rows)]
    pieces = [Piece(row // 2, row, False, box, box) for row, box in enumerate(boxes)]
    layout = PageLayout(tuple(Line(box) for box in boxes), (100, 20 * rows))
    return SlicedPage([Image.new("RGB", (9, 9))] * ((rows + 1) // 2), pieces, layout, False, SlicingOptions())


def test_the_page_is_doubtful_by_what_was_read_not_by_empty_slices() -> None:
    assert is_doubtful([answer(("wild", 0.5)), answer(), answer()], DOUBTFUL_PAGE)
    assert is_doubtful([answer(("(", 0.95)), answer(), answer(), answer()], DOUBTFUL_PAGE), "textures"
    assert not is_doubtful([answer(("calm", 0.95)), answer()], DOUBTFUL_PAGE)
    assert not is_doubtful([answer(), answer()], DOUBTFUL_PAGE) and not is_doubtful([], DOUBTFUL_PAGE)


@pytest.mark.parametrize(
    ("probability", "text", "doubtful", "kept"),
    [
        (0.95, "EXIT", True, True),
        (0.95, "T", True, False),
        (0.7, "EXIT", True, False),
        (0.7, "EXIT", False, True),
        (0.95, "T", False, True),
        (0.3, "EXIT", False, False),
        (0.7, "[-]", False, False),
        (0.7, "@ T", False, False),
        (0.9, "$ 5", False, True),
    ],
)
def test_a_piece_stays_by_its_own_certainty(probability: float, text: str, doubtful: bool, kept: bool) -> None:
    (first, second) = check_slice(page(2), 0, answer((text, probability), ("sure line", 0.99)), doubtful)
    assert (first.text, bool(first.lines)) == (text if kept else "", kept)
    assert second.text == "sure line"


@pytest.mark.parametrize(("probability", "kept"), [(0.95, True), (0.7, True), (0.5, False)])
@pytest.mark.parametrize("natural", [False, True])
def test_a_number_that_was_cut_out_needs_less_certainty_than_one_on_a_page(
    probability: float, kept: bool, natural: bool
) -> None:
    whole = page(1)
    crop = replace(whole, layout=replace(whole.layout, is_crop=True), natural=natural)
    (found,) = check_slice(crop, 0, answer(("12", probability)), False)
    assert found.text == ("12" if kept else "")
    (found,) = check_slice(replace(whole, natural=natural), 0, answer(("12", probability)), False)
    assert found.text == ("12" if probability > 0.8 else "")


def test_a_cell_needs_no_more_certainty_for_a_digit_than_for_words() -> None:
    whole = page(1)
    cell = replace(whole, layout=replace(whole.layout, upright_lines=(Line((0, 0, 100, 15), table=0),)))
    (found,) = check_slice(cell, 0, answer(("7", 0.5)), False)
    assert found.text == "7"


def test_what_is_left_out_is_named_by_its_box() -> None:
    cut = page(4)
    answers = [answer(("first line", 0.99), ("xq#", 0.2)), answer(("third line", 0.98), ("last line", 0.97))]
    checked = [check_slice(cut, number, one, False) for number, one in enumerate(answers)]
    lines, unread = _page_lines(cut, checked, (5, 7))
    assert [one.text for one in lines] == ["first line", "third line", "last line"]
    assert unread == [(5, 27, 105, 42)]
    texts = [[piece.text for piece in pieces] for pieces in checked]
    assert join_slices(cut, texts) == "first line\nthird line\nlast line"


def test_uncertain_formulas_are_read_as_letters_and_certain_ones_written_as_unicode() -> None:
    letters = answer(("x2 of it", 0.9))
    assert choose_plain(answer((r"\(x^{2}\) of it", 0.97)), letters).text == "x² of it"
    assert choose_plain(answer((r"\(x^{2}\) of it", 0.7)), letters).text == "x2 of it"
    assert choose_plain(answer((r"\(x^{2}\) of it", 0.97)), letters).lines[0].text == "x² of it"


def test_a_page_votes_with_slices_from_all_over_it() -> None:
    slices = [Image.new("L", (1, 1), number) for number in range(100)]
    chosen = [image.getpixel((0, 0)) for image in choose_sample(slices)]
    assert len(chosen) == 16 and chosen[0] < 10 and chosen[-1] > 90 and chosen == sorted(chosen)
    assert choose_sample(slices[:3]) == slices[:3] and choose_sample([]) == []


@pytest.mark.parametrize(
    ("texts", "screen"),
    [
        (["0 0 0 0", "0 4 0"], True),
        (["o o O °"], True),
        (["0 0 0"], False),
        (["4 7 9 1"], False),
        (["Sum 0 0 0 0 0 0"], False),
        (["0.0 0 0 0 0"], False),
        ([], False),
    ],
)
def test_a_page_of_single_zeros_is_a_screen(texts: list[str], screen: bool) -> None:
    answers = [answer((text, 0.97)) for text in texts]
    assert is_screen(answers) == screen
    if screen:
        (first, second) = check_slice(page(2), 0, answer((texts[0], 0.97), ("0 0 0", 0.97)), True)
        assert first.text == second.text == ""


def test_a_slice_whose_lines_are_not_its_pieces_is_mixed_up() -> None:
    cut = page(3)
    assert is_mixed_up(cut, 0, answer()) and is_mixed_up(cut, 0, answer(("a", 0.9)))
    assert is_mixed_up(cut, 0, answer(("a", 0.9), ("b", 0.9), ("c", 0.9)))
    assert not is_mixed_up(cut, 0, answer(("a", 0.9), ("b", 0.9)))
    assert not is_mixed_up(cut, 1, answer()), "one piece is alone already"


def test_a_piece_that_is_looked_at_alone_is_text_or_not_by_its_certainty() -> None:
    assert check_piece(answer(("Thoroughly cook", 0.99)), True).text == "Thoroughly cook"
    assert check_piece(answer(("wOyy", 0.3)), False).text == ""
    assert check_piece(answer(), False).text == ""


def test_confidence_rises_with_the_probability_and_is_what_was_measured() -> None:
    shares = [line("x", probability / 200).confidence for probability in range(201)]
    assert shares == sorted(shares) and shares[0] == 0.0 and shares[-1] == 0.99
    assert calibrate(0.945) == 0.71 and 0.07 < calibrate(0.8) < 0.23, "most words of such a line are wrong"
