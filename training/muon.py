"""Muon for matrices, in the precision of the matrices and all of one shape at once.

What `torch.optim.Muon` computes (Newton-Schulz after K. Jordan, kellerjordan.github.io/posts/muon), which does it matrix by
matrix in bfloat16: on a CPU without instructions for that, its step took as long as the passes through the model.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5


class Muon(torch.optim.Optimizer):
    """Muon with Nesterov momentum and decoupled weight decay; a step is as large as one of AdamW with the same `lr`."""

    def __init__(
        self, matrices: Iterable[torch.nn.Parameter], lr: float, *, momentum: float = 0.95, weight_decay: float = 0.01
    ) -> None:
        super().__init__(matrices, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Change all matrices that have a gradient."""
        for group in self.param_groups:
            shapes: dict[torch.Size, list[torch.nn.Parameter]] = {}
            for matrix in group["params"]:
                if matrix.grad is not None:
                    shapes.setdefault(matrix.shape, []).append(matrix)
            for (rows, columns), matrices in shapes.items():
                directions = []
                for matrix in matrices:
                    kept = self.state[matrix].setdefault("momentum", torch.zeros_like(matrix))
                    kept.lerp_(matrix.grad, 1 - group["momentum"])
                    directions.append(matrix.grad.lerp(kept, group["momentum"]))
                size = group["lr"] * 0.2 * max(rows, columns) ** 0.5
                torch._foreach_mul_(matrices, 1 - group["lr"] * group["weight_decay"])
                torch._foreach_add_(matrices, orthogonal(torch.stack(directions)).unbind(), alpha=-size)


def orthogonal(matrices: torch.Tensor) -> torch.Tensor:
    """The nearest matrices (n, r, c) whose singular values are about 1 (.7 to 1.2), by Newton-Schulz iteration."""
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if tall else matrices
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp_min(1e-7)
    a, b, c = COEFFICIENTS
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x
