"""The models that are measured: ours and transformers' port on one set of random weights, made in memory.

A model of float32 and the port of float32 share their tensors, and so do both of bfloat16.
"""

import gc
from typing import Any

import torch
from torch import Tensor, nn
from transformers import GotOcr2Config, GotOcr2ForConditionalGeneration

from ..configuration.config import GotOcrConfig
from ..hub.model_choice import QUANTIZATIONS
from ..modeling.checkpoint import to_transformers_name
from ..modeling.precision import has_native_bfloat16
from ..modeling.quantization import GotOcrQuantizationConfig
from ..modeling.quantizer import quantize_state_dict
from ..reading.model import GotOcrForConditionalGeneration
from .options import DRAFT, BenchOptions

SEED = 16
FAN_IN_SPREAD = 3**0.5  # A uniform distribution of this half width has the standard deviation 1.
PLAIN_TOKENS = 256  # Ids below this are no special tokens, in any vocabulary.
ANSWER_TOKENS = 20_000  # The same in the published one; of fewer, as in no text, any few tokens occur everywhere.


class Models:
    """Make models as they are asked for, and keep them.

    Args:
        options: Sizes and device.
        config: In the place of the published sizes with the options' layers.
    """

    def __init__(self, options: BenchOptions, config: GotOcrConfig | None = None) -> None:
        self.device = torch.device(options.device)
        global_blocks = [index for index in (2, 5, 8, 11) if index < options.tower_layers]
        vision = {"num_hidden_layers": options.tower_layers, "global_attn_indexes": global_blocks}
        self.config = config or GotOcrConfig(vision_config=vision, num_hidden_layers=options.layers)
        self.plain_tokens = min(PLAIN_TOKENS, self.config.im_patch_token)
        self.answer_tokens = min(ANSWER_TOKENS, self.config.im_patch_token)
        self._made: dict[str, Any] = {}
        self._weights: dict[torch.dtype, dict[str, Tensor]] = {}

    def get(self, variant: str) -> Any:
        """Get a model by the name of a variant. Returns: the model, in evaluation mode on the device."""
        variant = variant.removesuffix(DRAFT)
        if variant not in self._made:
            self._made[variant] = self._make(variant).eval()
            gc.collect()
        return self._made[variant]

    def _make(self, variant: str) -> Any:
        dtype = torch.bfloat16 if variant in ("ours-bfloat16", "port-bfloat16", "port-compiled") else torch.float32
        weights = self._weights_of(dtype)
        if variant.startswith("port"):
            names = {to_transformers_name(name): tensor for name, tensor in weights.items()}
            return _fill(_on_meta(GotOcr2ForConditionalGeneration, port_config(self.config)), names)
        quantize = variant.removeprefix("ours-")
        if quantize not in QUANTIZATIONS:
            return _fill(_on_meta(GotOcrForConditionalGeneration, self._copy_config()), weights)
        quantization = GotOcrQuantizationConfig(**QUANTIZATIONS[quantize])
        config = self._copy_config()
        config.quantization_config = quantization.to_dict()
        quantised = quantize_state_dict(dict(weights), quantization, is_tied=True)
        # What is not quantised is as the command line has it: in bfloat16 where the processor multiplies that.
        rest = torch.bfloat16 if has_native_bfloat16() else torch.float32
        return GotOcrForConditionalGeneration.from_pretrained(None, config=config, state_dict=quantised, dtype=rest)

    def _copy_config(self) -> GotOcrConfig:
        return GotOcrConfig.from_dict(self.config.to_dict())

    def _weights_of(self, dtype: torch.dtype) -> dict[str, Tensor]:
        """Random weights, drawn once: in float32 on a CPU, where all variants start from them."""
        if not self._weights:
            first = torch.float32 if self.device.type == "cpu" else torch.bfloat16
            model = (
                _on_meta(GotOcrForConditionalGeneration, self._copy_config()).to_empty(device=self.device).to(first)
            )
            randomise(model)
            self._weights[first] = dict(model.state_dict())
            self._weights[first].pop("lm_head.weight", None)
        if dtype not in self._weights:
            source = next(iter(self._weights.values()))
            self._weights[dtype] = {name: tensor.to(dtype) for name, tensor in source.items()}
        return self._weights[dtype]


def _on_meta(kind: Any, config: Any) -> Any:
    with torch.device("meta"):
        return kind(config)


def _fill(model: nn.Module, weights: dict[str, Tensor]) -> nn.Module:
    """Give a model on the meta device its tensors, without a copy, and compute its buffers."""
    found = model.load_state_dict(weights, strict=False, assign=True)
    unknown = [*found.unexpected_keys, *(name for name in found.missing_keys if name != "lm_head.weight")]
    if unknown:
        raise RuntimeError(f"this transformers names the port's tensors otherwise: {', '.join(unknown[:3])}.")
    device = next(iter(weights.values())).device
    for module in model.modules():
        if hasattr(module, "inv_freq"):  # The one buffer that no file holds: of rotary positions.
            fresh: Any = type(module)(module.config).to(device)
            module.inv_freq, module.original_inv_freq = fresh.inv_freq, fresh.original_inv_freq
    model.tie_weights()
    return model


@torch.no_grad()
def randomise(model: nn.Module) -> None:
    """Give every tensor weights that matter: norms off one, positions off zero, activations of ordinary size.

    Args:
        model: The model.
    """
    torch.manual_seed(SEED)
    for name, parameter in model.named_parameters():
        if parameter.ndim == 1 and "norm" in name and name.endswith("weight"):
            parameter.uniform_(0.7, 1.3)
        elif "rel_pos" in name or "pos_embed" in name or parameter.ndim == 1:
            parameter.uniform_(-0.15, 0.15)
        else:
            half_width = FAN_IN_SPREAD * parameter[0].numel() ** -0.5
            parameter.uniform_(-half_width, half_width)


def port_config(config: GotOcrConfig) -> GotOcr2Config:
    """Say a model's sizes as the port does.

    Args:
        config: Ours.

    Returns:
        The port's.
    """
    vision = config.vision_config
    names = (
        "hidden_size", "output_channels", "num_hidden_layers", "num_attention_heads", "image_size", "patch_size",
        "window_size", "global_attn_indexes", "mlp_dim",
    )  # fmt: skip
    text_names = (
        "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
        "num_key_value_heads", "rms_norm_eps", "tie_word_embeddings", "max_position_embeddings", "pad_token_id",
    )  # fmt: skip
    return GotOcr2Config(
        vision_config={name: getattr(vision, name) for name in names},
        text_config={"model_type": "qwen2", "rope_theta": 1e6, **{name: getattr(config, name) for name in text_names}},
        image_token_index=config.im_patch_token,
        image_seq_length=config.image_token_len,
        tie_word_embeddings=True,
    )
