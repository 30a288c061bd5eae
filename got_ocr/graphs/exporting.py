"""Write a checkpoint's tower and decoder as graphs.

The decoder's graph serves the prompt and every step behind it: it takes the keys and values of what came before in
buffers with room, of which a mask says how much is filled, and gives those of the new tokens alone. So nobody copies
a cache, neither around the graph nor in it.

Shape legend:
    B  sequences
    L  new tokens of a sequence
    R  room of the buffers of keys and values, in tokens
    H  heads
    D  channels of a head
    I  images
    T  image tokens of an image
    C  width of the decoder
    K  positions whose logits are wanted
    V  vocabulary
"""

import json
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim
from transformers.cache_utils import Cache
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from ..modeling.generation import CACHE_NAME, GrowingCacheLayer
from ..processing.processor import GotOcrProcessor
from ..reading.model import GotOcrForConditionalGeneration
from .folder import DECODER, FORMAT_VERSION, MANIFEST, RUNTIMES, TOWER, graph_file

ATTENTION = "got_ocr_two_parts"
OPSET = 18  # What ONNX Runtime reads since 1.14.
INPUTS = ("input_ids", "image_features", "bias", "position_ids", "kept")


def export_graphs(
    model: GotOcrForConditionalGeneration,
    processor: GotOcrProcessor,
    folder: str | os.PathLike[str],
    runtime: str,
) -> Path:
    """Write a folder that :func:`load_graphs` reads.

    Args:
        model: The model; its weights are written as float32.
        processor: Its processor, saved beside the graphs.
        folder: Made if it isn't there.
        runtime: `onnx` or `openvino`.

    Returns:
        The folder.

    Raises:
        ValueError: If there is no such runtime.
        ImportError: If a package is missing that writes for it.
    """
    if runtime not in RUNTIMES:
        raise ValueError(f"runtime must be one of {', '.join(RUNTIMES)}, got {runtime!r}.")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    was_attending = model.config._attn_implementation
    model = model.float().cpu().eval()
    try:
        model.config._attn_implementation = ATTENTION
        for name, graph in ((TOWER, _Tower(model)), (DECODER, _Decoder(model))):
            _write(graph, graph_file(folder, runtime, name), runtime)
    finally:
        model.config._attn_implementation = was_attending
    model.config.save_pretrained(folder)
    model.generation_config.save_pretrained(folder)
    processor.save_pretrained(folder)
    described = {"version": FORMAT_VERSION, "runtime": runtime}
    (folder / MANIFEST).write_text(json.dumps(described) + "\n", encoding="utf-8")
    return folder


