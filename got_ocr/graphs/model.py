"""A model whose tower and decoder are graphs in another runtime; everything around them is that of any GOT model.

Shape legend:
    B  sequences
    L  new tokens of a sequence
    R  room of the buffers of keys and values, in tokens
"""

import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers.cache_utils import Cache
from transformers.generation import GenerationConfig
from transformers.modeling_outputs import BaseModelOutputWithPast, BaseModelOutputWithPooling, CausalLMOutputWithPast

from ..configuration.config import GotOcrConfig
from ..modeling.generation import CACHE_NAME, GrowingCacheLayer, name_cache
from ..modeling.language_model import take_images
from ..modeling.network import CPU_PATCHES
from ..processing.processor import GotOcrProcessor
from ..reading.model import GotOcrForConditionalGeneration
from .exporting import INPUTS
from .folder import DECODER, TOWER, find_runtime, graph_file
from .runtimes import Graph, open_graph

HIDDEN = torch.finfo(torch.float32).min / 2  # Added to logits that don't count; twice of it is still finite.


class GotOcrGraphModel(GotOcrForConditionalGeneration):
    """Reads, streams, verifies drafts and generates as the model that it was exported from.

    It has no weights of its own: it can't be trained, moved or saved.

    Args:
        config: The checkpoint's configuration.
        tower: The tower's graph.
        decoder: The decoder's.
    """

    def __init__(self, config: GotOcrConfig, tower: Graph, decoder: Graph) -> None:
        with torch.device("meta"):
            super().__init__(config)
        self._tower, self._decoder = tower, decoder
        self._layer_numbers = range(config.num_hidden_layers)
        # The graph gives logits. What stands for the network's hidden states are these, and the head is done.
        self.model = _GraphBody(self)
        self.lm_head = nn.Identity()

    @property
    def device(self) -> torch.device:
        """The CPU."""
        return torch.device("cpu")

    @property
    def dtype(self) -> torch.dtype:
        """float32."""
        return torch.float32

    def get_image_features(self, pixel_values: Tensor) -> BaseModelOutputWithPooling:
        """Encode images; see :meth:`GotOcrModel.get_image_features`. Here `pooler_output` alone is known."""
        vision = self.config.vision_config
        heights = vision.input_heights
        if (
            pixel_values.ndim != 4
            or pixel_values.shape[2] not in heights
            or pixel_values.shape[3] != vision.image_size
        ):
            raise ValueError(
                f"pixel_values must have the shape (images, {vision.num_channels}, {' or '.join(map(str, heights))}, "
                f"{vision.image_size}), got {tuple(pixel_values.shape)}: prepare images with the checkpoint's own "
                "processor."
            )
        at_once = max(1, CPU_PATCHES // (pixel_values[0, 0].numel() // vision.patch_size**2))
        parts = [
            torch.from_numpy(self._tower.run({"pixel_values": part.float().contiguous().numpy()})[0])
            for part in pixel_values.split(at_once)
        ]
        return BaseModelOutputWithPooling(pooler_output=torch.cat(parts))

    def forward(
        self,
        input_ids: Tensor | None = None,
        pixel_values: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        logits_to_keep: int | Tensor = 0,
        cache: Cache | None = None,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast:
        """Predict the next tokens; see :meth:`GotOcrLanguageModel.forward`. There is no loss and no gradient.

        Args:
            input_ids: (B, L) int64.
            pixel_values: (I, 3, height, image_size) float.
            attention_mask: (B, past + L).
            position_ids: (B, L) int64.
            past_key_values: Another name for `cache`.
            logits_to_keep: Compute logits of the last so many positions only (0: all), or of these indices.
            cache: Keys and values of the tokens before, a :class:`Cache` of growing layers, as reading makes it.
            **kwargs: `images`, as there; others are not needed.

        Returns:
            `logits` (B, kept, V) and the cache.

        Raises:
            ValueError: If there are no `input_ids`, or not as many place holders as image tokens.
        """
        if input_ids is None:
            raise ValueError("a graph takes input_ids: inputs_embeds can't be given.")
        filled = name_cache(past_key_values, cache)[CACHE_NAME]
        done = 0 if filled is None else filled.get_seq_length()
        rows, length = input_ids.shape
        mask = torch.ones(rows, done + length, dtype=torch.long) if attention_mask is None else attention_mask
        if position_ids is None:
            position_ids = torch.arange(done, done + length).expand(rows, length)
        places = torch.arange(length)
        kept = (places[-logits_to_keep:] if logits_to_keep else places) if isinstance(logits_to_keep, int) else None
        layers: list[Any] = [] if filled is None else list(filled.layers)
        past = [_past_of(layers[number] if layers else None, self.config, rows) for number in self._layer_numbers]
        inputs = {
            "input_ids": input_ids,
            "image_features": self._features(input_ids, take_images(kwargs, pixel_values)),
            "bias": _make_bias(mask, done, length, past[0][0].shape[2]),
            "position_ids": position_ids,
            "kept": places[logits_to_keep] if kept is None else kept,
        }
        arrays = {name: inputs[name].contiguous().numpy() for name in INPUTS}
        for number, (keys, values) in zip(self._layer_numbers, past, strict=True):
            arrays[f"past_keys_{number}"], arrays[f"past_values_{number}"] = keys.numpy(), values.numpy()
        logits, *new = (torch.from_numpy(array) for array in self._decoder.run(arrays))
        if filled is not None:
            for number in self._layer_numbers:
                filled.update(new[number], new[number + len(past)], number)
        return CausalLMOutputWithPast(logits=logits, **{CACHE_NAME: filled})

    def _features(self, input_ids: Tensor, pixel_values: Tensor | None) -> Tensor:
        """(image tokens, C) float32, of which the graph needs one at least."""
        if pixel_values is None:
            return torch.zeros(1, self.config.hidden_size)
        features = self.get_image_features(pixel_values).pooler_output.flatten(0, 1)
        found = int((input_ids == self.config.im_patch_token).sum())
        if found != len(features):
            raise ValueError(
                f"input_ids hold {found} <imgpad> tokens, but pixel_values give {len(features)} image tokens: put as "
                "many in the prompt for every image, tile or page."
            )
        return features


class _GraphBody(nn.Module):
    """Stands where a network without its head does, for callers that put the head on themselves."""

    def __init__(self, owner: GotOcrGraphModel) -> None:
        super().__init__()
        self._owner = (owner,)  # In a tuple, so that it does not become a part of its own part.

    def forward(self, **inputs: Any) -> BaseModelOutputWithPast:
        """Predict at every position. Returns: logits in the place of hidden states, and the cache."""
        outputs = self._owner[0](**inputs)
        return BaseModelOutputWithPast(last_hidden_state=outputs.logits, **{CACHE_NAME: outputs.get(CACHE_NAME)})


def _past_of(layer: Any, config: GotOcrConfig, rows: int) -> tuple[Tensor, Tensor]:
    """Keys and values of a layer as the graph takes them, (B, H, R, D) and contiguous; R is 1 where there are none."""
    if layer is None or not layer.is_initialized or layer.keys.shape[-2] == 0:
        empty = torch.zeros(rows, config.num_key_value_heads, 1, config.hidden_size // config.num_attention_heads)
        return empty, empty
    if isinstance(layer, GrowingCacheLayer):
        return layer.buffers
    return layer.keys.contiguous(), layer.values.contiguous()


def _make_bias(mask: Tensor, done: int, length: int, room: int) -> Tensor:
    """Say where each new token may look: at the filled part of the buffers and at itself and the new ones before it.

    Args:
        mask: (B, done + L), 0 at padding.
        done: Tokens in the buffers.
        length: New tokens, L.
        room: Of the buffers, R.

    Returns:
        (B, 1, L, R + L) float32, 0 or very low.
    """
    allowed = torch.zeros(len(mask), length, room + length, dtype=torch.bool)
    allowed[:, :, :done] = mask[:, None, :done] == 1
    allowed[:, :, room:] = (mask[:, None, done:] == 1) & torch.ones(length, length, dtype=torch.bool).tril()
    return torch.where(allowed, 0.0, HIDDEN).unsqueeze(1)


def load_graphs(
    folder: str | os.PathLike[str], num_threads: int | None = None
) -> tuple[GotOcrGraphModel, GotOcrProcessor]:
    """Load what :func:`export_graphs` wrote.

    Args:
        folder: Of graphs.
        num_threads: Threads to compute with; None: all cores that this process may use.

    Returns:
        The model, ready to read, and its processor.

    Raises:
        ValueError: If the folder holds no graphs, or they can't be opened.
        ImportError: If their runtime is not installed.
    """
    runtime = find_runtime(folder)
    if runtime is None:
        raise ValueError(f"{folder} holds no exported graphs: got-ocr export CHECKPOINT --to onnx --output {folder}.")
    tower, decoder = (open_graph(graph_file(folder, runtime, name), runtime, num_threads) for name in (TOWER, DECODER))
    model = GotOcrGraphModel(GotOcrConfig.from_pretrained(folder), tower, decoder).eval()
    if (Path(folder) / "generation_config.json").is_file():
        model.generation_config = GenerationConfig.from_pretrained(folder)
    return model, GotOcrProcessor.from_pretrained(folder)
