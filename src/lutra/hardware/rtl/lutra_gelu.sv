// ShiftGELU of I-ViT, requantised, over LANES rows side by side: once COUNT columns of a row are
// written, GROUP lanes of them are worked on per clock, COUNT * LANES / GROUP clocks and 47 more.
// Two slots: one fills while the other is worked on. `ready` of a slot holds from then until `clear`.
module lutra_gelu #(
    parameter int LANES = 16,
    parameter int GROUP = 4,
    parameter int COUNT = 2,
    parameter int ADDRESS = 16,
    parameter int UNIT = 16,
    parameter int FRACTION = 12,
    parameter int E_BITS = 24,
    parameter int M_BITS = 32,
    parameter int SHIFT = 32,
    parameter int BITS = 8,
    parameter MULTIPLIER = ""
) (
    input logic clk,
    input logic rst,
    input logic write,
    input logic write_slot,
    input logic [ADDRESS-1:0] write_at,
    input logic [LANES*8-1:0] codes,
    input logic clear,
    input logic clear_slot,
    output logic [1:0] ready,
    input logic [ADDRESS-1:0] read_at,
    output logic [LANES*8-1:0] activated
);
    localparam int GROUPS = LANES / GROUP;
    localparam int LOG = GROUPS > 1 ? $clog2(GROUPS) : 1;
    // read, choose, subtract, 2 of exponentials, sum, 31 of the quotient, 2 of the product, sigmoid, 4 to requantise
    localparam int CHOSEN = 2, SUM = 5, PRODUCT = 37, SIGMOID = 39, SCALE = 40, WRITE = 44;

    // The greatest code of every row so far, at least 0.
    logic [LANES*7-1:0] most[2];
    logic [1:0] waiting;
    wire first = write_at == (write_slot ? ADDRESS'(COUNT) : ADDRESS'(0));
    wire final_write = write_at == (write_slot ? ADDRESS'(2 * COUNT - 1) : ADDRESS'(COUNT - 1));
    always_ff @(posedge clk)
        if (write)
            for (int i = 0; i < LANES; i++)
                if (first || (!codes[i*8+7] && codes[i*8+:7] > most[write_slot][i*7+:7]))
                    most[write_slot][i*7+:7] <= codes[i*8+7] ? 7'd0 : codes[i*8+:7];

    logic running, busy, slot;  // busy: until all of a slot is written
    logic [ADDRESS-1:0] at, channel, channel_later, made_at;
    logic [LOG-1:0] group, group1, made_group;
    logic [WRITE-1:0] live;
    logic [LANES*8-1:0] word;
    logic [GROUP*8-1:0] chosen;
    logic [GROUP*7-1:0] tops;
    logic [GROUP*8-1:0] made;
    logic [M_BITS-1:0] multiplier;
    wire final_group = group == LOG'(GROUPS - 1);
    wire final_word = channel == ADDRESS'(COUNT - 1);

    lutra_memory #(.WORDS(2 * COUNT), .LANES(LANES), .BITS(8), .ADDRESS(ADDRESS)) kept (
        .clk, .write({LANES{write}}), .write_at, .in(codes), .read(1'b1), .read_at(at), .out(word)
    );
    lutra_memory #(.WORDS(2 * COUNT), .LANES(LANES), .BITS(8), .ADDRESS(ADDRESS)) results (
        .clk, .write(LANES'({GROUP{live[WRITE-1]}}) << (made_group * GROUP)), .write_at(made_at),
        .in({GROUPS{made}}), .read(1'b1), .read_at, .out(activated)
    );
    lutra_delay #(.BITS(ADDRESS), .CLOCKS(WRITE)) places (.clk, .in(at), .out(made_at));
    lutra_delay #(.BITS(LOG), .CLOCKS(WRITE)) lanes (.clk, .in(group), .out(made_group));
    lutra_delay #(.BITS(ADDRESS), .CLOCKS(SCALE - 1)) channels (.clk, .in(channel), .out(channel_later));
    lutra_rom #(.WORDS(COUNT), .BITS(M_BITS), .ADDRESS(ADDRESS), .FILE(MULTIPLIER)) multipliers (
        .clk, .read_at(channel_later), .out(multiplier)
    );
    always_ff @(posedge clk) begin
        live <= {live[WRITE-2:0], running};
        group1 <= group;
        chosen <= word[group1*(GROUP*8)+:GROUP*8];
        tops <= most[slot][group1*(GROUP*7)+:GROUP*7];
        if (write && final_write) waiting[write_slot] <= 1;
        if (clear) ready[clear_slot] <= 0;
        if (running) begin
            group <= final_group ? '0 : group + 1;
            if (final_group) {at, channel} <= {at + ADDRESS'(1), channel + ADDRESS'(1)};
            if (final_group && final_word) running <= 0;
        end else if (live[WRITE-1] && !live[WRITE-2]) begin
            ready[slot] <= 1;
            busy <= 0;
        end else if (!busy && |waiting) begin  // the other slot is not full before this one is done
            {running, busy} <= '1;
            slot <= waiting[1];
            waiting[waiting[1]] <= 0;
            at <= waiting[1] ? ADDRESS'(COUNT) : ADDRESS'(0);
            {channel, group} <= '0;
        end
        if (rst) begin
            {running, busy} <= '0;
            waiting <= 0;
            ready <= 0;
            live <= '0;
        end
    end

    for (genvar i = 0; i < GROUP; i++) begin : g_lane
        logic [7:0] q, q_late, below;
        logic [6:0] top;
        logic [E_BITS-1:0] e, e_top, e_late;
        logic [E_BITS:0] sum;
        logic [30:0] quotient;
        logic [E_BITS+15:0] high, low;
        logic [31:0] product;
        logic signed [16:0] scaled;
        lutra_exponential #(.UNIT(UNIT), .BITS(FRACTION), .D_BITS(8), .E_BITS(E_BITS)) own (
            .clk, .en(1'b1), .d(below), .e
        );
        lutra_exponential #(.UNIT(UNIT), .BITS(FRACTION), .D_BITS(8), .E_BITS(E_BITS)) greatest (
            .clk, .en(1'b1), .d({1'b0, top}), .e(e_top)
        );
        lutra_quotient #(.D_BITS(E_BITS + 1)) divide (.clk, .divisor(sum), .quotient);
        lutra_delay #(.BITS(E_BITS), .CLOCKS(PRODUCT - SUM)) wait_e (.clk, .in(e), .out(e_late));
        lutra_delay #(.BITS(8), .CLOCKS(SIGMOID - CHOSEN)) wait_q (.clk, .in(q), .out(q_late));
        assign q = chosen[i*8+:8];
        always_ff @(posedge clk) begin
            top <= tops[i*7+:7];
            below <= {1'b0, tops[i*7+:7]} - q;
            sum <= (E_BITS + 1)'(e) + (E_BITS + 1)'(e_top);
            high <= e_late * quotient[30:15];
            low <= (E_BITS + 16)'(e_late * quotient[14:0]);
            product <= 32'(high << 15) + 32'(low);
            scaled <= 17'($signed(q_late) * $signed({1'b0, product[31:24]}));
        end
        lutra_requantise #(
            .Q_BITS(17), .M_BITS(M_BITS), .SHIFT(SHIFT), .BITS(BITS), .OUT_BITS(8)
        ) requantise (.clk, .en(1'b1), .q(scaled), .multiplier, .out(made[i*8+:8]));
    end
endmodule
