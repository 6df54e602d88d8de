// The states of a core and its walk through a tick: which axon, word, neuron, error is in hand, and what comes next. States with nothing
// to do are skipped without a cycle, and the memory is addressed from the next state, so that a word is there when its cycle comes.
// Counterpart: run_samples() in core/engine.py, for one core.
`default_nettype none
module nc_control #(
    parameter int N_AXONS = 16,
    parameter int N_NEURONS = 8,
    parameter int FIELDS = 4,  // of a row's access
    parameter int WORDS = 1,  // side by side, that hold them
    parameter bit BY_COLUMN = 1,
    parameter int WIDTH = 4,  // axons of a column's access
    parameter bit IS_FIRST = 0,
    parameter bit IS_LAST = 0,
    parameter bit IS_SERIAL = 0,  // the encoder of a first core
    parameter bit DELTA = 0,  // rows of axons that deviate from what is likelier, upon a base sum
    parameter bit AT_FIRE = IS_LAST,  // what is learned from can be there once somas have fired, else when errors were received
    parameter bit ALONE = 0,  // rows are visited for one learner after another
    parameter int SOMA_GROUPS = N_NEURONS,
    parameter int INPUT_GROUPS = N_AXONS,
    parameter int ROW_ACCESSES = (N_NEURONS + FIELDS - 1) / FIELDS,
    parameter int ACCESSES = (N_AXONS + WIDTH - 1) / WIDTH
) (
    input wire clk,
    input wire rst,
    input wire start,
    input wire new_sample,
    input wire stall,  // the packet of this cycle is not taken
    input wire intensity_valid,
    input wire [N_AXONS-1:0] active,
    input wire [N_AXONS-1:0] likely,
    // own errors
    input wire own_any,
    input wire walk_any,
    input wire walk_more,
    input wire [15:0] walk_neuron,
    input wire walk_minus,
    output wire walk_restart,
    output wire walk_take,
    input wire inbox_any,
    input wire inbox_more,
    // error sums
    input wire sums_any_after,
    input wire sums_any_more,
    // learning
    input wire has_events,  // there is something to decide on
    input wire again,  // another pass follows, of what is broadcast
    input wire hears,  // the pass that follows begins with a reward
    input wire [N_AXONS-1:0] rows,  // that are visited
    output wire begins_again,
    input wire learns,
    output wire [3:0] state,
    output wire leaves_fire,
    output reg [15:0] axon,  // while intensities are loaded or encoded, a group of axons
    output wire encoder_moves,  // the next cycle encodes a group that this one does not
    output wire [15:0] encoder_ahead,
    output reg is_base,  // the row in hand is one of the base sum
    output reg [15:0] word,  // which access of the row
    output reg [15:0] soma_word,  // of the potential in hand: its access, and its field there
    output reg [15:0] soma_field,
    output reg [15:0] neuron,  // of the error in BACK_INTEGRATE
    output reg [15:0] soma,  // or group of somas in FIRE, else 0
    output wire soma_moves,  // the next cycle evaluates a soma that this one does not
    output wire [15:0] soma_ahead,  // which: its word is fetched now
    output reg minus,
    output reg is_first_error,
    output reg [15:0] access,
    output wire [N_NEURONS-1:0] learners,
    output wire [N_NEURONS-1:0] learners_minus,
    output wire [15:0] learn_word,
    // memory
    output wire row_read,
    output wire row_write,
    output wire [WORDS-1:0] row_enable,  // words that are wanted
    output wire [19:0] row_address,
    output wire column_read,
    output wire [15:0] column_neuron,
    output wire [15:0] column_access
);
    typedef enum logic [3:0] {
        IDLE = neurochip_pkg::IDLE,
        LOAD = neurochip_pkg::LOAD,
        ENCODE = neurochip_pkg::ENCODE,
        START = neurochip_pkg::START,
        INTEGRATE = neurochip_pkg::INTEGRATE,
        BACK_INTEGRATE = neurochip_pkg::BACK_INTEGRATE,
        ERROR_FIRE = neurochip_pkg::ERROR_FIRE,
        FIRE = neurochip_pkg::FIRE,
        RECEIVE_ERRORS = neurochip_pkg::RECEIVE_ERRORS,
        DECIDE = neurochip_pkg::DECIDE,
        LEARN_READ = neurochip_pkg::LEARN_READ,
        LEARN_WRITE = neurochip_pkg::LEARN_WRITE,
        HEAR = neurochip_pkg::HEAR
    } state_t;
    state_t now, next;
    assign state = now;

    // ---- walks: spiking axons, words that hold a learner
    reg [N_AXONS-1:0] axons_left;
    localparam int WORD_FIELDS = FIELDS / WORDS;
    localparam int FIELD_BITS = FIELDS > 1 ? $clog2(FIELDS) : 1;
    localparam int ROW_WORDS = (N_NEURONS + WORD_FIELDS - 1) / WORD_FIELDS;
    wire [ROW_ACCESSES*WORDS-1:0] touched;  // words
    wire word_any, any_learner, more_learners;
    wire advance = ALONE && now == LEARN_WRITE && !word_any && axons_left == '0 && more_learners;
    nc_learners #(
        .N_NEURONS(N_NEURONS), .FIELDS(FIELDS), .WORDS(WORDS), .ALONE(ALONE)
    ) who_learns (
        .clk, .clear(now == START || begins_again), .decide(now == DECIDE), .learns, .neuron(walk_neuron), .decided_minus(walk_minus),
        .read(now == LEARN_READ), .write(now == LEARN_WRITE), .advance, .any(any_learner), .more(more_learners), .touched, .word_any,
        .learn_word, .learners, .minus(learners_minus)
    );
    wire begins_base = DELTA && now == START && new_sample && likely != '0;
    wire ends_base = DELTA && now == INTEGRATE && is_base && axons_left == '0;
    wire [N_AXONS-1:0] axons = begins_base ? likely : now == START || ends_base ? (DELTA ? active ^ likely : active) :
        now == DECIDE || advance ? rows : axons_left;
    wire [N_AXONS-1:0] axons_rest;
    wire axon_any;
    wire [15:0] axon_next;
    nc_find_first #(.N(N_AXONS)) next_axon (.bits(axons), .any(axon_any), .index(axon_next), .rest(axons_rest));

    // ---- what comes next
    wire last_word = 32'(word) == ROW_ACCESSES - 1;
    wire last_access = 32'(access) == ACCESSES - 1;
    wire last_soma = 32'(soma) == SOMA_GROUPS - 1;
    wire last_input = 32'(axon) == INPUT_GROUPS - 1;
    wire goes_back = !IS_FIRST && own_any;

    reg take_axon, take_error, go_back, is_over;  // the last: of a pass, with nothing left to visit
    always_comb begin
        next = now;
        take_axon = 1'b0;
        take_error = 1'b0;
        go_back = 1'b0;
        is_over = 1'b0;
        case (now)
            IDLE:
            if (start) begin
                if (IS_FIRST && new_sample) next = LOAD;
                else if (IS_SERIAL) next = ENCODE;
                else next = START;
            end
            LOAD: if (intensity_valid && last_input) next = START;
            ENCODE: if (last_input) next = START;
            START: begin
                take_axon = axon_any;
                go_back = !axon_any && goes_back;
                if (axon_any) next = INTEGRATE;
                else if (goes_back) next = BACK_INTEGRATE;
                else next = FIRE;
            end
            INTEGRATE:
            if (last_word) begin
                take_axon = axon_any;
                go_back = !axon_any && goes_back;
                if (axon_any) next = INTEGRATE;
                else if (goes_back) next = BACK_INTEGRATE;
                else next = FIRE;
            end
            BACK_INTEGRATE:
            if (last_access) begin
                take_error = walk_any;
                if (walk_any) next = BACK_INTEGRATE;
                else if (sums_any_after) next = ERROR_FIRE;
                else next = FIRE;
            end
            ERROR_FIRE: if (!stall && !sums_any_more) next = FIRE;
            FIRE:
            if (!stall && last_soma) begin
                if (inbox_any) next = RECEIVE_ERRORS;
                else if (has_events && AT_FIRE && hears) next = HEAR;
                else if (has_events && AT_FIRE) next = DECIDE;
                else next = IDLE;
            end
            RECEIVE_ERRORS:
            if (!inbox_more) begin
                if (has_events && hears) next = HEAR;
                else if (has_events) next = DECIDE;
                else next = IDLE;
            end
            HEAR: if (neurochip_pkg::REWARDS) next = DECIDE;
            else next = IDLE;
            DECIDE:
            if (!walk_more) begin
                take_axon = any_learner && axon_any;
                is_over = !(any_learner && axon_any);
                if (any_learner && axon_any) next = LEARN_READ;
                else if (again && hears) next = HEAR;
                else if (again) next = DECIDE;
                else next = IDLE;
            end
            LEARN_READ: next = LEARN_WRITE;
            LEARN_WRITE: begin
                take_axon = !word_any && axon_any;
                is_over = !word_any && !axon_any;
                if (word_any || axon_any) next = LEARN_READ;
                else if (again && hears) next = HEAR;
                else if (again) next = DECIDE;
                else next = IDLE;
            end
            default: next = IDLE;
        endcase
    end

    assign begins_again = is_over && again;
    reg decide_begun;
    assign walk_restart = now == DECIDE ? ~decide_begun : now != BACK_INTEGRATE;
    assign walk_take = go_back | take_error | now == DECIDE;
    assign leaves_fire = now == FIRE && last_soma && !stall;

    // ---- addresses, of the next state; a read-modify-write addresses in its own two states
    wire [15:0] axon_ahead = take_axon ? axon_next : axon;
    wire [15:0] word_ahead = take_axon ? 16'd0 : word + 16'd1;
    wire [15:0] neuron_ahead = go_back | take_error ? walk_neuron : neuron;
    wire [15:0] access_ahead = go_back | take_error ? 16'd0 : access + 16'd1;
    wire [19:0] error_word, error_field;  // of the neuron whose error goes back
    nc_divide #(.LIMIT(N_NEURONS), .DIVISOR(FIELDS)) error_place (.value(20'(neuron_ahead)), .quotient(error_word), .remainder(error_field));
    wire integrates = next == INTEGRATE;
    wire backs = next == BACK_INTEGRATE;
    wire [15:0] row_axon = integrates ? axon_ahead : backs ? access_ahead : axon;
    wire [15:0] row_word = integrates ? word_ahead : backs ? error_word[15:0] : now == LEARN_READ ? learn_word : word;
    assign row_read = integrates | now == LEARN_READ | (backs && !BY_COLUMN);
    assign row_write = now == LEARN_WRITE;
    assign row_address = 20'(32'(row_axon) * ROW_ACCESSES + 32'(row_word));
    localparam bit [ROW_ACCESSES*WORDS-1:0] USED = {(ROW_ACCESSES * WORDS) {1'b1}} >> (ROW_ACCESSES * WORDS - ROW_WORDS);
    assign row_enable = integrates ? USED[32'(row_word)*WORDS+:WORDS] :
        backs ? WORDS'(1) << 32'(error_field[FIELD_BITS-1:0]) / WORD_FIELDS : touched[32'(row_word)*WORDS+:WORDS];
    assign column_read = backs && BY_COLUMN;
    assign column_neuron = neuron_ahead;
    wire unused_place = &{1'b0, error_word, error_field};
    assign column_access = access_ahead;

    // ---- registers
    wire enters_fire = next == FIRE && now != FIRE;
    assign soma_moves = enters_fire || (now == FIRE && !stall);
    assign soma_ahead = enters_fire ? '0 : soma + 16'd1;
    assign encoder_moves = (next == LOAD || next == ENCODE) && (now != LOAD || intensity_valid);
    assign encoder_ahead = now == IDLE ? '0 : axon + 16'd1;
    always_ff @(posedge clk) begin
        if (rst) now <= IDLE;
        else now <= next;

        if (now == IDLE) axon <= '0;
        else if (now == LOAD) axon <= axon + 16'(intensity_valid);
        else if (now == ENCODE) axon <= axon + 16'd1;
        else if (take_axon) axon <= axon_next;
        if (take_axon) axons_left <= axons_rest;
        if (take_axon) is_base <= begins_base || (is_base && now == INTEGRATE && !ends_base);

        if (take_axon) word <= '0;
        else if (now == INTEGRATE) word <= word + 16'd1;
        else if (now == LEARN_READ) word <= learn_word;
        if (enters_fire) begin
            soma_word <= '0;
            soma_field <= '0;
        end else if (now == FIRE && !stall) begin
            soma_field <= 32'(soma_field) == FIELDS - 1 ? '0 : soma_field + 16'd1;
            if (32'(soma_field) == FIELDS - 1 && !last_soma) soma_word <= soma_word + 16'd1;
        end

        if (rst || leaves_fire) soma <= '0;
        else if (now == FIRE && !stall) soma <= soma + 16'd1;
        if (go_back || take_error) neuron <= walk_neuron;
        if (go_back || take_error) begin
            minus <= walk_minus;
            is_first_error <= go_back;
            access <= '0;
        end else if (now == BACK_INTEGRATE) access <= access + 16'd1;

        decide_begun <= now == DECIDE;
    end

`ifndef SYNTHESIS
    // what must never happen
    always @(posedge clk)
        if (!rst) begin
            assert (now <= HEAR) else $error("a core is in no state");
            assert (!(start && now != IDLE)) else $error("a tick starts while the core is busy");
            assert (now == LOAD ? IS_FIRST : now != ENCODE || IS_SERIAL) else $error("intensities in a core that takes none");
            assert (!encoder_moves || 32'(encoder_ahead) < INPUT_GROUPS) else $error("a group of axons beyond the input");
            assert (now != LEARN_READ || word_any) else $error("a word is learned in which nobody learns");
            assert (!(row_read && row_write)) else $error("a word is read and written through one port");
            assert (!(row_read || row_write) || 32'(row_address) < N_AXONS * ROW_ACCESSES) else $error("a word beyond the memory");
            assert (!(row_read || row_write) || row_enable != '0) else $error("an access to no word");
            assert (!column_read || (32'(column_neuron) < N_NEURONS && 32'(column_access) < ACCESSES))
            else $error("a column beyond the memory");
        end
`endif
endmodule
`default_nettype wire
