// What nc_link must do: a list of at most two packets, the first of which is offered. `shown_link` is the link with its data hidden
// while there is none, which is when they mean nothing.
`default_nettype none
module spec_link #(
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
    reg [1:0] length;
    reg [2*BITS-1:0] list;  // the first packet in the lowest bits
    assign in_ready = length < 2'd2;
    assign out_valid = length > 2'd0;
    assign out_data = out_valid ? list[BITS-1:0] : '0;

    reg [1:0] longer;
    reg [2*BITS-1:0] next;
    always_comb begin
        longer = length;
        next = list;
        if (out_valid && out_ready) begin
            longer = longer - 2'd1;
            next = next >> BITS;
        end
        if (in_valid && in_ready) begin
            if (longer == 2'd0) next[BITS-1:0] = in_data;
            else next[2*BITS-1:BITS] = in_data;
            longer = longer + 2'd1;
        end
    end
    always_ff @(posedge clk) begin
        length <= rst ? 2'd0 : longer;
        list <= next;
    end
endmodule

module shown_link #(
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
    wire [BITS-1:0] head;
    assign out_data = out_valid ? head : '0;
    nc_link #(
        .BITS(BITS)
    ) link (
        .clk(clk),
        .rst(rst),
        .in_valid(in_valid),
        .in_ready(in_ready),
        .in_data(in_data),
        .out_valid(out_valid),
        .out_ready(out_ready),
        .out_data(head)
    );
endmodule
`default_nettype wire
