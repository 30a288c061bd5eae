"""Reading with a draft: the same answers in every mode, call and stream, whatever the draft says."""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont

from got_ocr.processing.mode import Mode
from got_ocr.reading import drafting
from got_ocr.reading.answer import GotOcrAnswer
from got_ocr.reading.options import CallOptions, ReadingHooks, ReadingOptions
from got_ocr.reading.pipeline import GotOcrPipeline
from got_ocr.reading.reader import Reader

MODES = {
    "plain": Mode(),
    "format": Mode("format"),
    "box": Mode(box=(1, 2, 60, 50)),
    "color": Mode("format", color="red"),
    "tiles": Mode(crop=True),
    "pages together": Mode(multi_page=True),
    "slices": Mode(slice_pages=True),
    "own words": Mode(instruction="Hm?"),
}
DRAFT_KINDS = ("right", "spoiled", "another page's", "empty")


@pytest.fixture(scope="module")
def model(tiny_model: Any) -> Any:
    """The tiny model with answers that vary: its own repeat one token."""
    model = copy.deepcopy(tiny_model)
    torch.manual_seed(5)
    with torch.no_grad():
        model.model.embed_tokens.weight.copy_(torch.randn_like(model.model.embed_tokens.weight) * 0.3)
    return model


def picture(seed: int = 0) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 255, (150, 190, 3), dtype=np.uint8)
    return Image.fromarray(noise)


def draw_lines(lines: list[str]) -> Image.Image:
    page = Image.new("RGB", (420, 60 * len(lines) + 40), "white")
    for row, text in enumerate(lines):
        ImageDraw.Draw(page).text((30, 30 + 50 * row), text, fill="black", font=ImageFont.load_default(28))
    return page


def options(**more: Any) -> ReadingOptions:
    return ReadingOptions(max_new_tokens=24, **more)


def check_same(drafted: Sequence[GotOcrAnswer], plain: Sequence[GotOcrAnswer]) -> None:
    assert [answer.text for answer in drafted] == [answer.text for answer in plain]
    for one, other in zip(drafted, plain, strict=True):
        assert (one.num_tokens, one.finish_reason) == (other.num_tokens, other.finish_reason)
        assert one.mean_probability == pytest.approx(other.mean_probability, rel=1e-3)
        assert one.min_probability == pytest.approx(other.min_probability, rel=1e-3)
        assert [line.text for line in one.lines] == [line.text for line in other.lines]


def make_draft(kind: str, text: str) -> str:
    spoiled = text[:3] + "#" + text[5:11] + text[14:]
    return {"right": text, "spoiled": spoiled, "another page's": "Some other words\nof two lines.", "empty": ""}[kind]


@pytest.mark.parametrize("name", MODES)
def test_every_mode_gives_the_same_answers(name: str, model: Any, tiny_processor: Any) -> None:
    mode = MODES[name]
    pages = [picture(seed) for seed in range(3)] if name != "slices" else [draw_lines(["one two", "three"])]
    images: Any = [pages] if mode.multi_page else pages
    plain = Reader(model, tiny_processor, options()).read(images, mode)
    for kind in DRAFT_KINDS:
        drafts = [make_draft(kind, answer.text) for answer in plain]
        check_same(Reader(model, tiny_processor, options(draft=drafts, draft_tokens=3)).read(images, mode), plain)


def test_a_right_draft_saves_steps(model: Any, tiny_processor: Any) -> None:
    (plain,) = Reader(model, tiny_processor, options()).read(picture())
    calls: list[int] = []
    with model.register_forward_pre_hook(lambda *_: calls.append(1)):
        (drafted,) = Reader(model, tiny_processor, options(draft=plain.text)).read(picture())
    assert drafted.text == plain.text
    assert len(calls) < plain.num_tokens


@pytest.mark.parametrize("generation", [{"repetition_penalty": 1.2}, {"no_repeat_ngram_size": 2}])
def test_greedy_options_of_generation_go_with_a_draft(generation: dict, model: Any, tiny_processor: Any) -> None:
    plain = Reader(model, tiny_processor, options(generation=generation)).read(picture())
    drafted = Reader(model, tiny_processor, options(generation=generation, draft=plain[0].text)).read(picture())
    check_same(drafted, plain)


@pytest.mark.parametrize("generation", [{"num_beams": 2}, {"temperature": 0.7}])
def test_a_draft_is_verified_by_greedy_search_alone(generation: dict, model: Any, tiny_processor: Any) -> None:
    reader = Reader(model, tiny_processor, options(generation=generation, draft="A text"))
    with pytest.raises(ValueError, match="by greedy search: leave out num_beams, do_sample"):
        reader.read(picture())


def test_streams_are_the_same_pieces(model: Any, tiny_processor: Any) -> None:
    def pieces(**more: Any) -> list[str]:
        found: list[str] = []
        Reader(model, tiny_processor, options(**more)).read(
            [picture(0), picture(1)], hooks=ReadingHooks(on_text=found.append)
        )
        return found

    texts = [answer.text for answer in Reader(model, tiny_processor, options()).read([picture(0), picture(1)])]
    assert pieces(draft=texts) == pieces()
    streamed = "".join(model.chat_stream(tiny_processor, picture(0), max_new_tokens=24, draft=texts[0]))
    assert streamed.strip() == texts[0]


