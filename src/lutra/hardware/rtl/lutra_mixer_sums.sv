// Adds up, for all channels at once, the values of the bits that are set: SUMS of TABLES bits a
// clock, from a memory of (SUMS, CHANNELS) values per word. The sums leave channel by channel while
// the next token is added up. `began` says that the sums of the token before are out of the way.
// A token takes ceil(TABLES / SUMS) clocks or, if that is more, CHANNELS.
module lutra_mixer_sums #(
    parameter int CHANNELS = 192,
    parameter int TABLES = 192,
    parameter int SUMS = 1,
    parameter int BANKS = 1,
    parameter int E_BITS = 4,
    parameter int SUM_BITS = 12,
    parameter EMBEDDING = "",
    localparam int B_BITS = BANKS > 1 ? $clog2(BANKS) : 1
) (
    input logic clk,
    input logic rst,
    input logic in_valid,
    output logic in_ready,
    input logic [TABLES-1:0] in_bits,
    input logic [B_BITS-1:0] in_bank,
    output logic began,
    output logic out_valid,
    input logic out_ready,
    output logic signed [SUM_BITS-1:0] out_sum
);
    localparam int STEPS = (TABLES + SUMS - 1) / SUMS;
    localparam int S_BITS = STEPS > 1 ? $clog2(STEPS) : 1;
    localparam int C_BITS = CHANNELS > 1 ? $clog2(CHANNELS) : 1;
    localparam int A_BITS = $clog2(BANKS) + S_BITS;
    localparam int PART_BITS = E_BITS + $clog2(SUMS);
    localparam logic [S_BITS-1:0] LAST = STEPS - 1;
    localparam logic [C_BITS-1:0] LAST_CHANNEL = CHANNELS - 1;

    (* rom_style = "block" *) logic [SUMS*CHANNELS*E_BITS-1:0] embedding[1<<A_BITS];
    initial if (EMBEDDING != "") $readmemh(EMBEDDING, embedding);

    // sums that leave
    logic [C_BITS-1:0] leaving;
    logic [CHANNELS*SUM_BITS-1:0] out_sums, sums;
    wire leave = out_valid && out_ready;
    wire free = !out_valid || (leave && leaving == LAST_CHANNEL);
    assign out_sum = out_sums[SUM_BITS-1:0];

    // Everything before waits where sums are whole and cannot leave.
    logic [S_BITS-1:0] step;
    logic busy, valid1, valid2, whole, first1, first2, last1, last2;
    wire en = !whole || free;
    assign in_ready = en && (!busy || step == LAST);
    assign began = en && valid2 && first2;

    logic [B_BITS-1:0] bank;
    logic [STEPS*SUMS-1:0] bits;
    logic [SUMS-1:0] bits1;
    logic [SUMS*CHANNELS*E_BITS-1:0] word;
    logic [CHANNELS*PART_BITS-1:0] next_parts, parts;
    always_comb begin
        next_parts = '0;
        for (int c = 0; c < CHANNELS; c++)
            for (int p = 0; p < SUMS; p++)
                if (bits1[p])
                    next_parts[c*PART_BITS+:PART_BITS] = next_parts[c*PART_BITS+:PART_BITS]
                        + PART_BITS'($signed(word[(p*CHANNELS+c)*E_BITS+:E_BITS]));
    end
    always_ff @(posedge clk) begin
        if (en) begin
            if (in_ready) begin
                bank <= in_bank;
                bits <= (STEPS * SUMS)'(in_bits);
            end else bits <= bits >> SUMS;
            word <= embedding[A_BITS'({bank, step})];
            bits1 <= bits[SUMS-1:0];
            {first1, last1, first2, last2} <= {step == 0, step == LAST, first1, last1};
            parts <= next_parts;
        end
        if (en && valid2)
            for (int c = 0; c < CHANNELS; c++)
                sums[c*SUM_BITS+:SUM_BITS] <= SUM_BITS'($signed(parts[c*PART_BITS+:PART_BITS]))
                    + (first2 ? '0 : sums[c*SUM_BITS+:SUM_BITS]);
        if (en && whole) out_sums <= sums;
        else if (leave) out_sums <= out_sums >> SUM_BITS;
        if (rst) begin
            {step, busy, valid1, valid2, whole, leaving, out_valid} <= 0;
        end else begin
            if (in_ready) {busy, step} <= {in_valid, S_BITS'(0)};
            else if (en) step <= step + 1;
            if (en) {valid1, valid2, whole} <= {busy, valid1, valid2 && last2};
            if (leave) leaving <= leaving == LAST_CHANNEL ? 0 : leaving + 1;
            out_valid <= (en && whole) || (out_valid && !free);
        end
    end
endmodule
