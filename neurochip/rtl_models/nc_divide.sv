// A number below LIMIT divided by a constant: by a product with the constant's reciprocal, exact for all of them, or not at all where the
// quotient can only be zero. A divider would take a subtraction per bit, one after another. Combinational. Counterpart: none, integers.
`default_nettype none
module nc_divide #(
    parameter int LIMIT = 200,
    parameter int DIVISOR = 4
) (
    input wire [19:0] value,  // of which the bits that LIMIT needs are read
    output wire [19:0] quotient,
    output wire [19:0] remainder
);
    localparam int BITS = LIMIT > 1 ? $clog2(LIMIT) : 1;  // at most 20
    localparam int SHIFT = $clog2(DIVISOR);
    wire [BITS-1:0] read = value[BITS-1:0];
    generate
        if (LIMIT <= DIVISOR) begin : none
            assign quotient = '0;
            assign remainder = 20'(read);
        end else if (DIVISOR == 1 << SHIFT) begin : shifted
            assign quotient = 20'(read >> SHIFT);
            assign remainder = 20'(read) & 20'(DIVISOR - 1);
        end else begin : multiplied
            // reciprocal x DIVISOR is above 2^(BITS + SHIFT) by less than DIVISOR <= 2^SHIFT: too little to matter to BITS bits
            localparam int ALL = BITS + SHIFT;
            localparam bit [63:0] RECIPROCAL = ((64'd1 << ALL) + 64'(DIVISOR) - 64'd1) / 64'(DIVISOR);
            wire [2*BITS+1:0] product = (2 * BITS + 2)'(read) * (2 * BITS + 2)'(RECIPROCAL);
            assign quotient = 20'(product >> ALL);
            assign remainder = 20'(read) - 20'(quotient * 20'(DIVISOR));
            wire unused_product = &{1'b0, product};
        end
    endgenerate
    wire unused = &{1'b0, value};
endmodule
`default_nettype wire