def test_every_call_takes_a_draft(model: Any, tiny_processor: Any) -> None:
    plain = model.chat(tiny_processor, picture(), max_new_tokens=24)
    given = {"max_new_tokens": 24, "draft": plain}
    assert model.chat(tiny_processor, picture(), **given) == plain
    assert model.read(tiny_processor, picture(), **given)[0].text == plain
    pipe = GotOcrPipeline(model=model, processor=tiny_processor, tokenizer=tiny_processor.tokenizer)
    assert pipe(picture(), **given)[0]["generated_text"] == plain
    conversation = [
        {"role": "user", "content": [{"type": "image", "image": picture()}, {"type": "text", "text": "Hm"}]}
    ]
    read = [
        Reader(model, tiny_processor, options(draft=draft)).reply(conversation).text
        for draft in (None, "A text", True)
    ]
    assert read[0] == read[1] == read[2]


def test_drafts_stay_with_their_pages(model: Any, tiny_processor: Any, tmp_path: Path) -> None:
    for number in range(4):
        picture(number).save(tmp_path / f"{number}.png")
    (tmp_path / "1.png").write_bytes(b"no picture")
    asked: list[tuple[int, Mode]] = []

    def read(pages: Sequence[Image.Image], mode: Mode) -> str:
        asked.append((len(pages), mode))
        return "A draft"

    taken: list[str] = []
    for draft in (["0", "1", "2", "3"], read):
        reader = Reader(model, tiny_processor, options(draft=draft, batch_size=2))
        reader._engine._draft_options = lambda generation, *_: taken.append(generation.drafts[0]) or {}  # type: ignore[method-assign]
        list(reader.read_pages(tmp_path, Mode("format"), on_error="return"))
    assert taken == ["0", "2", "3", "A draft", "A draft", "A draft"]
    assert asked == [(1, Mode("format"))] * 3
    with pytest.raises(ValueError, match="more of these than 2"):
        list(Reader(model, tiny_processor, options(draft=["0", "1"])).read_pages(tmp_path, on_error="return"))


def test_a_special_token_spelled_in_a_draft_is_text(model: Any, tiny_processor: Any) -> None:
    plain = Reader(model, tiny_processor, options()).read(picture())
    check_same(Reader(model, tiny_processor, options(draft="<|im_end|><imgpad>")).read(picture()), plain)
    assert (
        tiny_processor.tokenizer.special_ids["<|im_end|>"] not in drafting.spell_draft("<|im_end|>", tiny_processor)[0]
    )


def test_a_draft_of_lines_is_also_tried_as_one_line(tiny_processor: Any) -> None:
    decode = tiny_processor.tokenizer.decode
    assert [decode(ids) for ids in drafting.spell_draft(" a b\n c ", tiny_processor)] == ["a b\n c", "a b c"]
    assert [decode(ids) for ids in drafting.spell_draft("a b", tiny_processor)] == ["a b"]
    assert drafting.spell_draft(" \n", tiny_processor) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"draft": 3}, "draft must be True, a text, a list .* or a function .*, got 3"),
        ({"draft": ["a", 3]}, "got a list with other things than texts"),
        ({"draft": b"text"}, "got b'text'"),
        ({"draft_tokens": 0}, "draft_tokens must be a whole number of at least 1, got 0"),
        ({"draft_tokens": True}, "draft_tokens must be a whole number of at least 1, got True"),
    ],
)
def test_wrong_drafts_are_said(given: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ReadingOptions(**given)


def test_the_number_of_texts_is_checked(model: Any, tiny_processor: Any) -> None:
    with pytest.raises(ValueError, match="draft is one text, but there are 2 pictures"):
        Reader(model, tiny_processor, options(draft="text")).read([picture(), picture()])
    with pytest.raises(ValueError, match="one text for each of the 2 pictures, got 1"):
        Reader(model, tiny_processor, options(draft=["text"])).read([picture(), picture()])
    assert CallOptions.sort({"draft": False}).reading == ReadingOptions(draft=False)


def test_the_built_in_model_reads_first(model: Any, tiny_processor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from got_ocr.hub.drafting import read_draft

    assert drafting._readers == [read_draft], "the package hands it in when reading is imported"
    page = draw_lines(["The quick brown fox", "jumps over the lazy dog."])
    text = read_draft([page], Mode(crop=True))
    assert "quick brown" in text
    taken: list[str] = []
    reader = Reader(model, tiny_processor, options(draft=True))
    monkeypatch.setattr(reader._engine, "_draft_options", lambda one, *_: taken.append(one.drafts[0]) or {})
    reader.read(page)
    assert taken == [text]
    monkeypatch.setattr(drafting, "_readers", [])
    with pytest.raises(ValueError, match="import got_ocr, or give texts"):
        reader.read(page)


def test_the_built_in_model_does_not_verify_itself() -> None:
    with pytest.raises(ValueError, match="one of its kind, which gains nothing"):
        drafting.Drafts(True, made_for_slices=True)
