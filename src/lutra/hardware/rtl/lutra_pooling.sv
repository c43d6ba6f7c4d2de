// The mean of an image's TOKENS tokens of DIM codes, weighted by a softmax over their importance.
//
// While an image arrives, the importance of its tokens is summed up, rescaled to scores and kept,
// as are its codes. Of a whole image the exponentials are summed (TOKENS clocks) and the sum divided;
// then every channel's codes are multiplied by the probabilities, made anew from the scores each
// time, and summed (DIM * TOKENS clocks). One image is worked on while the next arrives.
module lutra_pooling #(
    parameter int IN_BITS = 8,
    parameter int TOKENS = 64,
    parameter int DIM = 128,
    parameter int W_BITS = 8,
    parameter int ACC_BITS = 24,
    parameter int SCORE_M_BITS = 31,
    parameter int SCORE_SHIFT = 32,
    parameter int SCORE_BITS = 8,
    parameter int UNIT = 20,
    parameter int FRACTION = 14,
    parameter int E_BITS = 19,
    parameter int SUM_BITS = 25,
    parameter int Q_BITS = 13,
    parameter int CHANNELS = DIM,
    parameter int M_BITS = 31,
    parameter int SHIFT = 32,
    parameter int BITS = 8,
    parameter int BIAS = 0,
    parameter WEIGHTS = "",
    parameter SCORE_MULTIPLIERS = "",
    parameter MULTIPLIERS = ""
) (
    input logic clk,
    input logic rst,
    input logic in_valid,
    output logic in_ready,
    input logic [IN_BITS-1:0] in_data,
    output logic out_valid,
    input logic out_ready,
    output logic [7:0] out_data
);
    localparam int SIZE = TOKENS * DIM;
    localparam int A_BITS = $clog2(2 * SIZE);
    localparam int S_BITS = $clog2(2 * TOKENS);
    localparam int T_BITS = $clog2(TOKENS > 1 ? TOKENS : 2);
    localparam int C_BITS = $clog2(DIM > 1 ? DIM : 2);
    localparam int P_BITS = 24;  // of the mean: probabilities sum up to less than 2**15

    // Codes and their scores, of two images
    logic [7:0] codes[2*SIZE];
    logic signed [7:0] scores[2*TOKENS];
    logic signed [7:0] most[2];
    logic [1:0] whole, scored;  // images that have arrived, that have all scores
    logic [A_BITS-1:0] write;
    logic [S_BITS-1:0] score_write;
    logic frees;
    wire put = in_valid && in_ready;
    wire arrived = put && (write == A_BITS'(SIZE - 1) || write == A_BITS'(2 * SIZE - 1));
    assign in_ready = whole != 2;

    logic sum_valid, sum_ready, score_valid, unused_ready;
    logic signed [ACC_BITS-1:0] importance;
    logic signed [7:0] score;
    lutra_matvec #(
        .INPUTS(DIM), .LANES(1), .W_BITS(W_BITS), .ACC_BITS(ACC_BITS), .WEIGHTS(WEIGHTS)
    ) matvec (
        .clk, .rst, .in_valid(put), .in_ready(unused_ready), .in_data(in_data[7:0]),
        .out_valid(sum_valid), .out_ready(sum_ready), .out_data(importance)
    );
    lutra_rescale #(
        .IN_BITS(ACC_BITS), .CHANNELS(1), .M_BITS(SCORE_M_BITS), .SHIFT(SCORE_SHIFT),
        .BITS(SCORE_BITS), .MULTIPLIERS(SCORE_MULTIPLIERS)
    ) score_rescale (
        .clk, .rst, .in_valid(sum_valid), .in_ready(sum_ready), .in_data(importance + ACC_BITS'(BIAS)),
        .out_valid(score_valid), .out_ready(1'b1), .out_data(score)
    );
    wire score_bank = score_write >= S_BITS'(TOKENS);
    wire score_first = score_write == 0 || score_write == S_BITS'(TOKENS);
    wire score_last = score_write == S_BITS'(TOKENS - 1) || score_write == S_BITS'(2 * TOKENS - 1);
    always_ff @(posedge clk) begin
        if (put) codes[write] <= in_data[7:0];
        if (score_valid) begin
            scores[score_write] <= score;
            if (score_first || score > most[score_bank]) most[score_bank] <= score;
        end
        if (rst) begin
            {write, score_write, whole, scored} <= 0;
        end else begin
            if (put) write <= write == A_BITS'(2 * SIZE - 1) ? 0 : write + 1;
            if (score_valid)
                score_write <= score_write == S_BITS'(2 * TOKENS - 1) ? 0 : score_write + 1;
            whole <= whole + 2'(arrived) - 2'(frees);
            scored <= scored + 2'(score_valid && score_last) - 2'(frees);
        end
    end

    // Which token and channel: once over the tokens for the sum, then once for every channel.
    localparam logic [1:0] SUM = 0, DIVIDE = 1, POOL = 2;
    logic [1:0] phase;
    logic bank, mean_valid, mean_ready, divided, unused_busy;
    logic [T_BITS-1:0] token;
    logic [C_BITS-1:0] channel;
    logic [A_BITS-1:0] code_at;
    logic [S_BITS-1:0] score_at;
    wire en = !mean_valid || mean_ready;
    wire go = en && (phase == SUM && scored != 0 || phase == POOL);
    wire token_ends = token == T_BITS'(TOKENS - 1);
    wire channel_ends = channel == C_BITS'(DIM - 1);
    assign frees = go && phase == POOL && token_ends && channel_ends;
    always_ff @(posedge clk) begin
        if (rst) begin
            {bank, token, channel, code_at, score_at} <= 0;
            phase <= SUM;
        end else begin
            if (go) begin
                token <= token_ends ? 0 : token + 1;
                score_at <= token_ends ? (bank ^ frees ? S_BITS'(TOKENS) : 0) : score_at + 1;
            end
            if (go && phase == SUM && token_ends) phase <= DIVIDE;
            else if (divided) phase <= POOL;
            else if (frees) phase <= SUM;
            if (go && phase == POOL) begin
                code_at <= code_at + A_BITS'(DIM);
                if (token_ends) begin
                    channel <= channel_ends ? 0 : channel + 1;
                    code_at <= (bank ^ frees ? A_BITS'(SIZE) : 0)
                        + (channel_ends ? 0 : A_BITS'(channel) + 1);
                end
                bank <= bank ^ frees;
            end
        end
    end

    // Stages: 1 score and code are read, 2 distance to the greatest score, 4 its exponential,
    // 5 sum of the exponentials or probability, 6 times the code, 7 sum.
    logic [7:1] valid, first, last, pools;
    logic signed [7:0] score1, most1;
    logic [7:0] d2;
    logic signed [7:0] code1, code2, code3, code4, code5;
    logic [E_BITS-1:0] e4;
    logic [SUM_BITS-1:0] sum5;
    logic [Q_BITS-1:0] quotient;
    logic [E_BITS+Q_BITS-1:0] product5;
    logic signed [P_BITS-1:0] term6, mean;
    wire signed [16:0] probability = $signed(17'(product5 >> 16));
    assign mean_valid = valid[7] && pools[7] && last[7];
    always_ff @(posedge clk) begin
        if (en) begin
            first <= {first[6:1], token == 0};
            last <= {last[6:1], token_ends};
            pools <= {pools[6:1], phase == POOL};
            score1 <= scores[score_at];
            most1 <= most[bank];
            d2 <= most1 - score1;
            code1 <= codes[code_at];
            {code2, code3, code4, code5} <= {code1, code2, code3, code4};
            if (valid[4] && !pools[4]) sum5 <= SUM_BITS'(e4) + (first[4] ? 0 : sum5);
            product5 <= e4 * quotient;
            term6 <= P_BITS'(code5 * probability);
            if (valid[6]) mean <= term6 + (first[6] ? 0 : mean);
        end
        if (rst) valid <= 0;
        else if (en) valid <= {valid[6:1], go};
    end
    lutra_exponential #(
        .UNIT(UNIT), .BITS(FRACTION), .E_BITS(E_BITS)
    ) exponential (.clk, .en, .d(d2), .e(e4));
    lutra_divide #(
        .D_BITS(SUM_BITS), .Q_BITS(Q_BITS)
    ) divide (
        .clk, .rst, .start(en && valid[5] && last[5] && !pools[5]), .divisor(sum5),
        .busy(unused_busy), .done(divided), .quotient
    );
    lutra_rescale #(
        .IN_BITS(P_BITS), .CHANNELS(CHANNELS), .M_BITS(M_BITS), .SHIFT(SHIFT), .BITS(BITS),
        .MULTIPLIERS(MULTIPLIERS)
    ) rescale (
        .clk, .rst, .in_valid(mean_valid), .in_ready(mean_ready), .in_data(mean),
        .out_valid, .out_ready, .out_data
    );
endmodule
