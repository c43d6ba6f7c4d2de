// WORDS that were loaded with the device and stay; a clock from address to word.
module lutra_rom #(
    parameter int WORDS = 2,
    parameter int BITS = 8,
    parameter int ADDRESS = 16,
    parameter FILE = ""
) (
    input logic clk,
    input logic [ADDRESS-1:0] read_at,
    output logic [BITS-1:0] out
);
    localparam int LOG = WORDS > 1 ? $clog2(WORDS) : 1;
    logic [BITS-1:0] words[WORDS];
    initial if (FILE != "") $readmemh(FILE, words);
    always_ff @(posedge clk) out <= words[LOG'(read_at)];
endmodule
