"""Sums of one-input tables with trainable bit widths: Kolmogorov-Arnold layers."""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from lutra.circuit import (
    LUT_INPUTS,
    SHARED_INPUTS,
    Builder,
    Code,
    Lut,
    Sum,
    Words,
    pack_tables,
)
from lutra.nn._edge_tables import Table, merged, pack
from lutra.nn._signal import Signal
from lutra.nn.functions import SkipMlp

__all__ = ["EdgeLayer", "Edges"]

_MOST_BITS = 8
"""Of an edge's output: codes are bytes."""
_FRACTION = 10
"""Most bits behind the point, so that floats add values up exactly."""
_FEW_CODES = 16
"""Up to which a product with one-hot codes is cheaper than reading every edge's value."""


class Edges(NamedTuple):
    """What the edges of a layer hold; M edges, E input codes."""

    inputs: Tensor
    """Input bits that an edge reads, (M,)."""
    fraction: Tensor
    """Bits behind the point of its values, (M,)."""
    read: Tensor
    """What an edge reads for a code, (M, E)."""
    exact: Tensor
    """Values before rounding, (M, E)."""
    values: Tensor
    """Rounded values, with the gradients of the exact ones and of the bits, (M, E)."""
    codes: Tensor
    """The same in steps of ``2**-fraction``, (M, E)."""

    @property
    def grid(self) -> float:
        """The coarsest step that all values which vary are multiples of."""
        varying = self.codes.amax(1) > self.codes.amin(1)
        return 2.0 ** -float(self.fraction.detach()[varying].max()) if varying.any() else 1.0

    def slopes(self, levels: Tensor) -> Tensor:
        """Return finite differences of the exact values by the input, (M, E)."""
        return torch.gradient(self.exact.detach(), spacing=(levels,), dim=1)[0]


