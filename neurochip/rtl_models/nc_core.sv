// One core without its memory: composite neurons, generators, queues, learning, counters, configuration. The memory is on ports, so
// that a macro or a test bench can take its place. All parameters come from neurochip_pkg by way of nc_engine.
// Counterpart: CoreState in core/state.py; one tick of it is the body of run_samples() in core/engine.py.
//
// Configuration (only while the core is idle): address = region << 20 | index; a value read comes two cycles after config_read.
//   0 registers: 0 identity, 1 axons, 2 neurons (read only), 3 p_learn, 4 beta, 5 error gain, 6 read out potentials, 7 p_learn is one
//   1 soma generators, 2 axon generators (scan rings: every access moves the ring by one), 3 learn generator, 4 biases,
//   5 counters (2 x index + half), 6 read-out registers, 8 memory (word x SLICES + slice of 32 bits)
`default_nettype none
module nc_core #(
    parameter int N_AXONS = 16,
    parameter int N_NEURONS = 8,
    parameter int WEIGHT_BITS = 16,
    parameter int FRAC_BITS = 12,
    parameter int ACC_BITS = 21,
    parameter bit ACC_NARROW = 0,
    parameter int BACK_BITS = 20,
    parameter bit BACK_NARROW = 0,
    parameter bit IS_FIRST = 0,
    parameter bit IS_LAST = 0,
    parameter int WORD_BITS = neurochip_pkg::WORD_BITS,
    parameter bit TRANSPOSABLE = neurochip_pkg::TRANSPOSABLE,
    parameter bit TRACE = 1,
    parameter bit COUNTERS = 1,
    parameter int SLICES = (WORD_BITS + 31) / 32
) (
    input wire clk,
    input wire rst,
    // barrier
    input wire step,
    input wire swap,
    input wire new_sample,
    input wire learning,
    input wire teaching,
    input wire reading,
    input wire [15:0] label,
    output wire busy,
    // configuration
    input wire config_read,
    input wire config_write,
    input wire [23:0] config_address,
    input wire [31:0] config_wdata,
    output wire [31:0] config_rdata,
    // intensities of the first core
    input wire intensity_valid,
    output wire intensity_ready,
    input wire [7:0] intensity,
    // packets: spikes forward, errors back
    input wire spike_in_valid,
    output wire spike_in_ready,
    input wire [15:0] spike_in_unit,
    output wire spike_out_valid,
    input wire spike_out_ready,
    output wire [15:0] spike_out_unit,
    input wire error_in_valid,
    output wire error_in_ready,
    input wire [16:0] error_in_unit,  // sign in front, 1 is minus
    output wire error_out_valid,
    input wire error_out_ready,
    output wire [16:0] error_out_unit,
    // memory
    output wire row_read,
    output wire row_write,
    output wire [19:0] row_address,
    output wire [SLICES-1:0] row_mask,
    output wire [WORD_BITS-1:0] row_wdata,
    input wire [WORD_BITS-1:0] row_rdata,
    output wire column_read,
    output wire [15:0] column_neuron,
    output wire [15:0] column_access,
    input wire [WORD_BITS-1:0] column_rdata,
    output wire [255:0] trace
);
    localparam int KIND = neurochip_pkg::RNG_KIND;
    localparam int STEPS = neurochip_pkg::RNG_STEPS;
    localparam int SHARING = neurochip_pkg::RNG_SHARING;
    localparam int BITS = neurochip_pkg::RNG_BITS;
    localparam int FIELDS = WORD_BITS / WEIGHT_BITS;
    localparam int ROW_WORDS = (N_NEURONS + FIELDS - 1) / FIELDS;
    localparam int AXON_STATES = SHARING == neurochip_pkg::PER_UNIT ? N_AXONS : 1;
    localparam int NEURON_STATES = SHARING == neurochip_pkg::PER_UNIT ? N_NEURONS : 1;

    localparam bit FITS = N_AXONS >= 1 && N_AXONS <= 32767 && N_NEURONS >= 1 && N_NEURONS <= 32767 && WEIGHT_BITS >= 2 && WEIGHT_BITS <= 16
        && WEIGHT_BITS <= WORD_BITS && FRAC_BITS >= 1 && FRAC_BITS <= 15 && ACC_BITS >= WEIGHT_BITS && ACC_BITS <= 32 && BACK_BITS >= 4
        && BACK_BITS <= 32 && FIELDS <= 64 && N_AXONS * ROW_WORDS <= 1048576;
    generate
        if (!FITS) begin : refused
`ifdef __ICARUS__
            initial $fatal(1, "nc_core: a parameter is out of range");
