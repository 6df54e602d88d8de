// What nc_error_fire must do, for the gains that an experiment may ask for: absolute value and shift in 64 bits.
`default_nettype none
module spec_error_fire #(
    parameter int BACK_BITS = 20,
    parameter int FRAC_BITS = 12,
    parameter int BITS = 16
) (
    input wire signed [BACK_BITS-1:0] sum,
    input wire [3:0] gain,
    input wire [BITS-1:0] word,
    output wire fires,
    output wire minus,
    output wire saturated
);
    wire signed [63:0] wide = 64'(sum);
    wire signed [63:0] size = (wide < 64'sd0 ? -wide : wide) * (64'sd1 << gain);
    wire signed [63:0] draw = $signed({{(64 - BITS) {1'b0}}, word}) >>> (BITS - FRAC_BITS);
    assign fires = draw < size;
    assign minus = wide < 64'sd0;
    assign saturated = size > 64'sd1 << FRAC_BITS;
    always_comb assume (gain <= 4'd8);
endmodule
`default_nettype wire
