"""Low-rank adapters by peft: which layers get one, and whole weights again of weights and adapters."""

import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from got_ocr.reading.model import GotOcrForConditionalGeneration
from got_ocr.training.config import LoraSettings

ADAPTER_FOLDER = "adapter"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
_DECODER = r"model\.layers\.\d+\.(?:self_attn|mlp)"
_TOWER = r"model\.vision_tower_high\.blocks\.\d+\.(?:attn|mlp)"
_PROJECTOR = r"model\.mm_projector_vary"
_WITHIN_PEFT = "base_model.model."
_FACTOR = re.compile(r"(.+)\.lora_([AB])\.[^.]+\.weight$")


def target_pattern(settings: LoraSettings) -> str:
    """Write the pattern of the layers that get an adapter.

    Args:
        settings: The adapters'.

    Returns:
        A regular expression for whole module names.
    """
    patterns = []
    if settings.decoder:
        patterns.append(rf"{_DECODER}\.(?:{'|'.join(settings.decoder)})")
    if settings.vision_tower:
        patterns.append(rf"{_TOWER}\.(?:{'|'.join(settings.vision_tower)})")
    if settings.projector:
        patterns.append(_PROJECTOR)
    return "|".join(patterns)


def add_adapters(model: GotOcrForConditionalGeneration, settings: LoraSettings, seed: int, base: str) -> Any:
    """Freeze a model and add adapters.

    Args:
        model: The model; changed.
        settings: The adapters'.
        seed: Of their first weights; an adapter changes nothing until it is trained.
        base: The checkpoint's folder or Hub id, which a saved adapter names.

    Returns:
        A `peft.PeftModel` around the model.

    Raises:
        ModuleNotFoundError: If peft is not installed.
    """
    try:
        from peft import LoraConfig, get_peft_model
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("stage 'lora' needs peft: pip install peft.") from error
    torch.manual_seed(seed)
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=target_pattern(settings),
        bias="none",
        base_model_name_or_path=base,
    )
    # autocast_adapter_dtype=False: weights are float32 already.
    return get_peft_model(model, config, autocast_adapter_dtype=False)


def save_adapter(model: Any, folder: Path) -> None:
    """Write the adapters alone, as peft reads them.

    Args:
        model: A `peft.PeftModel`.
        folder: Made if it isn't there.
    """
    model.save_pretrained(str(folder), save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)  # peft's empty card


def load_adapter(model: Any, folder: Path) -> None:
    """Read what :func:`save_adapter` wrote into a model that has the same adapters.

    Args:
        model: A `peft.PeftModel`; changed.
        folder: The folder.
    """
    from peft import set_peft_model_state_dict
    from safetensors.torch import load_file

    set_peft_model_state_dict(model, load_file(folder / ADAPTER_WEIGHTS))


def merged_state_dict(model: Any) -> dict[str, Tensor]:
    """Add the adapters to the weights, in copies: what is trained on stays to the bit what it was.

    Args:
        model: A `peft.PeftModel`.

    Returns:
        The state dictionary of the model without adapters.
    """
    state = {name.removeprefix(_WITHIN_PEFT): tensor for name, tensor in model.state_dict().items()}
    scalings = {
        name.removeprefix(_WITHIN_PEFT): next(iter(module.scaling.values()))
        for name, module in model.named_modules()
        if isinstance(getattr(module, "scaling", None), dict) and isinstance(module, nn.Module)
    }
    factors: dict[str, dict[str, Tensor]] = {}
    merged: dict[str, Tensor] = {}
    for name, tensor in state.items():
        factor = _FACTOR.match(name)
        if factor is not None:
            factors.setdefault(factor[1], {})[factor[2]] = tensor
        else:
            merged[name.replace(".base_layer.", ".")] = tensor
    for layer, pair in factors.items():
        update = (pair["B"].float() @ pair["A"].float()) * scalings[layer]
        weight = merged[f"{layer}.weight"]
        merged[f"{layer}.weight"] = (weight.float() + update).to(weight.dtype)
    return merged
