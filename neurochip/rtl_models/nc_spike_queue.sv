// Spikes of a core that is not the first: those that arrive for the next tick and those of this one, a bit per axon. A packet is an axon,
// or with LANES > 1 a group of axons and a bit for each. The barrier swaps. Counterpart: take_spikes() and deliver_spikes() in
// core/packets.py.
`default_nettype none
module nc_spike_queue #(
    parameter int N_AXONS = 16,
    parameter int LANES = 1
) (
    input wire clk,
    input wire rst,
    input wire swap,
    input wire clear,  // with swap: a sample starts with empty queues
    input wire in_valid,
    input wire [15:0] in_unit,  // axon or group
    input wire [LANES-1:0] in_spikes,
    output reg [N_AXONS-1:0] active
);
    localparam int GROUPS = (N_AXONS + LANES - 1) / LANES;
    localparam int INDEX_BITS = GROUPS > 1 ? $clog2(GROUPS) : 1;
    reg [N_AXONS-1:0] arriving;
    wire [N_AXONS-1:0] arrival;
    wire [GROUPS-1:0] is_named = in_valid ? GROUPS'(1) << in_unit[INDEX_BITS-1:0] : '0;
    genvar g;
    generate
        if (LANES == 1) begin : axons
            assign arrival = is_named;
        end else begin : groups
            wire [GROUPS*LANES-1:0] padded;
            for (g = 0; g < GROUPS; g = g + 1) begin : group
                assign padded[g*LANES+:LANES] = is_named[g] ? in_spikes : '0;
            end
            assign arrival = padded[N_AXONS-1:0];
            wire unused_lanes = &{1'b0, padded};
        end
    endgenerate

    always_ff @(posedge clk) begin
        if (rst) begin
            arriving <= '0;
            active <= '0;
        end else if (swap) begin
            arriving <= '0;
            active <= clear ? '0 : arriving;
        end else if (in_valid) arriving <= arriving | arrival;
    end

    wire unused = &{1'b0, in_unit, in_spikes};

`ifndef SYNTHESIS
    function automatic integer highest(input integer group, input [LANES-1:0] spikes);
        integer l;
        highest = LANES == 1 ? group : 0;
        for (l = 0; l < LANES; l = l + 1) if (LANES > 1 && spikes[l]) highest = group * LANES + l;
    endfunction
    wire [31:0] last_spike = highest(32'(in_unit), in_spikes);
    // what must never happen
    always @(posedge clk)
        if (!rst) begin
            assert (!in_valid || (32'(in_unit) < GROUPS && last_spike < N_AXONS)) else $error("a spike for an axon that is not there");
            assert (!(in_valid && swap)) else $error("a spike arrives while the queues are swapped");
            assert (~|(arriving & arrival)) else $error("two spikes of a tick for one axon");
        end
`endif
endmodule
`default_nettype wire
