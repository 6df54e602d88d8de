// The row port of a core's memory: its own accesses, or configuration while it is idle. A line is WORDS words side by side, of which only
// those are in `row` and in the trace that were asked for. A section of nc_core. Counterpart: core/memory.py.
`default_nettype none
(* section *)
module nc_row_port #(
    parameter int WEIGHT_BITS = 16,
    parameter int WORD_BITS = 64,
    parameter int WORDS = 1,
    parameter int LINE_BITS = WORDS * WORD_BITS,
    parameter int FIELDS = WORD_BITS / WEIGHT_BITS * WORDS,
    parameter int SLICES = (LINE_BITS + 31) / 32,
    parameter int ROWS = 1048576 / SLICES  // of the memory
) (
    input wire clk,
    // of the core
    input wire core_read,
    input wire core_write,
    input wire [19:0] core_address,
    input wire [WORDS-1:0] core_enable,
    input wire [FIELDS*WEIGHT_BITS-1:0] stepped,
    output wire [FIELDS*WEIGHT_BITS-1:0] row,
    output reg [WORDS-1:0] words_here,  // that the last read asked for
    output wire [LINE_BITS-1:0] line_read,
    output wire [LINE_BITS-1:0] line_written,
    // configuration
    input wire config_read,
    input wire config_write,
    input wire [19:0] config_index,  // of a slice of 32 bits
    input wire [31:0] config_wdata,
    output wire [19:0] config_slice,  // of its row
    // memory
    output wire row_read,
    output wire row_write,
    output wire [19:0] row_address,
    output wire [WORDS-1:0] row_enable,
    output wire [SLICES-1:0] row_mask,
    output wire [LINE_BITS-1:0] row_wdata,
    input wire [LINE_BITS-1:0] row_rdata
);
    localparam int WORD_FIELDS = WORD_BITS / WEIGHT_BITS;
    localparam int USED_BITS = WORD_FIELDS * WEIGHT_BITS;  // of a word
    always_ff @(posedge clk) if (core_read) words_here <= core_enable;

    wire [LINE_BITS-1:0] line_stepped;
    wire [SLICES-1:0] slices;
    genvar w;
    generate
        for (w = 0; w < WORDS; w = w + 1) begin : word
            assign line_read[w*WORD_BITS+:WORD_BITS] = words_here[w] ? row_rdata[w*WORD_BITS+:WORD_BITS] : '0;
            assign row[w*USED_BITS+:USED_BITS] = line_read[w*WORD_BITS+:USED_BITS];
            assign line_stepped[w*WORD_BITS+:WORD_BITS] = WORD_BITS'(stepped[w*USED_BITS+:USED_BITS]);
            assign line_written[w*WORD_BITS+:WORD_BITS] = core_enable[w] ? line_stepped[w*WORD_BITS+:WORD_BITS] : '0;
        end
        for (w = 0; w < SLICES; w = w + 1) begin : slice
            assign slices[w] = core_enable[w*WORDS/SLICES];
        end
    endgenerate

    wire [19:0] config_row;
    nc_divide #(.LIMIT(ROWS * SLICES), .DIVISOR(SLICES)) config_place (.value(config_index), .quotient(config_row), .remainder(config_slice));
    wire configures = config_read | config_write;
    assign row_read = core_read | config_read;
    assign row_write = core_write | config_write;
    assign row_address = configures ? config_row : core_address;
    assign row_enable = configures ? '1 : core_enable;
    assign row_mask = configures ? SLICES'(1) << config_slice : slices;
    assign row_wdata = configures ? LINE_BITS'({SLICES{config_wdata}}) : line_stepped;
endmodule
`default_nettype wire
