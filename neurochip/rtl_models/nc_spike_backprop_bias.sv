// Step a bias like a weight. Combinational. Made from bias() of spike_backprop.py.
`default_nettype none
module nc_spike_backprop_bias #(
    parameter int WEIGHT_BITS = 16
) (
    input wire signed [WEIGHT_BITS-1:0] b,
    input wire signed [1:0] told,  // -1 .. 1
    output wire signed [WEIGHT_BITS-1:0] b_then
);
    wire signed [WEIGHT_BITS:0] b_then_1 = (WEIGHT_BITS + 1)'(b) + (WEIGHT_BITS + 1)'(told);  // b + told
    wire b_then_fits = &b_then_1[WEIGHT_BITS:WEIGHT_BITS-1] | ~|b_then_1[WEIGHT_BITS:WEIGHT_BITS-1];
    assign b_then = $signed(b_then_fits ? b_then_1[WEIGHT_BITS-1:0] : {b_then_1[WEIGHT_BITS], {(WEIGHT_BITS - 1) {~b_then_1[WEIGHT_BITS]}}});
endmodule
`default_nettype wire
