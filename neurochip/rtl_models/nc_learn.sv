// What a core learns by: the unit of spike_backprop, which steps by own errors, or what the text of another rule is made into, with the states
// that it keeps. It says on which events there is to decide, which rows they visit, and what becomes of weights and biases. A section of
// nc_core. Counterpart: learn() in core/tick.py.
`default_nettype none
(* section *)
module nc_learn #(
    parameter int CORE = 0,  // of which rule: widths differ from core to core
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
    // somas
    input wire evaluate,
    input wire leaves_fire,
    input wire [15:0] soma,  // or group of them
    input wire [SOMA_LANES-1:0] spikes,
    input wire [SOMA_LANES*KEPT_BITS-1:0] kept,  // potentials after the tick
    input wire [15:0] winner,  // so far, of the output core
    // own errors
    input wire own_after,
    input wire error_more,
    input wire [15:0] error_neuron,
    input wire error_minus,
    output wire takes_errors,
    // the walk
    output wire has_events,
    output wire again,
    output wire hears,
    input wire begins_again,
    output wire [N_AXONS-1:0] rows,
    output wire walk_more,
    output wire [15:0] walk_neuron,
    output wire walk_minus,
    // a decision
    input wire [BITS:0] p_learn,
    input wire [BITS-1:0] draw,
    output wire learn_step,
    output wire learns,
    // biases
    input wire signed [WEIGHT_BITS-1:0] bias,
    output wire signed [WEIGHT_BITS-1:0] bias_stepped,
    output wire bias_write,
    input wire [N_NEURONS*WEIGHT_BITS-1:0] biases,
    output wire [N_NEURONS*WEIGHT_BITS-1:0] biases_stepped,
    output wire biases_write,
    output wire [15:0] bias_steps,
    output wire [15:0] biases_lost,
    // synapses
    input wire [15:0] axon,
    input wire [15:0] word,  // access
    input wire [FIELDS*FIELD_BITS-1:0] fields,
    input wire [N_NEURONS-1:0] learners,
    input wire [N_NEURONS-1:0] minus,
    output wire [FIELDS*FIELD_BITS-1:0] fields_stepped,
    output wire [15:0] steps,
    output wire [15:0] lost,
    // to be observed
    output wire [63:0] observed,  // states, or what is told
    output wire [15:0] states,  // read and written in this cycle
    // configuration
    input wire config_write,
    input wire [3:0] region,
    input wire [19:0] index,
    input wire [31:0] wdata,
    output wire [31:0] value
);
    localparam int ROW_ACCESSES = (N_NEURONS + FIELDS - 1) / FIELDS;
    wire decides = state == neurochip_pkg::DECIDE, writes = state == neurochip_pkg::LEARN_WRITE;
    wire [ROW_ACCESSES*FIELDS-1:0] learners_padded = (ROW_ACCESSES * FIELDS)'(learners), minus_padded = (ROW_ACCESSES * FIELDS)'(minus);
    wire [FIELDS-1:0] learners_here = writes ? learners_padded[32'(word)*FIELDS+:FIELDS] : '0;

    generate
        if (neurochip_pkg::GENERIC) begin : generic
            nc_learning #(
                .CORE(CORE), .N_AXONS(N_AXONS), .N_NEURONS(N_NEURONS), .WEIGHT_BITS(WEIGHT_BITS), .FIELD_BITS(FIELD_BITS), .FIELDS(FIELDS),
                .SOMA_LANES(SOMA_LANES), .KEPT_BITS(KEPT_BITS), .IS_LAST(IS_LAST), .BITS(BITS)
            ) rule (
                .clk, .rst, .swap, .new_sample, .learning, .in_reach, .state, .reward, .label, .active, .evaluate, .leaves_fire, .soma, .spikes,
                .kept, .winner, .own_after, .error_more, .error_neuron, .error_minus, .takes_errors, .has_events, .again, .hears, .begins_again,
                .rows, .walk_more, .walk_neuron, .walk_minus, .draw, .learn_step, .learns, .bias, .bias_stepped, .bias_write, .biases,
                .biases_stepped, .biases_write, .bias_steps, .biases_lost, .axon, .word, .fields, .learners(learners_here), .fields_stepped,
                .steps, .lost, .observed, .states, .config_write, .region, .index, .wdata, .value
            );
            wire unused = &{1'b0, p_learn, decides, minus_padded};
        end else begin : by_own_errors
            wire is_certain, bias_lost;
            nc_spike_backprop #(
                .WEIGHT_BITS(WEIGHT_BITS), .FIELDS(FIELDS), .BITS(BITS)
            ) rule (
                .p_learn, .draw, .is_certain, .learns, .bias, .bias_minus(error_minus), .bias_stepped, .bias_lost,
                .word(writes ? fields[FIELDS*WEIGHT_BITS-1:0] : '0), .learners(learners_here), .minus(minus_padded[32'(word)*FIELDS+:FIELDS]),
                .word_stepped(fields_stepped[FIELDS*WEIGHT_BITS-1:0]), .steps, .lost
            );
            assign has_events = learning && own_after;
            assign {takes_errors, again, hears} = 3'b100;
            assign rows = active;
            assign walk_more = error_more;
            assign walk_neuron = error_neuron;
            assign walk_minus = error_minus;
            assign learn_step = decides && !is_certain;
            assign bias_write = learns;
            assign biases_stepped = '0;
            assign biases_write = 1'b0;
            assign bias_steps = 16'(learns && !bias_lost);
            assign biases_lost = 16'(learns && bias_lost);
            assign observed = '0;
            assign states = '0;
            assign value = '0;
            wire unused = &{1'b0, clk, rst, swap, new_sample, in_reach, reward, label, evaluate, leaves_fire, soma, spikes, kept, winner, begins_again,
                biases, axon, config_write, region, index, wdata};
        end
    endgenerate
endmodule
`default_nettype wire
