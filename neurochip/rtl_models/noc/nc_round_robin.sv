// Who gets an output of a router: the first asking input from the pointer on, in the order north, east, south, west, local, around. The
// pointer moves to the input after the one that was taken, and stays if none was. Counterpart: round_robin() in core/noc/mesh.py.
`default_nettype none
module nc_round_robin (
    input wire clk,
    input wire rst,  // pointer to north
    input wire [4:0] asks,
    input wire ready,  // the output's
    output wire [4:0] chosen,  // of those that ask, whether or not the output is ready
    output wire [4:0] taken
);
    reg [4:1] from;  // the pointer: its input and those after it; at north, none, as nobody is then before anybody's turn
    wire [4:0] first = asks & {from, 1'b0};
    wire [4:0] candidates = |first ? first : asks;
    wire [4:0] below = candidates - 5'd1;
    assign chosen = candidates & ~below;
    assign taken = ready ? chosen : 5'd0;

    wire [4:0] passed = chosen | (chosen - 5'd1);
    always_ff @(posedge clk) begin
        if (rst) from <= 4'd0;
        else if (|taken) from <= ~passed[4:1];
    end
    wire unused = &{1'b0, passed};

`ifndef SYNTHESIS
    // what must never happen
    always @(posedge clk)
        if (!rst) begin
            assert ($onehot0(chosen)) else $error("two inputs are granted one output");
            assert (~|(chosen & ~asks)) else $error("an output is granted to an input that does not ask");
        end
`endif
endmodule
`default_nettype wire
