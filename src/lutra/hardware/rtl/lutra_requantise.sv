// (q * multiplier + 2**(SHIFT - 1)) >> SHIFT, saturated to BITS; the sign, -1 or 1, where BITS is 1.
// Four clocks in which `en` is set. The multiplier is cut up into parts that DSP slices take.
module lutra_requantise #(
    parameter int Q_BITS = 27,
    parameter int M_BITS = 32,
    parameter int SHIFT = 32,
    parameter int BITS = 8,
    parameter int OUT_BITS = 8
) (
    input logic clk,
    input logic en,
    input logic signed [Q_BITS-1:0] q,
    input logic [M_BITS-1:0] multiplier,
    output logic signed [OUT_BITS-1:0] out
);
    localparam int PART = 17;
    localparam int PARTS = (M_BITS + PART - 1) / PART;
    localparam int P_BITS = Q_BITS + PART + 1;
    // of the sum, one more for rounding; never so few that the shift leaves nothing
    localparam int S_BITS = (Q_BITS + M_BITS > SHIFT + BITS ? Q_BITS + M_BITS : SHIFT + BITS) + 2;

    logic signed [Q_BITS-1:0] q1;
    logic [PARTS*PART-1:0] m1;
    logic signed [P_BITS-1:0] product[PARTS];
    logic signed [S_BITS-1:0] total, sum;
    wire sign = sum[S_BITS-1];
    // It fits if all bits above the result are its sign.
    wire fits = &sum[S_BITS-1:SHIFT+BITS-1] || !(|sum[S_BITS-1:SHIFT+BITS-1]);

    always_comb begin
        total = S_BITS'(1) << (SHIFT - 1);
        for (int i = 0; i < PARTS; i++) total = total + (S_BITS'(product[i]) <<< (PART * i));
    end
    always_ff @(posedge clk) if (en) begin
        q1 <= q;
        m1 <= (PARTS * PART)'(multiplier);
        for (int i = 0; i < PARTS; i++) product[i] <= q1 * $signed({1'b0, m1[PART*i+:PART]});
        sum <= total;
        if (BITS == 1) out <= sum < (S_BITS'(1) << (SHIFT - 1)) ? -1 : 1;
        else if (fits) out <= OUT_BITS'($signed(sum[SHIFT+:BITS]));
        else out <= OUT_BITS'($signed({sign, {BITS - 1{!sign}}}));
    end
endmodule
