"""H3 hashing: every address bit is the parity of a random half of the hashed bits."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lutra.circuit import LUT_INPUTS, Builder, Lut, pack_tables

__all__ = ["H3", "draw_h3"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class H3:
    """Hash functions of t bits (Carter and Wegman 1979): ``address_o = parity(x & mask_o)``.

    Linear over bits, so that hardware is a few XORs per address bit.

    Parameters
    ----------
    masks
        Which bits address bit o of hash j reads. Shape (hashes, address bits, t), bool.
    """

    masks: NDArray[np.bool_]

    @property
    def hashes(self) -> int:
        """Hash functions."""
        return self.masks.shape[0]

    @property
    def address_bits(self) -> int:
        """Bits per address."""
        return self.masks.shape[1]

    def addresses(self, bits: NDArray[np.uint8]) -> Ints:
        """Return the addresses (..., hashes) of bits (..., t)."""
        flat = self.masks.reshape(-1, self.masks.shape[2])
        # Counts of at most t ones are exact in single precision.
        counts = bits.astype(np.float32) @ flat.T.astype(np.float32)
        parity = counts.astype(np.int64) & 1
        parity = parity.reshape(*bits.shape[:-1], self.hashes, self.address_bits)
        return parity @ (1 << np.arange(self.address_bits))

    def lower(self, builder: Builder, wires: Ints) -> Ints:
        """Append the parities of bits ``wires`` (n, t) to a circuit.

        Returns
        -------
        Bit numbers of the addresses, LSB first. Shape (n, hashes, address bits).
        """
        shape = (len(wires), self.hashes, self.address_bits)
        rows = [wires[:, mask] for mask in self.masks.reshape(-1, self.masks.shape[2])]
        while max(row.shape[1] for row in rows) > 1:
            rows = _join(builder, rows)
        return np.stack([row[:, 0] for row in rows], 1).reshape(shape)


def draw_h3(bits: int, address_bits: int, hashes: int, generator: np.random.Generator) -> H3:
    """Draw hash functions of ``bits`` bits; none of their address bits is a constant."""
    masks = generator.random((hashes, address_bits, bits)) < 0.5
    for row in masks.reshape(-1, bits):
        if not row.any():
            row[generator.integers(bits)] = True
    return H3(masks)


def _join(builder: Builder, rows: list[Ints]) -> list[Ints]:
    """Append one level of XORs of up to six bits; return what is left of every parity."""
    chunks = [
        row[:, start : start + LUT_INPUTS]
        for row in rows
        for start in range(0, row.shape[1], LUT_INPUTS)
    ]
    joined = {}
    for size in sorted({chunk.shape[1] for chunk in chunks} - {1}):
        own = [number for number, chunk in enumerate(chunks) if chunk.shape[1] == size]
        parity = np.array([entry.bit_count() & 1 for entry in range(1 << size)])
        wires = np.concatenate([chunks[number] for number in own])
        table = pack_tables(np.tile(parity, (len(wires), 1)), 1)
        found = builder.add(Lut(wires, table, f"xor{size}"), 1).bits
        joined |= dict(zip(own, np.split(found, len(own)), strict=True))
    left = iter([joined.get(number, chunk) for number, chunk in enumerate(chunks)])
    counts = [-(-row.shape[1] // LUT_INPUTS) for row in rows]
    return [np.concatenate([next(left) for _ in range(count)], 1) for count in counts]
