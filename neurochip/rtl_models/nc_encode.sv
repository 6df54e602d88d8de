// The input side of the first core: intensities and the spikes of a tick. While a sample is loaded intensities, LANES side by side, are
// compared with their axons' words as they arrive; in later ticks all at once, in the second barrier cycle. A spike if word < intensity, in
// the word's top 8 bits. Counterpart: encode() and load_input() in core/encoder.py.
`default_nettype none
module nc_encode #(
    parameter int N_AXONS = 16,
    parameter int LANES = 1,
    parameter int SHARING = neurochip_pkg::PER_UNIT,
    parameter int BITS = 16,
    parameter int STATES = SHARING == neurochip_pkg::PER_UNIT ? N_AXONS : 1,
    parameter int GROUPS = (N_AXONS + LANES - 1) / LANES
) (
    input wire clk,
    input wire load,
    input wire [15:0] load_group,
    input wire [LANES*8-1:0] load_intensities,
    input wire [LANES*BITS-1:0] load_words,
    input wire swap,
    input wire [STATES*BITS-1:0] states,
    output wire [N_AXONS-1:0] active,
    output wire [N_AXONS-1:0] likely  // to spike than not: the top bit of an intensity
);
    localparam int GROUP_BITS = GROUPS > 1 ? $clog2(GROUPS) : 1;
    reg [LANES*8-1:0] intensity[0:GROUPS-1];
    reg [GROUPS*LANES-1:0] fired;
    wire [GROUP_BITS-1:0] group = load_group[GROUP_BITS-1:0];

    // the word of an axon: its own state, or the shared one turned left by the axon's number
    wire [GROUPS*LANES-1:0] encoded;
    wire [GROUPS*LANES*8-1:0] held;
    genvar a, g;
    generate
        for (g = 0; g < GROUPS; g = g + 1) begin : read  // once: tools read a whole group for every axon that is picked out of it
            assign held[g*LANES*8+:LANES*8] = intensity[g];
        end
        for (a = 0; a < N_AXONS; a = a + 1) begin : axon
            localparam int TURN = SHARING == neurochip_pkg::ROTATED ? a % BITS : 0;
            wire [7:0] draw;
            if (SHARING == neurochip_pkg::PER_UNIT) begin : own
                assign draw = states[a*BITS+BITS-8+:8];
            end else begin : shared
                wire [2*BITS-1:0] twice = {states[BITS-1:0], states[BITS-1:0]};
                assign draw = twice[2*BITS-8-TURN+:8];
                wire unused_bits = &{1'b0, twice};
            end
            assign encoded[a] = draw < held[a*8+:8];
            assign likely[a] = held[a*8+7];
        end
        if (GROUPS * LANES > N_AXONS) begin : nobody
            assign encoded[GROUPS*LANES-1:N_AXONS] = '0;
        end
    endgenerate

    function automatic [LANES-1:0] arrived(input [LANES*BITS-1:0] words, input [LANES*8-1:0] bright);
        integer l;
        for (l = 0; l < LANES; l = l + 1) arrived[l] = words[l*BITS+BITS-8+:8] < bright[l*8+:8];
    endfunction
    wire [LANES-1:0] arriving = arrived(load_words, load_intensities);

    always_ff @(posedge clk) if (load) intensity[group] <= load_intensities;
    generate
        for (g = 0; g < GROUPS; g = g + 1) begin : flags
            always_ff @(posedge clk) begin
                if (load) begin
                    if (32'(load_group) == g) fired[g*LANES+:LANES] <= arriving;
                end else if (swap) fired[g*LANES+:LANES] <= encoded[g*LANES+:LANES];
            end
        end
    endgenerate
    assign active = fired[N_AXONS-1:0];
    wire unused = &{1'b0, load_group, load_words, states, fired, held};
endmodule
`default_nettype wire
