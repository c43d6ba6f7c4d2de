// A walk over words as lutra_buffers keeps them, a step whenever `step` is set: DIM channels of every
// token, lane by lane; tokens fill tiles of SIDE lanes, and an image's last tile may be short. A
// tile has DIM words; `at` and `lane` say where the next step is, in a ring of TILES tiles, and `tile`
// and `image`, whether it is the last one of them. All are known without `step`.
module lutra_walk #(
    parameter int SIDE = 16,
    parameter int TOKENS = 64,
    parameter int DIM = 128,
    parameter int TILES = 4,
    localparam int BITS = TILES * DIM > 1 ? $clog2(TILES * DIM) : 1
) (
    input logic clk,
    input logic rst,
    input logic step,
    output logic [BITS-1:0] at,
    output logic [$clog2(SIDE)-1:0] lane,
    output logic tile,
    output logic image
);
    localparam int C_BITS = DIM > 1 ? $clog2(DIM) : 1;
    localparam int T_BITS = TOKENS > 1 ? $clog2(TOKENS) : 1;
    localparam int LOG = $clog2(SIDE);

    logic [BITS-1:0] base;
    logic [C_BITS-1:0] channel;
    logic [T_BITS-1:0] token;
    // whether counters are at their ends, known beforehand
    logic channel_ends, token_ends, lane_ends, base_ends;
    wire row_ends = token_ends || lane_ends;
    assign at = base + BITS'(channel);
    assign tile = channel_ends && row_ends;
    assign image = channel_ends && token_ends;

    always_ff @(posedge clk) begin
        if (rst) begin
            {base, channel, token, lane, lane_ends} <= '0;
            channel_ends <= DIM == 1;
            token_ends <= TOKENS == 1;
            base_ends <= TILES == 1;
        end else if (step) begin
            channel <= channel_ends ? '0 : channel + 1;
            channel_ends <= DIM == 1 || channel == C_BITS'(DIM - 2);
            if (channel_ends) begin
                token <= token_ends ? '0 : token + 1;
                token_ends <= TOKENS == 1 || token == T_BITS'(TOKENS - 2);
                lane <= row_ends ? '0 : lane + 1;
                lane_ends <= !row_ends && lane == LOG'(SIDE - 2);
                if (row_ends) begin
                    base <= base_ends ? '0 : base + BITS'(DIM);
                    base_ends <= TILES == 1 || base == BITS'((TILES - 2) * DIM);
                end
            end
        end
    end
endmodule
