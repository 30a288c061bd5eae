"""One row times a large matrix in float32 on a CPU: what a token of the decoder costs is reading its weights.

MKL multiplies a single row at half of the rate at which memory is read, on AMD's CPUs at least. Cut into pieces of a
few outputs, as one batched product of them, the same numbers in the same places are read at nine tenths of that rate.
Whether that holds on a machine is measured once, with the first matrix that is large enough.

Shape legend:
    N  outputs of a layer
    K  inputs of a layer
"""

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PIECES = (16, 12, 8)  # Outputs of a piece: the first that divides N.
LEAST_WEIGHTS = 2**20  # Smaller matrices stay in caches, where nothing is gained.
PROBE_MATRICES, PROBE_OUTPUTS, PROBE_INPUTS = 8, 2816, 1024  # Of the published decoder; more than a cache holds.
ROUNDS = 3  # Some 50 ms in all.
LEAST_GAIN = 1.1


def apply_linear(layer: Any, hidden: Tensor) -> Tensor:
    """Apply a linear layer on a CPU without gradient, to a single row of float32 piece by piece where that is faster.

    Args:
        layer: nn.Linear, or what stands in its place.
        hidden: (..., K) float.

    Returns:
        (..., N) float.
    """
    is_one_row = hidden.dtype == torch.float32 and hidden.numel() == hidden.shape[-1]
    if is_one_row and type(layer) is nn.Linear and not (layer._forward_hooks or layer._forward_pre_hooks):
        weight, bias = layer.weight, layer.bias
        piece = find_piece(weight)
        if piece and pieces_are_faster(torch.get_num_threads()):
            return multiply_pieces(hidden, weight, bias, piece)
    output: Tensor = layer(hidden)
    return output


def find_piece(weight: Tensor) -> int:
    """Choose how many outputs of a matrix are one piece. Args: weight: (N, K). Returns: 0 where none will do."""
    if weight.dtype != torch.float32 or weight.numel() < LEAST_WEIGHTS or not weight.is_contiguous():
        return 0
    return next((piece for piece in PIECES if weight.shape[0] % piece == 0), 0)


def multiply_pieces(hidden: Tensor, weight: Tensor, bias: Tensor | None, piece: int) -> Tensor:
    """Multiply a row by a matrix piece by piece.

    Args:
        hidden: (..., K) float32, a single row.
        weight: (N, K) float32, contiguous.
        bias: (N,) float32, or None.
        piece: Outputs of a piece; divides N.

    Returns:
        (..., N) float32.
    """
    outputs, inputs = weight.shape
    pieces = weight.view(-1, piece, inputs)
    # A turned row: by a column of the same numbers, whose strides say something else, MKL takes five times as long.
    column = hidden.reshape(1, 1, inputs).expand(pieces.shape[0], 1, inputs).transpose(1, 2)
    output = torch.bmm(pieces, column) if bias is None else torch.baddbmm(bias.view(-1, piece, 1), pieces, column)
    return output.view(*hidden.shape[:-1], outputs)


@lru_cache(maxsize=8)
def pieces_are_faster(num_threads: int) -> bool:
    """Time both ways in turns. Args: num_threads: Of torch. Returns: whether pieces are worth it on this machine."""
    with torch.inference_mode():
        row = torch.ones(1, PROBE_INPUTS)
        weights = torch.ones(PROBE_MATRICES, PROBE_OUTPUTS, PROBE_INPUTS)
        ways: dict[str, Callable[[Tensor], Tensor]] = {
            "whole": lambda weight: F.linear(row, weight),
            "pieces": lambda weight: multiply_pieces(row, weight, None, PIECES[0]),
        }
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        for turn in range(ROUNDS + 1):
            for way, multiply in ways.items():
                start = time.perf_counter()
                for weight in weights:
                    multiply(weight)
                if turn:  # The first one sets kernels up.
                    seconds[way].append(time.perf_counter() - start)
    return min(seconds["whole"]) > LEAST_GAIN * min(seconds["pieces"])
