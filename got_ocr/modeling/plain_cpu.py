"""When a CPU's own ways of computing may stand in for the ordinary ones."""

import torch
from torch import Tensor


def is_plain_cpu(tensor: Tensor) -> bool:
    """Tell whether what is computed from a tensor is computed on a CPU, once, for its value alone.

    Args:
        tensor: An operand.

    Returns:
        Whether no gradient is wanted of it and no graph is made of it, by compiling, exporting or tracing.
    """
    is_graph = torch.compiler.is_compiling() or torch.jit.is_tracing()
    return tensor.device.type == "cpu" and not torch.is_grad_enabled() and not is_graph
