"""Tables as LUT primitives: every entry is right, and equal parts are looked up once."""

from pathlib import Path

import numpy as np
import pytest

from lutra.circuit import Builder, Circuit, Lut, pack_tables
from lutra.emit import emit_verilog
from lutra.verify import verify_rtl


def circuit(tables: np.ndarray, outputs: int = 1) -> Circuit:
    """Tables over the same address, (n, 2**k) codes."""
    b = Builder(1, tables.shape[1].bit_length() - 1)
    wires = np.tile(b.inputs.bits, (len(tables), 1))
    b.output("y", b.add(Lut(wires, pack_tables(tables, outputs), "tables"), outputs))
    return b.build("tables")


def structured(bits: int, seed: int) -> np.ndarray:
    """Random tables of two output bits, with parts that are constant, equal or swapped."""
    r = np.random.default_rng(seed)
    kinds = [r.integers(0, 4, 64), np.zeros(64, int), np.full(64, 3), r.integers(0, 2, 64)]
    chosen = r.integers(0, len(kinds), (6, max(1, (1 << bits) // 64)))
    return np.stack([np.concatenate([kinds[k] for k in row]) for row in chosen])[:, : 1 << bits]


@pytest.mark.parametrize("bits", [3, 6, 7, 8, 9, 10, 11, 12])
def test_every_entry(tmp_path: Path, bits: int) -> None:
    tables = circuit(structured(bits, bits), 2)
    x = np.arange(1 << bits)[:, None]
    assert verify_rtl(tables, x, tmp_path, style="luts", netlist=bits == 9).samples == 1 << bits


@pytest.mark.parametrize(
    ("table", "luts", "muxes"),
    [
        (np.zeros(1 << 9, int), 0, 0),
        (np.tile(np.arange(64) % 3 == 0, 16), 1, 0),  # the upper four bits do not matter
        (np.repeat([0, 1], 64), 1, 0),  # nothing but the upper bit does
        (np.concatenate([np.arange(64) % 3 == 0, np.arange(64) % 5 == 0]), 2, 1),
        (np.concatenate([np.arange(64) % 3 == 0, np.zeros(64, int)]), 2, 0),
    ],
)
def test_equal_and_constant_parts_cost_once(
    tmp_path: Path, table: np.ndarray, luts: int, muxes: int
) -> None:
    rtl = emit_verilog(circuit(table[None].astype(int)), tmp_path, style="luts")
    text = rtl.files[0].read_text()
    assert (text.count(" #(.INIT"), text.count("MUXF")) == (luts, muxes)
