"""From weights as published to a model with weights of 8 or 4 bits, and its way through transformers.

`from_pretrained(..., quantization_config=GotOcrQuantizationConfig(bits=8))` rounds one tensor after the other as it is
read, so that there is never a wide copy of all; what comes out is a state dictionary of the quantised model, which
transformers loads as it loads a folder that was saved so. Its hooks for quantising while loading, which changed with
every release, are not needed. `save_pretrained` writes such a folder.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from transformers.quantizers.auto import (
    AUTO_QUANTIZATION_CONFIG_MAPPING,
    AUTO_QUANTIZER_MAPPING,
    AutoQuantizationConfig,
    register_quantization_config,
    register_quantizer,
)
from transformers.quantizers.base import HfQuantizer
from transformers.utils.quantization_config import QuantizationConfigMixin

from .quantization import (
    METHOD,
    GotOcrQuantizationConfig,
    Int4Linear,
    Int8DynamicLinear,
    Int8Embedding,
    Int8Linear,
    TiedInt8Head,
    align_weights,
    quantize_int4,
    quantize_int8,
)

_DECODER = re.compile(r"(?:model\.)?layers\.\d+\.(?:self_attn\.[qkvo]|mlp\.(?:gate|up|down))_proj")
_TOWER = re.compile(r"(?:model\.)?vision_tower_high\.blocks\.\d+\.(?:attn\.(?:qkv|proj)|mlp\.lin[12])")
_EMBEDDING = re.compile(r"(?:model\.)?embed_tokens")
_HEAD = "lm_head"
_WEIGHT = ".weight"


def own_config(given: Any) -> GotOcrQuantizationConfig | None:
    """Recognise a configuration of ours.

    Args:
        given: What was given as `quantization_config`, or stands in a model's configuration: an object, a dictionary,
            or None.

    Returns:
        The configuration; None where it is another method's, or there is none.
    """
    if isinstance(given, Mapping) and given.get("quant_method") == METHOD:
        return GotOcrQuantizationConfig(**given)
    return given if isinstance(given, GotOcrQuantizationConfig) else None


def quantize_state_dict(
    state_dict: dict[str, Tensor], quantization: GotOcrQuantizationConfig, is_tied: bool
) -> dict[str, Tensor]:
    """Round the weights of a model as they are read.

    Args:
        state_dict: Tensors by the original's names, as `GotOcrCheckpoint.read_state_dict` maps them; it is emptied.
        quantization: How.
        is_tied: Whether the head is the embedding.

    Returns:
        The tensors of the quantised model.
    """
    quantised: dict[str, Tensor] = {}
    if is_tied:
        state_dict.pop(_HEAD + _WEIGHT, None)
        embedding = next((name for name in state_dict if _EMBEDDING.fullmatch(name.removesuffix(_WEIGHT))), None)
        if embedding is not None and not _shares_head(state_dict[embedding].shape[1], quantization):
            quantised |= _quantise(_HEAD, state_dict[embedding], quantization)
    for name in list(state_dict):
        tensor, module = state_dict.pop(name), name.removesuffix(_WEIGHT)
        if name == module or tensor.ndim != 2 or not is_quantised(module, quantization):
            quantised[name] = tensor
        else:
            quantised |= _quantise(module, tensor, quantization)
    return quantised


def _shares_head(width: int, quantization: GotOcrQuantizationConfig) -> bool:
    """Whether a tied head can multiply by the embedding's own numbers. Returns: whether both are stored alike."""
    return not quantization.activations and not quantization.group_size_of(width)


def is_quantised(module: str, quantization: GotOcrQuantizationConfig) -> bool:
    """Whether a module of a name is quantised."""
    names = (_DECODER, _EMBEDDING, re.compile(_HEAD), *([_TOWER] if quantization.tower else ()))
    return any(pattern.fullmatch(module) for pattern in names)


def _quantise(module: str, weight: Tensor, quantization: GotOcrQuantizationConfig) -> dict[str, Tensor]:
    group_size = quantization.group_size_of(weight.shape[1])
    if not group_size or _EMBEDDING.fullmatch(module) or _TOWER.fullmatch(module):
        codes, scale = quantize_int8(weight)
        return {f"{module}.weight": codes, f"{module}.scale": scale}
    codes, scale, zero = quantize_int4(weight, group_size)
    return {f"{module}.weight": codes, f"{module}.scale": scale, f"{module}.zero": zero}


