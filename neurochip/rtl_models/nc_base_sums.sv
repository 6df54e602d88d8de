// Base sums of a delta core: biases and the rows of the inputs that are likelier to spike than not, added once per sample. They follow when
// learning changes a row of theirs or a bias. An entry without such a row has none: its sums start from the biases.
// Counterpart: integrate() in core/soma.py, whose sums are the same without them.
`default_nettype none
module nc_base_sums #(
    parameter int FIELDS = 4,
    parameter int WEIGHT_BITS = 16,
    parameter int SUM_BITS = 21,
    parameter int ENTRIES = 1
) (
    input wire clk,
    input wire clear,
    input wire add,  // a row
    input wire follow,  // what has changed in a row
    input wire [15:0] at,
    input wire [FIELDS*SUM_BITS-1:0] totals,
    input wire bias_write,
    input wire [15:0] bias_at,
    input wire [15:0] bias_field,
    input wire signed [WEIGHT_BITS-1:0] bias_new,
    input wire signed [WEIGHT_BITS-1:0] bias_old,
    output wire [ENTRIES*FIELDS*SUM_BITS-1:0] bases,
    output reg [ENTRIES-1:0] has_base
);
    localparam int AT_BITS = ENTRIES > 1 ? $clog2(ENTRIES) : 1;
    localparam int FIELD_BITS = FIELDS > 1 ? $clog2(FIELDS) : 1;
    reg [FIELDS*SUM_BITS-1:0] base[0:ENTRIES-1];

    wire [AT_BITS-1:0] of_bias = bias_at[AT_BITS-1:0];
    wire [SUM_BITS-1:0] bias_step = SUM_BITS'(bias_new) - SUM_BITS'(bias_old);
    wire [FIELDS*SUM_BITS-1:0] held = base[of_bias];

    function automatic [FIELDS*SUM_BITS-1:0] stepped(input [FIELDS*SUM_BITS-1:0] old, input [FIELD_BITS-1:0] field, input [SUM_BITS-1:0] step);
        stepped = old;
        stepped[32'(field)*SUM_BITS+:SUM_BITS] = old[32'(field)*SUM_BITS+:SUM_BITS] + step;
    endfunction

    // an entry is written whole: its flip-flops share an enable, and a clock gate
    wire write_row = add || follow;
    always_ff @(posedge clk) begin
        if (clear) has_base <= '0;
        else if (add) has_base <= has_base | ENTRIES'(1) << at[AT_BITS-1:0];
        if (write_row || bias_write)
            base[write_row ? at[AT_BITS-1:0] : of_bias] <= write_row ? totals : stepped(held, bias_field[FIELD_BITS-1:0], bias_step);
    end

    genvar e;
    generate
        for (e = 0; e < ENTRIES; e = e + 1) begin : entry
            assign bases[e*FIELDS*SUM_BITS+:FIELDS*SUM_BITS] = base[e];
        end
    endgenerate
    wire unused = &{1'b0, at, bias_at, bias_field};
endmodule
`default_nettype wire
