"""Drafts change no token: whatever is guessed, the answer is the one of plain greedy search."""

import copy
from typing import Any

import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from transformers import TextStreamer
from transformers.generation import LogitsProcessorList, StoppingCriteriaList

from got_ocr.configuration.config import GotOcrConfig
from got_ocr.modeling.drafts import BREAK, DraftCandidates, verify_drafts
from got_ocr.modeling.generation import RepetitionStop, TokenProbabilityRecorder, make_cache
from got_ocr.reading.model import GotOcrForConditionalGeneration

PROMPT_LENGTH = 12
MAX_NEW_TOKENS = 40
VOCABULARY = 24  # So few that n-grams come again and stop tokens are hit.
IMAGE, STOP, PAD = 19, 20, 21


@pytest.fixture(scope="module")
def small_models() -> list[GotOcrForConditionalGeneration]:
    """Models whose answers differ in kind: long and varied, short, and loops that n-gram blocking breaks."""
    made = []
    for seed, spread in ((0, 0.3), (1, 0.6), (2, 0.05)):
        torch.manual_seed(seed)
        config = GotOcrConfig(
            vision_config={
                "image_size": 64, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "mlp_dim": 16,
                "window_size": 2, "global_attn_indexes": [0], "output_channels": 8, "compressor_channels": [8, 16],
            },
            vocab_size=VOCABULARY, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=4, max_position_embeddings=256, im_start_token=17, im_end_token=18,
            im_patch_token=IMAGE, turn_end_token_id=STOP, pad_token_id=PAD, bos_token_id=PAD, eos_token_id=PAD,
            tie_word_embeddings=False,
        )  # fmt: skip
        model = GotOcrForConditionalGeneration(config).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter) * spread)
        made.append(model)
    return made


def generate(model: Any, prompt: torch.Tensor, candidates: DraftCandidates | None, **options: Any) -> dict[str, Any]:
    """Generate with everything that reading gives to `generate`. Returns: what can differ."""
    recorder = TokenProbabilityRecorder()
    put: list[int] = []
    streamer = _Streamer(put)
    repetition = RepetitionStop(prompt.shape[1], min_tokens=24, min_repeats=4, check_every=8)
    cache = make_cache(model.config.num_hidden_layers)
    drafted = {} if candidates is None else {"custom_generate": verify_drafts(candidates, streamer)}
    tokens = model.generate(
        input_ids=prompt,
        attention_mask=(prompt != PAD).long(),
        cache=cache,
        do_sample=False,
        max_new_tokens=MAX_NEW_TOKENS,
        logits_processor=LogitsProcessorList([recorder]),
        stopping_criteria=StoppingCriteriaList([repetition]),
        streamer=streamer,
        **drafted,
        **options,
    )
    return {
        "tokens": tokens[0].tolist(),
        "streamed": put,
        "cached": cache.get_seq_length(),
        "probabilities": torch.cat(recorder.log_probabilities),
    }


class _Streamer(TextStreamer):
    def __init__(self, put: list[int]) -> None:
        self.received = put

    def put(self, value: torch.Tensor) -> None:
        self.received += value.flatten().tolist()

    def end(self) -> None:
        self.received.append(-1)


def check_equal(drafted: dict[str, Any], plain: dict[str, Any]) -> None:
    torch.testing.assert_close(drafted.pop("probabilities"), plain.pop("probabilities"), atol=2e-4, rtol=1e-4)
    assert drafted == plain


def spoil(answer: list[int], edits: list[tuple[int, str, int]]) -> list[int]:
    """Replace, drop and insert tokens, as a reader that errs."""
    spoiled = list(answer)
    for place, kind, token in edits:
        at = place % (len(spoiled) + 1)
        spoiled[at : at + (kind != "insert")] = [] if kind == "drop" else [token]
    return spoiled


