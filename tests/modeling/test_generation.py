"""N-gram blocking, loop detection and token probabilities, against transformers' own or against brute force."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.generation import NoRepeatNGramLogitsProcessor

from got_ocr.modeling.generation import (
    CACHE_NAME,
    GrowingCacheLayer,
    NoRepeatNGramProcessor,
    RepetitionStop,
    TokenProbabilityRecorder,
    make_cache,
    name_cache,
)
from got_ocr.reading.model import GotOcrForConditionalGeneration

VOCABULARY = 5


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.lists(st.integers(0, VOCABULARY - 1), min_size=30, max_size=30), min_size=1, max_size=3),
    ngram_size=st.integers(1, 6),
    first=st.integers(1, 12),
)
def test_bans_what_transformers_bans_at_every_step(rows: list[list[int]], ngram_size: int, first: int) -> None:
    ours, theirs = NoRepeatNGramProcessor(ngram_size), NoRepeatNGramLogitsProcessor(ngram_size)
    ids = torch.tensor(rows)
    for length in range(first, ids.shape[1] + 1):
        scores = torch.randn(len(rows), VOCABULARY)
        before = scores.clone()
        got = ours(ids[:, :length], scores)
        assert torch.equal(got, theirs(ids[:, :length], before.clone()))
        assert torch.equal(scores, before), "the scores that come in stay as they are"


def test_ngram_table_is_rebuilt_when_the_sequence_did_not_grow_by_one_token() -> None:
    processor = NoRepeatNGramProcessor(2)
    processor(torch.tensor([[1, 2, 1]]), torch.zeros(1, 4))
    for ids in ([[3, 0, 3]], [[3, 0, 3, 0, 3]], [[3, 0, 3], [0, 0, 0]]):
        expected = NoRepeatNGramLogitsProcessor(2)(torch.tensor(ids), torch.zeros(len(ids), 4))
        assert torch.equal(processor(torch.tensor(ids), torch.zeros(len(ids), 4)), expected)


@pytest.mark.parametrize("size", [0, -1, 2.5, "3"])
def test_ngram_size_must_be_a_positive_integer(size: object) -> None:
    with pytest.raises(ValueError, match="positive integer"):
        NoRepeatNGramProcessor(size)  # type: ignore[arg-type]


def tokens_of(*parts: list[int]) -> list[int]:
    return [token for part in parts for token in part]


@pytest.mark.parametrize("period", [1, 2, 7, 100, 128])
def test_a_loop_is_found_with_its_shortest_period(period: int) -> None:
    piece = list(range(period))
    repeats = max(8, -(-256 // period))
    tokens = tokens_of([900, 901, 902], piece * repeats)
    assert RepetitionStop(0).find_period(tokens) == period
    assert RepetitionStop(0).find_period([*tokens, 903]) is None, "a loop that was left is none"


@pytest.mark.parametrize(
    "tokens",
    [
        [],
        [5] * 255,  # a long line of dots
        list(range(200)) * 7,  # longer than any piece looked for
        tokens_of([1, 2, 3] * 60, [4], [1, 2, 3] * 60),
    ],
)
def test_ordinary_text_is_no_loop(tokens: list[int]) -> None:
    assert RepetitionStop(0).find_period(tokens) is None


def test_only_the_looping_row_is_stopped() -> None:
    stop = RepetitionStop(prompt_length=4)
    loop = tokens_of([1, 2, 3, 4], [7, 8] * 128)
    other = tokens_of([1, 2, 3, 4], list(range(256)))
    assert stop(torch.tensor([loop, other]), torch.zeros(2, 9)).tolist() == [True, False]
    assert not stop(torch.tensor([loop[:-2]]), torch.zeros(1, 9)).any(), "too short to tell"


def test_probability_recorder_keeps_the_best_tokens_probability() -> None:
    recorder = TokenProbabilityRecorder()
    scores = torch.randn(3, 11).half()
    assert recorder(torch.zeros(3, 1, dtype=torch.long), scores) is scores
    expected = scores.float().softmax(-1).max(-1).values
    torch.testing.assert_close(recorder.log_probabilities[0].exp(), expected)
    banned = scores.clone()
    banned[:, 0] = -float("inf")
    recorder(torch.zeros(3, 1, dtype=torch.long), banned)
    assert torch.isfinite(recorder.log_probabilities[1]).all()


@pytest.mark.parametrize("name", ["cache", "past_key_values"])
def test_a_cache_has_two_names_whatever_transformers_calls_it(
    name: str, tiny_model: GotOcrForConditionalGeneration
) -> None:
    ids = torch.tensor([[5, 6, 7, 8, 9]])
    with torch.no_grad():
        whole = tiny_model(input_ids=ids).logits
        first = tiny_model(input_ids=ids[:, :3], **{name: make_cache(tiny_model.config.num_hidden_layers)})
        second = tiny_model(input_ids=ids[:, 3:], **{name: first[CACHE_NAME]})
    assert torch.allclose(second.logits, whole[:, 3:], atol=1e-5)
    plain = tiny_model.generate(ids, do_sample=False, max_new_tokens=4)
    cache = make_cache(tiny_model.config.num_hidden_layers)
    assert torch.equal(tiny_model.generate(ids, do_sample=False, max_new_tokens=4, **{name: cache}), plain)
    assert cache.get_seq_length() >= ids.shape[1], "the cache that was given is the one that was filled"


def test_a_cache_given_by_both_names_is_an_error(tiny_model: GotOcrForConditionalGeneration) -> None:
    cache = make_cache(tiny_model.config.num_hidden_layers)
    assert name_cache(None, None) == {CACHE_NAME: None}
    for read in (tiny_model, tiny_model.model, tiny_model.generate):
        with pytest.raises(ValueError, match="two names of one thing: give cache alone"):
            read(input_ids=torch.tensor([[5, 6]]), cache=cache, past_key_values=cache)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_cache_keeps_halves_in_float32_and_gives_back_what_it_was_given(dtype: torch.dtype) -> None:
    (layer,) = make_cache(1).layers
    assert isinstance(layer, GrowingCacheLayer)
    keys = torch.randn(2, 3, 700, 4, generator=torch.Generator().manual_seed(0)).to(dtype)
    moved, room, end = 0, 0, 0
    for new in (300, 1, 1, *[2] * 199):
        found, values = layer.update(keys[..., end : end + new, :], keys[..., end : end + new, :] + 1)
        end += new
        moved += layer.buffers[0].shape[-2] != room
        room = layer.buffers[0].shape[-2]
        assert found.dtype == values.dtype == dtype
        assert layer.keys.dtype == torch.float32
        assert torch.equal(found, keys[..., :end, :])
    assert torch.equal(values, keys + 1)
    assert moved <= 7, "copied for every eighth of what it holds, or 64 tokens"
    assert room <= end + 64 + end // 8
