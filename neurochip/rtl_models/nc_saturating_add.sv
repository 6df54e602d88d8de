// sum + term in SUM_BITS; if SATURATES, clamped to the rails, with a flag. Combinational. Without it no sum of this core can leave
// SUM_BITS (experiment/chip.py makes them wide enough). Counterpart: add_rows_saturating() in core/memory.py.
`default_nettype none
module nc_saturating_add #(
    parameter int SUM_BITS = 16,
    parameter int TERM_BITS = 8,
    parameter bit SATURATES = 1
) (
    input wire signed [SUM_BITS-1:0] sum,
    input wire signed [TERM_BITS-1:0] term,
    output wire signed [SUM_BITS-1:0] total,
    output wire saturated
);
    localparam int WIDE = (SUM_BITS > TERM_BITS ? SUM_BITS : TERM_BITS) + 1;
    wire signed [WIDE-1:0] exact = WIDE'(sum) + WIDE'(term);

    generate
        if (SATURATES) begin : clamp
            wire fits = &exact[WIDE-1:SUM_BITS-1] | ~|exact[WIDE-1:SUM_BITS-1];
            assign total = fits ? exact[SUM_BITS-1:0] : {exact[WIDE-1], {(SUM_BITS - 1) {~exact[WIDE-1]}}};
            assign saturated = ~fits;
        end else begin : plain
            assign total = exact[SUM_BITS-1:0];
            assign saturated = 1'b0;
            wire unused = &{1'b0, exact[WIDE-1:SUM_BITS]};
        end
    endgenerate
endmodule
`default_nettype wire
