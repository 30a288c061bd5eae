"""The facts of a configuration that reading slices needs, from `config.json` alone, and which checkpoints fit."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..configuration.slicing import SlicingOptions
from ..processing.ranks import VOCABULARY_FILE

CONFIG_FILE = "config.json"
IMAGE_PROCESSOR_FILE = "preprocessor_config.json"
PROCESSOR_FILE = "processor_config.json"
WEIGHTS_FILE = "model.safetensors"
NEEDED_FILES = (CONFIG_FILE, IMAGE_PROCESSOR_FILE, WEIGHTS_FILE, VOCABULARY_FILE)
# Larger networks gain from torch's threads and quantised weights what they lose by its imports.
MOST_WEIGHTS_BYTES = 200_000_000
# What must stand in config.json, and what may if it says just this.
REQUIRED = {"model_type": "GOT", "hidden_act": "silu", "tie_word_embeddings": True}
ALLOWED = {"use_sliding_window": False, "default_instruction": None, "quantization_config": None, "rope_scaling": None}
REQUIRED_VISION = {
    "hidden_act": "gelu",
    "use_abs_pos": True,
    "use_rel_pos": False,
    "qkv_bias": True,
    "num_channels": 3,
}


@dataclass(frozen=True)
class LightVisionConfig:
    """Sizes of the tower, by the names of GotOcrVisionConfig."""

    image_size: int
    patch_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    mlp_dim: int
    layer_norm_eps: float
    window_size: int
    global_attn_indexes: tuple[int, ...]
    compressor_strides: tuple[int, ...]

    @property
    def head_dim(self) -> int:
        """Channels of a head."""
        return self.hidden_size // self.num_attention_heads


@dataclass(frozen=True)
class LightConfig:
    """Sizes of the decoder and ids, by the names of GotOcrConfig."""

    vision_config: LightVisionConfig
    slicing: dict[str, Any]
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    max_position_embeddings: int
    vocab_size: int
    rms_norm_eps: float
    rope_theta: float
    image_token_len: int
    im_patch_token: int
    eos_token_id: int
    turn_end_token_id: int

    @property
    def head_dim(self) -> int:
        """Channels of a head."""
        return self.hidden_size // self.num_attention_heads

    @property
    def stop_token_ids(self) -> list[int]:
        """Ids that end an answer."""
        return sorted({self.eos_token_id, self.turn_end_token_id})


def read_json(path: Path) -> dict[str, Any]:
    """Read a file of options. Returns: it; empty where it is missing or holds something else."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def read_config(folder: Path) -> LightConfig | None:
    """Read the configuration of a checkpoint that numpy can read with.

    Args:
        folder: The checkpoint's.

    Returns:
        It; None where anything is there that this room does not compute just as torch does: then torch is to read it,
        or to say what is wrong.
    """
    if not all((folder / name).is_file() for name in NEEDED_FILES):
        return None
    if (folder / WEIGHTS_FILE).stat().st_size > MOST_WEIGHTS_BYTES:
        return None
    found = read_json(folder / CONFIG_FILE)
    vision = found.get("vision_config")
    if not isinstance(vision, dict) or not found.get("slicing"):
        return None
    if any(found.get(name) != value for name, value in REQUIRED.items()):
        return None
    if any(found.get(name, value) != value for name, value in ALLOWED.items()):
        return None
    if any(vision.get(name) != value for name, value in REQUIRED_VISION.items()):
        return None
    rope = found.get("rope_parameters") or {}
    if rope.get("rope_type", "default") != "default":
        return None
    try:
        tower = LightVisionConfig(**{name: _frozen(vision[name]) for name in LightVisionConfig.__dataclass_fields__})
        names = LightConfig.__dataclass_fields__.keys() - {"vision_config", "rope_theta"}
        theta = rope["rope_theta"] if "rope_theta" in rope else found["rope_theta"]
        config = LightConfig(vision_config=tower, rope_theta=float(theta), **{name: found[name] for name in names})
        return config if _fits(config, found) else None
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _fits(config: LightConfig, found: Mapping[str, Any]) -> bool:
    """Whether sizes are whole, and heads and canvases as this room has them."""
    vision = config.vision_config
    step = vision.patch_size * vision.window_size
    heights = (*SlicingOptions.from_dict(config.slicing).canvas_heights_px, vision.image_size)
    token = vision.patch_size * vision.compressor_strides[0] * vision.compressor_strides[1]
    sizes = (config.hidden_size, config.num_attention_heads, config.head_dim, config.vocab_size, config.eos_token_id)
    return (
        all(isinstance(size, int) for size in sizes)
        and found.get("num_key_value_heads", config.num_attention_heads) == config.num_attention_heads
        and found.get("head_dim") in (None, config.head_dim)
        and config.head_dim % 2 == 0
        and config.head_dim * config.num_attention_heads == config.hidden_size
        and vision.head_dim * vision.num_attention_heads == vision.hidden_size
        and step > 0
        and all(height % step == 0 and height % token == 0 for height in heights)
    )
