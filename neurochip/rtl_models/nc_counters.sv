// Event counters of a core, one per phase and event, cleared by reset, read over the configuration port in halves of 32 bits.
// Counterpart: `counts` of CoreState in core/state.py, with the same index: phase * N_EVENTS + event.
`default_nettype none
module nc_counters #(
    parameter int COUNTER_BITS = 48
) (
    input wire clk,
    input wire rst,
    input wire [1:0] phase,
    input wire [neurochip_pkg::N_EVENTS*16-1:0] increments,
    input wire [15:0] learn_states,  // of the rule, read and written in whatever phase
    input wire read,
    input wire [15:0] address,  // counter, and which half
    output reg [31:0] data
);
    localparam int N_EVENTS = neurochip_pkg::N_EVENTS;
    localparam int N_COUNTERS = neurochip_pkg::N_PHASES * N_EVENTS;
    localparam int LEARN_READ = 2 * N_EVENTS + neurochip_pkg::STATE_READ, LEARN_WRITE = 2 * N_EVENTS + neurochip_pkg::STATE_WRITE;
    localparam int COUNTER_INDEX_BITS = $clog2(N_COUNTERS);

    reg [COUNTER_BITS-1:0] count[0:N_COUNTERS-1];
    integer p, e;
    always_ff @(posedge clk) begin
        for (p = 0; p < neurochip_pkg::N_PHASES; p = p + 1) begin
            if (rst || 32'(phase) == p) begin
                for (e = 0; e < N_EVENTS; e = e + 1) begin
                    if (neurochip_pkg::COUNTED[p*N_EVENTS+e] && (rst || increments[e*16+:16] != '0))
                        count[p*N_EVENTS+e] <= rst ? '0 : count[p*N_EVENTS+e] + COUNTER_BITS'(increments[e*16+:16]);
                end
            end
        end
        if (neurochip_pkg::COUNTED[LEARN_READ] && !rst && learn_states != '0) begin  // the learning phase counts no others
            count[LEARN_READ] <= count[LEARN_READ] + COUNTER_BITS'(learn_states);
            count[LEARN_WRITE] <= count[LEARN_WRITE] + COUNTER_BITS'(learn_states);
        end
    end

    wire [COUNTER_INDEX_BITS-1:0] chosen = address[COUNTER_INDEX_BITS:1];
    wire [63:0] padded = neurochip_pkg::COUNTED[chosen] ? 64'(count[chosen]) : '0;
    always_ff @(posedge clk) if (read) data <= address[0] ? padded[63:32] : padded[31:0];
    wire unused = &{1'b0, address, learn_states};
endmodule
`default_nettype wire
