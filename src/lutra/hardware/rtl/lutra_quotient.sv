// floor((2**31 - 1) / divisor), one per clock, 31 clocks later. `divisor` is not 0.
module lutra_quotient #(
    parameter int D_BITS = 25
) (
    input logic clk,
    input logic [D_BITS-1:0] divisor,
    output logic [30:0] quotient
);
    for (genvar i = 0; i < 31; i++) begin : g_bit
        logic [D_BITS-1:0] by, rest, by_next, rest_next;
        logic [i:0] found;
        // Every bit of the dividend is 1.
        wire [D_BITS:0] dividend = {rest, 1'b1};
        wire [D_BITS+1:0] less = {1'b0, dividend} - {2'b0, by};
        wire fits = !less[D_BITS+1];
        always_ff @(posedge clk) begin
            by_next <= by;
            rest_next <= fits ? less[D_BITS-1:0] : dividend[D_BITS-1:0];
        end
        if (i == 0) begin : g_first
            assign by = divisor;
            assign rest = '0;
            always_ff @(posedge clk) found <= fits;
        end else begin : g_later
            assign by = g_bit[i-1].by_next;
            assign rest = g_bit[i-1].rest_next;
            always_ff @(posedge clk) found <= {g_bit[i-1].found, fits};
        end
    end
    assign quotient = g_bit[30].found;
endmodule
