// LL-ViT's channel mixer, but for its tables of bits: {bank, residual, normal} to {bank, residual +
// sum of the values of tables that say 1, shifted by the channel's shift}, saturated to 16 bits. The
// thermometer bits of a token are offered in `bits`, and what the tables of `bank` make of them is
// read from `tables` LATENCY clocks later.
// A token takes CHANNELS clocks or, if that is more, those of lutra_mixer_sums; at least LATENCY + 7.
module lutra_mixer #(
    parameter int CHANNELS = 192,
    parameter int THRESHOLDS = 8,
    parameter int TABLES = 192,
    parameter int LATENCY = 2,
    parameter int SUMS = 1,
    parameter int BANKS = 1,
    parameter int E_BITS = 4,
    parameter int SUM_BITS = 12,
    parameter int MOST_SHIFT = 8,
    parameter LEAST = "",
    parameter EMBEDDING = "",
    parameter SHIFTS = "",
    localparam int BANK_BITS = $clog2(BANKS),
    localparam int B_BITS = BANK_BITS > 0 ? BANK_BITS : 1
) (
    input logic clk,
    input logic rst,
    input logic in_valid,
    output logic in_ready,
    input logic [BANK_BITS+23:0] in_data,
    output logic out_valid,
    input logic out_ready,
    output logic [BANK_BITS+15:0] out_data,
    output logic [CHANNELS*THRESHOLDS-1:0] bits,
    output logic [B_BITS-1:0] bank,
    input logic [TABLES-1:0] tables
);
    localparam int C_BITS = CHANNELS > 1 ? $clog2(CHANNELS) : 1;
    localparam int A_BITS = BANK_BITS + C_BITS;
    localparam int T_BITS = 9;  // of a threshold, which may be above all codes
    localparam logic [C_BITS-1:0] LAST = CHANNELS - 1;

    logic [THRESHOLDS*T_BITS-1:0] least[1<<A_BITS], thresholds;
    initial if (LEAST != "") $readmemh(LEAST, least);

    // Residuals lie in a ring of four tokens: one that enters, one that waits for the sums of the one
    // before to be out of the way (pending), one that is added up, and one that leaves. The last code
    // of a token waits while another one is pending.
    logic [15:0] ring[1<<(C_BITS+2)];
    logic [B_BITS-1:0] banks[4];
    logic [1:0] to, looked_up, from;
    logic [C_BITS-1:0] entering, leaving;
    logic entering_last;  // known beforehand
    logic pending, began, valid1;
    logic [LATENCY+2:1] arriving;  // the last code, on its way through comparators and tables
    logic signed [7:0] normal;
    logic [THRESHOLDS-1:0] reached;
    wire take = in_valid && in_ready;
    wire last = take && entering_last;
    wire [B_BITS-1:0] in_bank = B_BITS'(in_data >> 24);
    assign in_ready = !(pending && entering_last);
    assign bank = banks[looked_up];

    always_comb
        for (int t = 0; t < THRESHOLDS; t++)
            reached[t] = T_BITS'(normal) >= $signed(thresholds[t*T_BITS+:T_BITS]);
    always_ff @(posedge clk) begin
        if (take) begin
            ring[{to, entering}] <= in_data[23:8];
            banks[to] <= in_bank;
        end
        normal <= in_data[7:0];
        thresholds <= least[A_BITS'({in_bank, entering})];
        if (valid1) bits <= (CHANNELS * THRESHOLDS)'({reached, bits} >> THRESHOLDS);
        if (rst) begin
            {to, entering, pending, valid1, arriving} <= 0;
            entering_last <= CHANNELS == 1;
        end else begin
            {valid1, arriving} <= {take, arriving[LATENCY+1:1], last};
            if (take) begin
                entering <= entering_last ? 0 : entering + 1;
                entering_last <= CHANNELS == 1 || entering == LAST - 1;
            end
            if (last) to <= to + 1;
            pending <= last || (pending && !began);
        end
    end

    // the last layer's bits
    logic held;
    logic [TABLES-1:0] held_tables;
    logic [B_BITS-1:0] held_bank;
    wire add;
    wire signed [SUM_BITS-1:0] sum;
    always_ff @(posedge clk) begin
        if (arriving[LATENCY+2]) {held_tables, held_bank} <= {tables, bank};
        if (rst) begin
            {held, looked_up} <= 0;
        end else begin
            held <= arriving[LATENCY+2] || (held && !add);
            if (arriving[LATENCY+2]) looked_up <= looked_up + 1;
        end
    end
    logic may_leave;
    wire sum_valid, leave = sum_valid && may_leave;
    lutra_mixer_sums #(
        .CHANNELS(CHANNELS), .TABLES(TABLES), .SUMS(SUMS), .BANKS(BANKS), .E_BITS(E_BITS),
        .SUM_BITS(SUM_BITS), .EMBEDDING(EMBEDDING)
    ) sums (
        .clk, .rst, .in_valid(held), .in_ready(add), .in_bits(held_tables), .in_bank(held_bank),
        .began, .out_valid(sum_valid), .out_ready(may_leave), .out_sum(sum)
    );

    // channel by channel: shift, add, saturate
    localparam int DEPTH = 16;
    localparam int SHIFT_BITS = $clog2(MOST_SHIFT + 1) > 0 ? $clog2(MOST_SHIFT + 1) : 1;
    localparam int W_BITS = (SUM_BITS + MOST_SHIFT > 16 ? SUM_BITS + MOST_SHIFT : 16) + 1;
    logic [SHIFT_BITS-1:0] shifts[1<<A_BITS], shift;
    initial if (SHIFTS != "") $readmemh(SHIFTS, shifts);
    logic [4:1] leaves;
    logic [B_BITS-1:0] out_banks[1:4];
    logic signed [15:0] residual1, residual2, code;
    logic signed [SUM_BITS-1:0] sum1;
    logic signed [W_BITS-1:0] shifted, total;
    logic [4:0] owed;
    wire [4:0] next_owed = owed + 5'(leave) - 5'(out_valid && out_ready);
    always_ff @(posedge clk) begin
        residual1 <= ring[{from, leaving}];
        shift <= shifts[A_BITS'({banks[from], leaving})];
        sum1 <= sum;
        shifted <= W_BITS'(sum1) <<< shift;
        residual2 <= residual1;
        total <= shifted + W_BITS'(residual2);
        if (total > 32767) code <= 32767;
        else if (total < -32768) code <= -32768;
        else code <= 16'(total);
        out_banks[1] <= banks[from];
        for (int i = 2; i <= 4; i++) out_banks[i] <= out_banks[i-1];
        if (rst) begin
            {from, leaving, leaves, owed, may_leave} <= 0;
        end else begin
            leaves <= {leaves[3:1], leave};
            if (leave) leaving <= leaving == LAST ? 0 : leaving + 1;
            if (leave && leaving == LAST) from <= from + 1;
            owed <= next_owed;
            may_leave <= next_owed < DEPTH;
        end
    end
    wire room;  // there always is
    wire [BANK_BITS+15:0] leaving_data = (BANK_BITS + 16)'({out_banks[4], code});
    lutra_queue #(.WIDTH(BANK_BITS + 16), .DEPTH(DEPTH)) queue (
        .clk, .rst, .in_valid(leaves[4]), .in_ready(room),
        .in_data(leaving_data), .out_valid, .out_ready, .out_data
    );
endmodule
