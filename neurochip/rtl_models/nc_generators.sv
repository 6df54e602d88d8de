// The generators of a core: a bank for its somas, a bank for its axons (the encoder's in the first core, the error somas' in the others),
// and the one that decides on learning. With a serial encoder those of the first core's axons lie in a memory. A section of nc_core.
// Counterpart: rng_neuron, rng_axon and rng_learn of ChipState in core/state.py.
`default_nettype none
(* section *)
module nc_generators #(
    parameter int N_AXONS = 16,
    parameter int N_NEURONS = 8,
    parameter bit IS_FIRST = 0,
    parameter int SOMA_LANES = 1,
    parameter bit SOMAS_DRAW = 1,  // neurons with a memory do not
    parameter int INPUT_LANES = 1,
    parameter bit IN_MEMORY = IS_FIRST && neurochip_pkg::SERIAL_ENCODER && neurochip_pkg::RNG_SHARING == neurochip_pkg::PER_UNIT,  // states of the axons
    parameter int BITS = neurochip_pkg::RNG_BITS,
    parameter int AXON_STATES = neurochip_pkg::RNG_SHARING == neurochip_pkg::PER_UNIT && !IN_MEMORY ? N_AXONS : 1
) (
    input wire clk,
    input wire step,  // of the barrier: generators that run free
    // configuration
    input wire config_access,
    input wire config_read,
    input wire config_write,
    input wire [3:0] region,
    input wire [15:0] index,
    input wire [31:0] config_wdata,
    output wire [BITS-1:0] neuron_scan,
    output wire [BITS-1:0] axon_scan,  // from a memory a cycle later
    output reg [BITS-1:0] learn_state,
    // somas
    input wire soma_moves,
    input wire [15:0] soma_ahead,
    output wire [SOMA_LANES*BITS-1:0] words_ahead,
    output reg [SOMA_LANES*BITS-1:0] neuron_words,  // of the somas in hand: the choice among all generators is made a cycle ahead
    // axons
    input wire error_step,
    input wire [15:0] axon,  // loaded or encoded, in groups; or with an error sum
    input wire encode,
    input wire fetch,
    input wire [15:0] axon_ahead,
    output wire [INPUT_LANES*BITS-1:0] axon_words,
    output wire [AXON_STATES*BITS-1:0] axon_states,
    // learning
    input wire learn_step,
    output wire [BITS-1:0] learn_draw
);
    localparam int KIND = neurochip_pkg::RNG_KIND;
    localparam int STEPS = neurochip_pkg::RNG_STEPS;
    localparam int SHARING = neurochip_pkg::RNG_SHARING;
    localparam int NEURON_STATES = SHARING == neurochip_pkg::PER_UNIT ? N_NEURONS : 1;
    wire [NEURON_STATES*BITS-1:0] neuron_states;

    generate
        if (SOMAS_DRAW) begin : neuron_bank
            nc_rng_bank #(
                .KIND(KIND),
                .STEPS(STEPS),
                .SHARING(SHARING),
                .UNITS(N_NEURONS),
                .LANES(SOMA_LANES)
            ) bank (
                .clk(clk),
                .step(step),
                .shift(config_access && region == neurochip_pkg::REGION_NEURON_RNG),
                .scan_in(config_write ? config_wdata[BITS-1:0] : neuron_scan),
                .scan_out(neuron_scan),
                .group(soma_ahead),
                .words(words_ahead),
                .states(neuron_states)
            );
        end else begin : no_draws
            assign neuron_scan = '0;
            assign words_ahead = '0;
            assign neuron_states = '0;
            wire unused_somas = &{1'b0, step, soma_ahead};
        end
    endgenerate
    always_ff @(posedge clk) if (soma_moves) neuron_words <= words_ahead;

    wire moves_axons = config_access && region == neurochip_pkg::REGION_AXON_RNG;
    generate
        if (IN_MEMORY) begin : axon_memory
            nc_rng_memory #(
                .KIND(KIND),
                .STEPS(STEPS),
                .UNITS(N_AXONS),
                .LANES(INPUT_LANES)
            ) of_axons (
                .clk(clk),
                .fetch(fetch),
                .group_ahead(axon_ahead),
                .step(encode),
                .group(axon),
                .words(axon_words),
                .config_read(moves_axons && config_read),
                .config_write(moves_axons && config_write),
                .config_unit(index),
                .config_state(config_wdata[BITS-1:0]),
                .config_value(axon_scan)
            );
            assign axon_states = '0;
            wire unused_step = error_step;
        end else begin : axon_bank
            nc_rng_bank #(
                .KIND(KIND),
                .STEPS(STEPS),
                .SHARING(SHARING),
                .UNITS(N_AXONS),
                .LANES(INPUT_LANES)
            ) bank (
                .clk(clk),
                .step(IS_FIRST ? step : error_step),
                .shift(moves_axons),
                .scan_in(config_write ? config_wdata[BITS-1:0] : axon_scan),
                .scan_out(axon_scan),
                .group(axon),
                .words(axon_words),
                .states(axon_states)
            );
            wire unused_encode = &{1'b0, encode, fetch, axon_ahead};
        end
    endgenerate

    nc_rng_next #(
        .KIND(KIND),
        .STEPS(STEPS)
    ) learn_generator (
        .state(learn_state),
        .word(learn_draw)
    );
    always_ff @(posedge clk) begin
        if (config_write && region == neurochip_pkg::REGION_LEARN_RNG) learn_state <= config_wdata[BITS-1:0];
        else if (learn_step) learn_state <= learn_draw;
    end
    wire unused = &{1'b0, neuron_states, config_read, index, config_wdata};
endmodule
`default_nettype wire
