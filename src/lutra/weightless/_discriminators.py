"""A trained weightless network: thermometers, hashes, memories, popcounts; numpy and circuit."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lutra.circuit import Builder, Circuit, Code, Encode, Lut, Sum, Words, pack_tables
from lutra.weightless._hashing import H3, Ints

__all__ = ["Discriminators", "Filters"]

_BATCH = 1024


@dataclass(frozen=True, eq=False)
class Filters:
    """Bloom filters of all classes over the same tuples of bits.

    Parameters
    ----------
    order
        Encoded bits that each filter reads. Shape (filters, t).
    hashing
        The same for all filters.
    memories
        What each filter knows. Shape (classes, filters, entries), bool.
    kept
        Filters that a class counts, all others are pruned. Shape (classes, filters), bool.
    """

    order: Ints
    hashing: H3
    memories: NDArray[np.bool_]
    kept: NDArray[np.bool_]

    def addresses(self, bits: NDArray[np.bool_]) -> Ints:
        """Return what encoded rows (samples, bits) are looked up by: (samples, filters, hashes)."""
        return self.hashing.addresses(bits[:, self.order].astype(np.uint8))

    def scores(self, bits: NDArray[np.bool_]) -> Ints:
        """Return how many kept filters of each class know the rows. (samples, classes)."""
        at, filters = self.addresses(bits), np.arange(len(self.order))[:, None]
        pairs = zip(self.memories, self.kept, strict=True)
        return np.stack([(own[filters, at].all(2) & kept).sum(1) for own, kept in pairs], 1)

    def lower(self, builder: Builder, bits: Ints) -> list[Ints]:
        """Append hashes and memories to a circuit; return each class's answers, a bit a filter."""
        read = self.kept.any(0)
        number = read.cumsum() - 1  # of a filter among those that any class keeps
        addresses = self.hashing.lower(builder, bits[self.order[read]])
        owner, own = np.nonzero(self.kept)
        hashes = self.hashing.hashes
        wires = addresses[number[own]].reshape(-1, self.hashing.address_bits)
        # A memory that is read at several addresses is a table for each.
        copies = self.memories[owner, own].repeat(hashes, 0).astype(np.uint8)
        found = builder.add(Lut(wires, pack_tables(copies, 1), "memory"), 1).bits
        found = found.reshape(-1, hashes)
        if hashes > 1:
            every = np.zeros((len(found), 1 << hashes), np.uint8)
            every[:, -1] = 1
            found = builder.add(Lut(found, pack_tables(every, 1), "known"), 1).bits
        return [found[owner == label, 0] for label in range(len(self.kept))]


@dataclass(frozen=True, eq=False)
class Discriminators:
    """Classes whose scores count the Bloom filters that know the sample.

    Parameters
    ----------
    thresholds
        Of the raw words, each feature's ascending: bit ``f * T + t`` is
        ``raw_f >= thresholds[f, t]``. Shape (features, T).
    width, signed
        The raw word.
    parts
        Filters, of one or more sizes.
    bias
        Added to the counts. Shape (classes,).
    """

    thresholds: Ints
    width: int
    signed: bool
    parts: tuple[Filters, ...]
    bias: Ints

    def encode(self, raw: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Return the bits (samples, features * T) of raw rows (samples, features)."""
        return (raw[:, :, None] >= self.thresholds).reshape(len(raw), -1)

    def scores(self, raw: NDArray[np.integer]) -> Ints:
        """Return the classes' scores, (samples, classes), none below 0."""
        found = []
        for start in range(0, max(1, len(raw)), _BATCH):
            bits = self.encode(raw[start : start + _BATCH])
            found.append(sum((part.scores(bits) for part in self.parts), self.bias))
        return np.concatenate(found).astype(np.int64)

    def lower(
        self, name: str, classes: Sequence[str] = (), features: Sequence[str] = ()
    ) -> Circuit:
        """Return the circuit: ``scores`` and ``class``."""
        count, steps = self.thresholds.shape
        builder = Builder(count, self.width, self.signed, features)
        read = np.unique(np.concatenate([p.order[p.kept.any(0)].ravel() for p in self.parts]))
        words = Words(builder.inputs.bits[read // steps], self.signed)
        op = Encode(words, self.thresholds.reshape(-1, 1)[read], name="encode", code=Code(1))
        bits = np.zeros(count * steps, np.int64)
        bits[read] = builder.add(op, 1).bits[:, 0]
        answers = [part.lower(builder, bits) for part in self.parts]
        rows = [np.concatenate(own) for own in zip(*answers, strict=True)]
        wires = np.zeros((2, len(rows), max(1, *map(len, rows))), np.int64)
        for label, row in enumerate(rows):
            wires[:, label, : len(row)] = row, np.ones_like(row)
        width = int((wires[1].sum(1) + self.bias).max()).bit_length() or 1
        total = Sum(wires[0], wires[1], self.bias, width, False, "votes", Code(width))
        builder.classify(builder.add(total, width), classes)
        return builder.build(name)
