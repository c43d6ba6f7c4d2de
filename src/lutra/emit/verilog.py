"""A circuit as readable Verilog-2001: one module and file per operation, and a top module."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lutra.circuit import Argmax, Circuit, Compare, Encode, Lut, Op, Sum, operands
from lutra.emit._argmax import argmax as argmax_lines
from lutra.emit._encode import compare, compare_primitives, encode, encode_primitives
from lutra.emit._lut import lut_constants, lut_primitives
from lutra.emit._names import Names, comment
from lutra.emit._ports import describe, remove_previous
from lutra.emit._rtl import Port, Rtl, Style
from lutra.emit._sum import sum_expressions, sum_primitives
from lutra.emit._wires import Wires
from lutra.files import write_atomic
from lutra.passes import without_argmax, without_encoder

__all__ = ["emit_verilog"]


def emit_verilog(
    circuit: Circuit,
    folder: Path,
    *,
    style: Style = "constants",
    input_register: bool = False,
    output_register: bool = False,
    encoder: bool = True,
    argmax: bool = True,
) -> Rtl:
    """Write a circuit as Verilog-2001.

    The design is a datapath: a register bank stands between neighbouring stages of the circuit,
    bits that cross more than one are delayed, and no register has a reset. One sample per cycle
    enters, and leaves ``latency`` cycles later. Equal circuits give equal bytes.

    Parameters
    ----------
    circuit
        What to write; `lutra.passes.pipeline` sets its stages.
    folder
        Where the files go. Files of an earlier emission there, by its ``ports.json``, go away.
    style
        ``constants`` is for reading and simulating, ``luts`` is for synthesis.
    input_register, output_register
        Whether to add a register bank at the ports, one cycle each.
    encoder
        False leaves the encoder out: the top module then takes its codes.
    argmax
        False leaves the argmax and its output out.

    Raises
    ------
    OutputError
        The folder cannot be written, or holds a ``ports.json`` that is not ours.
    """
    circuit = circuit if encoder else without_encoder(circuit)
    circuit = circuit if argmax else without_argmax(circuit)
    names = Names(["clk", "x"])  # one scope: Verilator wants ports unlike modules, too
    top = names.add(circuit.name).lower()
    x = Port("x", "x", circuit.inputs, circuit.input_width, circuit.input_signed)
    outputs = tuple(
        Port(names.add(o.name), o.name, o.words.count, o.words.width, o.words.signed)
        for o in circuit.outputs
    )
    own = {
        i: names.add(f"{top[:40]}_{i}_{op.name or type(op).__name__}").lower()
        for i, op in enumerate(circuit.ops)
        if op.size
    }
    nets = ["x", *(names.add(f"l{i}") for i in range(len(circuit.ops)))]
    last = max(circuit.stages, default=0)
    latency = last + input_register + output_register

    files = [folder / f"{name}.v" for name in (*own.values(), top)]
    rtl = Rtl(folder, top, tuple(files), style, circuit, x, outputs, latency)
    texts = [_level(circuit, i, name, nets, style) for i, name in own.items()]
    texts.append(_Top(rtl, nets, own, names, input_register, output_register).text())
    remove_previous(folder)
    for file, text in zip(files, texts, strict=True):
        write_atomic(file, text)
    describe(rtl)
    return rtl


def _level(circuit: Circuit, number: int, name: str, nets: Sequence[str], style: Style) -> str:
    """Return the module of one operation: vectors that it reads in, vector ``y`` out."""
    op = circuit.ops[number]
    sources = _sources(circuit, operands(op))
    wires = Wires({nets[s + 1]: _start(circuit, s) for s in sources})
    ports = [f"input [{_size(circuit, s) - 1}:0] {nets[s + 1]}" for s in sources]
    ports.append(f"output [{op.size - 1}:0] y")
    body = _body(op, wires, style)
    lines = [
        f"// {type(op).__name__} {comment(op.name)}",
        f"module {name} (",
        ",\n".join(f"    {port}" for port in ports),
        ");",
        *(f"    {line}" for line in body),
        "endmodule",
    ]
    return "\n".join(lines) + "\n"


def _body(op: Op, wires: Wires, style: Style) -> Iterator[str]:
    readable = style == "constants"
    match op:
        case Lut():
            return (lut_constants if readable else lut_primitives)(op, wires)
        case Sum():
            return (sum_expressions if readable else sum_primitives)(op, wires)
        case Encode():
            return (encode if readable else encode_primitives)(op, wires)
        case Compare():
            return (compare if readable else compare_primitives)(op, wires)
        case Argmax():
            return argmax_lines(op, wires)


def _sources(circuit: Circuit, bits: NDArray[np.int64]) -> list[int]:
    """Return the operations that make the bits, ascending; -1 stands for the inputs."""
    return [int(source) for source in np.unique(circuit.sources(bits.reshape(-1)))]


def _start(circuit: Circuit, source: int) -> int:
    return 0 if source < 0 else circuit.starts[source]


def _size(circuit: Circuit, source: int) -> int:
    return circuit.input_bits if source < 0 else circuit.ops[source].size


class _Top:
    """The top module: instances, and the registers between stages."""

    def __init__(
        self,
        rtl: Rtl,
        nets: Sequence[str],
        own: dict[int, str],
        names: Names,
        input_register: bool,
        output_register: bool,
    ) -> None:
        self.rtl, self.nets, self.own, self.names = rtl, nets, own, names
        self.input_register, self.output_register = input_register, output_register
        self.stages = (0, *rtl.circuit.stages)
        self.last = max(self.stages)
        self.chains = {s: self._chain(s, count) for s, count in self._delays().items()}

    def text(self) -> str:
        rtl, circuit = self.rtl, self.rtl.circuit
        ports = ["input clk"] * rtl.clocked
        ports += [f"input [{rtl.input.bits - 1}:0] x"] * bool(rtl.input.bits)
        ports += [f"output [{p.bits - 1}:0] {p.name}" for p in rtl.outputs if p.bits]
        lines = [
            *_header(rtl),
            f"module {rtl.top} (",
            ",\n".join(f"    {port}" for port in ports),
            ");",
        ]
        for i in self.own:
            lines.append(f"    wire [{circuit.ops[i].size - 1}:0] {self.nets[i + 1]};")
        for source, chain in self.chains.items():
            lines += _registers(chain, _size(circuit, source))
        for i, module in self.own.items():
            sources = _sources(circuit, operands(circuit.ops[i]))
            pins = [f".{self.nets[s + 1]}({self._tap(s, circuit.stages[i])})" for s in sources]
            pins.append(f".y({self.nets[i + 1]})")
            lines.append(f"    {module} {self.names.add(f'u{i}')} ({', '.join(pins)});")
        for output, port in zip(circuit.outputs, rtl.outputs, strict=True):
            if port.bits:
                lines += self._output(output.words.bits.reshape(-1), port)
        return "\n".join([*lines, "endmodule"]) + "\n"

    def _delays(self) -> dict[int, int]:
        """Return how many registers follow each vector that is read."""
        circuit = self.rtl.circuit
        reads = [(operands(circuit.ops[i]), circuit.stages[i]) for i in self.own]
        reads += [(output.words.bits, self.last) for output in circuit.outputs]
        delays: dict[int, int] = {}
        for bits, stage in reads:
            for source in _sources(circuit, bits):
                delay = stage - self.stages[source + 1]
                delays[source] = max(delays.get(source, 0), delay)
        return dict(sorted(delays.items()))

    def _chain(self, source: int, count: int) -> list[str]:
        """Return the names of a vector and of its copies, each one cycle later."""
        net = self.nets[source + 1]
        registers = [self.names.add(f"{net}_r{i}") for i in range(1, count + 1)]
        port = [self.names.add("x_in")] if source < 0 and self.input_register else []
        return [net, *port, *registers]

    def _tap(self, source: int, stage: int) -> str:
        """Return the name of a vector as operations of ``stage`` see it."""
        ahead = source < 0 and self.input_register
        return self.chains[source][stage - self.stages[source + 1] + ahead]

    def _output(self, bits: NDArray[np.int64], port: Port) -> Iterable[str]:
        circuit = self.rtl.circuit
        sources = _sources(circuit, bits)
        wires = Wires({self._tap(s, self.last): _start(circuit, s) for s in sources})
        value = wires.word(bits)
        if not self.output_register:
            yield f"    assign {port.name} = {value};"
            return
        register = self.names.add(f"{port.name}_out")
        yield f"    reg [{port.bits - 1}:0] {register};"
        yield f"    always @(posedge clk) {register} <= {value};"
        yield f"    assign {port.name} = {register};"


def _registers(chain: Sequence[str], size: int) -> Iterator[str]:
    if len(chain) > 1:
        moves = " ".join(f"{new} <= {old};" for old, new in pairwise(chain))
        yield f"    reg [{size - 1}:0] {', '.join(chain[1:])};"
        yield f"    always @(posedge clk) begin {moves} end"


def _header(rtl: Rtl) -> Iterator[str]:
    rhythm = "combinational" if not rtl.clocked else f"latency {rtl.latency} cycles, no reset"
    yield f"// {comment(rtl.circuit.name)}: {rhythm}. Every word is named in ports.json."
    for port in (rtl.input, *rtl.outputs):
        kind = "signed" if port.signed else "unsigned"
        name = f"{port.name} ({comment(port.label)})" if port.name != port.label else port.name
        yield (
            f"// {name}: {port.words} {kind} words, "
            f"word i at [i * {port.width} +: {port.width}], LSB first"
        )
