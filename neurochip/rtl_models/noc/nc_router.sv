// A router: five inputs with a FIFO each, five outputs without a buffer, in the order north, east, south, west, local (bit 0 up). A packet
// is one word, which a link carries in one cycle: X of its destination in the lowest bits, then Y, the rest is its core's. It goes east or
// west until it is in its column, then north or south, then to the core. `out_valid` and `out_data` do not wait for `out_ready`, and until
// a packet is taken another may come before it. `start`: pointers to north, at any time while the router holds no packet.
// Counterpart: forward() in core/noc/mesh.py; the contract is docs/noc.md.
`default_nettype none
module nc_router #(
    parameter int X_BITS = 2,  // 0: a mesh of one column
    parameter int Y_BITS = 2,  // 0: a mesh of one row
    parameter int PACKET_BITS = 32,  // more than X_BITS + Y_BITS
    parameter int DEPTH = 4,
    parameter int X_WIRES = X_BITS > 0 ? X_BITS : 1,
    parameter int Y_WIRES = Y_BITS > 0 ? Y_BITS : 1,
    parameter int HELD_BITS = $clog2(DEPTH + 1)
) (
    input wire clk,
    input wire rst,
    input wire start,
    input wire [X_WIRES-1:0] here_x,  // its place, which does not change
    input wire [Y_WIRES-1:0] here_y,
    input wire [4:0] in_valid,
    output wire [4:0] in_ready,
    input wire [5*PACKET_BITS-1:0] in_data,
    output wire [4:0] out_valid,
    input wire [4:0] out_ready,
    output wire [5*PACKET_BITS-1:0] out_data,
    output wire busy,  // holds a packet
    output wire [5*HELD_BITS-1:0] held  // packets in each FIFO, to be observed
);
    // inputs that can ask for an output, local first: no packet turns back, none turns from a column into a row
    localparam [24:0] WAYS = {5'b11111, 5'b10010, 5'b11011, 5'b11000, 5'b11110};

    wire [4:0] waiting;
    wire [5*PACKET_BITS-1:0] head;
    wire [24:0] wants, taken;  // by input: its outputs; by output: its inputs
    assign busy = |waiting;

    genvar i, o;
    generate
        for (i = 0; i < 5; i = i + 1) begin : inputs
            nc_fifo #(
                .BITS(PACKET_BITS),
                .DEPTH(DEPTH)
            ) fifo (
                .clk(clk),
                .rst(rst),
                .in_valid(in_valid[i]),
                .in_ready(in_ready[i]),
                .in_data(in_data[i*PACKET_BITS+:PACKET_BITS]),
                .out_valid(waiting[i]),
                .out_ready(taken[i] | taken[5+i] | taken[10+i] | taken[15+i] | taken[20+i]),
                .out_data(head[i*PACKET_BITS+:PACKET_BITS]),
                .held(held[i*HELD_BITS+:HELD_BITS])
            );
            wire [X_WIRES-1:0] x = head[i*PACKET_BITS+:X_WIRES];
            wire [Y_WIRES-1:0] y = head[i*PACKET_BITS+X_BITS+:Y_WIRES];
            wire in_column = X_BITS == 0 || x == here_x;
            wire in_row = Y_BITS == 0 || y == here_y;
            wire [3:0] row = {x < here_x, 1'b0, x > here_x, 1'b0};  // west, south, east, north
            wire [3:0] column = {1'b0, y > here_y, 1'b0, y < here_y};
            wire [4:0] way = !in_column ? {1'b0, row} : !in_row ? {1'b0, column} : 5'b10000;
            assign wants[i*5+:5] = waiting[i] ? way : 5'd0;
`ifndef SYNTHESIS
            wire [4:0] leaves = {taken[20+i], taken[15+i], taken[10+i], taken[5+i], taken[i]};
            wire [4:0] forbidden = {~WAYS[20+i], ~WAYS[15+i], ~WAYS[10+i], ~WAYS[5+i], ~WAYS[i]};
            always @(posedge clk)
                if (!rst) begin
                    assert ($onehot0(leaves)) else $error("a packet leaves a router by two outputs");
                    assert (~|(wants[i*5+:5] & forbidden)) else $error("a packet turns where none may turn");
                end
`endif
        end
        for (o = 0; o < 5; o = o + 1) begin : outputs
            wire [4:0] asks = {wants[20+o], wants[15+o], wants[10+o], wants[5+o], wants[o]} & WAYS[o*5+:5];
            wire [4:0] chosen;
            nc_round_robin turn (
                .clk(clk),
                .rst(rst | start),
                .asks(asks),
                .ready(out_ready[o]),
                .chosen(chosen),
                .taken(taken[o*5+:5])
            );
            assign out_valid[o] = |asks;
            assign out_data[o*PACKET_BITS+:PACKET_BITS] =
                (head[0+:PACKET_BITS] & {PACKET_BITS{chosen[0]}}) |
                (head[PACKET_BITS+:PACKET_BITS] & {PACKET_BITS{chosen[1]}}) |
                (head[2*PACKET_BITS+:PACKET_BITS] & {PACKET_BITS{chosen[2]}}) |
                (head[3*PACKET_BITS+:PACKET_BITS] & {PACKET_BITS{chosen[3]}}) |
                (head[4*PACKET_BITS+:PACKET_BITS] & {PACKET_BITS{chosen[4]}});
        end
    endgenerate
endmodule
`default_nettype wire
