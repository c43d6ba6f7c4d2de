// Simulation models of the Xilinx primitives that Lutra and Yosys write. For simulators only:
// synthesis tools bring their own.
/* verilator lint_off DECLFILENAME */

module LUT1 #(parameter [1:0] INIT = 0) (output O, input I0);
    assign O = INIT[I0];
endmodule

module LUT2 #(parameter [3:0] INIT = 0) (output O, input I0, I1);
    assign O = INIT[{I1, I0}];
endmodule

module LUT3 #(parameter [7:0] INIT = 0) (output O, input I0, I1, I2);
    assign O = INIT[{I2, I1, I0}];
endmodule

module LUT4 #(parameter [15:0] INIT = 0) (output O, input I0, I1, I2, I3);
    assign O = INIT[{I3, I2, I1, I0}];
endmodule

module LUT5 #(parameter [31:0] INIT = 0) (output O, input I0, I1, I2, I3, I4);
    assign O = INIT[{I4, I3, I2, I1, I0}];
endmodule

module LUT6 #(parameter [63:0] INIT = 0) (output O, input I0, I1, I2, I3, I4, I5);
    assign O = INIT[{I5, I4, I3, I2, I1, I0}];
endmodule

module LUT6_2 #(parameter [63:0] INIT = 0) (output O6, O5, input I0, I1, I2, I3, I4, I5);
    assign O6 = INIT[{I5, I4, I3, I2, I1, I0}];
    assign O5 = INIT[{1'b0, I4, I3, I2, I1, I0}];
endmodule

module MUXF7 (output O, input I0, I1, S);
    assign O = S ? I1 : I0;
endmodule

module MUXF8 (output O, input I0, I1, S);
    assign O = S ? I1 : I0;
endmodule

module MUXF9 (output O, input I0, I1, S);
    assign O = S ? I1 : I0;
endmodule

module INV (output O, input I);
    assign O = ~I;
endmodule

module BUF (output O, input I);
    assign O = I;
endmodule

module GND (output G);
    assign G = 1'b0;
endmodule

module VCC (output P);
    assign P = 1'b1;
endmodule

module CARRY4 (output [3:0] CO, output [3:0] O, input CI, input CYINIT, input [3:0] DI, S);
    wire c0 = S[0] ? CI | CYINIT : DI[0];
    wire c1 = S[1] ? c0 : DI[1];
    wire c2 = S[2] ? c1 : DI[2];
    wire c3 = S[3] ? c2 : DI[3];
    assign CO = {c3, c2, c1, c0};
    assign O = S ^ {c2, c1, c0, CI | CYINIT};
endmodule

module CARRY8 #(parameter CARRY_TYPE = "SINGLE_CY8")
    (output [7:0] CO, output [7:0] O, input CI, input CI_TOP, input [7:0] DI, S);
    wire c0 = S[0] ? CI : DI[0];
    wire c1 = S[1] ? c0 : DI[1];
    wire c2 = S[2] ? c1 : DI[2];
    wire c3 = S[3] ? c2 : DI[3];
    wire top = CARRY_TYPE == "DUAL_CY4" ? CI_TOP : c3;
    wire c4 = S[4] ? top : DI[4];
    wire c5 = S[5] ? c4 : DI[5];
    wire c6 = S[6] ? c5 : DI[6];
    wire c7 = S[7] ? c6 : DI[7];
    assign CO = {c7, c6, c5, c4, c3, c2, c1, c0};
    assign O = S ^ {c6, c5, c4, top, c2, c1, c0, CI};
endmodule

module FDRE #(
    parameter [0:0] INIT = 0, IS_C_INVERTED = 0, IS_D_INVERTED = 0, IS_R_INVERTED = 0
) (output reg Q, input C, CE, D, R);
    initial Q = INIT;
    always @(posedge C)
        if (R ^ IS_R_INVERTED) Q <= 1'b0;
        else if (CE) Q <= D ^ IS_D_INVERTED;
endmodule

module FDSE #(
    parameter [0:0] INIT = 1, IS_C_INVERTED = 0, IS_D_INVERTED = 0, IS_S_INVERTED = 0
) (output reg Q, input C, CE, D, S);
    initial Q = INIT;
    always @(posedge C)
        if (S ^ IS_S_INVERTED) Q <= 1'b1;
        else if (CE) Q <= D ^ IS_D_INVERTED;
endmodule
