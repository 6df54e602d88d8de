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
    function automatic [7:0] draw(input [STATES*BITS-1:0] all, input integer axon);
        integer turn;
        reg [2*BITS-1:0] twice;
        turn = 0;
        twice = {all[BITS-1:0], all[BITS-1:0]};
        if (SHARING == neurochip_pkg::PER_UNIT) begin
            draw = all[axon*BITS+BITS-8+:8];
        end else begin
            if (SHARING == neurochip_pkg::ROTATED) turn = axon % BITS;
            draw = twice[2*BITS-8-turn+:8];
        end
    endfunction

    function automatic [GROUPS*LANES-1:0] encoded(input [STATES*BITS-1:0] all);
        integer i;
        encoded = '0;
        for (i = 0; i < N_AXONS; i = i + 1) encoded[i] = draw(all, i) < intensity[i/LANES][(i%LANES)*8+:8];
    endfunction

    function automatic [LANES-1:0] arrived(input [LANES*BITS-1:0] words, input [LANES*8-1:0] bright);
        integer l;
        for (l = 0; l < LANES; l = l + 1) arrived[l] = words[l*BITS+BITS-8+:8] < bright[l*8+:8];
    endfunction

    always_ff @(posedge clk) begin
        if (load) begin
            intensity[group] <= load_intensities;
            fired[32'(group)*LANES+:LANES] <= arrived(load_words, load_intensities);
        end else if (swap) fired <= encoded(states);
    end
    assign active = fired[N_AXONS-1:0];
    genvar i;
    generate
        for (i = 0; i < N_AXONS; i = i + 1) begin : axon
            assign likely[i] = intensity[i/LANES][i%LANES*8+7];
        end
    endgenerate

    wire unused = &{1'b0, load_group, load_words, fired};
endmodule
`default_nettype wire
