// The learning rule. A neuron with an error spike learns if its draw is below p_learn, or surely if p_learn is one; then its bias and
// its fields in the words of this tick's spikes step by one LSB in the error's direction. Combinational.
// Counterpart: core/rules/spike_backprop.py.
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
    assign is_certain = p_learn[BITS];
    assign learns = is_certain | {1'b0, draw} < p_learn;

    nc_step_field #(
        .BITS(WEIGHT_BITS)
    ) bias_step (
        .value(bias),
        .enable(1'b1),
        .minus(bias_minus),
        .stepped(bias_stepped),
        .lost(bias_lost)
    );

    wire [FIELDS-1:0] is_lost;
    genvar f;
    generate
        for (f = 0; f < FIELDS; f = f + 1) begin : field
            nc_step_field #(
                .BITS(WEIGHT_BITS)
            ) weight_step (
                .value(word[f*WEIGHT_BITS+:WEIGHT_BITS]),
                .enable(learners[f]),
                .minus(minus[f]),
                .stepped(word_stepped[f*WEIGHT_BITS+:WEIGHT_BITS]),
                .lost(is_lost[f])
            );
        end
    endgenerate

    function automatic [15:0] ones(input [FIELDS-1:0] flags);
        integer i;
        ones = '0;
        for (i = 0; i < FIELDS; i = i + 1) ones = ones + 16'(flags[i]);
    endfunction
    assign steps = ones(learners & ~is_lost);
    assign lost = ones(is_lost);
endmodule
`default_nettype wire