tokens = st.integers(0, VOCABULARY - 1)
edits = st.lists(st.tuples(st.integers(0, 500), st.sampled_from(["replace", "drop", "insert"]), tokens), max_size=12)


@settings(max_examples=60, deadline=None, phases=[Phase.generate])
@given(
    which=st.integers(0, 2),
    prompt=st.lists(st.integers(0, 16), min_size=1, max_size=PROMPT_LENGTH),
    padding=st.integers(0, 3),
    ngram_size=st.sampled_from([0, 2, 3, 20]),
    num_tokens=st.integers(1, 17),
    kind=st.sampled_from(["right", "spoiled", "shifted", "random", "empty", "two", "next best"]),
    edits=edits,
    noise=st.lists(tokens, max_size=80),
    options=st.sampled_from([{}, {"repetition_penalty": 1.3}, {"suppress_tokens": [3, 4]}, {"min_new_tokens": 9}]),
)
def test_any_draft_gives_the_tokens_of_greedy_search(
    small_models: list[Any],
    which: int,
    prompt: list[int],
    padding: int,
    ngram_size: int,
    num_tokens: int,
    kind: str,
    edits: list[tuple[int, str, int]],
    noise: list[int],
    options: dict[str, Any],
) -> None:
    model = small_models[which]
    ids = torch.tensor([[PAD] * padding + prompt])
    options = {**options, "no_repeat_ngram_size": ngram_size}
    plain = generate(model, ids, None, **options)
    answer = plain["tokens"][ids.shape[1] :]
    drafts = {
        "right": [answer],
        "spoiled": [spoil(answer, edits)],
        "shifted": [answer[len(noise) % 7 :]],
        "random": [noise],
        "empty": [],
        "two": [noise, spoil(answer, edits)],
        "next best": [[(token + 1) % VOCABULARY for token in answer]],
    }[kind]
    candidates = DraftCandidates(drafts, ids.shape[1], num_tokens)
    check_equal(generate(model, ids, candidates, **options), plain)
    assert candidates.num_right <= candidates.num_guessed <= candidates.num_steps * num_tokens
    if kind == "right" and IMAGE not in answer:
        # Every step but the last two keeps all of its guesses: the draft ends, and with it the guessing.
        assert candidates.num_steps <= -(-len(answer) // (num_tokens + 1)) + 1


def test_a_picture_is_shown_once_with_the_first_guess(small_models: list[Any]) -> None:
    model = copy.deepcopy(small_models[0])
    image_tokens = model.config.image_token_len
    ids = torch.tensor([[1, 17, *[IMAGE] * image_tokens, 18, 2]])
    pixels = torch.randn(1, 3, 64, 64)
    plain = generate(model, ids, None, pixel_values=pixels)
    seen: list[int] = []
    model.model.vision_tower_high.register_forward_hook(lambda *_: seen.append(1))
    answer = plain["tokens"][ids.shape[1] :]
    check_equal(generate(model, ids, DraftCandidates([answer], ids.shape[1], 7), pixel_values=pixels), plain)
    assert seen == [1]


def test_an_answer_that_goes_on_in_a_filled_cache_is_the_same(small_models: list[Any]) -> None:
    model = small_models[0]
    ids = torch.tensor([[1, 2, 3, 4, 5, 6]])
    plain = generate(model, ids, None)["tokens"]
    cache = make_cache(model.config.num_hidden_layers)
    with torch.no_grad():
        model.model(input_ids=ids[:, :4], cache=cache, use_cache=True)
    candidates = DraftCandidates([plain[6:]], 6, 7)
    options = {"do_sample": False, "max_new_tokens": MAX_NEW_TOKENS}
    drafted = model.generate(ids, cache=cache, custom_generate=verify_drafts(candidates), **options)
    assert drafted[0].tolist() == plain[: drafted.shape[1]]


def test_only_one_greedy_sequence_is_verified(small_models: list[Any]) -> None:
    model, ids = small_models[0], torch.tensor([[1, 2, 3]])
    decode = verify_drafts(DraftCandidates([], 3, 7))
    with pytest.raises(ValueError, match="one sequence at a time, by greedy search"):
        model.generate(ids.repeat(2, 1), custom_generate=decode, max_new_tokens=4, do_sample=False)
    with pytest.raises(ValueError, match="one sequence at a time, by greedy search"):
        model.generate(ids, custom_generate=decode, max_new_tokens=4, do_sample=True)
    with pytest.raises(ValueError, match="leave out use_cache=False"):
        model.generate(ids, custom_generate=decode, max_new_tokens=4, do_sample=False, use_cache=False)


def guesses(candidates: DraftCandidates, answer: list[int], steps: list[int]) -> list[list[int]]:
    """What is guessed while an answer grows by so many tokens a step."""
    found, start = [candidates.guess([])], 0
    for step in steps:
        found.append(candidates.guess(answer[start : start + step]))
        start += step
    return found


def test_the_draft_goes_on_behind_what_differs() -> None:
    draft = list(range(100, 130))
    replaced, dropped, inserted = list(draft), draft[:6] + draft[7:], [*draft[:6], 7, *draft[6:]]
    replaced[6] = 7
    for answer in (replaced, dropped, inserted):
        candidates = DraftCandidates([draft], 0, num_tokens=4)
        found = guesses(candidates, answer, [4, 3, 1, 1])
        assert found[0] == draft[:4]
        assert found[1] == draft[4:8]
        assert found[-1] == answer[9:13], "two tokens behind the difference the place is known again"


def test_a_draft_of_another_page_is_found_again_far_away() -> None:
    draft = [*range(500, 900), 1, 2, 3, 4, 5, 6]
    candidates = DraftCandidates([draft], 0, num_tokens=3)
    assert guesses(candidates, [1, 2, 3], [1, 1, 1])[-1] == [4, 5, 6]


def test_of_two_drafts_the_better_one_is_followed_and_none_runs_into_the_other() -> None:
    candidates = DraftCandidates([[1, 2, 3], [1, 9, 4, 5]], 0, num_tokens=8)
    assert candidates.guess([]) == [1, 2, 3]
    assert candidates.guess([1, 9, 4]) == [5]
    assert BREAK not in candidates.guess([5])


def test_what_was_answered_before_is_guessed_again() -> None:
    row = [11, 12, 13, 14, 15, 16]
    candidates = DraftCandidates([], 0, num_tokens=3)
    assert guesses(candidates, [*row, *row], [6, 1, 1, 1])[-1] == [14, 15, 16]
    without = DraftCandidates([], 0, num_tokens=3, look_back=False)
    assert guesses(without, [*row, *row], [6, 1, 1, 1])[-1] == []


@pytest.mark.parametrize("number", [0, -1, 2.5, True, "8"])
def test_the_number_of_draft_tokens_is_checked(number: Any) -> None:
    with pytest.raises(ValueError, match=f"whole number of at least 1, got {number!r}"):
        DraftCandidates([], 0, number)


@pytest.mark.parametrize(("written", "after"), [(45, 21), (99, 21), (24, 25), (12, 13)])
def test_one_token_that_differs_moves_the_place_no_further_than_it_may_have_skipped(written: int, after: int) -> None:
    """The draft says 20 where the answer says what stands far off in the draft, nowhere, or near."""
    candidates = DraftCandidates([list(range(60))], 0, 3, look_back=False)
    assert candidates.guess([])[:1] == [0]
    for token in range(20):
        assert candidates.guess([token])[0] == token + 1
    assert candidates.guess([written])[0] == after


def test_two_tokens_that_agree_elsewhere_move_the_place() -> None:
    candidates = DraftCandidates([list(range(60))], 0, 3, look_back=False)
    for token in [*range(20), 45]:
        candidates.guess([token])
    assert candidates.guess([46])[0] == 47
