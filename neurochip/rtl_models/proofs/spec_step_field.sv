// What nc_step_field must do: one up or down in 64 bits, then a clamp; an update that the clamp undid is lost.
`default_nettype none
module spec_step_field #(
    parameter int BITS = 16
) (
    input wire signed [BITS-1:0] value,
    input wire enable,
    input wire minus,
    output wire signed [BITS-1:0] stepped,
    output wire lost
);
    wire signed [63:0] before = 64'(value);
    wire signed [63:0] wanted = !enable ? before : minus ? before - 64'sd1 : before + 64'sd1;
    wire signed [63:0] highest = (64'sd1 << (BITS - 1)) - 64'sd1;
    wire signed [63:0] kept = wanted > highest ? highest : wanted < -highest - 64'sd1 ? -highest - 64'sd1 : wanted;
    assign stepped = kept[BITS-1:0];
    assign lost = kept != wanted;
endmodule
`default_nettype wire
