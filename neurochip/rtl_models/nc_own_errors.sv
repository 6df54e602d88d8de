// Own errors of a core: learned from in the tick they come, sent back in the next. A hidden core collects arriving error spikes for the
// next tick and passes those of this one through the gate; an output core makes its own pair, the teacher (+) and the winner (-).
// `walk` hands them out one by one: from the first with `restart`, in the order of the simulator's list.
// Counterpart: receive_errors() and teach() in core/soma.py.
`default_nettype none
module nc_own_errors #(
    parameter int N_NEURONS = 8,
    parameter bit IS_LAST = 0,
    parameter bit SPLIT = neurochip_pkg::SPLIT_ERRORS  // up to two errors of a tick for one neuron, one of each sign, which cancel
) (
    input wire clk,
    input wire rst,
    input wire swap,
    input wire clear,  // with swap: a sample starts with empty queues
    input wire in_valid,
    input wire [15:0] in_neuron,
    input wire in_minus,
    input wire fired,  // the tick's last soma was evaluated: errors of the previous tick are over
    input wire teaching,
    input wire [15:0] teacher,
    input wire [15:0] winner,
    output wire inbox_any,
    output wire inbox_more,
    output wire [15:0] inbox_neuron,
    output wire inbox_minus,
    input wire receive,
    input wire gate,
    output wire own_any,
    output wire own_after,  // own errors of this tick, the one in hand included
    output wire cancels,  // the error in hand meets one of the other sign
    input wire walk_restart,
    input wire walk_take,
    output wire walk_any,
    output wire walk_more,
    output wire [15:0] walk_neuron,
    output wire walk_minus
);
    generate
        if (IS_LAST) begin : output_core
            reg is_wrong, second;
            reg [15:0] wanted, won;
            wire at_second = second & ~walk_restart;
            reg exhausted;
            always_ff @(posedge clk) begin
                if (rst || (swap && clear)) is_wrong <= 1'b0;
                else if (fired) is_wrong <= teaching && winner != teacher;
                if (fired) begin
                    wanted <= teacher;
                    won <= winner;
                end
                if (walk_take) begin
                    second <= ~at_second;
                    exhausted <= at_second;
                end
            end
            assign own_any = is_wrong;
            assign own_after = teaching && winner != teacher;
            assign cancels = 1'b0;
            assign walk_any = walk_restart ? is_wrong : ~exhausted;
            assign walk_more = ~at_second;
            assign walk_neuron = at_second ? won : wanted;
            assign walk_minus = at_second;
            assign inbox_any = 1'b0;
            assign inbox_more = 1'b0;
            assign inbox_neuron = '0;
            assign inbox_minus = 1'b0;
            wire unused = &{1'b0, in_valid, in_neuron, in_minus, receive, gate};
        end else begin : hidden_core
            localparam int INDEX_BITS = N_NEURONS > 1 ? $clog2(N_NEURONS) : 1;
            reg [N_NEURONS-1:0] arriving, arriving_minus, inbox, own, remaining, is_minus;
            wire [N_NEURONS-1:0] arrival = in_valid ? N_NEURONS'(1) << in_neuron[INDEX_BITS-1:0] : '0;
            wire [N_NEURONS-1:0] inbox_rest, walk_rest;
            wire [N_NEURONS-1:0] walked = walk_restart ? own : remaining;
            // the signs of arriving errors and of own ones live in registers of their own: own signs are needed until the next tick's back-integrate
            reg [N_NEURONS-1:0] inbox_minuses;
            // of split streams arriving errors of plus and of minus have a bit each, and are received one sign after the other
            wire second = SPLIT && inbox == '0;
            wire [N_NEURONS-1:0] arrived = second ? inbox_minuses : inbox;
            nc_find_first #(
                .N(N_NEURONS)
            ) first_arrived (
                .bits(arrived),
                .any(inbox_any),
                .index(inbox_neuron),
                .rest(inbox_rest)
            );
            nc_find_first #(
                .N(N_NEURONS)
            ) first_own (
                .bits(walked),
                .any(walk_any),
                .index(walk_neuron),
                .rest(walk_rest)
            );
            assign inbox_more = |inbox_rest || (SPLIT && !second && inbox_minuses != '0);
            assign inbox_minus = SPLIT ? second : inbox_minuses[inbox_neuron[INDEX_BITS-1:0]];
            assign own_any = |own;
            assign walk_more = |walk_rest;
            assign walk_minus = is_minus[walk_neuron[INDEX_BITS-1:0]];
            wire [N_NEURONS-1:0] in_hand = arrived & ~inbox_rest;
            assign cancels = SPLIT && |(own & in_hand);
            assign own_after = SPLIT ? |(gate ? own ^ in_hand : own) : own_any | gate;

            always_ff @(posedge clk) begin
                if (rst) begin
                    arriving <= '0;
                    inbox <= '0;
                    if (SPLIT) inbox_minuses <= '0;
                    own <= '0;
                end else if (swap) begin
                    arriving <= '0;
                    inbox <= clear ? '0 : arriving;
                    inbox_minuses <= SPLIT && clear ? '0 : arriving_minus;
                    if (clear) own <= '0;
                end else begin
                    if (in_valid && !(SPLIT && in_minus)) arriving <= arriving | arrival;
                    if (receive && second) inbox_minuses <= inbox_rest;
                    else if (receive) inbox <= inbox_rest;
                    if (fired) own <= '0;
                    else if (receive && gate) own <= SPLIT ? own ^ in_hand : own | in_hand;
                end
                if (SPLIT && (rst || swap)) arriving_minus <= '0;
                else if (in_valid && SPLIT) arriving_minus <= arriving_minus | (in_minus ? arrival : '0);
                else if (in_valid) arriving_minus <= in_minus ? arriving_minus | arrival : arriving_minus & ~arrival;
                if (receive) is_minus <= inbox_minus ? is_minus | in_hand : is_minus & ~in_hand;
                if (walk_take) remaining <= walk_rest;
            end
            wire unused = &{1'b0, in_neuron, teaching, teacher, winner};
`ifndef SYNTHESIS
            always @(posedge clk) if (!rst) assert (~|((SPLIT && in_minus ? arriving_minus : arriving) & arrival)) else $error("two errors of a tick for one neuron");
`endif
        end
    endgenerate

`ifndef SYNTHESIS
    // what must never happen
    always @(posedge clk)
        if (!rst) begin
            assert (!in_valid || (!IS_LAST && 32'(in_neuron) < N_NEURONS)) else $error("an error for a neuron that is not there");
            assert (!(in_valid && swap)) else $error("an error arrives while the queues are swapped");
            assert (!receive || inbox_any) else $error("an error is received and none has arrived");
            assert (!walk_take || walk_any) else $error("an own error is taken and there is none");
        end
`endif
endmodule
`default_nettype wire
