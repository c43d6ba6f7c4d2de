from pathlib import Path

import numpy as np
import pytest

from lutra.circuit import Builder, Circuit, Encode, Lut, Words, pack_tables
from lutra.emit import emit_verilog
from lutra.errors import ToolError
from lutra.passes import pipeline
from lutra.tools import synthesise, synthesise_parts
from lutra.tools._netlist import count_cells


def parity(encode: bool = False) -> Circuit:
    """Return two levels, 12 and 2 tables, of 6-input parities; no table can be saved."""
    b = Builder(12, 6)
    bits = b.inputs.bits
    if encode:
        thresholds = np.asarray([5, 14, 19, 31, 43, 50, 57])[None].repeat(12, 0)
        codes = b.add(Encode(b.inputs, thresholds), 3).bits
        bits = np.concatenate([codes, b.inputs.bits[:, :3]], axis=1)
    table = np.asarray([bin(e).count("1") % 2 for e in range(64)])
    first = b.add(Lut(bits, pack_tables(table[None].repeat(12, 0), 1), "first"), 1)
    tables = pack_tables(table[None].repeat(2, 0), 1)
    second = b.add(Lut(first.bits.reshape(2, 6), tables, "second"), 1)
    if encode:
        b.classify(second)
    b.output("parity", Words(second.bits))
    return b.build("parity")


def test_known_counts(tmp_path: Path) -> None:
    rtl = emit_verilog(pipeline(parity(), 1), tmp_path, style="luts", output_register=True)
    result = synthesise(rtl)
    assert result.luts == (0, 0, 0, 0, 0, 14)
    assert (result.lut6_total, result.muxf, result.carry) == (14, 0, 0)
    assert (result.ff, result.levels) == (14, 1)
    assert (result.kind, result.tool.name) == ("post-synthesis", "yosys")
    assert "LUT6" in result.netlist.read_text()


def test_parts_are_counted_apart(tmp_path: Path) -> None:
    result = synthesise_parts(parity(encode=True), tmp_path)
    assert result.core
    assert (result.core.lut6_total, result.core.levels) == (14, 2)
    assert result.encoder
    assert result.encoder.luts == (0, 0, 0, 0, 0, 36)  # one per code bit
    assert result.argmax
    assert result.argmax.lut6_total <= 1
    assert result.head is None
    assert [level.top.split("_", 2)[2] for level in result.levels] == ["encode", "first", "second"]
    assert [level.lut6_total for level in result.levels[1:]] == [12, 2]
    assert result.total.lut6_total == 14 + 36


def test_an_uncommon_cell_or_missing_field_is_no_zero() -> None:
    cell = {"type": "LUT2", "port_directions": {"O": "output"}, "connections": {"O": [2]}}
    assert count_cells({"cells": {"a": cell}}, "m").luts == (0, 1, 0, 0, 0, 0)
    with pytest.raises(ToolError, match="unknown kind DSP48E2"):
        count_cells({"cells": {"a": cell | {"type": "DSP48E2"}}}, "m")
    for broken in ({}, {"cells": {"a": {"type": "LUT2"}}}, {"cells": None}):
        with pytest.raises(ToolError, match="netlist of m"):
            count_cells(broken, "m")


def test_depth_and_loops() -> None:
    def lut(source: int, target: int) -> dict:
        directions = {"I0": "input", "O": "output"}
        connections = {"I0": [source], "O": [target]}
        return {"type": "LUT1", "port_directions": directions, "connections": connections}

    chain = {str(i): lut(i, i + 1) for i in reversed(range(5))}
    assert count_cells({"cells": chain}, "m").depth == 5
    with pytest.raises(ToolError, match="loop"):
        count_cells({"cells": {"a": lut(2, 3), "b": lut(3, 2)}}, "m")
