"""Sums that look tables up themselves: equal to the circuit, and smaller than tables apart."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lutra.circuit import Builder, Circuit, Lut, Sum, pack_tables, sum_range
from lutra.emit import absorbed, emit_verilog
from lutra.errors import VerifyError
from lutra.tools import synthesise
from lutra.verify import check_rtl, verify_rtl

from ..verify.random_circuits import random_inputs


def tables_and_sums(
    seed: int, signed: bool = False, weight: int = 1, extra: str = "", rows: int = 3
) -> Circuit:
    """Sums of several tables of 0 to 7 inputs and 1 to 4 outputs, and of input bits."""
    r = np.random.default_rng(seed)
    b = Builder(6, 4)
    pool = b.inputs.bits.reshape(-1)
    terms = list(pool[:2])
    for fan_in in range(8):
        for outputs in (1, 2, 4):
            table = pack_tables(r.integers(0, 1 << outputs, (2, 1 << fan_in)), outputs)
            op = Lut(r.choice(pool, (2, fan_in)), table, f"in{fan_in}_out{outputs}")
            words = b.add(op, outputs)
            terms += words.bits.reshape(-1).tolist()
            if op.name == extra:
                b.output("table", words)
    wires = np.tile(np.asarray(terms, np.int64), (rows, 1))
    weights = r.integers(-weight if signed else 0, weight + 1, wires.shape)
    bias = r.integers(-9 if signed else 0, 10, rows)
    low, high = sum_range(Sum(wires, weights, bias, 1, signed))
    width = max(1, high.bit_length() + signed, (~low).bit_length() + 1 if low < 0 else 0)
    total = b.add(Sum(wires, weights, bias, width, signed, "total"), width, signed)
    b.output("total", total)
    return b.build(f"sums {seed}")


def registered(circuit: Circuit) -> Circuit:
    """Return the same with registers before the sum."""
    return replace(circuit, stages=(0,) * (len(circuit.ops) - 1) + (1,))


@pytest.mark.parametrize(
    ("signed", "weight"), [(False, 1), (False, 9), (True, 1), (True, 6), (True, 40)]
)
def test_equal_to_the_circuit(tmp_path: Path, signed: bool, weight: int) -> None:
    circuit = tables_and_sums(weight, signed, weight)
    assert absorbed(circuit)
    x = random_inputs(circuit, 400)
    report = verify_rtl(circuit, x, tmp_path, style="luts", netlist=weight == 6)
    assert report.samples == 400


def test_only_tables_that_one_sum_reads_in_its_stage() -> None:
    circuit = tables_and_sums(0, extra="in3_out2")
    names = {circuit.ops[number].name for number in absorbed(circuit)}
    assert names == {f"in{k}_out{m}" for k in range(6) for m in (2, 4)} - {"in3_out2"}
    assert not absorbed(registered(circuit))


def test_smaller_than_tables_apart(tmp_path: Path) -> None:
    circuit = tables_and_sums(0, rows=1)
    together, apart = (
        synthesise(emit_verilog(stages, tmp_path / str(number), style="luts")).lut6_total
        for number, stages in enumerate((circuit, registered(circuit)))
    )
    assert together < 0.85 * apart


def test_a_wrong_bit_inside_a_sum_is_named(tmp_path: Path) -> None:
    circuit = tables_and_sums(0)
    x = random_inputs(circuit, 64)
    rtl = verify_rtl(circuit, x, tmp_path, style="luts").rtl
    (file,) = (file for file in rtl.files if "total" in file.name)
    text = file.read_text()
    found = re.search(r"LUT6 #\(\.INIT\(64'h([0-9a-f]{16})\)\)", text)
    assert found is not None
    wrong = f"{int(found[1], 16) ^ (1 << 64) - 1:016x}"
    file.write_text(text[: found.start(1)] + wrong + text[found.end(1) :])
    with pytest.raises(VerifyError, match=r"operation is \d+ \(Sum 'total'\)"):
        check_rtl(rtl, x)
