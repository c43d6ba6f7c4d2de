// A stream of codes, channel by channel, each rescaled by its channel's multiplier: see
// lutra_requantise. CHANNELS is 1 where they all have the same. Five clocks, a code per clock.
module lutra_rescale #(
    parameter int IN_BITS = 26,
    parameter int CHANNELS = 192,
    parameter int M_BITS = 32,
    parameter int SHIFT = 32,
    parameter int BITS = 8,
    parameter int OUT_BITS = 8,
    parameter MULTIPLIERS = ""
) (
    input logic clk,
    input logic rst,
    input logic in_valid,
    output logic in_ready,
    input logic signed [IN_BITS-1:0] in_data,
    output logic out_valid,
    input logic out_ready,
    output logic [OUT_BITS-1:0] out_data
);
    localparam int C_BITS = $clog2(CHANNELS > 1 ? CHANNELS : 2);
    logic [M_BITS-1:0] multipliers[CHANNELS];
    initial if (MULTIPLIERS != "") $readmemh(MULTIPLIERS, multipliers);

    logic [4:0] valid;
    logic [C_BITS-1:0] channel;
    logic signed [IN_BITS-1:0] q;
    logic [M_BITS-1:0] multiplier;
    wire en = !out_valid || out_ready;
    assign in_ready = en;
    assign out_valid = valid[4];
    always_ff @(posedge clk) begin
        if (en) begin
            q <= in_data;
            multiplier <= multipliers[channel];
        end
        if (rst) begin
            valid <= 0;
            channel <= 0;
        end else if (en) begin
            valid <= {valid[3:0], in_valid};
            if (in_valid) channel <= channel == C_BITS'(CHANNELS - 1) ? 0 : channel + 1;
        end
    end
    lutra_requantise #(
        .Q_BITS(IN_BITS), .M_BITS(M_BITS), .SHIFT(SHIFT), .BITS(BITS), .OUT_BITS(OUT_BITS)
    ) requantise (.clk, .en, .q, .multiplier, .out(out_data));
endmodule
