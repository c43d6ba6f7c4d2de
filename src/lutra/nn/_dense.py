"""The dense phase of learned mapping: a level that still sees all of its inputs."""

import math

import torch
from torch import Tensor, nn

from lutra.nn._norm import BatchNorm
from lutra.nn._quantiser import Quantiser
from lutra.nn._signal import Signal

__all__ = ["DenseLayer"]


class DenseLayer(nn.Module):
    """The dense twin of a level of skip-MLP nodes, evaluated per sample; it has no tables.

    ``y = Q(BN(v . relu(U x + a) + R x))`` with every input in reach of every node. After training
    with `regulariser`, `top_inputs` names the F inputs that each node keeps (NeuraLUT-Assemble,
    FCCM 2025; the exponential group regulariser is PolyLUT's, IEEE TC 2025).

    Parameters
    ----------
    features, neurons
        Inputs and nodes.
    hidden
        Hidden width N per node; 0 keeps the skip alone, which the selection reads, and saves the
        features * neurons * N product.
    quantiser
        Of the output.
    """

    def __init__(
        self,
        features: int,
        neurons: int,
        hidden: int,
        quantiser: Quantiser,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()

        def weight(*shape: int, bound: float = math.sqrt(6 / features)) -> nn.Parameter:
            return nn.Parameter(torch.empty(shape).uniform_(-bound, bound, generator=generator))

        self.skip_weight = weight(neurons, features)
        self.neurons, self.hidden = neurons, hidden
        if hidden:
            self.hidden_weight = weight(neurons * hidden, features)
            self.hidden_bias = weight(neurons * hidden, 1, bound=1 / math.sqrt(features))
            self.output_weight = weight(neurons, 1, hidden, bound=math.sqrt(6 / hidden))
        self.norm = BatchNorm(neurons)
        self.quantiser = quantiser

    def forward(self, x: Signal) -> Signal:
        """Evaluate every sample on all inputs."""
        inputs = x.values
        result = self.skip_weight @ inputs
        if self.hidden:
            hidden = torch.addmm(self.hidden_bias, self.hidden_weight, inputs).relu()
            hidden = hidden.view(self.neurons, self.hidden, -1)
            result = result + torch.bmm(self.output_weight, hidden).squeeze(1)
        values, codes = self.quantiser(self.norm(result))
        return Signal(codes, self.quantiser.levels, self.quantiser.bits, values)

    forward_samples = forward

    def regulariser(self, strength: float, rate: float | None) -> Tensor:
        """Return ``strength * sum_rows (2**(rate * ||row||_1) - 1)`` over skip and hidden rows.

        The penalty grows exponentially with a row's L1 norm, as the table does with its inputs.
        Without a rate it is the usual group term, ``strength * sum_rows ||row||_2**2``.
        """
        rows = [self.skip_weight, *([self.hidden_weight] if self.hidden else [])]
        if rate is None:
            return strength * torch.stack([row.square().sum() for row in rows]).sum()
        norms = torch.cat([row.abs().sum(1) for row in rows])
        return strength * (torch.exp2(rate * norms) - 1).sum()

    def top_inputs(self, fan_in: int) -> Tensor:
        """Return the inputs with the greatest ``|skip weight|`` per node, ascending. (n, fan_in).

        Ties go to the lower index.
        """
        order = self.skip_weight.detach().abs().argsort(dim=1, descending=True, stable=True)
        return order[:, :fan_in].sort(dim=1).values
