"""AXI4-Stream around a design."""

from lutra.hardware._widths import index_bits

__all__ = ["axi_stream"]


def axi_stream(name: str, input_bits: int, output_bits: int, beats: int) -> str:
    """Return a module with AXI4-Stream ports and a reset that is active low.

    Parameters
    ----------
    name
        Module that it is put around; its own ends in ``_axi``.
    input_bits, output_bits
        Widths of the streams; words become whole bytes, by their sign.
    beats
        Output words of a packet, of which the last one has ``tlast``. That of the input is ignored:
        how many words an image has is known.
    """
    given, result = (-(-bits // 8) * 8 for bits in (input_bits, output_bits))
    ports = [
        "input logic aclk",
        "input logic aresetn",
        f"input logic [{given - 1}:0] s_axis_tdata",
        "input logic s_axis_tvalid",
        "output logic s_axis_tready",
        "input logic s_axis_tlast",
        f"output logic [{result - 1}:0] m_axis_tdata",
        "output logic m_axis_tvalid",
        "input logic m_axis_tready",
        "output logic m_axis_tlast",
    ]
    lines = [
        f"module {name}_axi (",
        ",\n".join(f"    {port}" for port in ports),
        ");",
        f"    logic signed [{output_bits - 1}:0] word;",
        f"    {name} inner (.clk(aclk), .rst(!aresetn),",
        "        .in_valid(s_axis_tvalid), .in_ready(s_axis_tready),",
        f"        .in_data(s_axis_tdata[{input_bits - 1}:0]),",
        "        .out_valid(m_axis_tvalid), .out_ready(m_axis_tready), .out_data(word));",
        f"    assign m_axis_tdata = {result}'(word);",
        f"    logic [{max(1, index_bits(beats)) - 1}:0] beat;",
        f"    assign m_axis_tlast = beat == {beats - 1};",
        "    always_ff @(posedge aclk)",
        "        if (!aresetn) beat <= 0;",
        "        else if (m_axis_tvalid && m_axis_tready) beat <= m_axis_tlast ? 0 : beat + 1;",
        "endmodule",
    ]
    return "\n".join(lines) + "\n"
