// What nc_spike_backprop must do: a draw below p_learn learns; bias and every learning field go one up or down in 64 bits and are
// clamped; a field that does not learn stays as it is.
`default_nettype none
module spec_spike_backprop #(
    parameter int WEIGHT_BITS = 16,
    parameter int FIELDS = 4,
    parameter int BITS = 16
) (
    input wire [BITS:0] p_learn,
    input wire [BITS-1:0] draw,
    output wire is_certain,
    output wire learns,
    input wire signed [WEIGHT_BITS-1:0] bias,
    input wire bias_minus,
    output reg signed [WEIGHT_BITS-1:0] bias_stepped,
    output reg bias_lost,
    input wire [FIELDS*WEIGHT_BITS-1:0] word,
    input wire [FIELDS-1:0] learners,
    input wire [FIELDS-1:0] minus,
    output reg [FIELDS*WEIGHT_BITS-1:0] word_stepped,
    output reg [15:0] steps,
    output reg [15:0] lost
);
    assign is_certain = p_learn >= (BITS + 1)'(1) << BITS;
    assign learns = 64'(draw) < 64'(p_learn);

    localparam signed [63:0] HIGHEST = (64'sd1 << (WEIGHT_BITS - 1)) - 64'sd1;
    function automatic signed [63:0] clamped(input signed [63:0] value);
        clamped = value > HIGHEST ? HIGHEST : value < -HIGHEST - 64'sd1 ? -HIGHEST - 64'sd1 : value;
    endfunction

    integer f;
    reg signed [63:0] wanted, field;
    always_comb begin
        wanted = 64'(bias) + (bias_minus ? -64'sd1 : 64'sd1);
        bias_stepped = WEIGHT_BITS'(clamped(wanted));
        bias_lost = clamped(wanted) != wanted;
        word_stepped = '0;
        steps = 16'd0;
        lost = 16'd0;
        for (f = 0; f < FIELDS; f = f + 1) begin
            field = 64'($signed(word[f*WEIGHT_BITS+:WEIGHT_BITS]));
            wanted = field + (!learners[f] ? 64'sd0 : minus[f] ? -64'sd1 : 64'sd1);
            word_stepped[f*WEIGHT_BITS+:WEIGHT_BITS] = WEIGHT_BITS'(clamped(wanted));
            if (clamped(wanted) != wanted) lost = lost + 16'd1;
            else if (learners[f]) steps = steps + 16'd1;
        end
    end
endmodule
`default_nettype wire