def _write(graph: "_Tower | _Decoder", path: Path, runtime: str) -> None:
    if runtime == "openvino":
        import openvino

        # Its own reader of torch's graphs knows no remainders, which windows of a height that is open need.
        with tempfile.TemporaryDirectory() as folder:
            between = Path(folder) / "graph.onnx"
            _write(graph, between, "onnx")
            openvino.save_model(openvino.convert_model(str(between)), str(path), compress_to_fp16=False)
        return
    with torch.no_grad(), _quiet():
        program = torch.onnx.export(
            graph,
            graph.sample(),
            dynamo=True,
            dynamic_shapes=graph.dynamic_shapes(),
            input_names=graph.input_names(),
            output_names=graph.output_names(),
            opset_version=OPSET,
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch.onnx.export gave no program")
    program.save(str(path), external_data=True)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporters' own notices away: they are about the exporters."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "torch.export")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


class _Tower(nn.Module):
    """Pixels to image tokens in the decoder's width."""

    def __init__(self, model: GotOcrForConditionalGeneration) -> None:
        super().__init__()
        self.tower = model.model.vision_tower_high
        self.projector = model.model.mm_projector_vary

    def forward(self, pixel_values: Tensor) -> Tensor:
        """Encode. Args: pixel_values: (I, 3, height, image_size) float32. Returns: (I, T, C) float32."""
        features: Tensor = self.projector(self.tower.encode(pixel_values))
        return features

    def sample(self) -> tuple[Tensor]:
        config = self.tower.config
        heights = config.input_heights
        return (torch.zeros(2, config.num_channels, heights[len(heights) // 2], config.image_size),)

    def dynamic_shapes(self) -> Any:
        several = len(self.tower.config.input_heights) > 1
        return ({0: Dim.DYNAMIC, **({2: Dim.DYNAMIC} if several else {})},)

    def input_names(self) -> list[str]:
        return ["pixel_values"]

    def output_names(self) -> list[str]:
        return ["image_features"]


class _Decoder(nn.Module):
    """Tokens and image tokens, behind keys and values, to logits and new keys and values."""

    def __init__(self, model: GotOcrForConditionalGeneration) -> None:
        super().__init__()
        self.decoder = model.model
        self.lm_head = model.lm_head
        self.config = model.config

    def forward(
        self,
        input_ids: Tensor,
        image_features: Tensor,
        bias: Tensor,
        position_ids: Tensor,
        kept: Tensor,
        past: list[Tensor],
    ) -> tuple[Tensor, ...]:
        """Decode.

        Args:
            input_ids: (B, L) int64.
            image_features: (image tokens, at least 1, C) float32; as many are used as there are ``<imgpad>``.
            bias: (B, 1, L, R + L) float32, 0 where a token may look, very low elsewhere.
            position_ids: (B, L) int64.
            kept: (K,) int64, positions whose logits are wanted.
            past: Keys, then values of each layer, (B, H, R, D) float32.

        Returns:
            Logits (B, K, V), and keys, then values of the new tokens of each layer, (B, H, L, D).
        """
        embeds = self.decoder.get_input_embeddings()(input_ids)
        is_image = input_ids == self.config.im_patch_token
        places = (is_image.flatten().long().cumsum(0) - 1).clamp(min=0).reshape(input_ids.shape)
        embeds = torch.where(
            is_image.unsqueeze(-1), image_features[places.clamp(max=image_features.shape[0] - 1)], embeds
        )
        count = self.config.num_hidden_layers
        layers = [_TracedLayer(keys, values) for keys, values in zip(past[:count], past[count:], strict=True)]
        hidden = self.decoder(
            inputs_embeds=embeds,
            attention_mask={"full_attention": bias},
            position_ids=position_ids,
            use_cache=True,
            **{CACHE_NAME: Cache(layers=layers)},
        ).last_hidden_state
        logits = self.lm_head(hidden.index_select(1, kept))
        return logits, *(layer.new_keys for layer in layers), *(layer.new_values for layer in layers)

    def sample(self) -> tuple[Any, ...]:
        B, L, R, K = 2, 3, 8, 2
        config = self.config
        heads = config.num_key_value_heads
        past = torch.zeros(B, heads, R, config.hidden_size // config.num_attention_heads)
        return (
            torch.zeros(B, L, dtype=torch.long),
            torch.zeros(5, config.hidden_size),
            torch.zeros(B, 1, L, R + L),
            torch.zeros(B, L, dtype=torch.long),
            torch.arange(K),
            [past.clone() for _ in range(2 * config.num_hidden_layers)],
        )

    def dynamic_shapes(self) -> Any:
        past = [{0: Dim.DYNAMIC, 2: Dim.DYNAMIC} for _ in range(2 * self.config.num_hidden_layers)]
        return (
            {0: Dim.DYNAMIC, 1: Dim.DYNAMIC},
            {0: Dim.DYNAMIC},
            {0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC},
            {0: Dim.DYNAMIC, 1: Dim.DYNAMIC},
            {0: Dim.DYNAMIC},
            past,
        )

    def _cache_names(self, which: str) -> list[str]:
        layers = range(self.config.num_hidden_layers)
        return [f"{which}_{part}_{number}" for part in ("keys", "values") for number in layers]

    def input_names(self) -> list[str]:
        return [*INPUTS, *self._cache_names("past")]

    def output_names(self) -> list[str]:
        return ["logits", *self._cache_names("new")]


class _TracedLayer(GrowingCacheLayer):
    """Hands buffers and new keys and values to :func:`attend_in_two_parts` as they are, and keeps the new ones."""

    def __init__(self, keys: Tensor, values: Tensor) -> None:
        super().__init__()
        self.past = keys, values
        self.is_initialized = True

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> Any:
        """Take new ones. Returns: (buffer, new) of keys and of values."""
        self.new_keys, self.new_values = key_states, value_states
        return (self.past[0], key_states), (self.past[1], value_states)

    def get_seq_length(self) -> int:
        """0: positions are given."""
        return 0


def attend_in_two_parts(
    module: nn.Module,
    query: Tensor,
    key: Sequence[Tensor],
    value: Sequence[Tensor],
    attention_mask: Tensor,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Attend to a buffer and to new tokens without putting them together: only their logits are.

    Args:
        module: The layer.
        query: (B, N, L, D) float.
        key: (B, H, R, D) and (B, H, L, D) float.
        value: As `key`.
        attention_mask: (B, 1, L, R + L) float, added to the logits.
        scaling: Of the logits.
        **kwargs: What else layers hand over.

    Returns:
        (B, L, N, D) float, and no weights.
    """
    groups = query.shape[1] // key[0].shape[1]
    if groups > 1:
        key = [part.repeat_interleave(groups, dim=1) for part in key]
        value = [part.repeat_interleave(groups, dim=1) for part in value]
    query = query * (query.shape[-1] ** -0.5 if scaling is None else scaling)
    room = key[0].shape[2]
    logits = torch.cat([query @ part.transpose(-2, -1) for part in key], dim=-1) + attention_mask
    weights = torch.softmax(logits, dim=-1)
    output = weights[..., :room] @ value[0] + weights[..., room:] @ value[1]
    return output.transpose(1, 2), None


ALL_ATTENTION_FUNCTIONS.register(ATTENTION, attend_in_two_parts)
