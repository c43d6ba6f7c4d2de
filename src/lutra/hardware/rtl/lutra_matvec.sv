// Matrix times vector: LANES accumulators, and TOGETHER codes that all of them multiply every clock.
//
// Takes a vector's INPUTS codes PASSES times over, and gives LANES sums (lane 0 lowest) after every
// pass: those of outputs pass * LANES and on. A word has the weights of all lanes, TOGETHER of each.
// A word per clock unless the receiver of the sums is late; five from the last word of a pass to its
// sums.
module lutra_matvec #(
    parameter int INPUTS = 768,
    parameter int TOGETHER = 1,  // divides INPUTS
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
    input logic [TOGETHER*IN_BITS-1:0] in_data,
    output logic out_valid,
    input logic out_ready,
    output logic [LANES*ACC_BITS-1:0] out_data
);
    localparam int STEPS = INPUTS / TOGETHER;
    localparam int WORDS = STEPS * PASSES;
    localparam int I_BITS = $clog2(STEPS > 1 ? STEPS : 2);
    localparam int A_BITS = $clog2(WORDS > 1 ? WORDS : 2);
    localparam int P_BITS = IN_BITS + W_BITS;

    logic [LANES*TOGETHER*W_BITS-1:0] weights[WORDS];
    initial if (WEIGHTS != "") $readmemh(WEIGHTS, weights);

    // Sums that nobody takes stop everything.
    wire en = !out_valid || out_ready;
    assign in_ready = en;

    logic [I_BITS-1:0] i;
    logic [A_BITS-1:0] address;
    wire ends = i == I_BITS'(STEPS - 1);
    always_ff @(posedge clk) begin
        if (rst) begin
            i <= 0;
            address <= 0;
        end else if (in_valid && en) begin
            i <= ends ? 0 : i + 1;
            address <= address == A_BITS'(WORDS - 1) ? 0 : address + 1;
        end
    end

    // Stages: 1 weights are read, 2 registered, 3 multiplied, 4 added up, 5 accumulated.
    logic [4:1] valid, last;
    logic fresh;  // the next sum begins; in many LUTs, so not from a shift register
    logic [TOGETHER*IN_BITS-1:0] code1, code2;
    logic [LANES*TOGETHER*W_BITS-1:0] weight1, weight2;
    always_ff @(posedge clk) begin
        if (en) begin
            last <= {last[3:1], ends};
            code1 <= in_data;
            code2 <= code1;
            weight1 <= weights[address];
            weight2 <= weight1;
        end
        if (rst) fresh <= 1;
        else if (en && valid[4]) fresh <= last[4];
        if (rst) {valid, out_valid} <= 0;
        else if (en) begin
            valid <= {valid[3:1], in_valid};
            out_valid <= valid[4] && last[4];
        end
    end
    for (genvar lane = 0; lane < LANES; lane++) begin : lanes
        logic [TOGETHER*P_BITS-1:0] products;
        logic signed [ACC_BITS-1:0] together, added, sum;
        always_comb begin
            together = '0;
            for (int k = 0; k < TOGETHER; k++)
                together = together + ACC_BITS'($signed(products[k*P_BITS+:P_BITS]));
        end
        assign out_data[lane*ACC_BITS+:ACC_BITS] = sum;
        always_ff @(posedge clk) if (en) begin
            for (int k = 0; k < TOGETHER; k++)
                products[k*P_BITS+:P_BITS] <= $signed(code2[k*IN_BITS+:IN_BITS])
                    * $signed(weight2[(lane*TOGETHER+k)*W_BITS+:W_BITS]);
            added <= together;
            if (valid[4]) sum <= added + (fresh ? 0 : sum);
        end
    end
endmodule
