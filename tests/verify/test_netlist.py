"""Netlists of Yosys, proven equal to their circuits; a changed one is named."""

import re
from pathlib import Path

import numpy as np
import pytest

from lutra.circuit import Argmax, Builder, Circuit, Compare, Encode, Lut, Sum, evaluate, pack_tables
from lutra.emit import Rtl, emit_verilog
from lutra.errors import ToolError, VerifyError
from lutra.passes import pipeline
from lutra.tools import Synthesis, read_netlist, synthesise
from lutra.verify import check_netlist
from tests.verify.random_circuits import random_inputs


def network() -> Circuit:
    """Return a circuit of every operation: an encoder, tables, carry chains, comparisons."""
    r = np.random.default_rng(3)
    b = Builder(4, 6, True)
    codes = b.add(Encode(b.inputs, np.sort(r.integers(-32, 32, (4, 3)))), 2).bits.reshape(-1)
    wires = np.stack([r.permutation(codes) for _ in range(6)])
    first = b.add(Lut(wires, pack_tables(r.integers(0, 4, (6, 256)), 2), "first"), 2)
    read = first.bits.reshape(3, 4)[:, [0, 1, 2, 3, 0, 2]]
    weights = r.integers(-3, 4, (3, 6))
    total = b.add(Sum(read, weights, np.asarray([1, -2, 0]), 6, True, "total"), 6, True)
    b.classify(total)
    b.output("high", b.add(Compare(total, np.asarray([0, 2, -1])), 1))
    return b.build("every operation")


@pytest.fixture(scope="module", params=[0, 1])
def design(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Rtl, Synthesis]:
    every = request.param
    circuit = pipeline(network(), every)
    rtl = emit_verilog(
        circuit, tmp_path_factory.mktemp("rtl"), style="luts", output_register=bool(every)
    )
    return rtl, synthesise(rtl)


def test_the_netlist_is_proven(design: tuple[Rtl, Synthesis]) -> None:
    check_netlist(*design)
    circuit = design[0].circuit
    assert any(isinstance(op, Argmax) for op in circuit.ops)
    x = random_inputs(circuit, 200)
    expected, got = evaluate(circuit, x), evaluate(read_netlist(*design), x)
    for name, words in expected.items():
        np.testing.assert_array_equal(got[name], words, name)


def test_a_sum_of_many_bits_is_proven(tmp_path: Path) -> None:
    b = Builder(150, 1)
    wires = b.inputs.bits.reshape(1, -1)
    weights = np.random.default_rng(0).integers(-2, 3, wires.shape)
    b.output("y", b.add(Sum(wires, weights, np.asarray([7]), 10, True, "total"), 10, True))
    rtl = emit_verilog(b.build("sum"), tmp_path, style="luts")
    check_netlist(rtl, synthesise(rtl), timeout=60)


def test_a_sum_of_equal_tables_is_proven(tmp_path: Path) -> None:
    r = np.random.default_rng(1)
    b = Builder(30, 1)
    wires, tables = r.integers(0, 30, (60, 4)), r.integers(0, 2, (60, 16))
    wires[50:55], tables[50:55] = wires[:5], tables[:5]
    bits = b.add(Lut(wires, pack_tables(tables, 1), "tables"), 1).bits.reshape(1, -1)
    b.output("y", b.add(Sum(bits, np.ones_like(bits), np.asarray([0]), 6, False, "total"), 6))
    rtl = emit_verilog(b.build("sum"), tmp_path, style="luts")
    check_netlist(rtl, synthesise(rtl), timeout=60)


def test_a_changed_table_is_named(design: tuple[Rtl, Synthesis]) -> None:
    netlist = design[1].netlist
    text = netlist.read_text()
    init = re.search(r"\.INIT\(64'h([0-9a-f]+)\)", text)
    assert init
    wrong = f"{int(init[1], 16) ^ (1 << 64) - 1:016x}"
    netlist.write_text(text[: init.start(1)] + wrong + text[init.end(1) :])
    try:
        with pytest.raises(VerifyError, match=r"netlist by yosys .* differ at output '.*', word"):
            check_netlist(*design)
    finally:
        netlist.write_text(text)


@pytest.mark.parametrize(
    ("pattern", "changed", "message"),
    [
        (r"\.I0\([^)]*\)", ".I0(1'hx)", "nothing drives net x"),
        (r"\bLUT6 ", "LUT7 ", "failed with exit status"),
    ],
)
def test_what_is_not_understood(
    design: tuple[Rtl, Synthesis], pattern: str, changed: str, message: str
) -> None:
    netlist = design[1].netlist
    text = netlist.read_text()
    netlist.write_text(re.sub(pattern, changed, text, count=1))
    try:
        with pytest.raises(ToolError, match=message):
            read_netlist(*design)
    finally:
        netlist.write_text(text)
