// The error sums of the axons: the signed sum of the columns of this core's own errors. The first error of a tick starts all sums; by
// column WIDTH axons at a time, without a column port one axon and one field. A flag per axon says that its sum is not zero; error
// fire takes them one after another. Counterpart: back_integrate() in core/soma.py, add_columns() in core/memory.py.
`default_nettype none
module nc_back_integrate #(
    parameter int N_AXONS = 16,
    parameter int WEIGHT_BITS = 16,
    parameter int FIELDS = 4,  // of a row's access
    parameter int WIDTH = 4,  // axons of a column's access
    parameter int BACK_BITS = 20,
    parameter bit BACK_NARROW = 0,
    parameter bit BY_COLUMN = 1,
    parameter int TERMS = neurochip_pkg::ALL_TERMS,  // those that are added here: all, positive ones, negative ones
    parameter int ACCESSES = (N_AXONS + WIDTH - 1) / WIDTH
) (
    input wire clk,
    input wire add,
    input wire is_first_error,
    input wire minus,
    input wire [15:0] access,
    input wire [15:0] row_field,  // of the neuron in its row's access, without column port
    input wire [FIELDS*WEIGHT_BITS-1:0] row,
    input wire [WIDTH*WEIGHT_BITS-1:0] column,
    output wire [15:0] additions,
    output wire [15:0] saturations,
    output wire any_after,  // a sum is not zero, this access included
    input wire take,  // error fire has evaluated `axon`
    output wire any,
    output wire any_more,  // than the axon in hand
    output wire [15:0] axon,
    output wire signed [BACK_BITS-1:0] sum
);
    localparam int ACCESS_BITS = ACCESSES > 1 ? $clog2(ACCESSES) : 1;
    localparam int LAST_WIDTH = N_AXONS - (ACCESSES - 1) * WIDTH;
    localparam int PADDED = ACCESSES * WIDTH;

    reg [WIDTH*BACK_BITS-1:0] back[0:ACCESSES-1];
    reg [PADDED-1:0] non_zero;

    wire is_last = 32'(access) == ACCESSES - 1;
    wire [WIDTH-1:0] used = is_last ? {WIDTH{1'b1}} >> (WIDTH - LAST_WIDTH) : {WIDTH{1'b1}};
    assign additions = is_last ? 16'(LAST_WIDTH) : 16'(WIDTH);

    wire [WIDTH*BACK_BITS-1:0] entry = back[access[ACCESS_BITS-1:0]];
    wire [WIDTH*BACK_BITS-1:0] totals;
    wire [WIDTH-1:0] is_saturated, is_non_zero;

    genvar f;
    generate
        for (f = 0; f < WIDTH; f = f + 1) begin : field
            wire signed [WEIGHT_BITS-1:0] weight;
            if (BY_COLUMN) begin : by_column
                assign weight = column[f*WEIGHT_BITS+:WEIGHT_BITS];
            end else begin : by_row
                assign weight = row[32'(row_field)*WEIGHT_BITS+:WEIGHT_BITS];
            end
            wire signed [WEIGHT_BITS:0] wide = {weight[WEIGHT_BITS-1], weight};  // minus the lowest weight fits
            wire signed [WEIGHT_BITS:0] term = minus ? -wide : wide;
            wire is_mine = TERMS == neurochip_pkg::ALL_TERMS || term[WEIGHT_BITS] == (TERMS == neurochip_pkg::NEGATIVE_TERMS);
            wire signed [BACK_BITS-1:0] so_far = is_first_error ? '0 : entry[f*BACK_BITS+:BACK_BITS];
            wire clamped;
            nc_saturating_add #(
                .SUM_BITS(BACK_BITS),
                .TERM_BITS(WEIGHT_BITS + 1),
                .SATURATES(BACK_NARROW)
            ) adder (
                .sum(so_far),
                .term(is_mine ? term : '0),
                .total(totals[f*BACK_BITS+:BACK_BITS]),
                .saturated(clamped)
            );
            assign is_saturated[f] = clamped & used[f];
            assign is_non_zero[f] = |totals[f*BACK_BITS+:BACK_BITS] & used[f];
        end
    endgenerate

    function automatic [15:0] ones(input [WIDTH-1:0] flags);
        integer i;
        ones = '0;
        for (i = 0; i < WIDTH; i = i + 1) ones = ones + 16'(flags[i]);
    endfunction
    assign saturations = ones(is_saturated);

    wire [PADDED-1:0] here = PADDED'({WIDTH{1'b1}}) << 32'(access) * WIDTH;
    wire [PADDED-1:0] flags_after = (non_zero & ~here) | PADDED'(is_non_zero) << 32'(access) * WIDTH;
    assign any_after = |flags_after;

    wire [PADDED-1:0] rest;
    nc_find_first #(
        .N(PADDED)
    ) walk (
        .bits(non_zero),
        .any(any),
        .index(axon),
        .rest(rest)
    );
    assign any_more = |rest;
    wire [WIDTH*BACK_BITS-1:0] held = back[ACCESS_BITS'(32'(axon)/WIDTH)];
    assign sum = held[(32'(axon)%WIDTH)*BACK_BITS+:BACK_BITS];

    always_ff @(posedge clk) begin
        if (add) begin
            back[access[ACCESS_BITS-1:0]] <= totals;
            non_zero <= flags_after;
        end else if (take) non_zero <= rest;
    end

    wire unused = &{1'b0, access, row_field, row, column};
endmodule
`default_nettype wire
