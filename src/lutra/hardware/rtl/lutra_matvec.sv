// Matrix times vector: LANES accumulators, and a code that all of them multiply every clock.
//
// Takes a vector's INPUTS codes PASSES times over, and gives LANES sums (lane 0 lowest) after every
// pass: those of outputs pass * LANES and on. A word of weights, one per lane, is read per code. A
// clock per code unless the receiver of the sums is late; four from the last code of a pass to its
// sums.
module lutra_matvec #(
    parameter int INPUTS = 768,
    parameter int PASSES = 1,
    parameter int LANES = 192,
    parameter int IN_BITS = 8,
    parameter int W_BITS = 8,
    parameter int ACC_BITS = 26,
    parameter WEIGHTS = ""
) (
    input logic clk,
    input logic rst,
    input logic in_valid,
    output logic in_ready,
    input logic signed [IN_BITS-1:0] in_data,
    output logic out_valid,
    input logic out_ready,
    output logic [LANES*ACC_BITS-1:0] out_data
);
    localparam int WORDS = INPUTS * PASSES;
    localparam int I_BITS = $clog2(INPUTS > 1 ? INPUTS : 2);
    localparam int A_BITS = $clog2(WORDS > 1 ? WORDS : 2);

    logic [LANES*W_BITS-1:0] weights[WORDS];
    initial if (WEIGHTS != "") $readmemh(WEIGHTS, weights);

    // Sums that nobody takes stop everything.
    wire en = !out_valid || out_ready;
    assign in_ready = en;

    logic [I_BITS-1:0] i;
    logic [A_BITS-1:0] address;
    wire ends = i == I_BITS'(INPUTS - 1);
    always_ff @(posedge clk) begin
        if (rst) begin
            i <= 0;
            address <= 0;
        end else if (in_valid && en) begin
            i <= ends ? 0 : i + 1;
            address <= address == A_BITS'(WORDS - 1) ? 0 : address + 1;
        end
    end

    // Stages: 1 weights are read, 2 registered, 3 multiplied, 4 summed.
    logic valid1, valid2, valid3, first1, first2, first3, last1, last2, last3;
    logic signed [IN_BITS-1:0] code1, code2;
    logic [LANES*W_BITS-1:0] weight1, weight2;
    always_ff @(posedge clk) begin
        if (en) begin
            {first1, last1, code1} <= {i == 0, ends, in_data};
            {first2, last2, code2} <= {first1, last1, code1};
            {first3, last3} <= {first2, last2};
            weight1 <= weights[address];
            weight2 <= weight1;
        end
        if (rst) {valid1, valid2, valid3, out_valid} <= 0;
        else if (en) begin
            {valid1, valid2, valid3} <= {in_valid, valid1, valid2};
            out_valid <= valid3 && last3;
        end
    end
    for (genvar lane = 0; lane < LANES; lane++) begin : lanes
        logic signed [IN_BITS+W_BITS-1:0] product;
        logic signed [ACC_BITS-1:0] sum;
        assign out_data[lane*ACC_BITS+:ACC_BITS] = sum;
        always_ff @(posedge clk) if (en) begin
            product <= code2 * $signed(weight2[lane*W_BITS+:W_BITS]);
            if (valid3) sum <= ACC_BITS'(product) + (first3 ? 0 : sum);
        end
    end
endmodule
