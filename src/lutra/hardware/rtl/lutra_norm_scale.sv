// ((x - mean) * factor >> 1) * multiplier + offset, shifted right, saturated to BITS; its sign, -1 or
// 1, where BITS is 1. Offsets have half a unit in them, for rounding. One channel per clock in which
// `en` is set, seven of them from x to y; constants are read by the address that comes with x.
module lutra_norm_scale #(
    parameter int WORDS = 256,
    parameter int M_BITS = 32,
    parameter int O_BITS = 48,
    parameter int SHIFT = 32,
    parameter int BITS = 8,
    parameter int OUT_BITS = 8,
    parameter MULTIPLIERS = "",
    parameter OFFSETS = ""
) (
    input logic clk,
    input logic en,
    input logic [$clog2(WORDS)-1:0] address,
    input logic signed [15:0] x,
    input logic signed [15:0] mean,
    input logic [30:0] factor,
    output logic signed [OUT_BITS-1:0] y
);
    localparam int PART = 26;  // of a multiplier, and 17 of what it multiplies: a DSP slice
    localparam int PARTS = (M_BITS + PART - 2) / PART;
    localparam int P_BITS = 32 + PART;
    // a root is no less than any deviation, so that z has 31 bits
    localparam int T_BITS = (M_BITS + 31 > O_BITS ? M_BITS + 31 : O_BITS) + 1;
    localparam logic signed [T_BITS-1:0] MOST = (T_BITS'(1) << (BITS - 1)) - 1;

    logic [M_BITS-1:0] multipliers[WORDS];
    logic [O_BITS-1:0] offsets[WORDS];
    initial if (MULTIPLIERS != "") $readmemh(MULTIPLIERS, multipliers);
    initial if (OFFSETS != "") $readmemh(OFFSETS, offsets);

    logic [$clog2(WORDS)-1:0] addresses[1:4];
    logic signed [16:0] deviation;
    logic [30:0] factor1;
    logic signed [34:0] low;
    logic signed [31:0] high;
    logic signed [30:0] z;
    logic [M_BITS-1:0] multiplier;
    logic signed [O_BITS-1:0] offset;
    logic signed [44:0] lows[PARTS];
    logic signed [40:0] highs[PARTS];
    logic signed [P_BITS-1:0] products[PARTS];
    logic signed [T_BITS-1:0] sum, total;
    wire signed [48:0] scaled = 49'(low) + (49'(high) <<< 17);
    wire signed [PARTS*PART:0] extended = (PARTS * PART + 1)'($signed(multiplier));
    wire signed [T_BITS-1:0] shifted = total >>> SHIFT;

    function automatic logic signed [26:0] part(input logic [PARTS*PART:0] whole, input int i);
        part = {i == PARTS - 1 && whole[PARTS*PART], whole[PART*i+:PART]};
    endfunction

    always_comb begin
        sum = T_BITS'(offset);
        for (int i = 0; i < PARTS; i++) sum = sum + (T_BITS'(products[i]) <<< (PART * i));
    end
    always_ff @(posedge clk) if (en) begin
        addresses[1] <= address;
        for (int i = 2; i <= 4; i++) addresses[i] <= addresses[i-1];
        deviation <= 17'(x) - 17'(mean);
        factor1 <= factor;
        low <= deviation * $signed({1'b0, factor1[16:0]});
        high <= deviation * $signed({1'b0, factor1[30:17]});
        z <= 31'(scaled >>> 1);
        multiplier <= multipliers[addresses[2]];
        for (int i = 0; i < PARTS; i++) begin
            lows[i] <= $signed({1'b0, z[16:0]}) * part(extended, i);
            highs[i] <= $signed(z[30:17]) * part(extended, i);
            products[i] <= P_BITS'(lows[i]) + (P_BITS'(highs[i]) <<< 17);
        end
        offset <= offsets[addresses[4]];
        total <= sum;
        if (BITS == 1) y <= total < 0 ? -1 : 1;
        else if (shifted > MOST) y <= OUT_BITS'(MOST);
        else if (shifted < ~MOST) y <= OUT_BITS'(~MOST);
        else y <= OUT_BITS'(shifted);
    end
endmodule
