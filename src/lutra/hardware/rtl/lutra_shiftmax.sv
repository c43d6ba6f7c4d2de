// Shiftmax of I-ViT over LANES rows side by side, a column of scores per clock: once a row of
// COUNT scores is written, their exponentials take COUNT clocks, and the quotients of their sums
// F_BITS + 8 more. Two slots: one fills while the other is worked on. `ready` of a slot holds from then on
// until `clear`; a probability is (exponential * quotient) >> 16.
module lutra_shiftmax #(
    parameter int LANES = 16,
    parameter int COUNT = 2,
    parameter int ADDRESS = 16,
    parameter int UNIT = 16,
    parameter int FRACTION = 12,
    parameter int E_BITS = 17,
    parameter int SUM_BITS = 25,
    parameter int F_BITS = 16
) (
    input logic clk,
    input logic rst,
    input logic write,
    input logic write_slot,
    input logic [ADDRESS-1:0] write_at,
    input logic [LANES*8-1:0] scores,
    input logic clear,
    input logic clear_slot,
    output logic [1:0] ready,
    input logic read_slot,
    input logic [ADDRESS-1:0] read_at,
    output logic [LANES*E_BITS-1:0] exponentials,
    output logic [LANES*F_BITS-1:0] quotients
);
    // The greatest score of every row so far.
    logic [LANES*8-1:0] most[2];
    logic [1:0] waiting;
    wire first = write_at == (write_slot ? ADDRESS'(COUNT) : ADDRESS'(0));
    wire final_write = write_at == (write_slot ? ADDRESS'(2 * COUNT - 1) : ADDRESS'(COUNT - 1));
    always_ff @(posedge clk)
        if (write)
            for (int i = 0; i < LANES; i++)
                if (first || $signed(scores[i*8+:8]) > $signed(most[write_slot][i*8+:8]))
                    most[write_slot][i*8+:8] <= scores[i*8+:8];

    // One slot at a time: read, subtract, two clocks of exponentials, add up; then divide.
    logic running, dividing, slot;
    logic [ADDRESS-1:0] at;
    logic [LANES*8-1:0] score, below;
    logic [LANES*E_BITS-1:0] made;
    logic [LANES*SUM_BITS-1:0] sums;
    logic [4:0] live;
    logic [ADDRESS-1:0] made_at;
    logic [LANES-1:0] divided;
    logic [LANES*F_BITS-1:0] quotient, found[2];
    wire divide = dividing && live == 0;
    wire [ADDRESS-1:0] end_at = slot ? ADDRESS'(2 * COUNT - 1) : ADDRESS'(COUNT - 1);
    logic divide_started;

    lutra_memory #(.WORDS(2 * COUNT), .LANES(LANES), .BITS(8), .ADDRESS(ADDRESS)) kept (
        .clk, .write({LANES{write}}), .write_at, .in(scores),
        .read(1'b1), .read_at(at), .out(score)
    );
    lutra_memory #(.WORDS(2 * COUNT), .LANES(LANES), .BITS(E_BITS), .ADDRESS(ADDRESS)) results (
        .clk, .write({LANES{live[3]}}), .write_at(made_at), .in(made),
        .read(1'b1), .read_at, .out(exponentials)
    );
    lutra_delay #(.BITS(ADDRESS), .CLOCKS(4)) places (.clk, .in(at), .out(made_at));
    for (genvar i = 0; i < LANES; i++) begin : g_lane
        lutra_exponential #(.UNIT(UNIT), .BITS(FRACTION), .E_BITS(E_BITS)) exponential (
            .clk, .en(1'b1), .d(below[i*8+:8]), .e(made[i*E_BITS+:E_BITS])
        );
        lutra_divide #(.D_BITS(SUM_BITS), .Q_BITS(F_BITS)) division (
            .clk, .rst, .start(divide && !divide_started), .divisor(sums[i*SUM_BITS+:SUM_BITS]),
            .busy(), .done(divided[i]), .quotient(quotient[i*F_BITS+:F_BITS])
        );
    end
    always_ff @(posedge clk) begin
        live <= {live[3:0], running};
        for (int i = 0; i < LANES; i++) begin
            below[i*8+:8] <= most[slot][i*8+:8] - score[i*8+:8];
            if (running && live == 0) sums[i*SUM_BITS+:SUM_BITS] <= '0;
            else if (live[3])
                sums[i*SUM_BITS+:SUM_BITS] <= sums[i*SUM_BITS+:SUM_BITS] + SUM_BITS'(made[i*E_BITS+:E_BITS]);
        end
        if (divided[0] && divide_started) found[slot] <= quotient;
        quotients <= found[read_slot];
        if (write && final_write) waiting[write_slot] <= 1;
        if (clear) ready[clear_slot] <= 0;
        if (running) begin
            at <= at + 1;
            if (at == end_at) begin
                running <= 0;
                dividing <= 1;
            end
        end else if (dividing) begin
            if (divide) divide_started <= 1;
            if (divide_started && divided[0]) begin
                dividing <= 0;
                divide_started <= 0;
                ready[slot] <= 1;
            end
        end else if (|waiting) begin  // the other slot is not full before this one is worked on
            running <= 1;
            slot <= waiting[1];
            waiting[waiting[1]] <= 0;
            at <= waiting[1] ? ADDRESS'(COUNT) : ADDRESS'(0);
        end
        if (rst) begin
            running <= 0;
            dividing <= 0;
            divide_started <= 0;
            waiting <= 0;
            ready <= 0;
            live <= 0;
        end
    end
endmodule
