// Event counters of a core, one per phase and event, cleared by reset, read over the configuration port in halves of 32 bits.
// Counterpart: CoreState.counts in core/state.py, with the same index: phase * N_EVENTS + event.
`default_nettype none
module nc_counters #(
    parameter int COUNTER_BITS = 48
) (
    input wire clk,
    input wire rst,
    input wire [1:0] phase,
    input wire [neurochip_pkg::N_EVENTS*16-1:0] increments,
    input wire read,
    input wire [15:0] address,  // counter, and which half
    output reg [31:0] data
);
    localparam int N_EVENTS = neurochip_pkg::N_EVENTS;
    localparam int N_COUNTERS = neurochip_pkg::N_PHASES * N_EVENTS;

    wire [N_COUNTERS*COUNTER_BITS-1:0] counts;
    genvar p, e;
    generate
        for (p = 0; p < neurochip_pkg::N_PHASES; p = p + 1) begin : in_phase
            for (e = 0; e < N_EVENTS; e = e + 1) begin : of_event
                if (neurochip_pkg::COUNTED[p*N_EVENTS+e]) begin : used
                    reg [COUNTER_BITS-1:0] count;
                    wire [15:0] increment = increments[e*16+:16];
                    always_ff @(posedge clk) begin
                        if (rst) count <= '0;
                        else if (32'(phase) == p) count <= count + COUNTER_BITS'(increment);
                    end
                    assign counts[(p*N_EVENTS+e)*COUNTER_BITS+:COUNTER_BITS] = count;
                end else begin : never
                    assign counts[(p*N_EVENTS+e)*COUNTER_BITS+:COUNTER_BITS] = '0;
                end
            end
        end
    endgenerate

    wire [COUNTER_BITS-1:0] chosen = counts[32'(address[15:1])*COUNTER_BITS+:COUNTER_BITS];
    wire [63:0] padded = 64'(chosen);
    always_ff @(posedge clk) if (read) data <= address[0] ? padded[63:32] : padded[31:0];
endmodule
`default_nettype wire
