"""Tables whose entries are the parameters: DWN, Walsh coefficients, single logits, 16 gates."""

import math
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from lutra.nn._table_domain import operations
from lutra.nn.functions._base import Entries, TableFunction
from lutra.nn.functions._bit_slopes import BitGradient, bit_mixing

__all__ = ["Direct", "Parametrisation"]

Parametrisation = Literal["entries", "logits", "walsh", "gates"]

_BOUND = 1 - 2.0**-20
"""Of a DWN entry: inside of the unit quantiser, whose gradient would stop at 1."""
_RESIDUAL = 3.0
"""Logit of what a residual neuron passes on: probability 0.95 among two, 0.57 among 16."""


class Direct(TableFunction):
    """A table of F single bits whose values v, one per entry, follow from free parameters.

    Behind it stands a quantiser of step 1: the output bit is ``v > 1/2``, and its gradient reaches
    v as it is.

    ``entries``: ``v = w + 1/2``, w within -1 and 1 (DWN, ICML 2024, arXiv 2410.11112).
    ``logits``: ``v = sigmoid(w)`` (Light DLGN, arXiv 2510.03250).
    ``walsh``: v = sigmoid of the Walsh transform of w (WARP, arXiv 2602.03527).
    ``gates``: the mean of the 16 two-input gates under ``softmax(w)`` (DiffLogicNet, NeurIPS 2022).

    Parameters
    ----------
    neurons, fan_in
        n and F.
    parametrisation
        See above; ``gates`` needs two inputs.
    gradient, softness
        What reaches the address bits, see `bit_mixing`.
    residual
        Begin by passing digit 0 on (conv. DiffLogicNet, NeurIPS 2024), instead of at random.
    spectral
        Strength of `penalty`.
    relaxed
        Let the tables' multilinear extension flow in training, as DiffLogicNet, Light DLGN and
        WARP do, and not rounded bits.
    gumbel
        Choose gates in training by logits with Gumbel noise, anew at every step.
    generator
        Source of the initial parameters.
    """

    unique_above = (math.inf, math.inf)  # an entry costs next to nothing

    def __init__(
        self,
        neurons: int,
        fan_in: int,
        parametrisation: Parametrisation = "entries",
        gradient: BitGradient = "extended",
        softness: float = 0.75,
        residual: bool = False,
        spectral: float = 0.0,
        relaxed: bool = False,
        gumbel: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if parametrisation == "gates" and fan_in != 2:
            raise ValueError(f"the 16 gates have two inputs, not {fan_in}")
        self.neurons, self.spectral, self.relaxed = neurons, spectral, relaxed
        if gumbel and parametrisation != "gates":
            raise ValueError(f"Gumbel noise is for the 16 gates, not for {parametrisation}")
        if relaxed and parametrisation == "entries":
            raise ValueError("DWN's entries have no relaxation: train logits or Walsh coefficients")
        self.draws: Tensor | None
        self.register_buffer("draws", torch.zeros(2, dtype=torch.int64) if gumbel else None)
        if self.draws is not None:  # seed, steps so far
            self.draws[0] = torch.randint(1 << 31, (), generator=generator)
        self.parametrisation: Parametrisation = parametrisation
        self.mixing: Tensor | None
        mixing = (
            None if gradient == "difference" else bit_mixing(fan_in, gradient, softness).float()
        )
        self.register_buffer("mixing", mixing, persistent=False)
        self.levels: Tensor
        self.register_buffer("levels", torch.tensor([0.0, 1.0]), persistent=False)
        size = 16 if parametrisation == "gates" else 1 << fan_in
        weight = torch.empty(neurons, size)
        if parametrisation == "entries":
            weight.uniform_(-_BOUND, _BOUND, generator=generator)
        else:
            weight.normal_(std=0.1 if residual else 1.0, generator=generator)
        first = torch.arange(1 << fan_in) % 2  # digit 0 of every entry
        if residual:
            weight += _passing(parametrisation, first)
        self.table_weight = nn.Parameter(weight)

    def values(self) -> Tensor:
        """Return v, (n, E)."""
        weight = self.table_weight
        match self.parametrisation:
            case "entries":
                return weight + 0.5
            case "logits":
                return weight.sigmoid()
            case "walsh":
                return _walsh(weight).sigmoid()
            case "gates":
                return (weight + self._noise()).softmax(1) @ _gates().to(weight)

    def _noise(self) -> Tensor | float:
        """Return the step's Gumbel noise, (n, 16), the same until the next step."""
        if self.draws is None or not self.training:
            return 0.0
        draw = torch.Generator().manual_seed(int(self.draws.sum()))
        uniform = torch.rand(self.table_weight.shape, generator=draw).clamp_min_(1e-20)
        return -(-uniform.log()).log().to(self.table_weight)

    def forward(self, z: Tensor) -> Tensor:
        """Read every sample's entry: bits (n, F, samples) to (n, samples)."""
        values = self.values()
        with torch.no_grad():
            shifts = torch.arange(z.shape[1], device=z.device)[:, None]
            address = ((z > 0.5).long() << shifts).sum(1)
            slopes = self.slopes(Entries(self.levels, 1, z.shape[1]))[:, :, : z.shape[1]]
        read = _Read.apply(values, z, address, slopes)
        assert isinstance(read, Tensor)
        return read

    def relax(self, z: Tensor) -> Tensor:
        """Return the multilinear extension of every table at z, (n, F, samples): (n, samples)."""
        value = self.values()[:, :, None]
        for digit in reversed(range(z.shape[1])):
            lower, upper = value.chunk(2, dim=1)
            value = torch.lerp(lower, upper, z[:, digit : digit + 1])
        return value.squeeze(1)

    def table(self, entries: Entries) -> Tensor:
        """Return every entry's value. Shape (n, E)."""
        values = self.values()
        return values if entries.chosen is None else values.gather(1, entries.chosen)

    @torch.no_grad()
    def slopes(self, entries: Entries) -> Tensor:
        """Return what each entry sends back to digit f, in column f. Shape (n, E, row)."""
        return operations(self.levels).differences(self.mixed(), self.levels, 1, entries.row)

    @torch.no_grad()
    def mixed(self) -> Tensor:
        """Return values (n, E) whose differences between neighbours are `slopes`."""
        values = self.values()
        return values if self.mixing is None else values @ self.mixing

    def penalty(self) -> Tensor | None:
        """Return ``spectral * sum_s |s| w_s**2`` over all tables, w being the Walsh spectrum.

        A coefficient counts by the number of inputs that its parity reads, so that entries which
        no sample meets take after their neighbours. Without these weights it would be the decay of
        the entries themselves (Parseval), and DWN's regulariser is (arXiv 2410.11112, section 3.4).
        """
        if not self.spectral:
            return None
        values = self.values() - 0.5
        spectrum = _walsh(values) / values.shape[1]
        subset = torch.arange(values.shape[1], device=values.device)
        degree = sum(subset >> bit & 1 for bit in range(values.shape[1].bit_length() - 1))
        return self.spectral * (degree * spectrum.square()).sum()

    @torch.no_grad()
    def constrain(self) -> None:
        """Keep DWN's entries within their bounds, as after every step of the published training.

        Noise is drawn anew.
        """
        if self.draws is not None:
            self.draws[1] += 1
        if self.parametrisation == "entries":
            self.table_weight.clamp_(-_BOUND, _BOUND)


class _Read(torch.autograd.Function):
    """A sample's entry; the gradient of its bits is what the slopes say."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, z: Tensor, address: Tensor, slopes: Tensor) -> Tensor:
        address = address.expand(len(values), -1)
        ctx.save_for_backward(address, slopes)
        ctx.shared = len(z) == 1
        return values.gather(1, address)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor, Tensor, None, None]:
        address, slopes = ctx.saved_tensors
        table = gradient.new_zeros(slopes.shape[:2]).scatter_add_(1, address, gradient)
        at = address[:, :, None].expand(-1, -1, slopes.shape[2])
        bits = (slopes.gather(1, at) * gradient[:, :, None]).transpose(1, 2)
        return table, bits.sum(0, keepdim=True) if ctx.shared else bits, None, None


def _gates() -> Tensor:
    """Return the 16 gates of two inputs, (16, 4): gate g has the value of bit e of g at entry e."""
    return torch.arange(16)[:, None] >> torch.arange(4) & 1


def _walsh(weight: Tensor) -> Tensor:
    """Return ``sum_s w_s (-1)**popcount(s & e)`` for every entry e: the Walsh transform, (n, E)."""
    entry = torch.arange(weight.shape[1], device=weight.device)
    parity = entry[:, None] & entry
    for shift in (4, 2, 1):
        parity = parity ^ parity >> shift
    return weight @ (1 - 2 * (parity & 1)).to(weight)


def _passing(parametrisation: Parametrisation, first: Tensor) -> Tensor:
    """Return the parameters of a table that passes digit 0 on; ``first`` is the digit, (E,)."""
    match parametrisation:
        case "entries":
            return first - 0.5
        case "logits":
            return _RESIDUAL * (2.0 * first - 1)
        case "walsh":
            return -_RESIDUAL * (torch.arange(len(first)) == 1)
        case "gates":
            return _RESIDUAL * (torch.arange(16) == 0b1010)
