// From a token's sum and sum of squares to what its codes are normalised with, bit by bit: the mean,
// rounded, and (2**31 - 1) / root, where root**2 is the sum of the squared deviations from it.
// One token in 52 + ROOT_BITS clocks; the next is taken in the clock that gives one away.
module lutra_norm_finish #(
    parameter int CHANNELS = 192,
    parameter int SUM_BITS = 24,
    parameter int SQUARES_BITS = 39
) (
    input logic clk,
    input logic rst,
    input logic in_valid,
    output logic in_ready,
    input logic signed [SUM_BITS-1:0] in_sum,
    input logic [SQUARES_BITS-1:0] in_squares,
    output logic out_valid,
    input logic out_ready,
    output logic signed [15:0] out_mean,
    output logic [30:0] out_factor
);
    localparam int ROOT_BITS = (SQUARES_BITS + 1) / 2;
    localparam int MEAN = 16, DEVIATIONS = MEAN + 4, ROOT = DEVIATIONS + ROOT_BITS;
    localparam int DONE = ROOT + 31 + 1;
    localparam int D_BITS = SUM_BITS + 2;
    // the mean is (2 sum + C) / (2 C); 2**15 is added, so that it is never negative
    localparam logic [D_BITS-1:0] DIVISOR = D_BITS'(CHANNELS) << 16;
    localparam logic [D_BITS-1:0] ADDED = DIVISOR + D_BITS'(CHANNELS);

    localparam int S_BITS = $clog2(DONE + 1);
    logic [S_BITS-1:0] step;
    logic idle;
    logic [1:0] phase;  // of mean, deviations, root, factor; known beforehand
    logic signed [SUM_BITS:0] twice, scaled;
    logic signed [SUM_BITS+16:0] product;
    logic [2*ROOT_BITS-1:0] squares;
    logic [D_BITS-1:0] dividend;
    logic [15:0] quotient;
    logic [ROOT_BITS-1:0] root;
    logic [ROOT_BITS+1:0] rest;
    logic [ROOT_BITS:0] left;

    wire [D_BITS:0] dividend_less = {1'b0, dividend} - {1'b0, DIVISOR};
    wire [ROOT_BITS+1:0] rest_now = {rest[ROOT_BITS-1:0], squares[2*ROOT_BITS-1-:2]};
    wire [ROOT_BITS+2:0] rest_less = {1'b0, rest_now} - {1'b0, root, 2'b01};
    wire root_bit = !rest_less[ROOT_BITS+2];
    wire [ROOT_BITS:0] left_now = {left[ROOT_BITS-1:0], 1'b1};  // all bits of 2**31 - 1 are 1
    wire [ROOT_BITS+1:0] left_less = {1'b0, left_now} - {2'b0, root};
    wire factor_bit = !left_less[ROOT_BITS+1];  // a root of 0 is as one of 1: all deviations are 0

    assign in_ready = idle || (out_valid && out_ready);
    assign out_mean = {!quotient[15], quotient[14:0]};

    always_ff @(posedge clk) begin
        if (rst) step <= 0;
        else if (in_ready) step <= S_BITS'(in_valid);
        else step <= step + S_BITS'(!out_valid);
        idle <= rst || (in_ready && !in_valid);
        out_valid <= !rst && !in_ready && (out_valid || step == S_BITS'(DONE - 1));
        phase <= in_ready || step < S_BITS'(MEAN) ? 0
            : step < S_BITS'(DEVIATIONS) ? 1 : step < S_BITS'(ROOT) ? 2 : 3;
    end
    always_ff @(posedge clk) begin
        if (in_ready) begin
            twice <= (SUM_BITS + 1)'(in_sum) <<< 1;
            dividend <= (D_BITS'(in_sum) <<< 1) + ADDED;
            squares <= (2 * ROOT_BITS)'(in_squares);
        end else if (phase == 0) begin
            quotient <= {quotient[14:0], !dividend_less[D_BITS]};
            dividend <= (dividend_less[D_BITS] ? dividend : dividend_less[D_BITS-1:0]) << 1;
        end else if (phase == 1) begin
            // sum of (x - mean)**2 = sum of x**2 - mean (2 sum - C mean), a clock each
            scaled <= out_mean * $signed((SUM_BITS + 1)'(CHANNELS));
            if (step == MEAN + 2) twice <= twice - scaled;
            product <= out_mean * twice;
            if (step == DEVIATIONS) squares <= squares - (2 * ROOT_BITS)'(product);
            rest <= 0;
            root <= 0;
            left <= 0;
        end else if (phase == 2) begin
            root <= {root[ROOT_BITS-2:0], root_bit};
            rest <= root_bit ? rest_less[ROOT_BITS+1:0] : rest_now;
            squares <= squares << 2;
        end else if (!out_valid) begin
            out_factor <= {out_factor[29:0], factor_bit};
            left <= factor_bit ? left_less[ROOT_BITS:0] : left_now;
        end
    end
endmodule
