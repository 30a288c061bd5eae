"""The tower's pure helpers, and its two attentions against each other."""

import pytest
import torch

from got_ocr.configuration.config import GotOcrConfig, GotOcrVisionConfig
from got_ocr.modeling import vision
from got_ocr.modeling.vision import (
    GotOcrVisionAttention,
    GotOcrVisionTower,
    attend_by_rows,
    fold_relative_position,
    relative_position_terms,
    window_partition,
    window_unpartition,
)


def small_vision_config(**changes: object) -> GotOcrVisionConfig:
    sizes = {"image_size": 48, "patch_size": 4, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    sizes |= {"mlp_dim": 48, "window_size": 5, "global_attn_indexes": [1], "output_channels": 8}
    return GotOcrVisionConfig(**{**sizes, "compressor_channels": [12, 16], **changes})


def randomised(module: torch.nn.Module) -> torch.nn.Module:
    generator = torch.Generator().manual_seed(0)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.3, generator=generator)
    return module.eval()


@pytest.mark.parametrize(("height", "width", "size"), [(10, 10, 5), (7, 12, 5), (3, 4, 14), (64, 64, 14)])
def test_partition_and_back(height: int, width: int, size: int) -> None:
    hidden = torch.arange(2.0 * height * width * 3).remainder(7.0).view(2, height, width, 3)  # whole: sums are exact
    windows, padded = window_partition(hidden, size)
    assert padded == (-(-height // size) * size, -(-width // size) * size)
    assert windows.shape == (2 * padded[0] * padded[1] // size**2, size, size, 3)
    assert torch.equal(window_unpartition(windows, size, padded, (height, width)), hidden)
    torch.testing.assert_close(windows.sum(), hidden.sum(), msg="padding is zero")


def test_folded_position_is_the_definition() -> None:
    """q . k + q . Rh[qh - kh] + q . Rw[qw - kw], written out with loops."""
    height, width, depth = 3, 4, 8
    query, key = torch.randn(2, 1, 1, height, width, depth, dtype=torch.float64)
    rel_h = torch.randn(2 * height - 1, depth, dtype=torch.float64)
    rel_w = torch.randn(2 * width - 1, depth, dtype=torch.float64)
    wide_query, wide_key = fold_relative_position(query, key, rel_h, rel_w)
    got = (wide_query.flatten(2, 3) @ wide_key.flatten(2, 3).transpose(-1, -2) * depth**-0.5)[0, 0]
    term_h, term_w = relative_position_terms(query, rel_h, rel_w)
    for q_row, q_column, k_row, k_column in torch.cartesian_prod(*map(torch.arange, (height, width) * 2)).tolist():
        q, k = query[0, 0, q_row, q_column], key[0, 0, k_row, k_column]
        vertical = q @ rel_h[q_row - k_row + height - 1]
        horizontal = q @ rel_w[q_column - k_column + width - 1]
        expected = q @ k * depth**-0.5 + vertical + horizontal
        torch.testing.assert_close(got[q_row * width + q_column, k_row * width + k_column], expected)
        torch.testing.assert_close(term_h[0, 0, q_row, q_column, k_row], vertical)
        torch.testing.assert_close(term_w[0, 0, q_row, q_column, k_column], horizontal)


@pytest.mark.parametrize("use_rel_pos", [True, False])
def test_sdpa_equals_eager_forward_and_backward(use_rel_pos: bool) -> None:
    config = small_vision_config(use_rel_pos=use_rel_pos)
    attention = randomised(GotOcrVisionAttention(config, size=6)).double()
    outputs, gradients = [], []
    for implementation in ("eager", "sdpa"):
        config._attn_implementation = implementation
        hidden = torch.randn(2, 6, 6, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        hidden.requires_grad_()
        attention.zero_grad()
        output = attention(hidden)
        output.square().sum().backward()
        outputs.append(output.detach())
        gradients.append([hidden.grad, *(parameter.grad for parameter in attention.parameters())])
    # Eager takes its softmax in float32, as the published model does: gradients err in proportion to the largest.
    torch.testing.assert_close(outputs[0], outputs[1], atol=1e-5, rtol=1e-5)
    for eager, sdpa in zip(*gradients, strict=True):
        torch.testing.assert_close(eager, sdpa, atol=1e-5 * float(sdpa.abs().max().clamp(min=1.0)), rtol=1e-4)


@pytest.mark.parametrize(("height", "width", "rows"), [(6, 6, 4), (8, 5, 4), (3, 9, 4), (7, 7, 1), (4, 4, 9)])
def test_rows_at_a_time_equal_eager(height: int, width: int, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Maps that a few rows divide and that they don't, higher and wider ones, and less than that at once."""
    monkeypatch.setattr(vision, "ROWS_AT_ONCE", rows)
    attention = randomised(GotOcrVisionAttention(small_vision_config(), size=6))
    generator = torch.Generator().manual_seed(2)
    query, key = (torch.randn(2, 3, height, width, 8, generator=generator).transpose(0, 1) for _ in range(2))
    value = torch.randn(3, height * width, 2, 8, generator=generator).transpose(1, 2)
    rel_h, rel_w = (torch.randn(2 * side - 1, 8, generator=generator) for side in (height, width))
    attention.rel_pos_h, attention.rel_pos_w = map(torch.nn.Parameter, (rel_h, rel_w))
    with torch.inference_mode():
        expected = attention._attend_eager(query, key, value)
        torch.testing.assert_close(attend_by_rows(query, key, value, rel_h, rel_w), expected, atol=1e-6, rtol=1e-5)
        halves = attend_by_rows(*(part.bfloat16() for part in (query, key, value, rel_h, rel_w)))
    assert halves.dtype == torch.bfloat16
    torch.testing.assert_close(halves.float(), expected, atol=0.1, rtol=0.1)


def test_whole_maps_go_by_rows_only_where_no_gradient_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    attention = randomised(GotOcrVisionAttention(small_vision_config(), size=32))
    hidden = torch.randn(1, 32, 32, 32, generator=torch.Generator().manual_seed(3))
    calls = []
    by_rows = vision.attend_by_rows
    monkeypatch.setattr(vision, "attend_by_rows", lambda *parts: calls.append(parts) or by_rows(*parts))
    folded = attention(hidden)
    assert not calls
    folded.sum().backward()
    with torch.no_grad():
        torch.testing.assert_close(attention(hidden), folded, atol=1e-5, rtol=1e-5)
        assert len(calls) == 1
        attention(hidden[:, :14, :14])
    assert len(calls) == 1, "windows are small enough"


def test_sdpa_holds_no_square_of_logits() -> None:
    """At 48 x 48 patches one head's logits are 5.3 M numbers: nothing of that size is made on the way."""
    config = small_vision_config(image_size=192, num_hidden_layers=1, global_attn_indexes=[0])
    attention = randomised(GotOcrVisionAttention(config, size=48))
    largest = 0

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            nonlocal largest
            result = func(*args, **(kwargs or {}))
            for tensor in result if isinstance(result, (tuple, list)) else [result]:
                if isinstance(tensor, torch.Tensor):
                    largest = max(largest, tensor.untyped_storage().nbytes() // tensor.element_size())
            return result

    with torch.no_grad(), Watch():
        attention(torch.randn(1, 48, 48, 32))
    assert 0 < largest < (48 * 48) ** 2 // 4


def test_a_batch_equals_its_images_one_by_one() -> None:
    tower = randomised(GotOcrVisionTower(small_vision_config()))
    images = torch.randn(3, 3, 48, 48)
    with torch.no_grad():
        together = tower(images)
        alone = torch.cat([tower(image[None]) for image in images])
    assert together.shape == (3, 9, 16)
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


def test_low_images_are_the_top_of_the_canvas() -> None:
    """With windows alone, an image token sees no further than its window and the convolutions' neighbours."""
    config = small_vision_config(use_rel_pos=False, window_size=4, global_attn_indexes=[])
    assert config.input_heights == [16, 32, 48]
    tower = randomised(GotOcrVisionTower(config))
    image = torch.randn(2, 3, 48, 48, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        whole, low = tower(image), tower(image[:, :, :32])
    assert [config.count_image_tokens(height) for height in config.input_heights] == [3, 6, 9]
    assert low.shape == (2, 6, 16)
    torch.testing.assert_close(low[:, :3], whole[:, :3], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("shape", [(1, 3, 20, 48), (1, 3, 64, 48), (1, 3, 32, 32)])
def test_heights_that_cut_windows_are_refused(shape: tuple[int, ...]) -> None:
    tower = GotOcrVisionTower(small_vision_config(use_rel_pos=False, window_size=4))
    with pytest.raises(ValueError, match=r"\(images, 3, 48, 48\), or be 16, 32 high, got \(1, 3,.*processor"):
        tower(torch.zeros(shape))


def test_tables_of_relative_positions_fit_one_height() -> None:
    assert small_vision_config(window_size=4).input_heights == [48]
    assert GotOcrVisionConfig().input_heights == [1024]


@pytest.mark.parametrize("shape", [(1, 3, 48, 40), (1, 1, 48, 48), (3, 48, 48), (1, 3, 1024, 1024)])
def test_wrong_pixels_are_refused_with_both_shapes(shape: tuple[int, ...]) -> None:
    tower = GotOcrVisionTower(small_vision_config())
    with pytest.raises(ValueError, match=r"\(images, 3, 48, 48\).*processor"):
        tower(torch.zeros(shape))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_size": 50}, "multiple of patch_size, got 50 and 4"),
        ({"num_attention_heads": 3}, "multiple of num_attention_heads, got 32 and 3"),
        ({"global_attn_indexes": [2]}, r"0\.\.1 .* got \[2\]"),
        ({"compressor_channels": [8]}, "two numbers each"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small_vision_config(**changes)


@pytest.mark.parametrize(("image_size", "strides", "tokens"), [(1024, (2, 2), 256), (192, (2, 2), 9), (80, (1, 2), 9)])
def test_number_of_image_tokens(image_size: int, strides: tuple[int, int], tokens: int) -> None:
    config = GotOcrVisionConfig(image_size=image_size, compressor_strides=strides)
    assert config.num_image_tokens == tokens
    with pytest.raises(ValueError, match=f"gives {tokens} tokens"):
        GotOcrConfig(vision_config=config, image_token_len=tokens + 1)
