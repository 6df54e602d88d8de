// Next word of one generator, combinational. Counterpart: draw() in core/rng.py.
`default_nettype none
module nc_rng_next #(
    parameter int KIND = neurochip_pkg::RNG_KIND,
    parameter int STEPS = 1,
    parameter int BITS = neurochip_pkg::RNG_BITS,
    parameter [31:0] MASK = neurochip_pkg::RNG_MASK,
    parameter int LEFT = neurochip_pkg::RNG_LEFT,
    parameter int RIGHT = neurochip_pkg::RNG_RIGHT,
    parameter int LAST = neurochip_pkg::RNG_LAST
) (
    input wire [BITS-1:0] state,
    output wire [BITS-1:0] word
);
    `include "nc_rng_next.svh"
    assign word = rng_next(state);
endmodule
`default_nettype wire
