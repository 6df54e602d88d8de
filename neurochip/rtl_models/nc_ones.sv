// How many of N flags are set. Combinational. Counterpart: none, integers.
`default_nettype none
module nc_ones #(
    parameter int N = 8
) (
    input wire [N-1:0] flags,
    output wire [15:0] ones
);
    function automatic [15:0] count(input [N-1:0] all);
        integer i;
        count = '0;
        for (i = 0; i < N; i = i + 1) count = count + 16'(all[i]);
    endfunction
    assign ones = count(flags);
endmodule
`default_nettype wire
