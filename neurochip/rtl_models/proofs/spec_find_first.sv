// What nc_find_first must do: look at every bit, from the top down; the one seen last is the first.
`default_nettype none
module spec_find_first #(
    parameter int N = 64
) (
    input wire [N-1:0] bits,
    output reg any,
    output reg [15:0] index,
    output reg [N-1:0] rest
);
    integer i;
    always_comb begin
        any = 1'b0;
        index = 16'd0;
        for (i = N - 1; i >= 0; i = i - 1) begin
            if (bits[i]) begin
                any = 1'b1;
                index = 16'(i);
            end
        end
        rest = bits;
        if (any) rest[index] = 1'b0;
    end
endmodule
`default_nettype wire
