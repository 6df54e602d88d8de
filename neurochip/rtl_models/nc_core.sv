// One core without its memory: composite neurons, generators, queues, learning, counters, configuration. The memory is on ports, so
// that a macro or a test bench can take its place. Parameters come from neurochip_pkg by way of nc_engine. Configuration only while the core
// is idle (docs/rtl.md). Counterpart: CoreState in core/state.py, run_samples() in core/engine.py for one tick of it.
`default_nettype none
module nc_core #(
    parameter int CORE = 0,
    parameter int N_AXONS = 16,
    parameter int N_NEURONS = 8,
    parameter int WEIGHT_BITS = 16,
    parameter int FIELD_BITS = WEIGHT_BITS,  // of the memory
    parameter int FRAC_BITS = 12,
    parameter int ACC_BITS = 21,
    parameter bit ACC_NARROW = 0,
    parameter int BACK_BITS = 20,
    parameter bit BACK_NARROW = 0,
    parameter bit IS_FIRST = 0,
    parameter bit IS_LAST = 0,
    parameter [31:0] SIGN_SEED = 0,  // of random feedback
    parameter int FEEDBACK_SHIFT = 0,
    parameter int WORD_BITS = neurochip_pkg::WORD_BITS,
    parameter int WORDS = 1,  // side by side in an access
    parameter int PORT = neurochip_pkg::PORT,
    parameter bit TRACE = neurochip_pkg::TRACE,
    parameter bit COUNTERS = neurochip_pkg::COUNTERS,
    parameter int SOMA_LANES = IS_LAST ? 1 : neurochip_pkg::SOMA_LANES,
    parameter int INPUT_LANES = IS_FIRST ? neurochip_pkg::INPUT_LANES : 1,
    parameter bit IS_SERIAL = IS_FIRST && neurochip_pkg::SERIAL_ENCODER,
    parameter bit DELTA = IS_FIRST && neurochip_pkg::DELTA,
    parameter int LINE_BITS = WORDS * WORD_BITS,
    parameter int WIDTH = 4, // axons of a column's access
    parameter int COLUMN_BITS = 64,
    parameter int SLICES = (LINE_BITS + 31) / 32
) (
    input wire clk, rst,
    // barrier
    input wire step, swap, new_sample, learning, teaching, reading, in_reach,
    input wire signed [1:0] reward,  // broadcast in this tick
    input wire [15:0] label,
    input wire [30:0] exit_margin,
    output wire is_right,  // in the output core: the largest read-out register is the label's
    output wire settled,  // likewise: one leads by the margin
    output wire busy,
    // configuration
    input wire config_read, config_write,
    input wire [23:0] config_address,
    input wire [31:0] config_wdata,
    output wire [31:0] config_rdata,
    // intensities of the first core
    input wire intensity_valid,
    output wire intensity_ready,
    input wire [INPUT_LANES*8-1:0] intensity,  // of as many axons, the first in the lowest bits
    // packets: spikes forward, errors back
    input wire spike_in_valid, spike_out_ready, error_in_valid, error_out_ready,
    output wire spike_in_ready, spike_out_valid, error_in_ready, error_out_valid,
    input wire [neurochip_pkg::SPIKE_BITS-1:0] spike_in_unit,
    output wire [neurochip_pkg::SPIKE_BITS-1:0] spike_out_unit,
    input wire [16:0] error_in_unit,  // sign in front, 1 is minus
    output wire [16:0] error_out_unit,
    // memory
    output wire row_read, row_write, column_read,
    output wire [19:0] row_address,
    output wire [WORDS-1:0] row_enable,
    output wire [SLICES-1:0] row_mask,
    output wire [LINE_BITS-1:0] row_wdata,
    input wire [LINE_BITS-1:0] row_rdata,
    output wire [15:0] column_neuron, column_access,
    input wire [COLUMN_BITS-1:0] column_rdata,
    output wire [255:0] trace
);
    localparam int BITS = neurochip_pkg::RNG_BITS, OWN = neurochip_pkg::RECURRENT[CORE] ? N_NEURONS : 0, FED = N_AXONS - OWN;  // axons
    localparam int FIELDS = WORDS * (WORD_BITS / FIELD_BITS), STORED_BITS = FIELD_BITS - neurochip_pkg::TAG_BITS;
    localparam int MEMORY_BITS = IS_LAST ? 0 : neurochip_pkg::MEMORY_BITS[CORE*32+:32], REST_BITS = neurochip_pkg::REST_BITS[CORE*32+:32];  // of neurons
    localparam [31:0] LOW = neurochip_pkg::LOW_LEVEL[CORE*32+:32], HIGH = neurochip_pkg::HIGH_LEVEL[CORE*32+:32];
    localparam int KEPT_BITS = MEMORY_BITS > 0 ? MEMORY_BITS : ACC_BITS, ROW_ACCESSES = (N_NEURONS + FIELDS - 1) / FIELDS;
    localparam bit BY_COLUMN = PORT != neurochip_pkg::PLAIN, BY_SIGNS = PORT == neurochip_pkg::SIGNS;
    localparam bit AXONS_IN_MEMORY = IS_SERIAL && neurochip_pkg::RNG_SHARING == neurochip_pkg::PER_UNIT;  // the states of their generators
    localparam int AXON_STATES = neurochip_pkg::RNG_SHARING == neurochip_pkg::PER_UNIT && !IS_SERIAL ? FED : 1;

    nc_core_limits #(
        .N_AXONS(N_AXONS), .N_NEURONS(N_NEURONS), .WEIGHT_BITS(WEIGHT_BITS), .FRAC_BITS(FRAC_BITS), .ACC_BITS(ACC_BITS), .BACK_BITS(BACK_BITS),
        .WORD_BITS(WORD_BITS), .FIELDS(FIELDS), .ROW_ACCESSES(ROW_ACCESSES), .SLICES(SLICES)
    ) limits ();

    // ---- configuration
    wire [3:0] region = config_address[neurochip_pkg::INDEX_BITS+:4];
    wire [19:0] index = config_address[neurochip_pkg::INDEX_BITS-1:0];
    wire [19:0] config_slice, core_row_address;
    wire config_access = config_read | config_write;
    wire reads_potentials;
    wire [BITS:0] p_learn;
    wire [10:0] beta;
    wire [3:0] gain, state;
    wire [BITS-1:0] neuron_scan, axon_scan, learn_state, learn_draw;
    wire signed [WEIGHT_BITS-1:0] bias, bias_stepped;
    wire [31:0] votes, counter, rule_value;
    nc_config #(
        .N_AXONS(N_AXONS), .N_NEURONS(N_NEURONS), .BITS(BITS), .WORD_BITS(LINE_BITS), .AXONS_IN_MEMORY(AXONS_IN_MEMORY)
    ) configuration (
        .clk, .config_read, .config_write, .region, .index, .wdata(config_wdata), .rdata(config_rdata),
        .neuron_state(neuron_scan), .axon_state(axon_scan), .learn_state, .bias(32'(bias)), .votes, .counter, .rule_value,
        .p_learn, .beta, .gain, .reads_potentials, .slice(config_slice), .row(row_rdata)
    );

    // ---- control
    wire stall, leaves_fire, own_any, walk_any, walk_more, walk_minus, walk_restart, walk_take, inbox_any, inbox_more, inbox_minus;
    wire sums_any_after, sums_any_more, learns, minus, is_first_error, core_row_read, core_row_write, soma_moves, gate_open, encoder_moves, is_base;
    wire [15:0] walk_neuron, inbox_neuron, axon, word, neuron, soma, access, learn_word, soma_ahead, encoder_ahead, soma_word, soma_field, sum_axon, error_neuron;
    wire [WORDS-1:0] core_row_enable, words_here;
    wire [N_AXONS-1:0] active, likely, rows;
    wire [N_NEURONS-1:0] learners, learners_minus;
    wire own_after, cancels, ends_stream, error_more, own_minus, error_spikes, error_minus, error_saturates, reads_out;
    wire learn_step, has_events, again, hears, begins_again, takes_errors, potential_clamps, bias_write, biases_write;
    nc_control #(
        .N_AXONS(N_AXONS), .N_NEURONS(N_NEURONS), .FIELDS(FIELDS), .WORDS(WORDS), .BY_COLUMN(BY_COLUMN), .WIDTH(WIDTH), .IS_FIRST(IS_FIRST),
        .IS_LAST(IS_LAST), .AT_FIRE(IS_LAST || neurochip_pkg::GENERIC), .ALONE(neurochip_pkg::SYNAPSE_DRAWS), .IS_SERIAL(IS_SERIAL), .DELTA(DELTA),
        .SOMA_GROUPS((N_NEURONS + SOMA_LANES - 1) / SOMA_LANES),
        .INPUT_GROUPS((FED + INPUT_LANES - 1) / INPUT_LANES)
    ) control (
        .clk, .rst, .start(swap), .new_sample, .stall, .intensity_valid, .active, .likely, .has_events, .again, .hears, .begins_again, .rows,
        .own_any, .walk_any, .walk_more, .walk_neuron, .walk_minus, .walk_restart, .walk_take, .inbox_any, .inbox_more,
        .sums_any_after, .sums_any_more, .learns, .learners, .learners_minus, .learn_word, .encoder_moves, .encoder_ahead,
        .state, .leaves_fire, .axon, .is_base, .word, .soma_word, .soma_field, .neuron, .soma, .soma_moves, .soma_ahead, .minus, .is_first_error, .access,
        .row_read(core_row_read), .row_write(core_row_write), .row_enable(core_row_enable), .row_address(core_row_address),
        .column_read, .column_neuron, .column_access
    );
    wire loads = state == neurochip_pkg::LOAD && intensity_valid;
    wire encodes = loads || state == neurochip_pkg::ENCODE;
    wire integrates = state == neurochip_pkg::INTEGRATE, backs = state == neurochip_pkg::BACK_INTEGRATE;
    wire fires = state == neurochip_pkg::FIRE, error_fires = state == neurochip_pkg::ERROR_FIRE;
    wire decides = state == neurochip_pkg::DECIDE, learn_writes = state == neurochip_pkg::LEARN_WRITE;
    assign busy = state != neurochip_pkg::IDLE;
    wire is_likely = DELTA && likely[axon[$clog2(N_AXONS > 1 ? N_AXONS : 2)-1:0]], takes_away = is_likely && !is_base;
    assign intensity_ready = state == neurochip_pkg::LOAD;

    // ---- generators
    wire [SOMA_LANES*BITS-1:0] words_ahead, neuron_words;
    wire [INPUT_LANES*BITS-1:0] axon_words;
    wire [INPUT_LANES*8-1:0] intensities;
    wire [AXON_STATES*BITS-1:0] axon_states;
    wire error_step = !IS_FIRST && ((backs && is_first_error && access == '0) || (error_fires && !stall && ends_stream));
    nc_generators #(
        .N_AXONS(FED), .N_NEURONS(N_NEURONS), .IS_FIRST(IS_FIRST), .SOMA_LANES(SOMA_LANES), .INPUT_LANES(INPUT_LANES), .SOMAS_DRAW(MEMORY_BITS == 0)
    ) generators (
        .clk, .step, .config_access, .config_read, .config_write, .region, .index(index[15:0]), .config_wdata,
        .neuron_scan, .axon_scan, .learn_state, .soma_moves, .soma_ahead, .words_ahead, .neuron_words, .error_step,
        .axon(IS_FIRST ? axon : sum_axon), .encode(encodes), .fetch(encoder_moves), .axon_ahead(encoder_ahead), .axon_words, .axon_states,
        .learn_step, .learn_draw
    );

    // ---- spikes of this tick
    wire [SOMA_LANES-1:0] soma_spikes, gate_bits;
    nc_spikes_in #(
        .N_AXONS(N_AXONS), .N_OWN(OWN), .OWN_LANES(SOMA_LANES), .IS_FIRST(IS_FIRST), .INPUT_LANES(INPUT_LANES), .IS_SERIAL(IS_SERIAL), .AXON_STATES(AXON_STATES)
    ) spikes_in (
        .clk, .rst, .swap, .new_sample, .load(loads), .encode(encodes), .axon, .arriving(intensity), .axon_words, .axon_states,
        .fetch(encoder_moves), .axon_ahead(encoder_ahead), .intensities, .in_valid(spike_in_valid), .in_unit(spike_in_unit), .evaluate(fires && !stall), .soma, .fires(soma_spikes), .active, .likely
    );
    assign {spike_in_ready, error_in_ready} = 2'b11;

    // ---- memory port
    wire config_memory = config_access && region == neurochip_pkg::REGION_MEMORY;
    wire [LINE_BITS-1:0] line_read, line_written;
    wire [FIELDS*FIELD_BITS-1:0] fields, word_stepped;
    wire [FIELDS*WEIGHT_BITS-1:0] row, row_after;
    nc_row_port #(
        .WEIGHT_BITS(FIELD_BITS), .WORD_BITS(WORD_BITS), .WORDS(WORDS), .ROWS(N_AXONS * ROW_ACCESSES)
    ) row_port (
        .clk, .core_read(core_row_read), .core_write(core_row_write), .core_address(core_row_address), .core_enable(core_row_enable),
        .config_read(config_memory && config_read), .config_write(config_memory && config_write), .config_index(index), .config_wdata, .config_slice,
        .stepped(word_stepped), .row(fields), .words_here, .line_read, .line_written,
        .row_read, .row_write, .row_address, .row_enable, .row_mask, .row_wdata, .row_rdata
    );

    nc_weights #(.FIELDS(FIELDS), .WEIGHT_BITS(WEIGHT_BITS), .FIELD_BITS(FIELD_BITS), .STORED_BITS(STORED_BITS), .LOW(LOW), .HIGH(HIGH)) of_row (.fields, .weights(row));
    nc_weights #(.FIELDS(FIELDS), .WEIGHT_BITS(WEIGHT_BITS), .FIELD_BITS(FIELD_BITS), .STORED_BITS(STORED_BITS), .LOW(LOW), .HIGH(HIGH)) of_stepped (.fields(word_stepped), .weights(row_after));

    // ---- forward
    wire [15:0] acc_additions, acc_saturations, back_additions, back_saturations, weight_steps, weights_lost, learn_states, bias_steps, biases_lost;
    wire [SOMA_LANES*ACC_BITS-1:0] potentials;
    wire [N_NEURONS*WEIGHT_BITS-1:0] biases, biases_stepped;
    wire writes_bias = config_write && region == neurochip_pkg::REGION_BIASES;
    wire [15:0] bias_neuron = decides ? walk_neuron : index[15:0];
    nc_integrate #(
        .N_NEURONS(N_NEURONS), .WEIGHT_BITS(WEIGHT_BITS), .FIELDS(FIELDS), .ACC_BITS(ACC_BITS), .ACC_NARROW(ACC_NARROW),
        .SOMA_LANES(SOMA_LANES), .DELTA(DELTA), .ALL_BIASES(neurochip_pkg::ALL_BIASES)
    ) integrate (
        .clk, .clear(state == neurochip_pkg::START), .add(integrates), .word, .row(integrates || (DELTA && learn_writes) ? row : '0),
        .new_base(new_sample), .is_base(DELTA && is_base), .minus(takes_away), .follow(learn_writes && is_likely), .row_after,
        .additions(acc_additions), .saturations(acc_saturations), .neuron_word(soma_word), .neuron_field(soma_field), .soma, .potentials,
        .bias_write(decides ? bias_write : writes_bias), .bias_neuron, .biases_write, .biases_new(biases_stepped), .biases_old(biases),
        .bias_new(decides ? bias_stepped : config_wdata[WEIGHT_BITS-1:0]), .bias_old(bias)
    );
    wire [SOMA_LANES*KEPT_BITS-1:0] kept;  // after the tick
    wire [REST_BITS-1:0] resting;
    nc_somas #(
        .N_NEURONS(N_NEURONS), .ACC_BITS(ACC_BITS), .FRAC_BITS(FRAC_BITS), .IS_LAST(IS_LAST), .LANES(SOMA_LANES), .MEMORY_BITS(MEMORY_BITS), .REST_BITS(REST_BITS),
        .LEAKS(neurochip_pkg::LEAKS[CORE*32+:32]), .LEAK_SHIFT(neurochip_pkg::LEAK_SHIFT[CORE*32+:32]), .LEAK_FACTOR(neurochip_pkg::LEAK_FACTOR[CORE*32+:32]),
        .THRESHOLD(neurochip_pkg::THRESHOLD[CORE*32+:32]), .TAKEN(neurochip_pkg::TAKEN[CORE*32+:32]), .REFRACTORY(neurochip_pkg::REFRACTORY[CORE*32+:32])
    ) somas (
        .clk, .rst, .start(state == neurochip_pkg::START), .is_first(new_sample), .kept, .resting, .clamps(potential_clamps), .label, .is_right, .clear(swap && new_sample), .evaluate(fires && !stall), .is_last(leaves_fire), .soma, .potentials,
        .neuron_words, .soma_moves, .words_ahead, .beta, .spikes(soma_spikes), .packet(spike_out_unit), .gate_bits,
        .gate_neuron(inbox_neuron), .gate_open, .reading, .reads_potentials, .reads_out, .margin(exit_margin), .settled,
        .read_neuron(index[15:0]), .votes
    );
    assign spike_out_valid = fires && |soma_spikes;

    // ---- errors: its own, and those it sends back
    nc_own_errors #(
        .N_NEURONS(N_NEURONS), .IS_LAST(IS_LAST)
    ) own_errors (
        .clk, .rst, .swap, .clear(new_sample), .in_valid(error_in_valid), .in_neuron(error_in_unit[15:0]), .in_minus(error_in_unit[16]),
        .fired(leaves_fire), .teaching, .teacher(label), .winner(spike_out_unit[15:0]),
        .inbox_any, .inbox_more, .inbox_neuron, .inbox_minus, .receive(state == neurochip_pkg::RECEIVE_ERRORS), .gate(gate_open),
        .own_any, .own_after, .cancels, .walk_restart, .walk_take(walk_take && takes_errors), .walk_any, .walk_more(error_more), .walk_neuron(error_neuron),
        .walk_minus(own_minus)
    );
    wire signed [BACK_BITS-1:0] sum;
    wire [WIDTH-1:0] signs;
    wire [WIDTH*WEIGHT_BITS-1:0] column_weights;
    nc_weights #(.FIELDS(WIDTH), .WEIGHT_BITS(WEIGHT_BITS), .FIELD_BITS(FIELD_BITS), .STORED_BITS(STORED_BITS), .LOW(LOW), .HIGH(HIGH)) of_column (.fields(column_rdata[WIDTH*FIELD_BITS-1:0]), .weights(column_weights));
    nc_errors_back #(
        .N_AXONS(N_AXONS), .WEIGHT_BITS(WEIGHT_BITS), .FRAC_BITS(FRAC_BITS), .FIELDS(FIELDS), .WIDTH(WIDTH), .BY_COLUMN(BY_COLUMN),
        .BACK_BITS(BACK_BITS), .BACK_NARROW(BACK_NARROW), .IS_FIRST(IS_FIRST), .N_NEURONS(N_NEURONS), .BY_SIGNS(BY_SIGNS),
        .SIGN_SEED(SIGN_SEED), .SHIFT(FEEDBACK_SHIFT)
    ) errors_back (
        .clk, .add(backs), .is_first_error, .minus, .access, .neuron, .row, .column(column_weights),
        .step_signs(column_read), .neuron_ahead(column_neuron), .access_ahead(column_access), .signs, .ends_stream,
        .additions(back_additions), .saturations(back_saturations), .any_after(sums_any_after), .take(error_fires && !stall),
        .any_more(sums_any_more), .axon(sum_axon), .sum, .gain, .axon_word(axon_words[BITS-1:0]),
        .spikes(error_spikes), .spike_minus(error_minus), .saturates(error_saturates)
    );
    assign error_out_valid = error_fires && error_spikes;
    assign error_out_unit = {error_minus, sum_axon};
    assign stall = (spike_out_valid && !spike_out_ready) || (error_out_valid && !error_out_ready);

    // ---- learn
    wire [63:0] rule_states;
    nc_learn #(
        .CORE(CORE), .N_AXONS(N_AXONS), .N_NEURONS(N_NEURONS), .WEIGHT_BITS(WEIGHT_BITS), .FIELD_BITS(FIELD_BITS), .FIELDS(FIELDS),
        .SOMA_LANES(SOMA_LANES), .KEPT_BITS(KEPT_BITS), .IS_LAST(IS_LAST)
    ) rule (
        .clk, .rst, .swap, .new_sample, .learning, .in_reach, .state, .reward, .label, .active, .evaluate(fires && !stall), .leaves_fire, .soma,
        .spikes(soma_spikes), .kept, .winner(spike_out_unit[15:0]), .own_after, .error_more, .error_neuron, .error_minus(own_minus), .takes_errors,
        .has_events, .again, .hears, .begins_again, .rows, .walk_more, .walk_neuron, .walk_minus, .p_learn, .draw(learn_draw), .learn_step, .learns,
        .bias, .bias_stepped, .bias_write, .biases, .biases_stepped, .biases_write, .bias_steps, .biases_lost, .axon, .word, .fields, .learners,
        .minus(learners_minus), .fields_stepped(word_stepped), .steps(weight_steps), .lost(weights_lost), .observed(rule_states),
        .states(learn_states), .config_write, .region, .index, .wdata(config_wdata), .value(rule_value)
    );

    // ---- what only observes: events with their counters, the trace
    wire [neurochip_pkg::N_EVENTS*16-1:0] increments;
    nc_events #(
        .N_AXONS(FED), .N_NEURONS(N_NEURONS), .WORDS(WORDS), .PORT(PORT), .IS_FIRST(IS_FIRST), .COUNTERS(COUNTERS), .HAS_MEMORY(MEMORY_BITS > 0),
        .SOMA_LANES(SOMA_LANES), .INPUT_LANES(INPUT_LANES), .AXONS_IN_MEMORY(AXONS_IN_MEMORY), .BY_SIGNS(BY_SIGNS)
    ) events (
        .clk, .rst, .state, .stall, .intensity_valid, .is_first_word(word == '0), .words_issued(core_row_enable), .words_here, .acc_additions, .acc_saturations,
        .axon, .soma, .spike_out_valid, .spikes(soma_spikes), .reads_out, .potential_clamps, .error_step, .back_additions, .back_saturations, .error_out_valid,
        .error_saturates, .gate_open, .cancels, .learn_step, .bias_steps, .biases_lost, .learn_states, .weight_steps, .weights_lost,
        .increments, .read(config_read && region == neurochip_pkg::REGION_COUNTERS), .address(index[15:0]), .counter
    );
    generate
        if (TRACE) begin : traced
            nc_trace #(
                .N_AXONS(FED), .WEIGHT_BITS(WEIGHT_BITS), .LINE_BITS(LINE_BITS), .BY_COLUMN(BY_COLUMN), .WIDTH(WIDTH),
                .COLUMN_BITS(COLUMN_BITS), .ACC_BITS(ACC_BITS), .BACK_BITS(BACK_BITS), .N_NEURONS(N_NEURONS), .SOMA_LANES(SOMA_LANES), .INPUT_LANES(INPUT_LANES), .KEPT_BITS(MEMORY_BITS)
            ) record (
                .state, .row_read(core_row_read), .row_write(core_row_write), .row_address(core_row_address), .row_rdata(line_read), .row_wdata(line_written),
                .column_read, .column_neuron, .column_access, .column_rdata(BY_SIGNS ? COLUMN_BITS'(signs) : column_rdata),
                .axon, .sum_axon, .neuron, .soma, .inbox_neuron, .walk_neuron, .word, .access, .learn_word, .axon_words, .neuron_words,
                .learn_draw, .learn_step, .rule_states, .kept(kept[(MEMORY_BITS>0?MEMORY_BITS : 1)-1:0]), .resting(32'(resting)), .intensities, .potentials, .sum, .bias, .bias_stepped,
                .spike_out_valid, .spike_out_unit(spike_out_unit[15:0]), .spikes(soma_spikes), .error_out_valid, .error_minus, .inbox_minus, .walk_minus,
                .gate_bits, .gate_open, .learns, .is_base, .takes_away, .increments, .trace
            );
        end else begin : silent
            assign trace = '0;
            wire unused = &{1'b0, rule_states, kept, resting, increments, inbox_minus, learn_word, gate_bits, intensities, sum, takes_away, line_read, line_written, column_rdata, signs};
        end
    endgenerate

`ifndef SYNTHESIS
    // what must never happen
    wire [neurochip_pkg::SPIKE_BITS+18:0] offered = {spike_out_valid, spike_out_unit, error_out_valid, error_out_unit};
    reg was_held;
    reg [neurochip_pkg::SPIKE_BITS+18:0] offered_before;
    always @(posedge clk) begin
        was_held <= stall && !rst;
        offered_before <= offered;
    end
    always @(posedge clk)
        if (!rst) begin
            assert (!(config_access && (busy || step || swap))) else $error("configuration while the core is busy");
            assert (!(config_read && config_write)) else $error("configuration reads and writes at once");
            assert (busy || !(core_row_read || core_row_write || column_read)) else $error("an idle core accesses its memory");
            assert (!(spike_out_valid && error_out_valid)) else $error("a spike and an error leave at once");
            assert (!was_held || offered == offered_before) else $error("a packet that was not taken is changed");
            assert (!(decides && learn_state == '0)) else $error("the generator of decisions stands at zero");
        end
`endif
endmodule
`default_nettype wire
