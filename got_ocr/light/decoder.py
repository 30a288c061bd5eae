"""The decoder in numpy: what Qwen2 computes in transformers, for prompts that begin alike and greedy reading alone.

The tokens before the first image are equal for all slices: their keys and values are computed once, and attention
to them is one product for all rows. Norms' weights and the scale of queries are folded into the linear layers.

Shape legend:
    B  rows: answers that go on
    L  tokens of a row behind the common prompt
    P  tokens of the common prompt
    N  tokens of all rows
    H  heads
    D  width
    V  vocabulary
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .arithmetic import Array, Linear, Workspace, apply_silu, exponentiate, fold_norm, scale_to_unit
from .config import LightConfig


@dataclass(frozen=True)
class _Layer:
    """A layer's weights, the norms before them folded in."""

    qkv: Linear
    output: Linear
    gate: Linear
    up: Linear
    down: Linear


@dataclass(frozen=True)
class Prefix:
    """Keys and values of tokens that all rows begin with.

    Attributes:
        length: P, the tokens.
        keys: Of each layer (H, head, P) float32.
        values: Of each layer (H, P, head) float32.
    """

    length: int
    keys: list[Array]
    values: list[Array]


class Cache:
    """Keys and values of the tokens behind the common prompt, with room for those to come.

    Args:
        prefix: The common prompt's.
        keys: (layers, B, room, D) float32, with anything in it.
        values: As `keys`.
    """

    def __init__(self, prefix: Prefix, keys: Array, values: Array) -> None:
        self.prefix = prefix
        self.rows = keys.shape[1]
        self.length = 0
        self.keys, self.values = keys, values

    def remove(self, row: int) -> None:
        """Let a row leave: the last one takes its place."""
        self.rows -= 1
        if row != self.rows:
            self.keys[:, row, : self.length] = self.keys[:, self.rows, : self.length]
            self.values[:, row, : self.length] = self.values[:, self.rows, : self.length]


