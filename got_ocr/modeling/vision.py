"""The vision tower: ViTDet-B as in Segment Anything (arXiv 2304.02643), then two strided convolutions.

An image of 1024 x 1024 pixels becomes 64 x 64 patches, the neck's 64 x 64 features and, compressed four times along
each side, 16 x 16 = 256 tokens.

Deviations from the published tower, none of which changes its output:
- attention in `sdpa` never holds the (heads, 4096, 4096) logits: the decomposed relative position is a dot product,
  so it rides along as extra channels of queries and keys (see :func:`fold_relative_position`), or, where a CPU
  attends over a whole map without gradient, it is added to a few rows' logits at a time (:func:`attend_by_rows`);
- every size is configurable, and batches of any size are encoded at once;
- without relative positions, images may be lower than wide: they take the top rows of the position embedding.

Shape legend:
    B  images, or images times windows within attention
    H, W  height and width in patches, also of a window
    N  heads
    D  channels of a head
    C  channels
    T  image tokens
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers.activations import ACT2FN
from transformers.modeling_layers import GradientCheckpointingLayer

from ..configuration.config import GotOcrVisionConfig
from .plain_cpu import is_plain_cpu

# Query rows of a map that attend at once: fewer make slow products, more do not fit into a CPU's caches.
ROWS_AT_ONCE = 4
LEAST_MAP = 1024  # Patches of a map from which this pays; windows have 196.


def window_partition(hidden_BHWC: Tensor, window_size: int) -> tuple[Tensor, tuple[int, int]]:
    """Cut a feature map into windows, zero-padding its right and bottom edges to whole windows.

    Args:
        hidden_BHWC: (B, H, W, C) float.
        window_size: Side of a window, in patches.

    Returns:
        The windows, (B * windows, window_size, window_size, C), and the padded (height, width).
    """
    B, H, W, C = hidden_BHWC.shape
    padded_height = H + (-H % window_size)
    padded_width = W + (-W % window_size)
    hidden_BHWC = F.pad(hidden_BHWC, (0, 0, 0, padded_width - W, 0, padded_height - H))
    windows = hidden_BHWC.view(
        B, padded_height // window_size, window_size, padded_width // window_size, window_size, C
    )
    windows = windows.transpose(2, 3).reshape(-1, window_size, window_size, C)
    return windows, (padded_height, padded_width)


def window_unpartition(
    windows: Tensor, window_size: int, padded_size: tuple[int, int], size: tuple[int, int]
) -> Tensor:
    """Undo :func:`window_partition`.

    Args:
        windows: (B * windows, window_size, window_size, C) float.
        window_size: Side of a window, in patches.
        padded_size: (height, width) after padding, in patches.
        size: (height, width) before padding, in patches.

    Returns:
        (B, H, W, C) float, the padding removed.
    """
    rows, columns = padded_size[0] // window_size, padded_size[1] // window_size
    hidden = windows.view(-1, rows, columns, window_size, window_size, windows.shape[-1])
    hidden = hidden.transpose(2, 3).reshape(-1, *padded_size, windows.shape[-1])
    return hidden[:, : size[0], : size[1]]


def relative_position_terms(query_BNHWD: Tensor, rel_pos_h: Tensor, rel_pos_w: Tensor) -> tuple[Tensor, Tensor]:
    """The two terms of the decomposed relative position, q . Rh[qh - kh] and q . Rw[qw - kw] (arXiv 2112.01526).

    Args:
        query_BNHWD: (B, N, H, W, D) float, **unscaled** queries.
        rel_pos_h: (2 H - 1, D) float, one row a vertical distance.
        rel_pos_w: (2 W - 1, D) float, one row a horizontal distance.

    Returns:
        (B, N, H, W, H) and (B, N, H, W, W) float: for each query the term of each key row and each key column.
    """
    H, W = query_BNHWD.shape[2:4]
    rows = torch.arange(H, device=rel_pos_h.device)
    columns = torch.arange(W, device=rel_pos_w.device)
    table_h = rel_pos_h[rows[:, None] - rows[None, :] + H - 1]  # (H, H, D)
    table_w = rel_pos_w[columns[:, None] - columns[None, :] + W - 1]  # (W, W, D)
    term_h = torch.einsum("bnhwd,hkd->bnhwk", query_BNHWD, table_h)
    term_w = torch.einsum("bnhwd,wkd->bnhwk", query_BNHWD, table_w)
    return term_h, term_w


def fold_relative_position(
    query_BNHWD: Tensor, key_BNHWD: Tensor, rel_pos_h: Tensor, rel_pos_w: Tensor
) -> tuple[Tensor, Tensor]:
    """Widen queries and keys so that their dot product contains the relative position.

    The term of key row kh is the dot product of a query's H row terms with a one-hot vector at kh, and the same holds
    for columns. So `[q, term_h(q) / scale, term_w(q) / scale] . [k, onehot(kh), onehot(kw)]`, times the scale, is the
    whole logit, and no bias of (H W)^2 numbers a head is ever made.

    Args:
        query_BNHWD: (B, N, H, W, D) float, unscaled.
        key_BNHWD: (B, N, H, W, D) float.
        rel_pos_h: (2 H - 1, D) float.
        rel_pos_w: (2 W - 1, D) float.

    Returns:
        Queries and keys, (B, N, H, W, D + H + W) float, for logits scaled by D ** -0.5.
    """
    B, N, H, W, D = query_BNHWD.shape
    term_h, term_w = relative_position_terms(query_BNHWD, rel_pos_h, rel_pos_w)
    root = D**0.5
    query = torch.cat([query_BNHWD, term_h * root, term_w * root], dim=-1)
    options = {"dtype": key_BNHWD.dtype, "device": key_BNHWD.device}
    onehot_row = torch.eye(H, **options)[:, None, :].expand(B, N, H, W, H)
    onehot_column = torch.eye(W, **options)[None, :, :].expand(B, N, H, W, W)
    key = torch.cat([key_BNHWD, onehot_row, onehot_column], dim=-1)
    return query, key


def attend_by_rows(
    query_BNHWD: Tensor, key_BNHWD: Tensor, value_BNTD: Tensor, rel_pos_h: Tensor, rel_pos_w: Tensor
) -> Tensor:
    """Attend with decomposed relative positions, a few query rows at a time, without gradient.

    On a CPU two to three times as fast as folded queries and keys, whose products are three times as wide. The bias
    takes the place of the logits first, and the products are added to it there; all operands are contiguous, since
    torch copies those that are not at every product.

    Args:
        query_BNHWD: (B, N, H, W, D) float, unscaled.
        key_BNHWD: (B, N, H, W, D) float.
        value_BNTD: (B, N, H W, D) float.
        rel_pos_h: (2 H - 1, D) float, one row a vertical distance.
        rel_pos_w: (2 W - 1, D) float, one row a horizontal distance.

    Returns:
        (B, N, H W, D) float.
    """
    B, N, H, W, D = query_BNHWD.shape
    output = query_BNHWD.new_empty(B, N, H * W, D)
    logits = query_BNHWD.new_empty(min(ROWS_AT_ONCE, H) * N * W * H * W)
    for image in range(B):
        term_h, term_w = relative_position_terms(query_BNHWD[image : image + 1], rel_pos_h, rel_pos_w)
        scaled = query_BNHWD[image] * D**-0.5
        key_NDT = key_BNHWD[image].flatten(1, 2).contiguous().transpose(1, 2)
        value_NTD = value_BNTD[image].contiguous()
        for first in range(0, H, ROWS_AT_ONCE):
            some = slice(first, min(first + ROWS_AT_ONCE, H))
            query_NTD = scaled[:, some].flatten(1, 2).contiguous()
            tokens = query_NTD.shape[1]
            found = logits[: N * tokens * H * W].view(N, tokens, H * W)
            bias = found.view(N, -1, W, H, W)
            torch.add(term_h[0, :, some, :, :, None], term_w[0, :, some, :, None, :], out=bias)
            torch.softmax(found.baddbmm_(query_NTD, key_NDT), dim=-1, out=found)
            output[image, :, first * W : first * W + tokens] = torch.bmm(found, value_NTD)
    return output


class GotOcrVisionAttention(nn.Module):
    """Multi-head self-attention over a feature map, with decomposed relative positions.

    Args:
        config: The tower's configuration; `config._attn_implementation` chooses `eager` (the reference, which holds
            every logit) or `sdpa` (also for any other value, which is meant for the decoder).
        size: Side of the feature map that it will see, in patches.
    """

    def __init__(self, config: GotOcrVisionConfig, size: int) -> None:
        super().__init__()
        self.config = config
        self.num_heads = config.num_attention_heads
        head_dim = config.hidden_size // config.num_attention_heads
        self.qkv = nn.Linear(config.hidden_size, 3 * config.hidden_size, bias=config.qkv_bias)
        self.proj = nn.Linear(config.hidden_size, config.hidden_size)
        self.use_rel_pos = config.use_rel_pos
        if config.use_rel_pos:
            self.rel_pos_h = nn.Parameter(torch.zeros(2 * size - 1, head_dim))
            self.rel_pos_w = nn.Parameter(torch.zeros(2 * size - 1, head_dim))

    def forward(self, hidden_BHWC: Tensor) -> Tensor:
        """Attend. Args: hidden_BHWC: (B, H, W, C) float. Returns: the same shape and dtype."""
        B, H, W, C = hidden_BHWC.shape
        qkv = self.qkv(hidden_BHWC).view(B, H, W, 3, self.num_heads, -1).permute(3, 0, 4, 1, 2, 5)
        query, key, value = qkv.unbind(0)  # each (B, N, H, W, D)
        attend = self._attend_eager if self.config._attn_implementation == "eager" else self._attend_sdpa
        output_BNTD = attend(query, key, value.flatten(2, 3))
        return self.proj(output_BNTD.transpose(1, 2).reshape(B, H, W, C))

    def _attend_eager(self, query_BNHWD: Tensor, key_BNHWD: Tensor, value_BNTD: Tensor) -> Tensor:
        query, key = query_BNHWD.flatten(2, 3), key_BNHWD.flatten(2, 3)
        logits = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
        if self.use_rel_pos:
            term_h, term_w = relative_position_terms(query_BNHWD, self.rel_pos_h, self.rel_pos_w)
            logits = logits + (term_h[..., :, None] + term_w[..., None, :]).reshape(logits.shape)
        return F.softmax(logits, dim=-1, dtype=torch.float32).to(query.dtype) @ value_BNTD

    def _attend_sdpa(self, query_BNHWD: Tensor, key_BNHWD: Tensor, value_BNTD: Tensor) -> Tensor:
        head_dim = query_BNHWD.shape[-1]
        if self.use_rel_pos and value_BNTD.shape[2] >= LEAST_MAP and is_plain_cpu(query_BNHWD):
            return attend_by_rows(query_BNHWD, key_BNHWD, value_BNTD, self.rel_pos_h, self.rel_pos_w)
        if self.use_rel_pos:
            query_BNHWD, key_BNHWD = fold_relative_position(query_BNHWD, key_BNHWD, self.rel_pos_h, self.rel_pos_w)
            # The flash kernels want one width for all three; the extra channels of the values are cut off again.
            value_BNTD = F.pad(value_BNTD, (0, query_BNHWD.shape[-1] - head_dim))
        output = F.scaled_dot_product_attention(
            query_BNHWD.flatten(2, 3), key_BNHWD.flatten(2, 3), value_BNTD, scale=head_dim**-0.5
        )
        return output[..., :head_dim]


class GotOcrVisionMlp(nn.Module):
    """Two linear layers with an activation between."""

    def __init__(self, config: GotOcrVisionConfig) -> None:
        super().__init__()
        self.lin1 = nn.Linear(config.hidden_size, config.mlp_dim)
        self.lin2 = nn.Linear(config.mlp_dim, config.hidden_size)
        self.act = ACT2FN[config.hidden_act]

    def forward(self, hidden_BHWC: Tensor) -> Tensor:
        """Transform. Args: hidden_BHWC: (B, H, W, C) float. Returns: the same shape and dtype."""
        return self.lin2(self.act(self.lin1(hidden_BHWC)))


class GotOcrVisionBlock(GradientCheckpointingLayer):
    """A pre-norm transformer block over a feature map, windowed or global.

    Args:
        config: The tower's configuration.
        window_size: Side of the attention windows, in patches; 0 for attention over the whole map.
    """

    def __init__(self, config: GotOcrVisionConfig, window_size: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.attn = GotOcrVisionAttention(config, size=window_size or config.grid_size)
        self.norm2 = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.mlp = GotOcrVisionMlp(config)
        self.window_size = window_size

    def forward(self, hidden_BHWC: Tensor) -> Tensor:
        """Transform. Args: hidden_BHWC: (B, H, W, C) float. Returns: the same shape and dtype."""
        normed = self.norm1(hidden_BHWC)
        if self.window_size:
            # Kept for checkpoint compatibility: padding comes after the norm and is not masked, so padded patches
            # take part as keys and values made of the qkv bias alone.
            windows, padded_size = window_partition(normed, self.window_size)
            attended = window_unpartition(
                self.attn(windows), self.window_size, padded_size, (normed.shape[1], normed.shape[2])
            )
        else:
            attended = self.attn(normed)
        hidden_BHWC = hidden_BHWC + attended
        return hidden_BHWC + self.mlp(self.norm2(hidden_BHWC))


class GotOcrPatchEmbedding(nn.Module):
    """One strided convolution from pixels to patches, channels last."""

    def __init__(self, config: GotOcrVisionConfig) -> None:
        super().__init__()
        self.proj = nn.Conv2d(
            config.num_channels, config.hidden_size, kernel_size=config.patch_size, stride=config.patch_size
        )

    def forward(self, pixel_values: Tensor) -> Tensor:
        """Embed. Args: pixel_values: (B, 3, height, width) float. Returns: (B, H, W, C) float."""
        return self.proj(pixel_values).permute(0, 2, 3, 1).contiguous()


class GotOcrChannelLayerNorm(nn.LayerNorm):
    """LayerNorm over the channels of a map that has them first."""

    def forward(self, hidden_BCHW: Tensor) -> Tensor:
        """Normalise. Args: hidden_BCHW: (B, C, H, W) float. Returns: the same shape and dtype."""
        return super().forward(hidden_BCHW.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class GotOcrVisionTower(nn.Module):
    """The tower: patches, blocks, neck, compressor.

    Module names are those of the original checkpoints below `model.vision_tower_high`.

    Args:
        config: The tower's configuration.
    """

    def __init__(self, config: GotOcrVisionConfig) -> None:
        super().__init__()
        self.config = config
        side, channels = config.grid_size, config.output_channels
        self.patch_embed = GotOcrPatchEmbedding(config)
        self.pos_embed = nn.Parameter(torch.zeros(1, side, side, config.hidden_size)) if config.use_abs_pos else None
        self.blocks = nn.ModuleList(
            GotOcrVisionBlock(config, 0 if index in config.global_attn_indexes else config.window_size)
            for index in range(config.num_hidden_layers)
        )
        self.neck = nn.Sequential(
            nn.Conv2d(config.hidden_size, channels, kernel_size=1, bias=False),
            GotOcrChannelLayerNorm(channels, eps=config.layer_norm_eps),
            nn.Conv2d(channels, channels, kernel_size=3, padding=1, bias=False),
            GotOcrChannelLayerNorm(channels, eps=config.layer_norm_eps),
        )
        (width_2, width_3), (stride_2, stride_3) = config.compressor_channels, config.compressor_strides
        self.net_2 = nn.Conv2d(channels, width_2, kernel_size=3, stride=stride_2, padding=1, bias=False)
        self.net_3 = nn.Conv2d(width_2, width_3, kernel_size=3, stride=stride_3, padding=1, bias=False)

    def forward(self, pixel_values: Tensor) -> Tensor:
        """Encode images.

        Args:
            pixel_values: (B, 3, height, image_size) float, CLIP-normalised; the height is `image_size`, or another of
                the configuration's `input_heights` for the top of such an image.

        Returns:
            (B, T, compressor_channels[1]) float: image tokens, row by row.

        Raises:
            ValueError: If the images do not have the configured channels and size.
        """
        self._check_shape(tuple(pixel_values.shape))
        return self.encode(pixel_values)

    def encode(self, pixel_values: Tensor) -> Tensor:
        """Encode images whose shape was checked; see :meth:`forward`. A graph that is traced can't ask for shapes."""
        hidden = self.patch_embed(pixel_values)
        if self.pos_embed is not None:
            hidden = hidden + self.pos_embed[:, : hidden.shape[1]]
        for block in self.blocks:
            hidden = block(hidden)
        features_BCHW = self.neck(hidden.permute(0, 3, 1, 2))
        tokens_BCHW = self.net_3(self.net_2(features_BCHW))
        return tokens_BCHW.flatten(2).transpose(1, 2)

    def _check_shape(self, shape: tuple[int, ...]) -> None:
        channels, side = self.config.num_channels, self.config.image_size
        *lower, _ = heights = self.config.input_heights
        if len(shape) == 4 and shape[1] == channels and shape[2] in heights and shape[3] == side:
            return
        also = f", or be {', '.join(map(str, lower))} high," if lower else ","
        raise ValueError(
            f"pixel_values must have the shape (images, {channels}, {side}, {side}){also} got {shape}: prepare images "
            "with the checkpoint's own processor."
        )
