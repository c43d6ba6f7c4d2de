// Adds its position to every token, saturated to 16 bits: TOKENS of DIM codes. With CLASS, the first
// token of an image is its position alone, and nothing is taken for it. Three clocks, a code per
// clock.
module lutra_positions #(
    parameter int IN_BITS = 16,
    parameter int DIM = 192,
    parameter int TOKENS = 197,
    parameter int CLASS = 1,
    parameter POSITIONS = ""
) (
    input logic clk,
    input logic rst,
    input logic in_valid,
    output logic in_ready,
    input logic signed [IN_BITS-1:0] in_data,
    output logic out_valid,
    input logic out_ready,
    output logic signed [15:0] out_data
);
    localparam int WORDS = TOKENS * DIM;
    localparam int A_BITS = $clog2(WORDS > 1 ? WORDS : 2);
    logic [15:0] positions[WORDS];
    initial if (POSITIONS != "") $readmemh(POSITIONS, positions);

    logic [A_BITS-1:0] at;
    logic own;  // whether this is the class token
    logic valid1, valid2;
    logic signed [15:0] code, position;
    logic signed [16:0] sum;
    wire en = !out_valid || out_ready;
    wire go = own || in_valid;
    wire last = at == A_BITS'(WORDS - 1);
    assign in_ready = en && !own;
    always_ff @(posedge clk) begin
        if (en) begin
            code <= own ? 16'd0 : 16'(in_data);
            position <= positions[at];
            sum <= code + position;
            out_data <= sum[16] == sum[15] ? sum[15:0] : {sum[16], {15{!sum[16]}}};
        end
        if (rst) begin
            {valid1, valid2, out_valid} <= 0;
            at <= 0;
            own <= CLASS != 0;
        end else if (en) begin
            {valid1, valid2, out_valid} <= {go, valid1, valid2};
            if (go) begin
                at <= last ? 0 : at + 1;
                if (last) own <= CLASS != 0;
                else if (at == A_BITS'(DIM - 1)) own <= 0;
            end
        end
    end
endmodule
