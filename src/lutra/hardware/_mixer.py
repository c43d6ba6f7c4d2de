"""LL-ViT's channel mixer of tables as a block."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from lutra.circuit import Circuit, Lut, Output, Words, pack_tables
from lutra.emit import Style, emit_verilog
from lutra.hardware._banks import banked, same
from lutra.hardware._block import Block
from lutra.hardware._widths import CODE_BITS, index_bits, signed_bits, unsigned_bits
from lutra.passes import pipeline
from lutra.vit import STREAM_BITS, parts

__all__ = ["mixer_block", "mixer_circuit"]


def mixer_block(
    name: str,
    mixers: Sequence[parts.LutChannelMixer],
    channels: int,
    sums_per_clock: int = 1,
    style: Style = "constants",
) -> Block:
    """Return a mixer: pairs of the residual stream and normalised codes to the residual stream.

    A token takes the most of ``channels``, ``ceil(last tables / sums_per_clock)`` and, which only
    matters in the smallest ones, 7 and a clock per layer and, with several banks, another one.

    Parameters
    ----------
    name
        Of the block.
    mixers
        One per bank, alike in their sizes; words begin with the bank's number where there are
        several. Each bank has tables of its own, and all else in common.
    channels
        Codes of a token.
    sums_per_clock
        Tables of the last layer that are added up in one clock.
    style
        Of the tables, see `emit_verilog`.

    Raises
    ------
    OutputError
        Banks differ in a size.
    """
    thresholds = same(name, "thresholds", (mixer.thresholds.shape[1] for mixer in mixers))
    tables = same(name, "last tables", (len(mixer.embedding) for mixer in mixers))
    layers = same(name, "layers", (len(mixer.layers) for mixer in mixers))
    values = [mixer.embedding for mixer in mixers]
    bits = signed_bits(*values)
    ends = [end for e in values for end in (e.clip(max=0).sum(0), e.clip(0).sum(0))]
    most_shift = max(int(mixer.shift.max()) for mixer in mixers)
    parameters = {
        "CHANNELS": channels,
        "THRESHOLDS": thresholds,
        "TABLES": tables,
        "LATENCY": max(1, layers) + (len(mixers) > 1),
        "SUMS": sums_per_clock,
        "BANKS": len(mixers),
        "E_BITS": bits,
        "SUM_BITS": signed_bits(*ends),
        "MOST_SHIFT": most_shift,
    }
    # normalised codes lie in -128 .. 127, so that these thresholds say the same
    least = [mixer.thresholds.clip(-1 << CODE_BITS - 1, 1 << CODE_BITS - 1) for mixer in mixers]
    steps = -(-tables // sums_per_clock)
    rows = [np.pad(e, ((0, steps * sums_per_clock - tables), (0, 0))) for e in values]
    memories = {
        "LEAST": banked(least, CODE_BITS + 1),
        "EMBEDDING": banked([e.reshape(steps, -1) for e in rows], bits),
        "SHIFTS": banked(
            [mixer.shift.reshape(-1, 1) for mixer in mixers],
            unsigned_bits(*(mixer.shift for mixer in mixers)),
        ),
    }
    into = STREAM_BITS + CODE_BITS + index_bits(len(mixers))
    return Block(
        name,
        "lutra_mixer",
        parameters,
        memories,
        into,
        into - CODE_BITS,
        sources=_tables(name, mixers, style),
        body=_body(name, parameters, memories, channels * thresholds),
    )


def mixer_circuit(name: str, mixer: parts.LutChannelMixer) -> Circuit:
    """Return the layers of tables, from thermometer bits to those of the last one, ``y``."""
    start, ops = 0, []
    size = mixer.bits
    for layer in mixer.layers:
        ops.append(Lut(layer.wires + start, pack_tables(layer.table, 1), "tables"))
        start, size = start + size, len(layer.wires)
    last = Words(np.arange(start, start + size).reshape(-1, 1))
    circuit = Circuit(name, mixer.bits, 1, tuple(ops), (Output("y", last),))
    return pipeline(circuit, 1)


def _tables(name: str, mixers: Sequence[parts.LutChannelMixer], style: Style) -> dict[str, str]:
    """Return the tables of every bank and a module that chooses among them."""
    found, banks = {}, range(len(mixers))
    for bank in banks:
        with TemporaryDirectory() as folder:
            circuit = mixer_circuit(f"{name}_bank{bank}", mixers[bank])
            rtl = emit_verilog(circuit, Path(folder), style=style, output_register=True)
            found |= {file.name: file.read_text() for file in rtl.files}
    inputs, outputs = mixers[0].bits, len(mixers[0].embedding)
    lines = [
        f"module {name}_tables (",
        "    input logic clk,",
        f"    input logic [{max(1, index_bits(len(mixers))) - 1}:0] bank,",
        f"    input logic [{inputs - 1}:0] bits,",
        f"    output logic [{outputs - 1}:0] tables",
        ");",
        f"    logic [{outputs - 1}:0] y[{len(mixers)}];",
        *(f"    {name}_bank{i} bank{i} (.clk, .x(bits), .y(y[{i}]));" for i in banks),
        "    always_ff @(posedge clk) tables <= y[bank];"
        if len(mixers) > 1
        else "    assign tables = y[0];",
        "endmodule",
    ]
    return {**found, f"{name}_tables.sv": "\n".join(lines) + "\n"}


def _body(name: str, parameters: Mapping[str, int], memories: Iterable[str], bits: int) -> str:
    """Return the text of the mixer and its tables."""
    values = {key: str(value) for key, value in parameters.items()}
    values |= {key: f'"{name}_{key.lower()}.mem"' for key in memories}
    given = ",\n".join(f"        .{key}({value})" for key, value in values.items())
    return (
        f"    logic [{bits - 1}:0] bits;\n"
        f"    logic [{max(1, index_bits(parameters['BANKS'])) - 1}:0] bank;\n"
        f"    logic [{parameters['TABLES'] - 1}:0] tables;\n"
        f"    lutra_mixer #(\n{given}\n    ) block (.*);\n"
        f"    {name}_tables tables_block (.clk, .bank, .bits, .tables);\n"
    )
