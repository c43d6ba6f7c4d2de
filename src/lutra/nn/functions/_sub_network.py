"""A dense network of any depth inside each neuron: NeuraLUT."""

import math

import torch
from torch import Tensor, nn

from lutra.nn.functions._base import TableFunction, kaiming, uniform

__all__ = ["SubNetwork"]


class SubNetwork(TableFunction):
    """L affine maps of width N with a ReLU between two; every S of them are bypassed by a map.

    NeuraLUT (FPL 2024, arXiv 2403.00849): with L = 4, S = 2, ``h = relu(A2 relu(A1 z) + R1 z)``
    and ``y = A4 relu(A3 h) + R2 h``. L = S = 2 is the node of NeuraLUT-Assemble.

    Parameters
    ----------
    neurons, fan_in
        n and F.
    depth, width
        L and N.
    skip_every
        S; 0 for no bypass. Maps left over at the end have none.
    generator
        Source of the Kaiming-uniform initial weights.
    """

    def __init__(
        self,
        neurons: int,
        fan_in: int,
        depth: int,
        width: int,
        skip_every: int,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.neurons, self.depth, self.skip_every = neurons, depth, skip_every
        sizes = [fan_in, *[width] * (depth - 1), 1]

        def weight(start: int, end: int) -> nn.Parameter:
            shape = neurons, sizes[end], sizes[start]
            return nn.Parameter(kaiming(shape, sizes[start], generator))

        # The norm behind the neuron cancels a bias of the last map; of a bypass, its map's does.
        for end in range(1, depth + 1):
            self.register_parameter(f"map{end}_weight", weight(end - 1, end))
            if end < depth:
                bound = 1 / math.sqrt(sizes[end - 1])
                bias = nn.Parameter(uniform((neurons, sizes[end], 1), bound, generator))
                self.register_parameter(f"map{end}_bias", bias)
            if self._bypassed(end):
                self.register_parameter(f"bypass{end}_weight", weight(end - skip_every, end))

    def forward(self, z: Tensor) -> Tensor:
        """Map digit values (n or 1, F, entries) to neuron values (n, entries)."""
        x = start = z.expand(self.neurons, *z.shape[1:])
        for end in range(1, self.depth + 1):
            x = _product(self.get_parameter(f"map{end}_weight"), x)
            if end < self.depth:
                x = x + self.get_parameter(f"map{end}_bias")
            if self._bypassed(end):
                x = x + _product(self.get_parameter(f"bypass{end}_weight"), start)
            if end < self.depth:
                x = x.relu()
            if self._bypassed(end):
                start = x
        return x.squeeze(1)

    def by_digit(self) -> list[tuple[nn.Parameter, Tensor]]:
        """Return the weights that read the digits: of the first map and its bypass."""
        first = [self.get_parameter("map1_weight")]
        if self._bypassed(self.skip_every):
            first.append(self.get_parameter(f"bypass{self.skip_every}_weight"))
        own = torch.eye(first[0].shape[2], dtype=torch.bool)
        return [(weight, own[:, None]) for weight in first]

    def _bypassed(self, end: int) -> bool:
        """Tell whether a bypass joins what map ``end`` gives."""
        return self.skip_every > 0 and 0 < end <= self.depth and end % self.skip_every == 0


def _product(weight: Tensor, x: Tensor) -> Tensor:
    """Multiply batches of matrices; one output row is several times faster as a sum."""
    if weight.shape[1] == 1:
        return (weight.mT * x).sum(dim=1, keepdim=True)
    return torch.bmm(weight, x)
