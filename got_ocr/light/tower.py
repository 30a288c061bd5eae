"""The vision tower and the projector in numpy: what modeling/vision.py computes, for canvases and inference alone.

Patches stay in the order of the attention windows from the embedding to the neck: windows are then runs of rows, and
attention over all patches does not mind. LayerNorms' weights and the scale of queries are folded into the linear
layers.

Shape legend:
    B  images
    N  patches of all images
    P  patches of an image
    T  image tokens of an image
    C  channels
    D  width of the decoder
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .arithmetic import (
    Array,
    Linear,
    Workspace,
    apply_doubled_gelu,
    convolve_3x3,
    exponentiate,
    fold_norm,
    standardise,
)
from .config import LightVisionConfig

# What is worked on at a time stays in a core's caches: queries, keys and values of so many images, and the inner layer
# of so many patches (256 of 512 floats are half of a MiB).
IMAGES_AT_ONCE = 8
PATCHES_AT_ONCE = 256
PREFIX = "model.vision_tower_high."


@dataclass(frozen=True)
class _Block:
    """A transformer block's layers, the norms before them folded in."""

    window: int
    qkv: Linear
    proj: Linear
    lin1: Linear
    lin2: Linear


class LightTower:
    """Tower and projector: canvases in, image tokens in the decoder's space out.

    Args:
        config: The tower's sizes.
        weights: The checkpoint's tensors by name, float32.
    """

    def __init__(self, config: LightVisionConfig, weights: Mapping[str, Array]) -> None:
        self.config = config
        get = weights.__getitem__
        embed = get(PREFIX + "patch_embed.proj.weight")  # (C, 3, patch, patch)
        self._embed = Linear(embed.reshape(len(embed), -1).T, get(PREFIX + "patch_embed.proj.bias"))
        self._position = get(PREFIX + "pos_embed")[0]
        self._blocks = [self._fold_block(weights, index) for index in range(config.num_hidden_layers)]
        neck = get(PREFIX + "neck.0.weight")
        self._neck_1 = Linear(neck.reshape(neck.shape[:2]).T)
        self._neck_2 = _kernel_rows(get(PREFIX + "neck.2.weight"))
        self._norms = [(get(f"{PREFIX}neck.{place}.weight"), get(f"{PREFIX}neck.{place}.bias")) for place in (1, 3)]
        self._compress = [_kernel_rows(get(f"{PREFIX}net_{number}.weight")) for number in (2, 3)]
        self._projector = Linear(get("model.mm_projector_vary.weight").T, get("model.mm_projector_vary.bias"))
        self._space = Workspace()

    def _fold_block(self, weights: Mapping[str, Array], index: int) -> _Block:
        def get(name: str) -> Array:
            return weights[f"{PREFIX}blocks.{index}.{name}"]

        qkv, qkv_bias = fold_norm(get("attn.qkv.weight"), get("attn.qkv.bias"), get("norm1.weight"), get("norm1.bias"))
        width = self.config.hidden_size
        scale = np.float32(self.config.head_dim**-0.5)
        qkv[:, :width] *= scale
        qkv_bias[:width] *= scale
        return _Block(
            0 if index in self.config.global_attn_indexes else self.config.window_size,
            Linear(qkv, qkv_bias),
            Linear(get("attn.proj.weight").T, get("attn.proj.bias")),
            Linear(*fold_norm(get("mlp.lin1.weight"), get("mlp.lin1.bias"), get("norm2.weight"), get("norm2.bias"))),
            Linear(get("mlp.lin2.weight").T * np.float32(0.5), get("mlp.lin2.bias")),
        )

    def encode(self, pixels_B3HS: Array) -> Array:
        """Encode canvases.

        Args:
            pixels_B3HS: (B, 3, height, image_size) float32, CLIP-normalised; one of the configuration's heights.

        Returns:
            (B, T, D) float32.
        """
        parts = [
            self._encode_some(pixels_B3HS[start : start + IMAGES_AT_ONCE])
            for start in range(0, len(pixels_B3HS), IMAGES_AT_ONCE)
        ]
        return np.concatenate(parts)

    def _encode_some(self, pixels_B3HS: Array) -> Array:
        config = self.config
        B, _, height, width = pixels_B3HS.shape
        patch, window = config.patch_size, config.window_size
        H, W = height // patch, width // patch
        # (B, channels, window row, row, y, window column, column, x) -> windows, their patches, and pixels last.
        cut = pixels_B3HS.reshape(B, 3, H // window, window, patch, W // window, window, patch)
        patches = cut.transpose(0, 2, 5, 3, 6, 1, 4, 7).reshape(B * H * W, -1)
        hidden = self._embed.apply(patches, self._space, "hidden")
        position = self._position[:H, :W].reshape(H // window, window, W // window, window, -1)
        hidden.reshape(B, H * W, -1)[...] += position.transpose(0, 2, 1, 3, 4).reshape(H * W, -1)
        for block in self._blocks:
            self._attend(hidden, block, block.window**2 or H * W)
            self._transform(hidden, block)
        hidden = self._normalise(self._neck_1.apply(hidden, self._space, "neck"), 0)
        maps = hidden.reshape(B, H // window, W // window, window, window, -1).transpose(0, 1, 3, 2, 4, 5)
        maps = convolve_3x3(maps.reshape(B, H, W, -1), self._neck_2, 1, self._space, "map")
        maps = self._normalise(maps.reshape(B * H * W, -1), 1).reshape(maps.shape)
        for number, (kernel, stride) in enumerate(zip(self._compress, config.compressor_strides, strict=True)):
            maps = convolve_3x3(maps, kernel, stride, self._space, f"map {number}")
        rows = maps.reshape(-1, maps.shape[-1])
        tokens: Array = self._projector.apply(rows, self._space, "tokens").reshape(B, len(rows) // B, -1).copy()
        return tokens

    def _normalise(self, hidden_NC: Array, place: int) -> Array:
        weight, bias = self._norms[place]
        standardise(hidden_NC, self.config.layer_norm_eps, out=hidden_NC)
        hidden_NC *= weight
        hidden_NC += bias
        return hidden_NC

    def _attend(self, hidden_NC: Array, block: _Block, length: int) -> None:
        """Add the attention of runs of `length` patches to `hidden_NC`, in place."""
        heads, head_dim, space = self.config.num_attention_heads, self.config.head_dim, self._space
        normed = standardise(hidden_NC, self.config.layer_norm_eps, space.take("normed", *hidden_NC.shape))
        qkv = block.qkv.apply(normed, space, "qkv")
        query, key, value = qkv.reshape(-1, length, 3, heads, head_dim).transpose(2, 0, 3, 1, 4)
        weights = space.take("attention", len(query), heads, length, length)
        np.matmul(query, key.swapaxes(-1, -2), out=weights)
        sums = exponentiate(weights)
        output = space.take("attended", len(query), length, heads, head_dim)
        np.matmul(weights, value, out=output.transpose(0, 2, 1, 3))
        output /= sums.transpose(0, 2, 1, 3)
        hidden_NC += block.proj.apply(output.reshape(hidden_NC.shape), space, "projected")

    def _transform(self, hidden_NC: Array, block: _Block) -> None:
        """Add the MLP of each patch to `hidden_NC`, in place."""
        for start in range(0, len(hidden_NC), PATCHES_AT_ONCE):
            rows = hidden_NC[start : start + PATCHES_AT_ONCE]
            normed = standardise(rows, self.config.layer_norm_eps, self._space.take("normed", *rows.shape))
            inner = block.lin1.apply(normed, self._space, "inner")
            apply_doubled_gelu(inner, self._space)
            rows += block.lin2.apply(inner, self._space, "transformed")


def _kernel_rows(weight: Array) -> Linear:
    """Bring a kernel (out, in, 3, 3) into the form of `convolve_3x3`."""
    return Linear(weight.transpose(2, 3, 1, 0).reshape(-1, len(weight)))
