// A queue of DEPTH words in memory, and one more in front of it; a word in and a word out per clock.
module lutra_queue #(
    parameter int WIDTH = 16,
    parameter int DEPTH = 16
) (
    input logic clk,
    input logic rst,
    input logic in_valid,
    output logic in_ready,
    input logic [WIDTH-1:0] in_data,
    output logic out_valid,
    input logic out_ready,
    output logic [WIDTH-1:0] out_data
);
    localparam int A_BITS = DEPTH > 1 ? $clog2(DEPTH) : 1;
    localparam logic [A_BITS-1:0] LAST = DEPTH - 1;

    logic [WIDTH-1:0] memory[DEPTH];
    logic [A_BITS-1:0] to, from;
    logic [A_BITS:0] level;
    logic some;  // level != 0, as in_ready is level != DEPTH
    wire put = in_valid && in_ready;
    wire get = some && (!out_valid || out_ready);

    always_ff @(posedge clk) begin
        if (put) memory[to] <= in_data;
        if (get) out_data <= memory[from];
        if (rst) begin
            {to, from, level, some, out_valid} <= 0;
            in_ready <= 1;
        end else begin
            if (put) to <= to == LAST ? 0 : to + 1;
            if (get) from <= from == LAST ? 0 : from + 1;
            level <= level + (A_BITS + 1)'(put) - (A_BITS + 1)'(get);
            some <= put || (some && !(get && level == 1));
            in_ready <= get || (in_ready && !(put && level == DEPTH - 1));
            out_valid <= get || (out_valid && !out_ready);
        end
    end
endmodule
