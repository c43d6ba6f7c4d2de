// A flag that is seen CLOCKS later, and cleared by a reset wherever it is.
module lutra_flag #(
    parameter int CLOCKS = 1
) (
    input logic clk,
    input logic rst,
    input logic in,
    output logic out
);
    if (CLOCKS == 0) begin : g_wire
        assign out = in;
    end else begin : g_registers
        logic [CLOCKS-1:0] held;
        always_ff @(posedge clk) held <= rst ? '0 : CLOCKS'({held, in});
        assign out = held[CLOCKS-1];
    end
endmodule
