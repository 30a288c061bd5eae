"""A row times a matrix, piece by piece: the same numbers, wherever it is done."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from got_ocr.modeling import one_row
from got_ocr.modeling.generation import make_cache
from got_ocr.modeling.one_row import PIECES, apply_linear, find_piece, multiply_pieces
from got_ocr.reading.model import GotOcrForConditionalGeneration
from tests.modeling.test_quantization import small_config
from tests.parity.peer import randomise


@settings(max_examples=60, deadline=None)
@given(
    piece=st.sampled_from(PIECES),
    count=st.integers(1, 9),
    inputs=st.integers(1, 70),
    shape=st.sampled_from([(), (1,), (1, 1)]),
    has_bias=st.booleans(),
)
def test_pieces_give_what_the_layer_gives(piece, count, inputs, shape, has_bias):
    torch.manual_seed(piece * count + inputs)
    layer = nn.Linear(inputs, piece * count, bias=has_bias)
    row = torch.randn(*shape, inputs)

    with torch.inference_mode():
        found = multiply_pieces(row, layer.weight, layer.bias, piece)

        torch.testing.assert_close(found, layer(row), rtol=1e-5, atol=1e-5)


@pytest.fixture
def always(monkeypatch):
    """Cut every matrix, and note each that is."""
    cut = []
    real = one_row.multiply_pieces
    monkeypatch.setattr(one_row, "LEAST_WEIGHTS", 1)
    monkeypatch.setattr(one_row, "pieces_are_faster", lambda _: True)
    monkeypatch.setattr(one_row, "multiply_pieces", lambda *arguments: cut.append(1) or real(*arguments))
    return cut


def test_greedy_tokens_are_those_without_pieces(always, monkeypatch):
    model = GotOcrForConditionalGeneration(small_config(vocab_size=152)).eval()
    randomise(model)
    for seed in range(6):
        ids = torch.randint(0, 140, (1, 8 + seed), generator=torch.Generator().manual_seed(seed))
        options = {"max_new_tokens": 30, "min_new_tokens": 30, "do_sample": False}
        always.clear()
        found = model.generate(ids, cache=make_cache(2), **options)
        assert len(always) >= 29 * (2 * 7 + 1)  # Seven matrices a layer, and the head.
        with monkeypatch.context() as patch:
            patch.setattr(one_row, "pieces_are_faster", lambda _: False)
            assert torch.equal(found, model.generate(ids, cache=make_cache(2), **options))


def test_what_is_not_a_plain_row_of_float32_is_left_to_the_layer(always):
    layer, row = nn.Linear(32, 48), torch.randn(1, 32)
    seen = []
    with torch.inference_mode():
        apply_linear(layer, row)
        assert len(always) == 1
        apply_linear(layer, torch.randn(2, 32))
        apply_linear(nn.Linear(32, 49), row)
        apply_linear(nn.Linear(32, 48).bfloat16(), row.bfloat16())
        layer.register_forward_hook(lambda *_: seen.append(1))
        apply_linear(layer, row)
    assert len(always) == 1 and seen == [1]


def test_small_and_turned_matrices_are_not_cut():
    assert find_piece(torch.empty(1024, 1024)) == 16
    assert find_piece(torch.empty(151860, 8)) == 12  # The published vocabulary.
    assert find_piece(torch.empty(1024, 1023)) == 0
    assert find_piece(torch.empty(1024, 2048).T) == 0
    assert find_piece(torch.empty(2048, 1024, dtype=torch.bfloat16)) == 0


def test_which_way_is_faster_is_measured_once():
    one_row.pieces_are_faster.cache_clear()

    assert one_row.pieces_are_faster(1) in (True, False)
    one_row.pieces_are_faster(1)

    assert one_row.pieces_are_faster.cache_info().misses == 1
