"""What small designs take: memories, multipliers, many instances of one module; deepest paths."""

from pathlib import Path
from typing import Any

import pytest

from lutra.errors import ToolError
from lutra.tools import synthesise_blocks
from lutra.tools._netlist import deepest_path, flatten

PRODUCT = """
module product (input logic clk, input logic signed [15:0] a, b, output logic signed [31:0] p);
    always_ff @(posedge clk) p <= a * b;
endmodule
"""
TOP = """
module top (input logic clk, input logic [15:0] a, b, input logic [10:0] at,
            output logic [63:0] p, output logic [15:0] word, output logic any_);
    for (genvar i = 0; i < 2; i++) begin : g
        product multiply (.clk, .a(a + 16'(i)), .b, .p(p[i*32+:32]));
    end
    logic [15:0] words[2048];
    initial $readmemh("words.mem", words);
    always_ff @(posedge clk) word <= words[at];
    logic [15:0] held;
    always_ff @(posedge clk) begin
        held <= a;
        any_ <= ^held;
    end
endmodule
"""


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    (tmp_path / "product.sv").write_text(PRODUCT)
    (tmp_path / "top.sv").write_text(TOP)
    (tmp_path / "words.mem").write_text("".join(f"{i * 40503 % 65536:04x}\n" for i in range(2048)))
    return [tmp_path / "product.sv", tmp_path / "top.sv"]


def test_what_is_kept_counts_as_often_as_it_is_there(files: list[Path], tmp_path: Path) -> None:
    kept = synthesise_blocks(tmp_path, files, ["top"], kept=["product"])["top"]
    assert kept.dsp == 2 and kept.block_rams == 1
    assert 17 + 2 * 32 <= kept.ff <= 17 + 2 * 32 + 32
    without = synthesise_blocks(tmp_path, files, ["top", "product"], dsp=False)
    assert without["top"].dsp == without["product"].dsp == 0
    assert without["top"].lut > 2 * 0.8 * without["product"].lut > 100


def test_the_deepest_path_is_named(files: list[Path], tmp_path: Path) -> None:
    path = synthesise_blocks(tmp_path, files, ["top"])["top"].deepest
    # 16 bits of parity take two LUTs and a third of inputs that are left, or three
    assert 2 <= path.depth <= 3
    assert path.start == "held" and path.end == "any_"


def test_paths_pass_through_what_is_kept() -> None:
    def cell(kind: str, **pins: int) -> dict[str, Any]:
        directions = {pin: "output" if pin in "OQ" else "input" for pin in pins}
        connections = {pin: [bit] for pin, bit in pins.items()}
        return {"type": kind, "port_directions": directions, "connections": connections}

    ports = {
        "Q": {"direction": "output", "bits": [2]},  # a LUT behind the input
        "O": {"direction": "output", "bits": [3]},  # the input itself
        "I": {"direction": "input", "bits": [3]},
    }
    inner = {"ports": ports, "netnames": {}, "cells": {"lut": cell("LUT1", I=3, O=2)}}
    cells = {
        "from": cell("FDRE", Q=5),
        "first": cell("inner", I=5, Q=6, O=7),
        "second": cell("inner", I=7, Q=8),
        "third": cell("inner", I=8, Q=9),
        "to": cell("FDRE", D=9, Q=10),
    }
    nets = {"start": {"bits": [5]}, "end": {"bits": [10]}}
    modules = {"top": {"netnames": nets, "cells": cells}, "inner": inner}
    flat = flatten(modules, "top", {"LUT1", "FDRE"})
    path = deepest_path(flat, "top")
    assert (path.depth, path.start, path.end) == (2, "start", "end")
    assert sum(each["type"] == "LUT1" for each in flat.cells) == 3
    with pytest.raises(ToolError, match="netnames"):
        flatten({"top": {"cells": {}}}, "top", set())


def test_what_is_missing_is_an_error(files: list[Path], tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="nothing"):
        synthesise_blocks(tmp_path, files, ["nothing"])
