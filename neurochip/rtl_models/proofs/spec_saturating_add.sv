// What nc_saturating_add must do: an addition in 64 bits, then two compares. Without SATURATES its low bits are all that is promised.
`default_nettype none
module spec_saturating_add #(
    parameter int SUM_BITS = 16,
    parameter int TERM_BITS = 8,
    parameter bit SATURATES = 1
) (
    input wire signed [SUM_BITS-1:0] sum,
    input wire signed [TERM_BITS-1:0] term,
    output wire signed [SUM_BITS-1:0] total,
    output wire saturated
);
    wire signed [63:0] exact = 64'(sum) + 64'(term);
    wire signed [63:0] highest = (64'sd1 << (SUM_BITS - 1)) - 64'sd1;
    wire signed [63:0] lowest = -highest - 64'sd1;
    wire signed [63:0] kept = !SATURATES ? exact : exact > highest ? highest : exact < lowest ? lowest : exact;
    assign total = kept[SUM_BITS-1:0];
    assign saturated = kept != exact;
endmodule
`default_nettype wire
