"""Layers with weights of 8 and 4 bits for CPUs: what a token of the decoder costs is reading its weights.

They hold integers with a scale a row (8 bits) or a group of a row (4 bits), and multiply by torch's packed kernels. A
few rows at once, as decoding has them, never see the weights in a wider format; for more, as in a prompt, a layer's
weights are widened while it computes. In the tower rows are many and arithmetic is what costs, so its layers round
what they are shown to 8 bits as well. Models are made of them in modeling/quantizer.py.

Shape legend:
    N  outputs of a layer
    K  inputs of a layer
    G  inputs that share a scale, with 4 bits
    M  rows: all tokens of all sequences
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers.utils.quantization_config import QuantizationConfigMixin

from .int4_layout import pack_int4, padded_rows, spread_int4, unpack_int4
from .precision import has_native_bfloat16

METHOD = "got_ocr"
BITS = (8, 4)
GROUP_SIZES = (32, 64, 128, 256)  # What torch's kernel of 4 bits knows.
INT8_MOST, INT4_MOST = 127, 15
REST_SCALE, MIDDLE = 254, 128  # What rounding leaves is at most a half; the kernel's zero among 0 to 255.
INT4_MIDDLE = 8  # The kernel takes this from every number before it multiplies by the scale.
FEW_ROWS = 16  # Up to so many rows the packed kernels are faster than widening the weights.
ALIGNMENT_BYTES, KERNEL_WIDTH = 64, 32  # What torch's kernel for 8 bits takes for granted of addresses and of K.
DYNAMIC_ENGINES = ("x86", "fbgemm", "onednn")  # torch's names of the kernels that multiply 8 bits by 8 bits.
ROWS_AT_ONCE = 8192  # Of a matrix that is being quantised: the float32 copy of a part, never of all.


class GotOcrQuantizationConfig(QuantizationConfigMixin):
    """How weights are quantised; for `quantization_config` of `from_pretrained`.

    Args:
        bits: 8 or 4, of the decoder's linear layers and the head; embeddings have 8.
        group_size: Inputs that share a scale with 4 bits: 32, 64, 128 or 256. Layers that it does not divide take the
            next smaller of these that does, and 8 bits if none does.
        activations: Whether layers of 8 bits round what they are shown to 8 bits too: twice as fast, less exact.
        tower: Whether the tower's linear layers do so as well.
        **kwargs: `quant_method`, as a saved configuration has it.

    Raises:
        ValueError: If a value is not allowed.
    """

    def __init__(
        self, bits: int = 8, group_size: int = 64, activations: bool = False, tower: bool = False, **kwargs: Any
    ) -> None:
        method = kwargs.pop("quant_method", METHOD)
        if kwargs or method != METHOD:
            given = ", ".join(sorted(kwargs)) or f"quant_method={method!r}"
            raise ValueError(f"a GOT model's quantization has bits, group_size, activations and tower, got {given}.")
        if isinstance(bits, bool) or bits not in BITS:
            raise ValueError(f"bits must be 8 or 4, got {bits!r}.")
        if group_size not in GROUP_SIZES:
            raise ValueError(f"group_size must be one of {', '.join(map(str, GROUP_SIZES))}, got {group_size!r}.")
        for name, value in (("activations", activations), ("tower", tower)):
            if not isinstance(value, bool):
                raise ValueError(f"{name} must be True or False, got {value!r}.")
        self.quant_method: Any = METHOD
        self.bits = bits
        self.group_size = group_size
        self.activations = activations
        self.tower = tower

    def group_size_of(self, num_inputs: int) -> int:
        """Choose how many inputs of a layer share a scale. Returns: 0 for a layer that is to have 8 bits."""
        fitting = [size for size in GROUP_SIZES if size <= self.group_size and num_inputs % size == 0]
        return 0 if self.bits == 8 or not fitting else fitting[-1]


@dataclass
class ShownRows:
    """Rows as a layer of 8 bits is shown them.

    Attributes:
        rows: (M or 2 M, K) float32.
        ranges: (M, 1) float32: by what the product of each row is multiplied.
        hidden: What they were made of, (..., K) float.
    """

    rows: Tensor
    ranges: Tensor
    hidden: Tensor


class Int8Linear(nn.Module):
    """A linear layer whose weights have 8 bits, with a scale an output.

    On CPUs that multiply 8 bits by 8 bits with 32 bits for sums, each row is shown to torch's kernel for that as two:
    itself, rounded, and what was lost by that, 254 times as large. So rows keep 16 bits, and two rows cost what one
    does. Loaded there, weights stand in that kernel's order, and `weight` is empty. Other CPUs widen the weights.

    Args:
        num_inputs: K.
        num_outputs: N.
        bias: Whether it has a bias.
    """

    def __init__(self, num_inputs: int, num_outputs: int, bias: bool) -> None:
        super().__init__()
        self.in_features, self.out_features = num_inputs, num_outputs
        self.weight = _constant(torch.empty(num_outputs, num_inputs, dtype=torch.int8))
        self.scale = _constant(torch.empty(num_outputs))
        self.bias = _constant(torch.empty(num_outputs)) if bias else None
        self.packed: Any = None

    def can_pack(self) -> bool:
        """Whether this machine has the kernel."""
        return can_multiply_integers() and self.weight.device.type == "cpu"

    def pack(self) -> None:
        """Put the weights into the order that the kernel reads, if there is one."""
        if self.packed is None and self.can_pack():
            self.packed = pack_int8(self.weight.data, self.scale.detach())
            self.weight = _constant(self.weight.new_empty(0))

    def unpacked(self) -> Tensor:
        """Put the weights back into the stored order. Returns: (N, K) int8."""
        if self.packed is None:
            return self.weight
        weight: Tensor = torch.ops.quantized.linear_unpack(self.packed)[0].int_repr()
        return weight

    def forward(self, hidden: Tensor) -> Tensor:
        """Multiply. Args: hidden: (..., K) float. Returns: (..., N) float of the same dtype."""
        self.pack()
        if self.packed is None:
            output = multiply_int8(hidden.reshape(-1, self.in_features), self.weight, self.scale)
            return _finish(output, self.bias, hidden)
        return self.multiply(self.show(hidden))

    def show(self, hidden: Tensor) -> ShownRows:
        """Make of rows what :meth:`multiply` takes, once for all layers of a kind that are shown them."""
        return split_rows(hidden)

    def multiply(self, shown: ShownRows) -> Tensor:
        """Multiply. Args: shown: By :meth:`show`. Returns: (..., N) float of the dtype of what was shown."""
        return _finish(multiply_split(shown, self.packed), self.bias, shown.hidden)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "Int8Linear":
        """Move or convert: in the stored order, since another device may not know this one's."""
        if self.packed is not None:
            self.weight, self.packed = _constant(self.unpacked()), None
        moved: Int8Linear = super()._apply(fn, recurse)
        return moved

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination[f"{prefix}weight"] = self.unpacked().detach()


