// The synapse memory: WORDS banks side by side hold a line, which is one access of a row; a line is one address. Words in `row_enable` are
// read, the others stay as they were. By column: an array with a port of its own, or banks of which each row is turned by one more, word
// w of axon i in bank (i + w) mod BANKS, so that one word of BANKS successive rows can be read at once. Without either, rows only.
// Counterpart: core/memory.py, whose functions read and write its rows and columns.
`default_nettype none
module nc_memory #(
    parameter int N_AXONS = 16,
    parameter int N_NEURONS = 8,
    parameter int WEIGHT_BITS = 16,
    parameter int WORD_BITS = 64,
    parameter int WORDS = 1,
    parameter int BANKS = 1,
    parameter int PORT = neurochip_pkg::TRANSPOSABLE,
    parameter int LINE_BITS = WORDS * WORD_BITS,
    parameter int COLUMN_BITS = 64,
    parameter int SLICES = (LINE_BITS + 31) / 32
) (
    input wire clk,
    input wire row_read,
    input wire row_write,
    input wire [19:0] row_address,
    input wire [WORDS-1:0] row_enable,
    input wire [SLICES-1:0] row_mask,
    input wire [LINE_BITS-1:0] row_wdata,
    output wire [LINE_BITS-1:0] row_rdata,
    input wire column_read,
    input wire [15:0] column_neuron,
    input wire [15:0] column_access,
    output wire [COLUMN_BITS-1:0] column_rdata
);
    localparam int WORD_FIELDS = WORD_BITS / WEIGHT_BITS;
    localparam int FIELDS = WORDS * WORD_FIELDS;
    localparam int ROW_ACCESSES = (N_NEURONS + FIELDS - 1) / FIELDS;
    localparam int LINES = N_AXONS * ROW_ACCESSES;
    localparam int ADDRESS_BITS = LINES > 1 ? $clog2(LINES) : 1;
    localparam int WORD_SLICES = SLICES / WORDS;  // whole slices, or a single word
    wire [ADDRESS_BITS-1:0] at = row_address[ADDRESS_BITS-1:0];

    genvar b;
    generate
        if (PORT == neurochip_pkg::TRANSPOSABLE) begin : columns
            nc_transposable #(
                .N_AXONS(N_AXONS),
                .WEIGHT_BITS(WEIGHT_BITS),
                .WORD_BITS(WORD_BITS),
                .WORDS(WORDS),
                .ROW_ACCESSES(ROW_ACCESSES)
            ) by_both (
                .clk(clk),
                .row_read(row_read),
                .row_write(row_write),
                .row_address(at),
                .row_enable(row_enable),
                .row_mask(row_mask),
                .row_wdata(row_wdata),
                .row_rdata(row_rdata),
                .column_read(column_read),
                .column_neuron(column_neuron),
                .column_access(column_access),
                .column_rdata(column_rdata)
            );
        end else if (PORT == neurochip_pkg::SKEWED) begin : skewed
            // by row: bank b has word b - axon; by column: bank b has the row of which the wanted word is there
            wire [31:0] turn = column_read ? (32'(column_neuron) % FIELDS) / WORD_FIELDS : 32'(row_address) / ROW_ACCESSES % BANKS;
            reg [31:0] turn_then, field_then;
            always_ff @(posedge clk) begin
                if (row_read | column_read) turn_then <= turn;
                if (column_read) field_then <= 32'(column_neuron) % WORD_FIELDS;
            end
            wire [BANKS*WORD_BITS-1:0] rdata;
            for (b = 0; b < BANKS; b = b + 1) begin : bank
                wire [31:0] word = (b + BANKS - turn) % BANKS;  // of the row, or which row of the access
                wire [31:0] axon = 32'(column_access) * BANKS + word;
                wire wanted = word < WORDS && row_enable[word%WORDS];
                nc_bank #(
                    .WORDS(LINES),
                    .WORD_BITS(WORD_BITS)
                ) bank (
                    .clk(clk),
                    .read(column_read ? axon < N_AXONS : row_read && wanted),
                    .write(row_write && wanted),
                    .address(column_read ? ADDRESS_BITS'(axon * ROW_ACCESSES + 32'(column_neuron) / FIELDS) : at),
                    .mask(row_mask[word%WORDS*WORD_SLICES+:WORD_SLICES]),
                    .wdata(row_wdata[word%WORDS*WORD_BITS+:WORD_BITS]),
                    .rdata(rdata[b*WORD_BITS+:WORD_BITS])
                );
            end
            for (b = 0; b < WORDS; b = b + 1) begin : row_word
                assign row_rdata[b*WORD_BITS+:WORD_BITS] = rdata[(b+turn_then)%BANKS*WORD_BITS+:WORD_BITS];
            end
            for (b = 0; b < BANKS; b = b + 1) begin : column_field
                reg is_there;  // the last access may go beyond the axons
                always_ff @(posedge clk) if (column_read) is_there <= 32'(column_access) * BANKS + b < N_AXONS;
                wire [WORD_BITS-1:0] word = rdata[(b+turn_then)%BANKS*WORD_BITS+:WORD_BITS];
                assign column_rdata[b*WEIGHT_BITS+:WEIGHT_BITS] = is_there ? word[field_then*WEIGHT_BITS+:WEIGHT_BITS] : '0;
            end
            if (COLUMN_BITS > BANKS * WEIGHT_BITS) begin : wider
                assign column_rdata[COLUMN_BITS-1:BANKS*WEIGHT_BITS] = '0;
            end
        end else begin : rows_only
            for (b = 0; b < WORDS; b = b + 1) begin : bank
                nc_bank #(
                    .WORDS(LINES),
                    .WORD_BITS(WORD_BITS)
                ) bank (
                    .clk(clk),
                    .read(row_read && row_enable[b]),
                    .write(row_write && row_enable[b]),
                    .address(at),
                    .mask(row_mask[b*WORD_SLICES+:WORD_SLICES]),
                    .wdata(row_wdata[b*WORD_BITS+:WORD_BITS]),
                    .rdata(row_rdata[b*WORD_BITS+:WORD_BITS])
                );
            end
            assign column_rdata = '0;
            wire unused = &{1'b0, column_read, column_neuron, column_access};
        end
    endgenerate
    wire unused_address = &{1'b0, row_address};
endmodule
`default_nettype wire
