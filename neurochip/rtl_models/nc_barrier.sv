// The barrier: starts every tick of a sample in all cores at once, waits until the last is idle and its packets have arrived, and lets
// generators step and queues swap in the two cycles before the next tick. A sample ends after its last tick, or as soon as the output core
// is settled. Counterpart: run_samples() in core/engine.py, judge() in core/keeping.py, is_settled() in core/exits.py, share_cycles() in core/timing.py.
`default_nettype none
module nc_barrier (
    input wire clk,
    input wire rst,
    input wire config_write,
    input wire [neurochip_pkg::BARRIER_BITS-1:0] config_address,
    input wire [31:0] config_data,
    output wire [31:0] config_value,
    input wire sample_valid,
    output wire sample_ready,
    input wire [15:0] sample_label,
    input wire any_busy,
    input wire settled,  // the leading read-out register is ahead by exit_margin
    output wire step,
    output wire swap,
    output reg new_sample,
    output reg [15:0] label,
    output wire learning,
    output wire teaching,
    output wire reading,
    input wire is_right,  // the answer so far is the label
    output wire in_reach,  // the output core has input from every layer
    output wire signed [1:0] reward,  // as it is broadcast in this tick
    output reg [30:0] exit_margin,  // 0: no early exit
    output wire idle
);
    typedef enum logic [1:0] {
        WAIT,
        SWAP,
        RUN,
        NETWORK
    } state_t;
    localparam int QUIET = neurochip_pkg::NETWORK_CYCLES + neurochip_pkg::BARRIER_CYCLES - 2;  // from the last busy cycle to the step

    reg [31:0] ticks, learn_from, read_from, exit_min_ticks;
    reg teach;
    state_t state;
    reg [31:0] tick;
    reg [15:0] waited;

    wire is_over = state == NETWORK && 32'(waited) == QUIET;
    wire exits = settled && exit_margin != '0 && tick + 32'd1 >= exit_min_ticks;
    wire is_last_tick = tick + 32'd1 == ticks || exits;
    wire begins = sample_valid & sample_ready;
    assign sample_ready = state == WAIT || (is_over && is_last_tick);
    assign step = begins || (is_over && !is_last_tick);
    assign swap = state == SWAP;
    assign learning = (teach || neurochip_pkg::TEACHERLESS) && tick >= learn_from;
    assign in_reach = tick + 32'd1 >= neurochip_pkg::N_CORES;
    assign teaching = teach && in_reach;
    assign reading = tick >= read_from;
    assign idle = state == WAIT;
    wire [31:0] reward_value;
    generate
        if (neurochip_pkg::REWARDS) begin : rewarded
            reg [31:0] judged, paid;  // the tick after which the answer is judged, that of the reward
            reg signed [1:0] judgement;  // of this sample when it is paid, which is later than judged
            always_ff @(posedge clk) begin
                if (is_over && tick == judged) judgement <= is_right ? 2'sd1 : -2'sd1;
                if (config_write && config_address == neurochip_pkg::BARRIER_JUDGED) judged <= config_data;
                if (config_write && config_address == neurochip_pkg::BARRIER_REWARDED) paid <= config_data;
            end
            assign reward = tick == paid ? judgement : 2'sd0;
            assign reward_value = config_address == neurochip_pkg::BARRIER_JUDGED ? judged : paid;
        end else begin : unrewarded
            assign reward = 2'sd0;
            assign reward_value = {31'b0, teach};
            wire unused_right = is_right;
        end
    endgenerate
    assign config_value = neurochip_pkg::REWARDS && config_address == neurochip_pkg::BARRIER_TEACH ? {31'b0, teach} : config_address == neurochip_pkg::BARRIER_TICKS ? ticks :
        config_address == neurochip_pkg::BARRIER_LEARN_FROM ? learn_from : config_address == neurochip_pkg::BARRIER_READ_FROM ? read_from :
        config_address == neurochip_pkg::BARRIER_EXIT_MARGIN ? {1'b0, exit_margin} :
        config_address == neurochip_pkg::BARRIER_EXIT_MIN_TICKS ? exit_min_ticks : reward_value;

    always_ff @(posedge clk) begin
        if (rst) state <= WAIT;
        else if (step) state <= SWAP;
        else
            case (state)
                SWAP: state <= RUN;
                RUN: if (!any_busy) state <= NETWORK;
                NETWORK: if (is_over) state <= WAIT;
                default: state <= WAIT;
            endcase

        waited <= state == NETWORK ? waited + 16'd1 : 16'd1;
        if (begins) begin
            tick <= '0;
            label <= sample_label;
        end else if (step) tick <= tick + 32'd1;
        if (step) new_sample <= begins;

        if (config_write)
            case (config_address)
                neurochip_pkg::BARRIER_TICKS: ticks <= config_data;
                neurochip_pkg::BARRIER_LEARN_FROM: learn_from <= config_data;
                neurochip_pkg::BARRIER_READ_FROM: read_from <= config_data;
                neurochip_pkg::BARRIER_EXIT_MARGIN: exit_margin <= config_data[30:0];
                neurochip_pkg::BARRIER_EXIT_MIN_TICKS: exit_min_ticks <= config_data;
                default: if (!neurochip_pkg::REWARDS || config_address == neurochip_pkg::BARRIER_TEACH) teach <= config_data[0];
            endcase
    end

`ifndef SYNTHESIS
    // what must never happen
    always @(posedge clk)
        if (!rst) begin
            assert (!(step && any_busy)) else $error("a tick begins while a core is busy");
            assert (state != RUN || tick < ticks) else $error("a sample has more ticks than asked for");
            assert (!(config_write && state != WAIT)) else $error("the barrier is configured while a sample runs");
        end
`endif
endmodule
`default_nettype wire
