// An array that can be read by row and by column, as cells with a second port allow: a model for simulation, which no foundry's macro is.
// A row access is a line of WORDS words; a column access brings one neuron's fields of as many successive axons as a word holds.
// Counterpart: core/memory.py, whose functions read and write its rows and columns.
`default_nettype none
module nc_transposable #(
    parameter int N_AXONS = 16,
    parameter int WEIGHT_BITS = 16,
    parameter int WORD_BITS = 64,
    parameter int WORDS = 1,
    parameter int ROW_ACCESSES = 1,
    parameter int LINES = N_AXONS * ROW_ACCESSES,
    parameter int ADDRESS_BITS = LINES > 1 ? $clog2(LINES) : 1,
    parameter int LINE_BITS = WORDS * WORD_BITS,
    parameter int SLICES = (LINE_BITS + 31) / 32
) (
    input wire clk,
    input wire row_read,
    input wire row_write,
    input wire [ADDRESS_BITS-1:0] row_address,
    input wire [WORDS-1:0] row_enable,
    input wire [SLICES-1:0] row_mask,
    input wire [LINE_BITS-1:0] row_wdata,
    output reg [LINE_BITS-1:0] row_rdata,
    input wire column_read,
    input wire [15:0] column_neuron,
    input wire [15:0] column_access,
    output reg [WORD_BITS-1:0] column_rdata
);
    localparam int WORD_FIELDS = WORD_BITS / WEIGHT_BITS;
    localparam int FIELDS = WORDS * WORD_FIELDS;
    localparam int SLICE = LINE_BITS < 32 ? LINE_BITS : 32;
    localparam int PADDED = SLICES * SLICE;

    reg [PADDED-1:0] cells[0:LINES-1];

    // one write port, whose mask is that of block RAMs and macros: a write reads nothing
    wire [PADDED-1:0] wdata = PADDED'(row_wdata);
    wire [PADDED-1:0] line = cells[row_address];
    integer s, w;
    always_ff @(posedge clk) begin
        for (s = 0; s < SLICES; s = s + 1) if (row_write && row_mask[s]) cells[row_address][s*SLICE+:SLICE] <= wdata[s*SLICE+:SLICE];
        for (w = 0; w < WORDS; w = w + 1)
            if (row_read && !row_write && row_enable[w]) row_rdata[w*WORD_BITS+:WORD_BITS] <= line[w*WORD_BITS+:WORD_BITS];
    end

    function automatic [WORD_BITS-1:0] column(input [15:0] neuron, input [15:0] access);
        integer f;
        reg [31:0] axon;
        reg [$clog2(PADDED)-1:0] first;
        reg [PADDED-1:0] row;
        column = '0;
        first = $clog2(PADDED)'(32'(neuron) % FIELDS / WORD_FIELDS * WORD_BITS + 32'(neuron) % WORD_FIELDS * WEIGHT_BITS);
        for (f = 0; f < WORD_FIELDS; f = f + 1) begin
            axon = 32'(access) * WORD_FIELDS + f;
            if (axon < N_AXONS) begin
                row = cells[ADDRESS_BITS'(axon*ROW_ACCESSES+32'(neuron)/FIELDS)];
                column[f*WEIGHT_BITS+:WEIGHT_BITS] = row[first+:WEIGHT_BITS];
            end
        end
    endfunction
    always_ff @(posedge clk) if (column_read) column_rdata <= column(column_neuron, column_access);
endmodule
`default_nettype wire
