// Maximum of three neighbours at every second of LENGTH items, each of SIZE codes: those at
// 2 i - 1, 2 i and 2 i + 1, as far as there are. Twice in a row, over the pixels of a row (SIZE is
// the channels) and over rows (SIZE is a whole row of maxima), it is a maximum of 3 x 3 pixels.
//
// Keeps one item: at odd ones the left neighbour of the next, at even ones the maximum so far. Two
// clocks, a code per clock.
module lutra_maxpool #(
    parameter int BITS = 8,
    parameter int LENGTH = 32,
    parameter int SIZE = 64
) (
    input logic clk,
    input logic rst,
    input logic in_valid,
    output logic in_ready,
    input logic signed [BITS-1:0] in_data,
    output logic out_valid,
    input logic out_ready,
    output logic signed [BITS-1:0] out_data
);
    localparam int L_BITS = $clog2(LENGTH > 1 ? LENGTH : 2);
    localparam int A_BITS = $clog2(SIZE > 1 ? SIZE : 2);
    logic signed [BITS-1:0] kept[SIZE];

    logic [L_BITS-1:0] item;
    logic [A_BITS-1:0] at, at1;
    logic valid1, first1, odd1, last1;
    logic signed [BITS-1:0] code, kept1, previous;
    wire en = !out_valid || out_ready;
    wire at_ends = at == A_BITS'(SIZE - 1);
    wire item_ends = item == L_BITS'(LENGTH - 1);
    assign in_ready = en;

    // An item of one code was kept a clock ago, after it was read.
    wire signed [BITS-1:0] old = SIZE == 1 ? previous : kept1;
    wire signed [BITS-1:0] most = first1 || code > old ? code : old;
    wire signed [BITS-1:0] keep = odd1 ? code : most;
    always_ff @(posedge clk) begin
        if (en) begin
            {first1, odd1, last1} <= {item == 0, item[0], item_ends};
            {code, at1} <= {in_data, at};
            kept1 <= kept[at];
            out_data <= most;
            if (valid1) begin
                kept[at1] <= keep;
                previous <= keep;
            end
        end
        if (rst) begin
            {valid1, out_valid} <= 0;
            item <= 0;
            at <= 0;
        end else if (en) begin
            valid1 <= in_valid;
            out_valid <= valid1 && (odd1 || last1);
            if (in_valid) begin
                at <= at_ends ? 0 : at + 1;
                if (at_ends) item <= item_ends ? 0 : item + 1;
            end
        end
    end
endmodule
