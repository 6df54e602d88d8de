// The network-on-chip: WIDTH x HEIGHT routers, each beside a core, and the links between neighbours. Core y * WIDTH + x is at (x, y), x to
// the east, y to the south. A core injects with valid/ready and takes what is ejected in its cycle: there is no ready against the network.
// Packets name a router of the mesh; nothing else would ever arrive. `start` begins a tick: the mesh is empty, and the first packet may be
// injected in the same cycle. Counterpart: run_tick() in core/noc/mesh.py; the contract is docs/noc.md.
`default_nettype none
module nc_mesh #(
    parameter int WIDTH = 2,
    parameter int HEIGHT = 2,
    parameter int PACKET_BITS = 32,
    parameter int DEPTH = 4,  // of every FIFO
    parameter int N_CORES = WIDTH * HEIGHT,
    parameter int HELD_BITS = $clog2(DEPTH + 1)
) (
    input wire clk,
    input wire rst,
    input wire start,
    input wire [N_CORES-1:0] inject_valid,
    output wire [N_CORES-1:0] inject_ready,
    input wire [N_CORES*PACKET_BITS-1:0] inject_data,
    output wire [N_CORES-1:0] eject_valid,
    output wire [N_CORES*PACKET_BITS-1:0] eject_data,
    output wire busy,  // holds a packet; the last one is ejected in the last busy cycle
    // to be observed, five of each per router: packets in each FIFO, outputs over which one goes in this cycle
    output wire [N_CORES*5*HELD_BITS-1:0] held,
    output wire [N_CORES*5-1:0] sent
);
    localparam int X_BITS = $clog2(WIDTH);
    localparam int Y_BITS = $clog2(HEIGHT);
    localparam int X_WIRES = X_BITS > 0 ? X_BITS : 1;
    localparam int Y_WIRES = Y_BITS > 0 ? Y_BITS : 1;
    localparam int LOCAL = 4;

    generate
        if (WIDTH < 1 || HEIGHT < 1 || DEPTH < 1 || PACKET_BITS <= X_BITS + Y_BITS) begin : refused
`ifdef __ICARUS__
            initial $fatal(1, "nc_mesh: a parameter is out of range");
`else
            $error("nc_mesh: a parameter is out of range");
`endif
        end
    endgenerate

    wire [N_CORES*5-1:0] in_valid, in_ready, out_valid, out_ready;
    wire [N_CORES*5*PACKET_BITS-1:0] in_data, out_data;
    wire [N_CORES-1:0] router_busy;
    assign busy = |router_busy;
    assign sent = out_valid & out_ready;

    genvar r, p;
    generate
        for (r = 0; r < N_CORES; r = r + 1) begin : routers
            localparam int X = r % WIDTH;
            localparam int Y = r / WIDTH;
            nc_router #(
                .X_BITS(X_BITS),
                .Y_BITS(Y_BITS),
                .PACKET_BITS(PACKET_BITS),
                .DEPTH(DEPTH)
            ) router (
                .clk(clk),
                .rst(rst),
                .start(start),
                .here_x(X_WIRES'(X)),
                .here_y(Y_WIRES'(Y)),
                .in_valid(in_valid[r*5+:5]),
                .in_ready(in_ready[r*5+:5]),
                .in_data(in_data[r*5*PACKET_BITS+:5*PACKET_BITS]),
                .out_valid(out_valid[r*5+:5]),
                .out_ready(out_ready[r*5+:5]),
                .out_data(out_data[r*5*PACKET_BITS+:5*PACKET_BITS]),
                .busy(router_busy[r]),
                .held(held[r*5*HELD_BITS+:5*HELD_BITS])
            );
            assign in_valid[r*5+LOCAL] = inject_valid[r];
            assign inject_ready[r] = in_ready[r*5+LOCAL];
`ifndef SYNTHESIS
            wire [X_WIRES-1:0] to_x = eject_data[r*PACKET_BITS+:X_WIRES];
            wire [Y_WIRES-1:0] to_y = eject_data[r*PACKET_BITS+X_BITS+:Y_WIRES];
            wire is_here = (X_BITS == 0 || 32'(to_x) == X) && (Y_BITS == 0 || 32'(to_y) == Y);
            always @(posedge clk) if (!rst) assert (!eject_valid[r] || is_here) else $error("a packet is ejected beside its destination");
`endif
            assign in_data[(r*5+LOCAL)*PACKET_BITS+:PACKET_BITS] = inject_data[r*PACKET_BITS+:PACKET_BITS];
            assign eject_valid[r] = out_valid[r*5+LOCAL];
            assign out_ready[r*5+LOCAL] = 1'b1;
            assign eject_data[r*PACKET_BITS+:PACKET_BITS] = out_data[(r*5+LOCAL)*PACKET_BITS+:PACKET_BITS];

            for (p = 0; p < LOCAL; p = p + 1) begin : links  // to the north, east, south and west, and back
                localparam bit IS_LINK = p == 0 ? Y > 0 : p == 1 ? X < WIDTH - 1 : p == 2 ? Y < HEIGHT - 1 : X > 0;
                localparam int BESIDE = p == 0 ? r - WIDTH : p == 1 ? r + 1 : p == 2 ? r + WIDTH : r - 1;
                localparam int THERE = BESIDE * 5 + (p + 2) % 4;
                if (IS_LINK) begin : link
                    assign in_valid[r*5+p] = out_valid[THERE];
                    assign out_ready[r*5+p] = in_ready[THERE];
                    assign in_data[(r*5+p)*PACKET_BITS+:PACKET_BITS] = out_data[THERE*PACKET_BITS+:PACKET_BITS];
                end else begin : edge_of_mesh
`ifndef SYNTHESIS
                    always @(posedge clk) if (!rst) assert (!out_valid[r*5+p]) else $error("a packet leaves the mesh");
`endif
                    assign in_valid[r*5+p] = 1'b0;
                    assign out_ready[r*5+p] = 1'b0;
                    assign in_data[(r*5+p)*PACKET_BITS+:PACKET_BITS] = '0;
                end
            end
        end
    endgenerate
    wire unused = &{1'b0, out_data};  // at the edges of the mesh

`ifndef SYNTHESIS
    // what must never happen
    always @(posedge clk)
        if (!rst) begin
            assert (!(start && busy)) else $error("a tick of the mesh begins while it holds packets");
        end
`endif
endmodule
`default_nettype wire
