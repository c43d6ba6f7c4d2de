"""One norm and mixer for several encoders."""

from collections.abc import Sequence

from lutra.hardware._block import Block, joined
from lutra.hardware._widths import index_bits
from lutra.vit import STREAM_BITS

__all__ = ["shared_sources"]


def shared_sources(
    name: str, engine: Sequence[Block], channels: int, banks: int, tokens: int = 4
) -> dict[str, str]:
    """Return the files of a module that several streams share blocks in.

    Its ports are ``clk``, ``rst``, and of the streams ``in`` and ``out`` the ``valid`` and
    ``ready``, one bit per bank, and ``data``, 16 bits per bank. Tokens of a bank leave in their
    order, whatever others wait for: the output of one bank may feed the input of another.

    Parameters
    ----------
    name
        Of the module.
    engine
        Blocks in a row, of so many banks; they map {bank, code} to {bank, code}.
    channels
        Codes of a token.
    banks
        Streams, two or more.
    tokens
        Results of one bank that there is room for.
    """
    number = index_bits(banks) + STREAM_BITS
    ports = [
        "input logic clk",
        "input logic rst",
        f"input logic [{banks - 1}:0] in_valid",
        f"output logic [{banks - 1}:0] in_ready",
        f"input logic [{banks * STREAM_BITS - 1}:0] in_data",
        f"output logic [{banks - 1}:0] out_valid",
        f"input logic [{banks - 1}:0] out_ready",
        f"output logic [{banks * STREAM_BITS - 1}:0] out_data",
    ]
    lines = [
        f"module {name} (",
        ",\n".join(f"    {port}" for port in ports),
        ");",
        "    logic to_valid, to_ready, from_valid, from_ready;",
        f"    logic [{number - 1}:0] to_data, from_data;",
        f"    lutra_share #(.CHANNELS({channels}), .BANKS({banks}), .TOKENS({tokens})) share (.*);",
        f"    {name}_engine engine (.clk, .rst,",
        "        .in_valid(to_valid), .in_ready(to_ready), .in_data(to_data),",
        "        .out_valid(from_valid), .out_ready(from_ready), .out_data(from_data));",
        "endmodule",
    ]
    files = joined(f"{name}_engine", engine).files()
    return {**files, f"{name}.sv": "\n".join(lines) + "\n"}
