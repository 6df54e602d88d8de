// A hidden soma: spikes if r < potential, gate open if 0 < potential < ONE. Combinational. Counterpart: fire() in core/soma.py.
`default_nettype none
module nc_fire #(
    parameter int ACC_BITS = 21,
    parameter int FRAC_BITS = 12,
    parameter int BITS = 16
) (
    input wire signed [ACC_BITS-1:0] potential,
    input wire [BITS-1:0] word,
    output wire fires,
    output wire gate
);
    localparam int WIDE = (ACC_BITS > FRAC_BITS + 1 ? ACC_BITS : FRAC_BITS + 1) + 1;
    wire signed [WIDE-1:0] v = WIDE'(potential);
    wire signed [WIDE-1:0] draw = WIDE'(word[BITS-1-:FRAC_BITS]);
    wire signed [WIDE-1:0] one = WIDE'(1) << FRAC_BITS;
    assign fires = draw < v;
    assign gate = v > 0 && v < one;
    wire unused = &{1'b0, word};
endmodule
`default_nettype wire
