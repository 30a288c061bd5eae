"""One more token a sequence, or a few of a draft, on a CPU: the decoder's own layers without transformers around them.

The smaller a step's weights are, the more the hundreds of small calls around its matrices count: checks of arguments,
masks that mask nothing, wrappers that record outputs. This calls the layers' matrices one after the other. Whatever is
out of the ordinary goes the ordinary way (:func:`can_step`).

Shape legend:
    B  sequences
    L  tokens of a sequence so far, the new ones included
    T  new tokens of a sequence
    H  heads
    D  channels of a head
    C  width of the decoder
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers.cache_utils import Cache
from transformers.models.qwen2.modeling_qwen2 import Qwen2DecoderLayer

from .generation import GrowingCacheLayer
from .one_row import apply_linear
from .plain_cpu import is_plain_cpu
from .quantization import Int8Linear

# What a caller may say besides, and that changes nothing here.
HARMLESS = {"return_dict", "use_cache", "cache_position", "logits_to_keep"}
MOST_NEW = 16  # New tokens of a sequence; of more, as in prompts, the matrices are what costs.


def can_step(
    model: Any, inputs_embeds: Tensor, attention_mask: Any, cache: Cache | None, options: dict[str, Any]
) -> bool:
    """Tell whether a forward call is an ordinary step of decoding.

    Args:
        model: The decoder.
        inputs_embeds: (B, T, C) float.
        attention_mask: As the call has it.
        cache: As the call has it.
        options: Its further arguments.

    Returns:
        Whether :func:`run_step` may do it.
    """
    if not is_plain_cpu(inputs_embeds) or model.training or inputs_embeds.shape[1] > MOST_NEW or cache is None:
        return False
    config = model.config
    if config._attn_implementation != "sdpa" or config.output_hidden_states or config.output_attentions:
        return False
    if any(value for name, value in options.items() if name not in HARMLESS):
        return False
    if attention_mask is not None and not (isinstance(attention_mask, Tensor) and attention_mask.ndim == 2):
        return False
    is_growing = all(type(layer) is GrowingCacheLayer and layer.is_initialized for layer in cache.layers)
    has_all = len(cache.layers) == len(model.layers)  # A cache of transformers' own may have none as yet.
    return is_growing and has_all and all(_is_plain(layer) for layer in model.layers)


def _is_plain(layer: Any) -> bool:
    """Whether a layer is Qwen2's and nobody looks into it."""
    watched = layer._forward_hooks or layer._forward_pre_hooks or layer.self_attn._forward_hooks
    return type(layer) is Qwen2DecoderLayer and not watched and layer.self_attn.sliding_window is None


def run_step(
    model: Any, inputs_embeds: Tensor, attention_mask: Tensor | None, position_ids: Tensor | None, cache: Cache
) -> Tensor:
    """Decode a few tokens a sequence.

    Args:
        model: The decoder.
        inputs_embeds: (B, T, C) float.
        attention_mask: (B, L) int64 or bool, 0 at padding; None: there is none.
        position_ids: (B, T) or (1, T) int64; None: from the number of tokens in the cache on.
        cache: Keys and values; grows by T tokens.

    Returns:
        (B, T, C) float, behind the last norm.
    """
    hidden = inputs_embeds
    batch, new, _ = hidden.shape
    done = cache.get_seq_length()
    if position_ids is None:
        position_ids = torch.arange(done, done + new).unsqueeze(0)
    cosine, sine = model.rotary_emb(hidden, position_ids)
    cosine, sine = cosine.unsqueeze(1), sine.unsqueeze(1)
    half = sine.shape[-1] // 2
    # The half that is turned into the other's place changes its sign: put it into the sine once.
    sine = torch.cat((-sine[..., :half], sine[..., half:]), dim=-1)
    mask = _mask(attention_mask, new, done + new)
    is_grouped = model.config.num_attention_heads != model.config.num_key_value_heads
    for layer, layer_cache in zip(model.layers, cache.layers, strict=False):
        attention = layer.self_attn
        normed = _norm(hidden, layer.input_layernorm)
        query, key, value = (
            output.view(batch, new, -1, attention.head_dim).transpose(1, 2)
            for output in apply_linears((attention.q_proj, attention.k_proj, attention.v_proj), normed)
        )
        query = query * cosine + query.roll(half, -1) * sine
        key = key * cosine + key.roll(half, -1) * sine
        keys, values = layer_cache.append(key, value)
        attended = F.scaled_dot_product_attention(
            query.to(keys.dtype), keys, values, attn_mask=mask, scale=attention.scaling, enable_gqa=is_grouped
        )
        attended = attended.transpose(1, 2).reshape(batch, new, -1).to(hidden.dtype)
        hidden = hidden + apply_linears((attention.o_proj,), attended)[0]
        normed = _norm(hidden, layer.post_attention_layernorm)
        mlp = layer.mlp
        gate, up = apply_linears((mlp.gate_proj, mlp.up_proj), normed)
        hidden = hidden + apply_linears((mlp.down_proj,), mlp.act_fn(gate) * up)[0]
    return _norm(hidden, model.norm)


def _mask(attention_mask: Tensor | None, new: int, length: int) -> Tensor | None:
    """Say what each new token sees. Returns: bool, to be expanded to (B, H, T, L); None: everything."""
    mask = torch.ones(new, length, dtype=torch.bool).tril(length - new)[None, None] if new > 1 else None
    if attention_mask is None or bool(attention_mask.all()):
        return mask
    seen = attention_mask.bool()[:, None, None, :]
    return seen if mask is None else seen & mask


def apply_linears(layers: Sequence[Any], hidden: Tensor) -> list[Tensor]:
    """Apply linear layers to the same few tokens on a CPU, without gradient.

    Args:
        layers: nn.Linear, or what stands in its place.
        hidden: (B, T, C) float.

    Returns:
        (B, T, outputs) float each.
    """
    first = layers[0]
    if isinstance(first, Int8Linear) and all(
        type(layer) is type(first) and layer.packed is not None for layer in layers
    ):
        shown = first.show(hidden)  # Once for all of them.
        return [layer.multiply(shown) for layer in layers]
    return [apply_linear(layer, hidden) for layer in layers]


def apply_head(head: Any, hidden: Tensor) -> Tensor:
    """Apply the head. Args: head: nn.Linear or other; hidden: (B, kept, C) float. Returns: (B, kept, V) float."""
    output: Tensor = apply_linear(head, hidden) if is_plain_cpu(hidden) else head(hidden)
    return output


def _norm(hidden: Tensor, norm: Any) -> Tensor:
    """Qwen2's RMSNorm in one call. Returns: (B, 1, C) float."""
    return F.rms_norm(hidden, norm.weight.shape, norm.weight, norm.variance_epsilon)
