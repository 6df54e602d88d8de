// The input side of the first core: intensities, their generators, the spikes of a tick. While a sample is loaded each intensity is
// compared with its axon's word as it arrives; in later ticks all at once, in the second barrier cycle. A spike if word < intensity, in
// the word's top 8 bits. Counterpart: encode() and load_input() in core/encoder.py.
`default_nettype none
module nc_encode #(
    parameter int N_AXONS = 16,
    parameter int SHARING = neurochip_pkg::PER_UNIT,
    parameter int BITS = 16,
    parameter int STATES = SHARING == neurochip_pkg::PER_UNIT ? N_AXONS : 1
) (
    input wire clk,
    input wire load,
    input wire [15:0] load_axon,
    input wire [7:0] load_intensity,
    input wire [BITS-1:0] load_word,
    input wire swap,
    input wire [STATES*BITS-1:0] states,
    output reg [N_AXONS-1:0] active
);
    reg [7:0] intensity[0:N_AXONS-1];
    wire [7:0] load_draw = load_word[BITS-1-:8];

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

    function automatic [N_AXONS-1:0] encoded(input [STATES*BITS-1:0] all);
        integer i;
        for (i = 0; i < N_AXONS; i = i + 1) encoded[i] = draw(all, i) < intensity[i];
    endfunction

    always_ff @(posedge clk) begin
        if (load) begin
            intensity[load_axon[$clog2(N_AXONS)-1:0]] <= load_intensity;
            active[load_axon[$clog2(N_AXONS)-1:0]] <= load_draw < load_intensity;
        end else if (swap) active <= encoded(states);
    end

    wire unused = &{1'b0, load_axon, load_word};
endmodule
`default_nettype wire
