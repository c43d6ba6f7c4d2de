// Columns of an array's sums, requantised: add a bias, multiply, shift, saturate to the bits of
// their kind; and add them to the stream. Constants are one pair {bias, multiplier} per column, or
// for one kind of tile a pair for each row. Nine clocks: one to take over, one for the constants,
// one for the bias, four to requantise, one to saturate, one to add.
module lutra_columns #(
    parameter int SIDE = 16,
    parameter int ADDRESS = 16,
    parameter int SUM_BITS = 27,
    parameter int BIAS_BITS = 20,
    parameter int M_BITS = 40,
    parameter int SHIFT = 40,
    parameter logic [39:0] KIND_BITS = {8{5'd8}},
    parameter int BY_ROW = 7,
    parameter int COLUMNS = 1,
    parameter int ROWS = 1,
    parameter COLUMN = "",
    parameter ROW = ""
) (
    input logic clk,
    input logic rst,
    input logic used,
    input logic closes,
    input logic ends,
    input logic [2:0] kind,
    input logic slot,
    input logic [ADDRESS-1:0] at,
    input logic [ADDRESS-1:0] constant_at,
    input logic [ADDRESS-1:0] constant_base,
    input logic [SIDE*SUM_BITS-1:0] sums,
    output logic [ADDRESS-1:0] stream_at,  // a clock before the word is needed
    input logic [SIDE*16-1:0] stream,
    output logic write,
    output logic [2:0] write_kind,
    output logic write_slot,
    output logic [ADDRESS-1:0] write_at,
    output logic [SIDE*8-1:0] codes,
    output logic [SIDE*16-1:0] added,
    output logic written,  // the last column of a tile
    output logic finish  // of an image, or whatever is asked to end
);
    localparam int LATENCY = 9;
    localparam int PAIR = BIAS_BITS + M_BITS;
    localparam int Q_BITS = (SUM_BITS > BIAS_BITS ? SUM_BITS : BIAS_BITS) + 1;

    logic [LATENCY-1:0][6+ADDRESS:0] later;
    logic [ADDRESS-1:0] column_at, row_at;
    assign {write, finish, written, write_slot, write_kind, write_at} = later[LATENCY-1];
    assign stream_at = later[LATENCY-3][ADDRESS-1:0];
    wire [2:0] kind_now = later[LATENCY-3][ADDRESS+:3];
    always_ff @(posedge clk) begin
        later <= {later[LATENCY-2:0], {used, closes && ends, closes, slot, kind, at}};
        if (rst) for (int i = 0; i < LATENCY; i++) later[i][6+ADDRESS-:3] <= '0;
        column_at <= constant_at;
        row_at <= constant_base;
    end

    logic [PAIR-1:0] column;
    logic [SIDE*PAIR-1:0] row;
    lutra_rom #(.WORDS(COLUMNS), .BITS(PAIR), .ADDRESS(ADDRESS), .FILE(COLUMN)) column_rom (
        .clk, .read_at(column_at), .out(column)
    );
    if (BY_ROW < 7) begin : g_rows
        lutra_rom #(.WORDS(ROWS), .BITS(SIDE * PAIR), .ADDRESS(ADDRESS), .FILE(ROW)) row_rom (
            .clk, .read_at(row_at), .out(row)
        );
    end else begin : g_none
        assign row = '0;
    end
    wire by_row = BY_ROW < 7 && later[1][ADDRESS+:3] == 3'(BY_ROW);

    for (genvar i = 0; i < SIDE; i++) begin : g_lane
        logic signed [SUM_BITS-1:0] sum1, sum;
        logic signed [BIAS_BITS-1:0] bias;
        logic [M_BITS-1:0] chosen, multiplier;
        logic signed [Q_BITS-1:0] biased;
        logic signed [15:0] requantised, code;
        logic signed [16:0] total;
        logic [8*16-1:0] of_kind;
        for (genvar k = 0; k < 8; k++) begin : g_kind
            localparam int TO = int'(KIND_BITS[5*k+:5]);
            if (TO <= 1) begin : g_sign
                assign of_kind[k*16+:16] = requantised[15] ? -16'sd1 : 16'sd1;
            end else begin : g_code
                wire fits = &requantised[15:TO-1] || !(|requantised[15:TO-1]);
                assign of_kind[k*16+:16] = fits ? requantised
                    : 16'($signed({requantised[15], {TO - 1{!requantised[15]}}}));
            end
        end
        assign {bias, chosen} = by_row ? row[i*PAIR+:PAIR] : column;
        assign total = 17'($signed(stream[i*16+:16])) + 17'(code);
        always_ff @(posedge clk) begin
            sum1 <= sums[i*SUM_BITS+:SUM_BITS];
            sum <= sum1;
            biased <= Q_BITS'(sum) + Q_BITS'(bias);
            multiplier <= chosen;
            code <= of_kind[kind_now*16+:16];
            codes[i*8+:8] <= 8'(code);
            added[i*16+:16] <= total[16] == total[15] ? total[15:0] : {total[16], {15{!total[16]}}};
        end
        lutra_requantise #(
            .Q_BITS(Q_BITS), .M_BITS(M_BITS), .SHIFT(SHIFT), .BITS(16), .OUT_BITS(16)
        ) requantise (.clk, .en(1'b1), .q(biased), .multiplier, .out(requantised));
    end
endmodule
