// An output-stationary array: SIDE x SIDE sums of products, a tile, grow while `a` (of each row)
// and `b` (of each column) enter together, from `first` to `last`. Rows and columns are skewed
// inside. A tile leaves column by column, one per clock, 2 SIDE + 3 clocks behind `last`, while the
// next one grows; so `last` may come every SIDE clocks at most. `valid` may pause.
module lutra_systolic #(
    parameter int SIDE = 16,
    parameter int A_BITS = 8,
    parameter int B_BITS = 8,
    parameter int SUM_BITS = 27
) (
    input logic clk,
    input logic rst,
    input logic valid,
    input logic first,
    input logic last,
    input logic [SIDE*A_BITS-1:0] a,
    input logic [SIDE*B_BITS-1:0] b,
    output logic out_valid,
    output logic [SIDE*SUM_BITS-1:0] out
);
    localparam int GROUP = 8;
    localparam int GROUPS = (SIDE + GROUP - 1) / GROUP;

    // What enters element (i, j), from the left and from above.
    logic [SIDE*(SIDE+1)-1:0] valids, firsts, lasts;
    logic [SIDE*(SIDE+1)*A_BITS-1:0] as;
    logic [(SIDE+1)*SIDE*B_BITS-1:0] bs;

    for (genvar i = 0; i < SIDE; i++) begin : g_skew
        lutra_delay #(.BITS(A_BITS + 2), .CLOCKS(i)) row (
            .clk, .in({first, last, a[i*A_BITS+:A_BITS]}),
            .out({firsts[i*(SIDE+1)], lasts[i*(SIDE+1)], as[i*(SIDE+1)*A_BITS+:A_BITS]})
        );
        lutra_flag #(.CLOCKS(i)) enter (
            .clk, .rst, .in(valid & ~rst), .out(valids[i*(SIDE+1)])
        );
        lutra_delay #(.BITS(B_BITS), .CLOCKS(i)) column (
            .clk, .in(b[i*B_BITS+:B_BITS]), .out(bs[i*B_BITS+:B_BITS])
        );
    end

    for (genvar i = 0; i < SIDE; i++) begin : g_row
        logic [SIDE-1:0] done;
        logic [SIDE*SUM_BITS-1:0] shown;
        for (genvar j = 0; j < SIDE; j++) begin : g_column
            localparam int AT = i * (SIDE + 1) + j;
            lutra_element #(.A_BITS(A_BITS), .B_BITS(B_BITS), .SUM_BITS(SUM_BITS)) element (
                .clk, .rst, .valid(valids[AT]), .first(firsts[AT]), .last(lasts[AT]),
                .a(as[AT*A_BITS+:A_BITS]), .b(bs[(i*SIDE+j)*B_BITS+:B_BITS]),
                .valid_next(valids[AT+1]), .first_next(firsts[AT+1]), .last_next(lasts[AT+1]),
                .a_next(as[(AT+1)*A_BITS+:A_BITS]), .b_next(bs[((i+1)*SIDE+j)*B_BITS+:B_BITS]),
                .done(done[j]), .shown(shown[j*SUM_BITS+:SUM_BITS])
            );
        end
        // At most one element of a row shows its sum in a clock.
        logic [GROUPS*SUM_BITS-1:0] groups, found;
        logic [SUM_BITS-1:0] either, row;
        always_comb begin
            found = '0;
            for (int j = 0; j < SIDE; j++)
                found[j/GROUP*SUM_BITS+:SUM_BITS] |= shown[j*SUM_BITS+:SUM_BITS];
            either = '0;
            for (int j = 0; j < GROUPS; j++) either |= groups[j*SUM_BITS+:SUM_BITS];
        end
        always_ff @(posedge clk) begin
            groups <= found;
            row <= either;
        end
        lutra_delay #(.BITS(SUM_BITS), .CLOCKS(SIDE - 1 - i)) align (
            .clk, .in(row), .out(out[i*SUM_BITS+:SUM_BITS])
        );
        if (i == SIDE - 1) begin : g_valid
            lutra_flag #(.CLOCKS(2)) leave (.clk, .rst, .in(|done), .out(out_valid));
        end
    end
endmodule
