// An MLP as channel mixer on one array, with the residual: takes pairs {stream, normalised code}
// and gives the stream that the MLP was added to. Kinds of tiles are U (to the hidden width) and D
// (down again). GELU works on a tile of tokens while the array makes the next.
module lutra_mlp #(
    parameter int SIDE = 16,
    parameter int TOKENS = 64,
    parameter int DIM = 128,
    parameter int HIDDEN = 128,
    parameter int GROUP = 4,
    parameter int ADDRESS = 16,
    parameter int SUM_BITS = 27,
    parameter int BIAS_BITS = 20,
    parameter int M_BITS = 40,
    parameter int SHIFT = 40,
    parameter int HIDDEN_BITS = 8,
    parameter int ADDED_BITS = 16,
    parameter int UNIT = 16,
    parameter int FRACTION = 12,
    parameter int E_BITS = 24,
    parameter int GELU_M_BITS = 32,
    parameter int GELU_SHIFT = 32,
    parameter int GELU_BITS = 8,
    parameter int WEIGHTS = 1,
    parameter int COLUMNS = 1,
    parameter int OPERATIONS = 1,
    parameter PROGRAM = "",
    parameter WEIGHT = "",
    parameter COLUMN = "",
    parameter GELU = ""
) (
    input logic clk,
    input logic rst,
    input logic in_valid,
    output logic in_ready,
    input logic [23:0] in_data,
    output logic out_valid,
    input logic out_ready,
    output logic [15:0] out_data
);
    localparam logic [2:0] U = 0, D = 1;
    localparam logic [1:0] A_X = 0;
    localparam logic [39:0] KIND_BITS = {30'd0, 5'(ADDED_BITS), 5'(HIDDEN_BITS)};

    logic unit, room, starts, starts_slot, valid, first, last, begins, claims, slot;
    logic column, used, closes, ends, out_slot, write, write_slot, written, finish;
    logic [2:0] starts_kind, kind, write_kind;
    logic [1:0] ready, a_from, b_from;
    logic [ADDRESS-1:0] a_at, b_at, out_at, constant_at, constant_base, stream_at, write_at;
    logic [SIDE*8-1:0] codes, x_word, h_word, w_word;
    logic [SIDE*16-1:0] stream, added;
    logic [SIDE*SUM_BITS-1:0] sums;

    lutra_sequencer #(
        .SIDE(SIDE), .ADDRESS(ADDRESS), .OPERATIONS(OPERATIONS), .PROGRAM(PROGRAM)
    ) sequencer (.*);
    lutra_buffers #(
        .SIDE(SIDE), .TOKENS(TOKENS), .DIM(DIM), .TILES(1), .UNITS(4), .OUT_UNITS(2), .ADDRESS(ADDRESS)
    ) buffers (
        .clk, .rst, .in_valid, .in_ready, .in_data, .out_valid, .out_ready, .out_data,
        .unit, .begins, .room, .claims, .finish,
        .normal_at(a_at), .normal(x_word), .stream_at, .stream,
        .sum(write && write_kind == D), .sum_at(write_at), .sum_word(added)
    );
    lutra_rom #(.WORDS(WEIGHTS), .BITS(SIDE * 8), .ADDRESS(ADDRESS), .FILE(WEIGHT)) weights (
        .clk, .read_at(b_at), .out(w_word)
    );
    lutra_gelu #(
        .LANES(SIDE), .GROUP(GROUP), .COUNT(HIDDEN), .ADDRESS(ADDRESS), .UNIT(UNIT),
        .FRACTION(FRACTION), .E_BITS(E_BITS), .M_BITS(GELU_M_BITS), .SHIFT(GELU_SHIFT),
        .BITS(GELU_BITS), .MULTIPLIER(GELU)
    ) gelu (
        .clk, .rst, .write(write && write_kind == U), .write_slot, .write_at, .codes,
        .clear(starts && starts_kind == U), .clear_slot(starts_slot), .ready,
        .read_at(a_at), .activated(h_word)
    );

    // Operands: a clock to read, one to choose.
    logic [1:0] a_from1;
    logic [2:0] marks;
    logic [SIDE*8-1:0] a2, b2;
    lutra_flag #(.CLOCKS(2)) entering (.clk, .rst, .in(valid), .out(marks[2]));
    lutra_delay #(.BITS(2), .CLOCKS(2)) marking (.clk, .in({first, last}), .out(marks[1:0]));
    always_ff @(posedge clk) begin
        a_from1 <= a_from;
        a2 <= a_from1 == A_X ? x_word : h_word;
        b2 <= w_word;
    end
    lutra_systolic #(.SIDE(SIDE), .A_BITS(8), .B_BITS(8), .SUM_BITS(SUM_BITS)) array (
        .clk, .rst, .valid(marks[2]), .first(marks[1]), .last(marks[0]), .a(a2), .b(b2),
        .out_valid(column), .out(sums)
    );
    lutra_columns #(
        .SIDE(SIDE), .ADDRESS(ADDRESS), .SUM_BITS(SUM_BITS), .BIAS_BITS(BIAS_BITS), .M_BITS(M_BITS),
        .SHIFT(SHIFT), .KIND_BITS(KIND_BITS), .COLUMNS(COLUMNS), .COLUMN(COLUMN)
    ) columns (.*, .slot(out_slot), .at(out_at));
endmodule
