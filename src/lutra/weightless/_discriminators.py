"""A trained weightless network: thermometers, hashes, memories, popcounts; numpy and circuit."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lutra.circuit import Builder, Circuit, Code, Encode, Lut, Sum, Words, pack_tables
from lutra.weightless._hashing import H3, Ints

__all__ = ["Discriminators"]

_BATCH = 1024


@dataclass(frozen=True, eq=False)
class Discriminators:
    """Classes whose scores count the Bloom filters that know the sample.

    Parameters
    ----------
    thresholds
        Of the raw words, each feature's ascending. Shape (features, T).
    width, signed
        The raw word.
    order
        Thermometer bits ``feature * T + threshold`` that each filter reads. Shape (filters, t).
    hashing
        The same for all filters.
    memories
        What each filter knows. Shape (classes, filters, entries), bool.
    """

    thresholds: Ints
    width: int
    signed: bool
    order: Ints
    hashing: H3
    memories: NDArray[np.bool_]

    def addresses(self, raw: NDArray[np.integer]) -> Ints:
        """Return what raw rows (samples, features) are looked up by: (samples, filters, hashes)."""
        bits = raw[:, :, None] >= self.thresholds
        tuples = bits.reshape(len(raw), -1)[:, self.order]
        return self.hashing.addresses(tuples.astype(np.uint8))

    def scores(self, raw: NDArray[np.integer]) -> Ints:
        """Return how many filters of each class know the rows. (samples, classes)."""
        filters = np.arange(len(self.order))[:, None]
        parts = []
        for start in range(0, max(1, len(raw)), _BATCH):
            at = self.addresses(raw[start : start + _BATCH])
            known = [memory[filters, at].all(2).sum(1) for memory in self.memories]
            parts.append(np.stack(known, 1))
        return np.concatenate(parts).astype(np.int64)

    def lower(
        self, name: str, classes: Sequence[str] = (), features: Sequence[str] = ()
    ) -> Circuit:
        """Return the circuit: ``scores`` and ``class``."""
        count, steps = self.thresholds.shape
        builder = Builder(count, self.width, self.signed, features)
        read = np.unique(self.order)
        words = Words(builder.inputs.bits[read // steps], self.signed)
        limits = self.thresholds.reshape(-1, 1)[read]
        encoded = builder.add(Encode(words, limits, name="encode", code=Code(1)), 1)
        bits = np.zeros(count * steps, np.int64)
        bits[read] = encoded.bits[:, 0]
        addresses = self.hashing.lower(builder, bits[self.order])
        known = self._look_up(builder, addresses)
        wires = known.reshape(len(self.memories), -1)
        width = wires.shape[1].bit_length()
        none = np.zeros(len(wires), np.int64)
        op = Sum(wires, np.ones_like(wires), none, width, False, "votes", Code(width))
        builder.classify(builder.add(op, width), classes)
        return builder.build(name)

    def _look_up(self, builder: Builder, addresses: Ints) -> Ints:
        """Append the memories, one copy per hash, and what joins them; bits (classes, filters)."""
        classes, filters, _ = self.memories.shape
        hashes = self.hashing.hashes
        wires = np.broadcast_to(addresses, (classes, *addresses.shape)).reshape(
            -1, self.hashing.address_bits
        )
        copies = self.memories.reshape(classes * filters, -1).repeat(hashes, 0)
        op = Lut(wires, pack_tables(copies.astype(np.uint8), 1), "memory")
        found = builder.add(op, 1).bits.reshape(-1, hashes)
        if hashes > 1:
            every = np.zeros((len(found), 1 << hashes), np.uint8)
            every[:, -1] = 1
            found = builder.add(Lut(found, pack_tables(every, 1), "known"), 1).bits
        return found.reshape(classes, filters)
