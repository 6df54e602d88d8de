// The sum of one state of the axons whose rows are visited. Combinational. Counterpart: `x_sum` of core/language/keeping.py.
`default_nettype none
module nc_rule_sum #(
    parameter int N = 16,
    parameter int BITS = 8,  // of an axon's states
    parameter int FIRST_BITS = 8,  // of the first of them, which is added up
    parameter bit IS_SIGNED = 0,
    parameter int SUM_BITS = 12
) (
    input wire [N*BITS-1:0] x,
    input wire [N-1:0] rows,
    output wire [SUM_BITS-1:0] sum
);
    function automatic [SUM_BITS-1:0] total(input [N*BITS-1:0] all, input [N-1:0] visited);
        integer i;
        reg [FIRST_BITS-1:0] first;
        total = '0;
        for (i = 0; i < N; i = i + 1) begin
            first = all[i*BITS+:FIRST_BITS];
            if (visited[i]) total = total + (IS_SIGNED ? SUM_BITS'($signed(first)) : SUM_BITS'(first));
        end
    endfunction
    assign sum = total(x, rows);
endmodule
`default_nettype wire
