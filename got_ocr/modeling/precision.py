"""Number formats of CPUs: whether one multiplies bfloat16 itself, whether that is faster, and how far it is off."""

import copy
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

ROUNDS = 5
PROBE_SIDE, PROBE_TOKENS = 14, 32  # Patches of a window's side, and tokens, that accuracy is measured on.
PROBE_ROWS = 512  # Of a matrix product that is timed: a piece of a page's patches, a few ms.
LEAST_GAIN = 1.2  # Less faster than this, bfloat16 is not worth its error.
LARGEST_ERROR = 0.03  # Of a block's output: 8 bits of mantissa give 0.4 % an operation, about 1 % a block.


def has_native_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 by instructions of its own (avx512_bf16, AMX, ARM's bf16)."""
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported", "_is_arm_bf16_supported")
    for name in probes:  # torch has no public way to ask.
        probe = getattr(torch.cpu, name, None)
        try:
            if probe is not None and bool(probe()):
                return True
        except (RuntimeError, NotImplementedError):
            continue
    return False


def measure_gain(width: int, inner_width: int) -> float:
    """Time a matrix product of a model's own size in both formats, in turns.

    Args:
        width: Width of the model.
        inner_width: Inner width of its MLPs.

    Returns:
        float32's time over bfloat16's, by the least of several rounds.
    """
    seconds: dict[torch.dtype, list[float]] = {torch.float32: [], torch.bfloat16: []}
    with torch.inference_mode():
        made = {
            dtype: (torch.rand(PROBE_ROWS, width, dtype=dtype), torch.rand(inner_width, width, dtype=dtype))
            for dtype in seconds
        }
        for turn in range(ROUNDS + 1):
            for dtype, (rows, weight) in made.items():
                start = time.perf_counter()
                nn.functional.linear(rows, weight)
                if turn:  # The first one sets kernels up.
                    seconds[dtype].append(time.perf_counter() - start)
    return min(seconds[torch.float32]) / min(seconds[torch.bfloat16])


def relative_error(found: Tensor, right: Tensor) -> float:
    """Measure how far a tensor is off. Returns: the norm of the difference over the norm of `right`."""
    return float((found.float() - right.float()).norm() / right.float().norm().clamp_min(1e-30))


def is_accurate(model: Any) -> bool:
    """Tell whether a model's own layers compute nearly the same in bfloat16 as in float32.

    A windowed and a global block of the tower and two layers of the decoder are shown features of ordinary size: some
    tens of ms for the full model.

    Args:
        model: The network with its head, in bfloat16.

    Returns:
        Whether all are off by no more than LARGEST_ERROR.
    """
    vision, text = model.config.vision_config, model.config
    generator = torch.Generator().manual_seed(0)
    side = min(PROBE_SIDE, vision.grid_size)
    patches = torch.randn(1, side, side, vision.hidden_size, generator=generator)
    hidden = torch.randn(1, PROBE_TOKENS, text.hidden_size, generator=generator)
    blocks, layers = model.model.vision_tower_high.blocks, model.model.layers
    windowed = [block for block in blocks if block.window_size][:1]
    global_ones = [block for block in blocks if not block.window_size][:1]
    positions = model.model.rotary_emb(hidden, torch.arange(PROBE_TOKENS).unsqueeze(0))

    def decode(layer: Any, inputs: Tensor) -> Tensor:
        turned = tuple(part.to(inputs.dtype) for part in positions)
        output = layer(inputs, position_embeddings=turned, attention_mask=None)
        result: Tensor = output[0] if isinstance(output, tuple) else output
        return result

    probes: list[tuple[Any, Tensor, Callable[[Any, Tensor], Tensor]]] = [
        *((block, patches, lambda block, inputs: block(inputs)) for block in (*windowed, *global_ones)),
        *((layer, hidden, decode) for layer in (*layers[:1], *layers[-1:])),
    ]
    return all(_error_of(*probe) <= LARGEST_ERROR for probe in probes)  # Not so for NaN.


def _error_of(module: nn.Module, inputs: Tensor, run: Callable[[Any, Tensor], Tensor]) -> float:
    """Measure what bfloat16 changes in the output of a part that has it. Returns: the relative error."""
    with torch.inference_mode():
        right = run(copy.deepcopy(module).float(), inputs)
        return relative_error(run(module, inputs.to(torch.bfloat16)), right)
