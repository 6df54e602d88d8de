// Read-out registers of an output core: summed potentials, or wins counted. A sample starts from zero: a register that was not yet added
// to reads as zero. Counterpart: read_out() in core/soma.py.
`default_nettype none
module nc_read_out #(
    parameter int N_NEURONS = 10,
    parameter int ACC_BITS = 21
) (
    input wire clk,
    input wire clear,
    input wire add,
    input wire [15:0] neuron,
    input wire signed [ACC_BITS-1:0] term,
    input wire [15:0] read_neuron,
    output wire [31:0] votes
);
    localparam int INDEX_BITS = N_NEURONS > 1 ? $clog2(N_NEURONS) : 1;
    reg [31:0] sum[0:N_NEURONS-1];
    reg [N_NEURONS-1:0] is_added;
    wire [INDEX_BITS-1:0] at = neuron[INDEX_BITS-1:0];
    wire [INDEX_BITS-1:0] read_at = read_neuron[INDEX_BITS-1:0];

    always_ff @(posedge clk) begin
        if (clear) is_added <= '0;
        else if (add) is_added <= is_added | N_NEURONS'(1) << at;
        if (add) sum[at] <= (is_added[at] ? sum[at] : '0) + 32'(term);
    end
    assign votes = is_added[read_at] ? sum[read_at] : '0;
    wire unused = &{1'b0, neuron, read_neuron};
endmodule
`default_nettype wire
