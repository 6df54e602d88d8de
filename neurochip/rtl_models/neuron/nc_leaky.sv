// One tick of a neuron with a memory: leak, saturating add, threshold, reset; or one tick of rest. Combinational. The ports of the layer do
// not change in a sample; tied to constants, they leave no logic behind. Counterpart: fire_with_memory() in core/leaky.py; the contract is
// docs/network.md.
`default_nettype none
module nc_leaky #(
    parameter int STATE_BITS = 16,
    parameter int ACC_BITS = 21,
    parameter int REST_BITS = 8
) (
    // of the layer
    input wire leaks,  // lif; else if
    input wire [3:0] leak_shift,  // 0: by the factor
    input wire [8:0] leak_factor,  // of 256, at most 256
    input wire [STATE_BITS-2:0] threshold,  // from which it spikes
    input wire [STATE_BITS-2:0] taken,  // reset: by as much; 0: to zero
    input wire [REST_BITS-1:0] refractory,  // ticks
    // of the neuron
    input wire signed [ACC_BITS-1:0] acc,
    input wire signed [STATE_BITS-1:0] v,
    input wire [REST_BITS-1:0] resting,  // ticks still to come
    output wire signed [STATE_BITS-1:0] v_then,
    output wire [REST_BITS-1:0] resting_then,
    output wire spike,
    output wire gate,
    output wire clamped
);
    localparam int PRODUCT_BITS = STATE_BITS + 9;
    localparam int WIDE = STATE_BITS > ACC_BITS ? STATE_BITS : ACC_BITS;

    wire rests = |resting;

    // no leak makes a potential larger
    wire signed [PRODUCT_BITS-1:0] product = PRODUCT_BITS'(v) * PRODUCT_BITS'($signed({1'b0, leak_factor}));
    wire signed [STATE_BITS-1:0] lost = v >>> leak_shift;
    wire signed [STATE_BITS-1:0] shifted = v - lost;
    wire signed [STATE_BITS-1:0] scaled = product[8+:STATE_BITS];
    wire signed [STATE_BITS-1:0] leaked = !leaks ? v : leak_shift != 4'd0 ? shifted : scaled;

    wire signed [STATE_BITS-1:0] kept;
    wire saturated;
    nc_saturating_add #(
        .SUM_BITS(STATE_BITS),
        .TERM_BITS(ACC_BITS),
        .SATURATES(1)
    ) add (
        .sum(leaked),
        .term(acc),
        .total(kept),
        .saturated(saturated)
    );

    wire [STATE_BITS:0] over = {kept[STATE_BITS-1], kept} - {2'b00, threshold};
    wire reached = ~over[STATE_BITS];
    wire signed [STATE_BITS-1:0] left = kept - $signed({1'b0, taken});  // of a spike: above -2**(STATE_BITS-1)
    wire signed [STATE_BITS-1:0] after_spike = |taken ? left : '0;
    wire signed [WIDE-1:0] drive = WIDE'(acc);
    wire signed [WIDE-1:0] limit = WIDE'($signed({1'b0, threshold}));

    assign spike = ~rests & reached;
    assign gate = ~rests & drive > 0 & drive < limit;
    assign clamped = ~rests & saturated;
    assign v_then = rests ? v : reached ? after_spike : kept;
    assign resting_then = rests ? resting - REST_BITS'(1) : reached ? refractory : '0;
    wire unused = &{1'b0, product, over};
endmodule
`default_nettype wire
