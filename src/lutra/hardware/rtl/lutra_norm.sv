// I-LayerNorm of tokens, one channel per clock: {bank, x} to {bank, x, y} with the normalised y. Where
// AGAIN is set, the norm makes the residual stream anew: {bank, y, y requantised}.
// A token takes CHANNELS clocks or, if that is more, those of lutra_norm_finish: while one is taken
// in, the one before is finished and the one before that leaves.
module lutra_norm #(
    parameter int CHANNELS = 192,
    parameter int BANKS = 1,
    parameter int M_BITS = 32,
    parameter int O_BITS = 48,
    parameter int SHIFT = 32,
    parameter int BITS = 8,
    parameter int AGAIN = 0,
    parameter int AGAIN_M_BITS = 32,
    parameter int AGAIN_SHIFT = 32,
    parameter int AGAIN_BITS = 8,
    parameter MULTIPLIERS = "",
    parameter OFFSETS = "",
    parameter AGAINS = "",
    localparam int BANK_BITS = $clog2(BANKS)
) (
    input logic clk,
    input logic rst,
    input logic in_valid,
    output logic in_ready,
    input logic [BANK_BITS+15:0] in_data,
    output logic out_valid,
    input logic out_ready,
    output logic [BANK_BITS+23:0] out_data
);
    localparam int C_BITS = CHANNELS > 1 ? $clog2(CHANNELS) : 1;
    localparam int A_BITS = BANK_BITS + C_BITS;
    localparam int B_BITS = BANK_BITS > 0 ? BANK_BITS : 1;
    localparam int SUM_BITS = 16 + $clog2(CHANNELS), SQUARES_BITS = 31 + $clog2(CHANNELS);
    localparam logic [C_BITS-1:0] LAST = CHANNELS - 1;
    localparam int SCALED = 8, DEPTH = AGAIN != 0 ? SCALED + 4 : SCALED;

    // Tokens lie in a ring of four: one that enters, one whose sums wait, one that is finished, and
    // one that leaves. The last code of a token waits until no sums wait, so that four are enough.
    logic [15:0] ring[1<<(C_BITS+2)];
    logic [B_BITS-1:0] banks[4];
    logic [1:0] to, from;
    logic [C_BITS-1:0] entering, leaving;
    logic entering_last, leaving_last;  // known beforehand
    logic pending;
    wire take = in_valid && in_ready;
    assign in_ready = !(pending && entering_last);

    // sums of the token that enters, then of the one that waits
    logic signed [15:0] x1, x2;
    logic signed [31:0] square;
    logic first1, first2, last1, last2, added, valid1, valid2, waiting;
    logic signed [SUM_BITS-1:0] sum, sum_waiting;
    logic [SQUARES_BITS-1:0] squares, squares_waiting;
    wire finish_ready, finish = waiting && finish_ready;

    always_ff @(posedge clk) begin
        if (take) begin
            ring[{to, entering}] <= in_data[15:0];
            banks[to] <= B_BITS'(in_data >> 16);
        end
        x1 <= in_data[15:0];
        first1 <= entering == 0;
        last1 <= entering_last;
        {x2, first2, last2} <= {x1, first1, last1};
        square <= x1 * x1;
        if (valid2) begin
            sum <= (first2 ? '0 : sum) + SUM_BITS'(x2);
            squares <= (first2 ? '0 : squares) + SQUARES_BITS'(square);
        end
        if (added) {sum_waiting, squares_waiting} <= {sum, squares};
        if (rst) begin
            {to, entering, pending, valid1, valid2, added, waiting} <= 0;
            entering_last <= CHANNELS == 1;
        end else begin
            {valid1, valid2, added} <= {take, valid1, valid2 && last2};
            if (take) begin
                entering <= entering_last ? 0 : entering + 1;
                entering_last <= CHANNELS == 1 || entering == LAST - 1;
            end
            if (take && entering_last) to <= to + 1;
            pending <= (take && entering_last) || (pending && !finish);
            waiting <= added || (waiting && !finish);
        end
    end

    wire finished;
    wire signed [15:0] found_mean;
    wire [30:0] found_factor;
    logic leave;  // whether a token leaves
    logic [DEPTH:1] valid;
    wire en = !out_valid || out_ready;
    wire over = en && leaving_last;
    wire next = !leave || over;

    lutra_norm_finish #(
        .CHANNELS(CHANNELS), .SUM_BITS(SUM_BITS), .SQUARES_BITS(SQUARES_BITS)
    ) finisher (
        .clk, .rst, .in_valid(waiting), .in_ready(finish_ready),
        .in_sum(sum_waiting), .in_squares(squares_waiting),
        .out_valid(finished), .out_ready(next), .out_mean(found_mean), .out_factor(found_factor)
    );

    logic signed [15:0] mean, mean1, x;
    logic [30:0] factor, factor1;
    logic [A_BITS-1:0] addresses[1:DEPTH];
    always_ff @(posedge clk) begin
        if (finished && next) {mean, factor} <= {found_mean, found_factor};
        if (en) begin
            x <= ring[{from, leaving}];
            {mean1, factor1} <= {mean, factor};
            addresses[1] <= A_BITS'({banks[from], leaving});
            for (int i = 2; i <= DEPTH; i++) addresses[i] <= addresses[i-1];
        end
        if (rst) begin
            {from, leaving, leave, valid} <= 0;
            leaving_last <= CHANNELS == 1;
        end else begin
            leave <= next ? finished : leave;
            if (en) valid <= {valid[DEPTH-1:1], leave};
            if (leave && en) begin
                leaving <= leaving_last ? 0 : leaving + 1;
                leaving_last <= CHANNELS == 1 || leaving == LAST - 1;
            end
            if (leave && over) from <= from + 1;
        end
    end

    wire [15:0] y;
    lutra_norm_scale #(
        .WORDS(1 << A_BITS), .M_BITS(M_BITS), .O_BITS(O_BITS), .SHIFT(SHIFT), .BITS(BITS),
        .OUT_BITS(16), .MULTIPLIERS(MULTIPLIERS), .OFFSETS(OFFSETS)
    ) scale (.clk, .en, .address(addresses[1]), .x, .mean(mean1), .factor(factor1), .y);

    // what leaves beside the last result: x, or the norm's own where that is the residual stream
    localparam int DELAY = AGAIN != 0 ? 4 : SCALED - 1;
    logic [15:0] beside[DELAY];
    wire [7:0] normal;
    always_ff @(posedge clk) if (en) begin
        beside[0] <= AGAIN != 0 ? y : x;
        for (int i = 1; i < DELAY; i++) beside[i] <= beside[i-1];
    end
    if (AGAIN != 0) begin : g_again
        logic [AGAIN_M_BITS-1:0] multipliers[1<<A_BITS], multiplier;
        initial if (AGAINS != "") $readmemh(AGAINS, multipliers);
        always_ff @(posedge clk) if (en) multiplier <= multipliers[addresses[SCALED-1]];
        lutra_requantise #(
            .Q_BITS(16), .M_BITS(AGAIN_M_BITS), .SHIFT(AGAIN_SHIFT), .BITS(AGAIN_BITS), .OUT_BITS(8)
        ) requantise (.clk, .en, .q(y), .multiplier, .out(normal));
    end else begin : g_once
        assign normal = y[7:0];
    end
    assign out_valid = valid[DEPTH];
    assign out_data = (BANK_BITS + 24)'({B_BITS'(addresses[DEPTH] >> C_BITS), beside[DELAY-1], normal});
endmodule
