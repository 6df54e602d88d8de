// A weight or bias one LSB up or down; at its rail it stays and the update is lost. Combinational.
// Counterpart: step_fields() and step_biases() in core/memory.py.
`default_nettype none
module nc_step_field #(
    parameter int BITS = 16
) (
    input wire signed [BITS-1:0] value,
    input wire enable,
    input wire minus,
    output wire signed [BITS-1:0] stepped,
    output wire lost
);
    wire signed [BITS-1:0] rail = minus ? {1'b1, {(BITS - 1) {1'b0}}} : {1'b0, {(BITS - 1) {1'b1}}};
    wire signed [BITS-1:0] step = minus ? {BITS{1'b1}} : BITS'(1);
    assign lost = enable & (value == rail);
    assign stepped = enable & ~lost ? value + step : value;
endmodule
`default_nettype wire
