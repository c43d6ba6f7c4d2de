"""Sums and small tables as primitives: equal to the circuit, and as small as they should be."""

import re
from pathlib import Path

import numpy as np
import pytest

from lutra.circuit import Builder, Circuit, Lut, Sum, pack_tables, sum_range
from lutra.emit import emit_verilog
from lutra.errors import VerifyError
from lutra.tools import Synthesis, synthesise
from lutra.verify import check_rtl, verify_rtl

from ..verify.random_circuits import random_inputs


def summed(weights: np.ndarray, bias: np.ndarray, bits: int, repeat: int = 1) -> Circuit:
    """Sums of input bits, each of them ``repeat`` times."""
    b = Builder(bits, 1)
    wires = np.tile(np.repeat(b.inputs.bits.reshape(-1), repeat), (len(bias), 1))
    signed = bool((weights < 0).any() or (bias < 0).any())
    low, high = sum_range(Sum(wires, weights, bias, 1, signed))
    width = max(1, high.bit_length() + signed, (~low).bit_length() + 1 if low < 0 else 0)
    b.output("total", b.add(Sum(wires, weights, bias, width, signed, "total"), width, signed))
    return b.build("sums")


def popcount(bits: int) -> Circuit:
    return summed(np.ones((1, bits), np.int64), np.zeros(1, np.int64), bits)


def mapped(circuit: Circuit, folder: Path) -> Synthesis:
    return synthesise(emit_verilog(circuit, folder, style="luts"))


@pytest.mark.parametrize("weight", [1, 3, 40])
@pytest.mark.parametrize("signed", [False, True])
def test_equal_to_the_circuit(tmp_path: Path, signed: bool, weight: int) -> None:
    r = np.random.default_rng(weight)
    for bits, repeat in ((1, 1), (3, 2), (6, 1), (9, 1), (23, 1), (40, 2)):
        shape = 4, bits * repeat
        weights = r.integers(-weight if signed else 0, weight + 1, shape)
        circuit = summed(weights, r.integers(-9 if signed else 0, 10, 4), bits, repeat)
        folder = tmp_path / f"{bits}_{repeat}"
        netlist = weight == 3 and bits == 23
        report = verify_rtl(
            circuit, random_inputs(circuit, 400), folder, style="luts", netlist=netlist
        )
        assert report.samples == 400


def test_all_weights_negative(tmp_path: Path) -> None:
    circuit = summed(-np.ones((1, 13), np.int64), np.array([5]), 13)
    verify_rtl(circuit, random_inputs(circuit, 400), tmp_path, style="luts")


@pytest.mark.parametrize(("bits", "most"), [(3, 1), (5, 2), (6, 2), (10, 6), (50, 32), (100, 65)])
def test_luts_of_a_popcount(tmp_path: Path, bits: int, most: int) -> None:
    found = mapped(popcount(bits), tmp_path)
    assert found.lut6_total <= most
    assert found.levels <= 6


@pytest.mark.parametrize("fan_in", range(1, 7))
def test_two_bits_of_a_small_table_share_a_lut(tmp_path: Path, fan_in: int) -> None:
    r = np.random.default_rng(fan_in)
    b = Builder(12, 1)
    wires = np.stack([r.permutation(12)[:fan_in] for _ in range(5)])
    codes = r.integers(0, 32, (5, 1 << fan_in))
    b.output("y", b.add(Lut(wires, pack_tables(codes, 5), "tables"), 5))
    circuit = b.build("tables")
    report = verify_rtl(circuit, random_inputs(circuit, 300), tmp_path, style="luts")
    found = synthesise(report.rtl)
    assert found.lut6_total <= (15 if fan_in < 6 else 25)
    if fan_in == 5:
        assert found.lut6_total == 15
        assert "LUT6_2" in found.netlist.read_text()


def test_a_wrong_bit_inside_a_sum_is_named(tmp_path: Path) -> None:
    circuit = popcount(20)
    x = random_inputs(circuit, 64)
    rtl = verify_rtl(circuit, x, tmp_path, style="luts").rtl
    (file,) = (file for file in rtl.files if "total" in file.name)
    text = file.read_text()
    found = re.search(r"LUT6 #\(\.INIT\(64'h([0-9a-f]{16})\)\)", text)
    assert found is not None
    wrong = f"{int(found[1], 16) ^ (1 << 64) - 1:016x}"
    file.write_text(text[: found.start(1)] + wrong + text[found.end(1) :])
    with pytest.raises(VerifyError, match=r"operation is 0 \(Sum 'total'\)"):
        check_rtl(rtl, x)


def test_a_chain_that_begins_with_a_bit_leaves_its_way_in_free(tmp_path: Path) -> None:
    rtl = emit_verilog(popcount(200), tmp_path, style="luts")
    text = "".join(file.read_text() for file in rtl.files)
    chains = re.findall(r"CARRY8 u(\w+)_0 .*?\.CI\(([^)]*)\)", text)
    begun = [name for name, carry in chains if not carry.startswith("1'b")]
    assert begun
    for name in begun:
        assert not re.search(rf"LUT6 #\([^;]*\) u{name}_s0 ", text)
