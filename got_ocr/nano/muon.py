"""The Muon optimiser (Jordan et al. 2024), its work shared out among processes.

Each matrix's momentum is replaced by the nearest orthogonal matrix, found by Newton-Schulz steps. torch.optim.Muon
does the same but computes in bfloat16, which CPUs without AMX do several times slower, and repeats all of it in every
process.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, cast

import torch
from torch import Tensor, distributed

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # Jordan's quintic coefficients


def orthogonalise(matrices: Tensor, steps: int = 5) -> Tensor:
    """Bring all singular values near 1.

    Args:
        matrices: (n, rows, columns) float32.
        steps: Newton-Schulz steps.

    Returns:
        (n, rows, columns) float32 with singular values between about 0.7 and 1.2.
    """
    a, b, c = NEWTON_SCHULZ
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.transpose(1, 2) if tall else matrices
    x = x / (x.flatten(1).norm(dim=1)[:, None, None] + 1e-7)
    for _ in range(steps):
        gram = x @ x.transpose(1, 2)
        x = a * x + torch.baddbmm(gram, gram, gram, beta=b, alpha=c) @ x
    return x.transpose(1, 2) if tall else x


class Muon(torch.optim.Optimizer):
    """Momentum with orthogonalised updates, for the weight matrices of hidden layers.

    Every process must hold the same gradients (reduced beforehand). Each orthogonalises its part of the matrices and
    the results are added up, which is exact, so all processes stay the same to the bit.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float,
        momentum: float = 0.95,
        weight_decay: float = 0.05,
        steps: int = 5,
    ) -> None:
        """Set the hyper-parameters.

        Args:
            parameters: matrices.
            lr: learning rate; an update moves each singular direction by about this much.
            momentum: of the gradients, Nesterov's form.
            weight_decay: decoupled, multiplied by the learning rate.
            steps: Newton-Schulz steps.
        """
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "steps": steps})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        """Update every matrix that has a gradient.

        Args:
            closure: not supported.
        """
        for group in self.param_groups:
            by_shape: dict[tuple[int, ...], list[Tensor]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    by_shape[tuple(parameter.shape)].append(parameter)
            if not by_shape:
                continue
            updates = [self._orthogonalised(parameters, group) for parameters in by_shape.values()]
            if distributed.is_initialized() and distributed.get_world_size() > 1:
                flat = torch.cat([update.flatten() for update in updates])
                distributed.all_reduce(flat)
                parts = flat.split([update.numel() for update in updates])
                updates = [part.view_as(update) for part, update in zip(parts, updates, strict=True)]
            for parameters, update in zip(by_shape.values(), updates, strict=True):
                rows, columns = parameters[0].shape
                scale = group["lr"] * max(1.0, rows / columns) ** 0.5
                for parameter, direction in zip(parameters, update, strict=True):
                    parameter.mul_(1.0 - group["lr"] * group["weight_decay"]).sub_(direction, alpha=scale)

    def _orthogonalised(self, parameters: list[Tensor], group: dict[str, Any]) -> Tensor:
        """Update the momentum of matrices of one shape; orthogonalise this process's part (others: zeros)."""
        directions = []
        for parameter in parameters:
            gradient, state = cast(Tensor, parameter.grad), self.state[parameter]
            if "momentum" not in state:
                state["momentum"] = torch.zeros_like(parameter)
            state["momentum"].lerp_(gradient, 1.0 - group["momentum"])
            directions.append(gradient.lerp(state["momentum"], group["momentum"]))
        stacked = torch.stack(directions)
        if not (distributed.is_initialized() and distributed.get_world_size() > 1):
            return orthogonalise(stacked, group["steps"])
        mine = slice(distributed.get_rank(), None, distributed.get_world_size())
        result = torch.zeros_like(stacked)
        if len(stacked[mine]):
            result[mine] = orthogonalise(stacked[mine], group["steps"])
        return result
