// An error soma: r < |sum| << gain sends an error spike with the sum's sign; r is as many top bits of the word as there are fraction
// bits. Combinational. Counterpart: error_fire() in core/soma.py.
`default_nettype none
module nc_error_fire #(
    parameter int BACK_BITS = 20,
    parameter int FRAC_BITS = 12,
    parameter int BITS = 16,
    parameter int SHIFT = 0  // of random feedback: its weights are plus and minus 2**SHIFT
) (
    input wire signed [BACK_BITS-1:0] sum,
    input wire [3:0] gain,
    input wire [BITS-1:0] word,
    output wire fires,
    output wire minus,
    output wire saturated  // above what a probability of one can express
);
    localparam int SIZE_BITS = BACK_BITS + SHIFT + 9 > FRAC_BITS + 2 ? BACK_BITS + SHIFT + 9 : FRAC_BITS + 2;
    wire [BACK_BITS-1:0] magnitude = sum[BACK_BITS-1] ? -sum : sum;  // of the lowest sum too: as unsigned number
    wire [SIZE_BITS-1:0] size = SIZE_BITS'(magnitude) << SHIFT << gain;
    assign minus = sum[BACK_BITS-1];
    assign fires = SIZE_BITS'(word[BITS-1-:FRAC_BITS]) < size;
    assign saturated = size > SIZE_BITS'(1) << FRAC_BITS;
    wire unused = &{1'b0, word};
endmodule
`default_nettype wire
