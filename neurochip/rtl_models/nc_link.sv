// Two entries between a core that sends and one that receives: valid/ready on both sides, nothing combinational from end to end.
// Counterpart: none, in the simulator a packet arrives at once (deliver_spikes() in core/packets.py).
`default_nettype none
module nc_link #(
    parameter int BITS = 17
) (
    input wire clk,
    input wire rst,
    input wire in_valid,
    output wire in_ready,
    input wire [BITS-1:0] in_data,
    output wire out_valid,
    input wire out_ready,
    output wire [BITS-1:0] out_data
);
    reg [1:0] filled;
    reg [BITS-1:0] head, second;
    wire push = in_valid & in_ready;
    wire pop = out_valid & out_ready;
    wire head_after_pop = filled[1] | ~pop;  // does the head keep or get an entry

    assign in_ready = ~filled[1];
    assign out_valid = filled[0];
    assign out_data = head;

    always_ff @(posedge clk) begin
        if (rst) begin
            filled <= 2'b00;
        end else begin
            if (pop) head <= filled[1] ? second : in_data;
            else if (push && !filled[0]) head <= in_data;
            if (push && filled[0] && !pop) second <= in_data;
            filled[0] <= (filled[0] & head_after_pop) | push;
            filled[1] <= (filled[1] & ~pop) | (push & filled[0] & ~pop);
        end
    end

`ifndef SYNTHESIS
    // what must never happen
    always @(posedge clk)
        if (!rst) begin
            assert (filled != 2'b10) else $error("a link holds a second packet and no first");
            assert (!(push && filled[1])) else $error("a packet overruns a link");
        end
`endif
endmodule
`default_nettype wire
