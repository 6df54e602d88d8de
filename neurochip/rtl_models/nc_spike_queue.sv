// Spikes of a core that is not the first: those that arrive for the next tick and those of this one, a bit per axon. The barrier swaps.
// Counterpart: take_spikes() and deliver_spikes() in core/packets.py.
`default_nettype none
module nc_spike_queue #(
    parameter int N_AXONS = 16
) (
    input wire clk,
    input wire rst,
    input wire swap,
    input wire clear,  // with swap: a sample starts with empty queues
    input wire in_valid,
    input wire [15:0] in_unit,
    output reg [N_AXONS-1:0] active
);
    localparam int INDEX_BITS = N_AXONS > 1 ? $clog2(N_AXONS) : 1;
    reg [N_AXONS-1:0] arriving;
    wire [N_AXONS-1:0] arrival = in_valid ? N_AXONS'(1) << in_unit[INDEX_BITS-1:0] : '0;

    always_ff @(posedge clk) begin
        if (rst) begin
            arriving <= '0;
            active <= '0;
        end else if (swap) begin
            arriving <= '0;
            active <= clear ? '0 : arriving;
        end else if (in_valid) arriving <= arriving | arrival;
    end

    wire unused = &{1'b0, in_unit};

`ifndef SYNTHESIS
    // what must never happen
    always @(posedge clk)
        if (!rst) begin
            assert (!in_valid || 32'(in_unit) < N_AXONS) else $error("a spike for an axon that is not there");
            assert (!(in_valid && swap)) else $error("a spike arrives while the queues are swapped");
            assert (~|(arriving & arrival)) else $error("two spikes of a tick for one axon");
        end
`endif
endmodule
`default_nettype wire
