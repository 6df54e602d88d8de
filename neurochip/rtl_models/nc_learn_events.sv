// On what a generic rule has to decide in a tick: own errors, own spikes, all neurons where spikes arrived; then, in a second pass, all neurons
// where a reward or a sweep is broadcast. Counterpart: ask() in core/keeping.py.
`default_nettype none
module nc_learn_events #(
    parameter int N_NEURONS = 8,
    parameter int SOMA_LANES = 1,
    parameter bit IS_LAST = 0,
    parameter int LEARNS_FROM = neurochip_pkg::LEARNS_FROM
) (
    input wire clk,
    input wire rst,
    input wire swap,
    input wire new_sample,
    input wire works,  // there is learning in this tick
    input wire [15:0] sweep_ticks,  // from one sweep to the next; 0: none
    input wire signed [1:0] reward,
    input wire [3:0] state,
    input wire evaluate,
    input wire leaves_fire,
    input wire [15:0] soma,  // or group of them
    input wire [SOMA_LANES-1:0] spikes,
    input wire [15:0] winner,  // so far, of the output core
    input wire own_after,
    input wire error_more,
    input wire [15:0] error_neuron,
    input wire error_minus,
    input wire any_row,  // that events visit
    input wire begins_again,
    output wire takes_errors,
    output wire has_events,
    output wire again,
    output wire hears,
    output reg pass,
    output wire sweep,
    output wire walk_more,
    output wire [15:0] walk_neuron,
    output wire signed [1:0] signal
);
    localparam bit BY_ERRORS = LEARNS_FROM == neurochip_pkg::BY_ERRORS, BY_SPIKES = LEARNS_FROM == neurochip_pkg::BY_SPIKES;
    localparam bit BY_ARRIVALS = LEARNS_FROM == neurochip_pkg::BY_ARRIVALS;
    wire fires = state == neurochip_pkg::FIRE, receives = state == neurochip_pkg::RECEIVE_ERRORS, decides = state == neurochip_pkg::DECIDE;

    // ---- sweeps: every so many ticks of a sample
    generate
        if (neurochip_pkg::SWEEPS) begin : sweeping
            reg [15:0] since;  // ticks since the last one, this one included
            always_ff @(posedge clk) if (swap) since <= new_sample || since == sweep_ticks ? 16'd1 : since + 16'd1;
            assign sweep = since == sweep_ticks;
        end else begin : no_sweeps
            assign sweep = 1'b0;
            wire unused_sweeps = &{1'b0, swap, new_sample, sweep_ticks};
        end
    endgenerate

    // ---- own spikes
    wire any_spike, spike_more;
    wire [15:0] spike_neuron;
    generate
        if (BY_SPIKES && IS_LAST) begin : winner_alone
            reg [15:0] won;
            always_ff @(posedge clk) if (leaves_fire) won <= winner;
            assign any_spike = 1'b1;
            assign spike_more = 1'b0;
            assign spike_neuron = won;
            wire unused_spikes = &{1'b0, rst, evaluate, soma, spikes};
        end else if (BY_SPIKES) begin : own_spikes
            localparam int GROUPS = (N_NEURONS + SOMA_LANES - 1) / SOMA_LANES;
            reg [GROUPS*SOMA_LANES-1:0] fired, left;
            reg is_walking;
            wire [GROUPS*SOMA_LANES-1:0] rest;
            wire any_left;
            genvar g;
            for (g = 0; g < GROUPS; g = g + 1) begin : group
                always_ff @(posedge clk) begin
                    if (state == neurochip_pkg::START) fired[g*SOMA_LANES+:SOMA_LANES] <= '0;
                    else if (evaluate && 32'(soma) == g) fired[g*SOMA_LANES+:SOMA_LANES] <= spikes;
                end
            end
            nc_find_first #(.N(GROUPS * SOMA_LANES)) first_spike (.bits(is_walking ? left : fired), .any(any_left), .index(spike_neuron), .rest(rest));
            always_ff @(posedge clk) begin
                is_walking <= decides && !pass && !rst;
                left <= rest;
            end
            assign any_spike = |fired | |spikes;
            assign spike_more = |rest;
            wire unused_spikes = &{1'b0, winner, leaves_fire, any_left};
        end else begin : no_spikes
            assign any_spike = 1'b0;
            assign spike_more = 1'b0;
            assign spike_neuron = '0;
            wire unused_spikes = &{1'b0, rst, evaluate, leaves_fire, soma, spikes, winner};
        end
    endgenerate

    // ---- all neurons
    reg [15:0] count;
    wire all_more = 32'(count) != N_NEURONS - 1;
    always_ff @(posedge clk) begin
        if (state == neurochip_pkg::START) count <= '0;
        else if (decides) count <= (BY_ARRIVALS || pass) && all_more ? count + 16'd1 : '0;
    end

    // ---- passes
    wire is_broadcast = (neurochip_pkg::REWARDS && reward != 2'sd0) || sweep;
    wire has_first = BY_ERRORS ? (receives || IS_LAST) && own_after : BY_SPIKES ? any_spike : BY_ARRIVALS && any_row;
    assign has_events = works && (has_first || is_broadcast);
    assign again = works && is_broadcast && !pass;
    assign hears = neurochip_pkg::REWARDS && reward != 2'sd0 && !((fires || receives) && has_first);
    always_ff @(posedge clk) begin
        if (fires || receives) pass <= !has_first;
        else if (begins_again) pass <= 1'b1;
    end
    assign takes_errors = !decides || (BY_ERRORS && !pass);
    assign walk_more = !decides ? error_more : BY_ARRIVALS || pass ? all_more : BY_SPIKES ? spike_more : error_more;
    assign walk_neuron = !decides ? error_neuron : BY_ARRIVALS || pass ? count : BY_SPIKES ? spike_neuron : error_neuron;
    assign signal = !decides ? {error_minus, 1'b1} : pass ? 2'sd0 : BY_ERRORS && error_minus ? -2'sd1 : 2'sd1;
    wire unused = &{1'b0, own_after};
endmodule
`default_nettype wire
