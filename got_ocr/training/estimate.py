"""How much memory a run takes on each device, by a formula that is printed with its result.

    weights      4 bytes a parameter, and 2 more for the half-precision copies of bf16 and fp16
    gradients    4 bytes a trained parameter; 8 where several processes each have all, for the buckets they are sent in
    optimiser    8 bytes a trained parameter: AdamW's two moments
    tower        images * patches * (8 C + 2 M) numbers a block; checkpointed C a block, and one block whole
    decoder      tokens * (8 D + 3 I) numbers a layer; checkpointed D a layer, and one layer whole
    logits       tokens * vocabulary * 12 bytes: in float32 they, their softmax and their gradient; 2 more in bf16

with C, M the tower's width and MLP, D, I the decoder's. A number is 4 bytes, or 2 in bf16 and fp16; a frozen tower
keeps nothing. ZeRO-2 divides gradients, optimiser and the float32 weights beside half-precision ones by the number of
processes, ZeRO-3 and FSDP everything but activations and logits. What kernels and the allocator need on top is not in
it.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from got_ocr.configuration.config import GotOcrConfig
from got_ocr.training.config import TrainingConfig

GIB = 1024**3


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes on each device.

    Attributes:
        weights: Of all parameters.
        gradients: Of trained ones.
        optimiser: AdamW's moments.
        activations: Kept for the backward pass.
        logits: The loss' inputs.
    """

    weights: int
    gradients: int
    optimiser: int
    activations: int
    logits: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.gradients + self.optimiser + self.activations + self.logits

    def describe(self) -> str:
        """Say it in one line, in GiB."""
        parts = ("weights", "gradients", "optimiser", "activations", "logits")
        words = ", ".join(f"{part} {getattr(self, part) / GIB:.2f}" for part in parts)
        return f"{self.total / GIB:.2f} GiB a device ({words})"


def estimate_memory(
    config: TrainingConfig,
    model_config: GotOcrConfig,
    *,
    num_parameters: int,
    num_trained: int,
    trains_tower: bool,
    tokens: int,
    images: int,
    world_size: int = 1,
) -> MemoryEstimate:
    """Estimate a device's memory for one micro-batch.

    Args:
        config: The run's.
        model_config: The model's.
        num_parameters: All of them.
        num_trained: Those with gradient.
        trains_tower: Whether activations of the tower are kept.
        tokens: Of the micro-batch, padding included.
        images: Of the micro-batch.
        world_size: Processes.

    Returns:
        The estimate.
    """
    is_half = config.run.precision != "float32"
    weight_shards, state_shards = _shards(config, world_size)
    master_shards = state_shards if is_half else weight_shards
    has_buckets = world_size > 1 and state_shards == 1
    return MemoryEstimate(
        weights=num_parameters * 4 // master_shards + (num_parameters * 2 // weight_shards if is_half else 0),
        gradients=num_trained * (8 if has_buckets else 4) // state_shards,
        optimiser=num_trained * 8 // state_shards,
        activations=_activations(config, model_config, tokens, images if trains_tower else 0) * (2 if is_half else 4),
        logits=tokens * model_config.vocab_size * (14 if is_half else 12),
    )


def _activations(config: TrainingConfig, model_config: GotOcrConfig, tokens: int, images: int) -> int:
    """Numbers kept for the backward pass."""
    vision = model_config.vision_config
    patches = images * vision.grid_size**2
    block = patches * (8 * vision.hidden_size + 2 * vision.mlp_dim)
    layer = tokens * (8 * model_config.hidden_size + 3 * model_config.intermediate_size)
    blocks, layers = vision.num_hidden_layers, model_config.num_hidden_layers
    if not config.run.gradient_checkpointing:
        return int(blocks * block + layers * layer)
    # Decoder and tower go backward one after the other: the larger of the two is whole at a time.
    kept = blocks * patches * vision.hidden_size + layers * tokens * model_config.hidden_size
    return int(kept + max(block, layer))


def _shards(config: TrainingConfig, world_size: int) -> tuple[int, int]:
    """Into how many parts weights, and gradients with the optimiser, are divided."""
    if config.run.fsdp:
        return world_size, world_size
    if config.run.deepspeed is None:
        return 1, 1
    fields = json.loads(Path(config.run.deepspeed).read_text(encoding="utf-8"))
    zero = fields.get("zero_optimization", {}).get("stage", 0)
    return (world_size if zero >= 3 else 1), (world_size if zero >= 2 else 1)
