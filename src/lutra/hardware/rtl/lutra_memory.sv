// WORDS of LANES, each lane written by itself, one port to write and one to read: a clock later,
// what was there before a write in the same clock.
module lutra_memory #(
    parameter int WORDS = 2,
    parameter int LANES = 1,
    parameter int BITS = 8,
    parameter int ADDRESS = 16
) (
    input logic clk,
    input logic [LANES-1:0] write,
    input logic [ADDRESS-1:0] write_at,
    input logic [LANES*BITS-1:0] in,
    input logic read,
    input logic [ADDRESS-1:0] read_at,
    output logic [LANES*BITS-1:0] out
);
    localparam int LOG = WORDS > 1 ? $clog2(WORDS) : 1;
    logic [LANES*BITS-1:0] words[WORDS];

    always_ff @(posedge clk) begin
        for (int i = 0; i < LANES; i++)
            if (write[i]) words[LOG'(write_at)][i*BITS+:BITS] <= in[i*BITS+:BITS];
        if (read) out <= words[LOG'(read_at)];
    end
endmodule
