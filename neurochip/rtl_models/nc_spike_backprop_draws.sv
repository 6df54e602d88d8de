// Tell whether decisions need a draw: not if all are to learn. Combinational. Made from draws() of spike_backprop.py.
`default_nettype none
module nc_spike_backprop_draws #(
    parameter int RNG_BITS = 16
) (
    input wire [RNG_BITS:0] p_learn,
    output wire is_drawn
);
    localparam [RNG_BITS:0] DRAW_END = {1'b1, {(RNG_BITS) {1'b0}}};
    assign is_drawn = p_learn < DRAW_END;
endmodule
`default_nettype wire
