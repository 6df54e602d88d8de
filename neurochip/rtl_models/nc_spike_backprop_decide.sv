// Decide whether a neuron with an error spike learns, and in which direction. Combinational. Made from decide() of spike_backprop.py.
`default_nettype none
module nc_spike_backprop_decide #(
    parameter int RNG_BITS = 16
) (
    input wire signed [1:0] signal,  // -1 .. 1
    input wire [RNG_BITS-1:0] draw,
    input wire [RNG_BITS:0] p_learn,
    output wire signed [1:0] told  // -1 .. 1
);
    assign told = ((RNG_BITS + 1)'(draw) < p_learn) ? signal : 2'sd0;
endmodule
`default_nettype wire
