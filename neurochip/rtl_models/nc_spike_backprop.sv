// The learning unit of the rule spike_backprop: its functions, which are made from the rule's text (nc_spike_backprop_*.sv), for one
// decision, one bias and the fields of one word. Combinational. Counterpart: core/language/kernel.py.
`default_nettype none
module nc_spike_backprop #(
    parameter int WEIGHT_BITS = 16,
    parameter int FIELDS = 4,
    parameter int BITS = 16
) (
    input wire [BITS:0] p_learn,  // in units of 2**-BITS
    input wire [BITS-1:0] draw,
    output wire is_certain,  // no draw is made
    output wire learns,
    input wire signed [WEIGHT_BITS-1:0] bias,
    input wire bias_minus,
    output wire signed [WEIGHT_BITS-1:0] bias_stepped,
    output wire bias_lost,
    input wire [FIELDS*WEIGHT_BITS-1:0] word,
    input wire [FIELDS-1:0] learners,  // neurons of this word that learn, and the direction of each
    input wire [FIELDS-1:0] minus,
    output wire [FIELDS*WEIGHT_BITS-1:0] word_stepped,
    output wire [15:0] steps,
    output wire [15:0] lost
);
    // ---- one decision: its direction is applied where it is walked through
    wire is_drawn;
    nc_spike_backprop_draws #(
        .RNG_BITS(BITS)
    ) draws (
        .p_learn,
        .is_drawn
    );
    wire signed [1:0] told;
    nc_spike_backprop_decide #(
        .RNG_BITS(BITS)
    ) decide (
        .signal(2'sd1),
        .draw,
        .p_learn,
        .told
    );
    assign is_certain = ~is_drawn;
    assign learns = told != 2'sd0;

    nc_spike_backprop_bias #(
        .WEIGHT_BITS(WEIGHT_BITS)
    ) bias_update (
        .b(bias),
        .told(bias_minus ? 2'b11 : 2'b01),
        .b_then(bias_stepped)
    );
    assign bias_lost = bias_stepped == bias;

    // ---- the fields of one word
    wire [FIELDS-1:0] is_same;
    genvar f;
    generate
        for (f = 0; f < FIELDS; f = f + 1) begin : field
            wire [WEIGHT_BITS-1:0] weight = word[f*WEIGHT_BITS+:WEIGHT_BITS];
            nc_spike_backprop_synapse #(
                .WEIGHT_BITS(WEIGHT_BITS)
            ) weight_update (
                .w(weight),
                .told({minus[f] & learners[f], learners[f]}),
                .w_then(word_stepped[f*WEIGHT_BITS+:WEIGHT_BITS])
            );
            assign is_same[f] = word_stepped[f*WEIGHT_BITS+:WEIGHT_BITS] == weight;
        end
    endgenerate

    function automatic [15:0] ones(input [FIELDS-1:0] flags);
        integer i;
        ones = '0;
        for (i = 0; i < FIELDS; i = i + 1) ones = ones + 16'(flags[i]);
    endfunction
    assign steps = ones(learners & ~is_same);
    assign lost = ones(learners & is_same);
endmodule
`default_nettype wire
