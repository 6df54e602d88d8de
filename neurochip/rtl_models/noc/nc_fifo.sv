// An input FIFO of a router. Both handshakes come from registers: a place that becomes free in a cycle is offered in the next, a packet
// written in a cycle can leave in the next. Nothing is combinational from end to end.
// Counterpart: push() and forward() in core/noc/mesh.py.
`default_nettype none
module nc_fifo #(
    parameter int BITS = 32,
    parameter int DEPTH = 4,
    parameter int HELD_BITS = $clog2(DEPTH + 1)
) (
    input wire clk,
    input wire rst,
    input wire in_valid,
    output reg in_ready,
    input wire [BITS-1:0] in_data,
    output reg out_valid,
    input wire out_ready,
    output wire [BITS-1:0] out_data,
    output reg [HELD_BITS-1:0] held  // packets
);
    localparam int PLACE_BITS = DEPTH > 1 ? $clog2(DEPTH) : 1;
    localparam [PLACE_BITS-1:0] LAST = PLACE_BITS'(DEPTH - 1);

    reg [BITS-1:0] places[0:DEPTH-1];
    reg [PLACE_BITS-1:0] head, tail;
    wire push = in_valid & in_ready;
    wire pop = out_valid & out_ready;
    wire [HELD_BITS-1:0] held_then = held + HELD_BITS'(push) - HELD_BITS'(pop);

    assign out_data = places[head];

    always_ff @(posedge clk) begin
        if (push) places[tail] <= in_data;
        if (rst) begin
            in_ready <= 1'b1;
            out_valid <= 1'b0;
            held <= '0;
            head <= '0;
            tail <= '0;
        end else begin
            in_ready <= held_then != HELD_BITS'(DEPTH);
            out_valid <= held_then != '0;
            held <= held_then;
            if (pop) head <= head == LAST ? '0 : head + PLACE_BITS'(1);
            if (push) tail <= tail == LAST ? '0 : tail + PLACE_BITS'(1);
        end
    end

`ifndef SYNTHESIS
    // what must never happen
    always @(posedge clk)
        if (!rst) begin
            assert (32'(held) <= DEPTH) else $error("a FIFO holds more than its places");
            assert (!(push && 32'(held) == DEPTH)) else $error("a packet overruns a FIFO");
            assert (out_valid == (held != '0)) else $error("a FIFO offers a packet that it does not hold, or hides one");
        end
`endif
endmodule
`default_nettype wire
