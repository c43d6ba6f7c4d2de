// I-ViT's exponential: 2**BITS * UNIT * exp(-d / UNIT), about, for a code d up to 0 turned positive.
// d has few bits, so it is looked up: in a table for every 64 codes, a LUT per bit, filled here by the
// formula, among which the second clock chooses. Two clocks in which `en` is set.
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

    localparam int LOW = D_BITS < 6 ? D_BITS : 6;
    localparam int HIGH = D_BITS > LOW ? D_BITS - LOW : 1;
    localparam int TABLES = 1 << (D_BITS - LOW);
    logic [TABLES*E_BITS-1:0] found;
    logic [HIGH-1:0] high;
    for (genvar t = 0; t < TABLES; t++) begin : g_table
        logic [E_BITS-1:0] words[1 << LOW];
        initial for (int i = 0; i < 1 << LOW; i++) words[i] = exponential((t << LOW) + i);
        always_ff @(posedge clk) if (en) found[t*E_BITS+:E_BITS] <= words[d[LOW-1:0]];
    end
    always_ff @(posedge clk) if (en) begin
        high <= HIGH'(d >> LOW);
        e <= found[high*E_BITS+:E_BITS];
    end
endmodule
