r"""Format mode of slices: words of the plain reading, formulas of the formatted one where they are sure."""

import copy
import math
from typing import Any

import pytest
from PIL import Image, ImageDraw

from got_ocr.processing.mode import Mode
from got_ocr.processing.tokenizer import GotOcrTokenizer
from got_ocr.reading.answer import GotOcrAnswer
from got_ocr.reading.formulas import insert_formulas, may_have_formulas
from got_ocr.reading.generating import Generation, make_answer
from got_ocr.reading.options import ReadingOptions
from got_ocr.reading.slice_reading import SliceReader


def answer_of(tokenizer: GotOcrTokenizer, text: str, probability: float = 0.999, **doubts: float) -> GotOcrAnswer:
    """An answer; `doubts` are probabilities of the tokens of one part: `part=0.5` with `_` for a backslash."""
    tokens = tokenizer.encode(text, split_special_tokens=True)
    logs = [math.log(probability)] * (len(tokens) + 1)
    for part, own in doubts.items():
        start = text.index(part)
        before = len(tokenizer.encode(text[:start], split_special_tokens=True))
        for place in range(before, before + len(tokenizer.encode(part, split_special_tokens=True))):
            logs[place] = math.log(own)
    stop = tokenizer.special_ids["<|im_end|>"]
    return make_answer([*tokens, stop], logs, [stop], tokenizer.decode)


def test_each_formula_of_a_line_has_its_certainty(tiny_tokenizer: GotOcrTokenizer) -> None:
    text = "é \\(x^{2}\\) and \\(y\\)\nplain\n\\[z\\]"
    answer = answer_of(tiny_tokenizer, text, **{"\\(y\\)": 0.5})
    assert [len(line.formulas) for line in answer.lines] == [2, 0, 1]
    assert answer.lines[0].formulas == pytest.approx((0.999, 0.5))
    assert answer.lines[2].formulas == pytest.approx((0.999,))


@pytest.mark.parametrize(
    ("plain", "formatted", "merged"),
    [
        ("set x2 to one", "sot \\(x^{2}\\) to ono", "set \\(x^{2}\\) to one"),
        ("the sum a + - b holds", "the sum \\(a+b\\) holds", "the sum \\(a+b\\) holds"),
        ("nothing here", "nothing \\(x\\) here", "nothing \\(x\\) here"),
        ("where (x2), as", "where (\\(x^{2}\\)), as", "where (\\(x^{2}\\)), as"),
        ("T(z+1)=1", "\\[\\Gamma(z+1)=1\\]", "\\[\\Gamma(z+1)=1\\]"),
        ("all is plain", "all is plein", "all is plain"),
        ("one\ntwo x2", "ono\ntwo \\(x^{2}\\)", "one\ntwo \\(x^{2}\\)"),
        ("1\n2 of it", "\\(\\frac{1}{2}\\) of it", "\\(\\frac{1}{2}\\) of it"),
    ],
)
def test_sure_formulas_come_into_the_plain_words(
    tiny_tokenizer: GotOcrTokenizer, plain: str, formatted: str, merged: str
) -> None:
    one, other = answer_of(tiny_tokenizer, plain), answer_of(tiny_tokenizer, formatted)
    got = insert_formulas(one, other)
    assert got.text == merged
    assert "\n".join(line.text for line in got.lines) == merged


def test_doubtful_formulas_stay_plain(tiny_tokenizer: GotOcrTokenizer) -> None:
    plain = answer_of(tiny_tokenizer, "Table 2 has it and x2 as well as more of the words that follow it here")
    text = "Table \\(\\pi\\) has it and \\(x^{2}\\) as well as more of the words that follow it here"
    doubtful = answer_of(tiny_tokenizer, text, **{"\\(\\pi\\)": 0.8})
    merged = insert_formulas(plain, doubtful)
    assert merged.text == "Table 2 has it and \\(x^{2}\\) as well as more of the words that follow it here"
    assert insert_formulas(plain, answer_of(tiny_tokenizer, text, **{"\\(\\pi\\)": 0.8, "\\(x^{2}\\)": 0.7})) is plain
    # Sure formulas among words that were read with doubt are guesses too.
    assert insert_formulas(plain, answer_of(tiny_tokenizer, text, 0.9)) is plain
    other_lines = answer_of(tiny_tokenizer, "Table \\(\\pi\\)\nhas \\(x^{2}\\) " + text, **{"\\(\\pi\\)": 0.8})
    assert insert_formulas(plain, other_lines) is plain
    assert insert_formulas(plain, GotOcrAnswer("", "stop")) is plain


class _Scripted:
    """Reads every slice alike; counts what it is asked."""

    def __init__(self, config: Any, tokenizer: GotOcrTokenizer, plain: GotOcrAnswer, formatted: GotOcrAnswer) -> None:
        self.config, self.tokenizer = config, tokenizer
        self.answers = {"ocr": plain, "format": formatted}
        self.asked: list[str] = []

    def encode(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, split_special_tokens=True)

    def read_slices(self, slices: list[Image.Image], mode: Mode, generation: Generation) -> list[GotOcrAnswer]:
        self.asked.append(mode.ocr_type)
        return [self.answers[mode.ocr_type]] * len(slices)


@pytest.mark.parametrize("surely", [True, False])
def test_only_slices_in_doubt_are_read_for_formulas(
    tiny_config: Any, tiny_tokenizer: GotOcrTokenizer, surely: bool
) -> None:
    config = copy.deepcopy(tiny_config)
    config.slicing = {"rows": 1, "keep_natural": False, "text_height_px": 20.0}
    plain = answer_of(tiny_tokenizer, "set x2 to one", **({} if surely else {"x2": 0.9}))
    assert may_have_formulas(plain) is not surely
    scripted = _Scripted(config, tiny_tokenizer, plain, answer_of(tiny_tokenizer, "set \\(x^{2}\\) to one"))
    page = Image.new("RGB", (300, 80), "white")
    ImageDraw.Draw(page).text((30, 20), "set x2 to one", fill="black", font_size=22)
    read = SliceReader(scripted, Mode("format"), ReadingOptions()).read([page], [(0, 0, *page.size)])
    assert scripted.asked == (["ocr"] if surely else ["ocr", "format"])
    assert set(read.text.split()) == set(("set x2 to one" if surely else "set \\(x^{2}\\) to one").split())
