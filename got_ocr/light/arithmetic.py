"""What numpy lacks of a network's arithmetic, written for a core's caches: in place, in buffers that are kept.

Shape legend:
    N  rows: patches or tokens
    C  channels
    B  images
    H, W  height and width of a map
"""

from math import prod
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float32]]

# erf(x / sqrt 2) = tanh(x p(x^2)): a minimax fit of GELU on [0, 4.2], the highest power first. GELU is then within
# 3e-6 everywhere (tests/light/test_arithmetic.py). Beyond the fit p stays above 1, so nothing need be clipped, which
# numpy does slowly. Numpy knows tanh, and no erf.
_GELU = (
    *(1.1203694188346287e-06, -3.0603746849500055e-05, -0.00012473883391036033, 0.0364685633385411),
    *(0.7978282475656748,),
)

# OpenBLAS multiplies without copying where (rows x inner x columns) is at most a million: a fifth faster, and twice as
# fast for the few rows of a decoder's step. Blocks of outputs, and of rows, that do best there.
SMALL_PRODUCT = 1_000_000
BLOCK_WIDTHS = (64, 32)
MOST_ROWS, ROWS_STEP = 48, 8


class Workspace:
    """Arrays by name that are kept: a new one of a megabyte costs more than a pass over it."""

    def __init__(self) -> None:
        self._buffers: dict[str, Array] = {}

    def take(self, name: str, *shape: int) -> Array:
        """Take an array, which is overwritten when its name is taken again.

        Args:
            name: Of the array.
            *shape: Its shape.

        Returns:
            float32 of that shape, with anything in it.
        """
        size = prod(shape)
        buffer = self._buffers.get(name)
        if buffer is None or buffer.size < size:
            buffer = self._buffers[name] = np.empty(size, np.float32)
        return buffer[:size].reshape(shape)


def apply_doubled_gelu(hidden: Array, space: Workspace) -> None:
    """Apply twice the exact GELU, x (1 + erf(x / sqrt 2)), in place; the layer behind has half weights.

    Args:
        hidden: Any shape, float32; a few hundred kilobytes at once.
        space: For what comes between.
    """
    square, tanh = space.take("gelu square", *hidden.shape), space.take("gelu tanh", *hidden.shape)
    np.multiply(hidden, hidden, out=square)
    np.multiply(square, _GELU[0], out=tanh)
    for coefficient in _GELU[1:-1]:
        tanh += coefficient
        tanh *= square
    tanh += _GELU[-1]
    tanh *= hidden
    np.tanh(tanh, out=tanh)
    tanh += 1.0
    hidden *= tanh


def apply_silu(hidden: Array, space: Workspace) -> None:
    """Apply SiLU, x / (1 + exp(-x)), in place.

    Args:
        hidden: Any shape, float32.
        space: For what comes between.
    """
    scale = np.negative(hidden, out=space.take("silu", *hidden.shape))
    with np.errstate(over="ignore"):  # x / inf is the 0 that it should be.
        np.exp(scale, out=scale)
    scale += 1.0
    hidden /= scale


def exponentiate(logits: Array) -> Array:
    """Put a softmax's numerators in the place of logits.

    Args:
        logits: Any shape, float32; softmax is over the last axis.

    Returns:
        The denominators: the sums, with a last axis of 1.
    """
    logits -= logits.max(axis=-1, keepdims=True)
    np.exp(logits, out=logits)
    sums: Array = logits @ np.ones((logits.shape[-1], 1), np.float32)
    return sums


def standardise(hidden_NC: Array, epsilon: float, out: Array) -> Array:
    """Bring each row to mean 0 and variance 1: a LayerNorm whose weights stand in the linear layer behind it.

    Args:
        hidden_NC: (N, C) float32.
        epsilon: Added to the variance.
        out: (N, C) float32, overwritten.

    Returns:
        `out`.
    """
    C = hidden_NC.shape[-1]
    np.subtract(hidden_NC, hidden_NC @ np.full((C, 1), 1 / C, np.float32), out=out)
    return scale_to_unit(out, epsilon, out)


def scale_to_unit(hidden_NC: Array, epsilon: float, out: Array) -> Array:
    """Bring the mean square of each row to 1: an RMSNorm whose weights stand in the linear layer behind it.

    Args:
        hidden_NC: (N, C) float32.
        epsilon: Added to the mean square.
        out: (N, C) float32, overwritten; it may be `hidden_NC`.

    Returns:
        `out`.
    """
    mean_square = np.einsum("nc,nc->n", hidden_NC, hidden_NC)
    mean_square *= 1 / hidden_NC.shape[-1]
    mean_square += epsilon
    np.multiply(hidden_NC, (1.0 / np.sqrt(mean_square))[:, None], out=out)
    return out


