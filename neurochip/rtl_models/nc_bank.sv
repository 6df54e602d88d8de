// One bank of the synapse memory: a single port, synchronous. Behavioural: a macro goes in its place. An address brings its word in the
// next cycle, which then stays until the next read. Writes touch the 32-bit slices in `mask`, and read nothing for it.
// Counterpart: none, the simulator's rows are whole (core/memory.py).
`default_nettype none
module nc_bank #(
    parameter int WORDS = 256,
    parameter int WORD_BITS = 64,
    parameter int SLICES = (WORD_BITS + 31) / 32,
    parameter int ADDRESS_BITS = WORDS > 1 ? $clog2(WORDS) : 1
) (
    input wire clk,
    input wire read,
    input wire write,
    input wire [ADDRESS_BITS-1:0] address,
    input wire [SLICES-1:0] mask,
    input wire [WORD_BITS-1:0] wdata,
    output reg [WORD_BITS-1:0] rdata
);
    localparam int SLICE = WORD_BITS < 32 ? WORD_BITS : 32;
    localparam int PADDED = SLICES * SLICE;  // beyond WORD_BITS zeros, which no tool keeps

    reg [PADDED-1:0] cells[0:WORDS-1];

    // one write port, whose mask is that of block RAMs and macros
    wire [PADDED-1:0] padded = PADDED'(wdata);
    integer s;
    always_ff @(posedge clk) begin
        for (s = 0; s < SLICES; s = s + 1) if (write && mask[s]) cells[address][s*SLICE+:SLICE] <= padded[s*SLICE+:SLICE];
        if (read && !write) rdata <= cells[address][WORD_BITS-1:0];
    end
endmodule
`default_nettype wire
