// What nc_rng_next must do in several steps: the same as that many generators of one step in a row. That one step is the simulator's is
// proven against a matrix made from its function (tests/cosim/test_proofs.py).
`default_nettype none
module spec_rng_steps #(
    parameter int KIND = neurochip_pkg::XORSHIFT16,
    parameter int STEPS = 1,
    parameter int BITS = KIND == neurochip_pkg::XORSHIFT32 ? 32 : 16
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
                .STEPS(1)
            ) one_step (
                .state(states[s*BITS+:BITS]),
                .word(states[(s+1)*BITS+:BITS])
            );
        end
    endgenerate
endmodule
`default_nettype wire
