"""Our model equals transformers' port on equal random weights: at the published tower's full size, stage by stage,
and token by token in generation.

Tolerance: both compute in float32, in another order of summation; activations are of size one, and twelve blocks and
two decoder layers gather some 1e-5. 1e-4 absolute is the bound, for stages times their mean size where that is over 1.
"""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from got_ocr.configuration.config import GotOcrConfig
from got_ocr.reading.model import GotOcrForConditionalGeneration
from tests.parity.peer import make_pair

TOLERANCE = 1e-4


def small_config() -> GotOcrConfig:
    """A model of every part in seconds: 12 x 12 patches in windows of 5 (padded to 15), blocks 1 and 3 global."""
    return GotOcrConfig(
        vision_config={
            "image_size": 96,
            "patch_size": 8,
            "hidden_size": 48,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "mlp_dim": 96,
            "window_size": 5,
            "global_attn_indexes": [1, 3],
            "output_channels": 24,
            "compressor_channels": [48, 64],
        },
        vocab_size=500,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        im_start_token=497,
        im_end_token=498,
        im_patch_token=499,
        turn_end_token_id=285,
        pad_token_id=283,
        bos_token_id=283,
        eos_token_id=283,
    )


@pytest.fixture(scope="module")
def small_pair() -> tuple:
    return make_pair(small_config())


@dataclass(frozen=True)
class Expected:
    """What the peer gives at the published tower's size; it takes seconds and gigabytes, so it runs once."""

    stages: dict[str, Tensor]
    features: Tensor
    logits: Tensor
    sequences: Tensor


@pytest.fixture(scope="module")
def full_size() -> tuple[GotOcrForConditionalGeneration, Expected]:
    """The published tower, a decoder of the published width cut to two layers, and what the peer makes of them."""
    ids_at_the_end = {"im_start_token": 1997, "im_end_token": 1998, "im_patch_token": 1999, "turn_end_token_id": 1785}
    config = GotOcrConfig(
        num_hidden_layers=2, vocab_size=2000, pad_token_id=1783, bos_token_id=1783, eos_token_id=1783, **ids_at_the_end
    )
    ours, peer = make_pair(config)
    ids, images = prompt(config), pixels(config)
    tower = peer.model.vision_tower
    modules = {
        "patch embedding": tower.patch_embed,
        "windowed block": tower.layers[0],
        "global block": tower.layers[2],
        "last block": tower.layers[11],
        "neck": tower.neck,
    }
    with torch.no_grad(), Stages(modules) as stages:
        image_outputs = peer.get_image_features(images)
        tower.forward = lambda *args, **kwargs: image_outputs  # deterministic, so once is enough
        logits = peer(input_ids=ids, pixel_values=images).logits
        options = {"max_new_tokens": 64, "do_sample": False, "pad_token_id": 1783, "eos_token_id": [1783, 1785]}
        sequences = peer.generate(input_ids=ids, pixel_values=images, attention_mask=torch.ones_like(ids), **options)
    features = getattr(image_outputs, "pooler_output", image_outputs)
    return ours, Expected(stages.outputs, features, logits, sequences)


def prompt(config: GotOcrConfig, images: int = 1, before: int = 7, after: int = 9, seed: int = 0) -> Tensor:
    """(1, L) ids: text, the images' place holders, text."""
    generator = torch.Generator().manual_seed(seed)
    text = torch.randint(0, 280, (1, before + after), generator=generator)
    pads = torch.full((1, images * config.image_token_len), config.im_patch_token)
    return torch.cat([text[:, :before], pads, text[:, before:]], dim=1)


def pixels(config: GotOcrConfig, images: int = 1, seed: int = 0) -> Tensor:
    size = config.vision_config.image_size
    return torch.randn(images, 3, size, size, generator=torch.Generator().manual_seed(seed))


