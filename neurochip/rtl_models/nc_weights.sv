// The weights of the fields of an access, without the tags that a rule keeps beside them; of one bit each, which names one of two levels. A section of nc_core. Counterpart: `weight` and
// `tag` of Synapses in core/state.py.
`default_nettype none
(* section *)
module nc_weights #(
    parameter int FIELDS = 4,
    parameter int WEIGHT_BITS = 16,
    parameter int FIELD_BITS = 16,  // of a weight and its tag above it
    parameter int STORED_BITS = WEIGHT_BITS,  // of the weight
    parameter [31:0] LOW = 0,
    parameter [31:0] HIGH = 0
) (
    input wire [FIELDS*FIELD_BITS-1:0] fields,
    output wire [FIELDS*WEIGHT_BITS-1:0] weights
);
    genvar f;
    generate
        for (f = 0; f < FIELDS; f = f + 1) begin : field
            if (STORED_BITS == WEIGHT_BITS) begin : as_it_is
                assign weights[f*WEIGHT_BITS+:WEIGHT_BITS] = fields[f*FIELD_BITS+:WEIGHT_BITS];
            end else begin : level
                assign weights[f*WEIGHT_BITS+:WEIGHT_BITS] = fields[f*FIELD_BITS] ? HIGH[WEIGHT_BITS-1:0] : LOW[WEIGHT_BITS-1:0];
            end
        end
    endgenerate
    wire unused = &{1'b0, fields};
endmodule
`default_nettype wire
