// BITS that leave CLOCKS later; a wire where that is 0.
module lutra_delay #(
    parameter int BITS = 1,
    parameter int CLOCKS = 1
) (
    input logic clk,
    input logic [BITS-1:0] in,
    output logic [BITS-1:0] out
);
    if (CLOCKS == 0) begin : g_wire
        assign out = in;
    end else begin : g_registers
        logic [CLOCKS*BITS-1:0] held;
        always_ff @(posedge clk) held <= (CLOCKS * BITS)'({held, in});
        assign out = held[(CLOCKS-1)*BITS+:BITS];
    end
endmodule
