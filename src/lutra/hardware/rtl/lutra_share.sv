// One engine for BANKS streams of tokens: whole tokens go to it in turns, as {bank, code}, and what
// comes back goes to the stream of the bank. A token is only sent if there is room for its result, so
// that the engine never blocks, whatever one bank's output waits for; there is room for TOKENS per
// bank, which should be more than the engine works on at once, divided by the banks that have work.
module lutra_share #(
    parameter int CHANNELS = 192,
    parameter int BANKS = 4,
    parameter int TOKENS = 4,
    localparam int B_BITS = BANKS > 1 ? $clog2(BANKS) : 1
) (
    input logic clk,
    input logic rst,
    input logic [BANKS-1:0] in_valid,
    output logic [BANKS-1:0] in_ready,
    input logic [BANKS*16-1:0] in_data,
    output logic [BANKS-1:0] out_valid,
    input logic [BANKS-1:0] out_ready,
    output logic [BANKS*16-1:0] out_data,
    output logic to_valid,
    input logic to_ready,
    output logic [$clog2(BANKS)+15:0] to_data,
    input logic from_valid,
    output logic from_ready,
    input logic [$clog2(BANKS)+15:0] from_data
);
    localparam int C_BITS = CHANNELS > 1 ? $clog2(CHANNELS) : 1;
    localparam int T_BITS = $clog2(TOKENS + 2);
    localparam logic [C_BITS-1:0] LAST = CHANNELS - 1;

    logic busy, any;
    logic [B_BITS-1:0] bank, next;
    logic [C_BITS-1:0] sent;
    logic [BANKS-1:0] eligible, valid, room;
    logic [BANKS*16-1:0] data;
    wire [B_BITS-1:0] from_bank = B_BITS'(from_data >> 16);
    wire grant = !busy || (to_valid && to_ready && sent == LAST);
    assign to_valid = busy && valid[bank];
    assign to_data = ($clog2(BANKS) + 16)'({bank, data[bank*16+:16]});
    assign from_ready = room[from_bank];  // always

    always_comb begin
        {any, next} = {1'b0, bank};
        for (int i = BANKS; i > 0; i--)  // the first after `bank` has the last word
            for (int b = 0; b < BANKS; b++)
                if (eligible[b] && (int'(bank) + i == b || int'(bank) + i == b + BANKS)) begin
                    any = 1;
                    next = B_BITS'(b);
                end
    end
    always_ff @(posedge clk) begin
        if (rst) begin
            {busy, bank, sent} <= 0;
        end else begin
            if (grant) {busy, bank} <= {any, next};
            if (to_valid && to_ready) sent <= sent == LAST ? 0 : sent + 1;
        end
    end

    for (genvar b = 0; b < BANKS; b++) begin : g_bank
        logic [C_BITS-1:0] entering, leaving;
        logic [T_BITS-1:0] waiting, owed;  // whole tokens; results that have not left
        wire taken = in_valid[b] && in_ready[b];
        wire left = out_valid[b] && out_ready[b];
        wire granted = grant && any && next == b;
        wire to_this = to_ready && busy && bank == b;
        wire from_this = from_valid && from_bank == b;
        assign eligible[b] = waiting != 0 && owed != TOKENS;

        lutra_queue #(.WIDTH(16), .DEPTH(2 * CHANNELS)) ahead (
            .clk, .rst, .in_valid(in_valid[b]), .in_ready(in_ready[b]), .in_data(in_data[b*16+:16]),
            .out_valid(valid[b]), .out_ready(to_this), .out_data(data[b*16+:16])
        );
        lutra_queue #(.WIDTH(16), .DEPTH(TOKENS * CHANNELS)) behind (
            .clk, .rst, .in_valid(from_this), .in_ready(room[b]), .in_data(from_data[15:0]),
            .out_valid(out_valid[b]), .out_ready(out_ready[b]), .out_data(out_data[b*16+:16])
        );
        always_ff @(posedge clk) begin
            if (rst) begin
                {entering, leaving, waiting, owed} <= 0;
            end else begin
                if (taken) entering <= entering == LAST ? 0 : entering + 1;
                if (left) leaving <= leaving == LAST ? 0 : leaving + 1;
                waiting <= waiting + T_BITS'(taken && entering == LAST) - T_BITS'(granted);
                owed <= owed + T_BITS'(granted) - T_BITS'(left && leaving == LAST);
            end
        end
    end
endmodule
