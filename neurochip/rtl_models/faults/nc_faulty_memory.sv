// A synapse memory with stuck bits: nc_memory, of which every word is read through the masks of its cells. What is written to a stuck bit
// is lost, so that a read is all that must know of it. In lock-step on a broken chip it stands in nc_memory's place; the list of faults is
// made for the chip. Counterpart: hold_cells() in core/faults.py.
`default_nettype none
module nc_faulty_memory #(
    parameter int CORE = 0,
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
    localparam int WIDTH = PORT == neurochip_pkg::TRANSPOSABLE ? WORD_FIELDS : PORT == neurochip_pkg::SKEWED ? BANKS : 0;

    wire [LINE_BITS-1:0] row_sound;
    wire [COLUMN_BITS-1:0] column_sound;
    nc_memory #(
        .N_AXONS(N_AXONS),
        .N_NEURONS(N_NEURONS),
        .WEIGHT_BITS(WEIGHT_BITS),
        .WORD_BITS(WORD_BITS),
        .WORDS(WORDS),
        .BANKS(BANKS),
        .COLUMN_BITS(COLUMN_BITS),
        .PORT(PORT)
    ) sound (
        .clk(clk),
        .row_read(row_read),
        .row_write(row_write),
        .row_address(row_address),
        .row_enable(row_enable),
        .row_mask(row_mask),
        .row_wdata(row_wdata),
        .row_rdata(row_sound),
        .column_read(column_read),
        .column_neuron(column_neuron),
        .column_access(column_access),
        .column_rdata(column_sound)
    );

    // which line of the memory has a weight, and from which bit on
    function automatic [31:0] line_of(input [31:0] axon, input [31:0] neuron);
        line_of = axon * ROW_ACCESSES + neuron / FIELDS;
    endfunction
    function automatic [31:0] first_of(input [31:0] neuron);
        first_of = neuron % FIELDS / WORD_FIELDS * WORD_BITS + neuron % WORD_FIELDS * WEIGHT_BITS;
    endfunction

    // bits that are stuck at 0, and at 1
    reg [LINE_BITS-1:0] low [0:LINES-1];
    reg [LINE_BITS-1:0] high[0:LINES-1];
    integer k;
    reg [31:0] axon_k, neuron_k;
    reg [WEIGHT_BITS-1:0] keep_k, forced_k;
    initial begin
        for (k = 0; k < LINES; k = k + 1) begin
            low[k] = '0;
            high[k] = '0;
        end
        for (k = 0; k < neurochip_pkg::N_FAULTY_CELLS; k = k + 1) begin
            if (32'(neurochip_pkg::FAULTY_CELLS[k*72+64+:8]) == CORE) begin
                axon_k = 32'(neurochip_pkg::FAULTY_CELLS[k*72+48+:16]);
                neuron_k = 32'(neurochip_pkg::FAULTY_CELLS[k*72+32+:16]);
                keep_k = neurochip_pkg::FAULTY_CELLS[k*72+16+:WEIGHT_BITS];
                forced_k = neurochip_pkg::FAULTY_CELLS[k*72+:WEIGHT_BITS];
                low[ADDRESS_BITS'(line_of(axon_k, neuron_k))][first_of(neuron_k)+:WEIGHT_BITS] = ~keep_k & ~forced_k;
                high[ADDRESS_BITS'(line_of(axon_k, neuron_k))][first_of(neuron_k)+:WEIGHT_BITS] = forced_k;
            end
        end
    end

    reg [LINE_BITS-1:0] low_then, high_then;  // of the line that was read
    wire [ADDRESS_BITS-1:0] at = row_address[ADDRESS_BITS-1:0];
    always_ff @(posedge clk) begin
        if (row_read && !row_write) begin
            low_then <= low[at];
            high_then <= high[at];
        end
    end
    assign row_rdata = (row_sound & ~low_then) | high_then;

    genvar f;
    generate
        for (f = 0; f < WIDTH; f = f + 1) begin : column_field
            wire [31:0] axon = 32'(column_access) * WIDTH + f;
            wire [ADDRESS_BITS-1:0] line = ADDRESS_BITS'(line_of(axon, 32'(column_neuron)));
            reg [WEIGHT_BITS-1:0] low_field, high_field;
            always_ff @(posedge clk) begin
                if (column_read) begin
                    low_field <= axon < N_AXONS ? WEIGHT_BITS'(low[line] >> first_of(32'(column_neuron))) : '1;
                    high_field <= axon < N_AXONS ? WEIGHT_BITS'(high[line] >> first_of(32'(column_neuron))) : '0;
                end
            end
            assign column_rdata[f*WEIGHT_BITS+:WEIGHT_BITS] = (column_sound[f*WEIGHT_BITS+:WEIGHT_BITS] & ~low_field) | high_field;
        end
        if (COLUMN_BITS > WIDTH * WEIGHT_BITS) begin : wider
            assign column_rdata[COLUMN_BITS-1:WIDTH*WEIGHT_BITS] = column_sound[COLUMN_BITS-1:WIDTH*WEIGHT_BITS];
        end
    endgenerate
endmodule
`default_nettype wire
