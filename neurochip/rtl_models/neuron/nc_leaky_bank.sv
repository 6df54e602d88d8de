// The neurons with a memory of one core: one nc_leaky, which takes them in turn, and the memory of their states. `start` begins a tick and
// reads the first state; from the next cycle on each `update` is one neuron, 0 to N_NEURONS - 1, with what it does in that cycle: while one
// is updated the state of the next is read, and that of the one before is written. Cycles without `update` may lie between, and nothing
// changes in them. From a tick's last update to the next `start` there is one cycle, in which the last state is written. All states are zero
// in a tick that starts with `first` or is the first after a reset: as every tick updates every neuron, one flip-flop says so, and no cycle
// or write is spent on it. A tick may be broken off by a `start` with `first`.
// Counterpart: fire_with_memory() in core/leaky.py, begin_sample() in core/engine.py.
`default_nettype none
module nc_leaky_bank #(
    parameter int N_NEURONS = 16,
    parameter int STATE_BITS = 16,
    parameter int ACC_BITS = 21,
    parameter int REST_BITS = 8,
    parameter int NEURON_BITS = N_NEURONS > 1 ? $clog2(N_NEURONS) : 1
) (
    input wire clk,
    input wire rst,
    // of the layer: as in nc_leaky
    input wire leaks,
    input wire [3:0] leak_shift,
    input wire [8:0] leak_factor,
    input wire [STATE_BITS-2:0] threshold,
    input wire [STATE_BITS-2:0] taken,
    input wire [REST_BITS-1:0] refractory,
    // a tick
    input wire start,
    input wire first,  // of a sample
    input wire update,
    input wire signed [ACC_BITS-1:0] acc,
    output reg [NEURON_BITS-1:0] neuron,  // in hand
    output wire spike,  // these three only in a cycle with `update`
    output wire gate,
    output wire clamped,
    // the same whether or not there is `update`, and the state that it would leave
    output wire would_spike,
    output wire would_open,
    output wire signed [STATE_BITS-1:0] v_then,
    output wire [REST_BITS-1:0] resting_then,
    // to be observed: the write port of the memory, a cycle after the update
    output reg written,
    output reg [NEURON_BITS-1:0] written_neuron,
    output reg signed [STATE_BITS-1:0] written_v,
    output reg [REST_BITS-1:0] written_resting
);
    localparam [NEURON_BITS-1:0] LAST = NEURON_BITS'(N_NEURONS - 1);

    generate
        if (N_NEURONS < 1 || STATE_BITS < 2 || ACC_BITS < 2 || REST_BITS < 1) begin : refused
`ifdef __ICARUS__
            initial $fatal(1, "nc_leaky_bank: a parameter is out of range");
`else
            $error("nc_leaky_bank: a parameter is out of range");
`endif
        end
    endgenerate

    reg fresh;  // all states are zero, whatever the memory holds
    wire is_last = neuron == LAST;
    wire [NEURON_BITS-1:0] following = start ? '0 : neuron + NEURON_BITS'(1);
    wire moves = start | (update & ~is_last);

    wire [REST_BITS+STATE_BITS-1:0] word;
    wire [REST_BITS+STATE_BITS-1:0] state = fresh ? '0 : word;
    nc_state_memory #(
        .WORDS(N_NEURONS),
        .BITS(REST_BITS + STATE_BITS)
    ) memory (
        .clk(clk),
        .read(moves),
        .read_address(following),
        .read_data(word),
        .write(written),
        .write_address(written_neuron),
        .write_data({written_resting, written_v})
    );

    wire clamps;
    nc_leaky #(
        .STATE_BITS(STATE_BITS),
        .ACC_BITS(ACC_BITS),
        .REST_BITS(REST_BITS)
    ) soma (
        .leaks(leaks),
        .leak_shift(leak_shift),
        .leak_factor(leak_factor),
        .threshold(threshold),
        .taken(taken),
        .refractory(refractory),
        .acc(acc),
        .v(state[STATE_BITS-1:0]),
        .resting(state[STATE_BITS+:REST_BITS]),
        .v_then(v_then),
        .resting_then(resting_then),
        .spike(would_spike),
        .gate(would_open),
        .clamped(clamps)
    );
    assign spike = update & would_spike;
    assign gate = update & would_open;
    assign clamped = update & clamps;

    always_ff @(posedge clk) begin
        if (rst) begin
            neuron <= '0;
            fresh <= 1'b1;
            written <= 1'b0;
        end else begin
            if (moves) neuron <= following;
            if (start & first) fresh <= 1'b1;
            else if (update & is_last) fresh <= 1'b0;
            written <= update;
        end
        if (update) begin
            written_neuron <= neuron;
            written_v <= v_then;
            written_resting <= resting_then;
        end
    end

`ifndef SYNTHESIS
    // what must never happen
    reg is_begun;
    always @(posedge clk) begin
        if (rst) is_begun <= 1'b0;
        else if (start) is_begun <= 1'b1;
        else if (update && is_last) is_begun <= 1'b0;
    end
    always @(posedge clk)
        if (!rst) begin
            assert (!(start && update)) else $error("a neuron is updated in the cycle in which its tick starts");
            assert (!update || is_begun) else $error("a neuron is updated outside a tick");
            assert (!(moves && written && following == written_neuron) || (start && first))
            else $error("a state is read while it is written");
        end
`endif
endmodule
`default_nettype wire