def replace_modules(model: nn.Module, quantization: GotOcrQuantizationConfig) -> None:
    """Put quantised layers, empty as yet, in the place of a model's.

    Args:
        model: The model; tensors may be on the meta device.
        quantization: Which and how.
    """
    names = [name for name, _ in model.named_modules() if is_quantised(name, quantization)]
    for name in sorted(names, key=lambda name: name == _HEAD):  # The head may need the embedding.
        parent, _, child = name.rpartition(".")
        holder = model.get_submodule(parent) if parent else model
        made = _replacement(model, name, quantization)
        made.train(holder.training)
        setattr(holder, child, made)


def _replacement(model: nn.Module, name: str, quantization: GotOcrQuantizationConfig) -> nn.Module:
    old: Any = model.get_submodule(name)
    with torch.device(old.weight.device):
        if _EMBEDDING.fullmatch(name):
            return Int8Embedding(old.num_embeddings, old.embedding_dim)
        shape = (old.in_features, old.out_features)
        has_bias = old.bias is not None
        group_size = 0 if _TOWER.fullmatch(name) else quantization.group_size_of(old.in_features)
        if group_size:
            return Int4Linear(*shape, group_size=group_size, bias=has_bias)
        if _TOWER.fullmatch(name) or quantization.activations:
            return Int8DynamicLinear(*shape, bias=has_bias)
        config: Any = model.config
        if name == _HEAD and config.tie_word_embeddings:
            embedding: Any = model.get_submodule("model.embed_tokens")
            return TiedInt8Head(embedding)
        return Int8Linear(*shape, bias=has_bias)


class GotOcrQuantizer(HfQuantizer):
    """Transformers' way to a quantised model: hooks around the loading of its tensors.

    Args:
        quantization_config: How weights are quantised.
        **kwargs: `pre_quantized`: whether the tensors are so already.
    """

    requires_calibration = False

    def __init__(self, quantization_config: QuantizationConfigMixin, **kwargs: Any) -> None:
        super().__init__(quantization_config, **kwargs)
        if not self.pre_quantized:
            raise ValueError(
                f"quant_method {METHOD!r} rounds the weights of GOT models alone: load the model as "
                "got_ocr.GotOcrForConditionalGeneration, or by an Auto class after `import got_ocr`, from safetensors."
            )

    def preprocess_model(self, model: Any, *args: Any, **kwargs: Any) -> Any:
        """Replace layers before tensors are loaded. Args: model: as transformers gives it. Returns: nothing."""
        model.all_tied_weights_keys = {}  # Of 5.x: a tied head has no tensor any more.
        replace_modules(model, own_config(self.quantization_config) or GotOcrQuantizationConfig())
        return super().preprocess_model(model, *args, **kwargs)

    def _process_model_before_weight_loading(self, model: Any, **kwargs: Any) -> Any:
        return model

    def _process_model_after_weight_loading(self, model: Any, **kwargs: Any) -> Any:
        align_weights(model)
        for module in model.modules():
            if isinstance(module, TiedInt8Head) or (
                isinstance(module, (Int4Linear, Int8Linear)) and module.weight.device.type == "cpu"
            ):
                module.pack()
        return model

    def is_serializable(self, safe_serialization: Any = None) -> bool:
        """Whether the model can be saved. Returns: it can."""
        return True

    @property
    def is_trainable(self) -> bool:
        """Whether it can be trained: rounded weights have no gradient."""
        return False


def _register(register: Callable[[str], Callable[[type], type]], known: Mapping[str, Any], kind: type) -> None:
    if METHOD not in known:  # Flat files in a process with got_ocr define all of this twice.
        register(METHOD)(kind)


_register(register_quantization_config, AUTO_QUANTIZATION_CONFIG_MAPPING, GotOcrQuantizationConfig)
_register(register_quantizer, AUTO_QUANTIZER_MAPPING, GotOcrQuantizer)


def refuse_other_method(found: Any, asked: Any) -> None:
    """Refuse to quantise what is quantised otherwise.

    Args:
        found: The `quantization_config` of the checkpoint, or None.
        asked: The one that the caller gives, or None.

    Raises:
        ValueError: If both are there and differ.
    """
    if found is None or asked is None:
        return
    both = [one if isinstance(one, QuantizationConfigMixin) else _parse(one) for one in (found, asked)]
    if both[0].to_dict() != both[1].to_dict():
        raise ValueError(
            f"the checkpoint's weights are quantised already ({_say(both[0])}), and can't be made {_say(both[1])}: "
            "leave the option out, or load the original."
        )


def _parse(config: Mapping[str, Any]) -> Any:
    return AutoQuantizationConfig.from_dict(dict(config))


def _say(config: Any) -> str:
    bits = getattr(config, "bits", None)
    return f"{config.quant_method}, {bits} bits" if bits else str(config.quant_method)
