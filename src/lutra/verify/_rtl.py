"""Circuit == Verilog == synthesised netlist."""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lutra.circuit import Circuit, Output, Words, evaluate
from lutra.emit import Rtl, Style, emit_verilog
from lutra.errors import VerifyError
from lutra.passes import encoder_words, pipeline
from lutra.tools import Tool, find_compiler, find_verilator, find_yosys, simulate, synthesise
from lutra.verify._difference import Difference, first_difference

__all__ = ["RtlReport", "check_rtl", "verify_rtl"]

Stage = Literal["rtl", "netlist"]


@dataclass(frozen=True)
class RtlReport:
    """What was found equal to the circuit, bit for bit.

    Parameters
    ----------
    rtl
        The Verilog.
    stages
        ``rtl``, and ``netlist`` where the synthesised netlist was simulated too.
    samples, bits
        Samples, and output bits of each.
    tools
        What ran.
    seconds
        Wall time.
    """

    rtl: Rtl
    stages: tuple[Stage, ...]
    samples: int
    bits: int
    tools: tuple[Tool, ...]
    seconds: float


def verify_rtl(
    circuit: Circuit,
    inputs: NDArray[np.integer],
    folder: Path,
    *,
    every: int | None = None,
    style: Style = "constants",
    input_register: bool = False,
    output_register: bool = False,
    encoder: bool = True,
    argmax: bool = True,
    netlist: bool = False,
) -> RtlReport:
    """Write a circuit as Verilog, simulate it, and compare every output of every sample.

    Parameters
    ----------
    circuit
        The reference; its numpy evaluation is what must come out.
    inputs
        Raw input words; without the encoder, they are encoded by numpy first.
        Shape (samples, circuit.inputs).
    folder
        Where the Verilog and the simulator go.
    every
        Table levels per pipeline stage, see `lutra.passes.pipeline`; None keeps the stages.
    style, input_register, output_register, encoder, argmax
        As in `lutra.emit.emit_verilog`.
    netlist
        Whether to synthesise the design and simulate the netlist as well.

    Raises
    ------
    VerifyError
        An output differs; the message names the sample, output, word and bit, and the operation
        that went wrong first.
    """
    circuit = circuit if every is None else pipeline(circuit, every)
    rtl = emit_verilog(
        circuit,
        folder,
        style=style,
        input_register=input_register,
        output_register=output_register,
        encoder=encoder,
        argmax=argmax,
    )
    return check_rtl(rtl, inputs if encoder else encoder_words(circuit, inputs), netlist=netlist)


def check_rtl(rtl: Rtl, inputs: NDArray[np.integer], *, netlist: bool = False) -> RtlReport:
    """Do the same for Verilog that lies on disk, as it lies there.

    ``inputs`` are words of ``rtl.circuit``, which takes codes where the encoder was left out.
    """
    start = time.monotonic()
    expected = evaluate(rtl.circuit, inputs)
    tools = [find_verilator(), find_compiler()]
    difference = first_difference(expected, simulate(rtl, inputs))
    if difference:
        where = _first_operation(rtl, inputs[difference.sample])
        raise VerifyError(_message("Verilog", rtl, difference, where))
    stages: list[Stage] = ["rtl"]
    if netlist:
        result = synthesise(rtl)
        tools.append(find_yosys())
        folder = rtl.folder / "netlist"
        difference = first_difference(
            expected, simulate(rtl, inputs, folder, files=[result.netlist])
        )
        if difference:
            where = f"the Verilog is right, so suspect {result.tool.name} {result.tool.version}"
            raise VerifyError(_message("netlist", rtl, difference, where))
        stages.append("netlist")
    bits = sum(port.bits for port in rtl.outputs)
    seconds = time.monotonic() - start
    return RtlReport(rtl, tuple(stages), len(inputs), bits, tuple(tools), seconds)


def _message(what: str, rtl: Rtl, difference: Difference, where: str) -> str:
    return (
        f"{rtl.folder}: circuit {rtl.circuit.name!r} and its {what} differ at {difference}; {where}"
    )


def _first_operation(rtl: Rtl, sample: NDArray[np.integer]) -> str:
    """Return which operation's module first gives a wrong bit, by letting every one leave.

    The modules on disk are kept; only the top module is written anew, elsewhere, with an output
    for each operation.
    """
    circuit = rtl.circuit
    numbers = [number for number, op in enumerate(circuit.ops) if op.size]
    outputs = [Output(f"op {number}", Words(_bits(circuit, number)[:, None])) for number in numbers]
    probed = replace(circuit, stages=(), outputs=tuple(outputs))
    probe = emit_verilog(probed, rtl.folder / "probe", style=rtl.style)
    levels = [rtl.folder / file.name for file in probe.files[:-1]]
    expected = evaluate(probed, sample[None])
    got = simulate(replace(probe, files=(*levels, probe.files[-1])), sample[None])
    for number, output in zip(numbers, outputs, strict=True):
        found = first_difference({"": expected[output.name]}, {"": got[output.name]})
        if found:
            op = circuit.ops[number]
            kind = type(op).__name__
            return f"the first wrong operation is {number} ({kind} {op.name!r}), bit {found.word}"
    return "every operation alone is right, so the top module or its registers are wrong"


def _bits(circuit: Circuit, number: int) -> NDArray[np.int64]:
    start = circuit.starts[number]
    return np.arange(start, start + circuit.ops[number].size, dtype=np.int64)
