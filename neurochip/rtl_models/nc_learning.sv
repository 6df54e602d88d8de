// A rule in the language of rules as a core has it: registers, states of axons and neurons in flip-flops, what decisions tell, and around them
// the rule's own functions, nc_rule_*, which are made from its text with the package. A tick has up to two passes: events, then what is
// broadcast, a reward or a sweep. Axons' states step in START, those of a neuron as its soma is evaluated: no cycle of their own. Of an output
// core it is known with its last soma which neuron fired: of the winner so far both ends are kept. Counterpart: core/keeping.py.
`default_nettype none
module nc_learning #(
    parameter int CORE = 0,
    parameter int N_AXONS = 16,
    parameter int N_NEURONS = 8,
    parameter int WEIGHT_BITS = 16,
    parameter int FIELD_BITS = WEIGHT_BITS + neurochip_pkg::TAG_BITS,
    parameter int FIELDS = 4,
    parameter int SOMA_LANES = 1,
    parameter int KEPT_BITS = 21,
    parameter bit IS_LAST = 0,
    parameter int BITS = neurochip_pkg::RNG_BITS
) (
    input wire clk,
    input wire rst,
    input wire swap, new_sample, learning, in_reach,
    input wire [3:0] state,
    input wire signed [1:0] reward,
    input wire [15:0] label,
    input wire [N_AXONS-1:0] active,
    input wire evaluate,
    input wire leaves_fire,
    input wire [15:0] soma,
    input wire [SOMA_LANES-1:0] spikes,
    input wire [SOMA_LANES*KEPT_BITS-1:0] kept,
    input wire [15:0] winner,
    input wire own_after,
    input wire error_more,
    input wire [15:0] error_neuron,
    input wire error_minus,
    output wire takes_errors,
    output wire has_events,
    output wire again,
    output wire hears,
    input wire begins_again,
    output wire [N_AXONS-1:0] rows,
    output wire walk_more,
    output wire [15:0] walk_neuron,
    output wire walk_minus,
    input wire [BITS-1:0] draw,
    output wire learn_step,
    output wire learns,
    input wire signed [WEIGHT_BITS-1:0] bias,
    output wire signed [WEIGHT_BITS-1:0] bias_stepped,
    output wire bias_write,
    input wire [N_NEURONS*WEIGHT_BITS-1:0] biases,
    output wire [N_NEURONS*WEIGHT_BITS-1:0] biases_stepped,
    output wire biases_write,
    output wire [15:0] bias_steps,
    output wire [15:0] biases_lost,
    input wire [15:0] axon,
    input wire [15:0] word,
    input wire [FIELDS*FIELD_BITS-1:0] fields,
    input wire [FIELDS-1:0] learners,  // of the access in hand
    output wire [FIELDS*FIELD_BITS-1:0] fields_stepped,
    output wire [15:0] steps,
    output wire [15:0] lost,
    output wire [63:0] observed,
    output wire [15:0] states,
    input wire config_write,
    input wire [3:0] region,
    input wire [19:0] index,
    input wire [31:0] wdata,
    output wire [31:0] value
);
    localparam int RULE_BITS = neurochip_pkg::RULE_BITS, TOLD_BITS = neurochip_pkg::TOLD_BITS[CORE*32+:32];
    localparam int AXON_BITS = neurochip_pkg::AXON_STATE_BITS, NEURON_BITS = neurochip_pkg::NEURON_STATE_BITS;
    localparam int INDEX_BITS = N_NEURONS > 1 ? $clog2(N_NEURONS) : 1, AXON_INDEX_BITS = N_AXONS > 1 ? $clog2(N_AXONS) : 1;
    localparam int TAG_BITS = neurochip_pkg::TAG_BITS, STORED_BITS = FIELD_BITS - TAG_BITS;
    localparam [31:0] LOW = neurochip_pkg::LOW_LEVEL[CORE*32+:32], HIGH = neurochip_pkg::HIGH_LEVEL[CORE*32+:32];
    localparam int ROW_ACCESSES = (N_NEURONS + FIELDS - 1) / FIELDS;
    wire fires = state == neurochip_pkg::FIRE;
    wire decides = state == neurochip_pkg::DECIDE, writes = state == neurochip_pkg::LEARN_WRITE, starts = state == neurochip_pkg::START;

    // ---- registers: at work or not, ticks between sweeps if there are any, then those of the rule
    wire [RULE_BITS-1:0] registers;
    wire [N_AXONS*AXON_BITS-1:0] x, x_then;
    wire [N_NEURONS*NEURON_BITS-1:0] y;
    wire [31:0] register_value, axon_value, neuron_value;
    wire at_work = registers[0];
    wire [16:0] first_registers = 17'(registers);
    nc_rule_store #(
        .UNITS(1), .BITS(RULE_BITS)
    ) of_rule (
        .clk, .clear(1'b0), .step('0), .next({RULE_BITS{1'b0}}), .all(registers), .write(config_write && region == neurochip_pkg::REGION_RULE), .index, .wdata,
        .value(register_value)
    );
    assign value = region == neurochip_pkg::REGION_RULE ? register_value : region == neurochip_pkg::REGION_AXON_STATES ? axon_value : neuron_value;

    // ---- states of axons, all in the first cycle of a tick
    wire clears = swap && new_sample && at_work;
    genvar i, n, f;
    generate
        for (i = 0; i < N_AXONS; i = i + 1) begin : axon_unit
            nc_rule_axon #(.CORE(CORE)) update (.registers, .x(x[i*AXON_BITS+:AXON_BITS]), .spiked(active[i]), .x_then(x_then[i*AXON_BITS+:AXON_BITS]));
        end
    endgenerate
    nc_rule_store #(
        .UNITS(N_AXONS), .BITS(AXON_BITS), .USED(neurochip_pkg::HAS_AXON_STATES), .LASTS(neurochip_pkg::AXON_LASTS)
    ) of_axons (
        .clk, .clear(clears), .step({N_AXONS{starts && at_work}}), .next(x_then), .all(x),
        .write(config_write && region == neurochip_pkg::REGION_AXON_STATES), .index, .wdata, .value(axon_value)
    );

    // ---- states of neurons, as their somas are evaluated
    localparam int GROUPS = (N_NEURONS + SOMA_LANES - 1) / SOMA_LANES;
    wire [N_NEURONS-1:0] steps_neuron;
    wire [N_NEURONS*NEURON_BITS-1:0] y_next;
    wire [GROUPS*SOMA_LANES*NEURON_BITS-1:0] y_padded = (GROUPS * SOMA_LANES * NEURON_BITS)'(y);
    wire [SOMA_LANES*NEURON_BITS-1:0] y_here = y_padded[32'(soma)*SOMA_LANES*NEURON_BITS+:SOMA_LANES*NEURON_BITS];
    wire [SOMA_LANES*NEURON_BITS-1:0] y_calm, y_shown;
    wire [NEURON_BITS-1:0] y_fired;  // of the soma of an output core, should it win
    generate
        for (n = 0; n < SOMA_LANES; n = n + 1) begin : lane
            wire [15:0] unit = 16'(32'(soma) * SOMA_LANES + n);
            wire signed [1:0] taught = IS_LAST && in_reach ? (unit == label ? 2'sd1 : -2'sd1) : 2'sd0;
            nc_rule_neuron #(.CORE(CORE), .V_BITS(KEPT_BITS)) update (
                .registers, .y(y_here[n*NEURON_BITS+:NEURON_BITS]), .fired(IS_LAST ? 1'b0 : spikes[n]), .v(kept[n*KEPT_BITS+:KEPT_BITS]), .taught,
                .y_then(y_calm[n*NEURON_BITS+:NEURON_BITS])
            );
            assign y_shown[n*NEURON_BITS+:NEURON_BITS] = 32'(unit) < N_NEURONS ? y_calm[n*NEURON_BITS+:NEURON_BITS] : '0;
            if (IS_LAST) begin : winning
                nc_rule_neuron #(.CORE(CORE), .V_BITS(KEPT_BITS)) if_it_wins (
                    .registers, .y(y_here), .fired(1'b1), .v(kept), .taught, .y_then(y_fired)
                );
            end else begin : known
                assign y_fired = '0;
            end
        end
        if (IS_LAST) begin : of_output
            reg [NEURON_BITS-1:0] y_winner;
            wire leads = winner == soma;
            always_ff @(posedge clk) if (evaluate && leads) y_winner <= y_fired;
            for (n = 0; n < N_NEURONS; n = n + 1) begin : neuron
                wire in_hand = 32'(soma) == n, wins = leaves_fire && 32'(winner) == n;
                assign steps_neuron[n] = evaluate && at_work && (in_hand || wins);
                assign y_next[n*NEURON_BITS+:NEURON_BITS] = !wins ? y_calm : in_hand ? y_fired : y_winner;
            end
        end else begin : of_hidden
            for (n = 0; n < N_NEURONS; n = n + 1) begin : neuron
                assign steps_neuron[n] = evaluate && at_work && 32'(soma) == n / SOMA_LANES;
                assign y_next[n*NEURON_BITS+:NEURON_BITS] = y_calm[(n%SOMA_LANES)*NEURON_BITS+:NEURON_BITS];
            end
            wire unused_winning = &{1'b0, y_fired, leaves_fire};
        end
    endgenerate
    nc_rule_store #(
        .UNITS(N_NEURONS), .BITS(NEURON_BITS), .USED(neurochip_pkg::HAS_NEURON_STATES), .LASTS(neurochip_pkg::NEURON_LASTS)
    ) of_neurons (
        .clk, .clear(clears), .step(steps_neuron), .next(y_next), .all(y),
        .write(config_write && region == neurochip_pkg::REGION_NEURON_STATES), .index, .wdata, .value(neuron_value)
    );

    // ---- what there is to decide on
    wire signed [1:0] signal;
    wire pass, sweep;
    wire [N_AXONS-1:0] traced, first_rows;
    generate
        for (i = 0; i < N_AXONS; i = i + 1) begin : trace
            assign traced[i] = |x[i*AXON_BITS+:AXON_BITS];
        end
    endgenerate
    assign first_rows = neurochip_pkg::VISITS == neurochip_pkg::VISIT_SPIKED ? active : neurochip_pkg::VISITS == neurochip_pkg::VISIT_TRACED ? traced : '1;
    nc_learn_events #(
        .N_NEURONS(N_NEURONS), .SOMA_LANES(SOMA_LANES), .IS_LAST(IS_LAST)
    ) events (
        .clk, .rst, .swap, .new_sample, .works(at_work && learning), .sweep_ticks(first_registers[16:1]), .reward, .state, .evaluate,
        .leaves_fire, .soma, .spikes, .winner, .own_after, .error_more, .error_neuron, .error_minus, .any_row(|first_rows), .begins_again, .takes_errors, .has_events, .again, .hears,
        .pass, .sweep, .walk_more, .walk_neuron, .signal
    );
    assign walk_minus = signal[1];
    assign rows = pass ? '1 : first_rows;

    // ---- a decision
    wire is_drawn;
    wire [TOLD_BITS-1:0] told;
    wire [INDEX_BITS-1:0] decided = walk_neuron[INDEX_BITS-1:0];
    nc_rule_decide #(
        .CORE(CORE), .N_AXONS(N_AXONS), .TOLD_BITS(TOLD_BITS), .BITS(BITS)
    ) decide (
        .registers, .signal, .draw, .reward(pass ? reward : 2'sd0), .sweep(pass && sweep), .x, .rows, .y(y[32'(decided)*NEURON_BITS+:NEURON_BITS]),
        .is_drawn, .learns, .told
    );
    assign learn_step = (decides && is_drawn) || (writes && neurochip_pkg::SYNAPSE_DRAWS);
    reg [N_NEURONS*TOLD_BITS-1:0] all_told;
    generate
        for (n = 0; n < N_NEURONS; n = n + 1) begin : teller
            always_ff @(posedge clk) if (decides && 32'(decided) == n) all_told[n*TOLD_BITS+:TOLD_BITS] <= told;
        end
    endgenerate

    // ---- biases: that of the event's neuron, or all of them in one cycle
    wire [N_NEURONS-1:0] changed, stayed;
    generate
        if (neurochip_pkg::ALL_BIASES) begin : all_biases
            for (n = 0; n < N_NEURONS; n = n + 1) begin : neuron
                wire visits;
                nc_rule_bias #(.CORE(CORE), .WEIGHT_BITS(WEIGHT_BITS), .TOLD_BITS(TOLD_BITS)) update (
                    .registers, .b(biases[n*WEIGHT_BITS+:WEIGHT_BITS]), .told, .own(32'(decided) == n), .y(y[n*NEURON_BITS+:NEURON_BITS]),
                    .visits, .b_then(biases_stepped[n*WEIGHT_BITS+:WEIGHT_BITS])
                );
                wire rests = biases_stepped[n*WEIGHT_BITS+:WEIGHT_BITS] == biases[n*WEIGHT_BITS+:WEIGHT_BITS];
                assign changed[n] = learns && visits && !rests;
                assign stayed[n] = learns && visits && rests;
            end
            assign bias_stepped = biases_stepped[32'(decided)*WEIGHT_BITS+:WEIGHT_BITS];
            assign bias_write = 1'b0;
            assign biases_write = decides && learns;
            wire unused_bias = &{1'b0, bias};
        end else begin : own_bias
            wire visits;
            wire [WEIGHT_BITS-1:0] b_then;
            nc_rule_bias #(.CORE(CORE), .WEIGHT_BITS(WEIGHT_BITS), .TOLD_BITS(TOLD_BITS)) update (
                .registers, .b(bias), .told, .own(1'b1), .y(y[32'(decided)*NEURON_BITS+:NEURON_BITS]), .visits, .b_then
            );
            assign bias_stepped = visits ? b_then : bias;
            assign bias_write = learns && visits;
            assign changed = N_NEURONS'(bias_write && b_then != bias);
            assign stayed = N_NEURONS'(bias_write && b_then == bias);
            assign biases_write = 1'b0;
            assign biases_stepped = '0;
            wire unused_biases = &{1'b0, biases};
        end
    endgenerate
    nc_ones #(.N(N_NEURONS)) count_changed (.flags(changed), .ones(bias_steps));
    nc_ones #(.N(N_NEURONS)) count_stayed (.flags(stayed), .ones(biases_lost));

    // ---- the fields of an access
    wire [ROW_ACCESSES*FIELDS*TOLD_BITS-1:0] told_padded = (ROW_ACCESSES * FIELDS * TOLD_BITS)'(all_told);
    wire [FIELDS*TOLD_BITS-1:0] told_here = told_padded[32'(word)*FIELDS*TOLD_BITS+:FIELDS*TOLD_BITS];
    wire [AXON_BITS-1:0] x_here = x[32'(axon[AXON_INDEX_BITS-1:0])*AXON_BITS+:AXON_BITS];
    wire [FIELDS-1:0] is_same;
    generate
        for (f = 0; f < FIELDS; f = f + 1) begin : field
            wire [FIELD_BITS-1:0] old = writes ? fields[f*FIELD_BITS+:FIELD_BITS] : '0;
            wire [FIELD_BITS-1:0] after;
            wire [WEIGHT_BITS+TAG_BITS-1:0] wide, wide_after;  // with the weight itself where the memory names a level
            nc_rule_synapse #(.CORE(CORE), .FIELD_BITS(WEIGHT_BITS + TAG_BITS), .TOLD_BITS(TOLD_BITS), .BITS(BITS)) update (
                .registers, .field(wide), .x(x_here), .told(told_here[f*TOLD_BITS+:TOLD_BITS]), .draw, .field_then(wide_after)
            );
            if (STORED_BITS == WEIGHT_BITS) begin : as_it_is
                assign wide = old;
                assign after = wide_after;
            end else begin : level
                wire is_high = wide_after[WEIGHT_BITS-1:0] == HIGH[WEIGHT_BITS-1:0];
                if (TAG_BITS > 0) begin : with_tags
                    assign wide = {old[1+:TAG_BITS], old[0] ? HIGH[WEIGHT_BITS-1:0] : LOW[WEIGHT_BITS-1:0]};
                    assign after = {wide_after[WEIGHT_BITS+:TAG_BITS], is_high};
                end else begin : untagged
                    assign wide = old[0] ? HIGH[WEIGHT_BITS-1:0] : LOW[WEIGHT_BITS-1:0];
                    assign after = is_high;
                end
            end
            assign is_same[f] = after == old;
            assign fields_stepped[f*FIELD_BITS+:FIELD_BITS] = learners[f] ? after : old;
        end
    endgenerate
    nc_ones #(.N(FIELDS)) count_steps (.flags(learners & ~is_same), .ones(steps));
    nc_ones #(.N(FIELDS)) count_lost (.flags(learners & is_same), .ones(lost));

    // ---- what only observes
    wire [63:0] axons_folded, neurons_folded, told_folded;
    nc_fold #(.BITS(N_AXONS * AXON_BITS)) fold_axons (.word(x_then), .folded(axons_folded));
    nc_fold #(.BITS(SOMA_LANES * NEURON_BITS)) fold_neurons (.word(y_shown), .folded(neurons_folded));
    nc_fold #(.BITS(TOLD_BITS)) fold_told (.word(told), .folded(told_folded));
    assign observed = starts && at_work ? axons_folded : fires && at_work ? {neurons_folded[31:0], neurons_folded[63:32]} : decides ? told_folded : '0;
    wire [31:0] lanes_here = 32'(soma) * SOMA_LANES + SOMA_LANES > N_NEURONS ? N_NEURONS - 32'(soma) * SOMA_LANES : SOMA_LANES;
    assign states = !at_work ? '0 : starts && neurochip_pkg::COUNTS_AXON_STATES ? 16'(N_AXONS) :
        evaluate && neurochip_pkg::HAS_NEURON_STATES ? lanes_here[15:0] : '0;
    wire unused = &{1'b0, axon, walk_neuron, first_registers, lanes_here};
endmodule
`default_nettype wire
