"""The one layer of every family: wiring + table function + norm + quantiser."""

from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from lutra.circuit import MAX_FAN_IN, Builder, Code, Lut, Words, pack_tables
from lutra.nn._norm import BatchNorm, NoNorm
from lutra.nn._quantiser import Quantiser
from lutra.nn._signal import Signal
from lutra.nn._table_domain import Feed, Link, Observer, QuantisedLookup, operations
from lutra.nn.functions import Entries, TableFunction

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
    norm
        Normalise the neuron values over the batch.
    mapped
        Whether a mapping may choose the wires; those inside a tree are fixed.

    Raises
    ------
    ValueError
        ``F * bits`` exceeds 16 address bits.
    """

    def __init__(
        self,
        wires: Tensor,
        bits: int,
        function: TableFunction,
        quantiser: Quantiser,
        name: str = "",
        norm: bool = True,
        mapped: bool = True,
    ) -> None:
        super().__init__()
        if wires.shape[1] * bits > MAX_FAN_IN:
            raise ValueError(
                f"{name}: {wires.shape[1]} inputs of {bits} bits make "
                f"{wires.shape[1] * bits} address bits; a table has at most {MAX_FAN_IN}"
            )
        self.wires: Tensor
        self.register_buffer("wires", wires.long())
        self.bits, self.name, self.mapped = bits, name, mapped
        self.function = function
        self.norm = BatchNorm(len(wires)) if norm else NoNorm(len(wires))
        self.quantiser = quantiser
        self.observer: Observer | None = None
        self.differences = False
        """Send gradients back by finite differences of the table, not by its derivatives."""

    @property
    def neurons(self) -> int:
        """Neurons, n."""
        return len(self.wires)

    @property
    def entries(self) -> int:
        """Entries per table, E."""
        return 1 << (self.wires.shape[1] * self.bits)

    @property
    def read(self) -> Tensor:
        """Features that are read, ascending."""
        return self.wires.unique()

    def outside(self, features: int) -> Tensor:
        """Return what is read beyond so many features, which do not exist."""
        return self.wires[(self.wires < 0) | (self.wires >= features)]

    def forward(self, x: Signal) -> Signal:
        """Evaluate in the table domain; in training, relaxed tables sample by sample."""
        if self.training and self.function.relaxed:
            return self._relaxed(x)
        run, quantiser = operations(x.levels), self.quantiser
        entries = Entries(x.levels, self.bits, self.wires.shape[1])
        if self.training and self._entries_as_met(x.codes.shape[1]):
            addresses, counts, chosen = run.unique_address(x.codes, self.wires, self.bits)
            entries = replace(entries, chosen=chosen)
            counts = counts if self.norm.by_batch else None
        else:
            count = self.training and self.norm.by_batch
            addresses, counts = run.address(x.codes, self.wires, self.bits, count)
        if not self.training:
            table = self.tables(x.levels).to(torch.uint8)
            return Signal(run.lookup(table, addresses), quantiser.levels, quantiser.bits)
        table = self.function.table(entries)
        slopes = partial(self._slopes, entries, table.detach())
        link = Link(run, self.wires, addresses, counts, slopes, self.function.mixed)
        if self.observer is not None:
            link.observer = partial(self.observer, x)
        if x.carrier is not None and x.carrier.requires_grad:
            table = Feed.apply(table, x.carrier, link)
        carrier, codes = QuantisedLookup.apply(  # pyright: ignore[reportGeneralTypeIssues]
            *(table, self.norm.weight, self.norm.bias, quantiser.step, link),
            *(self.norm.eps, quantiser.q_min, quantiser.q_max),
        )
        self.norm.update(link.mean, link.variance, x.codes.shape[1])
        return Signal(codes, quantiser.levels, quantiser.bits, carrier)

    def _entries_as_met(self, batch: int) -> bool:
        return self.entries > self.function.unique_above[self.differences] * batch

    def _relaxed(self, x: Signal) -> Signal:
        values = self.function.relax(x.values[self.wires])
        codes = (values.detach() > 0.5).to(torch.uint8)
        return Signal(codes, self.quantiser.levels, 1, values, relaxed=True)

    def _slopes(self, entries: Entries, table: Tensor) -> Tensor:
        if self.differences:
            return self.function.differences(entries, table)
        return self.function.slopes(entries)

    def forward_samples(self, x: Signal) -> Signal:
        """Evaluate sample by sample: the reference that `forward` must equal."""
        if self.training and self.function.relaxed:
            return self._relaxed(x)
        table = self.function(x.values[self.wires])
        values, codes = self.quantiser(self.norm(table))
        return Signal(codes, self.quantiser.levels, self.quantiser.bits, values)

    @torch.no_grad()
    def tables(self, levels: Tensor) -> Tensor:
        """Enumerate the truth tables with running statistics: output codes (n, E), int64.

        Parameters
        ----------
        levels
            Real value of every input code. Shape (2**bits,).
        """
        training = self.function.training
        self.function.train(False)  # no noise, whatever the caller's mode
        table = self.function.table(Entries(levels, self.bits, self.wires.shape[1]))
        self.function.train(training)
        values = self.norm.normalise(table, self.norm.mean, self.norm.variance)
        return self.quantiser(values)[1].long()

    def lower(
        self, builder: Builder, words: Words, levels: Tensor, positions: int = 1
    ) -> tuple[Words, Tensor]:
        """Append this layer's tables to a circuit.

        Parameters
        ----------
        words
            Of every feature, at each of its positions.
        levels
            Real value of every input code.
        positions
            Where the same tables stand.

        Returns
        -------
        The output codes as words, at every position, and the real value of every output code.
        """
        wires = self.wires.cpu().numpy()[:, None] * positions + np.arange(positions)[:, None]
        wires = words.bits[wires].reshape(len(self.wires) * positions, -1)
        quantiser = self.quantiser
        table = pack_tables(self.tables(levels).cpu().numpy(), quantiser.bits)
        table = table.repeat(positions, axis=0)
        code = Code(quantiser.bits, quantiser.q_min, float(quantiser.step.detach()))
        op = Lut(np.ascontiguousarray(wires), table, self.name, code)
        return builder.add(op, quantiser.bits), quantiser.levels