`else
            $error("nc_core: a parameter is out of range");
`endif
        end
    endgenerate

    // ---- configuration
    wire [BITS:0] p_learn;
    wire [10:0] beta;
    wire [3:0] gain;
    wire reads_potentials;
    wire [3:0] region = config_address[23:20];
    wire [19:0] index = config_address[19:0];
    wire config_access = config_read | config_write;

    // ---- control
    wire [3:0] state;
    wire stall, leaves_fire, own_any, own_after, walk_any, walk_more, walk_minus, walk_restart, walk_take, inbox_any, inbox_more;
    wire sums_any_after, sums_any_more, learns, minus, is_first_error, core_row_read, core_row_write;
    wire [15:0] walk_neuron, axon, word, neuron, access, learn_word, soma_ahead;
    wire soma_moves;
    wire [7:0] field;
    wire [19:0] core_row_address;
    wire [N_AXONS-1:0] active;
    wire [N_NEURONS-1:0] learners, learners_minus;
    nc_control #(
        .N_AXONS(N_AXONS),
        .N_NEURONS(N_NEURONS),
        .FIELDS(FIELDS),
        .TRANSPOSABLE(TRANSPOSABLE),
        .IS_FIRST(IS_FIRST),
        .IS_LAST(IS_LAST)
    ) control (
        .clk(clk),
        .rst(rst),
        .start(swap),
        .new_sample(new_sample),
        .learning(learning),
        .stall(stall),
        .intensity_valid(intensity_valid),
        .active(active),
        .own_any(own_any),
        .own_after(own_after),
        .walk_any(walk_any),
        .walk_more(walk_more),
        .walk_neuron(walk_neuron),
        .walk_minus(walk_minus),
        .walk_restart(walk_restart),
        .walk_take(walk_take),
        .inbox_any(inbox_any),
        .inbox_more(inbox_more),
        .sums_any_after(sums_any_after),
        .sums_any_more(sums_any_more),
        .learns(learns),
        .state(state),
        .leaves_fire(leaves_fire),
        .axon(axon),
        .word(word),
        .field(field),
        .neuron(neuron),
        .soma_moves(soma_moves),
        .soma_ahead(soma_ahead),
        .minus(minus),
        .is_first_error(is_first_error),
        .access(access),
        .learners(learners),
        .learners_minus(learners_minus),
        .learn_word(learn_word),
        .row_read(core_row_read),
        .row_write(core_row_write),
        .row_address(core_row_address),
        .column_read(column_read),
        .column_neuron(column_neuron),
        .column_access(column_access)
    );
    wire loads = state == neurochip_pkg::LOAD && intensity_valid;
    wire starts = state == neurochip_pkg::START;
    wire integrates = state == neurochip_pkg::INTEGRATE;
    wire backs = state == neurochip_pkg::BACK_INTEGRATE;
    wire error_fires = state == neurochip_pkg::ERROR_FIRE;
    wire fires = state == neurochip_pkg::FIRE;
    wire receives = state == neurochip_pkg::RECEIVE_ERRORS;
    wire decides = state == neurochip_pkg::DECIDE;
    wire learn_reads = state == neurochip_pkg::LEARN_READ;
    wire learn_writes = state == neurochip_pkg::LEARN_WRITE;
    assign busy = state != neurochip_pkg::IDLE;
    assign intensity_ready = state == neurochip_pkg::LOAD;

    // ---- generators
    wire [BITS-1:0] word_ahead, axon_word, neuron_scan, axon_scan, learn_draw;
    wire [NEURON_STATES*BITS-1:0] neuron_states;
    wire [AXON_STATES*BITS-1:0] axon_states;
    wire [15:0] sum_axon;
    wire error_step = !IS_FIRST && backs && is_first_error && access == '0;
    nc_rng_bank #(
        .KIND(KIND),
        .STEPS(STEPS),
        .SHARING(SHARING),
        .UNITS(N_NEURONS)
    ) neuron_bank (
        .clk(clk),
        .step(step),
        .shift(config_access && region == 4'd1),
        .scan_in(config_write ? config_wdata[BITS-1:0] : neuron_scan),
        .scan_out(neuron_scan),
        .unit(soma_ahead),
        .word(word_ahead),
        .states(neuron_states)
    );
    nc_rng_bank #(
        .KIND(KIND),
        .STEPS(STEPS),
        .SHARING(SHARING),
        .UNITS(N_AXONS)
    ) axon_bank (
        .clk(clk),
        .step(IS_FIRST ? step : error_step),
        .shift(config_access && region == 4'd2),
        .scan_in(config_write ? config_wdata[BITS-1:0] : axon_scan),
        .scan_out(axon_scan),
        .unit(IS_FIRST ? axon : sum_axon),
        .word(axon_word),
        .states(axon_states)
    );
    reg [BITS-1:0] neuron_word;  // of the soma in hand: the choice among all generators is made a cycle ahead
    always_ff @(posedge clk) if (soma_moves) neuron_word <= word_ahead;
    reg [BITS-1:0] learn_state;
    wire is_certain;
    nc_rng_next #(
        .KIND(KIND),
        .STEPS(STEPS)
    ) learn_generator (
        .state(learn_state),
        .word(learn_draw)
    );
    always_ff @(posedge clk) begin
        if (config_write && region == 4'd3) learn_state <= config_wdata[BITS-1:0];
        else if (decides && !is_certain) learn_state <= learn_draw;
    end

    // ---- spikes of this tick
    generate
        if (IS_FIRST) begin : input_side
            nc_encode #(
                .N_AXONS(N_AXONS),
                .SHARING(SHARING),
                .BITS(BITS)
            ) encoder (
                .clk(clk),
                .load(loads),
                .load_axon(axon),
                .load_intensity(intensity),
                .load_word(axon_word),
                .swap(swap),
                .states(axon_states),
                .active(active)
            );
            wire unused = &{1'b0, spike_in_valid, spike_in_unit, sum_axon};
        end else begin : from_core
            nc_spike_queue #(
                .N_AXONS(N_AXONS)
            ) queue (
                .clk(clk),
                .rst(rst),
                .swap(swap),
                .clear(new_sample),
                .in_valid(spike_in_valid),
                .in_unit(spike_in_unit),
                .active(active)
            );
            wire unused = &{1'b0, intensity, axon_states};
        end
    endgenerate
    assign spike_in_ready = 1'b1;
    assign error_in_ready = 1'b1;

    // ---- forward
    wire [7:0] acc_additions, acc_saturations;
    wire signed [ACC_BITS-1:0] potential;
    wire signed [WEIGHT_BITS-1:0] bias, bias_stepped;
    wire writes_bias = config_write && region == 4'd4;
    wire [15:0] bias_neuron = decides ? walk_neuron : index[15:0];
    nc_integrate #(
        .N_NEURONS(N_NEURONS),
        .WEIGHT_BITS(WEIGHT_BITS),
        .FIELDS(FIELDS),
        .ACC_BITS(ACC_BITS),
        .ACC_NARROW(ACC_NARROW)
    ) integrate (
        .clk(clk),
        .clear(starts),
        .add(integrates),
        .word(word),
        .row(integrates ? row_rdata[FIELDS*WEIGHT_BITS-1:0] : '0),
        .additions(acc_additions),
        .saturations(acc_saturations),
        .neuron_word(word),
        .neuron_field(field),
        .potential(potential),
        .bias_write(decides ? learns : writes_bias),
        .bias_word(16'(32'(bias_neuron) / FIELDS)),
        .bias_field(8'(32'(bias_neuron) % FIELDS)),
        .bias_new(decides ? bias_stepped : config_wdata[WEIGHT_BITS-1:0]),
        .bias_old(bias)
    );

    wire soma_spikes, gate_bit;
    wire [15:0] winner;
    reg [N_NEURONS-1:0] gate;
    wire [31:0] votes;
    generate
        if (IS_LAST) begin : output_somas
            nc_fire_winner #(
                .ACC_BITS(ACC_BITS),
                .BITS(BITS)
            ) fire_winner (
                .clk(clk),
                .evaluate(fires && !stall),
                .is_first(neuron == '0),
                .neuron(neuron),
                .potential(potential),
                .beta(beta),
                .fetch(soma_moves),
                .word_ahead(word_ahead),
                .winner(winner)
            );
            assign soma_spikes = 32'(neuron) == N_NEURONS - 1;
            assign gate_bit = 1'b0;
            nc_read_out #(
                .N_NEURONS(N_NEURONS),
                .ACC_BITS(ACC_BITS)
            ) read_out (
                .clk(clk),
                .clear(swap && new_sample),
                .add(fires && !stall && reading && (reads_potentials || leaves_fire)),
                .neuron(reads_potentials ? neuron : winner),
                .term(reads_potentials ? potential : ACC_BITS'(1)),
                .read_neuron(index[15:0]),
                .votes(votes)
            );
        end else begin : hidden_somas
            nc_fire #(
                .ACC_BITS(ACC_BITS),
                .FRAC_BITS(FRAC_BITS),
                .BITS(BITS)
            ) fire (
                .potential(potential),
                .word(neuron_word),
                .fires(soma_spikes),
                .gate(gate_bit)
            );
            assign winner = neuron;
            assign votes = '0;
            wire unused = &{1'b0, beta, reading, reads_potentials};
        end
    endgenerate
    localparam int NEURON_INDEX_BITS = N_NEURONS > 1 ? $clog2(N_NEURONS) : 1;
    always_ff @(posedge clk) if (fires && !stall) gate[neuron[NEURON_INDEX_BITS-1:0]] <= gate_bit;
    assign spike_out_valid = fires && soma_spikes;
    assign spike_out_unit = winner;

    // ---- own errors
    wire [15:0] inbox_neuron;
    wire inbox_minus;
    wire gate_open = gate[inbox_neuron[NEURON_INDEX_BITS-1:0]];
    nc_own_errors #(
        .N_NEURONS(N_NEURONS),
        .IS_LAST(IS_LAST)
    ) own_errors (
        .clk(clk),
        .rst(rst),
        .swap(swap),
        .clear(new_sample),
        .in_valid(error_in_valid),
        .in_neuron(error_in_unit[15:0]),
        .in_minus(error_in_unit[16]),
        .fired(leaves_fire),
        .teaching(teaching),
        .teacher(label),
        .winner(winner),
        .inbox_any(inbox_any),
        .inbox_more(inbox_more),
        .inbox_neuron(inbox_neuron),
        .inbox_minus(inbox_minus),
        .receive(receives),
        .gate(gate_open),
        .own_any(own_any),
        .walk_restart(walk_restart),
        .walk_take(walk_take),
        .walk_any(walk_any),
        .walk_more(walk_more),
        .walk_neuron(walk_neuron),
        .walk_minus(walk_minus)
    );
    assign own_after = IS_LAST ? teaching && winner != label : own_any | gate_open;

    // ---- errors back
    wire [7:0] back_additions, back_saturations;
    wire signed [BACK_BITS-1:0] sum;
    wire error_spikes, error_minus, error_saturates;
    generate
        if (IS_FIRST) begin : nothing_before
            assign sums_any_after = 1'b0;
            assign sums_any_more = 1'b0;
            assign sum_axon = '0;
            assign sum = '0;
            assign back_additions = '0;
            assign back_saturations = '0;
            assign error_spikes = 1'b0;
            assign error_minus = 1'b0;
            assign error_saturates = 1'b0;
            wire unused = &{1'b0, minus, gain, column_rdata};
        end else begin : errors_back
            wire sums_any;
            nc_back_integrate #(
                .N_AXONS(N_AXONS),
                .WEIGHT_BITS(WEIGHT_BITS),
                .FIELDS(FIELDS),
                .TRANSPOSABLE(TRANSPOSABLE),
                .BACK_BITS(BACK_BITS),
                .BACK_NARROW(BACK_NARROW)
            ) back_integrate (
                .clk(clk),
                .add(backs),
                .is_first_error(is_first_error),
                .minus(minus),
                .access(access),
                .row_field(8'(32'(neuron) % FIELDS)),
                .data(!backs ? '0 : TRANSPOSABLE ? column_rdata[FIELDS*WEIGHT_BITS-1:0] : row_rdata[FIELDS*WEIGHT_BITS-1:0]),
                .additions(back_additions),
                .saturations(back_saturations),
                .any_after(sums_any_after),
                .take(error_fires && !stall),
                .any(sums_any),
                .any_more(sums_any_more),
                .axon(sum_axon),
                .sum(sum)
            );
            nc_error_fire #(
                .BACK_BITS(BACK_BITS),
                .FRAC_BITS(FRAC_BITS),
                .BITS(BITS)
            ) error_fire (
                .sum(sum),
                .gain(gain),
                .word(axon_word),
                .fires(error_spikes),
                .minus(error_minus),
                .saturated(error_saturates)
            );
            wire unused = &{1'b0, sums_any};
        end
    endgenerate
    assign error_out_valid = error_fires && error_spikes;
    assign error_out_unit = {error_minus, sum_axon};
    assign stall = (spike_out_valid && !spike_out_ready) || (error_out_valid && !error_out_ready);

    // ---- learn
    wire bias_lost;
    wire [7:0] weight_steps, weights_lost;
    wire [FIELDS*WEIGHT_BITS-1:0] word_stepped;
    wire [ROW_WORDS*FIELDS-1:0] learners_padded = (ROW_WORDS * FIELDS)'(learners), minus_padded = (ROW_WORDS * FIELDS)'(learners_minus);
    nc_spike_backprop #(
        .WEIGHT_BITS(WEIGHT_BITS),
        .FIELDS(FIELDS),
        .BITS(BITS)
    ) rule (
        .p_learn(p_learn),
        .draw(learn_draw),
        .is_certain(is_certain),
        .learns(learns),
        .bias(bias),
        .bias_minus(walk_minus),
        .bias_stepped(bias_stepped),
        .bias_lost(bias_lost),
        .word(learn_writes ? row_rdata[FIELDS*WEIGHT_BITS-1:0] : '0),
        .learners(learn_writes ? learners_padded[32'(word)*FIELDS+:FIELDS] : '0),
        .minus(minus_padded[32'(word)*FIELDS+:FIELDS]),
        .word_stepped(word_stepped),
        .steps(weight_steps),
        .lost(weights_lost)
    );

    // ---- memory port: the core's own accesses, or configuration while it is idle
    wire config_memory = config_access && region == 4'd8;
    wire [19:0] config_slice = 20'(32'(index) % SLICES);
    assign row_read = core_row_read | (config_memory && config_read);
    assign row_write = core_row_write | (config_memory && config_write);
    assign row_address = config_memory ? 20'(32'(index) / SLICES) : core_row_address;
    assign row_mask = config_memory ? SLICES'(1) << config_slice : {SLICES{1'b1}};
    assign row_wdata = config_memory ? WORD_BITS'({SLICES{config_wdata}}) : WORD_BITS'(word_stepped);

    // ---- events
    wire winner_votes = IS_LAST && fires && reading && !stall;
    wire [7:0] accumulated = integrates ? acc_additions : backs ? back_additions : '0;
    wire [7:0] saturated = integrates ? acc_saturations : backs ? back_saturations : '0;
    wire [7:0] stepped = learn_writes ? weight_steps : decides ? 8'(learns && !bias_lost) : '0;
    wire [7:0] lost = learn_writes ? weights_lost : decides ? 8'(learns && bias_lost) : '0;
    wire [15:0] drawn = starts ? 16'(NEURON_STATES + (IS_FIRST ? AXON_STATES : 0)) : error_step ? 16'(AXON_STATES) :
        decides && !is_certain ? 16'd1 : '0;
    wire takes_spike = integrates && word == '0;
    wire sends_spike = spike_out_valid && !stall;
    wire sends_error = error_out_valid && !stall;
    wire sends_packet = sends_spike | sends_error;
    wire evaluates_error = error_fires && !stall;
    wire evaluates_soma = fires && !stall;
    wire reads_row = integrates | learn_reads | (backs && !TRANSPOSABLE);
    wire reads_column = backs && TRANSPOSABLE;
    wire gated = receives && !gate_open;
    wire reads_out = winner_votes && (reads_potentials || leaves_fire);

    wire [neurochip_pkg::N_EVENTS*16-1:0] increments;
    assign increments[neurochip_pkg::INPUT_LOAD*16+:16] = 16'(loads);
    assign increments[neurochip_pkg::WORD_READ*16+:16] = 16'(reads_row);
    assign increments[neurochip_pkg::WORD_WRITE*16+:16] = 16'(learn_writes);
    assign increments[neurochip_pkg::COLUMN_READ*16+:16] = 16'(reads_column);
    assign increments[neurochip_pkg::ACCUMULATE*16+:16] = 16'(accumulated);
    assign increments[neurochip_pkg::NEURON_UPDATE*16+:16] = 16'(evaluates_soma);
    assign increments[neurochip_pkg::ERROR_UPDATE*16+:16] = 16'(evaluates_error);
    assign increments[neurochip_pkg::READOUT*16+:16] = 16'(reads_out);
    assign increments[neurochip_pkg::RNG_DRAW*16+:16] = drawn;
    assign increments[neurochip_pkg::SPIKE_IN*16+:16] = 16'(takes_spike);
    assign increments[neurochip_pkg::SPIKE_OUT*16+:16] = 16'(sends_spike);
    assign increments[neurochip_pkg::ERROR_IN*16+:16] = 16'(receives);
    assign increments[neurochip_pkg::ERROR_OUT*16+:16] = 16'(sends_error);
    assign increments[neurochip_pkg::HOP*16+:16] = 16'(sends_packet);
    assign increments[neurochip_pkg::WEIGHT_UPDATE*16+:16] = learn_writes ? 16'(stepped) : '0;
    assign increments[neurochip_pkg::BIAS_UPDATE*16+:16] = decides ? 16'(stepped) : '0;
    assign increments[neurochip_pkg::LEARN_DECISION*16+:16] = 16'(decides);
    assign increments[neurochip_pkg::BARRIER*16+:16] = 16'(starts);
    assign increments[neurochip_pkg::ERROR_GATED*16+:16] = 16'(gated);
    assign increments[neurochip_pkg::UPDATE_LOST*16+:16] = 16'(lost);
    assign increments[neurochip_pkg::ACC_SATURATED*16+:16] = 16'(saturated);
    assign increments[neurochip_pkg::ERROR_SATURATED*16+:16] = 16'(evaluates_error && error_saturates);
    // what shared kernels, neurons with a memory and parts of layers count: this core has none of them
    assign increments[neurochip_pkg::ADDRESS*16+:16] = '0;
    assign increments[neurochip_pkg::STATE_READ*16+:16] = '0;
    assign increments[neurochip_pkg::STATE_WRITE*16+:16] = '0;
    assign increments[neurochip_pkg::ERROR_CANCELLED*16+:16] = '0;

    // ---- counters, configuration read back
    wire [31:0] counter;
    generate
        if (COUNTERS) begin : counting
            nc_counters counters (
                .clk(clk),
                .rst(rst),
                .phase(backs | error_fires | receives ? 2'd1 : decides | learn_reads | learn_writes ? 2'd2 : 2'd0),
                .increments(increments),
                .read(config_read && region == 4'd5),
                .address(index[15:0]),
                .data(counter)
            );
        end else begin : no_counters
            assign counter = '0;
        end
    endgenerate
    nc_config #(
        .N_AXONS(N_AXONS),
        .N_NEURONS(N_NEURONS),
        .BITS(BITS),
        .WORD_BITS(WORD_BITS)
    ) configuration (
        .clk(clk),
        .config_read(config_read),
        .config_write(config_write),
        .region(region),
        .index(index),
        .wdata(config_wdata),
        .rdata(config_rdata),
        .p_learn(p_learn),
        .beta(beta),
        .gain(gain),
        .reads_potentials(reads_potentials),
        .neuron_state(neuron_scan),
        .axon_state(axon_scan),
        .learn_state(learn_state),
        .bias(32'(bias)),
        .votes(votes),
        .counter(counter),
        .slice(config_slice),
        .row(row_rdata)
    );

    // ---- trace
    generate
        if (TRACE) begin : traced
            wire [15:0] unit = loads | integrates | learn_reads | learn_writes ? axon : error_fires ? sum_axon : receives ? inbox_neuron :
                decides ? walk_neuron : backs | fires ? neuron : '0;
            wire [15:0] number = integrates | learn_writes ? word : backs ? access : learn_reads ? learn_word :
                spike_out_valid ? spike_out_unit : '0;
            wire [31:0] random_word = loads | error_fires ? 32'(axon_word) : fires ? 32'(neuron_word) :
                decides && !is_certain ? 32'(learn_draw) : '0;
            wire signed [WEIGHT_BITS-1:0] bias_after = learns ? bias_stepped : bias;
            wire [31:0] value = loads ? 32'(intensity) : error_fires ? 32'(sum) : fires ? 32'(potential) : decides ? 32'(bias_after) : '0;
            wire [19:0] address = core_row_read | core_row_write ? core_row_address :
                column_read ? 20'(32'(column_neuron) * ((N_AXONS + FIELDS - 1) / FIELDS) + 32'(column_access)) : '0;
            nc_trace #(
                .WORD_BITS(WORD_BITS)
            ) record (
                .state(state),
                .row_read(core_row_read),
                .row_write(core_row_write),
                .column_read(column_read),
                .address(address),
                .spike_leaves(spike_out_valid),
                .error_leaves(error_out_valid),
                .sign(error_out_valid ? error_minus : receives ? inbox_minus : decides && walk_minus),
                .flag(fires ? gate_bit : receives ? gate_open : decides && learns),
                .unit(unit),
                .number(number),
                .word_read(integrates | learn_writes | (backs && !TRANSPOSABLE) ? row_rdata : backs ? column_rdata : '0),
                .word_written(learn_writes ? row_wdata : '0),
                .random_word(random_word),
                .value(value),
                .increments(increments),
                .trace(trace)
            );
        end else begin : silent
            assign trace = '0;
        end
    endgenerate

    wire unused_bits = &{1'b0, neuron_states, leaves_fire, increments, inbox_minus, error_saturates};
endmodule
`default_nettype wire
