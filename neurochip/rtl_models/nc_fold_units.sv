// Values of units side by side folded to 32 bits by XOR, each turned left by its lane, for the trace; lanes beyond the last unit count as
// zero. Combinational. Counterpart: fold_units() in cosim/core/unit_records.py.
`default_nettype none
module nc_fold_units #(
    parameter int UNITS = 16,
    parameter int LANES = 1,
    parameter int BITS = 16,
    parameter bit SIGNED = 0
) (
    input wire [15:0] group,
    input wire [LANES*BITS-1:0] values,
    output wire [31:0] folded
);
    function automatic [31:0] fold(input [15:0] at, input [LANES*BITS-1:0] all);
        integer l;
        reg [31:0] value;
        reg [BITS-1:0] bits;
        reg signed [BITS-1:0] number;
        fold = '0;
        for (l = 0; l < LANES; l = l + 1) begin
            bits = all[l*BITS+:BITS];
            number = all[l*BITS+:BITS];
            value = SIGNED ? 32'(number) : 32'(bits);
            if (32'(at) * LANES + l < UNITS) fold = fold ^ (value << (l % 32) | value >> (32 - l % 32));
        end
    endfunction
    assign folded = fold(group, values);
endmodule
`default_nettype wire
