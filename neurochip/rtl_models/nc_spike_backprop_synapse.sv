// Step a weight by one LSB in the error's direction; at its rail it stays. Combinational. Made from synapse() of spike_backprop.py.
`default_nettype none
module nc_spike_backprop_synapse #(
    parameter int WEIGHT_BITS = 16
) (
    input wire signed [WEIGHT_BITS-1:0] w,
    input wire signed [1:0] told,  // -1 .. 1
    output wire signed [WEIGHT_BITS-1:0] w_then
);
    wire signed [WEIGHT_BITS:0] w_then_1 = (WEIGHT_BITS + 1)'(w) + (WEIGHT_BITS + 1)'(told);  // w + told
    wire w_then_fits = &w_then_1[WEIGHT_BITS:WEIGHT_BITS-1] | ~|w_then_1[WEIGHT_BITS:WEIGHT_BITS-1];
    assign w_then = $signed(w_then_fits ? w_then_1[WEIGHT_BITS-1:0] : {w_then_1[WEIGHT_BITS], {(WEIGHT_BITS - 1) {~w_then_1[WEIGHT_BITS]}}});
endmodule
`default_nettype wire
