// The lowest set bit of a bitmap, in two levels of 32: which group has one, which bit of that group. Combinational.
// Counterpart: none, the simulator keeps lists in ascending order.
`default_nettype none
module nc_find_first #(
    parameter int N = 64
) (
    input wire [N-1:0] bits,
    output wire any,
    output wire [15:0] index,
    output wire [N-1:0] rest  // the bitmap without that bit
);
    localparam int GROUPS = (N + 31) / 32;

    function automatic [15:0] first(input [GROUPS*32-1:0] padded);
        integer k;
        reg [31:0] chosen;
        chosen = '0;
        first = '0;
        for (k = GROUPS - 1; k >= 0; k = k - 1) begin
            if (|padded[k*32+:32]) begin
                chosen = padded[k*32+:32];
                first = 16'(k * 32);
            end
        end
        for (k = 31; k >= 0; k = k - 1) begin
            if (chosen[k]) first[4:0] = 5'(k);
        end
    endfunction

    assign any = |bits;
    assign index = first((GROUPS * 32)'(bits));
    assign rest = bits & (bits - N'(1));
endmodule
`default_nettype wire
