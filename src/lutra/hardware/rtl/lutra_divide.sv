// floor((2**31 - 1) / divisor), a bit per clock: Q_BITS + 1 clocks from `start`, taken while not
// `busy`, to `done`, which is set for one clock; the quotient then stays until the next start.
// The divisor must be so great that the quotient has no more than Q_BITS bits.
module lutra_divide #(
    parameter int D_BITS = 25,
    parameter int Q_BITS = 31
) (
    input logic clk,
    input logic rst,
    input logic start,
    input logic [D_BITS-1:0] divisor,
    output logic busy,
    output logic done,
    output logic [Q_BITS-1:0] quotient
);
    logic [D_BITS-1:0] by, rest;
    logic [$clog2(Q_BITS+1)-1:0] left;
    // Every bit of the dividend is 1.
    wire [D_BITS:0] dividend = {rest, 1'b1};
    wire signed [D_BITS+1:0] next = $signed({1'b0, dividend}) - $signed({2'b0, by});
    wire fits = !next[D_BITS+1];

    assign busy = left != 0;
    always_ff @(posedge clk) begin
        if (start && !busy) begin
            by <= divisor;
            rest <= D_BITS'((64'(1) << (31 - Q_BITS)) - 1);
        end else if (busy) begin
            rest <= fits ? next[D_BITS-1:0] : dividend[D_BITS-1:0];
            quotient <= Q_BITS'({quotient, fits});
        end
        done <= left == 1 && !rst;
        if (rst) left <= 0;
        else if (busy) left <= left - 1;
        else if (start) left <= ($clog2(Q_BITS + 1))'(Q_BITS);
    end
endmodule
