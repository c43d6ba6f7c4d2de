"""Verilog and netlists against the circuit's own evaluation."""

from pathlib import Path

import numpy as np
import pytest

from lutra.circuit import Builder, Lut, Sum, Words, pack_tables
from lutra.emit import Style
from lutra.errors import VerifyError
from lutra.tools import lint
from lutra.verify import check_rtl, verify_rtl
from tests.verify.random_circuits import random_circuit, random_inputs


@pytest.mark.parametrize(
    ("seed", "every", "style", "registers", "encoder", "latency"),
    [
        (0, 0, "constants", (False, False), True, 0),
        (1, 1, "luts", (True, False), True, None),
        (2, 2, "constants", (True, True), True, None),
        (3, 0, "luts", (False, True), False, 1),
    ],
)
def test_every_operation(
    tmp_path: Path,
    seed: int,
    every: int,
    style: Style,
    registers: tuple[bool, bool],
    encoder: bool,
    latency: int | None,
) -> None:
    circuit = random_circuit(seed, signed=seed < 2)
    report = verify_rtl(
        circuit,
        random_inputs(circuit, 200),
        tmp_path,
        every=every,
        style=style,
        input_register=registers[0],
        output_register=registers[1],
        encoder=encoder,
        argmax=encoder,
    )
    assert report.samples == 200
    assert report.stages == ("rtl",)
    assert ("class" in {p.label for p in report.rtl.outputs}) is encoder
    stages = max(report.rtl.circuit.stages)
    assert report.rtl.latency == (stages + sum(registers) if latency is None else latency)
    lint(report.rtl)


def test_netlist(tmp_path: Path) -> None:
    circuit = small_circuit()
    x = random_inputs(circuit, 64)
    report = verify_rtl(circuit, x, tmp_path, every=1, style="luts", netlist=True)
    assert report.stages == ("rtl", "netlist")
    assert [tool.name for tool in report.tools] == ["verilator", "g++", "yosys"]


def test_no_samples(tmp_path: Path) -> None:
    report = verify_rtl(small_circuit(), np.zeros((0, 4), np.int64), tmp_path)
    assert report.samples == 0


def test_a_wrong_table_bit_is_named(tmp_path: Path) -> None:
    circuit = small_circuit()
    x = random_inputs(circuit, 64)
    rtl = verify_rtl(circuit, x, tmp_path, every=1).rtl
    (file,) = (file for file in rtl.files if "second" in file.name)
    text = file.read_text()
    start = text.index("16'h") + 4
    wrong = f"{int(text[start : start + 4], 16) ^ 0xFFFF:04x}"
    file.write_text(text[:start] + wrong + text[start + 4 :])
    with pytest.raises(VerifyError, match=r"operation is 1 \(Lut 'second'\), bit 0"):
        check_rtl(rtl, x)


def small_circuit():
    r = np.random.default_rng(5)
    b = Builder(4, 3, True)
    wires = b.inputs.bits.reshape(-1)[r.integers(0, 12, (6, 6))]
    first = b.add(Lut(wires, pack_tables(r.integers(0, 4, (6, 64)), 2), "first"), 2)
    wires = first.bits.reshape(-1)[r.integers(0, 12, (9, 4))]
    second = b.add(Lut(wires, pack_tables(r.integers(0, 2, (9, 16)), 1), "second"), 1)
    wires = np.tile(second.bits.reshape(-1), (3, 1))
    weights = r.integers(-2, 3, (3, 9))
    total = Sum(wires, weights, np.zeros(3, np.int64), 6, True, "total")
    b.classify(b.add(total, 6, True))
    b.output("second", Words(second.bits))
    return b.build("small circuit")
