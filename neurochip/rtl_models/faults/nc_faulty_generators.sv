// The generators of a core, of whose words bits are stuck on their way to the units: nc_generators, whose states go on as they were. In
// lock-step on a broken chip it stands in nc_generators' place; the list of faults is made for the chip.
// Counterpart: hold_words() in core/faults.py.
`default_nettype none
module nc_faulty_generators #(
    parameter int CORE = 0,
    parameter int N_AXONS = 16,
    parameter int N_NEURONS = 8,
    parameter bit IS_FIRST = 0,
    parameter int SOMA_LANES = 1,
    parameter bit SOMAS_DRAW = 1,
    parameter int INPUT_LANES = 1,
    parameter bit IN_MEMORY = IS_FIRST && neurochip_pkg::SERIAL_ENCODER && neurochip_pkg::RNG_SHARING == neurochip_pkg::PER_UNIT,
    parameter int BITS = neurochip_pkg::RNG_BITS,
    parameter int AXON_STATES = neurochip_pkg::RNG_SHARING == neurochip_pkg::PER_UNIT && !IN_MEMORY ? N_AXONS : 1
) (
    input wire clk,
    input wire step,
    input wire config_access,
    input wire config_read,
    input wire config_write,
    input wire [3:0] region,
    input wire [15:0] index,
    input wire [31:0] config_wdata,
    output wire [BITS-1:0] neuron_scan,
    output wire [BITS-1:0] axon_scan,
    output wire [BITS-1:0] learn_state,
    input wire soma_moves,
    input wire [15:0] soma_ahead,
    output wire [SOMA_LANES*BITS-1:0] words_ahead,
    output wire [SOMA_LANES*BITS-1:0] neuron_words,
    input wire error_step,
    input wire [15:0] axon,
    input wire encode,
    input wire fetch,
    input wire [15:0] axon_ahead,
    output wire [INPUT_LANES*BITS-1:0] axon_words,
    output wire [AXON_STATES*BITS-1:0] axon_states,
    input wire learn_step,
    output wire [BITS-1:0] learn_draw
);
    localparam int NEURON_GROUPS = (N_NEURONS + SOMA_LANES - 1) / SOMA_LANES;
    localparam int AXON_GROUPS = (N_AXONS + INPUT_LANES - 1) / INPUT_LANES;
    localparam int NEURON_UNITS = NEURON_GROUPS * SOMA_LANES, AXON_UNITS = AXON_GROUPS * INPUT_LANES;

    localparam int NEURON_BITS = NEURON_UNITS > 1 ? $clog2(NEURON_UNITS) : 1, AXON_BITS = AXON_UNITS > 1 ? $clog2(AXON_UNITS) : 1;

    // bits of the words of somas (bank 0), axons (1) and learning (2) that are kept, and bits that are forced
    reg [BITS-1:0] neuron_keep  [0:NEURON_UNITS-1];
    reg [BITS-1:0] neuron_forced[0:NEURON_UNITS-1];
    reg [BITS-1:0] axon_keep  [0:AXON_UNITS-1];
    reg [BITS-1:0] axon_forced[0:AXON_UNITS-1];
    reg [BITS-1:0] learn_keep, learn_forced, keep_k, forced_k;
    integer k;
    initial begin
        for (k = 0; k < NEURON_UNITS; k = k + 1) begin
            neuron_keep[k] = '1;
            neuron_forced[k] = '0;
        end
        for (k = 0; k < AXON_UNITS; k = k + 1) begin
            axon_keep[k] = '1;
            axon_forced[k] = '0;
        end
        learn_keep = '1;
        learn_forced = '0;
        for (k = 0; k < neurochip_pkg::N_FAULTY_WORDS; k = k + 1) begin
            keep_k = neurochip_pkg::FAULTY_WORDS[k*96+:BITS];
            forced_k = neurochip_pkg::FAULTY_WORDS[k*96+32+:BITS];
            if (32'(neurochip_pkg::FAULTY_WORDS[k*96+88+:8]) == CORE) begin
                if (neurochip_pkg::FAULTY_WORDS[k*96+80+:8] == 8'd0) begin
                    neuron_keep[NEURON_BITS'(neurochip_pkg::FAULTY_WORDS[k*96+64+:16])] = keep_k;
                    neuron_forced[NEURON_BITS'(neurochip_pkg::FAULTY_WORDS[k*96+64+:16])] = forced_k;
                end else if (neurochip_pkg::FAULTY_WORDS[k*96+80+:8] == 8'd1) begin
                    axon_keep[AXON_BITS'(neurochip_pkg::FAULTY_WORDS[k*96+64+:16])] = keep_k;
                    axon_forced[AXON_BITS'(neurochip_pkg::FAULTY_WORDS[k*96+64+:16])] = forced_k;
                end else begin
                    learn_keep = keep_k;
                    learn_forced = forced_k;
                end
            end
        end
    end

    wire [SOMA_LANES*BITS-1:0] words_sound, neurons_sound;
    wire [INPUT_LANES*BITS-1:0] axons_sound;
    wire [AXON_STATES*BITS-1:0] states_sound;
    wire [BITS-1:0] draw_sound;
    nc_generators #(
        .N_AXONS(N_AXONS),
        .N_NEURONS(N_NEURONS),
        .IS_FIRST(IS_FIRST),
        .SOMA_LANES(SOMA_LANES),
        .SOMAS_DRAW(SOMAS_DRAW),
        .INPUT_LANES(INPUT_LANES)
    ) sound (
        .clk(clk),
        .step(step),
        .config_access(config_access),
        .config_read(config_read),
        .config_write(config_write),
        .region(region),
        .index(index),
        .config_wdata(config_wdata),
        .neuron_scan(neuron_scan),
        .axon_scan(axon_scan),
        .learn_state(learn_state),
        .soma_moves(soma_moves),
        .soma_ahead(soma_ahead),
        .words_ahead(words_sound),
        .neuron_words(neurons_sound),
        .error_step(error_step),
        .axon(axon),
        .encode(encode),
        .fetch(fetch),
        .axon_ahead(axon_ahead),
        .axon_words(axons_sound),
        .axon_states(states_sound),
        .learn_step(learn_step),
        .learn_draw(draw_sound)
    );

    reg [15:0] soma;
    always_ff @(posedge clk) if (soma_moves) soma <= soma_ahead;
    genvar l;
    generate
        for (l = 0; l < SOMA_LANES; l = l + 1) begin : soma_lane
            wire [NEURON_BITS-1:0] ahead = NEURON_BITS'(32'(soma_ahead) * SOMA_LANES + l), here = NEURON_BITS'(32'(soma) * SOMA_LANES + l);
            assign words_ahead[l*BITS+:BITS] = (words_sound[l*BITS+:BITS] & neuron_keep[ahead]) | neuron_forced[ahead];
            assign neuron_words[l*BITS+:BITS] = (neurons_sound[l*BITS+:BITS] & neuron_keep[here]) | neuron_forced[here];
        end
        for (l = 0; l < INPUT_LANES; l = l + 1) begin : input_lane
            wire [AXON_BITS-1:0] unit = AXON_BITS'(32'(axon) * INPUT_LANES + l);
            assign axon_words[l*BITS+:BITS] = (axons_sound[l*BITS+:BITS] & axon_keep[unit]) | axon_forced[unit];
        end
        for (l = 0; l < AXON_STATES; l = l + 1) begin : axon_state
            if (AXON_STATES == N_AXONS) begin : own
                assign axon_states[l*BITS+:BITS] = (states_sound[l*BITS+:BITS] & axon_keep[l]) | axon_forced[l];
            end else begin : shared
                assign axon_states[l*BITS+:BITS] = states_sound[l*BITS+:BITS];
            end
        end
    endgenerate
    assign learn_draw = (draw_sound & learn_keep) | learn_forced;
endmodule
`default_nettype wire