class TiedInt8Head(nn.Module):
    """The head of tied embeddings, which has no weights of its own but for their numbers in the kernel's order.

    Args:
        embedding: The embedding.
    """

    def __init__(self, embedding: "Int8Embedding") -> None:
        super().__init__()
        self._embedding = (embedding,)  # In a tuple: no part of this module.
        self.packed: Any = None

    def pack(self) -> None:
        """Put the numbers into the order that the kernel reads, if there is one."""
        (embedding,) = self._embedding
        if self.packed is None and can_multiply_integers() and embedding.weight.device.type == "cpu":
            self.packed = pack_int8(embedding.weight.data, embedding.scale.detach())

    def forward(self, hidden: Tensor) -> Tensor:
        """Multiply. Args: hidden: (..., K) float. Returns: (..., N) float of the same dtype."""
        self.pack()
        if self.packed is not None:
            return _finish(multiply_split(split_rows(hidden), self.packed), None, hidden)
        (embedding,) = self._embedding
        output = multiply_int8(hidden.reshape(-1, hidden.shape[-1]), embedding.weight, embedding.scale)
        return _finish(output, None, hidden)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "TiedInt8Head":
        """Move or convert: the embedding is."""
        self.packed = None
        moved: TiedInt8Head = super()._apply(fn, recurse)
        return moved


