// What nc_leaky must do: the steps of docs/network.md one after the other, every number in 64 bits.
`default_nettype none
module spec_leaky #(
    parameter int STATE_BITS = 16,
    parameter int ACC_BITS = 21,
    parameter int REST_BITS = 8
) (
    input wire leaks,
    input wire [3:0] leak_shift,
    input wire [8:0] leak_factor,
    input wire [STATE_BITS-2:0] threshold,
    input wire [STATE_BITS-2:0] taken,
    input wire [REST_BITS-1:0] refractory,
    input wire signed [ACC_BITS-1:0] acc,
    input wire signed [STATE_BITS-1:0] v,
    input wire [REST_BITS-1:0] resting,
    output reg signed [STATE_BITS-1:0] v_then,
    output reg [REST_BITS-1:0] resting_then,
    output reg spike,
    output reg gate,
    output reg clamped
);
    wire signed [63:0] highest = (64'sd1 << (STATE_BITS - 1)) - 64'sd1;
    wire signed [63:0] lowest = -highest - 64'sd1;
    wire signed [63:0] limit = $signed({{(65 - STATE_BITS) {1'b0}}, threshold});
    wire signed [63:0] factor = $signed({55'd0, leak_factor});
    wire signed [63:0] drive = 64'(acc);
    wire signed [63:0] before = 64'(v);
    reg signed [63:0] leaked, exact, kept, after;
    always_comb begin
        leaked = before;
        if (leaks && leak_shift != 4'd0) leaked = before - (before >>> leak_shift);
        if (leaks && leak_shift == 4'd0) leaked = (before * factor) >>> 8;
        exact = leaked + drive;
        kept = exact > highest ? highest : exact < lowest ? lowest : exact;
        after = kept;
        spike = 1'b0;
        gate = 1'b0;
        clamped = 1'b0;
        resting_then = '0;
        if (resting != '0) begin
            after = before;
            resting_then = resting - 1'b1;
        end else begin
            clamped = exact != kept;
            gate = drive > 64'sd0 && drive < limit;
            if (kept >= limit) begin
                spike = 1'b1;
                resting_then = refractory;
                after = taken != '0 ? kept - $signed({{(65 - STATE_BITS) {1'b0}}, taken}) : 64'sd0;
            end
        end
        v_then = after[STATE_BITS-1:0];
    end
    always_comb assume (leak_factor <= 9'd256);
endmodule
`default_nettype wire
