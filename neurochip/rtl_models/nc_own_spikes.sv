// Own spikes of a recurrent core: a bit for each neuron that fired, kept over the barrier, which hands them on as spikes of the core's last
// axons. A sample begins without any. Counterpart: take_own_spikes() in core/recurrence.py.
`default_nettype none
module nc_own_spikes #(
    parameter int N_NEURONS = 8,
    parameter int LANES = 1
) (
    input wire clk,
    input wire rst,
    input wire swap,
    input wire clear,  // with swap: a sample begins
    input wire evaluate,
    input wire [15:0] soma,  // or group of them
    input wire [LANES-1:0] spikes,
    output reg [N_NEURONS-1:0] own  // of the tick before
);
    localparam int GROUPS = (N_NEURONS + LANES - 1) / LANES;
    reg [GROUPS*LANES-1:0] fired;  // all are written in every tick
    genvar g;
    generate
        for (g = 0; g < GROUPS; g = g + 1) begin : group
            always_ff @(posedge clk) if (evaluate && 32'(soma) == g) fired[g*LANES+:LANES] <= spikes;
        end
    endgenerate
    always_ff @(posedge clk) begin
        if (rst) own <= '0;
        else if (swap) own <= clear ? '0 : fired[N_NEURONS-1:0];
    end
    wire unused = &{1'b0, fired};  // somas of the last group that are not there
endmodule
`default_nettype wire
