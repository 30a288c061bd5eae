"""The pieces of GOT that training a tiny one from scratch needs beside the model's own forward pass.

The tower runs on strips (part of its canvas, at any token-aligned place), the decoder runs on a batch behind a system
prompt that is computed once, and both hand out what the dense losses look at. The modules are those of
`GotOcrForConditionalGeneration`: what is trained here is saved by `save_pretrained`.

B: pictures; H, W: patch rows and columns; T: sequence; P: prefix; N: heads; D: width; C: channels.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from got_ocr.configuration.config import GotOcrConfig
from got_ocr.modeling.vision import GotOcrVisionTower
from got_ocr.processing.image_processor import CLIP_MEAN, CLIP_STD
from got_ocr.reading.model import GotOcrForConditionalGeneration

# ITU-R 601 luma, Pillow's conversion to grey.
LUMA = (0.299, 0.587, 0.114)
# Grey training pictures are (x / 255 - GREY_MEAN) / GREY_STD: paper comes out near 1, ink near -3.
GREY_MEAN = 0.75
GREY_STD = 0.25


def sine_position_embedding(side: int, channels: int) -> Tensor:
    """Two-dimensional sines and cosines.

    Args:
        side: rows and columns.
        channels: a multiple of 4.

    Returns:
        (1, side, side, channels) float32 in -1..1; the first half of the channels tells the row.
    """
    quarter = channels // 4
    frequencies = 1.0 / 100.0 ** (torch.arange(quarter) / quarter)
    angles = torch.arange(side)[:, None] * frequencies[None, :]
    waves = torch.cat([angles.sin(), angles.cos()], dim=-1)
    rows = waves[:, None].expand(side, side, -1)
    columns = waves[None, :].expand(side, side, -1)
    return torch.cat([rows, columns], dim=-1)[None]


def initialise(model: GotOcrForConditionalGeneration, seed: int) -> None:
    """Give every weight its starting value.

    Truncated normal with standard deviation min(0.05, fan_in^-0.5), embeddings D^-0.5, positions 0.3 times sines:
    zero positions and the port's deviation of 1e-10 did not train.

    Args:
        model: changed in place.
        seed: of the random numbers.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("pos_embed"):
                parameter.copy_(0.3 * sine_position_embedding(parameter.shape[1], parameter.shape[3]))
            elif "embed_tokens" in name:
                parameter.normal_(0.0, parameter.shape[1] ** -0.5, generator=generator)
            elif parameter.ndim >= 2:
                deviation = min(0.05, math.prod(parameter.shape[1:]) ** -0.5)
                nn.init.trunc_normal_(parameter, 0.0, deviation, -3 * deviation, 3 * deviation, generator=generator)
            else:
                parameter.fill_(0.0 if name.endswith("bias") else 1.0)


@dataclass(frozen=True)
class TowerOutput:
    """What the tower makes of a strip.

    Attributes:
        cells: (B, C, H, W) the neck's features, one a patch.
        tokens: (B, T, D) the projected image tokens, row by row.
    """

    cells: Tensor
    tokens: Tensor


def encode_strip(model: GotOcrForConditionalGeneration, grey: Tensor, first_row: int) -> TowerOutput:
    """Run tower and projector on a strip of the canvas.

    Args:
        model: the model, with a one-channel tower.
        grey: (B, 1, height, width) float, (x / 255 - GREY_MEAN) / GREY_STD; the width is the canvas's.
        first_row: the canvas's patch row at which the strip begins.

    Returns:
        Cells and tokens. On a strip of the whole canvas they are those of the model's own forward pass.
    """
    tower: GotOcrVisionTower = model.model.vision_tower_high
    hidden = tower.patch_embed(grey)
    rows = hidden.shape[1]
    if tower.pos_embed is not None:
        hidden = hidden + tower.pos_embed[:, first_row : first_row + rows]
    for block in tower.blocks:
        hidden = block(hidden)
    cells = tower.neck(hidden.permute(0, 3, 1, 2))
    tokens = tower.net_3(tower.net_2(cells)).flatten(2).transpose(1, 2)
    return TowerOutput(cells, model.model.mm_projector_vary(tokens))


@dataclass(frozen=True)
class DecoderOutput:
    """What the decoder makes of a batch.

    Attributes:
        hidden: (B, T, D) after the last norm.
        attention: for each watched layer, (B, T, P + T) log-probabilities of its first head.
    """

    hidden: Tensor
    attention: dict[int, Tensor]


