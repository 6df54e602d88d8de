// The spikes of this tick, a bit per axon: encoded from intensities in the first core, queued as they came in the others; behind them those
// that a recurrent core sent in the tick before. A section of nc_core. Counterpart: encode() and load_input() in core/encoder.py, take_spikes()
// in core/packets.py.
`default_nettype none
(* section *)
module nc_spikes_in #(
    parameter int N_AXONS = 16,
    parameter int N_OWN = 0,  // of these, the last ones: the core's own neurons
    parameter int N_FED = N_AXONS - N_OWN,
    parameter int OWN_LANES = 1,
    parameter bit IS_FIRST = 0,
    parameter int INPUT_LANES = 1,
    parameter bit IS_SERIAL = 0,  // the encoder
    parameter int SOMA_LANES = neurochip_pkg::SOMA_LANES,  // of the core that sends spikes
    parameter int PACKET_BITS = neurochip_pkg::SPIKE_BITS,
    parameter int BITS = neurochip_pkg::RNG_BITS,
    parameter int AXON_STATES = neurochip_pkg::RNG_SHARING == neurochip_pkg::PER_UNIT ? N_FED : 1
) (
    input wire clk,
    input wire rst,
    input wire swap,
    input wire new_sample,
    // first core
    input wire load,
    input wire encode,
    input wire [15:0] axon,  // or a group of axons
    input wire [INPUT_LANES*8-1:0] arriving,
    input wire [INPUT_LANES*BITS-1:0] axon_words,
    input wire [AXON_STATES*BITS-1:0] axon_states,
    input wire fetch,
    input wire [15:0] axon_ahead,
    output wire [INPUT_LANES*8-1:0] intensities,  // in hand
    // the others
    input wire in_valid,
    input wire [PACKET_BITS-1:0] in_unit,  // above its number, the spikes of a group
    // its own
    input wire evaluate,
    input wire [15:0] soma,
    input wire [OWN_LANES-1:0] fires,
    output wire [N_AXONS-1:0] active,
    output wire [N_AXONS-1:0] likely
);
    wire [N_FED-1:0] fed, likely_fed;
    generate
        if (N_OWN > 0) begin : recurrent
            wire [N_OWN-1:0] own;
            nc_own_spikes #(
                .N_NEURONS(N_OWN),
                .LANES(OWN_LANES)
            ) own_spikes (
                .clk(clk),
                .rst(rst),
                .swap(swap),
                .clear(swap && new_sample),
                .evaluate(evaluate),
                .soma(soma),
                .spikes(fires),
                .own(own)
            );
            assign active = {own, fed};
            assign likely = N_AXONS'(likely_fed);
        end else begin : fed_alone
            assign active = fed;
            assign likely = likely_fed;
            wire unused_own = &{1'b0, evaluate, soma, fires};
        end
    endgenerate
    generate
        if (IS_FIRST && IS_SERIAL) begin : serial_input
            nc_encode_serial #(
                .N_AXONS(N_FED),
                .LANES(INPUT_LANES),
                .BITS(BITS)
            ) encoder (
                .clk(clk),
                .load(load),
                .encode(encode),
                .group(axon),
                .arriving(arriving),
                .words(axon_words),
                .fetch(fetch),
                .group_ahead(axon_ahead),
                .intensities(intensities),
                .active(fed),
                .likely(likely_fed)
            );
            wire unused = &{1'b0, rst, swap, new_sample, axon_states, in_valid, in_unit};
        end else if (IS_FIRST) begin : input_side
            nc_encode #(
                .N_AXONS(N_FED),
                .LANES(INPUT_LANES),
                .SHARING(neurochip_pkg::RNG_SHARING),
                .BITS(BITS)
            ) encoder (
                .clk(clk),
                .load(load),
                .load_group(axon),
                .load_intensities(arriving),
                .load_words(axon_words),
                .swap(swap),
                .states(axon_states),
                .active(fed),
                .likely(likely_fed)
            );
            assign intensities = arriving;
            wire unused = &{1'b0, rst, new_sample, encode, fetch, axon_ahead, in_valid, in_unit};
        end else begin : from_core
            nc_spike_queue #(
                .N_AXONS(N_FED),
                .LANES(SOMA_LANES)
            ) queue (
                .clk(clk),
                .rst(rst),
                .swap(swap),
                .clear(new_sample),
                .in_valid(in_valid),
                .in_unit(in_unit[15:0]),
                .in_spikes(in_unit[PACKET_BITS-1-:SOMA_LANES]),
                .active(fed)
            );
            assign intensities = '0;
            assign likely_fed = '0;
            wire unused = &{1'b0, load, encode, axon, arriving, axon_words, axon_states, fetch, axon_ahead};
        end
    endgenerate
endmodule
`default_nettype wire
