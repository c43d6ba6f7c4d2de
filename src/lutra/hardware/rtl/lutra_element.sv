// One processing element of an output-stationary array: multiplies what passes by, adds it up,
// and shows the sum for one clock, two clocks after `last` has entered; else 0.
module lutra_element #(
    parameter int A_BITS = 8,
    parameter int B_BITS = 8,
    parameter int SUM_BITS = 27
) (
    input logic clk,
    input logic rst,
    input logic valid,
    input logic first,
    input logic last,
    input logic signed [A_BITS-1:0] a,
    input logic signed [B_BITS-1:0] b,
    output logic valid_next,
    output logic first_next,
    output logic last_next,
    output logic signed [A_BITS-1:0] a_next,
    output logic signed [B_BITS-1:0] b_next,
    output logic done,
    output logic [SUM_BITS-1:0] shown
);
    logic signed [A_BITS+B_BITS-1:0] product;
    logic signed [SUM_BITS-1:0] sum;

    always_ff @(posedge clk) begin
        a_next <= a;
        b_next <= b;
        first_next <= first;
        last_next <= last;
        product <= a * b;
        if (valid_next) sum <= (first_next ? SUM_BITS'(0) : sum) + SUM_BITS'(product);
        valid_next <= valid & ~rst;
        done <= valid_next & last_next & ~rst;
    end
    assign shown = done ? sum : SUM_BITS'(0);
endmodule
