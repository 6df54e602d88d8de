// Fixed random signs through which errors go back in place of weights: a generator starts from a word that is the core's own, turned by the
// number of the error's neuron, and makes WIDTH signs a step, so that every error of a neuron meets the same ones, and nothing is stored.
// Like a memory it is asked a cycle ahead. Counterpart: column_of_signs() in simulator/feedback.py.
`default_nettype none
module nc_signs #(
    parameter int WIDTH = 4,
    parameter [31:0] SEED = 1,
    parameter int BITS = neurochip_pkg::RNG_BITS
) (
    input wire clk,
    input wire step,
    input wire [15:0] neuron,
    input wire [15:0] access,  // the first one starts the generator
    output wire [WIDTH-1:0] signs  // 1 is minus; of the first axon in the lowest bit
);
    localparam [BITS-1:0] HIGHEST = BITS'(1) << (BITS - 1);
    reg [BITS-1:0] state;
    wire [BITS-1:0] held = access == '0 ? SEED[BITS-1:0] ^ BITS'(neuron) | HIGHEST : state;
    wire [BITS-1:0] made;
    nc_rng_next #(
        .STEPS(neurochip_pkg::RNG_STEPS)
    ) generator (
        .state(held),
        .word(made)
    );
    always_ff @(posedge clk) if (step) state <= made;

    genvar f;
    generate
        for (f = 0; f < WIDTH; f = f + 1) begin : sign
            assign signs[f] = state[BITS-1-f];
        end
    endgenerate
    wire unused = &{1'b0, SEED, state};
endmodule
`default_nettype wire