def convolve_3x3(hidden_BHWC: Array, kernel: "Linear", stride: int, space: Workspace, name: str) -> Array:
    """Convolve maps, channels last, with padding 1 and no bias.

    Args:
        hidden_BHWC: (B, H, W, C) float32.
        kernel: From 9 C, the kernel's places row by row, to the channels that come out.
        stride: 1 or more.
        space: For what comes between, and the output.
        name: Of the output there.

    Returns:
        (B, (H - 1) // stride + 1, (W - 1) // stride + 1, out channels) float32.
    """
    B, H, W, C = hidden_BHWC.shape
    padded = space.take("padded map", B, H + 2, W + 2, C)
    padded[:, :: H + 1] = 0.0
    padded[:, :, :: W + 1] = 0.0
    padded[:, 1:-1, 1:-1] = hidden_BHWC
    rows, columns = (H - 1) // stride + 1, (W - 1) // stride + 1
    patches = space.take("patches of map", B, rows, columns, 9, C)
    for place in range(9):
        down, right = divmod(place, 3)
        patches[..., place, :] = padded[:, down : down + H : stride, right : right + W : stride]
    return kernel.apply(patches.reshape(-1, 9 * C), space, name).reshape(B, rows, columns, -1)


class Linear:
    """A linear layer, multiplied in blocks: OpenBLAS takes small products as they are, and copies large ones first.

    Args:
        weight: (in, out) float32.
        bias: (out,) float32, or None.
    """

    def __init__(self, weight: Array, bias: Array | None = None) -> None:
        self.num_inputs, self.num_outputs = weight.shape
        width = next(width for width in BLOCK_WIDTHS if self.num_outputs % width == 0 or width == BLOCK_WIDTHS[-1])
        padded = np.zeros((self.num_inputs, -(-self.num_outputs // width) * width), np.float32)
        padded[:, : self.num_outputs] = weight
        self._blocks = np.ascontiguousarray(padded.reshape(self.num_inputs, -1, width).transpose(1, 0, 2))
        self._bias = bias
        fitting = SMALL_PRODUCT // (self.num_inputs * width)
        self._rows = max(min(fitting, MOST_ROWS) // ROWS_STEP * ROWS_STEP, ROWS_STEP)

    def apply(self, hidden_NC: Array, space: Workspace, name: str) -> Array:
        """Apply the layer.

        Args:
            hidden_NC: (N, in) float32.
            space: Keeps the output.
            name: Of the output there.

        Returns:
            (N, out) float32, till the name is taken again.
        """
        N, (blocks, _, width) = len(hidden_NC), self._blocks.shape
        out = space.take(name, N, blocks * width)
        whole = N - N % self._rows
        if whole:
            pieces = hidden_NC[:whole].reshape(-1, 1, self._rows, self.num_inputs)
            places = out[:whole].reshape(-1, self._rows, blocks, width).transpose(0, 2, 1, 3)
            np.matmul(pieces, self._blocks, out=places)
        if whole < N:
            places = out[whole:].reshape(N - whole, blocks, width).transpose(1, 0, 2)
            np.matmul(hidden_NC[whole:], self._blocks, out=places)
        out = out[:, : self.num_outputs]
        if self._bias is not None:
            out += self._bias
        return out


def fold_norm(weight: Array, bias: Array | None, norm_weight: Array, norm_bias: Array | None) -> tuple[Array, Array]:
    """Fold the weights of a norm into the linear layer behind it.

    Args:
        weight: (out, in) float32, as torch keeps it.
        bias: (out,) float32, or None.
        norm_weight: (in,) float32.
        norm_bias: (in,) float32, or None.

    Returns:
        Weight (in, out) and bias (out,), float32, computed in float64.
    """
    wide = weight.astype(np.float64)
    shift = np.zeros(len(weight)) if bias is None else bias.astype(np.float64)
    if norm_bias is not None:
        shift = shift + wide @ norm_bias.astype(np.float64)
    folded = (wide * norm_weight.astype(np.float64)).T
    return np.ascontiguousarray(folded, np.float32), shift.astype(np.float32)
