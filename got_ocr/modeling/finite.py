"""Numbers that are none: a network that computes NaN answers nothing, and must say why instead."""

import torch
from torch import Tensor, nn


class NonFiniteError(ValueError):
    """The network's numbers are NaN or infinite; the message is one line that names the likely cause."""


def find_non_finite(model: nn.Module) -> str:
    """Find the first weight that holds NaN or infinity.

    Args:
        model: the network.

    Returns:
        The weight's name; empty if all are finite.
    """
    for name, weight in model.state_dict().items():
        if weight.is_floating_point() and not bool(torch.isfinite(weight).all()):
            return str(name)
    return ""


def explain_non_finite(model: nn.Module, dtype: torch.dtype) -> NonFiniteError:
    """Say why a network's numbers are none.

    Args:
        model: the network.
        dtype: that it computes in.

    Returns:
        The error to raise.
    """
    said = "the network computed NaN in the place of an answer: "
    name = find_non_finite(model)
    if name:
        return NonFiniteError(f"{said}its weights hold NaN or infinity ({name}): download or convert them again.")
    if dtype == torch.float16:
        return NonFiniteError(f"{said}float16 is too narrow for these weights: load them as bfloat16 or float32.")
    return NonFiniteError(f"{said}its weights are finite, but too large for {dtype}: load them as float32.")


def check_finite(log_probabilities: Tensor, model: nn.Module, dtype: torch.dtype) -> None:
    """Refuse an answer whose probabilities are none.

    Args:
        log_probabilities: (tokens,) float32, of the tokens that were picked.
        model: the network that picked them.
        dtype: that it computes in.

    Raises:
        NonFiniteError: one is NaN.
    """
    if bool(torch.isnan(log_probabilities).any()):
        raise explain_non_finite(model, dtype)
