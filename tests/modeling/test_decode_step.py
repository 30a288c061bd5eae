"""The short way of one token through the decoder computes what the layers themselves compute."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.cache_utils import DynamicCache

from got_ocr.modeling import network
from got_ocr.modeling.generation import CACHE_NAME, make_cache
from got_ocr.reading.model import GotOcrForConditionalGeneration
from tests.modeling.test_quantization import small_config
from tests.parity.peer import randomise


@pytest.fixture(scope="module")
def models() -> dict[str, GotOcrForConditionalGeneration]:
    made = {}
    for name, options in (
        ("plain", {}),
        ("grouped", {"num_key_value_heads": 2}),
        ("untied", {"tie_word_embeddings": False}),
    ):
        made[name] = GotOcrForConditionalGeneration(small_config(**options)).eval()
        randomise(made[name])
    return made


def ordinary(model, *arguments, **options):
    """Run something with the short way closed."""
    original = network.can_step
    network.can_step = lambda *_: False
    try:
        return model(*arguments, **options)
    finally:
        network.can_step = original


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(["plain", "grouped", "untied"]),
    rows=st.integers(1, 4),
    new=st.sampled_from([1, 3]),
    length=st.integers(1, 40),
    padding=st.lists(st.integers(0, 6), min_size=4, max_size=4),
    dtype=st.sampled_from([torch.float32, torch.bfloat16]),
    seed=st.integers(0, 1000),
)
def test_a_step_equals_the_layers_own(models, name, rows, new, length, padding, dtype, seed):
    model = models[name].to(dtype)
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, 140, (rows, length + 3), generator=generator)
    mask = torch.ones_like(ids)
    for row in range(rows):
        mask[row, : min(padding[row], length - 1)] = 0
    positions = (mask.cumsum(1) - 1).clamp_min(0)
    results = []
    with torch.inference_mode():
        for run in (ordinary, lambda model, **options: model(**options)):
            cache, logits = make_cache(model.config.num_hidden_layers), []
            ends = [length, *range(length + 1, length + 4)] if new == 1 else [length, length + 3]
            for start, end in zip((0, *ends), ends, strict=False):
                output = run(
                    model,
                    input_ids=ids[:, start:end],
                    attention_mask=mask[:, :end],
                    position_ids=positions[:, start:end],
                    use_cache=True,
                    **{CACHE_NAME: cache},
                )
                assert output[CACHE_NAME] is cache
                logits.append(output.logits[:, -(end - start) :][:, -3:])
            results.append((torch.cat(logits[1:], 1), [layer.keys.clone() for layer in cache.layers]))
    models[name].to(torch.float32)

    tolerance = 1e-4 if dtype == torch.float32 else 0.08
    torch.testing.assert_close(results[1][0], results[0][0], rtol=tolerance, atol=tolerance)
    for short, long in zip(results[1][1], results[0][1], strict=True):
        torch.testing.assert_close(short, long, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("rows", [1, 3])
def test_greedy_answers_are_those_of_the_ordinary_way(models, rows, monkeypatch):
    model = models["plain"]
    for seed in range(8):
        ids = torch.randint(0, 140, (rows, 9 + seed), generator=torch.Generator().manual_seed(seed))
        ids[0, : seed % 4] = model.config.pad_token_id
        answers = []
        for is_open in (True, False):
            with monkeypatch.context() as patch:
                if not is_open:
                    patch.setattr(network, "can_step", lambda *_: False)
                cache = make_cache(model.config.num_hidden_layers)
                answers.append(model.generate(ids, cache=cache, max_new_tokens=40, do_sample=False))
        assert torch.equal(*answers)


def test_the_short_way_is_taken_in_decoding_and_only_there(models, monkeypatch):
    model, taken = models["plain"], []
    real = network.run_step
    monkeypatch.setattr(network, "run_step", lambda *arguments: taken.append(1) or real(*arguments))
    ids = torch.randint(0, 140, (1, 6), generator=torch.Generator().manual_seed(0))

    model.generate(ids, cache=make_cache(2), max_new_tokens=5, min_new_tokens=5, do_sample=False)
    assert len(taken) == 4  # The first token comes from the prompt.

    taken.clear()
    model.generate(ids, cache=DynamicCache(), max_new_tokens=5, do_sample=False)
    cache = make_cache(2)
    with torch.no_grad():
        model(input_ids=ids, use_cache=True, **{CACHE_NAME: cache})
        watched = model(input_ids=ids[:, :1], output_hidden_states=True, use_cache=True, **{CACHE_NAME: cache})
    assert watched.hidden_states is not None
    seen = []
    handle = model.model.layers[0].register_forward_hook(lambda *_: seen.append(1))
    with torch.no_grad():
        model(input_ids=ids[:, :1], use_cache=True, **{CACHE_NAME: cache})
    handle.remove()
    model(input_ids=ids[:, :1], use_cache=True, **{CACHE_NAME: cache}).logits.sum().backward()
    assert seen and not taken
