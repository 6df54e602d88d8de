// The input side of a first core with a serial encoder: intensities in a memory, LANES side by side. At the head of every tick group after
// group is compared with its words: in the first of a sample as the intensities arrive, later as they are read. A spike if word <
// intensity, in the word's top 8 bits. Counterpart: encode() and load_input() in core/encoder.py.
`default_nettype none
module nc_encode_serial #(
    parameter int N_AXONS = 16,
    parameter int LANES = 1,
    parameter int BITS = 16,
    parameter int GROUPS = (N_AXONS + LANES - 1) / LANES
) (
    input wire clk,
    input wire load,  // intensities arrive
    input wire encode,  // they were fetched in the cycle before
    input wire [15:0] group,
    input wire [LANES*8-1:0] arriving,
    input wire [LANES*BITS-1:0] words,
    input wire fetch,
    input wire [15:0] group_ahead,
    output wire [LANES*8-1:0] intensities,  // in hand
    output reg [N_AXONS-1:0] active,
    output reg [N_AXONS-1:0] likely  // to spike than not: the top bit of an intensity
);
    wire [LANES*8-1:0] held;
    nc_unit_memory #(
        .WORDS(GROUPS),
        .BITS(LANES * 8)
    ) memory (
        .clk(clk),
        .read(fetch),
        .read_address(group_ahead),
        .rdata(held),
        .write(load),
        .write_address(group),
        .wdata(arriving)
    );
    assign intensities = load ? arriving : held;

    function automatic [LANES-1:0] fired(input [LANES*BITS-1:0] all, input [LANES*8-1:0] bright);
        integer l;
        for (l = 0; l < LANES; l = l + 1) fired[l] = all[l*BITS+BITS-8+:8] < bright[l*8+:8];
    endfunction
    wire [LANES-1:0] spikes = fired(words, intensities);

    genvar g, i;
    generate
        for (g = 0; g < GROUPS; g = g + 1) begin : flags
            localparam int USED = g == GROUPS - 1 ? N_AXONS - g * LANES : LANES;
            always_ff @(posedge clk) if ((load | encode) && 32'(group) == g) active[g*LANES+:USED] <= spikes[USED-1:0];
            for (i = 0; i < USED; i = i + 1) begin : axon
                always_ff @(posedge clk) if (load && 32'(group) == g) likely[g*LANES+i] <= arriving[i*8+7];
            end
        end
    endgenerate
    wire unused = &{1'b0, words, spikes};
endmodule
`default_nettype wire
