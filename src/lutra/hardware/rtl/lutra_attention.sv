// Multi-head attention on one array, with the residual: takes pairs {stream, normalised code} and
// gives the stream that attention was added to. What the array does is the program of the
// sequencer; kinds of tiles are K, Q, V, S (scores), M (probabilities times V), O (projection).
//
// Words hold a lane per token of a tile of SIDE tokens, one word per channel; those of V a lane per
// channel, one word per token. M takes the place of Q. Images alternate between two banks of
// normalised codes and of the stream: one fills, behind the image that leaves it, while attention
// works on the other; an image leaves once it is complete.
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
    parameter int F_BITS = 16,
    parameter int WEIGHTS = 1,
    parameter int VALUES = 1,
    parameter int COLUMNS = 1,
    parameter int ROWS = 1,
    parameter int OPERATIONS = 1,
    parameter PROGRAM = "program.mem",
    parameter WEIGHT = "weight.mem",
    parameter COLUMN = "column.mem",
    parameter ROW = "row.mem"
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
    localparam int LOG = $clog2(SIDE);
    localparam logic [2:0] K = 0, Q = 1, V = 2, S = 3, M = 4, O = 5;
    localparam logic [1:0] A_X = 0, A_Q = 1, A_E = 2;
    localparam logic [1:0] B_W = 0, B_X = 1, B_K = 2;
    localparam int LATENCY = 7;  // of requantisation, from the array to the memories

    // --- sequencer
    logic image, written, starts, starts_slot, valid, first, last, begins, slot;
    logic column, used, closes, ends, out_slot;
    logic [2:0] starts_kind, kind;
    logic [1:0] ready, a_from, b_from;
    logic [ADDRESS-1:0] a_at, b_at, out_at, constant_at, constant_base;
    lutra_sequencer #(
        .SIDE(SIDE), .ADDRESS(ADDRESS), .OPERATIONS(OPERATIONS), .PROGRAM(PROGRAM)
    ) sequencer (.*);

    // --- images: filling, being attended to, leaving
    logic [1:0] full, leaving;
    logic fill_bank, bank_before, out_bank, leave_bank;
    wire bank = bank_before ^ begins;
    wire finish;  // the last sums of an image are written
    assign image = full[~bank];

    logic [ADDRESS-1:0] fill_token, fill_base, fill_channel, leave_token, leave_base, leave_channel;
    logic [LOG-1:0] fill_lane, leave_lane;
    assign in_ready = !full[fill_bank] && (!leaving[fill_bank] || fill_token < leave_token);
    wire fill = in_valid && in_ready;
    wire fill_row = fill && fill_channel == ADDRESS'(DIM - 1);
    wire fill_last = fill_row && fill_token == ADDRESS'(TOKENS - 1);

    wire advance = !out_valid || out_ready;
    logic left;  // the last code of an image is read, and held until it is taken
    wire leave = leaving[leave_bank] && advance && !left;
    wire leave_row = leave && leave_channel == ADDRESS'(DIM - 1);
    wire leave_last = leave_row && leave_token == ADDRESS'(TOKENS - 1);

    always_ff @(posedge clk) begin
        if (fill) fill_channel <= fill_row ? '0 : fill_channel + 1;
        if (fill_row) begin
            fill_token <= fill_last ? '0 : fill_token + 1;
            fill_lane <= fill_last || fill_lane == LOG'(SIDE - 1) ? '0 : fill_lane + 1;
            if (fill_last) fill_base <= '0;
            else if (fill_lane == LOG'(SIDE - 1)) fill_base <= fill_base + ADDRESS'(DIM);
        end
        if (leave) leave_channel <= leave_row ? '0 : leave_channel + 1;
        if (leave_row) begin
            leave_token <= leave_last ? '0 : leave_token + 1;
            leave_lane <= leave_last || leave_lane == LOG'(SIDE - 1) ? '0 : leave_lane + 1;
            if (leave_last) leave_base <= '0;
            else if (leave_lane == LOG'(SIDE - 1)) leave_base <= leave_base + ADDRESS'(DIM);
        end
        if (fill_last) full[fill_bank] <= 1;
        if (fill_last) fill_bank <= ~fill_bank;
        if (finish) full[out_bank] <= 0;
        if (finish) leaving[out_bank] <= 1;
        if (finish) out_bank <= ~out_bank;
        if (leave_last) left <= 1;
        else if (advance) left <= 0;
        if (left && advance) leaving[leave_bank] <= 0;
        if (left && advance) leave_bank <= ~leave_bank;
        bank_before <= bank;
        if (rst) begin
            {full, leaving, fill_bank, out_bank, leave_bank, left} <= '0;
            bank_before <= 1;
            {fill_token, fill_base, fill_channel, fill_lane} <= '0;
            {leave_token, leave_base, leave_channel, leave_lane} <= '0;
        end
    end

    // --- memories of operands
    logic [LATENCY-1:0][6+ADDRESS:0] later;
    logic write, write_closes, write_ends, write_slot;
    logic [2:0] write_kind;
    logic [ADDRESS-1:0] write_at;
    logic [SIDE*8-1:0] codes, x0, x1, q_word, k_word, v_word, w_word;
    logic [SIDE*E_BITS-1:0] e_word;
    logic [2*SIDE*F_BITS-1:0] quotients;
    logic [SIDE-1:0] fill_lanes;
    assign fill_lanes = SIDE'(fill) << fill_lane;
    wire [ADDRESS-1:0] fill_at = fill_base + fill_channel;
    wire [ADDRESS-1:0] x_at = a_from == A_X ? a_at : b_at;
    logic x_bank;

    lutra_memory #(.WORDS(WORDS), .LANES(SIDE), .BITS(8), .ADDRESS(ADDRESS)) normal0 (
        .clk, .write(fill_bank ? SIDE'(0) : fill_lanes), .write_at(fill_at), .in({SIDE{in_data[7:0]}}),
        .read(1'b1), .read_at(x_at), .out(x0)
    );
    lutra_memory #(.WORDS(WORDS), .LANES(SIDE), .BITS(8), .ADDRESS(ADDRESS)) normal1 (
        .clk, .write(fill_bank ? fill_lanes : SIDE'(0)), .write_at(fill_at), .in({SIDE{in_data[7:0]}}),
        .read(1'b1), .read_at(x_at), .out(x1)
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
        .E_BITS(E_BITS), .F_BITS(F_BITS)
    ) shiftmax (
        .clk, .rst, .write(write && write_kind == S), .write_slot, .write_at, .scores(codes),
        .clear(starts && starts_kind == S), .clear_slot(starts_slot), .ready,
        .read_at(a_at), .exponentials(e_word), .quotients
    );

    // --- operands: a clock to read, one to multiply or choose, one to widen
    logic [1:0] a_from1, b_from1, a_from2;
    logic slot1;
    logic [2:0] marks;
    logic [SIDE*8-1:0] a2, b2, b3;
    logic [SIDE*(E_BITS+F_BITS)-1:0] p2;
    logic [SIDE*16-1:0] a3;
    lutra_delay #(.BITS(3), .CLOCKS(3)) marking (.clk, .in({valid & ~rst, first, last}), .out(marks));
    wire [SIDE*8-1:0] x_word = x_bank ? x1 : x0;
    always_ff @(posedge clk) begin
        {a_from1, b_from1, slot1, x_bank} <= {a_from, b_from, slot, bank};
        a_from2 <= a_from1;
        a2 <= a_from1 == A_X ? x_word : a_from1 == A_Q ? q_word : w_word;
        b2 <= b_from1 == B_W ? w_word : b_from1 == B_X ? x_word : b_from1 == B_K ? k_word : v_word;
        b3 <= b2;
        for (int i = 0; i < SIDE; i++) begin
            p2[i*(E_BITS+F_BITS)+:E_BITS+F_BITS] <= e_word[i*E_BITS+:E_BITS]
                * quotients[(slot1*SIDE+i)*F_BITS+:F_BITS];
            a3[i*16+:16] <= a_from2 == A_E ? 16'(p2[i*(E_BITS+F_BITS)+:E_BITS+F_BITS] >> 16)
                : 16'($signed(a2[i*8+:8]));
        end
    end

    // --- array
    logic [SIDE*SUM_BITS-1:0] sums, sums1;
    lutra_systolic #(.SIDE(SIDE), .A_BITS(16), .B_BITS(8), .SUM_BITS(SUM_BITS)) array (
        .clk, .rst, .valid(marks[2]), .first(marks[1]), .last(marks[0]), .a(a3), .b(b3),
        .out_valid(column), .out(sums)
    );

    // --- requantisation: a clock for the constants, one for the bias, four, one for the residual
    logic [BIAS_BITS+M_BITS-1:0] column_constants;
    logic [SIDE*(BIAS_BITS+M_BITS)-1:0] row_constants;
    logic rows1;
    logic [SIDE*(SUM_BITS+1)-1:0] biased;
    logic [SIDE*M_BITS-1:0] multipliers;
    logic [SIDE*16-1:0] requantised, r0, r1, stream_word, added;
    lutra_rom #(.WORDS(COLUMNS), .BITS(BIAS_BITS + M_BITS), .ADDRESS(ADDRESS), .FILE(COLUMN)) column_rom (
        .clk, .read_at(constant_at), .out(column_constants)
    );
    lutra_rom #(.WORDS(ROWS), .BITS(SIDE * (BIAS_BITS + M_BITS)), .ADDRESS(ADDRESS), .FILE(ROW)) row_rom (
        .clk, .read_at(constant_base), .out(row_constants)
    );
    for (genvar i = 0; i < SIDE; i++) begin : g_lane
        logic signed [BIAS_BITS-1:0] bias;
        logic [M_BITS-1:0] multiplier;
        assign {bias, multiplier} = rows1 ? row_constants[i*(BIAS_BITS+M_BITS)+:BIAS_BITS+M_BITS]
            : column_constants;
        always_ff @(posedge clk) begin
            biased[i*(SUM_BITS+1)+:SUM_BITS+1] <=
                (SUM_BITS + 1)'($signed(sums1[i*SUM_BITS+:SUM_BITS])) + (SUM_BITS + 1)'(bias);
            multipliers[i*M_BITS+:M_BITS] <= multiplier;
        end
        lutra_requantise #(
            .Q_BITS(SUM_BITS + 1), .M_BITS(M_BITS), .SHIFT(SHIFT), .BITS(16), .OUT_BITS(16)
        ) requantise (
            .clk, .en(1'b1), .q(biased[i*(SUM_BITS+1)+:SUM_BITS+1]),
            .multiplier(multipliers[i*M_BITS+:M_BITS]), .out(requantised[i*16+:16])
        );
    end
    function automatic logic signed [15:0] saturate(input logic signed [16:0] q, input int bits);
        logic signed [16:0] most;
        most = 17'sd1 <<< (bits - 1);
        if (bits == 1) saturate = q < 0 ? -16'sd1 : 16'sd1;
        else saturate = q >= most ? 16'(most - 1) : q < -most ? 16'(-most) : 16'(q);
    endfunction

    assign {write, write_ends, write_closes, write_slot, write_kind, write_at} = later[LATENCY-1];
    wire [2:0] next_kind = later[LATENCY-2][ADDRESS+:3];
    wire [ADDRESS-1:0] residual_at = later[LATENCY-3][ADDRESS-1:0];
    always_ff @(posedge clk) begin
        later <= {later[LATENCY-2:0], {used, closes && ends, closes, out_slot, kind, out_at}};
        if (rst) for (int i = 0; i < LATENCY; i++) later[i][6+ADDRESS-:3] <= '0;
        sums1 <= sums;
        rows1 <= kind == V;
        for (int i = 0; i < SIDE; i++) begin
            codes[i*8+:8] <= 8'(saturate(17'($signed(requantised[i*16+:16])),
                next_kind == S ? SCORE_BITS : next_kind == M ? MIXED_BITS : CODE_BITS));
            added[i*16+:16] <= saturate(17'($signed(stream_word[i*16+:16]))
                + 17'(saturate(17'($signed(requantised[i*16+:16])), ADDED_BITS)), 16);
        end
    end
    assign finish = write_ends;
    assign written = write_closes;

    // --- the stream: read for the sum, or to leave
    wire [1:0] leaving_now = leaving & (leave_bank ? 2'b10 : 2'b01);
    wire [ADDRESS-1:0] leave_at = leave_base + leave_channel;
    wire [1:0] add = {out_bank, ~out_bank} & {2{write && write_kind == O}};
    wire [ADDRESS-1:0] at0 = add[0] ? write_at : fill_at, at1 = add[1] ? write_at : fill_at;
    lutra_memory #(.WORDS(WORDS), .LANES(SIDE), .BITS(16), .ADDRESS(ADDRESS)) stream0 (
        .clk, .write(add[0] ? {SIDE{1'b1}} : fill_bank ? SIDE'(0) : fill_lanes), .write_at(at0),
        .in(add[0] ? added : {SIDE{in_data[23:8]}}),
        .read(!leaving_now[0] || advance), .read_at(leaving_now[0] ? leave_at : residual_at), .out(r0)
    );
    lutra_memory #(.WORDS(WORDS), .LANES(SIDE), .BITS(16), .ADDRESS(ADDRESS)) stream1 (
        .clk, .write(add[1] ? {SIDE{1'b1}} : fill_bank ? fill_lanes : SIDE'(0)), .write_at(at1),
        .in(add[1] ? added : {SIDE{in_data[23:8]}}),
        .read(!leaving_now[1] || advance), .read_at(leaving_now[1] ? leave_at : residual_at), .out(r1)
    );
    assign stream_word = out_bank ? r1 : r0;

    logic leave_bank1, leave1;
    logic [LOG-1:0] leave_lane1;
    wire [SIDE*16-1:0] leave_word = leave_bank1 ? r1 : r0;
    always_ff @(posedge clk) begin
        if (advance) begin
            {leave1, leave_bank1, leave_lane1} <= {leave, leave_bank, leave_lane};
            out_valid <= leave1;
            out_data <= leave_word[leave_lane1*16+:16];
        end
        if (rst) {leave1, out_valid} <= '0;
    end
endmodule