class LightDecoder:
    """Tokens and image tokens in, logits of the next token out.

    Args:
        config: The decoder's sizes.
        weights: The checkpoint's tensors by name, float32.
    """

    def __init__(self, config: LightConfig, weights: Mapping[str, Array]) -> None:
        self.config = config
        self.embedding = weights["model.embed_tokens.weight"]
        self._layers = [self._fold_layer(weights, index) for index in range(config.num_hidden_layers)]
        self._head = Linear(fold_norm(self.embedding, None, weights["model.norm.weight"], None)[0])
        half = config.head_dim // 2
        frequencies = config.rope_theta ** (-np.arange(half) / half)
        angles = np.arange(config.max_position_embeddings)[:, None] * frequencies
        self._cos, self._sin = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
        self._space = Workspace()

    def _fold_layer(self, weights: Mapping[str, Array], index: int) -> _Layer:
        def get(name: str) -> Array:
            return weights[f"model.layers.{index}.{name}"]

        def stack(names: Sequence[str], kind: str) -> Array:
            return np.concatenate([get(f"{name}.{kind}") for name in names])

        projections = [f"self_attn.{name}_proj" for name in "qkv"]
        qkv, qkv_bias = fold_norm(
            stack(projections, "weight"), stack(projections, "bias"), get("input_layernorm.weight"), None
        )
        width = self.config.hidden_size
        scale = np.float32(self.config.head_dim**-0.5)
        qkv[:, :width] *= scale
        qkv_bias[:width] *= scale
        norm = get("post_attention_layernorm.weight")
        return _Layer(
            Linear(qkv, qkv_bias),
            Linear(get("self_attn.o_proj.weight").T),
            Linear(fold_norm(get("mlp.gate_proj.weight"), None, norm, None)[0]),
            Linear(fold_norm(get("mlp.up_proj.weight"), None, norm, None)[0]),
            Linear(get("mlp.down_proj.weight").T),
        )

    def fill_prefix(self, tokens: Sequence[int]) -> Prefix:
        """Compute what all rows begin with.

        Args:
            tokens: The common prompt's, which may be none.

        Returns:
            Its keys and values.
        """
        heads, head_dim, layers = self.config.num_attention_heads, self.config.head_dim, len(self._layers)
        empty = Prefix(0, [np.empty((heads, head_dim, 0), np.float32)] * layers, [])
        empty.values.extend([np.empty((heads, 0, head_dim), np.float32)] * layers)
        if not tokens:
            return empty
        cache = self.make_cache(empty, 1, len(tokens))
        self.prefill(cache, self.embedding[list(tokens)][None])
        split = (layers, len(tokens), heads, head_dim)
        keys = cache.keys.reshape(split).transpose(0, 2, 3, 1)
        values = cache.values.reshape(split).transpose(0, 2, 1, 3)
        return Prefix(len(tokens), list(keys.copy(order="C")), list(values.copy(order="C")))

    def make_cache(self, prefix: Prefix, rows: int, room: int) -> Cache:
        """Make an empty cache.

        Args:
            prefix: The common prompt's.
            rows: B.
            room: Most tokens of a row behind it.

        Returns:
            It, till the next is made: its arrays are kept, since new ones of 30 MB cost as much as a prompt.
        """
        shape = len(self._layers), rows, room, self.config.hidden_size
        return Cache(prefix, self._space.take("keys", *shape), self._space.take("values", *shape))

    def prefill(self, cache: Cache, hidden_BLD: Array) -> Array:
        """Take in the rest of the prompts.

        Args:
            cache: An empty one; it is filled.
            hidden_BLD: (B, L, D) float32, embedded tokens and image tokens; overwritten.

        Returns:
            Logits of the first token of the answers, (B, V) float32.
        """
        B, L, D = hidden_BLD.shape
        hidden = hidden_BLD.reshape(B * L, D)
        mask = np.triu(np.full((L, L), -np.inf, np.float32), 1)
        for index, layer in enumerate(self._layers):
            query, key, value = self._project(hidden, layer, cache.prefix.length + np.tile(np.arange(L), B))
            cache.keys[index, :, :L] = key.reshape(B, L, D)
            cache.values[index, :, :L] = value.reshape(B, L, D)
            query = query.reshape(B, L, D)
            if index == len(self._layers) - 1:  # Of the last layer's the last position alone is of use.
                query, hidden, mask = query[:, -1:], hidden_BLD[:, -1], mask[-1:]
            attended = self._attend_prompt(cache, index, query, mask)
            self._finish_layer(hidden, attended, layer)
        cache.length = L
        return self._predict(hidden)

    def step(self, cache: Cache, tokens: Sequence[int]) -> Array:
        """Take in one token a row.

        Args:
            cache: Of the rows; it grows.
            tokens: B of them.

        Returns:
            Logits of the next, (B, V) float32.
        """
        hidden = self.embedding[list(tokens)]
        place = cache.length
        cache.length += 1
        positions = np.array([cache.prefix.length + place])
        for index, layer in enumerate(self._layers):
            query, key, value = self._project(hidden, layer, positions)
            cache.keys[index, : cache.rows, place] = key
            cache.values[index, : cache.rows, place] = value
            self._finish_layer(hidden, self._attend_token(cache, index, query), layer)
        return self._predict(hidden)

    def _project(self, hidden_ND: Array, layer: _Layer, positions: Any) -> tuple[Array, Array, Array]:
        """Make queries, keys and values, turned to their positions; (N, D) each."""
        N, D = hidden_ND.shape
        heads, half = self.config.num_attention_heads, self.config.head_dim // 2
        normed = scale_to_unit(hidden_ND, self.config.rms_norm_eps, self._space.take("normed", N, D))
        qkv = layer.qkv.apply(normed, self._space, "qkv")
        cos, sin = self._cos[positions][:, None], self._sin[positions][:, None]
        turning = qkv[:, : 2 * D].reshape(N, 2 * heads, 2, half)
        first, second = turning[:, :, 0], turning[:, :, 1]
        turned = self._space.take("turned", N, 2 * heads, 2, half)
        np.multiply(first, cos, out=turned[:, :, 0])
        turned[:, :, 0] -= second * sin
        np.multiply(second, cos, out=turned[:, :, 1])
        turned[:, :, 1] += first * sin
        flat = turned.reshape(N, 2 * D)
        return flat[:, :D], flat[:, D:], qkv[:, 2 * D :]

    def _attend_prompt(self, cache: Cache, index: int, query_BLD: Array, mask: Array) -> Array:
        """Attend from the last tokens of prompts to all before them. Returns: (N, D)."""
        B, queries, D = query_BLD.shape
        L, P = mask.shape[1], cache.prefix.length
        split = (B, -1, self.config.num_attention_heads, self.config.head_dim)
        query = query_BLD.reshape(split).transpose(2, 0, 1, 3)  # (H, B, queries, head)
        key = cache.keys[index, :, :L].reshape(split).transpose(2, 0, 3, 1)
        value = cache.values[index, :, :L].reshape(split).transpose(2, 0, 1, 3)
        heads, head_dim = split[2:]
        logits = self._space.take("attention", heads, B, queries, P + L)
        flat = np.ascontiguousarray(query).reshape(heads, B * queries, head_dim)
        logits[..., :P] = (flat @ cache.prefix.keys[index]).reshape(heads, B, queries, P)
        np.add(query @ key, mask, out=logits[..., P:])
        sums = exponentiate(logits)
        attended = logits[..., :P].reshape(heads, B * queries, P) @ cache.prefix.values[index]
        attended = attended.reshape(heads, B, queries, head_dim) + logits[..., P:] @ value
        attended /= sums
        joined: Array = attended.transpose(1, 2, 0, 3).reshape(B * queries, D)
        return joined

    def _attend_token(self, cache: Cache, index: int, query_BD: Array) -> Array:
        """Attend from one token a row to all before it. Returns: (B, D)."""
        B, D = query_BD.shape
        heads, head_dim, P = self.config.num_attention_heads, self.config.head_dim, cache.prefix.length
        key, value = cache.keys[index, :B, : cache.length], cache.values[index, :B, : cache.length]
        logits = self._space.take("attention", B, heads, P + cache.length)
        by_head = query_BD.reshape(B, heads, head_dim).transpose(1, 0, 2)
        logits[..., :P] = (by_head @ cache.prefix.keys[index]).transpose(1, 0, 2)
        split = (B, cache.length, heads, head_dim)
        np.matmul(
            query_BD.reshape(B, heads, 1, head_dim),
            key.reshape(split).transpose(0, 2, 3, 1),
            out=logits[:, :, None, P:],
        )
        sums = exponentiate(logits)
        attended = (logits[:, :, None, P:] @ value.reshape(split).transpose(0, 2, 1, 3)).reshape(B, heads, head_dim)
        attended += (logits[..., :P].transpose(1, 0, 2) @ cache.prefix.values[index]).transpose(1, 0, 2)
        attended /= sums
        joined: Array = attended.reshape(B, D)
        return joined

    def _finish_layer(self, hidden_ND: Array, attended_ND: Array, layer: _Layer) -> None:
        """Add attention and MLP to `hidden_ND`, in place."""
        N, D = hidden_ND.shape
        space = self._space
        hidden_ND += layer.output.apply(attended_ND, space, "output")
        normed = scale_to_unit(hidden_ND, self.config.rms_norm_eps, space.take("normed", N, D))
        gate, up = layer.gate.apply(normed, space, "gate"), layer.up.apply(normed, space, "up")
        apply_silu(gate, space)
        gate *= up
        hidden_ND += layer.down.apply(gate, space, "down")

    def _predict(self, hidden_ND: Array) -> Array:
        normed = scale_to_unit(hidden_ND, self.config.rms_norm_eps, self._space.take("normed", *hidden_ND.shape))
        return self._head.apply(normed, self._space, "logits")
