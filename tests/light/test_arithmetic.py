"""What numpy lacks, against torch's own."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from got_ocr.light.arithmetic import (
    Linear,
    Workspace,
    apply_doubled_gelu,
    apply_silu,
    convolve_3x3,
    exponentiate,
    fold_norm,
    scale_to_unit,
    standardise,
)

EVERYWHERE = np.concatenate([np.linspace(-12, 12, 200_001), [-1e30, -300.0, 300.0, 1e30]]).astype(np.float32)


def test_gelu_is_the_exact_one_everywhere() -> None:
    doubled = EVERYWHERE.copy()
    with np.errstate(over="ignore"):
        apply_doubled_gelu(doubled, Workspace())

    exact = F.gelu(torch.from_numpy(EVERYWHERE).double()).numpy()
    inner = np.abs(EVERYWHERE) < 100
    assert np.abs(doubled[inner] / 2 - exact[inner]).max() < 5e-6
    assert np.allclose(doubled[~inner] / 2, exact[~inner], rtol=1e-6)


def test_silu() -> None:
    found = EVERYWHERE.copy()
    apply_silu(found, Workspace())

    np.testing.assert_allclose(found, F.silu(torch.from_numpy(EVERYWHERE)).numpy(), rtol=2e-6, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), scale=st.sampled_from([1e-3, 1.0, 60.0, 1e4]))
def test_softmax_whatever_the_logits(seed: int, scale: float) -> None:
    logits = np.random.default_rng(seed).standard_normal((3, 5, 9)).astype(np.float32) * np.float32(scale)
    expected = torch.from_numpy(logits.copy()).softmax(-1).numpy()
    sums = exponentiate(logits)

    np.testing.assert_allclose(logits / sums, expected, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), offset=st.sampled_from([0.0, 5.0, -300.0]))
def test_norms_with_their_weights_folded_into_the_layer_behind(seed: int, offset: float) -> None:
    draw = np.random.default_rng(seed)
    hidden = (draw.standard_normal((7, 24)) * 3 + offset).astype(np.float32)
    weight, bias = draw.standard_normal((10, 24)).astype(np.float32), draw.standard_normal(10).astype(np.float32)
    scale, shift = draw.standard_normal(24).astype(np.float32), draw.standard_normal(24).astype(np.float32)
    torch_hidden, torch_weight = torch.from_numpy(hidden).double(), torch.from_numpy(weight).double()
    torch_scale, torch_shift = torch.from_numpy(scale).double(), torch.from_numpy(shift).double()

    folded, folded_bias = fold_norm(weight, bias, scale, shift)
    found = standardise(hidden, 1e-6, np.empty_like(hidden)) @ folded + folded_bias
    normed = F.layer_norm(torch_hidden, (24,), torch_scale, torch_shift, 1e-6)
    expected = F.linear(normed, torch_weight, torch.from_numpy(bias).double())
    np.testing.assert_allclose(found, expected.numpy(), atol=2e-3 if offset < -100 else 1e-4)

    folded, none = fold_norm(weight, None, scale, None)
    found = scale_to_unit(hidden, 1e-6, np.empty_like(hidden)) @ folded
    expected = F.linear(F.rms_norm(torch_hidden, (24,), torch_scale, 1e-6), torch_weight)
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-4)
    assert not none.any()


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [(4, 12), (6, 6)])
def test_convolution_and_the_buffers_that_it_keeps(stride: int, size: tuple[int, int]) -> None:
    draw, space = np.random.default_rng(0), Workspace()
    for images in (3, 2):  # What the first one left in the buffers must not show at the edges.
        maps = draw.standard_normal((images, *size, 5)).astype(np.float32)
        kernel = draw.standard_normal((7, 5, 3, 3)).astype(np.float32)
        rows = np.ascontiguousarray(kernel.transpose(2, 3, 1, 0).reshape(-1, 7))
        expected = F.conv2d(
            torch.from_numpy(maps.transpose(0, 3, 1, 2).copy()), torch.from_numpy(kernel), stride=stride, padding=1
        )
        found = convolve_3x3(maps, Linear(rows), stride, space, "map")
        np.testing.assert_allclose(found, expected.permute(0, 2, 3, 1).numpy(), atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(1, 130),
    inputs=st.sampled_from([1, 40, 192, 864, 40_000]),
    outputs=st.sampled_from([1, 31, 32, 64, 96, 128, 627]),
    has_bias=st.booleans(),
)
def test_linear_layers_of_any_size(rows: int, inputs: int, outputs: int, has_bias: bool) -> None:
    draw, space = np.random.default_rng(rows), Workspace()
    hidden = draw.standard_normal((rows, inputs)).astype(np.float32)
    weight = draw.standard_normal((inputs, outputs)).astype(np.float32)
    bias = draw.standard_normal(outputs).astype(np.float32) if has_bias else None
    expected = hidden.astype(np.float64) @ weight + (0 if bias is None else bias)

    found = Linear(weight, bias).apply(hidden, space, "found")
    np.testing.assert_allclose(found, expected, atol=2e-5 * inputs**0.5)
