// A word of any width folded to 64 bits by XOR, for the trace. Combinational. Counterpart: fold_fields() in cosim/core/memory_records.py.
`default_nettype none
module nc_fold #(
    parameter int BITS = 64
) (
    input wire [BITS-1:0] word,
    output wire [63:0] folded
);
    localparam int PARTS = (BITS + 63) / 64;
    wire [PARTS*64-1:0] padded = (PARTS * 64)'(word);
    function automatic [63:0] fold(input [PARTS*64-1:0] all);
        integer i;
        fold = '0;
        for (i = 0; i < PARTS; i = i + 1) fold = fold ^ all[i*64+:64];
    endfunction
    assign folded = fold(padded);
endmodule
`default_nettype wire
