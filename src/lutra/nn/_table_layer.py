"""The one layer of every family: wiring + table function + norm + quantiser."""

import numpy as np
import torch
from torch import Tensor, nn

from lutra.circuit import MAX_FAN_IN, Builder, Code, Lut, Words, pack_tables
from lutra.nn._norm import BatchNorm
from lutra.nn._quantiser import Quantiser
from lutra.nn._signal import Signal
from lutra.nn._table_domain import Feed, Link, Lookup, histogram, pack_addresses

__all__ = ["TableLayer"]


class TableLayer(nn.Module):
    """n neurons, each a table over F digits of ``bits`` bits.

    Parameters
    ----------
    wires
        Feature that each digit reads, digit 0 in the lowest address bits. Shape (n, F).
    bits
        Bits per input digit.
    function
        Maps digit values (n, F, entries) to neuron values (n, entries), entry by entry: the
        family's own part.
    quantiser
        Of the output.
    name
        For reports, RTL and error messages.

    Raises
    ------
    ValueError
        ``F * bits`` exceeds 16 address bits.
    """

    def __init__(
        self, wires: Tensor, bits: int, function: nn.Module, quantiser: Quantiser, name: str = ""
    ) -> None:
        super().__init__()
        if wires.shape[1] * bits > MAX_FAN_IN:
            raise ValueError(
                f"{name}: {wires.shape[1]} inputs of {bits} bits make "
                f"{wires.shape[1] * bits} address bits; a table has at most {MAX_FAN_IN}"
            )
        self.wires: Tensor
        self.register_buffer("wires", wires.long())
        self.bits, self.name = bits, name
        self.function = function
        self.norm = BatchNorm(len(wires))
        self.quantiser = quantiser

    @property
    def entries(self) -> int:
        """Entries per table, E."""
        return 1 << (self.wires.shape[1] * self.bits)

    def entry_digits(self) -> Tensor:
        """Return the digit code of each entry. Shape (F, E)."""
        fan_in = self.wires.shape[1]
        entry = torch.arange(self.entries, device=self.wires.device)
        shifts = torch.arange(fan_in, device=self.wires.device)[:, None] * self.bits
        return (entry >> shifts) & ((1 << self.bits) - 1)

    def forward(self, x: Signal) -> Signal:
        """Evaluate in the table domain."""
        addresses = pack_addresses(x.codes, self.wires, self.bits)
        if not self.training:
            codes = self.tables(x.levels).to(torch.uint8).gather(1, addresses)
            levels = self.quantiser.levels
            return Signal(codes, levels[codes.long()], levels, self.quantiser.bits)
        dtype = x.levels.dtype
        link = Link(self.wires, addresses, histogram(addresses, self.entries, dtype))
        entries = self._entry_inputs(x.levels)
        follow = x.values.requires_grad
        if follow:
            entries = Feed.apply(x.values, entries, link)
        table = self.function(entries)
        mean, variance = self.norm.statistics(table, link.counts)
        values, codes = self.quantiser(self.norm.normalise(table, mean, variance))
        if follow:
            fixed, _ = self.quantiser(self.norm.normalise(table, mean.detach(), variance.detach()))
            (link.slopes,) = torch.autograd.grad(fixed.sum(), entries, retain_graph=True)
        return Signal(
            codes.gather(1, addresses),
            Lookup.apply(values, link),  # pyright: ignore[reportArgumentType]
            self.quantiser.levels,
            self.quantiser.bits,
        )

    def forward_samples(self, x: Signal) -> Signal:
        """Evaluate sample by sample: the reference that `forward` must equal."""
        table = self.function(x.values[self.wires])
        values, codes = self.quantiser(self.norm(table))
        return Signal(codes, values, self.quantiser.levels, self.quantiser.bits)

    @torch.no_grad()
    def tables(self, levels: Tensor) -> Tensor:
        """Enumerate the truth tables with running statistics: output codes (n, E), int64.

        Parameters
        ----------
        levels
            Real value of every input code. Shape (2**bits,).
        """
        table = self.function(self._entry_inputs(levels))
        values = self.norm.normalise(table, self.norm.mean, self.norm.variance)
        return self.quantiser(values)[1].long()

    def lower(self, builder: Builder, words: Words, levels: Tensor) -> tuple[Words, Tensor]:
        """Append this layer's tables to a circuit.

        Returns
        -------
        The output codes as words, and the real value of every output code.
        """
        wires = words.bits[self.wires.cpu().numpy()].reshape(len(self.wires), -1)
        quantiser = self.quantiser
        table = pack_tables(self.tables(levels).cpu().numpy(), quantiser.bits)
        code = Code(quantiser.bits, quantiser.q_min, float(quantiser.step.detach()))
        op = Lut(np.ascontiguousarray(wires), table, self.name, code)
        return builder.add(op, quantiser.bits), quantiser.levels

    def _entry_inputs(self, levels: Tensor) -> Tensor:
        digits = levels[self.entry_digits()]
        return digits.expand(len(self.wires), *digits.shape)
