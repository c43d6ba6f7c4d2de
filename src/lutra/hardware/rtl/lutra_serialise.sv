// Takes LANES sums at once (lane 0 lowest) and gives them one by one, each with its bias; of the
// last group of a vector only as many as make up OUTPUTS. With RELU, negative ones become 0.
//
// A group is taken once the one before has left, so groups are LANES + 1 clocks apart, or more;
// in_ready depends on registers alone. Four clocks from a group to its first sum.
module lutra_serialise #(
    parameter int BITS = 26,
    parameter int LANES = 192,
    parameter int OUTPUTS = 192,
    parameter int RELU = 0,
    parameter int OUT_BITS = 27,
    parameter BIASES = ""
) (
    input logic clk,
    input logic rst,
    input logic in_valid,
    output logic in_ready,
    input logic [LANES*BITS-1:0] in_data,
    output logic out_valid,
    input logic out_ready,
    output logic signed [OUT_BITS-1:0] out_data
);
    localparam int GROUPS = (OUTPUTS + LANES - 1) / LANES;
    localparam int REST = OUTPUTS - (GROUPS - 1) * LANES;
    localparam int L_BITS = $clog2(LANES + 1);
    localparam int O_BITS = $clog2(OUTPUTS > 1 ? OUTPUTS : 2);

    logic signed [OUT_BITS-1:0] biases[OUTPUTS];
    initial if (BIASES != "") $readmemh(BIASES, biases);

    logic [LANES*BITS-1:0] sums;
    logic [L_BITS-1:0] left;
    logic [O_BITS-1:0] output_;  // the next to leave
    logic valid1, valid2;
    logic signed [BITS-1:0] sum1;
    logic signed [OUT_BITS-1:0] bias1, sum2;
    wire en = !out_valid || out_ready;
    wire last = output_ >= O_BITS'(OUTPUTS - REST);  // of the groups

    assign in_ready = left == 0;
    always_ff @(posedge clk) begin
        if (in_ready || en) sums <= in_ready ? in_data : sums >> BITS;
        if (en) begin
            sum1 <= sums[BITS-1:0];
            bias1 <= biases[output_];
            sum2 <= sum1 + bias1;
            out_data <= RELU != 0 && sum2 < 0 ? 0 : sum2;
        end
        if (rst) begin
            {valid1, valid2, out_valid} <= 0;
            left <= 0;
            output_ <= 0;
        end else begin
            if (in_ready && in_valid) left <= last ? L_BITS'(REST) : L_BITS'(LANES);
            if (en) begin
                {valid1, valid2, out_valid} <= {!in_ready, valid1, valid2};
                if (!in_ready) begin
                    left <= left - 1;
                    output_ <= output_ == O_BITS'(OUTPUTS - 1) ? 0 : output_ + 1;
                end
            end
        end
    end
endmodule
