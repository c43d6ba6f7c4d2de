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

    // --- filling
    logic [WIDE-1:0] fill_at;
    logic [LOG-1:0] fill_lane;
    logic fill_tile, fill_image;
    wire fill = in_valid && in_ready;
    wire filled = fill && (TILES == 1 ? fill_tile : fill_image);
    wire [SIDE-1:0] fill_lanes = SIDE'(fill) << fill_lane;
    wire [COUNT-1:0] next_held = held + COUNT'(filled) - COUNT'(finish);
    assign unit = complete != 0;
    lutra_walk #(.SIDE(SIDE), .TOKENS(TOKENS), .DIM(DIM), .TILES(UNITS * TILES)) filling (
        .clk, .rst, .step(fill), .at(fill_at), .lane(fill_lane), .tile(fill_tile), .image(fill_image)
    );

    // --- the array; the unit after the one that is read is known beforehand
    logic [WIDE-1:0] read_before, read_next, stream_unit;
    logic [OUT_WIDE-1:0] sum_unit;
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
    logic [OUT_WIDE-1:0] leave_at;
    logic [LOG-1:0] leave_lane, leaving_lane;
    logic leave_tile, leave_image, leaving;
    logic [SIDE*16-1:0] leaving_word;
    wire advance = !out_valid || out_ready;
    wire leave = ready != 0 && advance;
    wire left = leave && (TILES == 1 ? leave_tile : leave_image);
    assign room = claimed != OUT_COUNT'(OUT_UNITS);
    lutra_walk #(.SIDE(SIDE), .TOKENS(TOKENS), .DIM(DIM), .TILES(OUT_UNITS * TILES)) walk_out (
        .clk, .rst, .step(leave), .at(leave_at), .lane(leave_lane), .tile(leave_tile), .image(leave_image)
    );
    lutra_memory #(.WORDS(OUT_UNITS * WORDS), .LANES(SIDE), .BITS(16), .ADDRESS(OUT_WIDE)) sums (
        .clk, .write({SIDE{sum}}), .write_at(sum_unit + OUT_WIDE'(sum_at)), .in(sum_word),
        .read(advance), .read_at(leave_at), .out(leaving_word)
    );

    always_ff @(posedge clk) begin
        complete <= complete + COUNT'(filled) - COUNT'(begins);
        held <= next_held;
        in_ready <= next_held != COUNT'(UNITS);
        claimed <= claimed + OUT_COUNT'(claims) - OUT_COUNT'(left);
        ready <= ready + OUT_COUNT'(finish) - OUT_COUNT'(left);
        if (begins) begin
            read_before <= read_next;
            read_next <= read_next == WIDE'((UNITS - 1) * WORDS) ? '0 : read_next + WIDE'(WORDS);
        end
        if (finish) begin
            stream_unit <= stream_unit == WIDE'((UNITS - 1) * WORDS) ? '0 : stream_unit + WIDE'(WORDS);
            sum_unit <= sum_unit == OUT_WIDE'((OUT_UNITS - 1) * WORDS) ? '0 : sum_unit + OUT_WIDE'(WORDS);
        end
        if (advance) begin
            {leaving, leaving_lane} <= {leave, leave_lane};
            out_valid <= leaving;
            out_data <= leaving_word[leaving_lane*16+:16];
        end
        if (rst) begin
            {complete, held, claimed, ready, leaving, out_valid} <= '0;
            {read_next, stream_unit, sum_unit} <= '0;
            in_ready <= 1;
        end
    end
endmodule
