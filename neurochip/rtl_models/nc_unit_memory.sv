// A memory with one read port and one write port for what units of a core hold: intensities, states of generators. Behavioural: a register
// file or a block RAM goes in its place. Synchronous: an address brings its word in the next cycle, which then stays until the next read.
// Counterpart: load_input() in core/encoder.py.
`default_nettype none
module nc_unit_memory #(
    parameter int WORDS = 16,
    parameter int BITS = 16
) (
    input wire clk,
    input wire read,
    input wire [15:0] read_address,
    output reg [BITS-1:0] rdata,
    input wire write,
    input wire [15:0] write_address,
    input wire [BITS-1:0] wdata
);
    localparam int ADDRESS_BITS = WORDS > 1 ? $clog2(WORDS) : 1;
    reg [BITS-1:0] array[0:WORDS-1];
    always_ff @(posedge clk) begin
        if (read) rdata <= array[read_address[ADDRESS_BITS-1:0]];
        if (write) array[write_address[ADDRESS_BITS-1:0]] <= wdata;
    end
    wire unused = &{1'b0, read_address, write_address};
endmodule
`default_nettype wire
