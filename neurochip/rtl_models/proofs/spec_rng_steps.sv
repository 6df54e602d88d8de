// What nc_rng_next must do in several steps: the same as that many generators of one step in a row. That one step is the simulator's is
// proven against a matrix made from its function (tests/cosim/test_proofs.py).
`default_nettype none
module spec_rng_steps #(
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
    wire [(STEPS+1)*BITS-1:0] states;
    assign states[BITS-1:0] = state;
    assign word = states[STEPS*BITS+:BITS];
    genvar s;
    generate
        for (s = 0; s < STEPS; s = s + 1) begin : in_a_row
            nc_rng_next #(
                .KIND(KIND),
                .STEPS(1),
                .BITS(BITS),
                .MASK(MASK),
                .LEFT(LEFT),
                .RIGHT(RIGHT),
                .LAST(LAST)
            ) one_step (
                .state(states[s*BITS+:BITS]),
                .word(states[(s+1)*BITS+:BITS])
            );
        end
    endgenerate
endmodule
`default_nettype wire
