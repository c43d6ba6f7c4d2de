// Square windows of images: SIDE x SIDE pixels at every STEP-th, in each of them row by row, pixel
// by pixel, PLANES codes per pixel, TOGETHER of them per clock, all of that PASSES times over; then
// the next window to the right.
//
// An image arrives plane by plane (PLANAR) or pixel by pixel, and is kept whole: one is read while
// the next is written. A code per clock enters, no clock is lost between images; in_ready
// depends on registers alone. Codes are the lowest 8 bits of what arrives; with UNSIGNED, 128 is
// code 0. BORDER 1 surrounds the image with a pixel of zeros (for SIDE 3 and STEP 1).
module lutra_windows #(
    parameter int IN_BITS = 8,
    parameter int UNSIGNED = 0,
    parameter int PLANAR = 0,
    parameter int PLANES = 3,
    parameter int TOGETHER = 1,  // divides PLANES
    parameter int HEIGHT = 32,
    parameter int WIDTH = 32,
    parameter int SIDE = 3,
    parameter int STEP = 1,
    parameter int BORDER = 1,
    parameter int PASSES = 1
) (
    input logic clk,
    input logic rst,
    input logic in_valid,
    output logic in_ready,
    input logic [IN_BITS-1:0] in_data,
    output logic out_valid,
    input logic out_ready,
    output logic [TOGETHER*8-1:0] out_data
);
    localparam int GROUPS = PLANES / TOGETHER;  // words of a pixel
    localparam int SIZE = GROUPS * HEIGHT * WIDTH;
    localparam int ROWS = (HEIGHT + 2 * BORDER - SIDE) / STEP + 1;
    localparam int COLUMNS = (WIDTH + 2 * BORDER - SIDE) / STEP + 1;
    // From a word to that of the next pixel, of the next row.
    localparam int RIGHT = GROUPS;
    localparam int DOWN = WIDTH * RIGHT;
    localparam int TO_ROW = DOWN - (SIDE - 1) * RIGHT - (GROUPS - 1);
    localparam int TO_LINE = STEP * DOWN - (COLUMNS - 1) * STEP * RIGHT;
    localparam int START = -BORDER * (DOWN + RIGHT);
    localparam int A_BITS = $clog2(2 * SIZE + DOWN + RIGHT + 1) + 1;
    localparam int P_BITS = $clog2(GROUPS > 1 ? GROUPS : 2);
    localparam int T_BITS = $clog2(TOGETHER > 1 ? TOGETHER : 2);
    localparam int W_BITS = $clog2(2 * SIZE);
    localparam int S_BITS = $clog2(SIDE > 1 ? SIDE : 2);
    localparam int N_BITS = $clog2(PASSES > 1 ? PASSES : 2);
    localparam int Y_BITS = $clog2(ROWS > 1 ? ROWS : 2);
    localparam int X_BITS = $clog2(COLUMNS > 1 ? COLUMNS : 2);

    logic [TOGETHER*8-1:0] memory[2*SIZE];
    logic [1:0] images;  // that are whole
    logic [W_BITS-1:0] write, write_from;  // from: the first pixel's word of the plane
    logic [T_BITS-1:0] lane;
    logic write_bank;
    wire put = in_valid && in_ready;
    wire lane_ends = lane == T_BITS'(TOGETHER - 1);
    wire [W_BITS-1:0] write_end = write_bank ? W_BITS'(2 * SIZE - 1) : W_BITS'(SIZE - 1);
    wire [W_BITS-1:0] write_start = write_bank ? W_BITS'(0) : W_BITS'(SIZE);  // of the other bank
    wire plane_written = write_end - write < W_BITS'(GROUPS);
    wire whole = put && lane_ends && write == write_end;
    assign in_ready = images != 2;

    logic [P_BITS-1:0] plane;
    logic [S_BITS-1:0] column, row;
    logic [N_BITS-1:0] pass;
    logic [X_BITS-1:0] x;
    logic [Y_BITS-1:0] y;
    logic bank;
    logic signed [A_BITS-1:0] at, window;  // addresses of this code, of its window
    wire en = !out_valid || out_ready;
    wire get = en && images != 0;
    wire plane_ends = plane == P_BITS'(GROUPS - 1);
    wire column_ends = column == S_BITS'(SIDE - 1);
    wire row_ends = row == S_BITS'(SIDE - 1);
    wire window_ends = plane_ends && column_ends && row_ends;
    wire leaves = window_ends && pass == N_BITS'(PASSES - 1);
    wire x_ends = x == X_BITS'(COLUMNS - 1);
    wire y_ends = y == Y_BITS'(ROWS - 1);
    wire image_ends = leaves && x_ends && y_ends;

    logic signed [A_BITS-1:0] next;
    always_comb begin
        if (!x_ends) next = window + A_BITS'(STEP * RIGHT);
        else if (!y_ends) next = window + A_BITS'(TO_LINE);
        else next = bank ? A_BITS'(START) : A_BITS'(SIZE + START);
    end
    always_ff @(posedge clk) begin
        for (int i = 0; i < TOGETHER; i++)
            if (put && lane == T_BITS'(i)) memory[write][i*8+:8] <= in_data[7:0] ^ {UNSIGNED != 0, 7'b0};
        if (rst) begin
            {write, write_from, lane, write_bank} <= 0;
            images <= 0;
            {plane, column, row, pass, x, y, bank} <= 0;
            at <= A_BITS'(START);
            window <= A_BITS'(START);
        end else begin
            if (whole) begin
                write_bank <= !write_bank;
                {write, write_from} <= {2{write_start}};
                lane <= 0;
            end else if (put && PLANAR == 0) begin
                lane <= lane_ends ? 0 : lane + 1;
                write <= write + W_BITS'(lane_ends);
            end else if (put && plane_written) begin
                lane <= lane_ends ? 0 : lane + 1;
                write <= write_from + W_BITS'(lane_ends);
                write_from <= write_from + W_BITS'(lane_ends);
            end else if (put) write <= write + W_BITS'(GROUPS);
            images <= images + 2'(whole) - 2'(get && image_ends);
            if (get) begin
                plane <= plane_ends ? 0 : plane + 1;
                if (plane_ends) column <= column_ends ? 0 : column + 1;
                if (plane_ends && column_ends) row <= row_ends ? 0 : row + 1;
                if (!plane_ends || !column_ends) at <= at + 1;
                else if (!row_ends) at <= at + A_BITS'(TO_ROW);
                else at <= leaves ? next : window;
                if (window_ends) pass <= leaves ? 0 : pass + 1;
                if (leaves) begin
                    window <= next;
                    x <= x_ends ? 0 : x + 1;
                    if (x_ends) y <= y_ends ? 0 : y + 1;
                    bank <= bank ^ image_ends;
                end
            end
        end
    end

    logic valid1, outside1;
    logic [TOGETHER*8-1:0] code1;
    always_ff @(posedge clk) begin
        if (en) begin
            code1 <= memory[at[W_BITS-1:0]];
            outside1 <= BORDER != 0 && (x == 0 && column == 0 || x_ends && column_ends
                || y == 0 && row == 0 || y_ends && row_ends);
            out_data <= outside1 ? 0 : code1;
        end
        if (rst) {valid1, out_valid} <= 0;
        else if (en) {valid1, out_valid} <= {get, valid1};
    end
endmodule
