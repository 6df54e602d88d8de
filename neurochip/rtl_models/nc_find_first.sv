// The lowest set bit of a bitmap. Which bits have one below them is found by doubling, within groups of 32 and then among groups: as many
// gates in series as the number of bits has digits. Combinational. Counterpart: none, the simulator keeps lists in ascending order.
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
    localparam int PADDED = GROUPS * 32;
    wire [PADDED-1:0] padded = PADDED'(bits);
    wire [PADDED-1:0] upto;  // a bit of its group is set, up to and with this one
    wire [GROUPS-1:0] has_one, below;  // a group; a group below it
    wire [PADDED-1:0] others;  // a bit below this one is set

    function automatic [31:0] upwards(input [31:0] group);
        integer d;
        upwards = group;
        for (d = 1; d < 32; d = d * 2) upwards = upwards | upwards << d;
    endfunction

    function automatic [GROUPS-1:0] above(input [GROUPS-1:0] groups);
        integer d;
        above = GROUPS'({groups, 1'b0});
        for (d = 1; d < GROUPS; d = d * 2) above = above | above << d;
    endfunction
    assign below = above(has_one);

    genvar g, b;
    generate
        for (g = 0; g < GROUPS; g = g + 1) begin : group
            assign upto[g*32+:32] = upwards(padded[g*32+:32]);
            assign has_one[g] = upto[g*32+31];
            assign others[g*32+:32] = {upto[g*32+:31], 1'b0} | {32{below[g]}};
        end
    endgenerate
    assign any = |has_one;
    assign rest = bits & others[N-1:0];

    // the number of the one bit that has none below it
    wire [PADDED-1:0] first = padded & ~others;
    generate
        for (b = 0; b < 16; b = b + 1) begin : digit
            if ((1 << b) < PADDED) begin : used
                localparam bit [PADDED-1:0] ONES = PADDED'({((PADDED >> (b + 1)) + 1) {{(1 << b) {1'b1}}, {(1 << b) {1'b0}}}});
                assign index[b] = |(first & ONES);
            end else begin : zero
                assign index[b] = 1'b0;
            end
        end
    endgenerate
    wire unused = &{1'b0, others};
endmodule
`default_nettype wire