def rotary_tables(config: GotOcrConfig, length: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines of the rotary position embedding.

    Args:
        config: decoder widths and `rope_theta`.
        length: positions from 0.

    Returns:
        Two (length, head width) float32 tensors.
    """
    width = config.hidden_size // config.num_attention_heads
    theta = config.to_dict()["rope_theta"]  # transformers 4 and 5 keep it in different places
    frequencies = 1.0 / theta ** (torch.arange(0, width, 2).float() / width)
    angles = torch.arange(length).float()[:, None] * frequencies[None, :]
    angles = torch.cat([angles, angles], dim=-1)
    return angles.cos(), angles.sin()


def _rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    return x * cosine + torch.cat([-second, first], dim=-1) * sine


def decode(
    model: GotOcrForConditionalGeneration, prefix: Tensor, embeddings: Tensor, watched_layers: Sequence[int] = ()
) -> DecoderOutput:
    """Run the decoder on sequences that all begin with the same prefix, which is computed once.

    Args:
        model: the model; its key/value heads are as many as its heads.
        prefix: (P,) token ids.
        embeddings: (B, T, D) what follows the prefix.
        watched_layers: layers whose first head's attention is handed out.

    Returns:
        Hidden states of the T positions behind the prefix: those of the model's own forward pass.
    """
    decoder, config = model.model, model.config
    heads = config.num_attention_heads
    P, (B, T) = len(prefix), embeddings.shape[:2]
    cosine, sine = (table.to(embeddings.device) for table in rotary_tables(config, P + T))
    visible = torch.ones(T, P + T, dtype=torch.bool, device=embeddings.device).tril(P)
    attention: dict[int, Tensor] = {}
    head = decoder.embed_tokens(prefix)[None]
    hidden = embeddings

    for index, layer in enumerate(decoder.layers):

        def project(x: Tensor, start: int, layer: Any = layer) -> tuple[Tensor, Tensor, Tensor]:
            normed = layer.input_layernorm(x)
            part = slice(start, start + x.shape[1])
            query, key, value = (
                projection(normed).view(*x.shape[:2], heads, -1).transpose(1, 2)
                for projection in (layer.self_attn.q_proj, layer.self_attn.k_proj, layer.self_attn.v_proj)
            )
            return (_rotate(query, cosine[part], sine[part]), _rotate(key, cosine[part], sine[part]), value)

        def finish(x: Tensor, mixed: Tensor, layer: Any = layer) -> Tensor:
            x = x + layer.self_attn.o_proj(mixed.transpose(1, 2).flatten(2))
            return x + layer.mlp(layer.post_attention_layernorm(x))

        head_query, head_key, head_value = project(head, 0)
        query, key, value = project(hidden, P)
        key = torch.cat([head_key.expand(B, -1, -1, -1), key], dim=2)
        value = torch.cat([head_value.expand(B, -1, -1, -1), value], dim=2)
        if index in watched_layers:
            logits = query[:, 0] @ key[:, 0].transpose(1, 2) / math.sqrt(query.shape[-1])
            attention[index] = logits.masked_fill(~visible, float("-inf")).log_softmax(-1)
        hidden = finish(hidden, F.scaled_dot_product_attention(query, key, value, attn_mask=visible))
        if index + 1 < len(decoder.layers):
            head = finish(head, F.scaled_dot_product_attention(head_query, head_key, head_value, is_causal=True))
    return DecoderOutput(decoder.norm(hidden), attention)


def fold_grey_into_rgb(weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Turn a patch embedding of grey pictures into one of CLIP-normalised colour pictures.

    With p_c = (x_c / 255 - mean_c) / std_c, the grey input (sum LUMA_c x_c / 255 - GREY_MEAN) / GREY_STD is linear in
    p, so the fold is exact.

    Args:
        weight: (C, 1, patch, patch).
        bias: (C,).

    Returns:
        Weight (C, 3, patch, patch) and bias (C,).
    """
    luma, mean, std = (torch.tensor(values, dtype=torch.float64) for values in (LUMA, CLIP_MEAN, CLIP_STD))
    grey = weight.double()
    colour = grey * (luma * std / GREY_STD)[None, :, None, None]
    shift = ((luma * mean).sum() - GREY_MEAN) / GREY_STD
    return colour.to(weight.dtype), (bias.double() + grey.sum((1, 2, 3)) * shift).to(bias.dtype)


def unfold_grey_from_rgb(weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Undo `fold_grey_into_rgb`.

    Args:
        weight: (C, 3, patch, patch) that was folded.
        bias: (C,).

    Returns:
        Weight (C, 1, patch, patch) and bias (C,).
    """
    luma, mean, std = (torch.tensor(values, dtype=torch.float64) for values in (LUMA, CLIP_MEAN, CLIP_STD))
    grey = (weight.double() / (luma * std / GREY_STD)[None, :, None, None]).mean(1, keepdim=True)
    shift = ((luma * mean).sum() - GREY_MEAN) / GREY_STD
    return grey.to(weight.dtype), (bias.double() - grey.sum((1, 2, 3)) * shift).to(bias.dtype)
