"""Encoders that share one norm and mixer, each fed by the one before, against the reference."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from lutra.hardware._block import Block
from lutra.hardware._mixer import mixer_block
from lutra.hardware._norm import norm_block
from lutra.hardware._share import shared_sources
from lutra.tools.stream import StreamSimulator
from lutra.vit import parts
from tests.hardware.streams import Codes, equal, field, simulator
from tests.hardware.test_mixer import a_mixer
from tests.hardware.test_norm import a_norm, tokens

PAUSE = """\
// Lets words pass in PER_CENT of the clocks, at random; what it offers stays until taken.
module pause #(parameter int PER_CENT = 50, parameter int SEED = 1) (
    input logic clk,
    input logic rst,
    input logic in_valid,
    output logic in_ready,
    input logic [15:0] in_data,
    output logic out_valid,
    input logic out_ready,
    output logic [15:0] out_data
);
    logic [31:0] random;
    logic go;
    assign out_valid = in_valid && go;
    assign in_ready = out_ready && go;
    assign out_data = in_data;
    always_ff @(posedge clk) begin
        random <= rst ? SEED : random * 32'd1664525 + 32'd1013904223;
        go <= !rst && ((out_valid && !out_ready) || int'(random[31:16]) * 100 < PER_CENT * 65536);
    end
endmodule
"""

Encoder = tuple[parts.Norm, parts.LutChannelMixer]


def encoders_of(
    rng: np.random.Generator, banks: int, channels: int, sizes: tuple[int, ...]
) -> list[Encoder]:
    return [
        (a_norm(rng, channels, 8, 30 - bank), a_mixer(rng, channels, sizes, most_shift=4))
        for bank in range(banks)
    ]


def around(encoders: list[Encoder], channels: int, sums: int, wiring: Sequence[str]) -> Block:
    """Encoders that share a norm and a mixer; the last one's output leaves."""
    banks = len(encoders)
    engine = [
        norm_block("norm", [norm for norm, _ in encoders], channels),
        mixer_block("mixer", [mixer for _, mixer in encoders], channels, sums),
    ]
    lines = [
        f"    logic [{banks - 1}:0] iv, ir, ov, or_;",
        f"    logic [{banks * 16 - 1}:0] id, od;",
        f"    assign out_valid = ov[{banks - 1}], or_[{banks - 1}] = out_ready;",
        f"    assign out_data = od[{banks * 16 - 1}:{banks * 16 - 16}];",
        "    shared shared_block (.clk, .rst, .in_valid(iv), .in_ready(ir), .in_data(id),",
        "        .out_valid(ov), .out_ready(or_), .out_data(od));",
        *wiring,
    ]
    sources = {**shared_sources("shared", engine, channels, banks), "pause.sv": PAUSE}
    return Block("around", "", {}, {}, 16, 16, sources, "\n".join(lines) + "\n")


def loop(encoders: list[Encoder], channels: int, sums: int, per_cent: int, depth: int) -> Block:
    """The output of every bank feeds, with pauses and through a queue, the input of the next."""
    banks = len(encoders)
    wiring = [
        "    assign iv[0] = in_valid, in_ready = ir[0], id[15:0] = in_data;",
        f"    for (genvar b = 0; b < {banks - 1}; b++) begin : g_link",
        "        logic v1, r1, v2, r2; logic [15:0] d1, d2;",
        f"        pause #({per_cent}, 2 * b + 1) ahead (.clk, .rst, .in_valid(ov[b]),",
        "            .in_ready(or_[b]), .in_data(od[b*16+:16]),",
        "            .out_valid(v1), .out_ready(r1), .out_data(d1));",
        f"        lutra_queue #(16, {depth}) queue (.clk, .rst, .in_valid(v1), .in_ready(r1),",
        "            .in_data(d1), .out_valid(v2), .out_ready(r2), .out_data(d2));",
        f"        pause #({per_cent}, 2 * b + 2) behind (.clk, .rst, .in_valid(v2), .in_ready(r2),",
        "            .in_data(d2), .out_valid(iv[b+1]), .out_ready(ir[b+1]),",
        "            .out_data(id[b*16+16+:16]));",
        "    end",
    ]
    return around(encoders, channels, sums, wiring)


def check(
    built: StreamSimulator, encoders: list[Encoder], x: Codes, pauses: tuple[int, int]
) -> Codes:
    """Compare with the reference, and return the clocks at which tokens' last codes left."""
    out = built.run(x.reshape(-1), x.size, pauses=pauses, patience=20_000)
    wanted = x
    for norm, mixer in encoders:
        wanted = mixer(norm(wanted), wanted)
    equal(field(out.words, 0, 16), wanted, f"stream behind all encoders, pauses {pauses}")
    return out.left.reshape(len(x), -1)[:, -1]


@pytest.mark.parametrize(
    ("channels", "tables", "sums", "banks"), [(80, 80, 1, 4), (75, 170, 2, 4), (76, 30, 1, 3)]
)
def test_encoders_in_turns_keep_the_engine_busy(
    channels: int, tables: int, sums: int, banks: int, tmp_path: Path
) -> None:
    rng = np.random.default_rng(channels)
    encoders = encoders_of(rng, banks, channels, (tables,))
    built = simulator(tmp_path, loop(encoders, channels, sums, 100, 2))
    x = tokens(rng, 120, channels)
    left = check(built, encoders, x, (0, 0))
    clocks = max(channels, -(-tables // sums))
    busy = np.diff(left)[30:90]  # after the first, and before the last leave banks without work
    assert (busy == banks * clocks).all(), busy
    check(built, encoders, x, (30, 50))


@pytest.mark.parametrize(("per_cent", "depth"), [(60, 2), (15, 1), (85, 300)])
def test_pauses_everywhere_do_not_block(per_cent: int, depth: int, tmp_path: Path) -> None:
    channels = 9
    rng = np.random.default_rng(per_cent)
    encoders = encoders_of(rng, 4, channels, (20, 14))
    built = simulator(tmp_path, loop(encoders, channels, 1, per_cent, depth))
    for pauses in ((0, 0), (30, 50), (0, 90), (95, 0)):
        check(built, encoders, tokens(rng, 300, channels), pauses)


def test_a_bank_whose_output_never_leaves_stops_no_other(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    encoders = encoders_of(rng, 2, 16, (16,))
    wiring = [
        "    assign iv = {in_valid, 1'b1}, in_ready = ir[1], id = {in_data, 16'd7};",
        "    assign or_[0] = 1'b0;",
    ]
    built = simulator(tmp_path, around(encoders, 16, 1, wiring))
    check(built, encoders[1:], tokens(rng, 500, 16), (0, 20))