class Stages:
    """Record what modules give, by name."""

    def __init__(self, modules: dict[str, torch.nn.Module]) -> None:
        self.outputs: dict[str, Tensor] = {}
        self.handles = [module.register_forward_hook(self._keep(name)) for name, module in modules.items()]

    def _keep(self, name: str):
        def hook(module: torch.nn.Module, args: tuple, output: Tensor) -> None:
            self.outputs[name] = output[0] if isinstance(output, tuple) else output

        return hook

    def __enter__(self) -> "Stages":
        return self

    def __exit__(self, *exc: object) -> None:
        for handle in self.handles:
            handle.remove()


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_stages_logits_and_greedy_tokens_at_full_tower_size(full_size: tuple, attention: str) -> None:
    ours, expected = full_size
    ours.config.vision_config._attn_implementation = attention
    tower = ours.model.vision_tower_high
    modules = {
        "patch embedding": tower.patch_embed,
        "windowed block": tower.blocks[0],
        "global block": tower.blocks[2],
        "last block": tower.blocks[11],
        "neck": tower.neck,
    }
    ids, images = prompt(ours.config), pixels(ours.config)
    with torch.no_grad(), Stages(modules) as got:
        outputs = ours.get_image_features(images)
    for name, reference in expected.stages.items():
        scale = max(1.0, reference.abs().mean().item())
        difference = (got.outputs[name] - reference).abs().max().item()
        assert difference < TOLERANCE * scale, f"{name}: {difference:.1e} at a mean size of {scale:.2f}"
    features = outputs.pooler_output
    assert features.shape == (1, 256, 1024)
    assert expected.features.abs().mean() > 0.1, "the features must not be trivially small"
    torch.testing.assert_close(features, expected.features.view_as(features), atol=TOLERANCE, rtol=0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ours.model, "get_image_features", lambda pixel_values: outputs)
        with torch.no_grad():
            logits = ours(input_ids=ids, pixel_values=images).logits
        torch.testing.assert_close(logits, expected.logits, atol=TOLERANCE, rtol=0)
        sequences = ours.generate(input_ids=ids, pixel_values=images, max_new_tokens=64, do_sample=False)
    assert torch.equal(sequences, expected.sequences)
    assert sequences.shape[1] == ids.shape[1] + 64


@pytest.mark.parametrize("use_cache", [True, False])
def test_greedy_tokens_cached_and_uncached(small_pair: tuple, use_cache: bool) -> None:
    ours, peer = small_pair
    for seed in range(3 if use_cache else 1):
        ids, images = prompt(ours.config, seed=seed), pixels(ours.config, seed=seed)
        options = {"input_ids": ids, "pixel_values": images, "max_new_tokens": 64, "do_sample": False}
        options["attention_mask"] = torch.ones_like(ids)
        expected = peer.generate(**options, use_cache=use_cache, pad_token_id=283, eos_token_id=[283, 285])
        got = ours.generate(**options, use_cache=use_cache)
        assert torch.equal(got, expected)


def test_greedy_tokens_batched_with_left_padding(small_pair: tuple) -> None:
    ours, peer = small_pair
    config = ours.config
    singles = [
        prompt(config, images=images, before=before, seed=before) for images, before in [(1, 3), (2, 11), (1, 7)]
    ]
    images = [pixels(config, images=count, seed=seed) for seed, count in enumerate([1, 2, 1])]
    length = max(ids.shape[1] for ids in singles)
    padded = [torch.nn.functional.pad(ids, (length - ids.shape[1], 0), value=config.pad_token_id) for ids in singles]
    mask = [torch.nn.functional.pad(torch.ones_like(ids), (length - ids.shape[1], 0)) for ids in singles]
    options = {"max_new_tokens": 64, "do_sample": False}
    batch = {"input_ids": torch.cat(padded), "pixel_values": torch.cat(images), "attention_mask": torch.cat(mask)}
    got = ours.generate(**batch, **options)
    expected = peer.generate(**batch, **options, pad_token_id=283, eos_token_id=[283, 285])
    assert torch.equal(got, expected)
    for row, (ids, image) in enumerate(zip(singles, images, strict=True)):
        alone = ours.generate(input_ids=ids, pixel_values=image, **options)[0, ids.shape[1] :]
        assert torch.equal(got[row, length : length + len(alone)], alone)


@pytest.mark.parametrize("ngram_size", [1, 2, 3, 20])
def test_ngram_blocking_gives_the_tokens_of_transformers(small_pair: tuple, ngram_size: int) -> None:
    ours, peer = small_pair
    ids, images = prompt(ours.config).repeat(2, 1), pixels(ours.config, images=2)
    options = {"input_ids": ids, "pixel_values": images, "max_new_tokens": 64, "do_sample": False}
    options |= {"attention_mask": torch.ones_like(ids), "no_repeat_ngram_size": ngram_size}
    expected = peer.generate(**options, pad_token_id=283, eos_token_id=[283, 285])
    assert torch.equal(ours.generate(**options), expected)


def test_loss_equals_the_peers(small_pair: tuple) -> None:
    ours, peer = small_pair
    ids, images = prompt(ours.config, after=30).repeat(2, 1), pixels(ours.config, images=2)
    labels = ids.clone()
    labels[:, :20] = -100
    with torch.no_grad():
        loss = ours(input_ids=ids, pixel_values=images, labels=labels).loss
        expected = peer(input_ids=ids, pixel_values=images, labels=labels).loss
    torch.testing.assert_close(loss, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_runs_on_cpu_and_stays_close(dtype: torch.dtype) -> None:
    ours, _ = make_pair(small_config())
    ids, images = prompt(ours.config), pixels(ours.config)
    with torch.no_grad():
        reference = ours(input_ids=ids, pixel_values=images).logits
        half = ours.to(dtype)(input_ids=ids, pixel_values=images).logits
    assert half.dtype == dtype
    error = (half.float() - reference).norm() / reference.norm()
    assert error < (0.05 if dtype == torch.bfloat16 else 0.01)
