// The potentials of LANES somas side by side: a choice among groups, not among neurons. A sum that was not yet added to is what it starts from; lanes
// beyond the last neuron hold zero, which never spikes. Combinational. Counterpart: fire() in core/soma.py.
`default_nettype none
module nc_potentials #(
    parameter int N_NEURONS = 8,
    parameter int LANES = 4,
    parameter int ACC_BITS = 21,
    parameter int GROUPS = (N_NEURONS + LANES - 1) / LANES
) (
    input wire [15:0] group,
    input wire [N_NEURONS*ACC_BITS-1:0] sums,
    input wire [N_NEURONS*ACC_BITS-1:0] starts,
    input wire [N_NEURONS-1:0] is_added,
    output wire [LANES*ACC_BITS-1:0] potentials
);
    localparam int PADDED = GROUPS * LANES;
    localparam int GROUP_BITS = GROUPS > 1 ? $clog2(GROUPS) : 1;
    wire [PADDED*ACC_BITS-1:0] all_sums = (PADDED * ACC_BITS)'(sums);
    wire [PADDED*ACC_BITS-1:0] all_starts = (PADDED * ACC_BITS)'(starts);
    wire [PADDED-1:0] all_added = PADDED'(is_added);
    wire [31:0] at = 32'(group[GROUP_BITS-1:0]);
    wire [LANES*ACC_BITS-1:0] held = all_sums[at*(LANES*ACC_BITS)+:LANES*ACC_BITS];
    wire [LANES*ACC_BITS-1:0] held_starts = all_starts[at*(LANES*ACC_BITS)+:LANES*ACC_BITS];
    wire [LANES-1:0] has_sum = all_added[at*LANES+:LANES];

    genvar l;
    generate
        for (l = 0; l < LANES; l = l + 1) begin : lane
            assign potentials[l*ACC_BITS+:ACC_BITS] = has_sum[l] ? held[l*ACC_BITS+:ACC_BITS] : held_starts[l*ACC_BITS+:ACC_BITS];
        end
    endgenerate
    wire unused = &{1'b0, group};
endmodule
`default_nettype wire
