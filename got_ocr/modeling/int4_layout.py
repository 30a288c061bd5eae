"""The order in which a CPU's kernel for weights of 4 bits reads them, found by asking the kernel's own packing.

torch packs (N, K) numbers into blocks whose shape depends on the CPU's vectors, and has no way back. Saving needs
one, since a folder must load on other machines. Packing only moves numbers, so packing the digits of each place's
index tells where every place went.

Shape legend:
    N  outputs of a layer
    K  inputs of a layer
"""

from functools import lru_cache

import torch
from torch import Tensor

BLOCK_ROWS = 64  # The widest block of any CPU; N is filled up to whole blocks, as the kernel demands.
HALF_BITS = 4


def padded_rows(num_outputs: int) -> int:
    """Fill a number of rows up to whole blocks. Returns: the rows."""
    return num_outputs + -num_outputs % BLOCK_ROWS


def pack_int4(codes: Tensor) -> Tensor:
    """Pack.

    Args:
        codes: (N, K / 2) uint8, two numbers a byte, the first in the low half.

    Returns:
        (padded N, K / 2) uint8, in this CPU's order.
    """
    num_outputs, num_bytes = codes.shape
    packed = torch.empty(padded_rows(num_outputs), num_bytes, dtype=torch.uint8)
    for start in range(0, packed.shape[0], 64 * BLOCK_ROWS):
        part = codes[start : start + 64 * BLOCK_ROWS]
        numbers = torch.zeros(padded_rows(part.shape[0]), 2 * num_bytes, dtype=torch.int32)
        numbers[: part.shape[0], 0::2] = part & 0xF
        numbers[: part.shape[0], 1::2] = part >> HALF_BITS
        packed[start : start + numbers.shape[0]] = torch._convert_weight_to_int4pack_for_cpu(numbers, 1)
    return packed


def unpack_int4(packed: Tensor, num_outputs: int, num_inputs: int) -> Tensor:
    """Undo :func:`pack_int4`.

    Args:
        packed: (padded N, K / 2) uint8.
        num_outputs: N.
        num_inputs: K.

    Returns:
        (N, K / 2) uint8, two numbers a byte, the first in the low half.
    """
    pairs = spread_int4(packed, num_outputs, num_inputs).reshape(num_outputs, num_inputs // 2, 2)
    return pairs[..., 0] | (pairs[..., 1] << HALF_BITS)


def spread_int4(packed: Tensor, num_outputs: int, num_inputs: int) -> Tensor:
    """Give each packed number a byte of its own, in its place.

    Args:
        packed: (padded N, K / 2) uint8.
        num_outputs: N.
        num_inputs: K.

    Returns:
        (N, K) uint8.
    """
    blocks = packed.reshape(-1, BLOCK_ROWS * num_inputs // 2)
    halves = torch.stack((blocks & 0xF, blocks >> HALF_BITS), dim=-1).flatten(1)
    places = _places_of_block(num_inputs)
    rows = places.view(num_inputs, BLOCK_ROWS) // num_inputs
    if torch.equal(places.view(num_inputs, BLOCK_ROWS), rows[:1] * num_inputs + torch.arange(num_inputs)[:, None]):
        # One input of all rows after the other: a turned matrix, which is read many times faster than place by place.
        numbers = halves.view(-1, num_inputs, BLOCK_ROWS)[:, :, rows[0].argsort()].transpose(1, 2)
        return numbers.reshape(-1, num_inputs)[:num_outputs]
    numbers = torch.empty_like(halves)
    numbers[:, places] = halves
    return numbers.view(-1, num_inputs)[:num_outputs]


@lru_cache(maxsize=16)
def _places_of_block(num_inputs: int) -> Tensor:
    """Where each number of a packed block belongs. Returns: (BLOCK_ROWS * K,) int64, places in the flat (rows, K)."""
    index = torch.arange(BLOCK_ROWS * num_inputs).view(BLOCK_ROWS, num_inputs)
    places = torch.zeros(BLOCK_ROWS * num_inputs, dtype=torch.int64)
    for shift in range(0, int(index.max()).bit_length(), HALF_BITS):
        digits = ((index >> shift) & 0xF).to(torch.int32)
        packed = torch._convert_weight_to_int4pack_for_cpu(digits, 1).flatten()
        halves = torch.stack((packed & 0xF, packed >> HALF_BITS), dim=-1).flatten()
        places |= halves.to(torch.int64) << shift
    return places
