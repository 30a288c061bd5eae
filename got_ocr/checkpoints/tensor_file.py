"""Writing a safetensors file tensor by tensor: a conversion holds one of them in memory and can show progress."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import torch
from torch import Tensor

# The format's names of dtypes: https://huggingface.co/docs/safetensors
_DTYPE_NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
_ALIGNMENT = 8  # of the header's end, as the library pads it


@dataclass(frozen=True)
class TensorPlan:
    """A tensor to be written.

    Attributes:
        name: Its name in the file.
        shape: Its shape.
        dtype: Its dtype in the file.
        read: Gives the tensor, in any dtype.
    """

    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype
    read: Callable[[], Tensor]

    @property
    def num_bytes(self) -> int:
        """Bytes in the file."""
        return int(torch.Size(self.shape).numel() * self.dtype.itemsize)


def write_tensors(
    path: Path,
    plans: Iterable[TensorPlan],
    metadata: Mapping[str, str],
    on_bytes: Callable[[int], None] = lambda count: None,
) -> None:
    """Write a safetensors file.

    Args:
        path: The file.
        plans: The tensors, written in this order within each width of dtype, the widest first.
        metadata: The file's metadata: `{"format": "pt"}`.
        on_bytes: Called with the number of bytes that were just written.

    Raises:
        OSError: If the file can't be written, with its name.
    """
    ordered = sorted(plans, key=lambda plan: (-plan.dtype.itemsize, plan.name))  # the library's order
    header: dict[str, object] = {"__metadata__": dict(metadata)}
    offset = 0
    for plan in ordered:
        end = offset + plan.num_bytes
        header[plan.name] = {
            "dtype": _DTYPE_NAMES[plan.dtype],
            "shape": list(plan.shape),
            "data_offsets": [offset, end],
        }
        offset = end
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    text += b" " * (-len(text) % _ALIGNMENT)
    try:
        with _open(path) as file:
            file.write(len(text).to_bytes(8, "little"))
            file.write(text)
            for plan in ordered:
                tensor = plan.read().to(plan.dtype).contiguous()
                file.write(tensor.reshape(-1).view(torch.uint8).numpy().data)
                on_bytes(plan.num_bytes)
    except OSError as error:
        error.filename = error.filename or str(path)  # the system doesn't say it for a full disk
        raise


def _open(path: Path) -> BinaryIO:
    return path.open("wb")
