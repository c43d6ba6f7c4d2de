"""The neuron that passes its one digit on: a norm and a quantiser alone."""

from torch import Tensor, nn

from lutra.nn.functions._base import TableFunction

__all__ = ["Identity"]


class Identity(TableFunction):
    """``y = z``, for neurons of one digit, n of them."""

    def __init__(self, neurons: int) -> None:
        super().__init__()
        self.neurons = neurons

    def forward(self, z: Tensor) -> Tensor:
        """Map digit values (n or 1, 1, entries) to neuron values (n, entries)."""
        return z[:, 0].expand(self.neurons, -1).contiguous()

    def by_digit(self) -> list[tuple[nn.Parameter, Tensor]]:
        """Return no parameters: there are none."""
        return []
