"""A self-checking testbench and its vectors, for any Verilog simulator."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lutra.circuit import evaluate, pack_words
from lutra.emit._rtl import Rtl
from lutra.files import write_atomic

__all__ = ["emit_testbench"]

_BENCH = """\
// Prints PASS, or FAIL with the first sample that differs. Run it where the vector files lie.
`timescale 1ns / 1ps
module tb;
    localparam N = {samples}, LATENCY = {latency};
    reg [{x_high}:0] vectors_in [0:N - 1];
    reg [{y_high}:0] vectors_out [0:N - 1];
    reg clk;
    reg [{x_high}:0] x;
    wire [{y_high}:0] y;
    integer cycle, sample;

    {top} dut ({pins});

    initial begin
        $readmemh("vectors_in.hex", vectors_in);
        $readmemh("vectors_out.hex", vectors_out);
        clk = 1'b0;
        for (cycle = 0; cycle < N + LATENCY; cycle = cycle + 1) begin
            x = vectors_in[cycle < N ? cycle : N - 1];
            #5;
            sample = cycle - LATENCY;
            if (sample >= 0) if (y !== vectors_out[sample]) begin
                $display("FAIL: sample %0d: got %h, expected %h", sample, y, vectors_out[sample]);
`ifdef LUTRA_VERILOG_2001
                $finish;
`else
                $fatal(1);
`endif
            end
            clk = 1'b1;
            #5 clk = 1'b0;
        end
        $display("PASS: %0d samples", N);
        $finish;
    end
endmodule
"""


def emit_testbench(rtl: Rtl, inputs: NDArray[np.integer]) -> Path:
    """Write ``tb.v``, ``vectors_in.hex`` and ``vectors_out.hex`` beside the Verilog.

    A vector is one line: the input port, or all output ports, the first one lowest. A failing
    bench ends by ``$fatal``; define ``LUTRA_VERILOG_2001`` for a simulator without it.

    Parameters
    ----------
    rtl
        What to test; the expected outputs come from `lutra.circuit.evaluate`.
    inputs
        Input words of ``rtl.circuit``, one sample or more. Shape (samples, words).
    """
    if not len(inputs):
        raise ValueError("a testbench needs at least one sample")
    expected = evaluate(rtl.circuit, inputs)
    x = pack_words(inputs.T, rtl.input.width) if rtl.input.bits else np.zeros((1, len(inputs)))
    y = [pack_words(expected[p.label].T, p.width) for p in rtl.outputs if p.bits]
    write_atomic(rtl.folder / "vectors_in.hex", _hex(x))
    write_atomic(rtl.folder / "vectors_out.hex", _hex(np.concatenate(y)))
    pins = [".clk(clk)"] * rtl.clocked + [".x(x)"] * bool(rtl.input.bits)
    low = 0
    for port in rtl.outputs:
        if port.bits:
            pins.append(f".{port.name}(y[{low + port.bits - 1}:{low}])")
            low += port.bits
    text = _BENCH.format(
        samples=len(inputs),
        latency=rtl.latency,
        x_high=len(x) - 1,
        y_high=low - 1,
        top=rtl.top,
        pins=", ".join(pins),
    )
    return write_atomic(rtl.folder / "tb.v", text)


def _hex(bits: NDArray) -> str:
    """Return one hexadecimal number per sample. ``bits``: shape (width, samples), LSB first."""
    digits = -(-len(bits) // 4)
    lines = np.packbits(bits.astype(np.uint8), axis=0, bitorder="little")[::-1].T
    return "".join(f"{line.tobytes().hex()[-digits:]}\n" for line in lines)