class EdgeLayer(nn.Module):
    """Node o is the sum of one table per input; every edge has bit widths of its own.

    KANELE (FPGA 2026, arXiv 2512.12850) and HGQ-LUT (FCCM 2026, arXiv 2604.22293). Edge e reads
    the upper bits of its input's code, and its value T_e, a small network, is rounded to
    ``2**-f_e``. The numbers of bits are trained by the derivatives of the rounding error (HGQ,
    arXiv 2405.00645), against the area that they cost (`area`). An edge of no bits is a constant:
    pruned. Sums are exact. A hidden node's sum is cut to ``node_bits``, evenly from -1 to 1.

    Parameters
    ----------
    features, neurons
        Inputs and nodes.
    bits
        Bits per input code.
    node_bits
        Bits per node; None leaves the sums whole, as class scores.
    hidden
        Hidden width of an edge's network.
    name
        For reports and RTL.
    generator
        Source of the initial weights.
    """

    def __init__(
        self,
        features: int,
        neurons: int,
        bits: int,
        node_bits: int | None,
        hidden: int,
        name: str = "",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.features, self.neurons, self.bits, self.name = features, neurons, bits, name
        self.node_bits = node_bits
        edges = features * neurons  # node by node
        self.function = SkipMlp(edges, 1, hidden, True, generator)
        self.gain = 1 / math.sqrt(features)
        self.input_bits = nn.Parameter(torch.full((edges,), float(bits)))
        self.fraction_bits = nn.Parameter(torch.full((edges,), 4.0))
        self.source: Tensor
        self.register_buffer("source", torch.arange(features).repeat(neurons), persistent=False)

    @property
    def levels(self) -> Tensor:
        """Real value of every code of a hidden node. Shape (2**node_bits,)."""
        assert self.node_bits is not None
        codes = torch.arange(1 << self.node_bits, device=self.source.device)
        return (codes + 0.5) * self._grid - 1

    def forward(self, x: Signal) -> Signal:
        """Add up the edges of every node."""
        edges = self._edges(x.levels)
        if x.carrier is None and len(x.levels) <= _FEW_CODES:
            codes = torch.arange(len(x.levels), dtype=torch.uint8, device=x.codes.device)
            hot = (x.codes[:, None] == codes[:, None]).flatten(0, 1)
            total = edges.values.view(self.neurons, -1) @ hot.to(edges.values.dtype)
        else:
            at = x.codes.long()[self.source]
            total = self._total(edges, edges.values.gather(1, at), at, x)
        return self._cut(edges, total)

    def forward_samples(self, x: Signal) -> Signal:
        """Evaluate every edge's network sample by sample: the reference of `forward`."""
        edges, at = self._edges(x.levels), x.codes.long()[self.source]
        exact = self.function(edges.read.gather(1, at)[:, None]) * self.gain
        values, _ = _on_grid(exact, edges.fraction)
        return self._cut(edges, self._total(edges, values, at, x))

    def _cut(self, edges: Edges, total: Tensor) -> Signal:
        """Return the codes of sums, (n, B)."""
        grid = self._sum_grid(edges)
        least, constant = self._constants(edges, grid)
        whole = ((total.detach() - least[:, None]) / grid).round() + constant[:, None]
        if self.node_bits is None:
            low = float(constant.min())
            bits = max(1, int(self._greatest(edges, grid) - low).bit_length())
            levels = (torch.arange(1 << bits, device=whole.device) + low) * grid
            return Signal((whole - low).int(), levels, bits, total)
        steps = (whole * (grid / self._grid)).floor() + self._half
        codes = steps.clamp(0, 2 * self._half - 1)
        return Signal(codes.to(torch.uint8), self.levels, self.node_bits, total * (codes == steps))

    def _total(self, edges: Edges, values: Tensor, at: Tensor, x: Signal) -> Tensor:
        """Add up the edges' values for every sample, (M, B), found at the codes ``at``; (n, B)."""
        if x.carrier is not None:
            own = x.values[self.source]
            values = values + edges.slopes(x.levels).gather(1, at) * (own - own.detach())
        return values.unflatten(0, (self.neurons, -1)).sum(1)

    def area(self, levels: Tensor) -> Tensor:
        """Return the LUT6 of tables and sums as a differentiable estimate; ``levels``: the inputs'.

        A bit of a table of up to five inputs takes half a LUT, and half a one to add it. A table
        of six inputs takes another LUT, and twice as many for every further input. Cutting a sum
        to a node's code takes a LUT per bit.
        """
        edges = self._edges(levels)
        reach = edges.exact.amax(1) - edges.exact.amin(1)
        width = torch.log2(1 + reach * torch.exp2(edges.fraction))
        whole = torch.log2(1.0 + edges.codes.amax(1) - edges.codes.amin(1)).ceil()
        width = width + (whole - width).detach()
        above = edges.inputs - SHARED_INPUTS
        own = above.clamp(0, 1) * torch.exp2((above - 1).clamp(min=0))
        return (width * (1 + own)).sum() + self.neurons * (self.node_bits or 0)

    @torch.no_grad()
    def lower(self, builder: Builder, words: Words, levels: Tensor) -> tuple[Words, Tensor]:
        """Append tables and sums to a circuit; return the nodes' words and the codes' values."""
        edges = self._edges(levels)
        grid = self._sum_grid(edges)
        wires, weights = self._lower_tables(builder, words, edges, grid)
        bias = self._constants(edges, grid)[1].long().cpu().numpy()
        zero = bias.min() if self.node_bits is None else -round(self._grid / grid) * self._half
        bias = bias - zero
        signed = bool(bias.min() < 0)
        high, low = int((weights.sum(1) + bias).max()), int(bias.min())
        least = 1 if self.node_bits is None else self._dropped(grid) + self.node_bits
        width = signed + max(least, max(high, 0).bit_length(), (~low).bit_length() * signed)
        op = Sum(
            wires, weights, bias, width, signed, f"{self.name}_sum", Code(width, int(zero), grid)
        )
        total = builder.add(op, width, signed)
        if self.node_bits is None:
            return total, (torch.arange(1 << width) + zero) * grid
        return self._lower_cut(builder, total, grid), self.levels

    @property
    def _grid(self) -> float:
        """Value of one step of a hidden node's code."""
        assert self.node_bits is not None
        return 2.0 ** (1 - self.node_bits)

    @property
    def _half(self) -> int:
        """Codes below zero of a hidden node."""
        assert self.node_bits is not None
        return 1 << (self.node_bits - 1)

    def _edges(self, levels: Tensor) -> Edges:
        """Evaluate every edge at every input code."""
        inputs = _rounded(self.input_bits.clamp(0, self.bits))
        drop = (self.bits - inputs.detach()).long()[:, None]
        first = (torch.arange(len(levels), device=levels.device) >> drop) << drop
        coarse = (levels[first] + levels[first + (1 << drop) - 1]) / 2
        error = (levels - coarse) * math.log(2)
        read = coarse + error * (inputs - inputs.detach())[:, None]
        exact = self.function(read[:, None]) * self.gain
        reach = (exact.amax(1) - exact.amin(1)).detach()
        most = (((1 << _MOST_BITS) - 1) / reach.clamp(min=1e-6)).log2().floor()
        fraction = _rounded(self.fraction_bits.clamp(-_FRACTION, _FRACTION))
        fraction = fraction - (fraction.detach() - most).clamp(min=0)
        values, codes = _on_grid(exact, fraction)
        return Edges(inputs, fraction, read, exact, values, codes.long())

    def _dropped(self, grid: float) -> int:
        """Return how many bits of a sum lie below a node's code."""
        return round(math.log2(self._grid / grid))

    def _sum_grid(self, edges: Edges) -> float:
        """Return the step that sums are multiples of."""
        return edges.grid if self.node_bits is None else min(edges.grid, self._grid)

    def _constants(self, edges: Edges, grid: float) -> tuple[Tensor, Tensor]:
        """Return the sum of each node's least values, exactly and in whole steps; (n,)."""
        least = edges.values.detach().amin(1).unflatten(0, (self.neurons, -1)).sum(1)
        return least, (least / grid).round()

    def _greatest(self, edges: Edges, grid: float) -> float:
        """Return the greatest sum, in steps."""
        values = edges.values.detach()
        reach = (values.amax(1) - values.amin(1)).unflatten(0, (self.neurons, -1)).sum(1)
        return float((reach / grid + self._constants(edges, grid)[1]).max())

    def _lower_tables(
        self, builder: Builder, words: Words, edges: Edges, grid: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Append the tables, merged; return the sums' wires and weights, (neurons, terms)."""
        codes = (edges.codes - edges.codes.amin(1, keepdim=True)).cpu().numpy()
        inputs = edges.inputs.long().cpu().numpy()
        steps = (torch.exp2(-edges.fraction) / grid).long().cpu().numpy()
        source = words.bits[self.source.cpu().numpy()]
        nodes: list[Table] = []
        owner: list[int] = []
        for node, own in enumerate(np.split(np.arange(len(codes)), self.neurons)):
            own = own[codes[own].max(1) > 0]
            drop = self.bits - inputs[own]
            small = [
                Table(source[e, d:], codes[e, :: 1 << d], int(steps[e]))
                for e, d in zip(own, drop, strict=True)
            ]
            bins = pack(inputs[own].tolist())
            nodes += [merged(small[item] for item in items) for items in bins]
            owner += [node] * len(bins)
        terms: list[list[tuple[int, int]]] = [[] for _ in range(self.neurons)]
        shapes = [(len(table.wires), table.bits) for table in nodes]
        for k, m in sorted(set(shapes)):
            chosen = [number for number, shape in enumerate(shapes) if shape == (k, m)]
            op = Lut(
                np.stack([nodes[number].wires for number in chosen]),
                pack_tables(np.stack([nodes[number].values for number in chosen]), m),
                f"{self.name}_in{k}_out{m}",
            )
            for number, bits in zip(chosen, builder.add(op, m).bits.tolist(), strict=True):
                scaled = [(bit, nodes[number].step << i) for i, bit in enumerate(bits)]
                terms[owner[number]] += scaled
        result = np.zeros((2, self.neurons, max(1, *map(len, terms))), np.int64)
        for node, own in enumerate(terms):
            if own:
                result[:, node, : len(own)] = np.transpose(own)
        return result[0], result[1]

    def _lower_cut(self, builder: Builder, total: Words, grid: float) -> Words:
        """Append what cuts a sum to a node's code: its middle bits, or the nearest code."""
        assert self.node_bits is not None
        drop = self._dropped(grid)
        upper = total.bits[:, drop + self.node_bits :]
        middle = total.bits[:, drop : drop + self.node_bits]
        if not upper.shape[1]:
            return Words(middle)
        signed = total.signed
        if upper.shape[1] >= LUT_INPUTS:  # shorten: 0 within the code's range, 1 above, 2 below
            flags = np.where(_negative(upper.shape[1], signed), 2, 1)
            flags[0] = 0
            packed = pack_tables(flags[None].repeat(len(upper), 0), 2)
            op = Lut(np.ascontiguousarray(upper), packed, f"{self.name}_beyond")
            upper, signed = builder.add(op, 2).bits, True
        # A middle bit stays where all upper ones are 0; else it is 0 for a negative sum, or 1.
        negative = _negative(upper.shape[1], signed).repeat(2)
        address = np.arange(len(negative))
        table = np.where(address < 2, address, ~negative)[None].repeat(middle.size, 0)
        wires = np.concatenate([middle[:, :, None], upper[:, None].repeat(self.node_bits, 1)], 2)
        code = Code(self.node_bits, -self._half, self._grid)
        wires = wires.reshape(middle.size, -1)
        return builder.add(Lut(wires, pack_tables(table, 1), self.name, code), self.node_bits)


def _rounded(x: Tensor) -> Tensor:
    """Round, and pass the gradient through."""
    return x + (x.round() - x).detach()


def _on_grid(exact: Tensor, fraction: Tensor) -> tuple[Tensor, Tensor]:
    """Round values, (M, any), to ``fraction`` bits behind the point; return them and their codes.

    The number of bits gets the rounding error's derivative by it, as in HGQ.
    """
    step = torch.exp2(-fraction.detach())[:, None]
    codes = (exact.detach() / step).round()
    error = codes * step - exact.detach()
    change = error * math.log(2) * (fraction - fraction.detach())[:, None]
    return exact + error - change, codes


def _negative(bits: int, signed: bool) -> np.ndarray:
    """Return which values of a word's upper bits are negative."""
    return (np.arange(1 << bits) >> (bits - 1)).astype(bool) & signed
