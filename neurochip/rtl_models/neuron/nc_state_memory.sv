// The states of neurons with a memory: a read port and a write port. Behavioural: a macro goes in its place. Synchronous: an address brings
// its word in the next cycle, which then stays until the next read. A word is never read in the cycle in which it is written.
// Counterpart: `membrane` and `resting` of CoreState in core/state.py.
`default_nettype none
module nc_state_memory #(
    parameter int WORDS = 16,
    parameter int BITS = 24,
    parameter int ADDRESS_BITS = WORDS > 1 ? $clog2(WORDS) : 1
) (
    input wire clk,
    input wire read,
    input wire [ADDRESS_BITS-1:0] read_address,
    output reg [BITS-1:0] read_data,
    input wire write,
    input wire [ADDRESS_BITS-1:0] write_address,
    input wire [BITS-1:0] write_data
);
    reg [BITS-1:0] array[0:WORDS-1];
    always_ff @(posedge clk) begin
        if (read) read_data <= array[read_address];
        if (write) array[write_address] <= write_data;
    end
endmodule
`default_nettype wire
