// A part chosen out of a wide vector, as a tree of multiplexers from the highest index bit down: each halves what is left. The mapper's own
// way shifts the whole vector once per index bit and throws most of it away again: minutes for thousands of bits, for the same tree.
(* techmap_celltype = "$shiftx" *)
module nc_shiftx (A, B, Y);
    parameter A_SIGNED = 0;
    parameter B_SIGNED = 0;
    parameter A_WIDTH = 1;
    parameter B_WIDTH = 1;
    parameter Y_WIDTH = 1;
    input [A_WIDTH-1:0] A;
    input [B_WIDTH-1:0] B;
    output [Y_WIDTH-1:0] Y;
    localparam TOP = B_WIDTH - 1;
    localparam STEP = TOP < 30 ? 1 << TOP : 1 << 30;
    localparam KEPT = STEP + Y_WIDTH - 1 < A_WIDTH ? STEP + Y_WIDTH - 1 : A_WIDTH;
    parameter [B_WIDTH-1:0] _TECHMAP_CONSTMSK_B_ = 0;
    parameter [B_WIDTH-1:0] _TECHMAP_CONSTVAL_B_ = 0;
    localparam IS_POSITIVE = !B_SIGNED || (_TECHMAP_CONSTMSK_B_[B_WIDTH-1] && !_TECHMAP_CONSTVAL_B_[B_WIDTH-1]);
    wire _TECHMAP_FAIL_ = !IS_POSITIVE;
    wire [KEPT-1:0] chosen;
    generate
        if (STEP >= A_WIDTH) begin
            assign chosen = A;
        end else begin
            wire [KEPT-1:0] high = {{KEPT{1'bx}}, A[A_WIDTH-1:STEP]};
            assign chosen = B[TOP] ? high : A[KEPT-1:0];
        end
        if (TOP == 0) begin
            assign Y = {{Y_WIDTH{1'bx}}, chosen};
        end else begin
            \$shiftx #(.A_SIGNED(0), .B_SIGNED(0), .A_WIDTH(KEPT), .B_WIDTH(TOP), .Y_WIDTH(Y_WIDTH))
                next (.A(chosen), .B(B[TOP-1:0]), .Y(Y));
        end
    endgenerate
endmodule
