// What nc_fire must do: 64-bit compares of the potential with the draw, with zero and with one.
`default_nettype none
module spec_fire #(
    parameter int ACC_BITS = 21,
    parameter int FRAC_BITS = 12,
    parameter int BITS = 16
) (
    input wire signed [ACC_BITS-1:0] potential,
    input wire [BITS-1:0] word,
    output wire fires,
    output wire gate
);
    wire signed [63:0] v = 64'(potential);
    wire signed [63:0] draw = $signed({{(64 - BITS) {1'b0}}, word}) >>> (BITS - FRAC_BITS);
    assign fires = v > draw;
    assign gate = !(v <= 64'sd0) && !(v >= 64'sd1 << FRAC_BITS);
endmodule
`default_nettype wire
