// I-ViT's exponential: 2**BITS * UNIT * exp(-d / UNIT), about, for a code d up to 0 turned positive.
// d has few bits, so it is a table, filled here by the formula. Two clocks in which `en` is set.
module lutra_exponential #(
    parameter int UNIT = 20,
    parameter int BITS = 14,
    parameter int D_BITS = 8,
    parameter int E_BITS = 19  // of UNIT << BITS
) (
    input logic clk,
    input logic en,
    input logic [D_BITS-1:0] d,
    output logic [E_BITS-1:0] e
);
    // n is about d log2(e) and its whole part in units shifts; between two powers e is linear.
    function automatic [E_BITS-1:0] exponential(input int from);
        int n, whole;
        n = from + (from + 1) / 2 - (from + 15) / 16;
        if (n > BITS * UNIT) n = BITS * UNIT;
        whole = n / UNIT;
        exponential = E_BITS'(((64)'(2 * UNIT + whole * UNIT - n) << (BITS - whole)) >> 1);
    endfunction

    logic [E_BITS-1:0] table_[1 << D_BITS];
    logic [D_BITS-1:0] d1;
    initial for (int i = 0; i < 1 << D_BITS; i++) table_[i] = exponential(i);
    always_ff @(posedge clk) if (en) begin
        d1 <= d;
        e <= table_[d1];
    end
endmodule
