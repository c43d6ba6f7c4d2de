// Runs a program of tiles on an array, over and over: the addresses of both operands in every
// clock, and, as columns of sums leave, where they belong. A tile takes DEPTH or SIDE clocks,
// whichever is more, and the next one follows without a gap unless it has to wait:
// until no more than `lag` tiles before it are unwritten, for an operand that is made elsewhere
// (`wanted` and `slot` against `ready`), for input (`begins` against `unit`), or for space for its
// results (`claims` against `room`).
// An operation, from its highest bits: begins, claims, ends, wanted, slot, kind, a_from, b_from, lag,
// columns - 1, depth - 1, and the bases of a, b, sums and constants.
module lutra_sequencer #(
    parameter int SIDE = 16,
    parameter int ADDRESS = 16,
    parameter int OPERATIONS = 1,
    parameter PROGRAM = ""
) (
    input logic clk,
    input logic rst,
    input logic unit,
    input logic room,
    input logic [1:0] ready,
    // one pulse per tile, when it can be read
    input logic written,
    // as a tile starts
    output logic starts,
    output logic [2:0] starts_kind,
    output logic starts_slot,
    // to the operands
    output logic valid,
    output logic first,
    output logic last,
    output logic begins,
    output logic claims,
    output logic [1:0] a_from,
    output logic [1:0] b_from,
    output logic slot,
    output logic [ADDRESS-1:0] a_at,
    output logic [ADDRESS-1:0] b_at,
    // of the sums that leave the array
    input logic column,
    output logic used,
    output logic closes,
    output logic ends,
    output logic [2:0] kind,
    output logic out_slot,
    output logic [ADDRESS-1:0] out_at,
    output logic [ADDRESS-1:0] constant_at,
    output logic [ADDRESS-1:0] constant_base
);
    localparam int LOG = $clog2(SIDE + 1);
    localparam int BITS = 16 + LOG + 5 * ADDRESS;
    localparam int QUEUE = 8;  // tiles under way; there are 2 + 26 / SIDE at most; a small array waits

    (* rom_style = "block" *) logic [BITS-1:0] operations[OPERATIONS];
    initial if (PROGRAM != "") $readmemh(PROGRAM, operations);

    // Fetch: three clocks, and one to see whether it may start, while a tile takes SIDE, 4 or more if it is not to wait.
    logic [ADDRESS-1:0] counter;
    logic [BITS-1:0] fetched, next;
    logic [1:0] fetching;
    logic next_begins, next_claims, next_ends, next_wanted, next_slot;
    logic [2:0] next_kind;
    logic [1:0] next_a_from, next_b_from;
    logic [3:0] next_lag;
    logic [LOG-1:0] next_columns;
    logic [ADDRESS-1:0] next_depth, next_a, next_b, next_out, next_constant;
    assign {next_begins, next_claims, next_ends, next_wanted, next_slot, next_kind, next_a_from, next_b_from,
            next_lag, next_columns, next_depth, next_a, next_b, next_out, next_constant} = next;

    logic busy, idle, ends_now;
    logic [ADDRESS-1:0] left, idle_left;  // clocks; a tile of few products begins with idle ones
    wire short_ = next_depth < ADDRESS'(SIDE - 1);
    logic [3:0] under_way;
    // What is waited for stays once it is there, so that it may be known a clock late.
    logic may;
    wire start = (!busy || ends_now) && may;

    always_ff @(posedge clk) begin
        fetched <= operations[counter];
        next <= fetched;
        if (fetching != 0) fetching <= fetching - 1;
        may <= fetching == 0 && !start && under_way <= next_lag && under_way < 4'(QUEUE)
            && (!next_wanted || ready[next_slot]) && (!next_begins || unit)
            && (!next_claims || room);
        under_way <= under_way + 4'(start) - 4'(written);
        begins <= start && next_begins;
        claims <= start && next_claims;
        if (start) begin
            busy <= 1;
            left <= short_ ? ADDRESS'(SIDE - 1) : next_depth;
            idle_left <= ADDRESS'(SIDE - 1) - next_depth;
            {idle, first} <= {short_, !short_};
            a_at <= next_a;
            b_at <= next_b;
            a_from <= next_a_from;
            b_from <= next_b_from;
            slot <= next_slot;
            fetching <= 3;
            counter <= counter == ADDRESS'(OPERATIONS - 1) ? '0 : counter + 1;
        end else begin
            if (ends_now) busy <= 0;
            left <= left - 1;
            idle_left <= idle_left - 1;
            {idle, first} <= {idle && idle_left != 1, idle && idle_left == 1};
            a_at <= a_at + ADDRESS'(valid);
            b_at <= b_at + ADDRESS'(valid);
        end
        ends_now <= !start && left == 1;
        if (rst) begin
            busy <= 0;
            ends_now <= 0;
            counter <= 0;
            fetching <= 3;
            may <= 0;
            under_way <= 0;
            begins <= 0;
            claims <= 0;
        end
    end
    assign starts = start;
    assign starts_kind = next_kind;
    assign starts_slot = next_slot;
    assign valid = busy && !idle;
    assign last = ends_now;

    // What the tiles under way are for, in order.
    localparam int KEPT = 5 + LOG + 2 * ADDRESS;
    logic [KEPT-1:0] queue[QUEUE];
    logic [2:0] put, get;
    logic [LOG-1:0] at, columns;
    logic [ADDRESS-1:0] out_base;
    logic have;  // the one whose columns leave, or are to
    wire take = (!have || closes) && get != put;
    assign used = column && at <= columns;
    assign closes = column && at == LOG'(SIDE - 1);
    assign out_at = out_base + ADDRESS'(at);
    assign constant_at = constant_base + ADDRESS'(at);
    always_ff @(posedge clk) begin
        if (take) {ends, out_slot, kind, columns, out_base, constant_base} <= queue[get];
        if (start) queue[put] <= {next_ends, next_slot, next_kind, next_columns, next_out, next_constant};
        if (rst) begin
            put <= 0;
            get <= 0;
            have <= 0;
            at <= 0;
        end else begin
            put <= put + 3'(start);
            get <= get + 3'(take);
            have <= take || (have && !closes);
            if (column) at <= closes ? '0 : at + 1;
        end
    end
endmodule
