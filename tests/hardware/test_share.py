"""Encoders that share one norm and mixer, each fed by the one before, against the reference."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from lutra.hardware._block import Block
from lutra.hardware._mixer import mixer_block
from lutra.hardware._norm import norm_block
from lutra.hardware._share import shared_sources
from lutra.tools import StreamSimulator
from lutra.vit import parts
from tests.hardware.random_parts import mixer_of, norm_of, tokens_of
from tests.hardware.simulation import Codes, build, intervals, run_equal

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
        (norm_of(rng, channels, 8, 30 - bank), mixer_of(rng, channels, sizes, most_shift=4))
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


def loop(
    encoders: list[Encoder], channels: int, sums: int, links: Sequence[tuple[int, int]]
) -> Block:
    """The output of every bank feeds the input of the next, by a link.

    Links are (per cent of clocks in which a word enters a queue, and leaves it; its depth).
    """
    wiring = ["    assign iv[0] = in_valid, in_ready = ir[0], id[15:0] = in_data;"]
    for b, (per_cent, depth) in enumerate(links):
        wiring += [
            f"    logic v{b}, r{b}, w{b}, s{b}; logic [15:0] d{b}, e{b};",
            f"    pause #({per_cent}, {2 * b + 1}) ahead{b} (.clk, .rst, .in_valid(ov[{b}]),",
            f"        .in_ready(or_[{b}]), .in_data(od[{b * 16}+:16]),",
            f"        .out_valid(v{b}), .out_ready(r{b}), .out_data(d{b}));",
            f"    lutra_queue #(16, {depth}) queue{b} (.clk, .rst, .in_valid(v{b}),",
            f"        .in_ready(r{b}), .in_data(d{b}), .out_valid(w{b}),",
            f"        .out_ready(s{b}), .out_data(e{b}));",
            f"    pause #({per_cent}, {2 * b + 2}) behind{b} (.clk, .rst, .in_valid(w{b}),",
            f"        .in_ready(s{b}), .in_data(e{b}), .out_valid(iv[{b + 1}]),",
            f"        .out_ready(ir[{b + 1}]), .out_data(id[{b * 16 + 16}+:16]));",
        ]
    return around(encoders, channels, sums, wiring)


def check(
    built: StreamSimulator, encoders: list[Encoder], x: Codes, pauses: tuple[int, int]
) -> Codes:
    """Compare with the reference, and return the clocks from token to token."""
    wanted = x
    for norm, mixer in encoders:
        wanted = mixer(norm(wanted), wanted)
    return intervals(run_equal(built, x, wanted, pauses), len(x))


@pytest.mark.parametrize(
    ("channels", "tables", "sums", "banks"),
    [pytest.param(80, 80, 1, 4, marks=pytest.mark.slow), (75, 170, 2, 3)],
)
def test_encoders_in_turns_keep_the_engine_busy(
    channels: int, tables: int, sums: int, banks: int, tmp_path: Path
) -> None:
    rng = np.random.default_rng(channels)
    encoders = encoders_of(rng, banks, channels, (tables,))
    built = build(tmp_path, loop(encoders, channels, sums, [(100, 2)] * (banks - 1)))
    x = tokens_of(rng, 200, channels)
    found = check(built, encoders, x, (0, 0))
    clocks = max(channels, -(-tables // sums))
    busy = found[30:90]  # after the first, and before the last leave banks without work
    assert (busy == banks * clocks).all(), busy
    check(built, encoders, x, (30, 50))


@pytest.mark.parametrize("links", [[(60, 2)] * 3, [(85, 300), (15, 1), (60, 2)]])
def test_pauses_everywhere_do_not_block(links: list[tuple[int, int]], tmp_path: Path) -> None:
    channels = 9
    rng = np.random.default_rng(len(set(links)))
    encoders = encoders_of(rng, 4, channels, (20, 14))
    built = build(tmp_path, loop(encoders, channels, 1, links))
    for pauses in ((0, 0), (30, 50), (0, 90), (95, 0)):
        check(built, encoders, tokens_of(rng, 900, channels), pauses)


def test_a_bank_whose_output_never_leaves_stops_no_other(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    encoders = encoders_of(rng, 2, 16, (16,))
    wiring = [
        "    assign iv = {in_valid, 1'b1}, in_ready = ir[1], id = {in_data, 16'd7};",
        "    assign or_[0] = 1'b0;",
    ]
    built = build(tmp_path, around(encoders, 16, 1, wiring))
    check(built, encoders[1:], tokens_of(rng, 500, 16), (0, 20))
