// The synapse memory: one row port and, where the array is transposable, a column port. Behavioural: a macro goes in its place.
// Synchronous: an address brings its word in the next cycle, which then stays until the next read. A row holds the weights of one axon
// from field 0 up; a column access brings the fields of one neuron in FIELDS successive rows. Writes touch the 32-bit slices in `mask`.
// Counterpart: core/memory.py, whose functions read and write its rows and columns.
`default_nettype none
module nc_memory #(
    parameter int N_AXONS = 16,
    parameter int N_NEURONS = 8,
    parameter int WEIGHT_BITS = 16,
    parameter int WORD_BITS = 64,
    parameter bit TRANSPOSABLE = 1,
    parameter int FIELDS = WORD_BITS / WEIGHT_BITS,
    parameter int ROW_WORDS = (N_NEURONS + FIELDS - 1) / FIELDS,
    parameter int SLICES = (WORD_BITS + 31) / 32
) (
    input wire clk,
    input wire row_read,
    input wire row_write,
    input wire [19:0] row_address,
    input wire [SLICES-1:0] row_mask,
    input wire [WORD_BITS-1:0] row_wdata,
    output reg [WORD_BITS-1:0] row_rdata,
    input wire column_read,
    input wire [15:0] column_neuron,
    input wire [15:0] column_access,
    output reg [WORD_BITS-1:0] column_rdata
);
    localparam int WORDS = N_AXONS * ROW_WORDS;
    localparam int ADDRESS_BITS = WORDS > 1 ? $clog2(WORDS) : 1;

    localparam int SLICE = WORD_BITS < 32 ? WORD_BITS : 32;
    localparam int PADDED = SLICES * SLICE;  // beyond WORD_BITS zeros, which no tool keeps

    reg [PADDED-1:0] array[0:WORDS-1];

    // one write port, whose mask is that of block RAMs and macros: a write reads nothing
    wire [ADDRESS_BITS-1:0] at = row_address[ADDRESS_BITS-1:0];
    wire [PADDED-1:0] wdata = PADDED'(row_wdata);
    integer s;
    always_ff @(posedge clk) begin
        for (s = 0; s < SLICES; s = s + 1) if (row_write && row_mask[s]) array[at][s*SLICE+:SLICE] <= wdata[s*SLICE+:SLICE];
        if (row_read && !row_write) row_rdata <= array[at][WORD_BITS-1:0];
    end

    generate
        if (TRANSPOSABLE) begin : columns
            function automatic [WORD_BITS-1:0] column(input [15:0] neuron, input [15:0] access);
                integer f;
                reg [31:0] axon;
                reg [WORD_BITS-1:0] word;
                column = '0;
                for (f = 0; f < FIELDS; f = f + 1) begin
                    axon = 32'(access) * FIELDS + f;
                    if (axon < N_AXONS) begin
                        word = array[ADDRESS_BITS'(axon*ROW_WORDS+32'(neuron)/FIELDS)][WORD_BITS-1:0];
                        column[f*WEIGHT_BITS+:WEIGHT_BITS] = word[(32'(neuron)%FIELDS)*WEIGHT_BITS+:WEIGHT_BITS];
                    end
                end
            endfunction
            always_ff @(posedge clk) if (column_read) column_rdata <= column(column_neuron, column_access);
        end else begin : rows_only
            always_ff @(posedge clk) column_rdata <= '0;
            wire unused = &{1'b0, column_read, column_neuron, column_access};
        end
    endgenerate
    wire unused_address = &{1'b0, row_address};
endmodule
`default_nettype wire
