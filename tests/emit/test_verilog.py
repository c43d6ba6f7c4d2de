import json
import time
from pathlib import Path

import numpy as np
import pytest

from lutra.circuit import Builder, Circuit, Code, Lut, Sum, Words, pack_tables
from lutra.emit import PRIMITIVES, Style, emit_verilog
from lutra.errors import OutputError
from lutra.passes import pipeline
from lutra.tools import lint, parse
from tests.verify.random_circuits import random_circuit

STYLES: tuple[Style, Style] = ("constants", "luts")


def layers(widths: list[int], inputs: int = 64, seed: int = 0) -> Circuit:
    r = np.random.default_rng(seed)
    b = Builder(inputs, 1)
    bits = b.inputs.bits[:, 0]
    for i, n in enumerate(widths):
        table = pack_tables(r.integers(0, 2, (n, 64)), 1)
        bits = b.add(Lut(r.choice(bits, (n, 6)), table, f"layer {i}"), 1).bits[:, 0]
    b.output("y", Words(bits[:, None]))
    return b.build("layers")


@pytest.mark.parametrize("style", STYLES)
def test_equal_circuits_give_equal_bytes(tmp_path: Path, style: Style) -> None:
    rtls = [
        emit_verilog(pipeline(random_circuit(7, signed=True), 2), tmp_path / name, style=style)
        for name in ("a", "b")
    ]
    assert [f.name for f in rtls[0].files] == [f.name for f in rtls[1].files]
    for a, b in zip(rtls[0].files, rtls[1].files, strict=True):
        assert a.read_bytes() == b.read_bytes()
        assert a.read_bytes().isascii()
    assert len({(rtl.folder / "ports.json").read_bytes() for rtl in rtls}) == 1


@pytest.mark.parametrize(
    ("levels", "every", "registers", "latency"),
    [
        (6, 0, (False, False), 0),
        (6, 0, (False, True), 1),
        (6, 1, (False, False), 5),
        (6, 1, (True, True), 7),
        (6, 3, (False, True), 2),  # the "2 cycles" of the publications
        (1, 1, (True, False), 1),
    ],
)
def test_latency_and_clock(
    tmp_path: Path, levels: int, every: int, registers: tuple[bool, bool], latency: int
) -> None:
    circuit = pipeline(layers([8] * levels), every)
    rtl = emit_verilog(circuit, tmp_path, input_register=registers[0], output_register=registers[1])
    assert (rtl.latency, rtl.clocked) == (latency, latency > 0)
    clock = [("in", "clk", 1)] if latency else []
    assert list(parse(rtl.files, rtl.top).ports) == [*clock, ("in", "x", 64), ("out", "y", 8)]
    assert json.loads((tmp_path / "ports.json").read_text())["latency_cycles"] == latency


def test_hostile_names(tmp_path: Path) -> None:
    evil = ['";rm -rf /', "$(reboot)", "`include", "[exec ls]", "a\n*/ endmodule", "Ünïcode", "\\"]
    evil += [
        "class",
        "module",
        "x",
        "clk",
        "l0",
        "s" * 300,
        "scores",
        "Scores",
        "x_in",
        "",
        "name",
        "Vtop",
    ]
    b = Builder(3, 2)
    for name in evil:
        table = pack_tables(np.arange(4)[None], 2)
        b.output(name, b.add(Lut(b.inputs.bits[:1], table, name), 2), [name])
    circuit = b.build(evil[4])
    for style in STYLES:
        rtl = emit_verilog(circuit, tmp_path / style, style=style, input_register=True)
        seen = parse([*rtl.files, PRIMITIVES], rtl.top)
        names = [port.name for port in rtl.outputs]
        ports = [("in", "clk", 1), ("in", "x", 6), *(("out", name, 2) for name in names)]
        assert list(seen.ports) == ports
        assert {file.stem for file in rtl.files} <= set(seen.modules)
        lint(rtl)
    assert rtl.top == "a_endmodule"
    assert [port.label for port in rtl.outputs] == evil


def test_ports_describe_every_bit(tmp_path: Path) -> None:
    b = Builder(2, 4, True, labels=["speed", "height"])
    wires, weights = b.inputs.bits, np.tile([1, 2, 4, -8], (2, 1))
    op = Sum(wires, weights, np.zeros(2, np.int64), 5, True, "", Code(5, 3, 0.5))
    b.output("class", b.add(op, 5, True), ["cat", "dog"])
    rtl = emit_verilog(b.build("ports"), tmp_path)
    ports = json.loads((tmp_path / "ports.json").read_text())
    assert ports["input"] == {
        "name": "x",
        "label": "x",
        "signed": True,
        "word_width": 4,
        "meaning": None,
        "words": [
            {"lsb": 0, "msb": 3, "label": "speed"},
            {"lsb": 4, "msb": 7, "label": "height"},
        ],
    }
    (output,) = ports["outputs"]
    assert (output["name"], output["label"]) == ("class_1", "class")
    assert output["meaning"] == {"scale": 0.5, "offset": 3}
    assert output["words"][1] == {"lsb": 5, "msb": 9, "label": "dog"}
    assert "class_1 (class): 2 signed words" in rtl.files[-1].read_text()


def test_an_earlier_emission_goes_away_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "mine.v").write_text("module mine; endmodule\n")
    old = emit_verilog(random_circuit(0, signed=False), tmp_path)
    new = emit_verilog(layers([4]), tmp_path)
    assert len(old.files) > len(new.files)
    names = {file.name for file in tmp_path.glob("*.v")}
    assert names == {"mine.v", *(file.name for file in new.files)}


@pytest.mark.parametrize("text", ["", "[]", '{"files": []}', '{"generator": "lutra"}'])
def test_a_foreign_manifest_stops_the_emission(tmp_path: Path, text: str) -> None:
    (tmp_path / "ports.json").write_text(text)
    with pytest.raises(OutputError, match=r"ports\.json"):
        emit_verilog(layers([4]), tmp_path)


def test_no_inputs_and_no_operations(tmp_path: Path) -> None:
    b = Builder(0, 1)
    b.output("one", b.add(Lut(np.zeros((1, 0), np.int64), np.ones((1, 1, 1), np.uint8)), 1))
    b.output("nothing", Words(np.zeros((0, 3), np.int64)))
    rtl = emit_verilog(b.build("constant"), tmp_path / "a")
    assert parse(rtl.files, rtl.top).ports == (("out", "one", 1),)
    b = Builder(2, 3)
    b.output("same", b.inputs)
    rtl = emit_verilog(b.build("wire"), tmp_path / "b")
    assert parse(rtl.files, rtl.top).ports == (("in", "x", 6), ("out", "same", 6))


@pytest.mark.parametrize("style", STYLES)
def test_five_thousand_tables_are_written_at_once(tmp_path: Path, style: Style) -> None:
    circuit = layers([2160, 360, 2160, 360, 60])
    start = time.process_time()
    emit_verilog(circuit, tmp_path, style=style)
    assert time.process_time() - start < 2
