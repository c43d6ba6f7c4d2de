// Multi-head attention on one array, with the residual: takes pairs {stream, normalised code} and
// gives the stream that attention was added to. What the array does is the program of the
// sequencer; kinds of tiles are K, Q, V, S (scores), M (probabilities times V), O (projection).
//
// Words hold a lane per token of a tile of SIDE tokens, one word per channel; those of V a lane per
// channel, one word per token. M takes the place of Q, which is not read any more by then.
module lutra_attention #(
    parameter int SIDE = 16,
    parameter int TOKENS = 64,
    parameter int DIM = 128,
    parameter int ADDRESS = 16,
    parameter int SUM_BITS = 27,
    parameter int BIAS_BITS = 20,
    parameter int M_BITS = 40,
    parameter int SHIFT = 40,
    parameter int CODE_BITS = 8,
    parameter int SCORE_BITS = 8,
    parameter int MIXED_BITS = 8,
    parameter int ADDED_BITS = 16,
    parameter int UNIT = 16,
    parameter int FRACTION = 12,
    parameter int E_BITS = 17,
    parameter int E_SUM_BITS = 25,
    parameter int F_BITS = 16,
    parameter int WEIGHTS = 1,
    parameter int VALUES = 1,
    parameter int COLUMNS = 1,
    parameter int ROWS = 1,
    parameter int OPERATIONS = 1,
    parameter PROGRAM = "",
    parameter WEIGHT = "",
    parameter COLUMN = "",
    parameter ROW = ""
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
    localparam int TILES = (TOKENS + SIDE - 1) / SIDE;
    localparam int WORDS = TILES * DIM;
    localparam logic [2:0] K = 0, Q = 1, V = 2, S = 3, M = 4, O = 5;
    localparam logic [1:0] A_X = 0, A_Q = 1, A_E = 2;
    localparam logic [1:0] B_W = 0, B_X = 1, B_K = 2;
    localparam logic [4:0] CODE = 5'(CODE_BITS);
    localparam logic [39:0] KIND_BITS = {10'd0, 5'(ADDED_BITS), 5'(MIXED_BITS), 5'(SCORE_BITS), CODE, CODE, CODE};

    logic unit, room, starts, starts_slot, valid, first, last, begins, claims, slot;
    logic column, used, closes, ends, out_slot, write, write_slot, written, finish;
    logic [2:0] starts_kind, kind, write_kind;
    logic [1:0] ready, a_from, b_from;
    logic [ADDRESS-1:0] a_at, b_at, out_at, constant_at, constant_base, stream_at, write_at;
    logic [SIDE*8-1:0] codes, x_word, q_word, k_word, v_word, w_word;
    logic [SIDE*16-1:0] stream, added;
    logic [SIDE*E_BITS-1:0] e_word;
    logic [SIDE*F_BITS-1:0] quotients;
    logic [SIDE*SUM_BITS-1:0] sums;

    lutra_sequencer #(
        .SIDE(SIDE), .ADDRESS(ADDRESS), .OPERATIONS(OPERATIONS), .PROGRAM(PROGRAM)
    ) sequencer (.*);
    lutra_buffers #(
        .SIDE(SIDE), .TOKENS(TOKENS), .DIM(DIM), .TILES(TILES), .ADDRESS(ADDRESS)
    ) buffers (
        .clk, .rst, .in_valid, .in_ready, .in_data, .out_valid, .out_ready, .out_data,
        .unit, .begins, .room, .claims, .finish,
        .normal_at(a_from == A_X ? a_at : b_at), .normal(x_word), .stream_at, .stream,
        .sum(write && write_kind == O), .sum_at(write_at), .sum_word(added)
    );
    lutra_memory #(.WORDS(WORDS), .LANES(SIDE), .BITS(8), .ADDRESS(ADDRESS)) queries (
        .clk, .write({SIDE{write && (write_kind == Q || write_kind == M)}}), .write_at, .in(codes),
        .read(1'b1), .read_at(a_at), .out(q_word)
    );
    lutra_memory #(.WORDS(WORDS), .LANES(SIDE), .BITS(8), .ADDRESS(ADDRESS)) keys (
        .clk, .write({SIDE{write && write_kind == K}}), .write_at, .in(codes),
        .read(1'b1), .read_at(b_at), .out(k_word)
    );
    lutra_memory #(.WORDS(VALUES), .LANES(SIDE), .BITS(8), .ADDRESS(ADDRESS)) values (
        .clk, .write({SIDE{write && write_kind == V}}), .write_at, .in(codes),
        .read(1'b1), .read_at(b_at), .out(v_word)
    );
    lutra_rom #(.WORDS(WEIGHTS), .BITS(SIDE * 8), .ADDRESS(ADDRESS), .FILE(WEIGHT)) weights (
        .clk, .read_at(b_from == B_W ? b_at : a_at), .out(w_word)
    );
    lutra_shiftmax #(
        .LANES(SIDE), .COUNT(TOKENS), .ADDRESS(ADDRESS), .UNIT(UNIT), .FRACTION(FRACTION),
        .E_BITS(E_BITS), .SUM_BITS(E_SUM_BITS), .F_BITS(F_BITS)
    ) shiftmax (
        .clk, .rst, .write(write && write_kind == S), .write_slot, .write_at, .scores(codes),
        .clear(starts && starts_kind == S), .clear_slot(starts_slot), .ready,
        .read_slot(slot), .read_at(a_at), .exponentials(e_word), .quotients
    );

    // Operands: a clock to read, one to multiply probabilities, in which the others wait, as they come out
    // of many block RAMs, and one to choose.
    localparam int P_BITS = E_BITS + F_BITS;
    logic [1:0] a_from1, b_from1, a_from2, b_from2;
    logic [2:0] marks;
    logic [SIDE*8-1:0] x2, q2, k2, v2, w2, a2, b3;
    logic [SIDE*P_BITS-1:0] p2;
    logic [SIDE*16-1:0] a3;
    lutra_flag #(.CLOCKS(3)) entering (.clk, .rst, .in(valid), .out(marks[2]));
    lutra_delay #(.BITS(2), .CLOCKS(3)) marking (.clk, .in({first, last}), .out(marks[1:0]));
    assign a2 = a_from2 == A_X ? x2 : a_from2 == A_Q ? q2 : w2;
    always_ff @(posedge clk) begin
        {a_from1, b_from1} <= {a_from, b_from};
        {a_from2, b_from2} <= {a_from1, b_from1};
        {x2, q2, k2, v2, w2} <= {x_word, q_word, k_word, v_word, w_word};
        b3 <= b_from2 == B_W ? w2 : b_from2 == B_X ? x2 : b_from2 == B_K ? k2 : v2;
        for (int i = 0; i < SIDE; i++) begin
            p2[i*P_BITS+:P_BITS] <= e_word[i*E_BITS+:E_BITS] * quotients[i*F_BITS+:F_BITS];
            if (a_from2 == A_E) a3[i*16+:16] <= 16'(p2[i*P_BITS+:P_BITS] >> 16);
            else a3[i*16+:16] <= 16'($signed(a2[i*8+:8]));
        end
    end

    lutra_systolic #(.SIDE(SIDE), .A_BITS(16), .B_BITS(8), .SUM_BITS(SUM_BITS)) array (
        .clk, .rst, .valid(marks[2]), .first(marks[1]), .last(marks[0]), .a(a3), .b(b3),
        .out_valid(column), .out(sums)
    );
    lutra_columns #(
        .SIDE(SIDE), .ADDRESS(ADDRESS), .SUM_BITS(SUM_BITS), .BIAS_BITS(BIAS_BITS), .M_BITS(M_BITS),
        .SHIFT(SHIFT), .KIND_BITS(KIND_BITS), .BY_ROW(32'(V)), .COLUMNS(COLUMNS), .ROWS(ROWS),
        .COLUMN(COLUMN), .ROW(ROW)
    ) columns (.*, .slot(out_slot), .at(out_at));
endmodule
