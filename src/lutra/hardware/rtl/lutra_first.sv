// Of every OF codes passes the first TAKE on, their lowest BITS bits, and swallows the others.
module lutra_first #(
    parameter int IN_BITS = 24,
    parameter int BITS = 8,
    parameter int TAKE = 192,
    parameter int OF = 37824
) (
    input logic clk,
    input logic rst,
    input logic in_valid,
    output logic in_ready,
    input logic [IN_BITS-1:0] in_data,
    output logic out_valid,
    input logic out_ready,
    output logic [BITS-1:0] out_data
);
    localparam int C_BITS = $clog2(OF > 1 ? OF : 2);
    logic [C_BITS-1:0] count;
    wire take = count < C_BITS'(TAKE);

    assign out_valid = in_valid && take;
    assign in_ready = out_ready || !take;
    assign out_data = in_data[BITS-1:0];
    always_ff @(posedge clk) begin
        if (rst) count <= 0;
        else if (in_valid && in_ready) count <= count == C_BITS'(OF - 1) ? 0 : count + 1;
    end
endmodule
