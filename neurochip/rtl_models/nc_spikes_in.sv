// The spikes of this tick, a bit per axon: encoded from intensities in the first core, queued as they came in the others. A section of
// nc_core. Counterpart: encode() and load_input() in core/encoder.py, take_spikes() in core/packets.py.
`default_nettype none
(* section *)
module nc_spikes_in #(
    parameter int N_AXONS = 16,
    parameter bit IS_FIRST = 0,
    parameter int BITS = neurochip_pkg::RNG_BITS,
    parameter int AXON_STATES = neurochip_pkg::RNG_SHARING == neurochip_pkg::PER_UNIT ? N_AXONS : 1
) (
    input wire clk,
    input wire rst,
    input wire swap,
    input wire new_sample,
    // first core
    input wire load,
    input wire [15:0] axon,
    input wire [7:0] intensity,
    input wire [BITS-1:0] axon_word,
    input wire [AXON_STATES*BITS-1:0] axon_states,
    // the others
    input wire in_valid,
    input wire [15:0] in_unit,
    output wire [N_AXONS-1:0] active
);
    generate
        if (IS_FIRST) begin : input_side
            nc_encode #(
                .N_AXONS(N_AXONS),
                .SHARING(neurochip_pkg::RNG_SHARING),
                .BITS(BITS)
            ) encoder (
                .clk(clk),
                .load(load),
                .load_axon(axon),
                .load_intensity(intensity),
                .load_word(axon_word),
                .swap(swap),
                .states(axon_states),
                .active(active)
            );
            wire unused = &{1'b0, rst, new_sample, in_valid, in_unit};
        end else begin : from_core
            nc_spike_queue #(
                .N_AXONS(N_AXONS)
            ) queue (
                .clk(clk),
                .rst(rst),
                .swap(swap),
                .clear(new_sample),
                .in_valid(in_valid),
                .in_unit(in_unit),
                .active(active)
            );
            wire unused = &{1'b0, load, axon, intensity, axon_word, axon_states};
        end
    endgenerate
endmodule
`default_nettype wire
