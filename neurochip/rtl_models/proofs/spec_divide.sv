// What nc_divide must do: divide, where the number is below LIMIT; elsewhere it may do as it likes, which is what the cut of its bits does.
`default_nettype none
module spec_divide #(
    parameter int LIMIT = 200,
    parameter int DIVISOR = 4
) (
    input wire [19:0] value,
    output wire [19:0] quotient,
    output wire [19:0] remainder
);
    assign quotient = value / DIVISOR;
    assign remainder = value % DIVISOR;
    always_comb assume (value < LIMIT);
endmodule
`default_nettype wire
