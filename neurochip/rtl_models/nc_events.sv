// The events of a core's cycle, in the simulator's vocabulary, and their counters. It only observes. A section of nc_core.
// Counterpart: Event in core/events.py, `counts` of CoreState in core/state.py.
`default_nettype none
(* section *)
module nc_events #(
    parameter int N_AXONS = 16,
    parameter int N_NEURONS = 8,
    parameter int WORDS = 1,
    parameter int PORT = neurochip_pkg::PORT,
    parameter bit IS_FIRST = 0,
    parameter int SOMA_LANES = 1,
    parameter int INPUT_LANES = 1,
    parameter bit AXONS_IN_MEMORY = 0,  // the states of their generators, which then step as they are used
    parameter bit BY_SIGNS = 0,
    parameter bit HAS_MEMORY = 0,  // of neurons
    parameter bit COUNTERS = 1
) (
    input wire clk,
    input wire rst,
    input wire [3:0] state,
    input wire stall,
    // forward
    input wire intensity_valid,
    input wire is_first_word,
    input wire [WORDS-1:0] words_issued,  // of the memory: asked for now,
    input wire [WORDS-1:0] words_here,  // and before, so here now
    input wire [15:0] acc_additions,
    input wire [15:0] acc_saturations,
    input wire [15:0] axon,  // or group of axons that is loaded or encoded
    input wire [15:0] soma,
    input wire spike_out_valid,
    input wire [SOMA_LANES-1:0] spikes,
    input wire reads_out,
    input wire potential_clamps,
    // errors
    input wire error_step,
    input wire [15:0] back_additions,
    input wire [15:0] back_saturations,
    input wire error_out_valid,
    input wire error_saturates,
    input wire gate_open,
    input wire cancels,
    // learning
    input wire learn_step,
    input wire [15:0] bias_steps,
    input wire [15:0] biases_lost,
    input wire [15:0] learn_states,
    input wire [15:0] weight_steps,
    input wire [15:0] weights_lost,
    output wire [neurochip_pkg::N_EVENTS*16-1:0] increments,
    // configuration
    input wire read,
    input wire [15:0] address,  // counter, and which half
    output wire [31:0] counter
);
    localparam bit PER_UNIT = neurochip_pkg::RNG_SHARING == neurochip_pkg::PER_UNIT;
    localparam int NEURON_STATES = PER_UNIT ? N_NEURONS : 1;
    localparam int AXON_STATES = PER_UNIT ? N_AXONS : 1;
    localparam int STARTED = (HAS_MEMORY ? 0 : NEURON_STATES) + (IS_FIRST && !AXONS_IN_MEMORY ? AXON_STATES : 0);  // generators that step at the barrier

    function automatic [15:0] units(input [15:0] group, input integer lanes, input integer n);  // of a group
        units = (32'(group) + 1) * lanes > n ? 16'(n % lanes) : 16'(lanes);
    endfunction
    function automatic [15:0] sent(input [SOMA_LANES-1:0] flags);
        integer i;
        sent = '0;
        for (i = 0; i < SOMA_LANES; i = i + 1) sent = sent + 16'(flags[i]);
    endfunction

    wire loads = state == neurochip_pkg::LOAD && intensity_valid;
    wire encodes = loads || state == neurochip_pkg::ENCODE;
    wire [15:0] inputs = units(axon, INPUT_LANES, N_AXONS);
    wire starts = state == neurochip_pkg::START;
    wire integrates = state == neurochip_pkg::INTEGRATE;
    wire backs = state == neurochip_pkg::BACK_INTEGRATE;
    wire error_fires = state == neurochip_pkg::ERROR_FIRE;
    wire fires = state == neurochip_pkg::FIRE;
    wire receives = state == neurochip_pkg::RECEIVE_ERRORS;
    wire decides = state == neurochip_pkg::DECIDE;
    wire learn_reads = state == neurochip_pkg::LEARN_READ;
    wire learn_writes = state == neurochip_pkg::LEARN_WRITE;
    wire hears = neurochip_pkg::REWARDS && state == neurochip_pkg::HEAR;

    wire steps_signs = BY_SIGNS && backs;  // in the first one generators of somas step, too
    wire [15:0] accumulated = integrates ? acc_additions : backs ? back_additions : '0;
    wire [15:0] saturated = integrates ? acc_saturations : backs ? back_saturations : 16'(HAS_MEMORY && fires && potential_clamps);
    wire [15:0] lost = learn_writes ? weights_lost : decides ? biases_lost : '0;
    wire [15:0] drawn = starts ? 16'(STARTED) : encodes && AXONS_IN_MEMORY ? inputs : error_step ? 16'(AXON_STATES) + 16'(steps_signs) :
        learn_step || steps_signs ? 16'd1 : '0;
    wire takes_spike = integrates && is_first_word;
    wire sends_spike = spike_out_valid && !stall;
    wire sends_error = error_out_valid && !stall;
    wire sends_packet = sends_spike | sends_error;
    wire evaluates_soma = fires && !stall;
    wire evaluates_error = error_fires && !stall;
    wire reads_row = integrates | learn_reads | (backs && PORT == neurochip_pkg::PLAIN);
    wire reads_column = backs && PORT == neurochip_pkg::TRANSPOSABLE;
    wire reads_banks = backs && PORT == neurochip_pkg::SKEWED;  // a word of each axon's row
    wire accesses = reads_row | reads_banks | learn_writes;
    wire [15:0] words_read = reads_banks ? back_additions : reads_row ? ones(learn_reads ? words_issued : words_here) : '0;

    function automatic [15:0] ones(input [WORDS-1:0] flags);
        integer i;
        ones = '0;
        for (i = 0; i < WORDS; i = i + 1) ones = ones + 16'(flags[i]);
    endfunction
    wire gated = receives && !gate_open;

    assign increments[neurochip_pkg::INPUT_LOAD*16+:16] = loads ? inputs : '0;
    assign increments[neurochip_pkg::WORD_READ*16+:16] = words_read;
    assign increments[neurochip_pkg::WORD_WRITE*16+:16] = learn_writes ? ones(words_here) : '0;
    assign increments[neurochip_pkg::COLUMN_READ*16+:16] = 16'(reads_column);
    assign increments[neurochip_pkg::ACCUMULATE*16+:16] = accumulated;
    assign increments[neurochip_pkg::NEURON_UPDATE*16+:16] = evaluates_soma ? units(soma, SOMA_LANES, N_NEURONS) : '0;
    assign increments[neurochip_pkg::ERROR_UPDATE*16+:16] = 16'(evaluates_error);
    assign increments[neurochip_pkg::READOUT*16+:16] = 16'(reads_out);
    assign increments[neurochip_pkg::RNG_DRAW*16+:16] = drawn;
    assign increments[neurochip_pkg::SPIKE_IN*16+:16] = 16'(takes_spike);
    assign increments[neurochip_pkg::SPIKE_OUT*16+:16] = sends_spike ? sent(spikes) : '0;
    assign increments[neurochip_pkg::ERROR_IN*16+:16] = 16'(receives || hears);
    assign increments[neurochip_pkg::ERROR_OUT*16+:16] = 16'(sends_error);
    assign increments[neurochip_pkg::HOP*16+:16] = 16'(sends_packet);
    assign increments[neurochip_pkg::WEIGHT_UPDATE*16+:16] = learn_writes ? weight_steps : '0;
    assign increments[neurochip_pkg::BIAS_UPDATE*16+:16] = decides ? bias_steps : '0;
    assign increments[neurochip_pkg::LEARN_DECISION*16+:16] = 16'(decides);
    assign increments[neurochip_pkg::BARRIER*16+:16] = 16'(starts);
    assign increments[neurochip_pkg::BANK_ACCESS*16+:16] = 16'(accesses);
    assign increments[neurochip_pkg::SOMA_CYCLE*16+:16] = 16'(evaluates_soma);
    assign increments[neurochip_pkg::INPUT_CYCLE*16+:16] = 16'(encodes);
    assign increments[neurochip_pkg::ERROR_GATED*16+:16] = 16'(gated);
    assign increments[neurochip_pkg::UPDATE_LOST*16+:16] = lost;
    assign increments[neurochip_pkg::ACC_SATURATED*16+:16] = saturated;
    assign increments[neurochip_pkg::ERROR_SATURATED*16+:16] = 16'(evaluates_error && error_saturates);
    assign increments[neurochip_pkg::ERROR_CANCELLED*16+:16] = receives && gate_open && cancels ? 16'd2 : '0;
    assign increments[neurochip_pkg::SIGN_CYCLE*16+:16] = 16'(steps_signs);
    // what shared kernels count: this core has none
    assign increments[neurochip_pkg::ADDRESS*16+:16] = '0;
    assign increments[neurochip_pkg::STATE_READ*16+:16] = 16'(HAS_MEMORY && evaluates_soma);
    assign increments[neurochip_pkg::STATE_WRITE*16+:16] = 16'(HAS_MEMORY && evaluates_soma);

    generate
        if (COUNTERS) begin : counting
            nc_counters counters (
                .clk(clk),
                .rst(rst),
                .phase(backs | error_fires | receives ? 2'd1 : decides | learn_reads | learn_writes | hears ? 2'd2 : 2'd0),
                .increments(increments),
                .learn_states(learn_states),
                .read(read),
                .address(address),
                .data(counter)
            );
        end else begin : no_counters
            assign counter = '0;
            wire unused = &{1'b0, clk, rst, read, address, learn_states};
        end
    endgenerate
endmodule
`default_nettype wire
