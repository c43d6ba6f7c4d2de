// What stands around an array: normalised codes that it reads, the stream that its results are
// added to, and the sums, until they have left. Takes pairs {stream, normalised code}, gives the
// stream, one channel per clock. Words hold a lane per token of a tile of SIDE, one word per channel.
//
// Tokens come and go in units: images, or tiles (the last of an image may be short). `unit` says
// that one is complete that no `begins` has claimed yet; `room` that there is space for the sums of
// one, which `claims` takes; `finish`, that those are written.
module lutra_buffers #(
    parameter int SIDE = 16,
    parameter int TOKENS = 64,
    parameter int DIM = 128,
    parameter int TILES = 4,  // of a unit
    parameter int UNITS = 2,
    parameter int OUT_UNITS = 1,
    parameter int ADDRESS = 16
) (
    input logic clk,
    input logic rst,
    input logic in_valid,
    output logic in_ready,
    input logic [23:0] in_data,
    output logic out_valid,
    input logic out_ready,
    output logic [15:0] out_data,
    output logic unit,
    input logic begins,
    output logic room,
    input logic claims,
    input logic finish,
    // within the unit: a clock from address to word
    input logic [ADDRESS-1:0] normal_at,
    output logic [SIDE*8-1:0] normal,
    input logic [ADDRESS-1:0] stream_at,
    output logic [SIDE*16-1:0] stream,
    input logic sum,
    input logic [ADDRESS-1:0] sum_at,
    input logic [SIDE*16-1:0] sum_word
);
    localparam int LOG = $clog2(SIDE);
    localparam int WORDS = TILES * DIM;
    localparam int COUNT = $clog2(UNITS + 1), OUT_COUNT = $clog2(OUT_UNITS + 1);
    localparam int WIDE = $clog2(UNITS * WORDS);
    localparam int OUT_WIDE = OUT_UNITS * WORDS > 1 ? $clog2(OUT_UNITS * WORDS) : 1;

    logic [COUNT-1:0] complete, held;
    logic [OUT_COUNT-1:0] claimed, ready;
    logic [WIDE-1:0] fill_unit, fill_base, read_before, stream_unit;
    logic [OUT_WIDE-1:0] sum_unit, leave_unit, leave_base;
    logic [ADDRESS-1:0] fill_channel, fill_token, leave_channel, leave_token;
    logic [LOG-1:0] fill_lane, leave_lane;
    // whether counters are at their ends, known beforehand
    logic fill_channel_ends, fill_token_ends, fill_lane_ends;
    logic leave_channel_ends, leave_token_ends, leave_lane_ends;

    // --- filling
    assign in_ready = held != COUNT'(UNITS);
    assign unit = complete != 0;
    wire fill = in_valid && in_ready;
    wire fill_row = fill && fill_channel_ends;
    wire fill_image = fill_row && fill_token_ends;
    wire fill_tile = fill_image || (fill_row && fill_lane_ends);
    wire filled = TILES == 1 ? fill_tile : fill_image;
    wire [SIDE-1:0] fill_lanes = SIDE'(fill) << fill_lane;
    wire [WIDE-1:0] fill_at = fill_base + WIDE'(fill_channel);
    wire [WIDE-1:0] fill_next = fill_unit == WIDE'((UNITS - 1) * WORDS) ? '0 : fill_unit + WIDE'(WORDS);

    // --- the array
    wire [WIDE-1:0] read_next = read_before == WIDE'((UNITS - 1) * WORDS) ? '0 : read_before + WIDE'(WORDS);
    wire [WIDE-1:0] read_unit = begins ? read_next : read_before;
    lutra_memory #(.WORDS(UNITS * WORDS), .LANES(SIDE), .BITS(8), .ADDRESS(WIDE)) normals (
        .clk, .write(fill_lanes), .write_at(fill_at), .in({SIDE{in_data[7:0]}}),
        .read(1'b1), .read_at(read_unit + WIDE'(normal_at)), .out(normal)
    );
    lutra_memory #(.WORDS(UNITS * WORDS), .LANES(SIDE), .BITS(16), .ADDRESS(WIDE)) streams (
        .clk, .write(fill_lanes), .write_at(fill_at), .in({SIDE{in_data[23:8]}}),
        .read(1'b1), .read_at(stream_unit + WIDE'(stream_at)), .out(stream)
    );

    // --- leaving: a clock to read, one to choose
    logic leaving;
    logic [LOG-1:0] leaving_lane;
    logic [SIDE*16-1:0] leaving_word;
    assign room = claimed != OUT_COUNT'(OUT_UNITS);
    wire advance = !out_valid || out_ready;
    wire leave = ready != 0 && advance;
    wire leave_row = leave && leave_channel_ends;
    wire leave_image = leave_row && leave_token_ends;
    wire leave_tile = leave_image || (leave_row && leave_lane_ends);
    wire left = TILES == 1 ? leave_tile : leave_image;
    wire [OUT_WIDE-1:0] leave_next = leave_unit == OUT_WIDE'((OUT_UNITS - 1) * WORDS) ? '0
        : leave_unit + OUT_WIDE'(WORDS);
    lutra_memory #(.WORDS(OUT_UNITS * WORDS), .LANES(SIDE), .BITS(16), .ADDRESS(OUT_WIDE)) sums (
        .clk, .write({SIDE{sum}}), .write_at(sum_unit + OUT_WIDE'(sum_at)), .in(sum_word),
        .read(advance), .read_at(leave_base + OUT_WIDE'(leave_channel)), .out(leaving_word)
    );

    always_ff @(posedge clk) begin
        complete <= complete + COUNT'(filled) - COUNT'(begins);
        held <= held + COUNT'(filled) - COUNT'(finish);
        claimed <= claimed + OUT_COUNT'(claims) - OUT_COUNT'(left);
        ready <= ready + OUT_COUNT'(finish) - OUT_COUNT'(left);
        if (fill) begin
            fill_channel <= fill_channel_ends ? '0 : fill_channel + 1;
            fill_channel_ends <= DIM == 1 || fill_channel == ADDRESS'(DIM - 2);
        end
        if (fill_row) begin
            fill_token <= fill_token_ends ? '0 : fill_token + 1;
            fill_token_ends <= TOKENS == 1 || fill_token == ADDRESS'(TOKENS - 2);
            fill_lane <= fill_tile ? '0 : fill_lane + 1;
            fill_lane_ends <= !fill_tile && fill_lane == LOG'(SIDE - 2);
        end
        if (filled) {fill_unit, fill_base} <= {2{fill_next}};
        else if (fill_tile) fill_base <= fill_base + WIDE'(DIM);
        read_before <= read_unit;
        if (finish) begin
            stream_unit <= stream_unit == WIDE'((UNITS - 1) * WORDS) ? '0 : stream_unit + WIDE'(WORDS);
            sum_unit <= sum_unit == OUT_WIDE'((OUT_UNITS - 1) * WORDS) ? '0 : sum_unit + OUT_WIDE'(WORDS);
        end
        if (leave) begin
            leave_channel <= leave_channel_ends ? '0 : leave_channel + 1;
            leave_channel_ends <= DIM == 1 || leave_channel == ADDRESS'(DIM - 2);
        end
        if (leave_row) begin
            leave_token <= leave_token_ends ? '0 : leave_token + 1;
            leave_token_ends <= TOKENS == 1 || leave_token == ADDRESS'(TOKENS - 2);
            leave_lane <= leave_tile ? '0 : leave_lane + 1;
            leave_lane_ends <= !leave_tile && leave_lane == LOG'(SIDE - 2);
        end
        if (left) {leave_unit, leave_base} <= {2{leave_next}};
        else if (leave_tile) leave_base <= leave_base + OUT_WIDE'(DIM);
        if (advance) begin
            {leaving, leaving_lane} <= {leave, leave_lane};
            out_valid <= leaving;
            out_data <= leaving_word[leaving_lane*16+:16];
        end
        if (rst) begin
            {complete, held, claimed, ready, leaving, out_valid} <= '0;
            {fill_channel, fill_token, fill_lane, fill_unit, fill_base, stream_unit} <= '0;
            {leave_channel, leave_token, leave_lane, leave_unit, leave_base, sum_unit} <= '0;
            {fill_channel_ends, leave_channel_ends} <= {2{DIM == 1}};
            {fill_token_ends, leave_token_ends} <= {2{TOKENS == 1}};
            {fill_lane_ends, leave_lane_ends} <= '0;
            read_before <= WIDE'((UNITS - 1) * WORDS);
        end
    end
endmodule
