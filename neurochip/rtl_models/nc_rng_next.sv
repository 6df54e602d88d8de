// Next word of one generator, combinational. Counterpart: draw() in core/rng.py.
`default_nettype none
module nc_rng_next #(
    parameter int KIND = neurochip_pkg::XORSHIFT16,
    parameter int STEPS = 1,
    parameter int BITS = KIND == neurochip_pkg::XORSHIFT32 ? 32 : 16
) (
    input wire [BITS-1:0] state,
    output wire [BITS-1:0] word
);
    `include "nc_rng_next.svh"
    assign word = rng_next(state);
endmodule
`default_nettype wire