class Int8Embedding(nn.Module):
    """An embedding of 8 bits, with a scale a token.

    Args:
        num_embeddings: Tokens.
        embedding_dim: Width of a token.
    """

    def __init__(self, num_embeddings: int, embedding_dim: int) -> None:
        super().__init__()
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.weight = _constant(torch.empty(num_embeddings, embedding_dim, dtype=torch.int8))
        self.scale = _constant(torch.empty(num_embeddings))

    def forward(self, token_ids: Tensor) -> Tensor:
        """Look up. Args: token_ids: (...) int64. Returns: (..., K) float of the scales' dtype."""
        return self.weight[token_ids].to(self.scale.dtype) * self.scale[token_ids].unsqueeze(-1)


class Int4Linear(nn.Module):
    """A linear layer whose weights have 4 bits, with a scale and a zero point a group of inputs.

    Stored, two numbers stand in a byte (`weight`, (N, K / 2) uint8). Loaded, they stand in the order that this
    machine's kernel reads, and `weight` is empty.

    Args:
        num_inputs: K.
        num_outputs: N.
        group_size: G.
        bias: Whether it has a bias.
    """

    packed: Tensor | None

    def __init__(self, num_inputs: int, num_outputs: int, group_size: int, bias: bool) -> None:
        super().__init__()
        self.in_features, self.out_features, self.group_size = num_inputs, num_outputs, group_size
        self.weight = _constant(torch.empty(num_outputs, num_inputs // 2, dtype=torch.uint8))
        self.scale = _constant(torch.empty(num_outputs, num_inputs // group_size))
        self.zero = _constant(torch.empty(num_outputs, num_inputs // group_size))
        self.bias = _constant(torch.empty(num_outputs)) if bias else None
        self.register_buffer("packed", None, persistent=False)
        self.register_buffer("scale_and_zero", None, persistent=False)

    def pack(self) -> None:
        """Put the weights into the order that this machine's kernel reads."""
        self.packed = pack_int4(self.weight)
        rows = padded_rows(self.out_features)
        pairs = torch.zeros(self.in_features // self.group_size, rows, 2, dtype=torch.bfloat16)
        pairs[:, : self.out_features, 0] = self.scale.T
        pairs[:, : self.out_features, 1] = self.zero.T
        self.scale_and_zero = pairs
        self.weight = _constant(self.weight.new_empty(0))

    def unpacked(self) -> Tensor:
        """Put the weights back into the stored order. Returns: (N, K / 2) uint8."""
        return self.weight if self.packed is None else unpack_int4(self.packed, self.out_features, self.in_features)

    def forward(self, hidden: Tensor) -> Tensor:
        """Multiply. Args: hidden: (..., K) float. Returns: (..., N) float of the same dtype."""
        if hidden.device.type != "cpu":
            raise ValueError(f"4-bit weights are read by a CPU's kernel, got {hidden.device}: load them with 8 bits.")
        if self.packed is None:
            self.pack()
        rows = hidden.reshape(-1, self.in_features)
        if rows.shape[0] <= FEW_ROWS:
            output = torch._weight_int4pack_mm_for_cpu(
                _aligned(rows.to(torch.bfloat16)), self.packed, self.group_size, self.scale_and_zero
            )[:, : self.out_features]
        else:
            output = _multiply_widened(rows, self._widen(_wide_dtype(rows)))
        return _finish(output, self.bias, hidden)

    def _widen(self, dtype: torch.dtype) -> Tensor:
        """The weights as numbers. Returns: (N, K)."""
        codes = (
            split_nibbles(self.weight)
            if self.packed is None
            else spread_int4(self.packed, self.out_features, self.in_features)
        )
        scale, zero = self.scale.to(dtype).unsqueeze(-1), self.zero.to(dtype).unsqueeze(-1)
        groups = codes.to(dtype).view(self.out_features, -1, self.group_size)
        return torch.addcmul(zero - INT4_MIDDLE * scale, groups, scale).view(self.out_features, self.in_features)

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination[f"{prefix}weight"] = self.unpacked().detach()


class Int8DynamicLinear(Int8Linear):
    """A linear layer that rounds what it is shown to 8 bits too, with a scale a row, and multiplies integers.

    CPUs without torch's kernel for x86 multiply as :class:`Int8Linear` does.

    Args:
        num_inputs: K.
        num_outputs: N.
        bias: Whether it has a bias.
    """

    def can_pack(self) -> bool:
        """Whether this machine has the kernel."""
        return torch.backends.quantized.engine in DYNAMIC_ENGINES and self.weight.device.type == "cpu"

    def show(self, hidden: Tensor) -> ShownRows:
        """Make of rows what :meth:`multiply` takes, once for all layers of a kind that are shown them."""
        rows = hidden.reshape(-1, hidden.shape[-1]).float()
        # The kernel has one scale for all rows: let all have the same range.
        ranges = rows.abs().amax(1, keepdim=True).clamp_min(1e-30)
        return ShownRows(rows / ranges, ranges, hidden)

    def multiply(self, shown: ShownRows) -> Tensor:
        """Multiply. Args: shown: By :meth:`show`. Returns: (..., N) float of the dtype of what was shown."""
        output = torch.ops.quantized.linear_dynamic(shown.rows, self.packed, reduce_range=False).mul_(shown.ranges)
        return _finish(output, self.bias, shown.hidden)


def can_multiply_integers() -> bool:
    """Whether torch's kernel for 8 bits by 8 bits is there, and sums without overflow, as CPUs with VNNI do."""
    has_vnni = getattr(torch.cpu, "_is_vnni_supported", lambda: False)  # torch has no public way to ask.
    return (
        torch.backends.quantized.engine in ("x86", "fbgemm")
        and hasattr(torch.ops.quantized, "linear_with_input_q_dq_qweight_dq_output_fp32")
        and bool(has_vnni())
    )


def pack_int8(weight: Tensor, scale: Tensor) -> Any:
    """Put weights of 8 bits into the order of torch's kernel for x86.

    Args:
        weight: (N, K) int8.
        scale: (N,) float.

    Returns:
        What that kernel takes.
    """
    zero_points = torch.zeros(weight.shape[0], dtype=torch.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch means to drop the type of tensor that its own kernel takes.
        tensor = torch._make_per_channel_quantized_tensor(weight, scale.double(), zero_points, 0)
        return torch.ops.quantized.linear_prepack(tensor, None)


def split_rows(hidden: Tensor) -> ShownRows:
    """Split each row into a rounded part and the rest. Args: hidden: (..., K) float. Returns: the rows, in halves."""
    rows = hidden.reshape(-1, hidden.shape[-1]).float()
    ranges = torch.linalg.vector_norm(rows, torch.inf, dim=1, keepdim=True).clamp_min(1e-30).div_(INT8_MOST)
    scaled = rows / ranges
    rest = torch.sub(scaled, scaled.round()).mul_(REST_SCALE)
    return ShownRows(torch.cat((scaled, rest)), ranges, hidden)


def multiply_split(shown: ShownRows, packed: Any) -> Tensor:
    """Multiply rows that were split. Args: shown: Split; packed: By :func:`pack_int8`. Returns: (M, N)."""
    product = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32(shown.rows, 1.0, MIDDLE, packed)
    rounded, rest = product.chunk(2)
    return torch.add(rounded, rest, alpha=1 / REST_SCALE).mul_(shown.ranges)


def multiply_int8(rows: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
    """Multiply by weights of 8 bits.

    Args:
        rows: (M, K) float.
        weight: (N, K) int8.
        scale: (N,) float, numbers that bfloat16 holds.

    Returns:
        (M, N) float32 or bfloat16.
    """
    is_few = rows.shape[0] <= FEW_ROWS and rows.device.type == "cpu"
    # With other widths the kernel's result is wrong, and with weights or rows elsewhere in memory the process dies.
    if is_few and rows.shape[1] % KERNEL_WIDTH == 0 and weight.data_ptr() % ALIGNMENT_BYTES == 0:
        # The kernel for float32 has no vectors: it takes seven times as long.
        return torch._weight_int8pack_mm(_aligned(rows.to(torch.bfloat16)), weight, scale.to(torch.bfloat16))
    dtype = _wide_dtype(rows)
    return _multiply_widened(rows, weight.to(dtype)) * scale.to(dtype)


def align_weights(module: nn.Module) -> None:
    """Move weights of 8 bits that a file was mapped to anywhere in memory to where the kernels can read them."""
    for part in module.modules():
        if isinstance(part, (Int8Linear, Int8Embedding)):
            part.weight.data = _aligned(part.weight.data)


def _aligned(tensor: Tensor) -> Tensor:
    tensor = tensor.contiguous()
    return tensor.clone() if tensor.device.type == "cpu" and tensor.data_ptr() % ALIGNMENT_BYTES else tensor


def _wide_dtype(rows: Tensor) -> torch.dtype:
    """What weights are widened to: bfloat16 holds 8 bits exactly, but not every CPU multiplies it fast."""
    return torch.bfloat16 if rows.device.type != "cpu" or has_native_bfloat16() else torch.float32


def _multiply_widened(rows: Tensor, weight: Tensor) -> Tensor:
    return F.linear(rows.to(weight.dtype), weight)


def _finish(output: Tensor, bias: Tensor | None, hidden: Tensor) -> Tensor:
    """Give a product the shape and dtype of what was multiplied, and add the bias."""
    output = output.to(hidden.dtype).view(*hidden.shape[:-1], output.shape[-1])
    return output if bias is None else output + bias.to(hidden.dtype)


def _constant(tensor: Tensor) -> nn.Parameter:
    return nn.Parameter(tensor, requires_grad=False)


def quantize_int8(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Round a matrix to 8 bits, a part of its rows at a time.

    Args:
        weight: (N, K) float.

    Returns:
        (N, K) int8, and (N,) bfloat16: the scale of each row.
    """
    codes = torch.empty(weight.shape, dtype=torch.int8)
    scales = torch.empty(weight.shape[0], dtype=torch.bfloat16)
    for start in range(0, weight.shape[0], ROWS_AT_ONCE):
        part = weight[start : start + ROWS_AT_ONCE].float()
        # The scale is rounded first, so that the kernels, which know it as bfloat16, multiply by the right one.
        scale = (part.abs().amax(1) / INT8_MOST).clamp_min(1e-30).to(torch.bfloat16)
        codes[start : start + ROWS_AT_ONCE] = (
            (part / scale.float().unsqueeze(1)).round_().clamp_(-INT8_MOST, INT8_MOST).to(torch.int8)
        )
        scales[start : start + ROWS_AT_ONCE] = scale
    return codes, scales


def quantize_int4(weight: Tensor, group_size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Round a matrix to 4 bits, a part of its rows at a time.

    Args:
        weight: (N, K) float, K a multiple of `group_size`.
        group_size: G.

    Returns:
        (N, K / 2) uint8, two numbers a byte, the first in the low half; (N, K / G) bfloat16: the scale of each group;
        and its zero point, as wide.
    """
    num_outputs, num_inputs = weight.shape
    codes = torch.empty(num_outputs, num_inputs // 2, dtype=torch.uint8)
    scales = torch.empty(num_outputs, num_inputs // group_size, dtype=torch.bfloat16)
    zeros = torch.empty_like(scales)
    for start in range(0, num_outputs, ROWS_AT_ONCE):
        groups = weight[start : start + ROWS_AT_ONCE].float().unflatten(1, (-1, group_size))
        least, most = groups.amin(2), groups.amax(2)
        scale = ((most - least) / INT4_MOST).clamp_min(1e-30).to(torch.bfloat16)
        zero = (least + scale.float() * INT4_MIDDLE).to(torch.bfloat16)
        least = zero.float() - scale.float() * INT4_MIDDLE  # What the rounded pair can hold.
        numbers = ((groups - least.unsqueeze(2)) / scale.float().unsqueeze(2)).round_().clamp_(0, INT4_MOST)
        halves = numbers.to(torch.uint8).flatten(1).unflatten(1, (-1, 2))
        codes[start : start + ROWS_AT_ONCE] = halves[..., 0] | (halves[..., 1] << 4)
        scales[start : start + ROWS_AT_ONCE], zeros[start : start + ROWS_AT_ONCE] = scale, zero
    return codes, scales, zeros


def split_nibbles(codes: Tensor) -> Tensor:
    """Give each number of 4 bits a byte of its own. Args: codes: (N, K / 2) uint8. Returns: (N, K) uint8."""
    return torch.stack((codes & INT4_MOST, codes >> 4), dim=-1).flatten(1)
